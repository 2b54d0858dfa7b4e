# How many grey levels each bin width gives, to choose by before anything is extracted. Nothing
# depends on it: run it by `snakemake bins`.
rule bin_ranges:
    input:
        index=f"{RESULTS}/images/{{chunk}}/index.tsv",
        code=code_of("scripts/bin_ranges.py", IBSI_CODES),
    output:
        ranges=f"{RESULTS}/bins/chunks/{{chunk}}.tsv",
    log:
        log_of("bin_ranges", "{chunk}"),
    benchmark:
        benchmark_of("bin_ranges", "{chunk}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(20),
    params:
        settings=first_scans_settings(),
        reference_rater=STUDY.reference_rater,
    message:
        "Looking at the grey values of {wildcards.chunk}"
    script:
        "../scripts/bin_ranges.py"


rule bins:
    input:
        reviewed_sheet,
        ranges=expand(f"{RESULTS}/bins/chunks/{{chunk}}.tsv", chunk=SHEET.chunks),
        code=code_of("scripts/bins.py", IBSI_CODES),
    output:
        table=f"{RESULTS}/bins/bins.tsv",
        picture=f"{RESULTS}/bins/bins.png",
    log:
        log_of("bins"),
    benchmark:
        benchmark_of("bins")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        settings=first_scans_settings(),
    message:
        "Counting grey levels per bin setting"
    script:
        "../scripts/bins.py"
