"""Simulated feature tables of PET lesions before and during treatment, with a planted change.

No image is drawn: the simulator of images knows one lesion and one visit. Every patient has some
lesions, measured at baseline and at week 6, a blood marker at both, and one of two treatments.
What is planted is a response: the largest lesions' texture changes with it, and so does the
hazard of progression. Nothing at baseline knows of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from rigoromics.seeds import derive_seed

Floats = npt.NDArray[np.float64]

TIMEPOINTS = ("baseline", "week6")
# Each feature: its median, then what a standard deviation of size, of uptake and of texture adds
# to its logarithm.
FEATURES: Mapping[str, tuple[float, float, float, float]] = {
    "original_shape_MeshVolume": (9000.0, 1.0, 0.0, 0.0),
    "original_shape_SurfaceArea": (2400.0, 0.7, 0.0, 0.05),
    "original_shape_Maximum3DDiameter": (34.0, 0.35, 0.0, 0.0),
    "original_shape_MajorAxisLength": (29.0, 0.33, 0.0, 0.0),
    "original_firstorder_Mean": (4.0, 0.05, 0.4, 0.0),
    "original_firstorder_Median": (3.8, 0.05, 0.4, 0.0),
    "original_firstorder_Maximum": (9.0, 0.12, 0.45, 0.05),
    "original_firstorder_90Percentile": (6.5, 0.1, 0.42, 0.03),
    "original_firstorder_RootMeanSquared": (4.4, 0.05, 0.4, 0.02),
    "original_firstorder_Variance": (4.5, 0.1, 0.7, 0.15),
    "original_firstorder_Entropy": (3.2, 0.05, 0.05, 0.1),
    "original_glcm_Contrast": (12.0, 0.05, 0.1, 0.45),
    "original_glcm_DifferenceEntropy": (2.5, 0.02, 0.03, 0.15),
    "original_glcm_Idm": (0.35, 0.0, -0.03, -0.2),
    "original_glcm_Idn": (0.88, 0.0, 0.0, -0.04),
    "original_glcm_JointEntropy": (6.1, 0.06, 0.04, 0.12),
    "original_glcm_SumEntropy": (4.1, 0.05, 0.05, 0.06),
    "original_glrlm_GrayLevelNonUniformity": (60.0, 0.8, -0.05, -0.1),
    "original_glrlm_RunLengthNonUniformity": (420.0, 0.9, 0.0, 0.15),
    "original_glrlm_RunPercentage": (0.85, 0.0, 0.0, 0.05),
    "original_glrlm_ShortRunEmphasis": (0.9, 0.0, 0.0, 0.04),
    "original_glszm_SizeZoneNonUniformity": (150.0, 0.7, 0.0, 0.3),
    "original_glszm_ZonePercentage": (0.5, -0.05, 0.0, 0.25),
    "original_gldm_DependenceEntropy": (6.3, 0.05, 0.03, 0.05),
    "original_gldm_LargeDependenceEmphasis": (40.0, 0.1, -0.05, -0.35),
    "original_ngtdm_Busyness": (0.4, 0.6, -0.1, -0.2),
    "original_ngtdm_Coarseness": (0.02, -0.7, 0.0, -0.2),
}
_NOISE = 0.08
_SCANNER = 0.15
_MOST_LESIONS = 5
_MEDIAN_MONTHS = 10.0


@dataclass(frozen=True)
class FollowUpSettings:
    """How large the cohort is, and what is planted in it.

    Attributes
    ----------
    patients
        Centre to number of patients.
    effect
        Log hazard of progression per standard deviation of the response; 0: the null cohort.
    marker_effect
        Log hazard per standard deviation of the marker's change.
    treatment_effect
        Log hazard of the drug in patients whose response is above average; none in the others.
    missing_rate
        Share of patients without the second scan, and of markers without a value.
    """

    patients: Mapping[str, int]
    effect: float = 1.2
    marker_effect: float = 0.3
    treatment_effect: float = 0.7
    missing_rate: float = 0.04


def follow_up_tables(settings: FollowUpSettings, seed: int) -> dict[str, pd.DataFrame]:
    """Return the tables of a simulated cohort.

    Returns
    -------
    dict of pandas.DataFrame
        `baseline` and `week6`: a row per lesion, with columns patient, centre and `FEATURES`;
        `clinical`: a row per patient with age, sex, ldh, ldh_week6, days_to_week6, treatment,
        months and progressed; `truth`: patient and response, which no study may know.
    """
    lesions: dict[str, list[pd.DataFrame]] = {name: [] for name in TIMEPOINTS}
    people, truth = [], []
    for centre in sorted(settings.patients):
        scanner = np.random.default_rng(derive_seed(seed, "scanner", centre))
        shift = scanner.normal(0.0, _SCANNER, len(FEATURES))
        for number in range(settings.patients[centre]):
            name = f"{centre}{number + 1:03d}"
            rng = np.random.default_rng(derive_seed(seed, "patient", name))
            response = float(rng.standard_normal())
            for timepoint, values in _lesions(rng, response, shift, settings).items():
                values.insert(0, "centre", centre)
                values.insert(0, "patient", name)
                lesions[timepoint].append(values)
            people.append({"patient": name, **_course(rng, response, settings)})
            truth.append({"patient": name, "response": response})
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in lesions.items()}
    return tables | {"clinical": pd.DataFrame(people), "truth": pd.DataFrame(truth)}


def _lesions(
    rng: np.random.Generator, response: float, shift: Floats, settings: FollowUpSettings
) -> dict[str, pd.DataFrame]:
    """Return a patient's lesions at each timepoint, the largest first."""
    count = int(rng.integers(1, _MOST_LESIONS + 1))
    own = rng.standard_normal(3)
    before = 0.6 * own + 0.8 * rng.standard_normal((count, 3))
    before = before[np.argsort(-before[:, 0], kind="stable")]
    # Size and uptake fall under treatment whatever the response; texture follows it, less so in
    # the smaller lesions.
    share = 1.0 / (1.0 + np.arange(count))
    change = np.column_stack(
        [
            -0.3 + 0.3 * rng.standard_normal(count),
            -0.4 + 0.4 * rng.standard_normal(count),
            share * response + 0.5 * rng.standard_normal(count),
        ]
    )
    missed = rng.uniform() < settings.missing_rate
    found = {"baseline": _features(rng, before, shift)}
    second = _features(rng, before + change, shift)
    return found if missed else found | {"week6": second}


