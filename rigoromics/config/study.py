"""The study: the whole config, and what must agree across its parts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from rigoromics.config import analysis, data
from rigoromics.config.data import Name
from rigoromics.config.endpoints import Endpoint
from rigoromics.config.fetch import Fetch
from rigoromics.extract.settings import Section
from rigoromics.perturb.settings import Chain
from rigoromics.quality.settings import Quality

BATCHES = ("centre", "manufacturer", "model", "kernel", "slice_thickness")
"""What may make a batch in a study of images: columns of its case sheet."""


class Study(Section):
    """One study, from raw data to paper."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    """Short name: names the folders data/<name> and results/<name>."""
    seed: int = 1
    """Everything random in the study derives from it."""
    paper: analysis.Paper
    simulation: data.Simulation | None = None
    raw: str = ""
    """Folder with the raw DICOM; empty: data/<name>/raw."""
    fetch: Fetch | None = None
    features: data.Features | None = None
    privacy: data.Privacy = data.Privacy()
    cohorts: dict[Name, data.Cohort] = Field(min_length=1)
    """The cohorts and their roles."""
    centre: data.CentreRule = data.CentreRule()
    scans: dict[Name, data.Scan] = {}
    """The scans to use."""
    rois: dict[Name, data.Roi] = {}
    """The ROIs to use. One value per patient and feature: of several, see `lesions`."""
    lesions: data.Lesions = data.Lesions()
    longitudinal: data.Longitudinal | None = None
    roi_synonyms: str = "config/roi_synonyms.tsv"
    """Table of standard ROI terms: a name `@liver` under `rois` stands for its patterns there."""
    masks: data.Masks | None = None
    raters: dict[Name, data.Rater] = {}
    """Who drew; empty: one rater, named by `reference_rater`."""
    reference_rater: Name = "r1"
    """The rater whose contours give the features for modelling."""
    images: data.Images = data.Images()
    quality: Quality = Quality()
    clinical: data.Clinical = data.Clinical()
    endpoints: dict[Name, Endpoint] = Field(min_length=1)
    """What is predicted; the first is the primary endpoint."""
    treatment: data.Treatment | None = None
    perturbations: list[Chain] = []
    """Perturbed measurements of development patients, on the reference rater's contours; each entry
    makes one variant for every combination of what it lists."""
    audit: analysis.Audit = analysis.Audit()
    univariate: analysis.Univariate | None = None
    genomics: analysis.Genomics | None = None
    stability: analysis.Stability = analysis.Stability()
    harmonisation: analysis.Harmonisation = analysis.Harmonisation()
    selection: analysis.Selection = analysis.Selection()
    models: analysis.Models = analysis.Models()
    validation: analysis.Validation = analysis.Validation()
    controls: analysis.Controls = analysis.Controls()
    compute: analysis.Compute = analysis.Compute()
    tracking: analysis.Tracking = analysis.Tracking()

    @model_validator(mode="after")
    def _agree(self) -> Study:
        for rule in (
            _development,
            _entry,
            _scans,
            _lesions,
            _longitudinal,
            _masks,
            _raters,
            _cohort_names,
            _covariates,
            _batch_variables,
            _signatures,
        ):
            rule(self)
        return self

    @property
    def raw_folder(self) -> str:
        """Folder with the raw DICOM."""
        return self.raw or f"data/{self.name}/raw"

    @property
    def has_external(self) -> bool:
        """Whether any cohort is external."""
        return any(cohort.role == "external" for cohort in self.cohorts.values())

    @property
    def has_shuffled(self) -> bool:
        """Whether the shuffled-voxel control is there; feature tables have no voxels."""
        return self.controls.shuffled_voxels and self.features is None

    @property
    def control_images(self) -> list[str]:
        """Negative-control images to extract, the one that is modelled first."""
        modelled = ["shuffled"] if self.has_shuffled else []
        return list(dict.fromkeys([*modelled, *self.controls.images]))

    @property
    def has_details(self) -> bool:
        """Whether any endpoint is neither binary nor plain survival, and has tables of its own."""
        return any(self._kind(name) not in ("binary", "survival") for name in self.endpoints)

    def _kind(self, endpoint: str) -> str:
        target = self.endpoints[endpoint]
        return "competing" if getattr(target, "competing", None) else target.type

    def models_for(self, endpoint: str) -> list[str]:
        """Names of the models that fit an endpoint, the primary one first."""
        return list(getattr(self.models, self._kind(endpoint)))

    def part(self, name: str) -> dict[str, Any]:
        """One part of the config as plain types, as a rule's params want it."""
        value = getattr(self, name)
        if isinstance(value, dict):
            return {key: item.model_dump(mode="json") for key, item in value.items()}
        dumped: dict[str, Any] = value.model_dump(mode="json")
        return dumped


def _development(study: Study) -> None:
    if not any(cohort.role == "development" for cohort in study.cohorts.values()):
        raise ValueError("no cohort has the role `development`: there is nothing to learn from")
    claimed: dict[str, str] = {}
    for name, cohort in study.cohorts.items():
        for centre in cohort.centres:
            if centre in claimed:
                both = f"{claimed[centre]!r} and {name!r}"
                raise ValueError(f"centre {centre!r} is in two cohorts, {both}")
            claimed[centre] = name


