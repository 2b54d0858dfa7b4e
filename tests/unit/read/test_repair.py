"""Repairs of geometry: what a world-linear picture must look like afterwards, and what is refused.

The witness of every interpolation is a picture whose values are a linear function of the place in
the patient: whatever grid it is resampled to, linear interpolation must give the very same
function, at the places that the new grid claims.
"""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from rigoromics.errors import DataError
from rigoromics.read.geometry import SliceHeader
from rigoromics.read.grouping import group_series
from rigoromics.read.headers import index_headers
from rigoromics.read.image import ReadOptions, SeriesImage
from rigoromics.read.repair import plan_volume
from rigoromics.read.series import read_series
from rigoromics.read.volume import build_volume

RESAMPLE = ReadOptions(uneven_slices="resample")
SHAPE, SPACING = (12, 15), (0.9, 0.7)
FIELD = np.array([3.0, -2.0, 5.0])
SLOW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def tilted(angle: float, count: int, rotation: np.ndarray, gap: float = 3.0) -> list[SliceHeader]:
    """Slices that a tilted gantry makes: each further down its columns than the last."""
    step = np.array([0.0, gap * np.tan(np.radians(angle)), gap])
    return [
        SliceHeader(
            tuple(np.array([-5.0, 7.0, 11.0]) + rotation @ (n * step)),
            tuple(rotation[:, :2].T.ravel()),
            SPACING,
            SHAPE,
        )
        for n in range(count)
    ]


def linear_picture(header: SliceHeader) -> np.ndarray:
    row, column = np.array(header.orientation).reshape(2, 3)
    i, j = np.mgrid[: SHAPE[0], : SHAPE[1]]
    places = (
        np.array(header.position)
        + i[..., None] * SPACING[0] * column
        + j[..., None] * SPACING[1] * row
    )
    return places @ FIELD


def places_of(geometry) -> np.ndarray:
    columns, rows, slices = geometry.size
    k, i, j = np.mgrid[:slices, :rows, :columns]
    index = np.stack([j, i, k], axis=-1) * geometry.spacing
    return index @ geometry.direction.T + geometry.origin


@given(
    angle=st.floats(2.9, 30).flatmap(lambda angle: st.sampled_from([angle, -angle])),
    count=st.integers(3, 9),
    turn=st.tuples(*[st.floats(-180, 180)] * 3),
    seed=st.integers(0, 2**32 - 1),
)
@SLOW
def test_tilted_slices_stand_upright_where_they_were(angle, count, turn, seed) -> None:
    # From 2.9 degrees on three slices are off by more than a tenth of their gap, which is a tilt.
    rotation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    headers = tilted(angle, count, rotation)
    shuffle = np.random.default_rng(seed).permutation(count)
    plan = plan_volume([headers[n] for n in shuffle])
    np.testing.assert_array_equal(shuffle[plan.geometry.order], np.arange(count))
    air = -1e6
    volume = build_volume([linear_picture(header) for header in headers], plan, air=air)
    expected = places_of(plan.geometry) @ FIELD
    covered = volume != np.float32(air)
    # The outer half of edge voxels takes the edge's value: at most half a step of each axis off.
    steps = np.abs(FIELD @ rotation[:, :2]) * np.array(SPACING[::-1])
    assert np.abs(volume - expected)[covered].max() <= steps.sum() / 2 + 1e-3
    inner = np.stack([ndimage.binary_erosion(plane) for plane in covered])
    assert inner.sum() >= count * (SHAPE[0] - 3) * (SHAPE[1] - 3)
    np.testing.assert_allclose(volume[inner], expected[inner], atol=2e-3)
    # Nothing is lost: each slice keeps at least its own number of voxels.
    assert (covered.sum(axis=(1, 2)) >= SHAPE[0] * SHAPE[1] - SHAPE[1]).all()
    (note,) = plan.notes
    assert note.severity == "repaired"
    told = float(note.problem.split("by ")[1].split(" degrees")[0])
    assert told == pytest.approx(abs(angle), abs=0.06)


