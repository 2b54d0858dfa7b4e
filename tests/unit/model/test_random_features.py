"""The control of random features, where few of many features matter."""

import numpy as np

from rigoromics.model.random_features import random_feature_statistics
from tests.unit.model.cohort import cohort, procedure


def test_a_signature_of_few_strong_features_beats_random_ones():
    """Four of some fifty features carry the outcome: choosing finds them, drawing seldom does."""
    X, y, _, _ = cohort(0, patients=120, features=100, signal=4.0)
    plan = procedure(max_features=2, grids={"elastic_net": {"alpha": (0.1,), "l1_ratio": (0.1,)}})
    found = random_feature_statistics(X, y, plan, 6)
    assert found.shape == (7,)
    assert found[0] > 0.8
    assert found[0] > found[1:].max()
    assert np.unique(found[1:]).size > 1
