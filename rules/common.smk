# What all rules share at parse time: the study, its folders, its case sheet, each script's code.
import json
import math
import os
import shutil
import time
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

from rigoromics.config.load import load_extraction, load_study
from rigoromics.errors import DataError
from rigoromics.longitudinal import marker_predictors
from rigoromics.perturb.variants import variants_of
from rigoromics.seeds import derive_seed
from scripts.casesheet import CaseSheet
from scripts.contours import contour_record, record_contours
from scripts.dependencies import code_record
from scripts.names import scan_stem
from scripts.orphans import cancel_orphans

STARTED = time.time()

# Jobs are the unit of parallel work. Threads of numerical libraries would only crowd them, and
# their number changes the last bits of results (rule of evidence 7).
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

DEFAULT_CONFIG = "config/config.yaml"
# Bytes; a study that stops with less on the disk of its results is told so.
LITTLE_ROOM = 100 * 2**20


def read_study(given):
    """Check the config; without --configfile, the default one with what --config changes."""
    whole = "name" in given and "paper" in given
    default = yaml.safe_load(Path(DEFAULT_CONFIG).read_text(encoding="utf-8"))
    try:
        return load_study(given if whole else default | dict(given))
    except DataError as error:
        raise WorkflowError(str(error)) from None


STUDY = read_study(config)
DATA = f"data/{STUDY.name}"
PRIVATE = f"{DATA}/private"
RESULTS = f"results/{STUDY.name}"
RAW = STUDY.raw_folder
CLINICAL_TABLE = STUDY.clinical.table or ""
SIGNATURES = [*STUDY.models.signatures, *(["shuffled"] if STUDY.has_shuffled else [])]
SCANS = {name: scan for name, scan in STUDY.scans.items() if scan.retest_of is None}
RETEST_OF = {n: s.retest_of for n, s in STUDY.scans.items() if s.retest_of is not None}
VARIANTS = len(variants_of(STUDY.perturbations))
SHEET = CaseSheet(
    Path(RESULTS, "sheet/cases.tsv"),
    Path(PRIVATE, "segmentations.tsv"),
    STUDY.compute.cases_per_chunk,
)
# Rows that the feature table will have at most: of the reference masks, variants and controls too.
ROWS = len(SHEET.rows) + (VARIANTS + len(STUDY.control_images)) * sum(
    row.get("rater") == STUDY.reference_rater for row in SHEET.rows
)
CONTOURS = Path(RESULTS, "sheet/contours")
# Who does not decide what runs, such as a job on a cluster's node, leaves them as they are.
if workflow.is_main_process:
    record_contours(
        SHEET.segmentation_files, Path(RAW), Path(PRIVATE, "contours.tsv"), CONTOURS
    )


wildcard_constraints:
    chunk=r"[A-Za-z0-9_.-]+",
    endpoint="|".join(STUDY.endpoints),
    signature="|".join(SIGNATURES),
    model=r"[a-z_]+",


def code_of(script, *data):
    """The file that says what a script's code is, for the rule to depend on."""
    return code_record(
        script, data, Path(RESULTS, "code"), write=workflow.is_main_process
    )


def log_of(rule, name="all"):
    """Where a job's log goes; the runner puts its provenance record beside it."""
    return f"{RESULTS}/logs/{rule}/{name}.log"


def benchmark_of(rule, name="all"):
    return f"{RESULTS}/benchmarks/{rule}/{name}.tsv"


def memory(megabytes, per_thousand_rows=0):
    """Memory by the rows of the feature table, which grows with each attempt, in MB.

    A study that starts from feature tables says its rows too late; its jobs have their attempts.
    """
    total = math.ceil(megabytes + per_thousand_rows * ROWS / 1000)
    return lambda wildcards, attempt: total * attempt


def minutes(count):
    """Time limit that grows with each attempt, in minutes."""
    return lambda wildcards, attempt: count * attempt


def minutes_of_chunk(start, per_case=0.0, per_mask=0.0):
    """Time limit of a chunk's job, by its cases and all masks measured, in minutes."""

    def limit(wildcards, attempt):
        rows = SHEET.chunks[wildcards.chunk]
        masks = len(rows) * (1 + VARIANTS)
        work = per_case * SHEET.cases(wildcards.chunk) + per_mask * masks
        return math.ceil(start + work) * attempt

    return limit


def seed(*names):
    """Seed of a job, from the study's seed and the job's name (rule of evidence 7)."""
    return derive_seed(STUDY.seed, *names)


def reviewed_sheet(wildcards):
    """The case sheet of a study that starts from images; refuse in words while it is not there."""
    if STUDY.features is not None:
        return []
    if not SHEET.exists:
        raise WorkflowError(
            f"No case sheet yet for study {STUDY.name!r}. "
            f"Run `snakemake sheet` with the same options, review {RESULTS}/sheet/cases.tsv, "
            "then run this again."
        )
    if SHEET.problem:
        raise WorkflowError(SHEET.problem)
    if not SHEET.rows:
        raise WorkflowError(
            f"The case sheet {RESULTS}/sheet/cases.tsv includes no case. "
            f"{RESULTS}/sheet/problems.tsv says why."
        )
    return f"{RESULTS}/sheet/cases.tsv"