def test_first_tilted_slice_is_only_copied_and_shifts_say_where_each_lay() -> None:
    headers = tilted(12, 5, np.eye(3))
    rng = np.random.default_rng(1)
    planes = [rng.integers(-1000, 1000, SHAPE) for _ in headers]
    plan = plan_volume(headers)
    volume = build_volume(planes, plan, air=-1000)
    np.testing.assert_array_equal(volume[0, : SHAPE[0]], planes[0])
    assert (volume[0, SHAPE[0] :] == -1000).all()
    step = 3 * np.tan(np.radians(12))
    np.testing.assert_allclose(plan.shifts, [[0, n * step] for n in range(5)], atol=1e-9)
    # The witness: SciPy's linear interpolation of the same slice at the same places.
    for number in range(5):
        rows = np.arange(volume.shape[1]) - number * step / SPACING[0]
        theirs = ndimage.map_coordinates(
            planes[number].astype(float),
            np.array(np.meshgrid(rows, np.arange(15), indexing="ij")),
            order=1,
            mode="nearest",
        )
        inside = (rows >= -0.5) & (rows <= SHAPE[0] - 0.5)
        # Offsets are rounded to 1e-4 voxels, values span 2000.
        np.testing.assert_allclose(volume[number][inside], theirs[inside], atol=0.11)


@pytest.mark.parametrize("angle", [12, -12])
def test_the_upright_grid_is_no_larger_than_needed_and_holds_the_first_slice(angle: int) -> None:
    headers = tilted(angle, 5, np.eye(3))
    planes = [np.random.default_rng(n).integers(-1000, 1000, SHAPE) for n in range(5)]
    plan = plan_volume(headers)
    volume = build_volume(planes, plan, air=-1000)
    extra = int(np.ceil(4 * 3 * np.tan(np.radians(12)) / SPACING[0]))
    assert plan.geometry.size == (SHAPE[1], SHAPE[0] + extra, 5)
    rows = slice(0, SHAPE[0]) if angle > 0 else slice(extra, None)
    np.testing.assert_array_equal(volume[0, rows], planes[0])


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "names no angle"),
        (12.0, "the header agrees: 12.0 degrees"),
        (-12.4, "the header agrees: 12.4 degrees"),
        (0.0, "although the header says 0.0 degrees"),
    ],
)
def test_tilt_is_compared_with_the_header(header: float | None, words: str) -> None:
    (note,) = plan_volume(tilted(12, 4, np.eye(3)), header_tilt=header).notes
    assert words in note.problem


def test_a_table_that_moved_is_no_tilt() -> None:
    headers = tilted(0, 8, np.eye(3))
    moved = [
        SliceHeader((h.position[0] + 4 * (n > 3), *h.position[1:]), h.orientation, SPACING, SHAPE)
        for n, h in enumerate(headers)
    ]
    with pytest.raises(DataError, match="not in a steady way: the table moved"):
        plan_volume(moved)


def test_two_slices_are_a_tilt_only_if_the_header_says_so() -> None:
    with pytest.raises(DataError, match="two slices do not tell a tilt"):
        plan_volume(tilted(12, 2, np.eye(3)))
    assert plan_volume(tilted(12, 2, np.eye(3)), header_tilt=12).shifts is not None


def test_no_gantry_tilts_by_60_degrees() -> None:
    with pytest.raises(DataError, match=r"by 60\.0 degrees: more than any gantry"):
        plan_volume(tilted(60, 5, np.eye(3)))


def world_of(series: SeriesImage) -> np.ndarray:
    image = series.image
    index = np.indices(image.GetSize()[::-1])[::-1].reshape(3, -1)
    matrix = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    return (matrix @ index).T.reshape(*image.GetSize()[::-1], 3) + image.GetOrigin()


