"""What a study decides about its models, as one immutable record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rigoromics.errors import DataError
from rigoromics.model.outcome import Endpoint

# Settings of the selection that the choosing step takes as they are.
CHOOSING = ("fdr", "threshold", "false_features")

Grid = dict[str, tuple[float, ...]]

# From the simplest to the most flexible, as all grids are read: strong penalties and large
# leaves first. `alpha` is the penalty per patient on standardised columns (glmnet's lambda).
PENALTY: Grid = {"alpha": (0.2, 0.05, 0.01), "l1_ratio": (0.9, 0.1)}
LEAVES: Grid = {"min_samples_leaf": (8, 3)}
DEPTHS: Grid = {"depth": (1, 3)}
GRIDS: dict[str, Grid] = {
    "elastic_net": PENALTY,
    "random_forest": LEAVES,
    "gradient_boosting": DEPTHS,
    "proportional_odds": PENALTY,
    "threshold_forest": LEAVES,
    "multinomial_elastic_net": PENALTY,
    "multiclass_random_forest": LEAVES,
    "poisson_elastic_net": PENALTY,
    "cox_elastic_net": PENALTY,
    "random_survival_forest": LEAVES,
    "gradient_boosting_survival": DEPTHS,
    "weibull_aft": PENALTY,
    "cause_specific_cox": PENALTY,
}
KIND = {
    "elastic_net": "binary",
    "random_forest": "binary",
    "gradient_boosting": "binary",
    "proportional_odds": "ordinal",
    "threshold_forest": "ordinal",
    "multinomial_elastic_net": "multiclass",
    "multiclass_random_forest": "multiclass",
    "poisson_elastic_net": "count",
    "cox_elastic_net": "survival",
    "random_survival_forest": "survival",
    "gradient_boosting_survival": "survival",
    "weibull_aft": "survival",
    "cause_specific_cox": "competing",
}


@dataclass(frozen=True)
class Settings:
    """How signatures are built and judged.

    Attributes
    ----------
    harmonisation
        `method`, `covariates`, `parametric`, `unseen`.
    stability
        Design to `icc`, `threshold`, `bound`.
    redundancy
        Largest absolute rank correlation between two features of a signature.
    selection, choosing
        A method of `ChooseFeatures`, and what it is given.
    clusters, decorrelate_volume
        Whether redundancy is judged by clusters; largest absolute rank correlation with volume.
    explained
        Of the limit `riley`: Nagelkerke's R2 that the model is expected to reach.
    exceed_cap
        Whether a number of features beyond what the outcomes carry is declared.
    max_features
        Upper limit of the number of features, or `auto`.
    clinical
        Clinical predictor to its kind.
    scores
        Columns with the score of another model: predictors of the signatures `deep` and
        `deep_stacked`.
    volume_feature
        The feature that stands for volume.
    longitudinal
        `baseline`, `follow_up`, `follows`, `values`, `near_zero`, as `Deltas` takes them; empty:
        one timepoint.
    trees, class_weight, grids
        Trees of a forest, `balanced` or `none`, and the values tried of each model's
        hyperparameters.
    outer_folds, inner_folds, repeats, one_standard_error, folds
        The nested cross-validation.
    """

    harmonisation: Mapping[str, Any] = field(default_factory=dict)
    stability: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    redundancy: float = 0.9
    selection: str = "mrmr"
    choosing: Mapping[str, float] = field(default_factory=dict)
    clusters: bool = False
    decorrelate_volume: float | None = None
    explained: float = 0.15
    exceed_cap: bool = False
    max_features: int | Literal["auto", "riley"] = "auto"
    clinical: Mapping[str, str] = field(default_factory=dict)
    scores: tuple[str, ...] = ()
    volume_feature: str = "original_shape_MeshVolume"
    longitudinal: Mapping[str, Any] = field(default_factory=dict)
    trees: int = 100
    class_weight: Literal["balanced", "none"] = "none"
    grids: Mapping[str, Grid] = field(default_factory=dict)
    outer_folds: int = 5
    inner_folds: int = 4
    repeats: int = 1
    one_standard_error: bool = False
    folds: Literal["patient", "centre"] = "patient"

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Settings:
        """Return the settings that a script's params hold.

        Parameters
        ----------
        plain
            Keys harmonisation, stability, selection (redundancy, method, max_features), models
            (trees, class_weight and, per model, the values of its hyperparameters), validation
            (outer_folds, inner_folds, repeats, one_standard_error, folds), clinical, scores,
            volume_feature.
            What is left out takes its default.
        """
        selection, models = plain.get("selection", {}), plain.get("models", {})
        validation, given = plain.get("validation", {}), cls()
        return cls(
            harmonisation=dict(plain.get("harmonisation", {})),
            stability=dict(plain.get("stability", {})),
            redundancy=float(selection.get("redundancy", given.redundancy)),
            selection=selection.get("method", given.selection),
            choosing={name: selection[name] for name in CHOOSING if name in selection},
            clusters=selection.get("redundancy_by", "order") == "clusters",
            decorrelate_volume=selection.get("decorrelate_volume"),
            explained=float(selection.get("explained", given.explained)),
            exceed_cap=bool(selection.get("exceed_cap", given.exceed_cap)),
            max_features=selection.get("max_features", given.max_features),
            clinical=dict(plain.get("clinical", {})),
            scores=tuple(plain.get("scores", ())),
            volume_feature=plain.get("volume_feature", given.volume_feature),
            longitudinal=dict(plain.get("longitudinal", {})),
            trees=int(models.get("trees", given.trees)),
            class_weight=models.get("class_weight") or "none",
            grids={name: _grid(models[name]) for name in GRIDS if name in models},
            outer_folds=int(validation.get("outer_folds", given.outer_folds)),
            inner_folds=int(validation.get("inner_folds", given.inner_folds)),
            repeats=int(validation.get("repeats", given.repeats)),
            one_standard_error=bool(validation.get("one_standard_error", False)),
            folds=validation.get("folds", given.folds),
        )

    def grid(self, model: str) -> Grid:
        """Return the hyperparameter values to try of one model, the simplest first."""
        return {**GRIDS[model], **self.grids.get(model, {})}


@dataclass(frozen=True)
class Procedure:
    """The whole of what turns patients into a signature: nothing else decides anything.

    Attributes
    ----------
    signature
        clinical, volume, radiomics, combined, stacked, shuffled, deep or deep_stacked.
    model
        One of `KIND` that goes with the endpoint.
    endpoint, settings
        What is predicted, and how.
    seed
        Seed of folds, forests and permutations.
    """

    signature: str
    model: str
    endpoint: Endpoint
    settings: Settings
    seed: int

    def __post_init__(self) -> None:
        if KIND.get(self.model) != self.endpoint.kind:
            fitting = [name for name, kind in KIND.items() if kind == self.endpoint.kind]
            raise DataError(
                f"model {self.model!r} does not exist for {self.endpoint.kind} endpoints",
                f"choose among: {', '.join(fitting)}",
            )

    @property
    def name(self) -> str:
        """Name of signature and model, as in results."""
        return f"{self.signature}.{self.model}"


def _grid(plain: Mapping[str, Any]) -> Grid:
    """Return hyperparameter values as tuples; a single value is a grid of one."""
    return {
        name: tuple(values) if isinstance(values, list | tuple) else (values,)
        for name, values in plain.items()
    }
