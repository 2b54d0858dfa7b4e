# One feature at a time: explores, and feeds no signature. Off unless the config asks for it.
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


rule genomics:
    input:
        table=f"{RESULTS}/model/table.parquet",
        genes=STUDY.genomics.table if STUDY.genomics else [],
        salt=entry([f"{PRIVATE}/salt.txt"], []),
        code=code_of("scripts/genomics.py"),
    output:
        associations=GENOMICS[0],
        page=GENOMICS[1],
        picture=GENOMICS[2],
    log:
        log_of("genomics"),
    benchmark:
        benchmark_of("genomics")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(60),
    params:
        settings=STUDY.part("genomics") if STUDY.genomics else {},
        public=STUDY.privacy.ids == "public",
        seed=seed("genomics"),
    message:
        "Associating features with genes"
    script:
        "../scripts/genomics.py"
