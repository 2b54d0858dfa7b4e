"""A signature: a fitted pipeline with its cut-off, and what is known of how it came to be."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from rigoromics.errors import DataError
from rigoromics.model.by_hand import by_hand
from rigoromics.model.concordance import count_pairs
from rigoromics.model.curve import curve_columns, curve_times
from rigoromics.model.nested import sort_patients
from rigoromics.model.outcome import Endpoint, Outcome, events
from rigoromics.model.pipeline import Configuration
from rigoromics.model.prediction import prediction_columns
from rigoromics.model.settings import Procedure
from rigoromics.model.tuning import Fitted, transformed
from rigoromics.select.choose import events_cap

Array = npt.NDArray[np.float64]

SHUFFLES = 20
CUTOFF_RULES = {
    "binary": (
        "largest sensitivity + specificity - 1, over out-of-fold risks of development patients"
    ),
    "median": "median of the out-of-fold risks of development patients",
    "balanced": (
        "none; a patient is given the level or class whose probability most exceeds its share "
        "among development patients"
    ),
    "likeliest": "none; a patient is given the most probable level or class",
}


@dataclass(frozen=True)
class Signature:
    """A signature that can be locked and applied; it holds no patient's data.

    Attributes
    ----------
    signature, model
        Its names in the config.
    endpoint
        What it predicts.
    pipeline
        Fitted steps from analysis table to risk.
    configuration
        Hyperparameters and number of features that tuning chose.
    cutoff
        Risk from which on a patient counts as high risk (survival, counts) or positive (binary);
        None for levels and classes.
    patients, events, batches
        What it was developed on: how many patients, how many events, which batches.
    extraction
        Fingerprints of the extraction settings by scan; empty if they are not known.
    """

    signature: str
    model: str
    endpoint: Endpoint
    pipeline: Pipeline
    configuration: Configuration
    cutoff: float | None
    patients: int
    events: int
    batches: tuple[str, ...]
    extraction: Mapping[str, str] = field(default_factory=dict)

    def predict(self, X: pd.DataFrame, policy: str = "none") -> pd.DataFrame:
        """Return what the signature says of patients, exactly as it was locked.

        Parameters
        ----------
        X
            Analysis table, index patient; no outcome is needed, none is looked at.
        policy
            For batches that training did not see: `none` leaves their features as they are,
            `align` adjusts them to the frozen reference by their features alone, `refuse`
            raises. `align` looks at all rows of a batch together, so hand them in together.

        Returns
        -------
        pandas.DataFrame
            Index as X. `risk`: probability of the event (binary), or log hazard against the
            average patient (survival). `probability`: the same probability (binary), or that of
            no event until the horizon (survival). `high`: 1 from the cut-off on, else 0. Other
            types: as `prediction_columns` says.

        Raises
        ------
        DataError
            If columns are missing, or a batch is refused.
        """
        model, design = self._applied(X, policy)
        columns = prediction_columns(
            self.endpoint,
            model.risk(design),
            model.probability(design),
            self.cutoff,
            model.called(design) if self.endpoint.has_classes else None,
        )
        return pd.DataFrame(columns, index=X.index)

    def survival(self, X: pd.DataFrame, policy: str = "none") -> pd.DataFrame:
        """Return survival curves, exactly as the signature was locked.

        Parameters
        ----------
        X, policy
            As for `predict`.

        Returns
        -------
        pandas.DataFrame
            Index as X; `survival_01` and so on, the probability of no event until each time of
            `curve_times`. No columns for endpoints without curves.

        Raises
        ------
        DataError
            As `predict`, and if the signature was locked before signatures held curves.
        """
        if not self.endpoint.has_curves:
            return pd.DataFrame(index=X.index)
        model, design = self._applied(X, policy)
        try:
            curves = model.survival(design)
        except AttributeError as error:
            if error.name != "baseline_hazards_":
                raise
            raise DataError(
                f"the signature {self.signature}.{self.model} holds the survival at its horizon "
                "alone: it was locked by an earlier version",
                "use `predict`, or fit the study anew for whole curves",
            ) from error
        return pd.DataFrame(curve_columns(curves), index=X.index)

    def _applied(self, X: pd.DataFrame, policy: str) -> tuple[Any, pd.DataFrame]:
        """Return the model, and what it sees of patients."""
        pipeline = with_policy(self.pipeline, policy)
        return pipeline[-1], transformed(pipeline, X)

    @property
    def inputs(self) -> list[str]:
        """Columns of the design matrix that reach the model."""
        if "choose" not in self.pipeline.named_steps:
            return [str(name) for name in self.pipeline.named_steps["design"].columns_]
        design, chosen = (self.pipeline.named_steps[name] for name in ("design", "choose"))
        clinical = design.columns_[: len(design.columns_) - len(design.features_)]
        return [str(name) for name in (*clinical, *chosen.features_)]

    @property
    def used(self) -> list[str]:
        """Inputs that matter: all of a forest's, those with a weight in a linear model."""
        weights = getattr(self.pipeline[-1], "weights_", None)
        if weights is None:
            return self.inputs
        return [name for name, weight in zip(self.inputs, weights, strict=True) if weight != 0]


