"""The mesh against PyRadiomics and against bodies whose area and volume are known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from radiomics import cShape

from rigoromics.quality.settings import Limits
from rigoromics.segment.mesh import Mesh, mesh


def ball(radius, spacing=(1.0, 1.0, 1.0)):
    sizes = [int(2 * (radius // step + 2)) + 1 for step in spacing]
    axes = [(np.arange(n) - n // 2) * step for n, step in zip(sizes, spacing, strict=True)]
    k, j, i = np.meshgrid(*axes, indexing="ij")
    return k**2 + j**2 + i**2 <= radius**2


@given(
    st.integers(0, 2**31),
    st.floats(0.05, 0.95),
    st.tuples(*[st.sampled_from([0.5, 0.97, 1.0, 3.0])] * 3),
)
@settings(max_examples=60, deadline=None)
def test_area_and_volume_are_those_of_pyradiomics(seed, share, spacing):
    mask = np.random.default_rng(seed).random((4, 6, 5)) < share
    found = mesh(mask, spacing)
    if not mask.any():
        assert found == Mesh(0, 0)
        return
    padded = np.pad(mask, 1).astype(np.int8)
    area, volume, _ = cShape.calculate_coefficients(padded, np.array(spacing))
    assert found.area == pytest.approx(area, rel=1e-10)
    assert found.volume == pytest.approx(volume, rel=1e-9, abs=1e-9)


def test_a_ball_has_the_balls_volume_and_a_sphericity_near_one():
    found = mesh(ball(20.0, (2.0, 1.0, 1.0)), (2.0, 1.0, 1.0))
    assert found.volume == pytest.approx(4 / 3 * math.pi * 20**3, rel=0.01)
    # Marching cubes follow the voxels' steps: the area is some 9% too large, never too small.
    assert 1 < found.area / (4 * math.pi * 20**2) < 1.15
    assert 0.87 < found.sphericity < 1


def test_a_cube_has_the_cubes_area_and_volume():
    found = mesh(np.ones((40, 20, 20), bool), (1.0, 2.0, 2.0))
    # The mesh cuts half a voxel's corners and edges.
    assert found.volume == pytest.approx(40**3, rel=0.01)
    assert found.area == pytest.approx(6 * 40**2, rel=0.03)
    assert found.sphericity == pytest.approx((math.pi / 6) ** (1 / 3), rel=0.03)


def test_a_plate_and_a_rod_stand_where_the_docs_say():
    plate = Mesh(area=2 * math.pi * 15**2 + 2 * math.pi * 15, volume=math.pi * 15**2)
    rod = Mesh(area=2 * math.pi * 0.25 + math.pi * 140, volume=math.pi * 0.25 * 140)
    assert plate.sphericity == pytest.approx(0.25, abs=0.01)
    assert rod.sphericity == pytest.approx(0.25, abs=0.01)


def test_nothing_enclosed_has_no_sphericity():
    assert Mesh(area=3.0, volume=-1.0).sphericity == 0
    assert Mesh(area=0.0, volume=0.0).sphericity == 0


def test_points_only_enclose_almost_nothing():
    # A chess board in 3D is the roundest that voxels without neighbours come to.
    k, j, i = np.indices((9, 9, 9))
    points = (k + j + i) % 2 == 0
    found = mesh(points, (1.0, 1.0, 1.0))
    assert 0 < found.sphericity < Limits().sphericity