def test_tilted_files_read_as_the_sheet_says(tmp_path, slices_of, write) -> None:
    volume = np.random.default_rng(2).integers(0, 3000, (6, 12, 9))
    slices = slices_of(volume, spacing=(0.5, 0.75, 2.0), GantryDetectorTilt=20)
    for number, data in enumerate(slices):
        x, y, z = data.ImagePositionPatient
        data.ImagePositionPatient = [x, round(y + number * 2 * np.tan(np.radians(20)), 3), z]
    paths = write(slices, tmp_path)
    (group,) = group_series(index_headers(tmp_path).table)
    series = read_series(paths[::-1])
    assert group.refusal is None
    assert [note.problem for note in group.repairs] == [note.problem for note in series.notes]
    assert "the header agrees: 20.0 degrees" in series.notes[0].problem
    assert group.geometry.size == series.image.GetSize()
    np.testing.assert_allclose(group.geometry.origin, series.image.GetOrigin())
    assert series.shifts.shape == (6, 2)
    # Air, not the lowest value, which is -1000 here only because the slices begin at 0.
    values = sitk.GetArrayFromImage(series.image)
    assert values.min() == -1000
    assert (values[0, 12:] == -1000).all()
    np.testing.assert_array_equal(values[0, :12], volume[0] - 1000)


def test_same_pixels_in_the_same_place_count_once(tmp_path, slices_of, write, volume) -> None:
    slices = slices_of(volume)
    again = slices_of(volume)[1:3]
    for data in again:
        data.SOPInstanceUID = f"{data.SOPInstanceUID}.7"
    paths = write([*slices, *again], tmp_path)
    series = read_series(paths)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(series.image), volume - 1000)
    (note,) = series.notes
    assert "2 slices of the series lie where another slice lies" in note.problem
    assert "at -28.00, -26.00 mm" in note.problem
    assert note.severity == "repaired"
    assert read_series(paths[::-1]).slices == series.slices


def test_same_place_with_other_pixels_or_other_scale_is_refused(
    tmp_path, slices_of, write, volume
) -> None:
    for name, other in (("pixels", volume + 1), ("scale", volume)):
        again = slices_of(other, RescaleSlope=1 if name == "pixels" else 2)[1:2]
        again[0].SOPInstanceUID = "1.2.3.77"
        with pytest.raises(DataError, match=r"other pixels|another slope"):
            read_series(write([*slices_of(volume), *again], tmp_path / name))


def test_equal_pixels_beside_each_other_are_no_copies(tmp_path, slices_of, write, volume) -> None:
    again = slices_of(volume)[1:2]
    again[0].SOPInstanceUID = "1.2.3.77"
    again[0].ImagePositionPatient = [-9, 20, -28]
    with pytest.raises(DataError, match=r"lies? where another slice lies"):
        read_series(write([*slices_of(volume), *again], tmp_path))


def _linear_slices(slices_of, heights: list[float]) -> list:
    """Slices of a picture that rises by 100 per mm, at given heights."""
    volume = np.stack([np.full((3, 4), round(100 * height)) for height in heights])
    slices = slices_of(volume + 1000)
    for data, height in zip(slices, heights, strict=True):
        data.ImagePositionPatient = [-10, 20, height]
    return slices


@pytest.mark.parametrize(
    ("heights", "made", "words"),
    [
        ([0, 3, 9, 12, 15], [0, 3, 6, 9, 12, 15], "1 slice of the series is missing"),
        ([0, 3, 9, 12, 18, 21], [0, 3, 6, 9, 12, 15, 18, 21], "2 slices of the series are missing"),
        ([0, 3, 6, 10.5, 13.5], [0, 3.375, 6.75, 10.125, 13.5], "are uneven"),
    ],
)
def test_uneven_slices_are_resampled_only_if_asked(
    tmp_path, slices_of, write, heights, made, words
) -> None:
    paths = write(_linear_slices(slices_of, heights), tmp_path)
    with pytest.raises(DataError, match=words) as caught:
        read_series(paths)
    assert "uneven_slices: resample" in caught.value.remedy
    table = index_headers(tmp_path).table
    assert words in group_series(table)[0].refusal.problem
    series = read_series(paths[::-1], options=RESAMPLE)
    values = sitk.GetArrayFromImage(series.image)
    np.testing.assert_allclose(values[:, 1, 2], 100 * np.array(made), atol=1e-3)
    np.testing.assert_allclose(world_of(series)[:, 0, 0, 2], made, atol=1e-9)
    (note,) = series.notes
    assert words in note.problem
    assert "interpolated linearly" in note.problem
    (group,) = group_series(table, uneven="resample")
    assert [each.problem for each in group.repairs] == [note.problem]
    assert group.geometry.size == series.image.GetSize()
    assert len(series.slices) == len(made)


