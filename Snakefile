"""Rigoromics: from raw DICOM to a reproducible radiomics paper.

snakemake sheet      read all DICOM headers, draft the case sheet
snakemake bins       how many grey levels each bin width gives, before anything is extracted
snakemake            run the study that config/config.yaml describes
snakemake --configfile config/studies/<study>.yaml ...   run another one
snakemake --profile slurm ...                            on a cluster
"""

from snakemake.utils import min_version

min_version("9.0")


include: "rules/common.smk"
include: "rules/simulate.smk"
include: "rules/fetch.smk"
include: "rules/sheet.smk"
include: "rules/images.smk"
include: "rules/quality.smk"
include: "rules/features.smk"
include: "rules/bins.smk"
include: "rules/table.smk"
include: "rules/audit.smk"
include: "rules/stability.smk"
include: "rules/harmonisation.smk"
include: "rules/model.smk"
include: "rules/validation.smk"
include: "rules/treatment.smk"
include: "rules/associate.smk"
include: "rules/paper.smk"
include: "rules/tracking.smk"


rule all:
    default_target: True
    input:
        reviewed_sheet,
        f"{RESULTS}/paper/report.html",
        f"{RESULTS}/paper/manuscript.pdf",
        f"{RESULTS}/tracking/mlflow.json",
        # Beside the report: the associations as a page that sorts.
        GENOMICS[1] if STUDY.genomics else [],


onstart:
    prepare_slurm()


onsuccess:
    say_result()


onerror:
    say_failure()
