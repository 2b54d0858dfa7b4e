# Figures, the HTML report and the PDF manuscript.
FIGURE = f"{RESULTS}/paper/figures/{{endpoint}}"
FIGURES = [
    "roc",
    "calibration",
    "decision",
    "kaplan_meier",
    "centres",
    "permutation",
    "selection",
    "controls",
    "precision_recall",
    "auc_over_time",
    "subgroups",
    "nomogram",
    *(["details"] if STUDY.has_details else []),
]


rule figures:
    input:
        **({"details": f"{VALIDATION}/details.tsv"} if STUDY.has_details else {}),
        metrics=f"{VALIDATION}/metrics.tsv",
        roc=f"{VALIDATION}/roc.tsv",
        calibration=f"{VALIDATION}/calibration.tsv",
        decision=f"{VALIDATION}/decision.tsv",
        kaplan_meier=f"{VALIDATION}/kaplan_meier.tsv",
        centres=f"{VALIDATION}/centres.tsv",
        predictions=f"{VALIDATION}/predictions.parquet",
        permutation=f"{RESULTS}/model/{{endpoint}}/permutation.tsv",
        selection=lambda wildcards: f"{FIT}/selection.tsv".format(
            endpoint=wildcards.endpoint, **primary(wildcards.endpoint)
        ),
        precision_recall=f"{VALIDATION}/precision_recall.tsv",
        auc_over_time=f"{VALIDATION}/auc_over_time.tsv",
        subgroups=f"{VALIDATION}/subgroups.tsv",
        description=lambda wildcards: f"{FIT}/signature.json".format(
            endpoint=wildcards.endpoint, **primary(wildcards.endpoint)
        ),
        code=code_of("scripts/figures.py"),
    output:
        **{f"figure_{name}": f"{FIGURE}/{name}.png" for name in FIGURES},
    log:
        log_of("figures", "{endpoint}"),
    benchmark:
        benchmark_of("figures", "{endpoint}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(10),
    params:
        endpoint=lambda wildcards: endpoint_dict(wildcards.endpoint),
        primary=lambda wildcards: primary(wildcards.endpoint),
    message:
        "Drawing the figures of {wildcards.endpoint}"
    script:
        "../scripts/figures.py"


rule report:
    input:
        table=f"{RESULTS}/model/table.parquet",
        flow=f"{RESULTS}/model/flow.tsv",
        exclusions=f"{RESULTS}/model/exclusions.tsv",
        problems=PROBLEMS,
        acquisition=entry(ACQUISITION, []),
        agreement=entry(f"{RESULTS}/features/agreement.tsv", []),
        dictionary=entry(f"{RESULTS}/features/features.dictionary.tsv", []),
        extraction=sorted({scan.extraction for scan in SCANS.values()}),
        audit=[
            f"{RESULTS}/audit/differences.tsv",
            f"{RESULTS}/audit/factors.tsv",
            f"{RESULTS}/audit/batches.tsv",
            f"{RESULTS}/audit/audit.json",
        ],
        audit_picture=f"{RESULTS}/audit/audit.png",
        stability=[
            f"{RESULTS}/stability/{table}.tsv"
            for table in ("stability", "survivors", "overlap", "sizes", "sentences")
        ],
        stability_picture=f"{RESULTS}/stability/stability.png",
        harmonisation=f"{RESULTS}/harmonisation/batch_effect.tsv",
        harmonisation_picture=f"{RESULTS}/harmonisation/harmonisation.png",
        validation=of_endpoints(
            *[f"{VALIDATION}/{table}.tsv" for table in EVALUATED],
            f"{VALIDATION}/verdict.json",
            f"{RESULTS}/model/{{endpoint}}/permutation.tsv",
            *([RANDOM_FEATURES] if STUDY.controls.random_features else []),
            *([f"{TREATMENT}.tsv"] if STUDY.treatment else []),
            *([LESIONS] if STUDY.lesions.compare else []),
        )
        + [OPTIMISM.format(endpoint=endpoint) for endpoint in optimism_asked()],
        signatures=of_endpoints(f"{FIT}/signature.json"),
        selections=of_endpoints(f"{FIT}/selection.tsv"),
        locks=of_endpoints(f"{RESULTS}/model/{{endpoint}}/locks.tsv"),
        figures=of_endpoints(*[f"{FIGURE}/{name}.png" for name in FIGURES]),
        treatment_pictures=of_endpoints(f"{TREATMENT}.png") if STUDY.treatment else [],
        univariate=univariate_corner(),
        genomics=[GENOMICS[0], GENOMICS[2]] if STUDY.genomics else [],
        page="report/report.html.j2",
        stylesheet="report/report.css",
        template="report/manuscript.typ",
        references="report/references.bib",
        code=code_of("scripts/report.py"),
    output:
        html=f"{RESULTS}/paper/report.html",
        pdf=f"{RESULTS}/paper/manuscript.pdf",
        typst_source=f"{RESULTS}/paper/manuscript.typ",
        bibliography=f"{RESULTS}/paper/references.bib",
        numbers=f"{RESULTS}/paper/numbers.json",
        flow_picture=f"{RESULTS}/paper/figures/flow.png",
        tables=directory(f"{RESULTS}/paper/tables"),
        pictures=directory(f"{RESULTS}/paper/pictures"),
    log:
        log_of("report"),
    benchmark:
        benchmark_of("report")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        config=STUDY.model_dump(mode="json"),
        contact_sheets=contact_sheets(),
    message:
        "Writing the report and the manuscript"
    script:
        "../scripts/report.py"