def make_signature(
    fitted: Fitted,
    procedure: Procedure,
    y: Outcome,
    extraction: Mapping[str, str] | None = None,
) -> Signature:
    """Return a fitted signature without anything that belongs to a patient.

    Parameters
    ----------
    fitted
        What `fit_all` or an outer fold returned.
    procedure
        How it was built.
    y
        Outcomes it was fitted to.
    extraction
        Fingerprints of the settings that its features were extracted with.
    """
    steps = []
    for name, step in fitted.pipeline.steps:
        kept = copy.copy(step)
        if name == "stability":
            # The repeats are measurements of patients; the fitted step needs them no more.
            kept.repeats = None
        steps.append((name, kept))
    harmonise = fitted.pipeline.named_steps.get("harmonise")
    return Signature(
        signature=procedure.signature,
        model=procedure.model,
        endpoint=procedure.endpoint,
        pipeline=Pipeline(steps),
        configuration=fitted.configuration,
        cutoff=fitted.cutoff,
        patients=len(y),
        events=int(events(y).sum()),
        batches=tuple(map(str, harmonise.batches_)) if harmonise is not None else (),
        extraction=dict(extraction or {}),
    )


def with_policy(pipeline: Pipeline, policy: str) -> Pipeline:
    """Return a fitted pipeline with another policy for unseen batches."""
    return Pipeline(
        [
            (name, step.with_policy(policy) if name == "harmonise" else step)
            for name, step in pipeline.steps
        ]
    )


def describe(
    signature: Signature, procedure: Procedure, X: pd.DataFrame, y: Outcome
) -> dict[str, Any]:
    """Return a locked signature in words and numbers that a person can read.

    Parameters
    ----------
    signature, procedure
        The signature and how it was built.
    X, y
        Development patients, for the importances of a forest.
    """
    design, learner = signature.pipeline.named_steps["design"], signature.pipeline[-1]
    place = {str(name): i for i, name in enumerate(design.columns_)}
    worth = _worth(signature, X, y, procedure.seed)
    key = "coefficient" if hasattr(signature.pipeline[-1], "weights_") else "importance"
    features = [
        {
            "feature": name,
            key: value,
            "mean": float(design.means_[place[name]]),
            "standard_deviation": float(design.scales_[place[name]]),
        }
        for name, value in zip(signature.inputs, worth, strict=True)
    ]
    cap = events_cap(y)
    return {
        "signature": signature.signature,
        "model": signature.model,
        "endpoint": signature.endpoint.as_dict(),
        "configuration": dict(sorted(signature.configuration.items())),
        "class_weight": procedure.settings.class_weight,
        "intercept": getattr(signature.pipeline[-1], "intercept_", None),
        "baseline_hazard_at_horizon": getattr(signature.pipeline[-1], "baseline_hazard_", None),
        "baseline_hazard": _baseline(signature),
        "cutoff": signature.cutoff,
        "cutoff_rule": CUTOFF_RULES[_cutoff_rule(signature, procedure)],
        "features": features,
        "features_used": signature.used,
        "meaning": (
            "coefficients and importances belong to standardised columns: "
            "(harmonised value - mean) / standard_deviation"
        ),
        "filters": _filters(signature.pipeline),
        "harmonisation": _harmonisation(signature.pipeline),
        "patients": signature.patients,
        "events": signature.events,
        "events_cap_on_features": cap,
        "exceeds_events_cap": bool(signature.configuration.get("k", 0) > cap),
        "batches": list(signature.batches),
        "seed": procedure.seed,
        "extraction": dict(signature.extraction),
        "by_hand": by_hand(signature.pipeline, signature.inputs),
        **(learner.constants() if hasattr(learner, "constants") else {}),
    }


