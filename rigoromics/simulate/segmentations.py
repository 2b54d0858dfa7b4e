"""Outlines as DICOM RTSTRUCT and DICOM SEG."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from rigoromics.simulate.geometry import Bool
from rigoromics.simulate.headers import Scan, add_private, add_series, shared_header
from rigoromics.simulate.raters import Outline
from rigoromics.simulate.settings import Rater

RT_STRUCTURE_SET_STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
COLOURS = ([255, 0, 0], [0, 200, 255], [255, 200, 0])


def rtstruct(
    outlines: Sequence[Outline], rater: Rater, scan: Scan, images: Sequence[Dataset]
) -> Dataset:
    """Return an RTSTRUCT of one rater's outlines in one scan.

    Parameters
    ----------
    outlines
        The structures, in the order of ROI numbers.
    rater
        Who drew them.
    scan
        The scan.
    images
        Its images, one per slice.
    """
    plan = shared_header(scan)
    add_series(
        plan, scan, "RTSTRUCT", scan.uid("rtstruct", rater.name), 300 + scan.number, "RT structures"
    )
    plan.SOPClassUID = RT_STRUCTURE_SET_STORAGE
    plan.SOPInstanceUID = scan.uid("rtstruct instance", rater.name)
    plan.Manufacturer = "Varian Medical Systems"
    plan.ManufacturerModelName = "ARIA RadOnc"
    plan.SoftwareVersions = "13.6"
    plan.StructureSetLabel = rater.name.upper()
    plan.StructureSetDate = scan.person.study_date
    plan.StructureSetTime = scan.time
    plan.ApprovalStatus = "UNAPPROVED"
    plan.InstanceNumber = 1
    plan.FrameOfReferenceUID = scan.frame_of_reference_uid
    plan.PositionReferenceIndicator = ""
    plan.ReferencedFrameOfReferenceSequence = [_frame_of_reference(scan, images)]
    plan.StructureSetROISequence = []
    plan.ROIContourSequence = []
    plan.RTROIObservationsSequence = []
    for number, outline in enumerate(outlines, start=1):
        roi, contour, observation = _roi(number, outline, rater, scan, images)
        plan.StructureSetROISequence.append(roi)
        plan.ROIContourSequence.append(contour)
        plan.RTROIObservationsSequence.append(observation)
    add_private(plan, scan)
    return plan


def segmentation(
    outline: Outline,
    rater: Rater,
    scan: Scan,
    images: Sequence[Dataset],
    body_part: str = "ABDOMEN",
) -> Dataset:
    """Return a binary DICOM SEG of one rater's outline in one scan.

    Parameters
    ----------
    outline
        The lesion's outline; it is stored as voxels of the scan.
    rater
        Who drew it.
    scan
        The scan.
    images
        Its images, one per slice from feet to head.
    body_part
        DICOM BodyPartExamined; empty: none.
    """
    made = seg_of(outline.mask(scan.grid), outline.name, rater, scan, images)
    if body_part:
        made.BodyPartExamined = body_part
    return made


def seg_of(mask: Bool, label: str, rater: Rater, scan: Scan, images: Sequence[Dataset]) -> Dataset:
    """Return a binary DICOM SEG of a mask (slices, rows, columns), one image per slice."""
    # highdicom takes about a second to import; cohorts without SEG do not need it.
    import highdicom as hd
    from pydicom.sr.codedict import codes

    # highdicom logs raw instance identifiers at level INFO; no log may hold them.
    logging.getLogger("highdicom").setLevel(logging.WARNING)
    description = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label=label,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        tracking_uid=scan.uid("tracking", rater.name),
        tracking_id=f"{rater.name} {label}",
    )
    made: Dataset = hd.seg.Segmentation(
        source_images=list(images),
        pixel_array=mask.astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[description],
        series_instance_uid=scan.uid("seg", rater.name),
        series_number=400 + scan.number,
        sop_instance_uid=scan.uid("seg instance", rater.name),
        instance_number=1,
        manufacturer="3D Slicer Community",
        manufacturer_model_name="Slicer",
        software_versions="4.10.2",
        device_serial_number="1",
        content_label=rater.name.upper(),
        content_description="Lesion outlined by hand",
        content_creator_name=scan.person.operator,
    )
    made.SeriesDescription = "Segmentation"
    made.OperatorsName = scan.person.operator
    _pin(made, scan, rater)
    add_private(made, scan)
    return made


def _pin(dataset: Dataset, scan: Scan, rater: Rater) -> None:
    """Replace what the library took from the clock or from chance by what the seed says."""
    made: dict[str, str] = {}
    dates = {"ContentDate", "SeriesDate", "InstanceCreationDate"}
    times = {"ContentTime", "SeriesTime", "InstanceCreationTime"}
    for part, name in elements(dataset):
        if name == "DimensionOrganizationUID":
            key = str(part[name].value)
            made.setdefault(key, scan.uid("seg", rater.name, name, str(len(made))))
            part[name].value = made[key]
        elif name in dates:
            part[name].value = scan.person.study_date
        elif name in times:
            part[name].value = scan.time
        elif name == "ContributionDateTime":
            part[name].value = scan.person.study_date + scan.time


def elements(dataset: Dataset) -> Iterator[tuple[Dataset, str]]:
    """Yield every element's holder and keyword, at any depth."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from elements(item)
        elif element.keyword:
            yield dataset, element.keyword


