"""DICOM SEG against the NRRD truths that came with it, and the IBSI phantom."""

import logging
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from rigoromics.errors import DataError
from rigoromics.read.image import SliceSource
from rigoromics.read.series import read_series
from rigoromics.segment.load import read_segmentation
from rigoromics.segment.seg import _frame_pixels, list_segments, read_seg
from tests.unit.segment.shapes import array, grid, volume, words

TRUTHS = [
    ("ct-3slice", "liver.dcm", "Liver", "liver_seg.nrrd", 1),
    ("23x38x3/image", "23x38x3/seg/label.seg", "Liver", "23x38x3/nrrd/label.nrrd", 1),
    ("24x38x3/image", "24x38x3/seg/label.seg", "Liver", "24x38x3/nrrd/label.nrrd", 1),
    ("24x38x3/image", "sparse-labelmap-noppv.dcm", "Liver", "sparse_labelmap_noppv_seg.nrrd", 1),
    ("24x38x3/image", "sparse-labelmap-ppv5.dcm", "Liver", "sparse_labelmap_ppv5_seg.nrrd", 1),
    ("ct-3slice", "partial_overlaps.dcm", "GREEN", "partial_overlaps-1.nrrd", 1),
    ("ct-3slice", "partial_overlaps.dcm", "ORANGE", "partial_overlaps-2.nrrd", 2),
    ("ct-3slice", "partial_overlaps.dcm", "PURPLE", "partial_overlaps-3.nrrd", 3),
    ("ct-3slice", "partial_overlaps.dcm", "LIGHT_BLUE", "partial_overlaps-1.nrrd", 4),
    ("ct-3slice", "partial_overlaps.dcm", "DARK_BLUE", "partial_overlaps-1.nrrd", 5),
]


@pytest.fixture
def dcmqi(shared_data):
    return shared_data / "dicom_seg" / "dcmqi_segmentations"


def liver(dcmqi):
    return volume((dcmqi / "ct-3slice").iterdir())


def truth(dcmqi, name, value):
    """The NRRD's own array: its slices run upwards, as those of `read_series`."""
    return sitk.GetArrayFromImage(sitk.ReadImage(str(dcmqi / name))) == value


@pytest.mark.parametrize(("series", "file", "label", "nrrd", "value"), TRUTHS)
def test_segments_are_the_nrrd_truths_voxel_for_voxel(dcmqi, series, file, label, nrrd, value):
    image = volume((dcmqi / series).iterdir())
    mask, notes = read_segmentation(dcmqi / file, label, image)
    expected = truth(dcmqi, nrrd, value)
    assert expected.any()
    assert np.array_equal(array(mask), expected)
    assert notes == []


def test_overlapping_segments_are_united_on_request(dcmqi):
    image = liver(dcmqi)
    mask, _ = read_seg(dcmqi / "partial_overlaps.dcm", ["GREEN", "ORANGE"], image)
    one = truth(dcmqi, "partial_overlaps-1.nrrd", 1)
    assert np.array_equal(array(mask), one | truth(dcmqi, "partial_overlaps-2.nrrd", 2))


def test_the_ibsi_phantom_through_flipped_axes_is_its_nifti_mask(shared_data):
    folder = shared_data / "ibsi1_digital_phantom"
    expected = array(sitk.ReadImage(str(folder / "nifti" / "mask" / "mask.nii.gz")))
    path = folder / "dicom_seg" / "mask" / "mask.dcm"
    # Its frames are coronal; the spacing of 1 mm is the SEG's own (its README says it is wrong).
    image = sitk.GetImageFromArray(np.zeros((4, 4, 5), dtype=np.int16))
    image.SetDirection([1, 0, 0, 0, 0, -1, 0, -1, 0])
    image.SetOrigin([0, 3, 0])
    mask, _ = read_seg(path, ["ROI"], image)
    assert array(mask).sum() == 74
    # On axial slices in the patient's axes it is the NIfTI mask, which only runs head to foot.
    upright, _ = read_seg(path, ["ROI"], sitk.DICOMOrient(image, "LPS"))
    assert np.array_equal(array(upright)[::-1], expected)
    with pytest.raises(DataError, match="not on the image's grid"):
        read_seg(path, ["ROI"], sitk.ReadImage(str(folder / "nifti/image/phantom.nii.gz")))


