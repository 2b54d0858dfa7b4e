# Records of all steps into MLflow, by one writer; failing here never fails the study.


rule track:
    input:
        numbers=f"{RESULTS}/paper/numbers.json",
        html=f"{RESULTS}/paper/report.html",
        pdf=f"{RESULTS}/paper/manuscript.pdf",
        metrics=expand(f"{RESULTS}/validation/{{e}}/metrics.tsv", e=STUDY.endpoints),
        verdicts=expand(f"{RESULTS}/validation/{{e}}/verdict.json", e=STUDY.endpoints),
        code=code_of("scripts/track.py"),
    output:
        state=f"{RESULTS}/tracking/mlflow.json",
    log:
        log_of("track"),
    benchmark:
        benchmark_of("track")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        study=STUDY.name,
        experiment=STUDY.tracking.experiment,
        config=STUDY.model_dump(mode="json"),
        logs=f"{RESULTS}/logs",
        jobs={
            "images": list(SHEET.chunks),
            "extract": list(SHEET.chunks),
            "fit": [
                f"{endpoint}.{signature}.{model}"
                for endpoint in STUDY.endpoints
                for signature in SIGNATURES
                for model in STUDY.models_for(endpoint)
            ],
        },
        retry=tracking_state(),
    message:
        "Writing the study to MLflow"
    script:
        "../scripts/track.py"
