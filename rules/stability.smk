# Which features survive a redrawn contour, a second scan, perturbations; development patients only.
rule stability:
    input:
        repeats=f"{RESULTS}/model/repeats.parquet",
        code=code_of("scripts/stability.py"),
    output:
        table=f"{RESULTS}/stability/stability.parquet",
        table_tsv=f"{RESULTS}/stability/stability.tsv",
        repeatability=f"{RESULTS}/stability/repeatability.tsv",
        bland_altman=f"{RESULTS}/stability/bland_altman.tsv",
        survivors=f"{RESULTS}/stability/survivors.tsv",
        overlap=f"{RESULTS}/stability/overlap.tsv",
        sizes=f"{RESULTS}/stability/sizes.tsv",
        sentences=f"{RESULTS}/stability/sentences.tsv",
        picture=f"{RESULTS}/stability/stability.png",
        families=directory(f"{RESULTS}/stability/families"),
    log:
        log_of("stability"),
    benchmark:
        benchmark_of("stability")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, per_thousand_rows=20),
        runtime=minutes(10),
    params:
        settings=STUDY.part("stability"),
        volume_feature=STUDY.models.volume_feature,
    message:
        "Judging the stability of features"
    script:
        "../scripts/stability.py"
