"""Spoil one patient of a raw folder as real archives do, to see that it is noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from rigoromics.errors import DataError
from rigoromics.simulate.identity import uid

Found = list[tuple[Path, Dataset]]


def damage(raw: Path, kind: str, patient_id: str) -> list[Path]:
    """Damage one patient's files in place.

    Parameters
    ----------
    raw
        Folder of raw DICOM, any nesting.
    kind
        ``truncated_slice``: a slice in the middle of the first scan is cut off half way.
        ``missing_slice``: that slice's file is deleted.
        ``empty_mask``: the first rater's RTSTRUCT keeps its ROIs but loses their contours.
        ``wrong_frame_of_reference``: the same RTSTRUCT names another frame of reference.
        ``moved_contour``: its contours lie 2 mm further left; no fault, only a change.
    patient_id
        Whose files, by DICOM PatientID.

    Returns
    -------
    list of Path
        The files changed or deleted.

    Raises
    ------
    DataError
        For an unknown kind, or a patient without the files to damage.
    """
    if kind not in DAMAGES:
        raise DataError(f"no kind of damage is called '{kind}'", f"use one of {list(DAMAGES)}")
    return [DAMAGES[kind](_files_of(raw, patient_id))]


def _files_of(raw: Path, patient_id: str) -> Found:
    tags = ["PatientID", "Modality", "SeriesNumber", "ImagePositionPatient", "StructureSetLabel"]
    found: Found = []
    for path in sorted(path for path in raw.rglob("*") if path.is_file()):
        header = pydicom.dcmread(path, specific_tags=tags, stop_before_pixels=True, force=True)
        if header.get("PatientID") == patient_id:
            found.append((path, header))
    if not found:
        raise DataError(f"no file of patient {patient_id}", "check the PatientID", str(raw))
    return found


def _middle_slice(found: Found) -> Path:
    images = [(p, h) for p, h in found if "ImagePositionPatient" in h]
    if not images:
        raise DataError("the patient has no images", "choose another patient")
    first = min(int(h.SeriesNumber) for _, h in images)
    series = [(p, h) for p, h in images if int(h.SeriesNumber) == first]
    series.sort(key=lambda item: float(item[1].ImagePositionPatient[2]))
    return series[len(series) // 2][0]


def _first_rtstruct(found: Found) -> Path:
    plans = [
        (int(h.SeriesNumber), str(h.get("StructureSetLabel", "")), p)
        for p, h in found
        if h.get("Modality") == "RTSTRUCT"
    ]
    if not plans:
        raise DataError("the patient has no RTSTRUCT", "choose another patient")
    return min(plans)[2]


def _truncate(found: Found) -> Path:
    path = _middle_slice(found)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def _delete(found: Found) -> Path:
    path = _middle_slice(found)
    path.unlink()
    return path


def _empty(found: Found) -> Path:
    path = _first_rtstruct(found)
    plan = pydicom.dcmread(path)
    for roi in plan.ROIContourSequence:
        del roi.ContourSequence
    plan.save_as(path)
    return path


def _other_frame(found: Found) -> Path:
    path = _first_rtstruct(found)
    plan = pydicom.dcmread(path)
    other = uid(0, str(plan.SOPInstanceUID), "another frame of reference")
    plan.FrameOfReferenceUID = other
    for frame in plan.ReferencedFrameOfReferenceSequence:
        frame.FrameOfReferenceUID = other
    for roi in plan.StructureSetROISequence:
        roi.ReferencedFrameOfReferenceUID = other
    plan.save_as(path)
    return path


def _move(found: Found) -> Path:
    path = _first_rtstruct(found)
    plan = pydicom.dcmread(path)
    for roi in plan.ROIContourSequence:
        for contour in roi.ContourSequence:
            points = [float(value) for value in contour.ContourData]
            points[::3] = [x + 2.0 for x in points[::3]]
            contour.ContourData = [f"{value:.6g}" for value in points]
    plan.save_as(path)
    return path


DAMAGES: dict[str, Callable[[Found], Path]] = {
    "truncated_slice": _truncate,
    "missing_slice": _delete,
    "empty_mask": _empty,
    "wrong_frame_of_reference": _other_frame,
    "moved_contour": _move,
}
"""What can be done to a patient, by name."""
