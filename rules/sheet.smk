# From raw folders to the case sheet that a person reviews; run by `snakemake sheet`.
# It has no outputs on purpose: it always looks again, writes only what changed, and keeps the
# person's edits, so that reviewing and redrafting never fight. (A benchmark file would count as
# an output.)
rule sheet:
    input:
        code=code_of("scripts/sheet.py"),
    log:
        log_of("sheet"),
    conda:
        "../envs/rigoromics.yaml"
    threads: 2
    resources:
        mem_mb=memory(4000),
        runtime=minutes(120),
    params:
        raw=RAW,
        private=PRIVATE,
        sheet=f"{RESULTS}/sheet/cases.tsv",
        problems=f"{RESULTS}/sheet/problems.tsv",
        acquisition=f"{RESULTS}/sheet/acquisition.tsv",
        clinical=CLINICAL_TABLE,
        synonyms=STUDY.roi_synonyms,
        roi_names=f"{RESULTS}/sheet/roi_names.tsv",
        study={
            "privacy": STUDY.part("privacy"),
            "cohorts": STUDY.part("cohorts"),
            "centre": STUDY.part("centre"),
            "scans": STUDY.part("scans"),
            "rois": STUDY.part("rois"),
            "images": {"uneven_slices": STUDY.images.uneven_slices},
            "masks": STUDY.part("masks") if STUDY.masks else None,
            "raters": STUDY.part("raters"),
            "reference_rater": STUDY.reference_rater,
            "clinical_id": STUDY.clinical.id,
        },
    message:
        "Reading DICOM headers under {RAW}"
    script:
        "../scripts/sheet.py"


rule clinical:
    input:
        table=CLINICAL_TABLE,
        salt=f"{PRIVATE}/salt.txt",
        code=code_of("scripts/clinical.py"),
    output:
        clinical=f"{RESULTS}/sheet/clinical.parquet",
    log:
        log_of("clinical"),
    benchmark:
        benchmark_of("clinical")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        id_column=STUDY.clinical.id,
        columns=endpoint_source_columns(),
        public=STUDY.privacy.ids == "public",
    message:
        "Keying the clinical table"
    script:
        "../scripts/clinical.py"
