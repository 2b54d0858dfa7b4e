# Raw images from a PACS or a public collection; run by `snakemake fetch`, listed by
# `snakemake fetch_list`. No outputs, as for the sheet: it always looks again, and brings only what
# is missing. Passwords come from the environment.
rule fetch:
    input:
        code=code_of("scripts/fetch.py"),
    log:
        log_of("fetch"),
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(1440),
    params:
        raw=RAW,
        private=PRIVATE,
        archive=STUDY.part("fetch") if STUDY.fetch else {},
        registry="data/registry.tsv",
        clinical=CLINICAL_TABLE,
        clinical_id=STUDY.clinical.id,
        list_only=False,
    message:
        "Fetching raw images of study {STUDY.name}"
    script:
        "../scripts/fetch.py"


use rule fetch as fetch_list with:
    log:
        log_of("fetch_list"),
    params:
        raw=RAW,
        private=PRIVATE,
        archive=STUDY.part("fetch") if STUDY.fetch else {},
        registry="data/registry.tsv",
        clinical=CLINICAL_TABLE,
        clinical_id=STUDY.clinical.id,
        list_only=True,
    message:
        "Listing what `snakemake fetch` would bring for study {STUDY.name}"