def test_an_oblique_series_with_a_seg_in_opposite_slice_order(shared_data):
    folder = shared_data / "dicom_seg" / "QIN-PROSTATE-001"
    image = volume((folder / "ADC").iterdir())
    path = folder / "seg" / "1-1.dcm"
    labels = [label for _, label in list_segments(pydicom.dcmread(path))]
    masks = {label: array(read_seg(path, [label], image)[0]) for label in labels}
    # Counted in the SEG's stored frames by highdicom, without any geometry.
    assert [int(masks[label].sum()) for label in labels] == [140, 2158, 118, 15306]
    # Anatomy: peripheral zone and lesion lie in the prostate; a flip would put them elsewhere.
    gland = masks["Prostate"]
    for part in ("Peripheral zone of the prostate", "Lesion"):
        assert (masks[part] & gland).sum() / masks[part].sum() > 0.9
    flipped = sitk.Flip(image, [False, True, True])
    again = array(read_seg(path, ["Prostate"], flipped)[0])
    assert np.array_equal(again[::-1, ::-1], gland)


def test_frames_may_be_missing(dcmqi, tmp_path):
    """Slices without the segment need no frame, at the ends or in the middle."""
    data = pydicom.dcmread(dcmqi / "liver.dcm")
    size = data.Rows * data.Columns // 8
    groups = data.PerFrameFunctionalGroupsSequence
    heights = [float(g.PlanePositionSequence[0].ImagePositionPatient[2]) for g in groups]
    dropped = int(np.argsort(heights)[1])
    data.PixelData = b"".join(
        data.PixelData[n * size : (n + 1) * size] for n in range(3) if n != dropped
    )
    data.PerFrameFunctionalGroupsSequence = [g for n, g in enumerate(groups) if n != dropped]
    data.NumberOfFrames = 2
    data.save_as(tmp_path / "sparse.dcm")
    mask, _ = read_seg(tmp_path / "sparse.dcm", ["Liver"], liver(dcmqi))
    expected = truth(dcmqi, "liver_seg.nrrd", 1)
    expected[1] = False
    assert np.array_equal(array(mask), expected)


def test_a_cropped_image_cuts_the_segment_and_says_so(dcmqi):
    image = liver(dcmqi)
    expected = truth(dcmqi, "liver_seg.nrrd", 1)
    last = np.flatnonzero(expected.any(axis=(0, 2)))[-1]
    row = int(last) - 30
    mask, notes = read_seg(dcmqi / "liver.dcm", ["Liver"], image[:, :row, :])
    assert np.array_equal(array(mask), expected[:, :row])
    outside = int(expected.sum() - expected[:, :row].sum())
    assert f"{outside} of the 107098 voxels" in notes[0].problem
    with pytest.raises(DataError, match="lie outside the image"):
        read_seg(dcmqi / "liver.dcm", ["Liver"], image[:, :, 1:])


