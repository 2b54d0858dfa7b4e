"""Segmentation files: what each was drawn on, by whom, and which ROIs it holds."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from rigoromics.read.grouping import Series
from rigoromics.read.parse import UNREADABLE
from rigoromics.read.rules import Study, match_rois, rater_of
from rigoromics.read.scans import Patient, Scan

SEGMENTATIONS = ("RTSTRUCT", "SEG")
# A flat picture may be anything: it is a mask only where the study's pattern says so.
PICTURES = (".png", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class Drawing:
    """One segmentation file.

    Attributes
    ----------
    header
        Its row of the header index.
    patient_id
        PatientID, from the header or, for mask images, from the path.
    scan, roi, rater
        What the path of a mask image says; empty for DICOM.
    twin
        Whether another file with other content claims to be the same DICOM instance.
    labels
        For a mask image that holds several ROIs: ROI of the study to voxel value.
    """

    header: Mapping[str, str]
    patient_id: str
    scan: str = ""
    roi: str = ""
    rater: str = ""
    twin: bool = False
    labels: Mapping[str, int] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Path relative to the raw folder."""
        return self.header["path"]

    @property
    def is_mask(self) -> bool:
        """Whether it is an image file of another kind: NIfTI, NRRD, MetaImage or a picture."""
        return self.header["kind"] == "mask"

    @property
    def modality(self) -> str:
        """RTSTRUCT, SEG or MASK: the front of its key."""
        return "MASK" if self.is_mask else self.header["Modality"]

    @property
    def identity(self) -> str:
        """What its key is made of."""
        if self.is_mask:
            return self.path
        uid = self.header["SOPInstanceUID"]
        return f"{uid}|{self.path}" if self.twin else uid

    @cached_property
    def references(self) -> dict[str, list[str]]:
        """UIDs of the series, instances and frames of reference it refers to."""
        if self.is_mask:
            return {"series": [], "instances": [], "frames": []}
        references: dict[str, list[str]] = json.loads(self.header["references"])
        return references

    @cached_property
    def rois(self) -> list[dict[str, Any]]:
        """Its ROIs or segments: number, name, description."""
        if self.is_mask:
            held = self.labels or {self.roi: 0}
            return [{"number": n, "name": name, "description": ""} for name, n in held.items()]
        rois: list[dict[str, Any]] = json.loads(self.header["rois"])
        return rois


@dataclass(frozen=True)
class Contour:
    """One ROI of a segmentation file that the study wants.

    Attributes
    ----------
    roi, rater
        As the study names them.
    name, number
        As the file names and numbers it; for mask images the voxel value, 0 where there is but
        one.
    rivals
        Names of other ROIs of the file that fit as well.
    """

    roi: str
    rater: str
    name: str
    number: int
    rivals: tuple[str, ...] = ()


def find_drawings(headers: pd.DataFrame, study: Study) -> tuple[list[Drawing], list[str]]:
    """Return the segmentation files of the index, and the mask images that no rule explains.

    Parameters
    ----------
    headers
        The header index.
    study
        `masks.pattern`, where the study has it: a regular expression on the path with a group
        `patient` and, if wanted, `scan`, `roi` (else the file's name is matched) and `rater`.
        `masks.labels`: ROI to voxel value, for files whose path names no ROI.
    """
    is_drawing = (headers["kind"] == "mask") | headers["Modality"].isin(SEGMENTATIONS)
    chosen = headers[is_drawing & (headers["status"] != UNREADABLE)]
    # An exact copy of a file says nothing new; masks of one content may be different ROIs.
    copies = chosen.duplicated(["SOPInstanceUID", "sha256"]) & (chosen["kind"] == "dicom")
    chosen = chosen[~copies]
    contents = chosen["SOPInstanceUID"].value_counts()
    masks = study.get("masks") or {}
    pattern, labels = masks.get("pattern"), masks.get("labels") or {}
    drawings: list[Drawing] = []
    unexplained: list[str] = []
    for record in chosen.to_dict("records"):
        header = {str(name): str(value) for name, value in record.items()}
        if header["kind"] == "dicom":
            twin = contents[header["SOPInstanceUID"]] > 1
            drawings.append(Drawing(header, header["PatientID"], twin=twin))
            continue
        match = re.search(pattern, header["path"], re.IGNORECASE) if pattern else None
        if match is None:
            if not header["path"].lower().endswith(PICTURES):
                unexplained.append(header["path"])
            continue
        said = {name: value or "" for name, value in match.groupdict().items()}
        drawings.append(
            Drawing(
                header,
                said.get("patient", ""),
                said.get("scan", ""),
                said.get("roi") or header["path"].rpartition("/")[2],
                said.get("rater", ""),
                labels={} if said.get("roi") else labels,
            )
        )
    return drawings, unexplained


