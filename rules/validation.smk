# The locked signatures meet the external cohorts, once; then every estimate with its interval.
VALIDATION = f"{RESULTS}/validation/{{endpoint}}"
EVALUATED = [
    "metrics",
    "comparisons",
    "roc",
    "calibration",
    "decision",
    "kaplan_meier",
    "centres",
    "reclassification",
    "recalibration",
    "precision_recall",
    "auc_over_time",
    "subgroups",
    *(["details"] if STUDY.has_details else []),
]


rule validate:
    input:
        table=f"{RESULTS}/model/table.parquet",
        shuffled=f"{RESULTS}/model/shuffled.parquet",
        locks=f"{RESULTS}/model/{{endpoint}}/locks.tsv",
        signatures=lambda wildcards: fits(wildcards.endpoint, f"{FIT}/signature.skops"),
        oof=lambda wildcards: fits(wildcards.endpoint, f"{FIT}/oof.parquet"),
        code=code_of("scripts/validate.py"),
    output:
        predictions=f"{VALIDATION}/predictions.parquet",
    log:
        log_of("validate", "{endpoint}"),
    benchmark:
        benchmark_of("validate", "{endpoint}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        endpoint=lambda wildcards: endpoint_dict(wildcards.endpoint),
        policies=STUDY.harmonisation.policies,
    message:
        "Applying the locked signatures for {wildcards.endpoint}"
    script:
        "../scripts/validate.py"


rule evaluate:
    input:
        predictions=f"{VALIDATION}/predictions.parquet",
        table=f"{RESULTS}/model/table.parquet",
        permutation=f"{RESULTS}/model/{{endpoint}}/permutation.tsv",
        locks=f"{RESULTS}/model/{{endpoint}}/locks.tsv",
        code=code_of("scripts/evaluate.py"),
    output:
        **{table: f"{VALIDATION}/{table}.tsv" for table in EVALUATED},
        verdict=f"{VALIDATION}/verdict.json",
    log:
        log_of("evaluate", "{endpoint}"),
    benchmark:
        benchmark_of("evaluate", "{endpoint}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        endpoint=lambda wildcards: endpoint_dict(wildcards.endpoint),
        primary=lambda wildcards: primary(wildcards.endpoint),
        settings=judging_settings(),
        by=STUDY.validation.subgroups,
        seed=lambda wildcards: seed("evaluate", wildcards.endpoint),
    message:
        "Evaluating predictions of {wildcards.endpoint}"
    script:
        "../scripts/evaluate.py"