@pytest.mark.parametrize("threshold", [0.25, 0.3, 0.5])
def test_fractions_count_from_the_threshold_on(shared_data, threshold):
    path = shared_data / "dicom_seg/highdicom_test_files/seg_image_ct_true_fractional.dcm"
    data = pydicom.dcmread(path)
    fractions = data.pixel_array / data.MaximumFractionalValue
    group = data.SharedFunctionalGroupsSequence[0]
    origins = [
        g.PlanePositionSequence[0].ImagePositionPatient
        for g in data.PerFrameFunctionalGroupsSequence
    ]
    order = np.argsort([float(origin[2]) for origin in origins])
    image = sitk.Image(data.Columns, data.Rows, len(order), sitk.sitkInt16)
    spacing = [float(value) for value in group.PixelMeasuresSequence[0].PixelSpacing]
    image.SetSpacing([*spacing[::-1], float(origins[order[1]][2]) - float(origins[order[0]][2])])
    image.SetOrigin([float(value) for value in origins[order[0]]])
    mask, notes = read_seg(path, ["first segment"], image, threshold=threshold)
    assert f"holds probabilities; a voxel counts from {threshold:g} on" in words(notes)
    expected = fractions[order] >= threshold
    assert 0 < expected.sum() < expected.size
    assert np.array_equal(array(mask), expected)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda image: image.SetSpacing([0.9, 0.9, 1]), "not on the image's grid"),
        (lambda image: image.SetOrigin([-235.2, -226.8 + 0.3, -128.69]), "voxels off"),
        (
            lambda image: image.SetDirection(grid(degrees=10).GetDirection()),
            "not on the image's grid",
        ),
    ],
)
def test_another_grid_is_refused_and_both_grids_are_named(dcmqi, change, problem):
    image = liver(dcmqi)
    change(image)
    with pytest.raises(DataError, match=problem) as caught:
        read_seg(dcmqi / "liver.dcm", ["Liver"], image)
    assert "segmentation: frames of 512 x 512" in caught.value.problem
    assert "image: 512 x 512 x 3 voxels" in caught.value.problem


def test_wrong_frame_missing_segment_and_other_files_are_refused(dcmqi, tmp_path):
    image = liver(dcmqi)
    with pytest.raises(DataError, match="another frame of reference"):
        read_seg(dcmqi / "liver.dcm", ["Liver"], image, frame_of_reference="9.9")
    with pytest.raises(DataError, match="holds 1 segments, none"):
        read_seg(dcmqi / "liver.dcm", ["spleen"], image)
    with pytest.raises(DataError, match="no DICOM SEG"):
        read_seg(dcmqi / "ct-3slice" / "01.dcm", ["Liver"], image)
    content = (dcmqi / "liver.dcm").read_bytes()
    (tmp_path / "short.dcm").write_bytes(content[: len(content) - 60_000])
    with pytest.raises(DataError, match=r"cut short|cannot be read"):
        read_seg(tmp_path / "short.dcm", ["Liver"], image)
    (tmp_path / "empty.dcm").write_bytes(content[:140])
    with pytest.raises(DataError):
        read_segmentation(tmp_path / "empty.dcm", "Liver", image)


def test_a_seg_of_a_plain_radiograph_has_no_place_in_a_volume(shared_data):
    path = shared_data / "dicom_seg/highdicom_test_files/seg_image_cr_binary.dcm"
    with pytest.raises(DataError, match="does not say where its frames lie"):
        read_seg(path, ["first segment"], grid())


PAIRS = [
    ("dcmqi_segmentations/ct-3slice", "dcmqi_segmentations/liver.dcm"),
    ("dcmqi_segmentations/ct-3slice", "dcmqi_segmentations/partial_overlaps.dcm"),
    ("dcmqi_segmentations/23x38x3/image", "dcmqi_segmentations/23x38x3/seg/label.seg"),
    ("dcmqi_segmentations/24x38x3/image", "dcmqi_segmentations/24x38x3/seg/label.seg"),
    ("dcmqi_segmentations/24x38x3/image", "dcmqi_segmentations/sparse-labelmap-noppv.dcm"),
    ("dcmqi_segmentations/24x38x3/image", "dcmqi_segmentations/sparse-labelmap-ppv5.dcm"),
    ("dicom4qi_data_5/image", "dicom4qi_data_5/mask/mask.dcm"),
    ("QIN-PROSTATE-001/ADC", "QIN-PROSTATE-001/seg/1-1.dcm"),
    ("CT2", "highdicom_test_files/seg_image_ct_binary.dcm"),
    ("CT2", "highdicom_test_files/seg_image_ct_binary_fractional.dcm"),
    ("CT2", "highdicom_test_files/seg_image_ct_true_fractional.dcm"),
    (
        "highdicom_test_files/ct_image.dcm",
        "highdicom_test_files/seg_image_ct_binary_single_frame.dcm",
    ),
]


