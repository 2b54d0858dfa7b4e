"""A made study with a signal of known strength, and Giardiello's external validation."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

SIGNATURES = ("clinical", "combined", "radiomics", "shuffled", "volume")
MODELS = {"binary": ("elastic_net",), "survival": ("cox_elastic_net",)}


def _patients(rng: np.random.Generator, kind: str, latent: np.ndarray) -> pd.DataFrame:
    n = latent.size
    if kind == "binary":
        return pd.DataFrame({"y": (rng.random(n) < expit(latent - 0.3)).astype(float)})
    hidden = rng.exponential(np.exp(-latent) * 4.0)
    censored = rng.uniform(0.5, 8.0, n)
    return pd.DataFrame(
        {"time": np.minimum(hidden, censored), "event": (hidden <= censored).astype(float)}
    )


def _predictions(
    kind: str = "binary",
    strength: dict[str, float] | None = None,
    sizes: dict[str, int] | None = None,
    policies: tuple[str, ...] = ("none",),
    seed: int = 0,
) -> pd.DataFrame:
    """Cohort A is the development; the risk of a signature is strength * latent + noise."""
    strength = strength or {}
    rng = np.random.default_rng(seed)
    parts = []
    for cohort, n in (sizes or {"A": 100, "B": 60, "C": 60}).items():
        latent = rng.normal(size=n)
        patients = _patients(rng, kind, latent)
        patients["patient"] = [f"P-{cohort}{i:04d}" for i in range(n)]
        split = "development_cv" if cohort == "A" else "external"
        role = "development" if cohort == "A" else "external"
        patients = patients.assign(cohort=cohort, centre=f"centre {cohort}", role=role, split=split)
        for signature in SIGNATURES:
            weight = strength.get(signature, 0.0)
            risk = weight * latent + 0.5 * rng.normal(size=n)
            chance = expit(risk - 0.3) if kind == "binary" else np.exp(-0.5 * np.exp(risk))
            curves = {
                f"survival_{step:02d}": np.exp(-0.5 * step / 4 * np.exp(risk))
                for step in (range(1, 5) if kind == "survival" else ())
            }
            for policy in ("none",) if cohort == "A" else policies:
                for model in MODELS[kind]:
                    parts.append(
                        patients.assign(
                            signature=signature,
                            model=model,
                            policy=policy,
                            risk=risk,
                            probability=chance,
                            cutoff_class=(risk > 0).astype(float),
                            **curves,
                        )
                    )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="session")
def make_predictions() -> Callable[..., pd.DataFrame]:
    """Return the maker of a study's predictions."""
    return _predictions


@pytest.fixture(scope="session")
def make_permutations() -> Callable[..., pd.DataFrame]:
    """Return the maker of a permutation table around chance."""

    def make(observed: float, repeats: int = 99) -> pd.DataFrame:
        null = np.random.default_rng(7).normal(0.5, 0.05, repeats)
        statistic = np.append(observed, null)
        return pd.DataFrame({"permutation": np.arange(-1, repeats), "statistic": statistic})

    return make


@dataclass(frozen=True)
class External:
    """Validation patients, cut at five years, with the predictions of the published model."""

    time: np.ndarray
    event: np.ndarray
    linear_predictor: np.ndarray
    probability: np.ndarray


def _bend(x: np.ndarray) -> np.ndarray:
    """Restricted cubic spline of the nodes, knots 0, 1 and 9 as published."""

    def cube(knot: float) -> np.ndarray:
        return np.clip(x - knot, 0, None) ** 3

    return (cube(0) - cube(1) * 9 / 8 + cube(9) * 1 / 8) / 81


def _design(nodes: pd.Series, middle: pd.Series, large: pd.Series, grade: pd.Series) -> np.ndarray:
    capped = np.minimum(nodes.to_numpy(float), 19.0)
    return np.column_stack([middle, large, capped, _bend(capped), grade == 3]).astype(float)


@pytest.fixture(scope="session")
def external(shared_data: Path) -> External:
    """Rebuild the published Cox model on Rotterdam with lifelines; predict GBSG at five years."""
    from lifelines import CoxPHFitter

    folder = shared_data / "statistics" / "cox_external_validation"
    dev, val = pd.read_csv(folder / "rotterdam.csv"), pd.read_csv(folder / "gbsg.csv")
    event = np.maximum(dev["recur"], dev["death"])
    died_later = (event == 1) & (dev["recur"] == 0) & (dev["rtime"] < dev["dtime"])
    years = dev["rtime"].where(~died_later, dev["dtime"]) / 365.25
    columns = list("abcde")
    fitted_on = pd.DataFrame(
        _design(dev["nodes"], dev["size"] == "20-50", dev["size"] == ">50", dev["grade"]),
        columns=columns,
    ).assign(time=np.minimum(years, 5.0), happened=event.where(years <= 5.0, 0))
    model = CoxPHFitter().fit(fitted_on, "time", "happened")
    size = val["size"]
    rows = pd.DataFrame(
        _design(val["nodes"], size.between(20, 50, "right"), size > 50, val["grade"]),
        columns=columns,
    )
    time = val["rfstime"] / 365.25
    return External(
        time=np.minimum(time, 5.0).to_numpy(),
        event=val["status"].where(time <= 5.0, 0).to_numpy(float),
        linear_predictor=model.predict_log_partial_hazard(rows).to_numpy(),
        probability=1.0 - model.predict_survival_function(rows, times=[5.0]).to_numpy()[0],
    )
