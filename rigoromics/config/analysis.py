"""Config of what is done with the features: stability to validation, and the paper."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from rigoromics.extract.rows import CONTROLS
from rigoromics.extract.settings import Section

Signature = Literal[
    "clinical", "volume", "radiomics", "combined", "stacked", "deep", "deep_stacked"
]
BinaryModel = Literal["elastic_net", "random_forest", "gradient_boosting"]
OrdinalModel = Literal["proportional_odds", "threshold_forest"]
MulticlassModel = Literal["multinomial_elastic_net", "multiclass_random_forest"]
CountModel = Literal["poisson_elastic_net"]
SurvivalModel = Literal[
    "cox_elastic_net", "random_survival_forest", "gradient_boosting_survival", "weibull_aft"
]
CompetingModel = Literal["cause_specific_cox"]


class StabilityDesign(Section):
    """How one kind of repetition decides which features are stable."""

    icc: Literal["ICC(1,1)", "ICC(A,1)", "ICC(C,1)"] = "ICC(A,1)"
    """Form of the intraclass correlation (McGraw & Wong 1996); A: absolute agreement."""
    threshold: float = Field(0.75, ge=0, le=1)
    """A feature is stable from this ICC on (Koo & Li 2016: 0.75 is good)."""
    bound: Literal["estimate", "lower"] = "lower"
    """Whether the estimate or the lower limit of its 95% interval must reach the threshold."""


class Stability(Section):
    """Which features survive another contour, scan or perturbation. Development patients only."""

    raters: StabilityDesign = StabilityDesign()
    """Between raters."""
    retest: StabilityDesign = StabilityDesign(bound="estimate")
    """Between test and retest."""
    perturbations: StabilityDesign = StabilityDesign(icc="ICC(1,1)", threshold=0.9)
    """Between the perturbed images and contours of one scan; form and threshold are those of
    Zwanenburg 2019."""


class Audit(Section):
    """What scanner and protocol do to cohorts, outcomes and features. It changes no model."""

    alpha: float = Field(0.05, gt=0, lt=1)
    """Level of the corrected p-values from which a difference or an effect counts."""
    min_group: int = Field(5, ge=2)
    """Least patients per level of a factor, and per batch that is proposed for ComBat."""
    factors: list[str] = []
    """Columns of the acquisition table to look at; empty: all that may change a feature."""
    leave_out: list[str] = []
    """Columns of the acquisition table to leave out."""
    permutations: PositiveInt = 999
    """Permutations of the tests that need them."""


class Univariate(Section):
    """Each feature alone against each endpoint, with cut-offs. It changes no model."""

    bootstrap: PositiveInt = 500
    """Bootstrap samples for the intervals of cut-offs."""
    permutations: PositiveInt = 1000
    """Permutations for the family-wise p-values (Westfall-Young maxT)."""
    top: PositiveInt = 6
    """Features that the picture shows."""


class Genomics(Section):
    """Features against genes, mutations or pathway scores. It changes no model."""

    table: str
    """Table with one row per patient and one column per gene: TSV, CSV or Parquet."""
    id: str = "patient"
    """Its column with the patient's ID."""
    covariates: list[str] = []
    """Clinical predictors whose part is taken out of both sides."""
    permutations: PositiveInt = 100
    """Permutations of patients for the false discovery rate."""
    alpha: float = Field(0.05, gt=0, lt=1)
    """False discovery rate that the heat map marks."""