def series_of(shared_data, name):
    """The series of a pair; CT2 comes with pydicom, and the SEGs on it with highdicom."""
    if name == "CT2":
        # Three neighbours; the series' fourth slice lies 20 cm away.
        names = [f"dicomdirtests/77654033/CT2/{name}" for name in (17136, 17166, 17196)]
        return read_series([Path(pydicom.data.get_testdata_file(name)) for name in names])
    path = shared_data / "dicom_seg" / name
    return read_series(sorted(path.iterdir()) if path.is_dir() else [path])


def by_reference(path, number, shape, slices):
    """A segment as highdicom unpacks it, each frame on the slice it says it was drawn on."""
    data = highdicom.seg.segread(path)
    frames = [data.get_stored_frame(n + 1) for n in range(data.NumberOfFrames)]
    expected = np.zeros(shape, dtype=bool)
    level = {source.sop_uid: k for k, source in enumerate(slices)}
    full = data.MaximumFractionalValue if data.SegmentationType == "FRACTIONAL" else 1
    for frame, group in zip(frames, data.PerFrameFunctionalGroupsSequence, strict=True):
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        k = level[source.ReferencedSOPInstanceUID]
        if data.SegmentationType == "LABELMAP":
            expected[k] |= frame == number
        elif group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number:
            expected[k] |= frame / full >= 0.5
    return expected


@pytest.mark.parametrize(("images", "file"), PAIRS)
def test_every_seg_lies_on_the_slices_it_refers_to(shared_data, images, file):
    series = series_of(shared_data, images)
    path = shared_data / "dicom_seg" / file
    segments = list_segments(pydicom.dcmread(path))
    assert segments
    for number, label in segments:
        mask, _ = read_segmentation(
            path,
            label,
            series.image,
            number=number,
            frame_of_reference=series.frame_of_reference,
            slices=series.slices,
        )
        shape = series.image.GetSize()[::-1]
        expected = by_reference(path, number, shape, series.slices)
        assert expected.any()
        assert np.array_equal(array(mask), expected)


def test_overlapping_segments_of_separate_frames_come_apart(shared_data):
    """One slice of the CT lies far from the others, so it is no volume: taken frame by frame."""
    path = shared_data / "dicom_seg/highdicom_test_files/seg_image_ct_binary_overlap.dcm"
    data = pydicom.dcmread(path)
    instances = data.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    slices = [SliceSource(str(item.ReferencedSOPInstanceUID), 0) for item in instances]
    assert len(slices) == 4
    masks = []
    for number, label in list_segments(data):
        mask, notes = read_segmentation(
            path, label, grid(size=(16, 16, 4)), number=number, slices=slices, planar=True
        )
        masks.append(array(mask))
        assert np.array_equal(masks[-1], by_reference(path, number, (4, 16, 16), slices))
        assert notes == []
    assert (masks[0] & masks[1]).any()
    assert (masks[0] ^ masks[1]).any()


def test_segments_of_one_label_are_told_apart_by_number(dcmqi, tmp_path):
    data = pydicom.dcmread(dcmqi / "partial_overlaps.dcm")
    for item in data.SegmentSequence:
        item.SegmentLabel = "Lesion"
    data.save_as(tmp_path / "same.dcm")
    image = liver(dcmqi)
    for number, layer in ((2, 2), (3, 3)):
        mask, _ = read_segmentation(tmp_path / "same.dcm", "Lesion", image, number=number)
        expected = truth(dcmqi, f"partial_overlaps-{layer}.nrrd", number)
        assert np.array_equal(array(mask), expected)
    with pytest.raises(DataError, match="5 segments of one file share the same label"):
        read_segmentation(tmp_path / "same.dcm", "Lesion", image)