def _features(rng: np.random.Generator, factors: Floats, shift: Floats) -> pd.DataFrame:
    middle = np.log([median for median, *_ in FEATURES.values()])
    loadings = np.array([weights for _, *weights in FEATURES.values()])
    noise = _NOISE * rng.standard_normal((len(factors), len(FEATURES)))
    values = np.exp(middle + factors @ loadings.T + shift * np.abs(loadings).sum(axis=1) + noise)
    return pd.DataFrame(values, columns=list(FEATURES))


def _course(
    rng: np.random.Generator, response: float, settings: FollowUpSettings
) -> dict[str, float | str | None]:
    """Return a patient's clinical row; the same draws whatever the effects are."""
    marker, change = rng.standard_normal(2)
    drug = bool(rng.uniform() < 0.5)
    age, male = rng.normal(62, 9), rng.uniform() < 0.5
    days = round(rng.normal(42, 3))
    absent = rng.uniform(size=2) < settings.missing_rate
    draw, end = rng.uniform(), float(rng.uniform(12.0, 36.0))
    log_hazard = settings.effect * response + settings.marker_effect * change
    log_hazard -= settings.treatment_effect * (drug and response > 0)
    time = float(_MEDIAN_MONTHS / np.log(2) * -np.log(draw) * np.exp(-log_hazard))
    ldh = float(np.exp(5.3 + 0.28 * marker))
    return {
        "age": round(float(age)),
        "sex": "male" if male else "female",
        "ldh": None if absent[0] else round(ldh, 1),
        "ldh_week6": None if absent[1] else round(float(ldh * np.exp(0.2 * change)), 1),
        "days_to_week6": days,
        "treatment": "drug" if drug else "control",
        "months": round(max(min(time, end), 0.1), 2),
        "progressed": int(time <= end),
    }