class Harmonisation(Section):
    """ComBat, fitted inside the fold."""

    method: Literal["combat", "covbat", "none"] = "combat"
    """combat: Johnson 2007; covbat: Chen 2022, correlations between features too; none: features
    as they are."""
    batch: list[str] = ["centre"]
    """What makes a batch: `centre`, `manufacturer`, `model`, `kernel` or `slice_thickness`; in a
    study of feature tables `centre` and what `features: acquisition:` names."""
    order: Literal["joined", "sequential"] = "joined"
    """Several batch variables: joined into one, or harmonised one after the other, in the order
    listed (after Nested ComBat, Horng 2022)."""
    covariates: list[str] = []
    """Clinical predictors whose effect is preserved; never the outcome."""
    parametric: bool = True
    """Parametric or non-parametric empirical Bayes priors."""
    mean_only: bool = False
    """Take out the shift of each batch and leave its scale."""
    reference: str = ""
    """Batch that all others are brought to and that stays as it is; empty: the overall mean."""
    unseen: Literal["none", "align", "refuse"] = "align"
    """A batch that training never saw: left as it is; aligned to the frozen reference using its
    features only; or its external patients are refused. The first two are both reported, and this
    one counts; patients that are refused get no prediction."""

    @model_validator(mode="after")
    def _agree(self) -> Harmonisation:
        if not self.batch:
            raise ValueError("`batch` names nothing that makes a batch")
        if self.method == "covbat" and self.mean_only:
            raise ValueError("CovBat harmonises spreads, which `mean_only` forbids")
        if self.reference and self.variables:
            raise ValueError(
                "a reference batch is one batch: with `order: sequential` every variable would "
                "need its own"
            )
        return self

    @property
    def variables(self) -> list[str]:
        """Batch variables that are harmonised one after the other; empty if they are joined."""
        return self.batch if self.order == "sequential" and len(self.batch) > 1 else []

    @property
    def policies(self) -> list[str]:
        """Policies for unseen batches under which external patients are predicted."""
        return ["refuse"] if self.unseen == "refuse" else ["none", "align"]


class Selection(Section):
    """From a thousand features to a few, inside the fold."""

    redundancy: float = Field(0.9, gt=0, le=1)
    """Of features whose absolute rank correlation exceeds this, one is kept."""
    redundancy_by: Literal["order", "clusters"] = "order"
    """order: one by one, the most stable first. clusters: of each cluster of correlated features
    (average linkage) the most stable; the one most like the others where stability is unknown."""
    decorrelate_volume: float | None = Field(None, gt=0, lt=1)
    """Drop features whose absolute rank correlation with volume exceeds this; empty: none."""
    method: Literal[
        "univariate",
        "mrmr",
        "univariate_fdr",
        "relieff",
        "lasso",
        "boruta",
        "stability_selection",
    ] = "mrmr"
    """How the remaining ones are ranked, or judged (docs/howto/select.md)."""
    fdr: float = Field(0.05, gt=0, lt=1)
    """False discovery rate of `univariate_fdr`."""
    threshold: float = Field(0.75, gt=0.5, le=1)
    """Share of halves of the patients that must choose a feature in `stability_selection`."""
    false_features: float = Field(1.0, gt=0)
    """Expected number of false features that `stability_selection` may keep."""
    max_features: PositiveInt | Literal["auto", "riley"] = "auto"
    """Upper limit; auto: one per ten events (of the rarer class). riley: what keeps the expected
    shrinkage at 0.9 or above (Riley 2019)."""
    explained: float = Field(0.15, gt=0, lt=1)
    """Of `riley`: Nagelkerke's R2 that the model is expected to reach."""
    exceed_cap: bool = False
    """Allow a number of features above what `auto` and `riley` allow; otherwise it is refused."""


class Models(Section):
    """Signatures and models that are fitted, and the one that the verdict is about."""

    signatures: list[Signature] = ["clinical", "volume", "radiomics", "combined"]
    """Sets of predictors. combined: features and clinical predictors in one model; stacked: the
    radiomics risk, out of fold, as one column beside the clinical predictors. deep: the columns of
    `clinical: scores:`; deep_stacked: the radiomics risk, out of fold, beside these."""
    binary: list[BinaryModel] = ["elastic_net", "random_forest"]
    """Models for binary endpoints; the first is the primary one."""
    ordinal: list[OrdinalModel] = ["proportional_odds", "threshold_forest"]
    """Models for ordinal endpoints; the first is the primary one."""
    multiclass: list[MulticlassModel] = ["multinomial_elastic_net", "multiclass_random_forest"]
    """Models for endpoints of several classes; the first is the primary one."""
    count: list[CountModel] = ["poisson_elastic_net"]
    """Models for counts; the first is the primary one."""
    survival: list[SurvivalModel] = ["cox_elastic_net", "random_survival_forest"]
    """Models for survival endpoints; the first is the primary one."""
    competing: list[CompetingModel] = ["cause_specific_cox"]
    """Models for survival endpoints with competing events; the first is the primary one."""
    primary: Signature = "radiomics"
    """The signature that the study is about, named before anything is fitted."""
    volume_feature: str = "original_shape_MeshVolume"
    """The feature that stands for volume."""
    trees: PositiveInt = 100
    """Trees in a forest."""
    class_weight: Literal["balanced", "none"] = "balanced"
    """Weights against class imbalance; no resampling is ever done."""