@pytest.mark.parametrize(
    ("kind", "words_"), [("OCCUPANCY", "covered shares of voxels"), ("", "unnamed meaning")]
)
def test_what_fractions_mean_is_said(shared_data, tmp_path, kind, words_):
    path = shared_data / "dicom_seg/highdicom_test_files/seg_image_ct_true_fractional.dcm"
    image = series_of(shared_data, "CT2").image
    data = pydicom.dcmread(path)
    data.SegmentationFractionalType = kind
    data.MaximumFractionalValue = 200
    data.save_as(tmp_path / "a.dcm")
    mask, notes = read_seg(tmp_path / "a.dcm", ["first segment"], image)
    assert words_ in words(notes)
    # 100 of 200 is a half: a voxel of 0.4 of 255 (102) belongs to it now.
    assert array(mask).sum() == (data.pixel_array >= 100).sum()
    del data.MaximumFractionalValue
    data.save_as(tmp_path / "b.dcm")
    with pytest.raises(DataError, match="which value is a full voxel"):
        read_seg(tmp_path / "b.dcm", ["first segment"], image)


def test_a_tilted_series_set_upright_takes_the_nearest_voxel(dcmqi, tmp_path):
    """The frames of the scan as tilted lie up to half a pixel off; the note says how far."""
    image = liver(dcmqi)
    pixel = image.GetSpacing()[0]
    data = pydicom.dcmread(dcmqi / "liver.dcm")
    groups = data.PerFrameFunctionalGroupsSequence
    for group in groups:
        position = group.PlanePositionSequence[0]
        x, y, z = (float(value) for value in position.ImagePositionPatient)
        k = round(image.TransformPhysicalPointToContinuousIndex([x, y, z])[2])
        position.ImagePositionPatient = [round(x + k * 0.3 * pixel, 6), y, z]
    data.save_as(tmp_path / "tilted.dcm")
    expected = truth(dcmqi, "liver_seg.nrrd", 1)
    # 0, 0.3 and 0.6 pixels to the right: the nearest are 0, 0 and 1.
    expected[2] = np.roll(expected[2], 1, axis=1)
    shifts = np.array([[0.0, 0.0], [-0.3 * pixel, 0.0], [-0.6 * pixel, 0.0]])
    mask, notes = read_segmentation(tmp_path / "tilted.dcm", "Liver", image, shifts=shifts)
    assert np.array_equal(array(mask), expected)
    assert "up to 0.40 voxels off" in words(notes)
    with pytest.raises(DataError, match="voxels off the image's"):
        read_segmentation(tmp_path / "tilted.dcm", "Liver", image)
    # Between slices nothing is rounded.
    image.SetOrigin([*image.GetOrigin()[:2], image.GetOrigin()[2] + 0.3 * image.GetSpacing()[2]])
    with pytest.raises(DataError, match="not on the image's grid"):
        read_segmentation(dcmqi / "liver.dcm", "Liver", image, shifts=shifts)


def test_no_uid_reaches_the_log(dcmqi, caplog):
    data = pydicom.dcmread(dcmqi / "liver.dcm", stop_before_pixels=True)
    with caplog.at_level(logging.DEBUG):
        read_seg(dcmqi / "liver.dcm", ["Liver"], liver(dcmqi))
    for uid in (data.SOPInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID):
        assert str(uid) not in caplog.text


@pytest.mark.parametrize("rows", [1, 7, 16, 147])
@pytest.mark.parametrize("columns", [1, 5, 8, 199])
def test_frames_of_bits_that_begin_within_a_byte(rows, columns):
    """Frame by frame it is what pydicom gives for all frames at once."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.Rows, data.Columns, data.NumberOfFrames = rows, columns, 9
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 1
    data.HighBit = data.PixelRepresentation = 0
    size = -(-rows * columns * 9 // 16) * 2
    data.PixelData = np.random.default_rng(rows * columns).bytes(size)
    expected = data.pixel_array.reshape(9, rows, columns)
    for index in range(9):
        assert np.array_equal(_frame_pixels(data, index), expected[index])
