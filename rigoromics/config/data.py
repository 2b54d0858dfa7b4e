"""Config of what comes in: cohorts, scans, ROIs, raters, tables, privacy, simulation."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from rigoromics.extract.settings import Section
from rigoromics.quality.settings import Range


def _regex(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
    return pattern


Regex = Annotated[str, AfterValidator(_regex)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Privacy(Section):
    """What may be seen of who the patients are."""

    ids: Literal["hashed", "public"] = "hashed"
    """hashed: patients appear under salted keys. public: PatientIDs are public already."""


class Cohort(Section):
    """A set of patients and the part it plays."""

    role: Literal["development", "external"]
    """development: everything is learned here. external: touched once, by the locked signature."""
    centres: list[str] = []
    """Centres whose patients belong here; empty: all patients no other cohort claims."""


class CentreRule(Section):
    """Where a patient's centre is read from."""

    source: str = "InstitutionName"
    """A DICOM keyword, `path` (the file's path) or `clinical` (the clinical table)."""
    pattern: Regex | None = None
    """Regular expression whose one group is the centre; none: the whole value."""


class Scan(Section):
    """One image series at one timepoint, and how to recognise it."""

    modality: Literal["CT", "MR", "PT", "US", "MG", "DX", "CR", "OPT", "OCT", "IVOCT"]
    """DICOM modality of the series."""
    timepoint: Name = "baseline"
    """When it was taken; every timepoint of a patient is a case of its own."""
    series: dict[str, Regex] = {}
    """DICOM keyword to regular expression; all must be found, upper and lower case alike."""
    not_series: dict[str, Regex] = {}
    """DICOM keyword to regular expression; a series in which one is found is not this scan."""
    pick: Literal["most_slices", "latest", "first"] | None = None
    """Which of several series that match is meant; none: the one with segmentations."""
    suv: Literal["bw", "lbm", "bsa"] = "bw"
    """PET: standardised uptake value by body weight, lean body mass or body surface area."""
    contrast_phase: (
        Literal["pre_contrast", "arterial", "portal_venous", "venous", "delayed", "dynamic"] | None
    ) = None
    """Contrast phase that the rules above single out, for the acquisition table where headers are
    silent; none: unknown there."""
    retest_of: Name | None = None
    """The scan that this one repeats, for test-retest stability."""
    extraction: str | None = None
    """Feature settings: a file under config/extraction. A retest takes those of its first scan."""


class Roi(Section):
    """A lesion or organ, and how people name it."""

    names: list[Regex] = Field(min_length=1)
    """Regular expressions for its names in RTSTRUCT and SEG files, upper and lower case alike;
    `@liver` stands for all patterns of that term in the table `roi_synonyms`."""
    volume_ml: Range | None = None
    """Least and largest volume it can have, ml; a mask beyond is refused (check volume_range)."""


class Masks(Section):
    """Segmentations that come as NIfTI, NRRD or MHA files, which say nothing of themselves."""

    pattern: Regex
    """Regular expression on the path with a group `patient` and, where needed, `scan`, `roi` and
    `rater`: `(?P<patient>[^/]+)/(?P<roi>[a-z]+)\\.nii\\.gz$`."""
    labels: dict[Name, PositiveInt] = {}
    """ROI to voxel value, where one file (a labelmap) holds several ROIs."""


class Rater(Section):
    """One person or algorithm that drew ROIs."""

    match: dict[str, Regex] = {}
    """DICOM keyword (or `path`, `ROIName`) to regular expression; all must be found."""


class FeatureTable(Section):
    """One file of features made elsewhere."""

    path: str
    """CSV, TSV or Parquet file; one row per patient, or per lesion with `several_lesions`."""
    cohort: str = ""
    """The cohort its patients belong to; empty: the one whose `centres` name the patient's."""
    centre: str = ""
    """The centre its patients come from; the batch for ComBat unless the config says otherwise."""
    centre_column: str = ""
    """Column that names each patient's centre, where a table holds several."""
    timepoint: Name = "baseline"
    """When its scans were taken; a patient is known by cohort, centre and ID across timepoints."""

    @model_validator(mode="after")
    def _one_centre(self) -> FeatureTable:
        if bool(self.centre) == bool(self.centre_column):
            raise ValueError("a feature table needs either `centre` or `centre_column`")
        return self


