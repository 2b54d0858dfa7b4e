# Does the effect of treatment differ between the locked risk groups?
TREATMENT = f"{RESULTS}/validation/{{endpoint}}/treatment"


rule treatment:
    input:
        predictions=f"{VALIDATION}/predictions.parquet",
        table=f"{RESULTS}/model/table.parquet",
        code=code_of("scripts/treatment.py"),
    output:
        effects=f"{TREATMENT}.tsv",
        curves=f"{TREATMENT}_curves.tsv",
        picture=f"{TREATMENT}.png",
    log:
        log_of("treatment", "{endpoint}"),
    benchmark:
        benchmark_of("treatment", "{endpoint}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        endpoint=lambda wildcards: endpoint_dict(wildcards.endpoint),
        primary=lambda wildcards: primary(wildcards.endpoint),
        treatment=STUDY.treatment.model_dump() if STUDY.treatment else {},
    message:
        "Treatment by risk group for {wildcards.endpoint}"
    script:
        "../scripts/treatment.py"
