# A made-up multi-centre cohort as valid DICOM; run by `snakemake simulate`.
# Raw data are never made anew by themselves: what the study reads is no output of this rule, and
# its code is no input.
rule simulate:
    output:
        truth=f"{DATA}/truth.parquet",
        planted=f"{PRIVATE}/planted_identifiers.txt",
    log:
        log_of("simulate"),
    benchmark:
        benchmark_of("simulate")
    conda:
        "../envs/rigoromics.yaml"
    threads: 2
    resources:
        mem_mb=memory(3000),
        runtime=minutes(30),
    params:
        raw=RAW,
        clinical=f"{DATA}/clinical.csv",
        salt=f"{PRIVATE}/salt.txt",
        settings=STUDY.part("simulation") if STUDY.simulation else {},
        seed=seed("simulate"),
    message:
        "Simulating the cohort of study {STUDY.name}"
    script:
        "../scripts/simulate.py"
