"""The geometry gate: what passes, what is refused, and that order never matters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from rigoromics.errors import DataError
from rigoromics.read.geometry import SliceHeader
from rigoromics.read.repair import plan_volume


def _stack(
    positions: list[float], rotation: np.ndarray | None = None, **changes: object
) -> list[SliceHeader]:
    axes = np.eye(3) if rotation is None else rotation
    given_fields = {"spacing": (0.9, 0.7), "shape": (5, 6), **changes}
    return [
        SliceHeader(
            position=tuple(np.array([1.0, 2.0, 3.0]) + p * axes[:, 2]),
            orientation=tuple(axes[:, :2].T.ravel()),
            **given_fields,
        )
        for p in positions
    ]


@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    gap=st.floats(0.4, 8),
    count=st.integers(2, 30),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_oblique_stack_in_any_order_gives_its_own_geometry(angles, gap, count, seed) -> None:
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    slices = _stack([gap * number for number in range(count)], rotation)
    shuffle = np.random.default_rng(seed).permutation(count)
    geometry = plan_volume([slices[index] for index in shuffle]).geometry
    np.testing.assert_array_equal(shuffle[geometry.order], np.arange(count))
    np.testing.assert_allclose(geometry.direction, rotation, atol=1e-9)
    np.testing.assert_allclose(geometry.spacing, [0.7, 0.9, gap], rtol=1e-9)
    np.testing.assert_allclose(geometry.origin, [1, 2, 3], atol=1e-9)
    assert geometry.size == (6, 5, count)
    assert np.linalg.det(geometry.direction) == pytest.approx(1)


@given(
    count=st.integers(4, 40),
    lost=st.integers(1, 38),
    gap=st.floats(0.5, 6),
    noise=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_one_lost_slice_is_always_found_at_its_position(count, lost, gap, noise) -> None:
    lost = 1 + lost % (count - 2)
    jitter = np.random.default_rng(noise).uniform(-0.004, 0.004, count) * gap
    positions = [gap * n + jitter[n] for n in range(count) if n != lost]
    with pytest.raises(DataError) as caught:
        plan_volume(_stack(positions))
    assert caught.value.problem.startswith("1 slice of the series is missing, at ")
    place = float(caught.value.problem.split("at ")[1].split(" mm")[0])
    assert place == pytest.approx(3 + gap * lost, abs=0.02 * gap + 0.01)


def test_several_lost_slices_are_counted() -> None:
    positions = [3.0 * number for number in range(12) if number not in (2, 6, 7)]
    with pytest.raises(DataError, match=r"^3 slices of the series are missing.*9\.00, 21\.00, 24"):
        plan_volume(_stack(positions))


def test_doubled_position_is_refused_with_its_place() -> None:
    with pytest.raises(DataError, match=r"1 slice of the series lie.*at 8\.00 mm"):
        plan_volume(_stack([0, 2.5, 5, 5, 7.5]))


def test_uneven_gaps_are_refused() -> None:
    with pytest.raises(DataError, match="uneven"):
        plan_volume(_stack([0, 3, 6, 10.5, 13.5]))


def test_positions_rounded_to_one_decimal_pass() -> None:
    positions = [round(0.625 * number, 1) for number in range(200)]
    assert plan_volume(_stack(positions)).geometry.spacing[2] == pytest.approx(0.625, abs=1e-3)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"shape": (5, 7)}, "differ in size"),
        ({"spacing": (0.9, 0.8)}, "differ in pixel spacing"),
    ],
)
def test_mixed_slices_are_refused(odd: dict[str, tuple[float, ...]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        plan_volume([*_stack([0, 2, 4]), *_stack([6], **odd)])


def test_localiser_orientation_inside_is_refused() -> None:
    sagittal = SliceHeader((0, 0, 9), (0, 1, 0, 0, 0, -1), (0.9, 0.7), (5, 6))
    with pytest.raises(DataError, match="2 different orientations"):
        plan_volume([*_stack([0, 2, 4]), sagittal])


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0.5, 0.5, 0), (2, 0, 0, 0, 1, 0)])
def test_impossible_orientation_is_refused(orientation: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="perpendicular"):
        plan_volume([SliceHeader((0, 0, 0), orientation, (1, 1), (4, 4))])


@pytest.mark.parametrize("spacing", [(0, 1), (-1, 1), (float("nan"), 1)])
def test_impossible_pixel_spacing_is_refused(spacing: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="pixel spacing"):
        plan_volume([SliceHeader((0, 0, 0), (1, 0, 0, 0, 1, 0), spacing, (4, 4))])


def test_position_that_is_no_number_is_refused() -> None:
    with pytest.raises(DataError, match="no position"):
        plan_volume(_stack([0, float("nan"), 4]))


def test_no_slices_are_refused() -> None:
    with pytest.raises(DataError, match="no slices"):
        plan_volume([])


def test_single_slice_takes_its_thickness() -> None:
    assert plan_volume(_stack([0], thickness=4.0)).geometry.spacing[2] == 4.0
    assert plan_volume(_stack([0])).geometry.spacing[2] == 1.0
