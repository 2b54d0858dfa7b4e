"""Read the header of one file into a flat row of strings."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from rigoromics.read.walk import Entry

IDENTITY = [
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "SOPClassUID",
    "FrameOfReferenceUID",
    "Modality",
    "StudyDate",
    "SeriesDate",
    "SeriesTime",
    "SeriesNumber",
    "InstanceNumber",
    "StudyDescription",
    "SeriesDescription",
    "ImageType",
    "InstitutionName",
]
GEOMETRY = [
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Units",
]
DYNAMIC = [
    "TemporalPositionIdentifier",
    "DiffusionBValue",
    "EchoTime",
    "TriggerTime",
    "AcquisitionNumber",
]
ACQUISITION = [
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "ConvolutionKernel",
    "KVP",
    "Exposure",
    "SliceThickness",
    "SpacingBetweenSlices",
    "ContrastBolusAgent",
]
DRAWING = [
    "StructureSetLabel",
    "StructureSetDate",
    "OperatorsName",
    "ContentLabel",
    "ContentCreatorName",
]
KEYWORDS = [*IDENTITY, *GEOMETRY, *DYNAMIC, *ACQUISITION, *DRAWING]
_SEQUENCES = [
    "StructureSetROISequence",
    "ReferencedFrameOfReferenceSequence",
    "SegmentSequence",
    "ReferencedSeriesSequence",
]
_PIXELS = ["BitsAllocated", "SpecificCharacterSet"]

UNREADABLE = "unreadable"
TRUNCATED = "truncated"
OK = "ok"

Row = dict[str, str | int]


def parse_file(folder: Path, entry: Entry, extra: Sequence[str]) -> Row | None:
    """Read one file.

    Parameters
    ----------
    folder
        The folder that `entry.path` is relative to.
    entry
        The file.
    extra
        DICOM keywords to read beside :data:`KEYWORDS`.

    Returns
    -------
    dict or None
        The row of the header index; None where the file is neither DICOM nor a mask image. The
        column `status` is `ok`, `truncated` (fewer pixels than the header announces) or
        `unreadable`, and `detail` then says why.
    """
    row: Row = {"path": entry.path, "size": entry.size, "mtime_ns": entry.mtime_ns}
    row |= {"kind": "dicom", "status": OK, "detail": "", "sha256": ""}
    row |= dict.fromkeys([*KEYWORDS, *extra, "rois", "references"], "")
    try:
        with open(folder / entry.path, "rb") as stream:
            start = stream.read(132)
            if not entry.is_mask and not _looks_like_dicom(start):
                return None
            content = start + stream.read()
    except OSError as error:
        return row | {"status": UNREADABLE, "detail": f"cannot be opened ({error.strerror})"}
    row["sha256"] = hashlib.sha256(content).hexdigest()
    if entry.is_mask:
        return row | {"kind": "mask"}
    return row | _parse_dicom(content, extra)


def _looks_like_dicom(start: bytes) -> bool:
    """Whether a file is DICOM, with its preamble or (old archives) without."""
    return start[128:132] == b"DICM" or (
        start[:2] in (b"\x08\x00", b"\x02\x00") and start[3:4] == b"\x00" and len(start) == 132
    )


def _parse_dicom(content: bytes, extra: Sequence[str]) -> Row:
    stream = BytesIO(content)
    tags: list[Any] = [*KEYWORDS, *extra, *_SEQUENCES, *_PIXELS]
    try:
        with warnings.catch_warnings():
            # Values that break the standard's rules of form are common and do no harm here.
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(stream, stop_before_pixels=True, force=True, specific_tags=tags)
            fields: Row = {keyword: _text(data, keyword) for keyword in [*KEYWORDS, *extra]}
            fields["rois"] = json.dumps(_rois(data), ensure_ascii=False)
            fields["references"] = json.dumps(_references(data))
            short = _missing_bytes(data, len(content) - stream.tell())
    except Exception as error:
        # pydicom raises almost any exception on damaged files; each means the same here.
        return {"status": UNREADABLE, "detail": f"damaged header ({type(error).__name__})"}
    if not fields["SOPClassUID"] or not fields["SeriesInstanceUID"]:
        return {"status": UNREADABLE, "detail": "the header breaks off or names no series"}
    if short:
        fields |= {"status": TRUNCATED, "detail": f"{short} bytes of pixel data are missing"}
    return fields


def _text(data: Dataset, keyword: str) -> str:
    value = data.get(keyword)
    if value is None or isinstance(value, pydicom.Sequence):
        return ""
    if isinstance(value, MultiValue):
        return "\\".join(str(part) for part in value)
    return str(value).strip("\x00 ")


def _missing_bytes(data: Dataset, left: int) -> int:
    """Bytes by which the pixel data of an image fall short of what its header announces."""
    if not data.get("Rows") or not data.get("BitsAllocated"):
        return 0
    syntax = getattr(data, "file_meta", Dataset()).get("TransferSyntaxUID")
    if syntax is not None and syntax.is_deflated:
        return 0
    if syntax is not None and (syntax.is_compressed or syntax.is_private):
        return 0 if left > 8 else 1
    if str(data.get("PhotometricInterpretation")).endswith(("422", "420")):
        return 0
    samples = int(data.get("SamplesPerPixel") or 1) * int(data.get("NumberOfFrames") or 1)
    bits = int(data.Rows) * int(data.Columns) * samples * int(data.BitsAllocated)
    return max(0, -(-bits // 8) - left)


def _rois(data: Dataset) -> list[dict[str, Any]]:
    """Return the ROIs of an RTSTRUCT or the segments of a SEG: number, name, description."""
    rois = [
        {
            "number": int(item.ROINumber),
            "name": str(item.get("ROIName") or "").strip(),
            "description": "",
            "frame": str(item.get("ReferencedFrameOfReferenceUID") or ""),
        }
        for item in data.get("StructureSetROISequence") or []
    ]
    rois += [
        {
            "number": int(item.SegmentNumber),
            "name": str(item.get("SegmentLabel") or "").strip(),
            "description": str(item.get("SegmentDescription") or "").strip(),
            "frame": "",
        }
        for item in data.get("SegmentSequence") or []
        if int(item.SegmentNumber) > 0
    ]
    return rois


def _references(data: Dataset) -> dict[str, list[str]]:
    """Return what an RTSTRUCT or SEG says it was drawn on: series, instances, frames."""
    series: list[Dataset] = list(data.get("ReferencedSeriesSequence") or [])
    frames = [str(data.get("FrameOfReferenceUID") or "")]
    for frame in data.get("ReferencedFrameOfReferenceSequence") or []:
        frames.append(str(frame.get("FrameOfReferenceUID") or ""))
        for study in frame.get("RTReferencedStudySequence") or []:
            series += study.get("RTReferencedSeriesSequence") or []
    instances = [
        str(image.get("ReferencedSOPInstanceUID") or "")
        for item in series
        for name in ("ContourImageSequence", "ReferencedInstanceSequence")
        for image in item.get(name) or []
    ]
    return {
        "series": _unique(str(item.get("SeriesInstanceUID") or "") for item in series),
        "instances": _unique(instances),
        "frames": _unique(frames),
    }


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
