"""NIfTI, NRRD and .seg.nrrd masks."""

import numpy as np
import pytest
import SimpleITK as sitk

from rigoromics.errors import DataError
from rigoromics.segment.load import read_segmentation
from rigoromics.segment.masks import read_mask
from tests.unit.segment.shapes import array, grid


def labelled(image, dtype=np.uint8):
    """A mask with labels 1 and 4 on the image's grid, and its array."""
    labels = np.zeros(image.GetSize()[::-1], dtype=dtype)
    labels[3:7, 10:20, 5:19] = 1
    labels[5, 25:30, 20:22] = 4
    return like(labels, image), labels


def like(values, image):
    mask = sitk.GetImageFromArray(values)
    mask.CopyInformation(image)
    return mask


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd", "mha"])
@pytest.mark.parametrize("orientation", ["LPS", "RAS", "SAL", "PIR"])
def test_axes_in_any_order_and_direction_give_the_same_mask(tmp_path, suffix, orientation):
    image = grid(degrees=12)
    mask, labels = labelled(image)
    path = tmp_path / f"mask.{suffix}"
    sitk.WriteImage(sitk.DICOMOrient(mask, orientation), str(path))
    for value in (1, 4):
        found, notes = read_segmentation(path, str(value), image)
        assert np.array_equal(array(found), labels == value)
        assert notes == []
        assert found.GetDirection() == image.GetDirection()


def test_a_cropped_mask_is_put_in_its_place(tmp_path):
    image = grid()
    mask, labels = labelled(image)
    sitk.WriteImage(mask[3:25, 8:, 2:9], str(tmp_path / "m.nrrd"))
    assert np.array_equal(array(read_mask(tmp_path / "m.nrrd", "1", image)[0]), labels == 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.SetSpacing([0.8, 1.1, 2.6]),
        lambda m: m.SetOrigin([-19.6, 13.0, 50.0]),
        lambda m: m.SetDirection(grid(degrees=3).GetDirection()),
    ],
)
def test_another_grid_is_refused_in_words(tmp_path, change):
    mask, _ = labelled(grid())
    change(mask)
    sitk.WriteImage(mask, str(tmp_path / "m.nrrd"))
    with pytest.raises(DataError, match=r"40 x 36 x 12 voxels of .* image: 40 x 36 x 12 voxels"):
        read_mask(tmp_path / "m.nrrd", "1", grid())


def test_float32_rounding_of_nifti_is_no_other_grid(tmp_path):
    image = grid(size=(300, 300, 12), spacing=(0.7031249, 0.7031249, 2.5000001), degrees=7)
    mask, labels = labelled(image)
    sitk.WriteImage(mask, str(tmp_path / "m.nii.gz"))
    assert np.array_equal(array(read_mask(tmp_path / "m.nii.gz", "4", image)[0]), labels == 4)


def test_labels_must_be_clear(tmp_path):
    image = grid()
    mask, labels = labelled(image)
    path = tmp_path / "m.nrrd"
    sitk.WriteImage(mask, str(path))
    with pytest.raises(DataError, match="labels 1, 4 and none is chosen"):
        read_mask(path, "tumour", image)
    with pytest.raises(DataError, match=r"no voxel with label 3 .*1, 4"):
        read_mask(path, "3", image)
    sitk.WriteImage(mask == 4, str(path))
    assert np.array_equal(array(read_mask(path, "tumour", image)[0]), labels == 4)


def test_fractions_take_the_threshold_and_images_are_refused(tmp_path):
    image = grid()
    values = np.random.default_rng(0).uniform(0, 1, image.GetSize()[::-1]).astype(np.float32)
    path = tmp_path / "m.nrrd"
    sitk.WriteImage(like(values, image), str(path))
    mask, notes = read_mask(path, "", image, threshold=0.7)
    assert np.array_equal(array(mask), values.astype(float) >= 0.7)
    assert "fractions" in notes[0].problem
    sitk.WriteImage(like(values * 50, image), str(path))
    with pytest.raises(DataError, match="neither labels nor fractions"):
        read_mask(path, "", image)


def seg_nrrd(path, image, layers, segments):
    """Write layers (k, j, i, n) with segments (name, layer, value) as 3D Slicer does."""
    picture = sitk.GetImageFromArray(layers, isVector=layers.ndim == 4)
    picture.CopyInformation(image)
    for n, (name, layer, value) in enumerate(segments):
        picture.SetMetaData(f"Segment{n}_ID", f"Segment_{n}")
        picture.SetMetaData(f"Segment{n}_Name", name)
        picture.SetMetaData(f"Segment{n}_Layer", str(layer))
        picture.SetMetaData(f"Segment{n}_LabelValue", str(value))
    sitk.WriteImage(picture, str(path))


def test_slicer_segments_are_found_by_name_also_where_they_overlap(tmp_path):
    image = grid()
    _, labels = labelled(image)
    other = np.roll(labels, 2, axis=2)
    path = tmp_path / "s.seg.nrrd"
    seg_nrrd(path, image, np.stack([labels, other], axis=-1), [("core", 0, 4), ("whole", 1, 1)])
    assert np.array_equal(array(read_mask(path, "core", image)[0]), labels == 4)
    assert np.array_equal(array(read_mask(path, "whole", image)[0]), other == 1)
    with pytest.raises(DataError, match="holds 2 segments, none"):
        read_mask(path, "oedema", image)
    seg_nrrd(path, image, labels, [("core", 0, 4)])
    assert np.array_equal(array(read_mask(path, "", image)[0]), labels == 4)


def test_files_that_are_no_volume_are_refused(tmp_path):
    (tmp_path / "m.nii.gz").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read"):
        read_mask(tmp_path / "m.nii.gz", "1", grid())
    sitk.WriteImage(sitk.Image(8, 8, sitk.sitkUInt8), str(tmp_path / "flat.nrrd"))
    with pytest.raises(DataError, match="2 dimensions"):
        read_mask(tmp_path / "flat.nrrd", "1", grid())
    with pytest.raises(DataError, match="missing or may not be read"):
        read_segmentation(tmp_path / "gone.nii.gz", "1", grid())
