"""Grey levels beside numpy's own search of the bin edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigoromics.extract.fast.discretise import bin_edges, discretise
from rigoromics.extract.options import Options

BINS = [
    Options(bin_width=25),
    Options(bin_width=0.1),
    Options(bin_width=1 / 3),
    Options(bin_count=8),
    Options(bin_count=64),
]


@pytest.mark.parametrize("options", BINS, ids=str)
@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([0.5, 30, 400]),
    shift=st.integers(-1000, 1000),
)
def test_levels_are_those_of_numpy(options, kind, seed, scale, shift):
    rng = np.random.default_rng(seed)
    values = (rng.normal(shift, scale, (3, 4, 5))).astype(kind)
    # Values on the edges themselves are where rounding would show.
    low, high = values.min(), values.max()
    edges = bin_edges(low, high, options)
    on_edge = np.clip(rng.choice(edges, values.shape), low, high).astype(kind)
    values = np.where(rng.random(values.shape) < 0.3, on_edge, values).astype(kind)
    inside = rng.random(values.shape) < 0.8
    inside[0, 0, :2] = True
    chosen = values[inside]
    expected = np.digitize(chosen, bin_edges(chosen.min(), chosen.max(), options))
    np.testing.assert_array_equal(discretise(chosen, options).values, expected)