def contours(study: Study, drawing: Drawing) -> Iterator[Contour]:
    """Yield the ROIs of a file that the study wants, with the rater who drew each.

    A rater is empty where no rule fits; an ROI that fits several of the study's comes with each.
    """
    if drawing.labels:
        rater = drawing.rater or rater_of(study, drawing.header)
        for roi, value in drawing.labels.items():
            yield Contour(roi, rater, roi, value)
        return
    by_rater: dict[str, list[dict[str, Any]]] = {}
    for entry in drawing.rois:
        values = {**drawing.header, "ROIName": entry["name"]}
        rater = drawing.rater or rater_of(study, values)
        by_rater.setdefault(rater, []).append(entry)
    for rater, entries in by_rater.items():
        names = [(entry["name"], entry["description"]) for entry in entries]
        numbers = [int(entry["number"]) for entry in entries]
        for roi, hits in match_rois(study, names, numbers).items():
            first, *others = (entries[index] for index in hits)
            rivals = tuple(entry["name"] for entry in others)
            yield Contour(roi, rater, first["name"], int(first["number"]), rivals)


@dataclass(frozen=True)
class Link:
    """What a segmentation was drawn on, or why that is not known.

    Attributes
    ----------
    scan
        The scan; None where there is none.
    outcome
        With a scan: `linked`; `by frame` (no reference, but just one scan shares its frame of
        reference); `other frame` (the scan it refers to lies in another frame of reference).
        Without: `other series` (drawn on a series that is no scan of the study); `missing` (the
        series it refers to is not there); `other patient` (it refers to another patient's scan);
        `unlinked` (no reference and no single scan to go with).
    """

    scan: Scan | None
    outcome: str


class ScanIndex:
    """The scans and series of a study, for finding what a segmentation was drawn on."""

    def __init__(self, patients: Iterable[Patient], series: Iterable[Series]) -> None:
        self._of_patient = {patient.patient_id: patient.scans for patient in patients}
        self._owners: dict[str, set[str]] = defaultdict(set)
        for each in series:
            self._owners[each.uid].add(each.patient_id)

    def link(self, drawing: Drawing) -> Link:
        """Find the scan a segmentation was drawn on."""
        own = self._of_patient.get(drawing.patient_id, [])
        referred = drawing.references["series"]
        if drawing.is_mask:
            fits = [scan for scan in own if drawing.scan.casefold() in ("", scan.name.casefold())]
            return Link(fits[0], "linked") if len(fits) == 1 else Link(None, "unlinked")
        if not referred:
            return _link_by_frame(drawing, own)
        hits = [scan for scan in own if scan.series.uid in referred]
        if hits:
            return _link_by_reference(drawing, hits)
        owners = {owner for uid in referred for owner in self._owners.get(uid, ())}
        if not owners:
            return Link(None, "missing")
        return Link(None, "other series" if drawing.patient_id in owners else "other patient")


def _link_by_frame(drawing: Drawing, own: Sequence[Scan]) -> Link:
    frames = set(drawing.references["frames"])
    fits = [scan for scan in own if scan.series.header["FrameOfReferenceUID"] in frames]
    return Link(fits[0], "by frame") if len(fits) == 1 else Link(None, "unlinked")


def _link_by_reference(drawing: Drawing, hits: Sequence[Scan]) -> Link:
    """Of the parts of one series (phases, echoes), take the one whose slices are referred to."""
    instances = set(drawing.references["instances"])
    scan = max(hits, key=lambda hit: len(instances & set(hit.series.files["SOPInstanceUID"])))
    frames = drawing.references["frames"]
    frame = scan.series.header["FrameOfReferenceUID"]
    return Link(scan, "other frame" if frames and frame and frame not in frames else "linked")
