"""A linear signature as numbers that a person can apply with a pocket calculator."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from rigoromics.harmonise.combat import ComBat
from rigoromics.select.columns import CLINICAL

# Learners whose risk is the linear sum itself, or the logistic function of it.
LINKS = {"ElasticNetLogistic": "logistic", "CoxElasticNet": "none"}
RECIPE = (
    "1. Missing features and numbers: take `if_missing`; a missing level is the level `missing`. "
    "2. Covariates: z = (value - mean) / scale "
    "of each (an indicator is 1 for its level, else 0; z is 0 for levels not listed). 3. Features "
    "with `harmonisation`, for patients of a batch listed there: expected = mean + the sum of "
    "covariate_effects * z; value becomes (value - expected - sd * shift) / scale + expected. "
    "4. Sum coefficient * (value - mean) / standard_deviation over all inputs (an indicator is 1 "
    "for its level, else 0), and add the intercept. 5. Link logistic: risk = 1 / (1 + exp(-sum)); "
    "none: risk = sum."
)


def by_hand(pipeline: Pipeline, inputs: list[str]) -> dict[str, Any] | None:
    """Return everything that the risk of new patients follows from.

    Parameters
    ----------
    pipeline
        Fitted steps of a signature.
    inputs
        Columns of the design matrix that reach the model.

    Returns
    -------
    dict or None
        `recipe`, `link`, `intercept`, `covariates` and `inputs`; None if the model is not linear,
        or harmonised in a way that mixes features or batch variables.
    """
    learner, steps = pipeline[-1], pipeline.named_steps
    combat = getattr(steps.get("harmonise"), "combat_", None)
    link = LINKS.get(type(learner).__name__)
    if link is None or (combat is not None and type(combat) is not ComBat):
        return None
    design, impute = steps["design"], steps["impute"]
    place = {str(name): i for i, name in enumerate(design.columns_)}
    medians = dict(zip(map(str, impute.features_), impute.medians_.tolist(), strict=True))
    medians |= dict(zip(map(str, impute.numeric_), impute.numeric_medians_.tolist(), strict=True))
    rows = []
    for name, weight in zip(inputs, learner.weights_.tolist(), strict=True):
        if weight == 0:
            continue
        row: dict[str, Any] = {
            "input": name,
            "coefficient": weight,
            "mean": float(design.means_[place[name]]),
            "standard_deviation": float(design.scales_[place[name]]),
        }
        if name in medians:
            row["if_missing"] = medians[name]
        if combat is not None and name in combat.features_:
            row["harmonisation"] = _of_feature(combat, name)
        rows.append(row)
    return {
        "recipe": RECIPE,
        "link": link,
        "intercept": float(getattr(learner, "intercept_", 0.0)),
        "covariates": _covariates(combat, medians),
        "inputs": rows,
    }


def _of_feature(combat: ComBat, name: str) -> dict[str, Any]:
    column = combat.features_.index(name)
    return {
        "mean": float(combat.mean_[column]),
        "sd": float(combat.sd_[column]),
        "covariate_effects": combat.covariate_effects_[:, column].tolist(),
        "shift": dict(zip(combat.batches_, combat.shift_[:, column].tolist(), strict=True)),
        "scale": dict(zip(combat.batches_, combat.scale_[:, column].tolist(), strict=True)),
    }


def _covariates(combat: ComBat | None, medians: dict[str, float]) -> list[dict[str, Any]]:
    """Return one entry per covariate column, in the order of the effects."""
    columns = []
    for code in combat.covariate_codes_ if combat is not None else []:
        levels = code["levels"]
        for i, (mean, scale) in enumerate(zip(code["mean"], code["scale"], strict=True)):
            column = {"name": code["name"].removeprefix(CLINICAL), "mean": float(mean)}
            column |= {"scale": float(scale)}
            if levels is None:
                column["if_missing"] = medians.get(code["name"])
            else:
                column |= {"level": levels[i + 1], "levels": levels}
            columns.append(column)
    return columns
