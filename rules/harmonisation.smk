# How much of the features is scanner, before and after ComBat, on held-out patients.
rule harmonisation:
    input:
        table=f"{RESULTS}/model/table.parquet",
        code=code_of("scripts/harmonisation.py"),
    output:
        effect=f"{RESULTS}/harmonisation/batch_effect.tsv",
        features=f"{RESULTS}/harmonisation/features.tsv",
        picture=f"{RESULTS}/harmonisation/harmonisation.png",
    log:
        log_of("harmonisation"),
    benchmark:
        benchmark_of("harmonisation")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        settings=STUDY.part("harmonisation"),
        seed=seed("harmonisation"),
    message:
        "Measuring batch effects before and after harmonisation"
    script:
        "../scripts/harmonisation.py"
