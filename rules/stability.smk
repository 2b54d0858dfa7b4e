# Which features survive a redrawn contour and a second scan; development patients only.
rule stability:
    input:
        repeats=f"{RESULTS}/model/repeats.parquet",
        code=code_of("scripts/stability.py"),
    output:
        table=f"{RESULTS}/stability/stability.parquet",
        table_tsv=f"{RESULTS}/stability/stability.tsv",
        picture=f"{RESULTS}/stability/stability.png",
    log:
        log_of("stability"),
    benchmark:
        benchmark_of("stability")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        settings=STUDY.part("stability"),
    message:
        "Judging the stability of features"
    script:
        "../scripts/stability.py"
