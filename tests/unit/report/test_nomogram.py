"""A nomogram read by hand gives what the signature computes."""

import numpy as np
import pytest
from scipy.special import expit

from rigoromics.report.nomogram import MOST_PREDICTORS, nomogram, nomogram_figure

BINARY = {"type": "binary", "label": "metastasis"}
SURVIVAL = {"type": "survival", "label": "survival", "horizon": 24.0, "unit": "months"}
FEATURES = [
    {"feature": "original_shape_MeshVolume", "coefficient": 0.6, "mean": 9000.0,
     "standard_deviation": 4000.0},
    {"feature": "original_glcm_JointEntropy", "coefficient": -0.4, "mean": 5.0,
     "standard_deviation": 0.8},
    {"feature": "clinical.sex=male", "coefficient": 0.3, "mean": 0.4, "standard_deviation": 0.5},
    {"feature": "original_glcm_Idm", "coefficient": 0.0, "mean": 1.0, "standard_deviation": 1.0},
]  # fmt: skip
SIGNATURE = {"features": FEATURES, "intercept": -0.2, "baseline_hazard_at_horizon": 0.3}


def by_hand(values):
    return sum(
        row["coefficient"] * (value - row["mean"]) / row["standard_deviation"]
        for row, value in zip(FEATURES, values, strict=False)
    )


@pytest.mark.parametrize("values", [(9000.0, 5.0, 0.0), (14000.0, 4.0, 1.0), (3000.0, 6.5, 1.0)])
def test_points_add_up_to_the_signatures_probability(values):
    found = nomogram(SIGNATURE, BINARY)
    named = {"shape · mesh volume": 0, "GLCM · joint entropy": 1, "sex: male": 2}
    assert {scale.name for scale in found.scales} == set(named)
    total = 0.0
    for scale in found.scales:
        order = np.argsort(scale.values)
        value = values[named[scale.name]]
        assert scale.values.min() <= value <= scale.values.max()
        total += float(np.interp(value, scale.values[order], scale.points[order]))
    linear = by_hand(values)
    assert found.probability(total) == pytest.approx(expit(linear - 0.2), abs=1e-12)
    timed = nomogram(SIGNATURE, SURVIVAL)
    assert timed.probability(total) == pytest.approx(1 - np.exp(-0.3 * np.exp(linear)), abs=1e-12)


@pytest.mark.parametrize("endpoint", [BINARY, SURVIVAL])
def test_total_points_and_probability_are_inverse(endpoint):
    found = nomogram(SIGNATURE, endpoint)
    chances = np.array([0.1, 0.5, 0.9])
    assert found.probability(found.total(chances)) == pytest.approx(chances, abs=1e-12)


def test_the_largest_effect_spans_a_hundred_points_and_none_is_negative():
    found = nomogram(SIGNATURE, BINARY)
    assert found.scales[0].points.max() == pytest.approx(100.0)
    assert min(scale.points.min() for scale in found.scales) == 0.0
    assert all(scale.points.max() <= 100.0 + 1e-9 for scale in found.scales)
    falling = next(scale for scale in found.scales if "entropy" in scale.name)
    assert (np.diff(falling.points) < 0).all()


def test_the_drawing_names_what_it_measures():
    figure = nomogram_figure(nomogram(SIGNATURE, SURVIVAL), SURVIVAL)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[0] == "Points"
    assert names[-2:] == ["Total points", "Probability of the event by 24 months"]
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"0", "100", "no", "yes", "0.5"} <= texts


@pytest.mark.parametrize(
    ("signature", "endpoint", "why"),
    [
        ({"features": [{"feature": "a_b_C", "importance": 0.1}]}, BINARY, "forest"),
        ({"features": [{**FEATURES[3]}], "intercept": 0.0}, BINARY, "no predictor"),
        ({"features": FEATURES[:1] * (MOST_PREDICTORS + 1), "intercept": 0.0}, BINARY, "too many"),
        ({"features": FEATURES, "intercept": None}, BINARY, "lacks"),
        ({"features": FEATURES, "baseline_hazard_at_horizon": None}, SURVIVAL, "lacks"),
    ],
)
def test_what_has_none_says_why(signature, endpoint, why):
    assert why in nomogram(signature, endpoint)
