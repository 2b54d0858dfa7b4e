"""Volumes: real truth, synthetic round trips, refusals."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from scipy.spatial.transform import Rotation

from rigoromics.errors import DataError
from rigoromics.read.grouping import group_series
from rigoromics.read.headers import index_headers
from rigoromics.read.series import read_series


def _matrix(image: sitk.Image) -> np.ndarray:
    return np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())


def _compare_in_world(ours: sitk.Image, truth: sitk.Image) -> tuple[float, float]:
    """Largest distance (in voxels) and largest difference between voxels of the same place."""
    values = sitk.GetArrayFromImage(ours).astype(float)
    index = np.indices(values.shape)[::-1].reshape(3, -1).T
    world = index @ _matrix(ours).T + np.array(ours.GetOrigin())
    there = (world - np.array(truth.GetOrigin())) @ np.linalg.inv(_matrix(truth)).T
    nearest = np.rint(there).astype(int)
    assert nearest.min() >= 0
    assert (nearest < np.array(truth.GetSize())).all()
    others = sitk.GetArrayFromImage(truth).astype(float)[tuple(nearest[:, ::-1].T)]
    return float(np.abs(there - nearest).max()), float(np.abs(others - values.ravel()).max())


def test_ibsi_phantom_equals_its_nifti_exactly(shared_data: Path) -> None:
    folder = shared_data / "ibsi1_ct_phantom"
    series = read_series(sorted((folder / "dicom" / "image").iterdir()))
    ours = series.image
    assert (series.modality, series.units, series.notes, series.planar) == ("CT", "HU", [], False)
    assert (len(series.slices), series.shifts) == (60, None)
    truth = sitk.ReadImage(str(folder / "nifti" / "image" / "phantom.nii.gz"))
    assert ours.GetPixelID() == sitk.sitkInt16
    away, difference = _compare_in_world(ours, truth)
    assert away < 1e-9
    assert difference == 0


def test_pet_slopes_are_applied_slice_by_slice(shared_data: Path) -> None:
    import pydicom

    files = sorted((shared_data / "sts" / "dicom" / "STS_001" / "PET" / "image").iterdir())
    assert len({float(pydicom.dcmread(path).RescaleSlope) for path in files}) > 1
    ours = sitk.GetArrayFromImage(read_series(files).image)
    planes = {}
    for path in files:
        data = pydicom.dcmread(path)
        planes[float(data.ImagePositionPatient[2])] = data.pixel_array * float(data.RescaleSlope)
    expected = np.stack([planes[z] for z in sorted(planes)])
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "name",
    ["RLE", "bigendian", "implicit", "expb", "jp2klossless", "jpeg_ls_lossless", "padded"],
)
def test_transfer_syntaxes_give_the_same_values(name: str) -> None:
    plain = read_series([Path(get_testdata_file("MR_small.dcm", download=False))]).image
    other = read_series([Path(get_testdata_file(f"MR_small_{name}.dcm", download=False))]).image
    np.testing.assert_array_equal(sitk.GetArrayFromImage(other), sitk.GetArrayFromImage(plain))
    assert other.GetDirection() == plain.GetDirection()


@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 5)] * 3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_oblique_volume_comes_back_from_shuffled_files(
    tmp_path_factory, slices_of, write, angles, spacing, seed
) -> None:
    rng = np.random.default_rng(seed)
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    volume = rng.integers(0, 2000, (4, 3, 5))
    spacing = tuple(round(value, 4) for value in spacing)
    slices = slices_of(volume, spacing=spacing, direction=rotation)
    paths = write(slices, tmp_path_factory.mktemp("oblique"))
    image = read_series([paths[index] for index in rng.permutation(4)]).image
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), volume - 1000)
    np.testing.assert_allclose(image.GetSpacing(), spacing, rtol=1e-6)
    np.testing.assert_allclose(np.reshape(image.GetDirection(), (3, 3)), rotation, atol=1e-6)
    np.testing.assert_allclose(image.GetOrigin(), (-10, 20, -30), atol=1e-9)


@given(
    flips=st.tuples(*[st.booleans()] * 3),
    turn=st.sampled_from(["none", "transposed"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(
    max_examples=16, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_how_rows_columns_and_slices_run_changes_no_voxel_of_the_patient(
    tmp_path_factory, slices_of, write, flips, turn, seed
) -> None:
    """The same voxels of the patient, stored mirrored and transposed, with the header to match."""
    rng = np.random.default_rng(seed)
    volume = rng.integers(0, 2000, (3, 4, 5))
    rotation = Rotation.random(random_state=seed).as_matrix()
    spacing, origin = np.array([0.5, 0.75, 2.0]), np.array([-10.0, 20.0, -30.0])
    plain = slices_of(volume, spacing=tuple(spacing), direction=rotation)
    axes, stored, start, steps = rotation.copy(), volume, origin.copy(), spacing.copy()
    for axis, flip in enumerate(flips):
        if flip:
            start = start + axes[:, axis] * steps[axis] * (stored.shape[2 - axis] - 1)
            axes[:, axis] *= -1
            stored = np.flip(stored, 2 - axis)
    if turn == "transposed":
        axes, steps, stored = axes[:, [1, 0, 2]], steps[[1, 0, 2]], stored.transpose(0, 2, 1)
    other = slices_of(stored, spacing=tuple(steps), direction=axes, origin=tuple(start))
    folder = tmp_path_factory.mktemp("flips")
    one = read_series(write(plain, folder / "plain")).image
    two = read_series(write(other, folder / "other")).image
    assert np.linalg.det(_matrix(two)) > 0
    away, difference = _compare_in_world(two, one)
    assert away < 1e-6
    assert difference == 0


def test_colour_is_refused_where_values_are_measured(tmp_path, slices_of, write, volume) -> None:
    slices = slices_of(
        volume[:1], SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0
    )
    slices[0].PixelData = slices[0].PixelData * 3
    with pytest.raises(DataError, match="colour"):
        read_series(write(slices, tmp_path))


def test_type_is_the_smallest_exact_one(tmp_path, slices_of, write, volume) -> None:
    def pixel_type(name: str, **fields: float) -> str:
        paths = write(slices_of(volume, **fields), tmp_path / name)
        return read_series(paths).image.GetPixelIDTypeAsString()

    assert pixel_type("hu") == "16-bit signed integer"
    assert pixel_type("far", RescaleIntercept=-100000) == "32-bit signed integer"
    assert pixel_type("scaled", RescaleSlope=0.5) == "32-bit float"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"PhotometricInterpretation": "MONOCHROME1"}, "inverted"),
        ({"NumberOfFrames": 2}, "multi-frame"),
        ({"Modality": "PT", "Units": "BQML"}, "SUV cannot be computed"),
        ({"Modality": "PT"}, "an unnamed kind, not SUV"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "secondary capture"),
        ({"ImagePositionPatient": None}, "no place"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path, slices_of, write, volume, fields, words
) -> None:
    paths = write(slices_of(volume, **fields), tmp_path)
    with pytest.raises(DataError, match=words) as caught:
        read_series(paths)
    assert caught.value.remedy
    assert caught.value.file


def test_suv_passes(tmp_path, slices_of, write, volume) -> None:
    paths = write(slices_of(volume, Modality="PT", Units="GML", RescaleSlope=0.25), tmp_path)
    assert sitk.GetArrayFromImage(read_series(paths).image).max() == 119 * 0.25 - 1000


def test_truncated_slice_is_named_by_position(tmp_path, slices_of, write, volume) -> None:
    paths = write(slices_of(volume), tmp_path)
    paths[2].write_bytes(paths[2].read_bytes()[:-11])
    with pytest.raises(
        DataError, match=r"slice at \(-10.00, 20.00, -26.00\) mm are damaged or cut"
    ) as c:
        read_series(paths)
    assert c.value.file == str(paths[2])


@pytest.mark.parametrize("content", [b"", b"text", b"\0" * 128 + b"DICM" + b"\xff" * 50])
def test_files_that_are_no_dicom_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError):
        read_series([tmp_path / "x"])


def test_missing_slice_of_real_data_is_refused(shared_data: Path) -> None:
    files = sorted((shared_data / "ibsi1_ct_phantom" / "dicom" / "image").iterdir())
    with pytest.raises(DataError, match="1 slice of the series is missing"):
        read_series([path for number, path in enumerate(files) if number != 30])


def test_two_series_at_once_are_refused(tmp_path, slices_of, write, volume) -> None:
    one = write(slices_of(volume), tmp_path / "1")
    two = write(slices_of(volume, series="1.2.4"), tmp_path / "2")
    with pytest.raises(DataError, match="2 different series"):
        read_series([*one, *two])


def test_a_field_of_an_unknown_kind_is_refused(volume, slices_of, write, tmp_path) -> None:
    """pydicom reads such a file, and fails when the field is asked for."""
    paths = write(slices_of(volume), tmp_path)
    content = paths[2].read_bytes()
    spoiled = content.replace(b"\x28\x00\x53\x10DS", b"\x28\x00\x53\x10ZZ")
    assert spoiled != content
    paths[2].write_bytes(spoiled)
    with pytest.raises(DataError, match="field in the headers of the series is damaged"):
        read_series(paths)


@given(
    flips=st.lists(st.tuples(st.integers(132, 1000), st.integers(0, 255)), max_size=6),
    keep=st.floats(0.05, 1),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damage_of_any_kind_is_refused_or_harmless(tmp_path, slices_of, write, flips, keep) -> None:
    """Nothing but DataError, from the index and from the reader, however a file is damaged."""
    paths = write(slices_of(np.zeros((2, 4, 4), int)), tmp_path / "raw")
    content = bytearray(paths[0].read_bytes())
    for place, value in flips:
        content[min(place, len(content) - 1)] = value
    paths[0].write_bytes(bytes(content[: max(1, int(keep * len(content)))]))
    for series in group_series(index_headers(tmp_path / "raw").table):
        assert series.refusal is None or series.refusal.remedy
    with contextlib.suppress(DataError):
        assert read_series(paths).image.GetSize() == (4, 4, 2)