def extraction_settings():
    """Feature settings of each scan; a retest takes those of the scan it repeats."""
    try:
        own = {n: load_extraction(Path(s.extraction)) for n, s in SCANS.items()}
    except DataError as error:
        raise WorkflowError(str(error)) from None
    dumped = {name: settings.model_dump(mode="json") for name, settings in own.items()}
    return dumped | {retest: dumped[scan] for retest, scan in RETEST_OF.items()}


def first_scans_settings():
    """The same without retests, which are never chosen by."""
    return {n: s for n, s in extraction_settings().items() if n in SCANS}


def perturbations():
    """Perturbations of development patients; a retest is a repetition already."""
    return {
        "chains": [chain.model_dump(mode="json") for chain in STUDY.perturbations],
        "cohorts": sorted(
            n for n, c in STUDY.cohorts.items() if c.role == "development"
        ),
        "without": sorted(RETEST_OF),
    }


def entry(image_study, table_study):
    """The file a rule starts from, by where the study starts."""
    return table_study if STUDY.features is not None else image_study


FEATURES = entry(
    f"{RESULTS}/features/features.parquet", f"{RESULTS}/features/imported.parquet"
)
CASES = entry(f"{RESULTS}/sheet/cases.tsv", f"{RESULTS}/features/cases.tsv")
ACQUISITION = entry(
    f"{RESULTS}/sheet/acquisition.tsv", f"{RESULTS}/features/acquisition.tsv"
)
PEOPLE = entry(
    f"{RESULTS}/sheet/clinical.parquet", f"{RESULTS}/features/clinical.parquet"
)
PROBLEMS = entry(
    [f"{RESULTS}/sheet/problems.tsv", f"{RESULTS}/features/problems.tsv"],
    [f"{RESULTS}/features/import_problems.tsv"],
)


def endpoint_dict(name):
    """An endpoint as scripts want it: plain types, with its name."""
    return {"name": name, **STUDY.endpoints[name].model_dump(mode="json")}


def endpoint_source_columns():
    """Columns of the clinical table that the endpoints, predictors and Table 1 need."""
    columns = set(STUDY.clinical.predictors) | set(STUDY.clinical.describe)
    columns |= set(STUDY.clinical.scores)
    for endpoint in STUDY.endpoints.values():
        timed = endpoint.type == "survival"
        columns |= {endpoint.time, endpoint.event} if timed else {endpoint.column}
        columns |= {getattr(endpoint, "start", "")} - {""}
    if STUDY.treatment is not None:
        columns.add(STUDY.treatment.column)
    if STUDY.longitudinal is not None:
        follow_up = STUDY.longitudinal.follow_up.values()
        columns |= {rule.column for rule in follow_up if rule.column}
        for marker in STUDY.longitudinal.markers.values():
            columns |= set(marker.values())
    return sorted(columns)


def fits(endpoint, pattern):
    """One path for every signature and model fitted for an endpoint."""
    return [
        pattern.format(endpoint=endpoint, signature=signature, model=model)
        for signature in SIGNATURES
        for model in STUDY.models_for(endpoint)
    ]


def primary(endpoint):
    """The signature and model that the verdict is about, named before anything is fitted."""
    return {
        "signature": STUDY.models.primary,
        "model": STUDY.models_for(endpoint)[0],
        "policy": STUDY.harmonisation.unseen,
    }


def of_endpoints(*patterns):
    """Paths for every endpoint, of its primary signature and model."""
    return [
        pattern.format(endpoint=endpoint, **primary(endpoint))
        for endpoint in STUDY.endpoints
        for pattern in patterns
    ]


def contact_sheets():
    """Pictures of the first case of each centre, as examples for the report."""
    first = {}
    for chunk, rows in SHEET.chunks.items():
        for row in rows:
            if row["scan"] in SCANS:
                stem = scan_stem(row["patient"], row["timepoint"], row["scan"])
                picture = f"{RESULTS}/images/{chunk}/{stem}.png"
                first.setdefault(row["centre"], picture)
    return sorted(first.values())


# What of `validation:` judges signatures and fits none.
JUDGING = ("bootstrap", "optimism", "sensitivity", "subgroups", "risk_categories")


def model_settings():
    """Everything that learning depends on, and nothing else."""
    return {
        "harmonisation": STUDY.part("harmonisation"),
        "stability": STUDY.part("stability"),
        "selection": STUDY.part("selection"),
        "models": {
            "trees": STUDY.models.trees,
            "class_weight": STUDY.models.class_weight,
        },
        "validation": {
            key: value
            for key, value in STUDY.part("validation").items()
            if key not in JUDGING
        },
        "clinical": predictors(),
        **outside_scores(),
        "volume_feature": STUDY.models.volume_feature,
        **of_timepoints("baseline", "follow_up", "follows", "values", "near_zero"),
    }


