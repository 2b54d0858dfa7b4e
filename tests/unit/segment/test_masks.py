"""NIfTI, NRRD and .seg.nrrd masks."""

import gzip
import struct

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from rigoromics.errors import DataError
from rigoromics.segment.load import read_segmentation
from rigoromics.segment.masks import read_mask
from rigoromics.segment.nifti import non_finite_voxels
from tests.unit.segment.shapes import array, grid, volume, words


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


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_voxels_that_are_no_number_are_refused(tmp_path, suffix, kind, value):
    """ITK reads them as 0 from NIfTI, so that the mask would lose voxels without a word."""
    image = grid()
    values = labelled(image, kind)[1]
    values[4, 12, 7:10] = value
    path = tmp_path / f"m.{suffix}"
    sitk.WriteImage(like(values, image), str(path))
    with pytest.raises(DataError, match="3 voxels of the mask file are no number"):
        read_mask(path, "1", image)


@pytest.mark.parametrize("order", ["<", ">"])
def test_nan_is_seen_in_nifti_of_either_byte_order(tmp_path, order):
    """A header written by hand after the standard; the voxels start later than they must."""
    values = np.array([0, 1, np.nan, 1, np.inf, 0, 0, 2], dtype=f"{order}f4")
    header = bytearray(560)
    struct.pack_into(f"{order}i", header, 0, 348)
    struct.pack_into(f"{order}8h", header, 40, 3, 2, 2, 2, 1, 1, 1, 1)
    struct.pack_into(f"{order}2h", header, 70, 16, 32)
    struct.pack_into(f"{order}f", header, 108, 560.0)
    header[344:348] = b"n+1\0"
    path = tmp_path / "m.nii"
    path.write_bytes(bytes(header) + values.tobytes())
    assert non_finite_voxels(path) == 2
    (tmp_path / "m.nii.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert non_finite_voxels(tmp_path / "m.nii.gz") == 2
    assert np.isfinite(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))).all()


def test_a_labelmap_gives_the_label_of_the_number(tmp_path):
    image = grid()
    mask, labels = labelled(image)
    path = tmp_path / "m.nii.gz"
    sitk.WriteImage(mask, str(path))
    for number in (1, 4):
        found, _ = read_segmentation(path, "lesion", image, number=number)
        assert np.array_equal(array(found), labels == number)
    with pytest.raises(DataError, match="no voxel with label 3"):
        read_segmentation(path, "lesion", image, number=3)
    layers = tmp_path / "s.seg.nrrd"
    seg_nrrd(layers, image, labels, [("core", 0, 4), ("whole", 0, 1)])
    found, _ = read_segmentation(layers, "lesion", image, number=4)
    assert np.array_equal(array(found), labels == 4)
    with pytest.raises(DataError, match="under the label in the config"):
        read_segmentation(layers, "lesion", image, number=7)


def test_several_values_per_voxel_and_long_lists_of_labels(tmp_path):
    image = grid()
    colour = sitk.Compose([labelled(image)[0]] * 3)
    path = tmp_path / "m.mha"
    sitk.WriteImage(colour, str(path))
    with pytest.raises(DataError, match="several values per voxel"):
        read_mask(path, "", image)
    ramp = np.arange(np.prod(image.GetSize()), dtype=np.uint8).reshape(image.GetSize()[::-1])
    sitk.WriteImage(like(ramp, image), str(path))
    with pytest.raises(DataError, match="11, 12 and 243 more and none is chosen"):
        read_mask(path, "", image)


def test_real_labelmaps_give_each_of_their_rois(shared_data):
    folder = shared_data / "dicom_seg" / "dcmqi_segmentations"
    image = volume((folder / "ct-3slice").iterdir())
    both = folder / "liver_spine_seg.nrrd"
    for name, number in (("liver_seg.nrrd", 1), ("spine_seg.nrrd", 2)):
        alone, notes = read_segmentation(folder / name, "", image)
        of_two, _ = read_segmentation(both, "roi", image, number=number)
        assert array(alone).any()
        assert np.array_equal(array(alone), array(of_two))
        assert notes == []


def picture(path, values):
    Image.fromarray(values).save(path)
    return path


def test_flat_masks_of_2d_images_go_by_their_size(tmp_path):
    image = grid(size=(40, 36, 1))
    inside = np.zeros((36, 40), dtype=np.uint8)
    inside[5:20, 7:30] = 255
    flat = sitk.GetImageFromArray(inside)
    flat.SetOrigin([5.0, 7.0])
    sitk.WriteImage(flat, str(tmp_path / "m.nrrd"))
    deep = sitk.GetImageFromArray(inside[np.newaxis])
    deep.SetSpacing([0.2, 0.2, 1.0])
    sitk.WriteImage(deep, str(tmp_path / "m.nii.gz"))
    picture(tmp_path / "m.png", inside)
    picture(tmp_path / "m.bmp", inside)
    for name in ("m.nrrd", "m.nii.gz", "m.png", "m.bmp"):
        mask, notes = read_segmentation(tmp_path / name, "lesion", image, planar=True)
        assert np.array_equal(array(mask)[0], inside > 0)
        assert "laid on it pixel by pixel" in words(notes)
        with pytest.raises(DataError, match=r"40 x 36 x 1 pixels .* image 40 x 36 x 12"):
            read_segmentation(tmp_path / name, "lesion", grid(), planar=True)
    with pytest.raises(DataError, match="2 dimensions"):
        read_segmentation(tmp_path / "m.png", "lesion", image)
    labels = np.where(inside > 0, 3, 0).astype(np.uint8)
    labels[0] = 1
    path = picture(tmp_path / "two.png", labels)
    mask, _ = read_segmentation(path, "lesion", image, number=3, planar=True)
    assert np.array_equal(array(mask)[0], labels == 3)


def test_colour_pictures_and_jpeg_are_no_masks(tmp_path):
    image = grid(size=(40, 36, 1))
    red = np.zeros((36, 40, 3), dtype=np.uint8)
    red[5:20, 7:30, 0] = 255
    colour = picture(tmp_path / "m.png", red)
    with pytest.raises(DataError, match="as a colour picture does"):
        read_segmentation(colour, "lesion", image, planar=True)
    lossy = picture(tmp_path / "m.jpg", np.zeros((36, 40), dtype=np.uint8))
    with pytest.raises(DataError, match="JPEG"):
        read_segmentation(lossy, "lesion", image, planar=True)


def test_a_mask_on_a_tilted_series_goes_to_the_nearest_voxel(tmp_path):
    image = grid()
    mask, labels = labelled(image)
    shifts = np.zeros((12, 2))
    mask.SetOrigin([-20.0 + 0.4 * 0.8, 13.0, 50.0])
    sitk.WriteImage(mask, str(tmp_path / "m.nrrd"))
    found, notes = read_segmentation(tmp_path / "m.nrrd", "1", image, shifts=shifts)
    assert np.array_equal(array(found), labels == 1)
    assert "0.40 voxels off" in words(notes)
    with pytest.raises(DataError, match="voxels off"):
        read_segmentation(tmp_path / "m.nrrd", "1", image)
