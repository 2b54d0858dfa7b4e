"""Plant a word that nobody would write into every kind of DICOM tag, and into paths and tables."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pydicom
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.misc import is_dicom

from rigoromics.read import keywords
from tests.workflow.project import Project, new_project

WORD = "QCANARY"
PER_FILE = 40
DATE = "18880229"
TEXT = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
DATES = {"DA", "DT"}
# What describes pixels, objects and references must stay what it is, or there is no study left.
# Technical fields are read on purpose; docs/explanation/privacy.md lists what of them is shown.
KEPT = {
    *keywords.IDENTITY, *keywords.GEOMETRY, *keywords.DYNAMIC, *keywords.ACQUISITION,
    *keywords.PET, *keywords.QUALITY, "SpecificCharacterSet", "TimezoneOffsetFromUTC",
    "SegmentationType", "SegmentationFractionalType", "RescaleType", "PixelPresentation",
    "PatientPosition", "LossyImageCompressionMethod", "DimensionOrganizationType",
    "SegmentsOverlap", "PresentationIntentType", "PresentationLUTShape", "VOILUTFunction",
    "DataSetType", "DataSetSubtype", "LengthToEnd", "CodeSetExtensionFlag",
}  # fmt: skip


def with_canaries(folder: Path, **changes: object) -> Project:
    """A simulated study, not yet run, with a canary in every kind of tag."""
    project = new_project(folder, **changes)
    project.snakemake("--", "simulate")
    data = project.folder / "data" / project.name
    assert plant(data / "raw", data / "clinical.csv") == len(tags())
    return project


def tags() -> list[tuple[int, str]]:
    """Return (tag, VR) of every public text or date element but those that are kept."""
    return [
        (tag, vr)
        for tag, (vr, _, _, _, keyword) in sorted(DicomDictionary.items())
        if vr in TEXT | DATES and keyword not in KEPT and tag >> 16 >= 8
    ]


def plant(raw: Path, clinical: Path) -> int:
    """Plant canaries in every file of a raw folder, in its paths, and in the clinical table.

    Returns
    -------
    int
        In how many different tags there is one.
    """
    chosen = tags()
    planted: set[int] = set()
    files = sorted(path for path in raw.rglob("*") if path.is_file() and is_dicom(path))
    for number, path in enumerate(files):
        data = pydicom.dcmread(path)
        start = number * PER_FILE % len(chosen)
        for tag, vr in (chosen + chosen)[start : start + PER_FILE]:
            data.add_new(tag, vr, DATE if vr in DATES else f"{WORD}{tag:08X}")
            planted.add(tag)
        _plant_where_rules_look(data)
        _plant_out_of_the_way(data)
        data.save_as(path)
    inside = raw / f"{WORD}^PATH"
    folders = [path for path in raw.iterdir()]
    inside.mkdir()
    for folder in folders:
        folder.rename(inside / folder.name)
    _plant_in_table(clinical)
    return len(planted)


def _plant_where_rules_look(data: Dataset) -> None:
    """Add to free texts that the study's rules match: they are matched, and not shown."""
    data.SeriesDescription = f"{data.get('SeriesDescription', '')} {WORD}SERIES"
    data.StudyDescription = f"{WORD}STUDY"
    data.InstitutionName = f"{WORD}PLACE {data.get('InstitutionName', '')}"
    for item in data.get("StructureSetROISequence") or []:
        item.ROIName = f"{item.ROIName} {WORD}ROI"
        item.ROIDescription = f"{WORD}ROIDESC"
    for item in data.get("SegmentSequence") or []:
        item.SegmentLabel = f"{item.SegmentLabel} {WORD}SEG"
        item.SegmentDescription = f"{WORD}SEGDESC"


def _plant_out_of_the_way(data: Dataset) -> None:
    """Fill the preamble, the file's meta header, private blocks and sequences."""
    data.preamble = f"{WORD}PREAMBLE".encode().ljust(128, b"\0")
    data.file_meta.SourceApplicationEntityTitle = f"{WORD}AE"
    data.file_meta.PrivateInformationCreatorUID = "1.2.3"
    data.file_meta.PrivateInformation = f"{WORD}META0".encode()
    block = data.private_block(0x0099, f"{WORD} PRIVATE", create=True)
    for offset, vr in enumerate(sorted(TEXT)):
        block.add_new(offset, vr, f"{WORD}P{vr}")
    inner = Dataset()
    inner.PatientName, inner.PatientComments = f"{WORD}^INNER", f"{WORD} comment"
    block.add_new(0x50, "SQ", [inner])
    data.OtherPatientIDsSequence = [inner]
    data.RequestAttributesSequence = [inner]
    data.PatientName = f"{WORD}^NAME"


def _plant_in_table(clinical: Path) -> None:
    with clinical.open(newline="") as stream:
        header, *rows = csv.reader(stream)
    with clinical.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*header, "name", "comment"])
        writer.writerows([*row, f"{WORD} name", f"{WORD} {DATE}"] for row in rows)


def found(files: Iterator[tuple[str, bytes]]) -> list[str]:
    """Return the names of files that hold a canary."""
    words = (WORD.encode(), WORD.lower().encode(), DATE.encode(), b"1888-02-29")
    return [name for name, content in files if any(word in content for word in words)]
