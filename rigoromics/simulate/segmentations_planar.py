"""Outlines on planar images as DICOM SEG that names the instance and the frame of every mask."""

from __future__ import annotations

import copy

import numpy as np
from pydicom.dataset import Dataset

from rigoromics.simulate.geometry import Bool
from rigoromics.simulate.headers import Scan
from rigoromics.simulate.raters import Outline
from rigoromics.simulate.segmentations import elements, seg_of
from rigoromics.simulate.settings import Rater

# Secondary Capture: an image class without functional groups.
CLASSIC = "1.2.840.10008.5.1.4.1.1.7"


def plane_segmentation(
    outline: Outline, rater: Rater, scan: Scan, image: Dataset, body_part: str
) -> Dataset:
    """Return a binary DICOM SEG of one rater's outline on one image of one frame or several.

    Without a frame of reference, a frame of the SEG is tied to the image by its source alone
    (Derivation Image macro, DICOM PS3.3 C.7.6.16.2.6).

    Parameters
    ----------
    outline
        The lesion's outline; frames without it are left out.
    rater
        Who drew it.
    scan
        The scan.
    image
        Its image.
    body_part
        DICOM BodyPartExamined; empty: none.
    """
    mask = outline.mask(scan.grid)
    if "FrameOfReferenceUID" in image:
        # A copy: highdicom writes a distance of slices into the source's own pixel measures.
        source = copy.deepcopy(image)
        return _with_part(seg_of(mask, outline.name, rater, scan, [source]), body_part)
    # highdicom writes such a SEG for one frame only: have that made, then repeat it.
    anywhere: Bool = np.logical_or.reduce(mask, axis=0, keepdims=True)
    made = seg_of(anywhere, outline.name, rater, scan, [_one_frame(image)])
    _with_part(made, body_part)
    # Type 2C where no Image Orientation (Patient) is there.
    made.PatientOrientation = ""
    for part, name in elements(made):
        if name == "ReferencedSOPClassUID":
            part.ReferencedSOPClassUID = image.SOPClassUID
    if "NumberOfFrames" in image:
        _repeat(made, mask)
    return made


def _with_part(made: Dataset, body_part: str) -> Dataset:
    if body_part:
        made.BodyPartExamined = body_part
    return made


def _one_frame(image: Dataset) -> Dataset:
    """Return an image's header as that of a classic image of one frame."""
    one = Dataset()
    one.update(image)
    for keyword in (
        "SharedFunctionalGroupsSequence",
        "PerFrameFunctionalGroupsSequence",
        "DimensionIndexSequence",
        "DimensionOrganizationSequence",
        "NumberOfFrames",
        "PixelData",
        # Taken away before it is set: the two data sets share their elements.
        "SOPClassUID",
    ):
        if keyword in one:
            delattr(one, keyword)
    one.SOPClassUID = CLASSIC
    return one


def _repeat(made: Dataset, mask: Bool) -> None:
    """Give a SEG of one frame a frame for each frame of a mask that holds anything."""
    drawn = [int(index) for index in np.flatnonzero(mask.any(axis=(1, 2)))]
    (pattern,) = made.PerFrameFunctionalGroupsSequence
    frame = copy.deepcopy(made.DimensionIndexSequence[0])
    # The frame's place in the source is a dimension too: one value of the segment holds them all.
    frame.DimensionIndexPointer = 0x00081160
    frame.FunctionalGroupPointer = 0x00089124
    frame.DimensionDescriptionLabel = "Referenced Frame Number"
    made.DimensionIndexSequence.append(frame)
    groups = []
    for number, index in enumerate(drawn, start=1):
        group = copy.deepcopy(pattern)
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        source.ReferencedFrameNumber = index + 1
        group.FrameContentSequence[0].DimensionIndexValues = [1, number]
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = groups
    made.NumberOfFrames = len(drawn)
    # Frames of a binary SEG follow each other bit by bit, without padding between them.
    packed = np.packbits(mask[drawn].ravel(), bitorder="little").tobytes()
    made.PixelData = packed + b"\0" * (len(packed) % 2)