def test_only_the_missing_slice_is_interpolated(tmp_path, slices_of, write) -> None:
    volume = np.random.default_rng(3).integers(0, 3000, (7, 4, 6))
    paths = write(slices_of(volume), tmp_path)
    series = read_series([*paths[:2], *paths[3:]], options=RESAMPLE)
    values = sitk.GetArrayFromImage(series.image)
    kept = [0, 1, 3, 4, 5, 6]
    np.testing.assert_array_equal(values[kept], volume[kept] - 1000)
    np.testing.assert_array_equal(values[2], (volume[1] + volume[3]) / 2 - 1000)
    assert series.slices[2] in (series.slices[1], series.slices[3])


def test_two_missing_slices_in_a_row_are_never_interpolated(tmp_path, slices_of, write) -> None:
    paths = write(_linear_slices(slices_of, [0, 3, 12, 15, 18]), tmp_path)
    with pytest.raises(DataError, match="More than one slice in a row is missing"):
        read_series(paths, options=RESAMPLE)


@given(seed=st.integers(0, 2**32 - 1), lost=st.integers(1, 5))
@SLOW
def test_a_tilted_series_may_also_lack_a_slice(seed: int, lost: int) -> None:
    headers = tilted(15, 7, np.eye(3))
    kept = [n for n in range(7) if n != lost]
    shuffle = np.random.default_rng(seed).permutation(6)
    plan = plan_volume([headers[kept[n]] for n in shuffle], uneven="resample")
    planes = [linear_picture(headers[n]) for n in kept]
    volume = build_volume(planes, plan, air=-1e6)
    whole = build_volume([linear_picture(h) for h in headers], plan_volume(headers), air=-1e6)
    assert volume.shape == whole.shape
    # Rows that all slices hold, but for the outer half of an edge voxel.
    inner = (slice(None), slice(6, 11), slice(1, -1))
    np.testing.assert_allclose(volume[inner], whole[inner], atol=2e-3)
    assert plan.shifts[lost] == pytest.approx([0, lost * 3 * np.tan(np.radians(15))])


def test_real_series_with_a_missing_slice_differs_only_there(shared_data: Path) -> None:
    files = sorted((shared_data / "ibsi1_ct_phantom" / "dicom" / "image").iterdir())
    whole = read_series(files)
    gone = whole.slices[30].sop_uid
    import pydicom

    rest = [
        p
        for p in files
        if pydicom.dcmread(p, specific_tags=["SOPInstanceUID"]).SOPInstanceUID != gone
    ]
    series = read_series(rest, options=RESAMPLE)
    ours, truth = (sitk.GetArrayFromImage(each.image) for each in (series, whole))
    assert ours.shape == truth.shape
    differing = np.flatnonzero((ours != truth).any(axis=(1, 2)))
    assert differing.tolist() == [30]
    np.testing.assert_array_equal(ours[30], (truth[29].astype(float) + truth[31]) / 2)
    assert series.image.GetOrigin() == pytest.approx(whole.image.GetOrigin())
    assert series.image.GetSpacing() == pytest.approx(whole.image.GetSpacing())


def test_slices_of_two_frames_of_reference_are_refused(tmp_path, slices_of, write, volume) -> None:
    slices = slices_of(volume)
    slices[3].FrameOfReferenceUID = "1.9.9"
    with pytest.raises(DataError, match="different frames of reference"):
        read_series(write(slices, tmp_path))
    (group,) = group_series(index_headers(tmp_path).table)
    assert "different frames of reference" in group.refusal.problem