def _entry(study: Study) -> None:
    if study.features is None and not (study.scans and study.rois):
        raise ValueError("a study needs either `scans` and `rois`, or `features`")
    if study.features is not None and study.scans:
        raise ValueError("a study starts either from `scans` or from `features`, not from both")
    if study.features is None and study.clinical.table is None:
        raise ValueError("a study that starts from images needs `clinical: table:`")


def _scans(study: Study) -> None:
    for name, scan in study.scans.items():
        if scan.retest_of is not None and scan.retest_of not in study.scans:
            raise ValueError(
                f"scan {name!r} is a retest of {scan.retest_of!r}, which is not among the scans"
            )
        if scan.retest_of is None and scan.extraction is None:
            raise ValueError(f"scan {name!r} needs `extraction`: a file of feature settings")


def _lesions(study: Study) -> None:
    asked = study.lesions
    if "worst" in (asked.rule, *asked.compare) and not asked.worst_by:
        raise ValueError("lesions: rule: worst needs `worst_by`: the feature that says which it is")
    if len({asked.rule, *asked.compare}) <= len(asked.compare):
        raise ValueError("lesions: compare: names a rule twice, or the study's own")


def _longitudinal(study: Study) -> None:
    asked = study.longitudinal
    if asked is None:
        return
    times = [asked.baseline, *asked.follow_up]
    tables = study.features.tables if study.features else []
    known = {scan.timepoint for scan in study.scans.values()} | {t.timepoint for t in tables}
    for name in times:
        if name not in known:
            raise ValueError(
                f"longitudinal: names the timepoint {name!r}, which no scan or feature table has: "
                f"{', '.join(sorted(known))}"
            )
    for later, first in asked.follows.items() if study.scans else ():
        for scan, place in ((later, [*asked.follow_up]), (first, [asked.baseline])):
            if scan not in study.scans or study.scans[scan].timepoint not in place:
                raise ValueError(
                    f"longitudinal: follows: {later!r} to {first!r}: {scan!r} is no scan of "
                    f"{' or '.join(place)}"
                )
    for marker, columns in asked.markers.items():
        if asked.baseline not in columns or not set(columns) <= {*times} or len(columns) < 2:
            raise ValueError(
                f"longitudinal: markers: {marker!r} needs a column at {asked.baseline} and at one "
                f"later timepoint at least: {', '.join(asked.follow_up)}"
            )
    unknown = [n for n, f in asked.follow_up.items() if f.days is None and f.column is None]
    if "slope" in asked.values and unknown:
        raise ValueError(
            f"longitudinal: a slope needs `days:` or `column:` of the timepoint {unknown[0]!r}"
        )


def _masks(study: Study) -> None:
    for roi in study.masks.labels if study.masks else {}:
        if roi not in study.rois:
            raise ValueError(
                f"masks: labels: names {roi!r}, which is not among the rois: "
                f"{', '.join(study.rois) or '(none)'}"
            )


def _raters(study: Study) -> None:
    if study.raters and study.reference_rater not in study.raters:
        known = ", ".join(study.raters)
        raise ValueError(
            f"reference_rater {study.reference_rater!r} is not among the raters: {known}"
        )


def _cohort_names(study: Study) -> None:
    for table in study.features.tables if study.features else []:
        if table.cohort and table.cohort not in study.cohorts:
            raise ValueError(
                f"feature table {table.path!r} names cohort {table.cohort!r}, which is not among "
                f"the cohorts: {', '.join(study.cohorts)}"
            )


def _covariates(study: Study) -> None:
    for covariate in study.harmonisation.covariates:
        if covariate not in study.clinical.predictors:
            raise ValueError(
                f"harmonisation covariate {covariate!r} is not among the clinical predictors: "
                f"{', '.join(study.clinical.predictors) or '(none)'}"
            )


def _batch_variables(study: Study) -> None:
    known = BATCHES if study.features is None else ("centre", *study.features.acquisition.values())
    unknown = [name for name in study.harmonisation.batch if name not in known]
    if unknown:
        where = "" if study.features is None else " (name others in `features: acquisition:`)"
        raise ValueError(
            f"harmonisation: batch: names {unknown[0]!r}; there are {', '.join(known)}{where}"
        )


def _signatures(study: Study) -> None:
    if study.models.primary not in study.models.signatures:
        raise ValueError(f"the primary signature {study.models.primary!r} is not fitted")
    needs = {"clinical", "combined", "stacked"} & set(study.models.signatures)
    markers = study.longitudinal.markers if study.longitudinal else {}
    if needs and not study.clinical.predictors and not markers:
        raise ValueError(
            f"the signatures {', '.join(sorted(needs))} need `clinical: predictors:`; name some "
            "or leave these signatures out"
        )
    _scores(study)


def _scores(study: Study) -> None:
    asked = {"deep", "deep_stacked"} & set(study.models.signatures)
    scores = study.clinical.scores
    if asked and not scores:
        raise ValueError(
            f"the signatures {', '.join(sorted(asked))} need `clinical: scores:`; name the columns "
            "or leave these signatures out"
        )
    if scores and not asked:
        raise ValueError(
            "`clinical: scores:` names columns that no signature uses; add `deep` or "
            "`deep_stacked` to `models: signatures:`"
        )
    for name in scores:
        if name in study.clinical.predictors or name in study.clinical.describe:
            raise ValueError(
                f"{name!r} is a score and also a clinical predictor or described; keep it under "
                "`clinical: scores:` alone"
            )
