"""DICOM SEG of 2D images, which go by the frame they refer to."""

import numpy as np
import pydicom
import pytest

from rigoromics.errors import DataError
from rigoromics.read.image import SliceSource
from rigoromics.segment.load import read_segmentation
from tests.unit.segment.shapes import array, grid


@pytest.fixture
def flat(shared_data):
    """A SEG of a computed radiograph of 16 x 16 pixels, its pixels, and the image's UID."""
    path = shared_data / "dicom_seg/highdicom_test_files/seg_image_cr_binary.dcm"
    data = pydicom.dcmread(path)
    group = data.PerFrameFunctionalGroupsSequence[0]
    source = group.DerivationImageSequence[0].SourceImageSequence[0]
    return path, data.pixel_array > 0, str(source.ReferencedSOPInstanceUID)


def test_a_seg_of_a_2d_image_lies_on_the_image_it_refers_to(flat):
    path, pixels, uid = flat
    assert pixels.any()
    image = grid(size=(16, 16, 1), degrees=0)
    mask, notes = read_segmentation(
        path, "first segment", image, planar=True, slices=[SliceSource(uid, 0)]
    )
    assert np.array_equal(array(mask)[0], pixels)
    assert notes == []
    with pytest.raises(DataError, match="refers to other images than this one"):
        read_segmentation(
            path, "first segment", image, planar=True, slices=[SliceSource("1.2.9", 0)]
        )
    with pytest.raises(DataError, match="16 x 16 pixels and the image 17 x 16"):
        read_segmentation(
            path,
            "first segment",
            grid(size=(17, 16, 1)),
            planar=True,
            slices=[SliceSource(uid, 0)],
        )


def test_a_seg_of_a_clip_lies_on_the_frames_it_refers_to(flat, tmp_path):
    path, pixels, uid = flat
    image = grid(size=(16, 16, 4))
    clip = [SliceSource(uid, frame) for frame in (1, 2, 3, 4)]
    data = pydicom.dcmread(path)
    group = data.PerFrameFunctionalGroupsSequence[0]
    source = group.DerivationImageSequence[0].SourceImageSequence[0]
    for frames, levels in (([3], [2]), ([2, 4], [1, 3])):
        source.ReferencedFrameNumber = frames
        data.save_as(tmp_path / "a.dcm")
        mask, _ = read_segmentation(
            tmp_path / "a.dcm", "first segment", image, planar=True, slices=clip
        )
        for k in range(4):
            assert np.array_equal(array(mask)[k], pixels & (k in levels))
    with pytest.raises(DataError, match="which of the image's frames"):
        read_segmentation(path, "first segment", image, planar=True, slices=clip)
    del group.DerivationImageSequence
    data.save_as(tmp_path / "b.dcm")
    one = [SliceSource(uid, 0)]
    mask, _ = read_segmentation(
        tmp_path / "b.dcm", "first segment", image[:, :, :1], planar=True, slices=one
    )
    # Without the frame's own source, the one image that the file refers to is meant.
    assert np.array_equal(array(mask)[0], pixels)
    del data.ReferencedSeriesSequence
    data.save_as(tmp_path / "c.dcm")
    with pytest.raises(DataError, match="does not say which image"):
        read_segmentation(
            tmp_path / "c.dcm", "first segment", image[:, :, :1], planar=True, slices=one
        )
