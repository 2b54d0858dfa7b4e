"""What a folder of DICOM holds beside images of measured values, and the plain name of each."""

from __future__ import annotations

from pydicom.dataset import Dataset

from rigoromics.errors import DataError

_ORIGINAL = "choose the original series of the scan"
_NOTHING = "nothing, if it is not needed; otherwise change the rule for the scan to fit the images"
_DRAWN = "name its ROIs under `rois`; for the scan choose the series it was drawn on"
_EXPORT = "have the single images exported (or read them from the scanner again)"

_STORAGE = "1.2.840.10008.5.1.4.1.1."
# Start of the SOP class UID -> what it is, what to do. The longest start that fits counts.
_BY_CLASS: dict[str, tuple[str, str]] = {
    f"{_STORAGE}4.2": ("MR spectroscopy", _NOTHING),
    f"{_STORAGE}7": ("a secondary capture (a screenshot or scanned picture)", _ORIGINAL),
    f"{_STORAGE}8": ("an overlay", _ORIGINAL),
    f"{_STORAGE}9": ("a waveform", _NOTHING),
    f"{_STORAGE}10": ("a lookup table", _ORIGINAL),
    f"{_STORAGE}11": ("a presentation state (how to show images)", _ORIGINAL),
    f"{_STORAGE}30": ("a parametric map", _ORIGINAL),
    f"{_STORAGE}66": ("raw data", _ORIGINAL),
    f"{_STORAGE}66.1": ("a registration", _ORIGINAL),
    f"{_STORAGE}66.2": ("a list of points", _ORIGINAL),
    f"{_STORAGE}66.3": ("a registration", _ORIGINAL),
    f"{_STORAGE}66.4": ("a segmentation", _DRAWN),
    f"{_STORAGE}66.5": ("a segmentation by surfaces", _ORIGINAL),
    f"{_STORAGE}66.6": ("tractography", _ORIGINAL),
    f"{_STORAGE}66.7": ("a segmentation", _DRAWN),
    f"{_STORAGE}67": ("a table of real-world values", _ORIGINAL),
    f"{_STORAGE}68": ("a surface scan", _NOTHING),
    f"{_STORAGE}77.1.1": ("an endoscopy picture", _NOTHING),
    f"{_STORAGE}77.1.1.1": ("a video", _EXPORT),
    f"{_STORAGE}77.1.2": ("a microscope picture", _NOTHING),
    f"{_STORAGE}77.1.2.1": ("a video", _EXPORT),
    f"{_STORAGE}77.1.3": ("a microscope picture", _NOTHING),
    f"{_STORAGE}77.1.4": ("a photograph", _NOTHING),
    f"{_STORAGE}77.1.4.1": ("a video", _EXPORT),
    f"{_STORAGE}77.1.5.3": ("a stereo relation between photographs", _NOTHING),
    f"{_STORAGE}77.1.6": ("a whole-slide image", "use a tool for pathology"),
    f"{_STORAGE}77.1.7": ("a photograph of the skin", _NOTHING),
    f"{_STORAGE}77.1.8": ("a microscope picture", _NOTHING),
    f"{_STORAGE}77.1.9": ("a microscope picture", _NOTHING),
    f"{_STORAGE}78": ("a measurement of the eye", _NOTHING),
    f"{_STORAGE}79": ("a report", _NOTHING),
    f"{_STORAGE}80": ("a measurement of the eye", _NOTHING),
    f"{_STORAGE}81": ("a thickness map", _ORIGINAL),
    f"{_STORAGE}82": ("a topography map", _ORIGINAL),
    f"{_STORAGE}88": ("a structured report", _NOTHING),
    f"{_STORAGE}88.59": ("a selection of key images", _ORIGINAL),
    f"{_STORAGE}88.67": ("a radiation dose report", _NOTHING),
    f"{_STORAGE}88.68": ("a radiation dose report", _NOTHING),
    f"{_STORAGE}88.73": ("a radiation dose report", _NOTHING),
    f"{_STORAGE}88.76": ("a radiation dose report", _NOTHING),
    f"{_STORAGE}104": ("a document or model wrapped in DICOM", _NOTHING),
    f"{_STORAGE}104.1": ("a PDF document", _NOTHING),
    f"{_STORAGE}129": ("a PET curve", _ORIGINAL),
    f"{_STORAGE}131": ("a display layout", _NOTHING),
    f"{_STORAGE}200": ("a scan protocol", _NOTHING),
    f"{_STORAGE}481": ("a radiotherapy plan or record", _NOTHING),
    f"{_STORAGE}481.1": ("a radiotherapy portal image", _ORIGINAL),
    f"{_STORAGE}481.2": ("a radiotherapy dose distribution", "choose the planning CT instead"),
    f"{_STORAGE}481.3": ("contours (RTSTRUCT)", _DRAWN),
    "1.2.840.10008.5.1.1.29": ("a printed film", _ORIGINAL),
    "1.2.840.10008.5.1.1.30": ("a printed film", _ORIGINAL),
    "1.2.840.10008.1.3.10": ("a directory of a disc (DICOMDIR)", _NOTHING),
}
# Where the SOP class says nothing here, the modality may (PS3.3 C.7.3.1.1.1).
_BY_MODALITY: dict[str, tuple[str, str]] = {
    "SC": ("a secondary capture (a screenshot or scanned picture)", _ORIGINAL),
    "OT": ("of no named kind (modality OT), often a screenshot", _ORIGINAL),
    "SR": ("a structured report", _NOTHING),
    "KO": ("a selection of key images", _ORIGINAL),
    "PR": ("a presentation state (how to show images)", _ORIGINAL),
    "DOC": ("a document", _NOTHING),
    "REG": ("a registration", _ORIGINAL),
    "RWV": ("a table of real-world values", _ORIGINAL),
    "SEG": ("a segmentation", _DRAWN),
    "RTSTRUCT": ("contours (RTSTRUCT)", _DRAWN),
    "RTDOSE": ("a radiotherapy dose distribution", "choose the planning CT instead"),
    "RTPLAN": ("a radiotherapy plan or record", _NOTHING),
    "RTRECORD": ("a radiotherapy plan or record", _NOTHING),
    "RTIMAGE": ("a radiotherapy portal image", _ORIGINAL),
    "ECG": ("a waveform", _NOTHING),
    "HD": ("a waveform", _NOTHING),
    "EPS": ("a waveform", _NOTHING),
    "EEG": ("a waveform", _NOTHING),
    "AU": ("sound", _NOTHING),
    "SM": ("a whole-slide image", "use a tool for pathology"),
    "ES": ("an endoscopy picture", _NOTHING),
    "GM": ("a microscope picture", _NOTHING),
    "XC": ("a photograph", _NOTHING),
    "DMS": ("a photograph of the skin", _NOTHING),
}
NOT_IMAGES = frozenset(_BY_MODALITY)
"""Modalities that never are images of measured values."""
_VIDEO = ("1.2.840.10008.1.2.4.10", "1.2.840.10008.1.2.7.")


def refused_by_name(sop_class: str, modality: str) -> DataError | None:
    """Return the refusal of what is no image of measured values.

    Parameters
    ----------
    sop_class
        SOPClassUID.
    modality
        DICOM modality; asked where the class alone does not tell.

    Returns
    -------
    DataError or None
        None for what may be read as an image.
    """
    parts = sop_class.split(".")
    starts = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    found = next((_BY_CLASS[start] for start in starts if start in _BY_CLASS), None)
    found = found or _BY_MODALITY.get(modality)
    if found is None:
        return None
    return DataError(f"The series is {found[0]}, not an image of measured values", found[1])


def refused_video(data: Dataset) -> DataError | None:
    """Return the refusal of pixels compressed as video (MPEG-2, H.264, H.265), or None."""
    syntax = str(getattr(data, "file_meta", Dataset()).get("TransferSyntaxUID") or "")
    if not syntax.startswith(_VIDEO):
        return None
    return DataError("The images are stored as a video (MPEG), which is not read", _EXPORT)