def judging_settings():
    """How predictions are judged."""
    return {
        "bootstrap": STUDY.validation.bootstrap,
        "alpha": 0.05,
        "risk_categories": STUDY.validation.risk_categories,
        "sensitivity": STUDY.validation.sensitivity,
    }


def predictors():
    """Clinical predictors and their kinds, changes of markers among them."""
    own = {name: p.type for name, p in STUDY.clinical.predictors.items()}
    if STUDY.longitudinal is None:
        return own
    return own | marker_predictors(STUDY.part("longitudinal"))


def outside_scores():
    """Columns with another model's score; nothing for studies without any."""
    return {"scores": STUDY.clinical.scores} if STUDY.clinical.scores else {}


def described():
    """Columns that stand beside the predictors in the analysis table, for no model to see."""
    treatment = [STUDY.treatment.column] if STUDY.treatment is not None else []
    return list(dict.fromkeys([*STUDY.clinical.describe, *treatment]))


def of_timepoints(*keys):
    """What a study of several timepoints says of them; nothing for all others."""
    if STUDY.longitudinal is None:
        return {}
    known = STUDY.part("longitudinal")
    chosen = {key: known[key] for key in keys or known}
    if keys:
        chosen["follow_up"] = list(known["follow_up"])
    return {"longitudinal": chosen}


def lesion_rule():
    """How several lesions of a patient become one row, where it is not the largest."""
    asked = STUDY.part("lesions")
    own = {key: asked[key] for key in ("rule", "worst_by")}
    return {} if asked["rule"] == "largest" else {"lesions": own}


def tracking_state():
    """After each failure something new, so that the rule reruns; after a success what it had."""
    path = Path(RESULTS, "tracking/mlflow.json")
    state = json.loads(path.read_text()) if path.is_file() else {}
    if state.get("state") == "failed":
        return f"after the failure at {path.stat().st_mtime_ns}"
    return state.get("retry", "")


UNIVARIATE = f"{RESULTS}/univariate/{{endpoint}}"


GENOMICS = [
    f"{RESULTS}/genomics/{name}"
    for name in ("associations.tsv", "associations.html", "heat_map.png")
]


def univariate_corner():
    """What testing features one by one leaves, of the endpoints that it knows."""
    kinds = {"binary", "survival", "ordinal", "multiclass"}
    return [
        f"{UNIVARIATE}/{name}".format(endpoint=endpoint)
        for endpoint, asked in STUDY.endpoints.items()
        if STUDY.univariate is not None and asked.type in kinds
        for name in ("features.tsv", "external.tsv", "univariate.png")
    ]


def optimism_asked():
    """Endpoints whose primary signature is repeated on bootstrap samples."""
    asked = STUDY.validation.optimism > 0
    return [n for n, e in STUDY.endpoints.items() if asked and e.type == "binary"]


def prepare_slurm():
    """On Slurm, before anything is submitted: no two writers of an output, no waiting in vain."""
    if workflow.executor_plugin.name != "slurm":
        return
    # The plugin that it mends is for the head alone; each job reads this file.
    from scripts.slurm_states import understand_states

    understand_states(requeued=workflow.executor_settings.requeue)
    try:
        cancelled = cancel_orphans(Path.cwd(), workflow.config_settings.configfiles)
    except DataError as error:
        raise WorkflowError(str(error)) from None
    if cancelled:
        print(f"Cancelled {len(cancelled)} jobs of an earlier run that was killed.")


def say_failure():
    """Tell the person where jobs say what went wrong, and whether the disk is why."""
    print(
        f"The study stopped. Each job's log, in plain words: {RESULTS}/logs/<rule>/<job>.log"
    )
    if workflow.executor_plugin.name == "slurm":
        print(
            "Of a job that could not write it: .snakemake/slurm_logs/rule_<rule>/<job>/<number>.log"
        )
    free = shutil.disk_usage(RESULTS).free if Path(RESULTS).is_dir() else math.inf
    if free < LITTLE_ROOM:
        print(
            f"Only {free / 2**20:.1f} MB are free where results lie. Make room, and start again: "
            "what is done stays."
        )


def say_result():
    """Tell the person what the study came to, and where the paper lies."""
    verdicts = [Path(RESULTS, "validation", e, "verdict.json") for e in STUDY.endpoints]
    paper = Path(RESULTS, "paper/report.html")
    # Other targets, such as the sheet, leave an older paper as it is.
    if paper.is_file() and paper.stat().st_mtime >= STARTED:
        for path in verdicts:
            print(f"\n{json.loads(path.read_text())['sentence']}")
        print(f"\nReport: {paper}   Manuscript: {paper.with_name('manuscript.pdf')}")
