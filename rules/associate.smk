# One feature at a time: explores, and feeds no signature. Off unless the config asks for it.
UNIVARIATE = f"{RESULTS}/univariate/{{endpoint}}"


def corners():
    """What the univariate corner leaves, of the endpoints that it knows."""
    if STUDY.univariate is None:
        return []
    kinds = {"binary", "survival", "ordinal", "multiclass"}
    return [
        f"{UNIVARIATE}/{name}".format(endpoint=endpoint)
        for endpoint, asked in STUDY.endpoints.items()
        if asked.type in kinds
        for name in ("features.tsv", "external.tsv", "univariate.png")
    ]


rule univariate:
    input:
        table=f"{RESULTS}/model/table.parquet",
        code=code_of("scripts/univariate.py"),
    output:
        features=f"{UNIVARIATE}/features.tsv",
        external=f"{UNIVARIATE}/external.tsv",
        picture=f"{UNIVARIATE}/univariate.png",
    log:
        log_of("univariate", "{endpoint}"),
    benchmark:
        benchmark_of("univariate", "{endpoint}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        endpoint=lambda wildcards: endpoint_dict(wildcards.endpoint),
        settings=STUDY.part("univariate") if STUDY.univariate else {},
        seed=lambda wildcards: seed("univariate", wildcards.endpoint),
    message:
        "Testing features one by one against {wildcards.endpoint}"
    script:
        "../scripts/univariate.py"