def _baseline(signature: Signature) -> dict[str, list[float]] | None:
    """Return the cumulative baseline hazard on its grid, for curves by hand."""
    hazards = getattr(signature.pipeline[-1], "baseline_hazards_", None)
    if hazards is None:
        return None
    times = curve_times(float(signature.endpoint.horizon or 0.0))
    return {"times": times.tolist(), "cumulative": hazards.tolist()}


def _cutoff_rule(signature: Signature, procedure: Procedure) -> str:
    if not signature.endpoint.has_classes:
        return "binary" if signature.endpoint.type == "binary" else "median"
    return "balanced" if procedure.settings.class_weight == "balanced" else "likeliest"


def _worth(signature: Signature, X: pd.DataFrame, y: Outcome, seed: int) -> list[float]:
    """Return coefficients, or how much AUC or C falls when an input is shuffled."""
    learner = signature.pipeline[-1]
    if hasattr(learner, "weights_"):
        return [float(weight) for weight in learner.weights_]
    X, y = sort_patients(X, y)
    design = transformed(signature.pipeline, X).to_numpy()
    whole = count_pairs(y, learner.risk(design)).share
    rng = np.random.default_rng(seed)
    found = []
    for column in range(design.shape[1]):
        shares = []
        for _ in range(SHUFFLES):
            shuffled = design.copy()
            shuffled[:, column] = rng.permutation(design[:, column])
            shares.append(count_pairs(y, learner.risk(shuffled)).share)
        found.append(float(whole - np.mean(shares)))
    return found


def _filters(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Return how many features each step let through, and how many it dropped."""
    words = {
        "impute": "missing in more than half of the patients",
        "variance": "hardly varying",
        "stability": "unstable between raters or scans",
        "redundancy": "represented by a correlated feature",
    }
    rows = [
        {"dropped_as": words[name], "dropped": step.n_dropped_, "left": len(step.features_)}
        for name, step in pipeline.steps
        if name in words
    ]
    if "choose" in pipeline.named_steps:
        left = len(pipeline.named_steps["choose"].features_)
        rows.append({"dropped_as": "not chosen", "dropped": rows[-1]["left"] - left, "left": left})
    return rows


def _harmonisation(pipeline: Pipeline) -> dict[str, Any]:
    step = pipeline.named_steps.get("harmonise")
    if step is None:
        return {"method": "none", "reason": "the signature has no image features to harmonise"}
    if step.combat_ is None:
        return {"method": "none", "reason": step.skipped_}
    return {
        "method": {"combat": "ComBat", "covbat": "CovBat"}[step.method],
        "training_left_as_it_is": step.skipped_,
        "batches": [str(name) for name in step.batches_],
        "covariates": list(step.covariates),
        "parametric": step.parametric,
        "mean_only": step.mean_only,
        "reference": step.reference,
        "order": list(step.variables) if step.order == "sequential" else "joined",
        "unseen": step.unseen,
    }
