# Scans and masks judged beside each other, and pages to look through before believing anything.
rule quality:
    input:
        indexes=expand(f"{RESULTS}/images/{{chunk}}/index.tsv", chunk=SHEET.chunks),
        chunk_checks=expand(
            f"{RESULTS}/images/{{chunk}}/quality.tsv", chunk=SHEET.chunks
        ),
        chunk_problems=expand(
            f"{RESULTS}/images/{{chunk}}/problems.tsv", chunk=SHEET.chunks
        ),
        acquisition=f"{RESULTS}/sheet/acquisition.tsv",
        cohort_template="report/quality_cohort.html.j2",
        case_template="report/quality_case.html.j2",
        stylesheet="report/quality.css",
        code=code_of("scripts/quality.py"),
    output:
        checks=f"{RESULTS}/quality/checks.tsv",
        problems=f"{RESULTS}/quality/problems.tsv",
        refused=f"{RESULTS}/quality/refused.tsv",
        cohort=f"{RESULTS}/quality/cohort.html",
        style=f"{RESULTS}/quality/quality.css",
        cases=directory(f"{RESULTS}/quality/cases"),
    log:
        log_of("quality"),
    benchmark:
        benchmark_of("quality")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        settings={
            "name": STUDY.name,
            "retest_of": RETEST_OF,
            "reference_rater": STUDY.reference_rater,
            "quality": STUDY.part("quality"),
        },
    message:
        "Checking images and masks across the cohort"
    script:
        "../scripts/quality.py"
