# Series to volumes and contours to masks, chunk by chunk.
rule images:
    input:
        watched=lambda wildcards: contour_record(CONTOURS, wildcards.chunk),
        code=code_of("scripts/images.py"),
    output:
        index=f"{RESULTS}/images/{{chunk}}/index.tsv",
        problems=f"{RESULTS}/images/{{chunk}}/problems.tsv",
        agreement=f"{RESULTS}/images/{{chunk}}/agreement.tsv",
        quality=f"{RESULTS}/images/{{chunk}}/quality.tsv",
    log:
        log_of("images", "{chunk}"),
    benchmark:
        benchmark_of("images", "{chunk}")
    conda:
        "../envs/rigoromics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2500),
        runtime=minutes_of_chunk(15, per_case=1),
    params:
        raw=RAW,
        private=PRIVATE,
        rows=lambda wildcards: SHEET.rows_of(wildcards.chunk),
        settings={
            **STUDY.part("images"),
            "reference_rater": STUDY.reference_rater,
            "suv": {name: scan.suv for name, scan in STUDY.scans.items()},
            "volume_ml": {
                name: list(roi.volume_ml)
                for name, roi in STUDY.rois.items()
                if roi.volume_ml is not None
            },
            "quality": STUDY.part("quality"),
        },
    message:
        "Reading scans and segmentations of {wildcards.chunk}"
    script:
        "../scripts/images.py"
