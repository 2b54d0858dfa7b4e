# What scanner and protocol do to cohorts, outcome groups and features.
rule audit:
    input:
        table=f"{RESULTS}/model/table.parquet",
        cases=CASES,
        acquisition=ACQUISITION,
        code=code_of("scripts/audit.py"),
    output:
        differences=f"{RESULTS}/audit/differences.tsv",
        factors=f"{RESULTS}/audit/factors.tsv",
        variance=f"{RESULTS}/audit/variance.tsv",
        batches=f"{RESULTS}/audit/batches.tsv",
        findings=f"{RESULTS}/audit/audit.json",
        picture=f"{RESULTS}/audit/audit.png",
    log:
        log_of("audit"),
    benchmark:
        benchmark_of("audit")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        settings=STUDY.part("audit"),
        endpoints=STUDY.part("endpoints"),
        batch=STUDY.harmonisation.batch,
        retest_of=RETEST_OF,
        seed=seed("audit"),
    message:
        "Auditing the acquisition"
    script:
        "../scripts/audit.py"