class Validation(Section):
    """Nested cross-validation, and intervals."""

    folds: Literal["patient", "centre"] = "patient"
    """What the outer folds hold out: patients at random, or each centre of the development as a
    whole (then `outer_folds` and `repeats` count for nothing)."""
    outer_folds: int = Field(5, ge=2)
    """Folds that estimate performance."""
    inner_folds: int = Field(4, ge=2)
    """Folds that tune, inside each outer training set."""
    repeats: PositiveInt = 1
    """Repetitions of the outer folds."""
    one_standard_error: bool = False
    """Take the simplest configuration within one standard error of the best."""
    bootstrap: PositiveInt = 1000
    """Bootstrap samples where no closed form exists."""
    optimism: NonNegativeInt = 0
    """Bootstrap samples for the .632+ AUC of the primary signature of binary endpoints, beside its
    cross-validation; each fits the whole procedure once more. 0: none."""
    sensitivity: float = Field(0.9, gt=0, le=1)
    """Share of events that a second cut-off, learned in development, must call; external patients
    are classified by it too."""
    subgroups: list[str] = ["sex", "age", "batch"]
    """By what performance is shown apart: columns of the clinical predictors or of
    `clinical: describe`, `batch`, `centre`. Numbers are split at the median of development; what
    the study lacks is left out."""
    risk_categories: list[Annotated[float, Field(gt=0, lt=1)]] = []
    """Rising probabilities of the event between which reclassification counts categories; empty:
    the two classes of the locked cut-off."""

    @field_validator("risk_categories")
    @classmethod
    def _rising(cls, cuts: list[float]) -> list[float]:
        if cuts != sorted(set(cuts)):
            raise ValueError("risk_categories must rise, each once, as in [0.1, 0.2]")
        return cuts


class Controls(Section):
    """What a signature must beat before anyone believes it."""

    permutations: NonNegativeInt = 50
    """Runs of the whole procedure on permuted outcomes; 0 leaves the study without a p-value."""
    random_features: NonNegativeInt = 0
    """Runs of the procedure of the primary signature with features drawn at random; 0: none."""
    shuffled_voxels: bool = True
    """Extract and model the features of voxels shuffled within the ROI."""
    images: list[str] = []
    """Further negative-control images to extract: shuffled, sampled or randomised, each of the
    ROI's voxels, of all others (`_outside`) or of all (`_whole`), as in `randomised_whole`. Their
    rows stand in the feature table; models do not see them."""

    @field_validator("images")
    @classmethod
    def _known_images(cls, names: list[str]) -> list[str]:
        unknown = sorted(set(names) - {*CONTROLS})
        if unknown:
            raise ValueError(
                f"no negative control is called {', '.join(unknown)}; there are "
                f"{', '.join(CONTROLS)}"
            )
        return names


class Paper(Section):
    """What the manuscript says of itself."""

    title: str
    """Title."""
    authors: list[str] = []
    """Authors, in order."""
    affiliation: str = ""
    """Affiliation line."""
    date: str = ""
    """Date to print; empty: none."""
    note: str = ""
    """A sentence for the results page, such as the published figure to compare with."""


class Compute(Section):
    """How work is cut into jobs."""

    cases_per_chunk: PositiveInt | Literal["auto"] = "auto"
    """Cases that share an image job; auto: one up to 256 cases, then so many that 256 jobs do."""
    gpu: bool = False
    """Extract on an NVIDIA GPU where the job finds one, and on the CPU where not; each record says
    which. Only scans whose extraction settings say `engine: fast`."""
    max_failed: float = Field(0.2, ge=0, le=1)
    """The study stops when a larger share of cases than this was refused."""


class Tracking(Section):
    """MLflow."""

    experiment: str = ""
    """Experiment to log to; empty: the study's name."""
