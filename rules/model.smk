# Signatures: nested cross-validation, the final fit, its lock; and the same on permuted outcomes.
FIT = f"{RESULTS}/model/{{endpoint}}/{{signature}}.{{model}}"
RANDOM_FEATURES = f"{RESULTS}/model/{{endpoint}}/random_features.tsv"
OPTIMISM = f"{RESULTS}/model/{{endpoint}}/optimism.tsv"
LESIONS = f"{RESULTS}/model/{{endpoint}}/lesions.tsv"


rule fit:
    input:
        table=f"{RESULTS}/model/table.parquet",
        shuffled=f"{RESULTS}/model/shuffled.parquet",
        repeats=f"{RESULTS}/model/repeats.parquet",
        code=code_of("scripts/fit.py"),
    output:
        oof=f"{FIT}/oof.parquet",
        locked=f"{FIT}/signature.skops",
        description=f"{FIT}/signature.json",
        selection=f"{FIT}/selection.tsv",
        tuning=f"{FIT}/tuning.tsv",
    log:
        log_of("fit", "{endpoint}.{signature}.{model}"),
    benchmark:
        benchmark_of("fit", "{endpoint}.{signature}.{model}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000, per_thousand_rows=20),
        runtime=minutes(60),
    params:
        endpoint=lambda wildcards: endpoint_dict(wildcards.endpoint),
        signature="{signature}",
        model="{model}",
        settings=model_settings(),
        # Folds belong to the endpoint: signatures are compared on the same ones.
        seed=lambda wildcards: seed("fit", wildcards.endpoint),
    message:
        "Fitting {wildcards.signature} with {wildcards.model} for {wildcards.endpoint}"
    script:
        "../scripts/fit.py"


rule lock:
    input:
        signatures=lambda wildcards: fits(wildcards.endpoint, f"{FIT}/signature.skops"),
        code=code_of("scripts/lock.py"),
    output:
        locks=f"{RESULTS}/model/{{endpoint}}/locks.tsv",
    log:
        log_of("lock", "{endpoint}"),
    benchmark:
        benchmark_of("lock", "{endpoint}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(5),
    message:
        "Locking the signatures for {wildcards.endpoint}"
    script:
        "../scripts/lock.py"


rule permute:
    input:
        table=f"{RESULTS}/model/table.parquet",
        repeats=f"{RESULTS}/model/repeats.parquet",
        code=code_of("scripts/permute.py"),
    output:
        permutation=f"{RESULTS}/model/{{endpoint}}/permutation.tsv",
    log:
        log_of("permute", "{endpoint}"),
    benchmark:
        benchmark_of("permute", "{endpoint}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000, per_thousand_rows=20),
        runtime=minutes(120),
    params:
        endpoint=lambda wildcards: endpoint_dict(wildcards.endpoint),
        signature=STUDY.models.primary,
        model=lambda wildcards: primary(wildcards.endpoint)["model"],
        settings=model_settings(),
        permutations=STUDY.controls.permutations,
        # The same folds as `fit`, so that the observed statistic is the one it reports.
        seed=lambda wildcards: seed("fit", wildcards.endpoint),
    message:
        "Repeating the whole procedure on permuted outcomes of {wildcards.endpoint}"
    script:
        "../scripts/permute.py"


rule random_features:
    input:
        table=f"{RESULTS}/model/table.parquet",
        repeats=f"{RESULTS}/model/repeats.parquet",
        code=code_of("scripts/random_features.py"),
    output:
        random=RANDOM_FEATURES,
    log:
        log_of("random_features", "{endpoint}"),
    benchmark:
        benchmark_of("random_features", "{endpoint}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000, per_thousand_rows=20),
        runtime=minutes(120),
    params:
        endpoint=lambda wildcards: endpoint_dict(wildcards.endpoint),
        signature=STUDY.models.primary,
        model=lambda wildcards: primary(wildcards.endpoint)["model"],
        settings=model_settings(),
        draws=STUDY.controls.random_features,
        # The same folds as `fit`, so that the observed statistic is the one it reports.
        seed=lambda wildcards: seed("fit", wildcards.endpoint),
    message:
        "Repeating the procedure with random features for {wildcards.endpoint}"
    script:
        "../scripts/random_features.py"


rule lesions:
    input:
        features=FEATURES,
        table=f"{RESULTS}/model/table.parquet",
        code=code_of("scripts/lesions.py"),
    output:
        comparison=LESIONS,
    log:
        log_of("lesions", "{endpoint}"),
    benchmark:
        benchmark_of("lesions", "{endpoint}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000, per_thousand_rows=20),
        runtime=minutes(120),
    params:
        endpoint=lambda wildcards: endpoint_dict(wildcards.endpoint),
        signature=STUDY.models.primary,
        model=lambda wildcards: primary(wildcards.endpoint)["model"],
        settings=model_settings(),
        lesions=STUDY.part("lesions"),
        segmentations={
            "reference_rater": STUDY.reference_rater,
            "retest_of": RETEST_OF,
        },
        evaluation=judging_settings(),
        # The same folds as `fit`, so that the study's own rule does as it reports.
        seed=lambda wildcards: seed("fit", wildcards.endpoint),
    message:
        "Comparing rules for several lesions for {wildcards.endpoint}"
    script:
        "../scripts/lesions.py"


rule optimism:
    input:
        table=f"{RESULTS}/model/table.parquet",
        repeats=f"{RESULTS}/model/repeats.parquet",
        code=code_of("scripts/optimism.py"),
    output:
        optimism=OPTIMISM,
    log:
        log_of("optimism", "{endpoint}"),
    benchmark:
        benchmark_of("optimism", "{endpoint}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000, per_thousand_rows=20),
        runtime=minutes(120),
    params:
        endpoint=lambda wildcards: endpoint_dict(wildcards.endpoint),
        signature=STUDY.models.primary,
        model=lambda wildcards: primary(wildcards.endpoint)["model"],
        settings=model_settings(),
        samples=STUDY.validation.optimism,
        seed=lambda wildcards: seed("fit", wildcards.endpoint),
    message:
        "Repeating the procedure on bootstrap samples for {wildcards.endpoint}"
    script:
        "../scripts/optimism.py"