def _item(**values: Any) -> Dataset:
    """Return a data set with these attributes."""
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _reference(image: Dataset) -> Dataset:
    return _item(
        ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID
    )


def _frame_of_reference(scan: Scan, images: Sequence[Dataset]) -> Dataset:
    series = _item(
        SeriesInstanceUID=scan.series_uid,
        ContourImageSequence=[_reference(image) for image in images],
    )
    study = _item(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
        ReferencedSOPInstanceUID=scan.study_uid,
        RTReferencedSeriesSequence=[series],
    )
    return _item(FrameOfReferenceUID=scan.frame_of_reference_uid, RTReferencedStudySequence=[study])


def _roi(
    number: int, outline: Outline, rater: Rater, scan: Scan, images: Sequence[Dataset]
) -> tuple[Dataset, Dataset, Dataset]:
    """Return one ROI's items of the three sequences of an RTSTRUCT."""
    organ = outline.name != rater.roi_name
    roi = _item(
        ROINumber=number,
        ReferencedFrameOfReferenceUID=scan.frame_of_reference_uid,
        ROIName=outline.name,
        ROIGenerationAlgorithm="AUTOMATIC" if organ else "MANUAL",
    )
    contours: list[Dataset] = []
    for index, points in sorted(outline.polygons.items()):
        z = f"{scan.grid.z[index]:.3f}"
        data: list[str] = []
        for x, y in points:
            data += [f"{x:.2f}", f"{y:.2f}", z]
        contour = _item(
            ContourImageSequence=[_reference(images[index])],
            ContourGeometricType="CLOSED_PLANAR",
            NumberOfContourPoints=len(points),
            ContourNumber=len(contours) + 1,
        )
        # Numbers formatted above need no check by regular expression, the costliest part here.
        contour.add(DataElement("ContourData", "DS", data, validation_mode=IGNORE))
        contours.append(contour)
    drawn = _item(
        ROIDisplayColor=COLOURS[(number - 1) % len(COLOURS)],
        ContourSequence=contours,
        ReferencedROINumber=number,
    )
    kind = {"BODY": "EXTERNAL", "Liver": "ORGAN"}.get(outline.name, "GTV")
    observation = _item(
        ObservationNumber=number,
        ReferencedROINumber=number,
        RTROIInterpretedType=kind,
        ROIInterpreter="",
    )
    return roi, drawn, observation
