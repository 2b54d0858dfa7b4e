# Features of every mask, chunk by chunk, then one table; or features brought from elsewhere.
IBSI_CODES = "rigoromics/extract/ibsi_codes.tsv"
GPU_KERNELS = "rigoromics/extract/gpu/kernels.cu"


rule extract:
    input:
        index=f"{RESULTS}/images/{{chunk}}/index.tsv",
        code=code_of("scripts/extract.py", IBSI_CODES, GPU_KERNELS),
    output:
        features=f"{RESULTS}/features/chunks/{{chunk}}.parquet",
        problems=f"{RESULTS}/features/chunks/{{chunk}}.problems.tsv",
    log:
        log_of("extract", "{chunk}"),
    benchmark:
        benchmark_of("extract", "{chunk}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        # PyRadiomics needs some two seconds a mask with filters; twice that, and the reading.
        runtime=minutes_of_chunk(20, per_case=0.5, per_mask=1 / 15),
        gpu=int(STUDY.compute.gpu),
    params:
        settings=extraction_settings(),
        controls=STUDY.control_images,
        perturbations=perturbations(),
        reference_rater=STUDY.reference_rater,
        gpu=STUDY.compute.gpu,
        # The study's own: each ROI's seed derives from it, however cases are grouped into chunks.
        seed=seed("extract"),
    message:
        "Extracting features of {wildcards.chunk}"
    script:
        "../scripts/extract.py"


rule assemble:
    input:
        features=expand(
            f"{RESULTS}/features/chunks/{{chunk}}.parquet", chunk=SHEET.chunks
        ),
        problems=[
            *expand(f"{RESULTS}/images/{{chunk}}/problems.tsv", chunk=SHEET.chunks),
            *expand(
                f"{RESULTS}/features/chunks/{{chunk}}.problems.tsv", chunk=SHEET.chunks
            ),
            f"{RESULTS}/quality/problems.tsv",
        ],
        refused=f"{RESULTS}/quality/refused.tsv",
        agreements=expand(
            f"{RESULTS}/images/{{chunk}}/agreement.tsv", chunk=SHEET.chunks
        ),
        code=code_of("scripts/assemble.py", IBSI_CODES),
    output:
        table=f"{RESULTS}/features/features.parquet",
        dictionary=f"{RESULTS}/features/features.dictionary.tsv",
        all_problems=f"{RESULTS}/features/problems.tsv",
        all_agreements=f"{RESULTS}/features/agreement.tsv",
    log:
        log_of("assemble"),
    benchmark:
        benchmark_of("assemble")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        extraction=first_scans_settings() if STUDY.features is None else {},
    message:
        "Assembling the feature table"
    script:
        "../scripts/assemble.py"


rule import_features:
    input:
        tables=[table.path for table in STUDY.features.tables] if STUDY.features else [],
        joined=[table.path for table in STUDY.features.join] if STUDY.features else [],
        code=code_of("scripts/import_features.py"),
    output:
        features=f"{RESULTS}/features/imported.parquet",
        clinical=f"{RESULTS}/features/clinical.parquet",
        cases=f"{RESULTS}/features/cases.tsv",
        acquisition=f"{RESULTS}/features/acquisition.tsv",
        problems=f"{RESULTS}/features/import_problems.tsv",
    log:
        log_of("import_features"),
    benchmark:
        benchmark_of("import_features")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        settings=STUDY.part("features") if STUDY.features else {},
        columns=endpoint_source_columns(),
        cohorts={name: cohort.centres for name, cohort in STUDY.cohorts.items()},
        reference_rater=STUDY.reference_rater,
    message:
        "Reading the study's own feature tables"
    script:
        "../scripts/import_features.py"