class JoinedTable(Section):
    """A further table of the same patients: outcomes, clinical data, scanner and protocol."""

    path: str
    """CSV, TSV or Parquet file; one row per patient."""
    id: str
    """Column with the patient's ID, as in the feature tables; empty: the column without a name."""


class Features(Section):
    """A study that starts from feature tables of its own instead of images."""

    tables: list[FeatureTable] = Field(min_length=1)
    """The files; columns they do not share are left out, and said so."""
    id: str = "patient"
    """Column with the patient's ID."""
    join: list[JoinedTable] = []
    """Further tables, joined to each feature table by the patient's ID."""
    missing: list[str] = []
    """Texts that stand for a missing value, such as `#NAME?` or `unknown`."""
    encoding: str = "utf-8"
    """Encoding of the text files: `latin-1` or `mac_roman` for files of older programs."""
    columns: Regex = (
        "^(original|log|wavelet|square|squareroot|logarithm|exponential|gradient|lbp|mean-|laws|"
        "gabor|simoncelli)"
    )
    """Regular expression for the feature columns."""
    exclude: Regex | None = None
    """Regular expression for feature columns to leave out."""
    several_lesions: bool = False
    """A patient's rows in one table are lesions, and `lesions: rule:` makes one row of them."""
    acquisition: dict[str, Name] = {}
    """Column of the tables to the factor of acquisition that it holds (`Kernel: kernel`), for the
    audit and for `harmonisation: batch:`; those of every table count."""


class FollowUp(Section):
    """A later timepoint."""

    days: PositiveFloat | None = None
    """Days after baseline, as planned; for patients whose own are not known."""
    column: str | None = None
    """Column of the clinical table with each patient's own days after baseline."""


class Longitudinal(Section):
    """Several timepoints: signatures see baseline values and their changes (delta radiomics)."""

    baseline: Name = "baseline"
    """The first timepoint, as under `scans`."""
    follow_up: dict[Name, FollowUp] = Field(min_length=1)
    """The later timepoints, in order."""
    follows: dict[Name, Name] = {}
    """Follow-up scan to the baseline scan that it repeats (`pet_week6: pet`)."""
    values: list[Literal["baseline", "absolute", "relative", "slope"]] = Field(
        ["baseline", "relative"], min_length=1
    )
    """What becomes a column: the baseline value; later minus baseline; that over the size of the
    baseline value; the least-squares slope per day over all timepoints."""
    near_zero: float = Field(0.05, ge=0)
    """A relative change needs a baseline value of more than this many training standard deviations;
    a feature that has too few of them has none."""
    missing: Literal["impute", "refuse"] = "impute"
    """A patient without one of the timepoints: the median change of the training patients stands
    for theirs, or the patient leaves the study, with the reason."""
    markers: dict[str, dict[Name, str]] = {}
    """Clinical markers measured several times: name to timepoint to column of the clinical table
    (`ldh: {baseline: ldh, week6: ldh_week6}`). Their changes are clinical predictors."""


class Treatment(Section):
    """Two treatments, and whether their difference depends on the locked risk group."""

    column: str
    """Column of the clinical table with each patient's treatment; it enters no signature."""
    reference: str
    """The value that others are compared with."""
    treated: str
    """The value that is compared; patients with any other value are left out."""
    randomised: bool = False
    """Whether treatment was allocated at random; if not, the tables say that it proves nothing."""


LesionRule = Literal["largest", "smallest", "mean", "median", "volume_weighted", "worst"]


class Lesions(Section):
    """Several lesions of one patient under one ROI: what speaks for the patient."""

    rule: LesionRule = "largest"
    """largest, smallest: one lesion, by volume. mean, median: of each feature. volume_weighted:
    mean, weighted by volume. worst: the one lesion with the highest value of `worst_by`."""
    worst_by: str = ""
    """The feature that says which lesion is worst, such as `original_firstorder_Maximum`."""
    compare: list[LesionRule] = []
    """Further rules to build the primary signature with, in cross-validation; the supplement holds
    them against `rule`. They change no model."""


