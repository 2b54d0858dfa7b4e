# One row per patient, and who left the study and why.
rule analysis_table:
    input:
        features=FEATURES,
        clinical=PEOPLE,
        cases=CASES,
        acquisition=ACQUISITION,
        problems=PROBLEMS,
        code=code_of("scripts/analysis_table.py"),
    output:
        table=f"{RESULTS}/model/table.parquet",
        shuffled=f"{RESULTS}/model/shuffled.parquet",
        repeats=f"{RESULTS}/model/repeats.parquet",
        excluded=f"{RESULTS}/model/exclusions.tsv",
        flow_table=f"{RESULTS}/model/flow.tsv",
    log:
        log_of("analysis_table"),
    benchmark:
        benchmark_of("analysis_table")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, per_thousand_rows=50),
        runtime=minutes(10),
    params:
        settings={
            "reference_rater": STUDY.reference_rater,
            "retest_of": RETEST_OF,
            "volume_feature": STUDY.models.volume_feature,
            "batch": STUDY.harmonisation.batch,
            "batch_variables": STUDY.harmonisation.variables,
            "cohorts": STUDY.part("cohorts"),
            "predictors": {
                name: p.type for name, p in STUDY.clinical.predictors.items()
            },
            "describe": described(),
            "endpoints": STUDY.part("endpoints"),
            "max_failed": STUDY.compute.max_failed,
            **of_timepoints(),
            **lesion_rule(),
            **outside_scores(),
        },
    message:
        "Joining features, clinical predictors and endpoints"
    script:
        "../scripts/analysis_table.py"