class SimulatedCentre(Section):
    """One centre of the simulated cohort: patients and scanner. Empty: as its style has it."""

    style: Literal[
        "siemens_b30f",
        "ge_standard",
        "philips_c",
        "canon_fc08",
        "siemens_mr15",
        "ge_mr30",
        "siemens_pet_osem",
        "ge_pet_tofpsf",
        "philips_pet_cnts",
        "us_linear",
        "us_colour",
        "us_cine",
        "mg_standard",
        "mg_monochrome1",
        "oct_a",
        "oct_b",
    ] = "siemens_b30f"
    """Ready scanner, of the cohort's modality; what follows overrides it."""
    patients: PositiveInt = 24
    """Number of patients."""
    manufacturer: str | None = None
    """DICOM Manufacturer."""
    model: str | None = None
    """DICOM ManufacturerModelName."""
    kernel: str | None = None
    """DICOM ConvolutionKernel."""
    kv: PositiveFloat | None = None
    """Tube voltage, kV."""
    slice_thickness: PositiveFloat | None = None
    """Width of the slice profile, mm."""
    slice_spacing: PositiveFloat | None = None
    """Distance between slice centres, mm."""
    pixel_spacing: PositiveFloat | None = None
    """In-plane pixel size, mm."""
    noise_hu: NonNegativeFloat | None = None
    """Standard deviation of the noise in the middle of the body, HU."""
    blur_mm: PositiveFloat | None = None
    """Full width at half maximum of the in-plane point spread function, mm."""
    sharpen: NonNegativeFloat | None = None
    """Edge enhancement of the kernel; 0: none, 0.5: a sharp kernel."""
    shift_hu: float | None = None
    """Constant added inside the patient, HU."""
    retest: bool | None = None
    """Whether `retest_fraction` applies here."""


class Simulation(Section):
    """A cohort made up by `snakemake simulate`, as valid DICOM."""

    centres: dict[str, SimulatedCentre]
    """The centres."""
    effect: NonNegativeFloat = 2.5
    """Log odds of the outcome per SD of the latent texture variable; 0: the null cohort."""
    clinical_effect: NonNegativeFloat = 0.4
    """Log odds of the outcome per SD of the blood marker, on its log scale."""
    prevalence: float = Field(0.45, ge=0.02, le=0.98)
    """Expected share of patients with the binary endpoint."""
    retest_fraction: float = Field(0.25, ge=0, le=1)
    """Share of patients with a second scan, in centres with `retest`."""
    missing_rate: float = Field(0.06, ge=0, lt=0.9)
    """Share of clinical values left out."""
    modality: Literal["CT", "MR", "PT", "US", "MG", "OPT"] = "CT"
    """Kind of image; PT comes with its CT, MR with two sequences."""
    size: Literal["demo", "tiny"] = "demo"
    """demo: the whole body; tiny: small images around the liver, for tests."""


class Images(Section):
    """From series and contours to volumes and masks."""

    min_voxels: PositiveInt = 64
    """A mask with fewer voxels on the scan's own grid is refused."""
    seg_threshold: float = Field(0.5, gt=0, le=1)
    """Fractional DICOM SEG: a voxel belongs to the ROI from this fraction on."""
    contact_sheet: bool = True
    """Draw a picture per scan with the contours of all raters."""
    uneven_slices: Literal["refuse", "resample"] = "refuse"
    """Series with missing slices or uneven gaps: refuse, or interpolate between neighbours (never
    over more than one missing slice), and say so."""
    contour_gaps: Literal["keep", "fill"] = "keep"
    """Contours drawn on every second or third slice only: keep the slices between empty, or give
    them the nearest contour."""


class Predictor(Section):
    """A clinical variable offered to the clinical and the combined signature."""

    type: Literal["numeric", "categorical"]
    """numeric: scaled; categorical: one indicator per level seen in training."""


class Clinical(Section):
    """The clinical table."""

    table: str | None = None
    """CSV, TSV or Parquet file; none: the feature tables hold the endpoint themselves."""
    id: str = "patient"
    """Column with the PatientID as in DICOM."""
    predictors: dict[str, Predictor] = {}
    """Columns offered as clinical predictors."""
    describe: list[str] = []
    """Further columns for Table 1; never used for modelling."""
    scores: list[str] = []
    """Columns with the score of another model, such as a deep network's: numbers, known of every
    patient. They are the predictors of the signatures `deep` and `deep_stacked`. The other model
    must have been trained without any patient of this study, external ones included."""
