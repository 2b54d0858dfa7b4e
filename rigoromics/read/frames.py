"""The frames of image files: of classic files with one each, and of multi-frame files.

An enhanced multi-frame object (DICOM PS3.3 C.7.6.16) keeps the place, the values and the time of
each frame in functional groups: in the frame's own item (PerFrameFunctionalGroupsSequence) or in
the one item that all frames share (SharedFunctionalGroupsSequence). Everything here asks both, in
that order, and the top level last, so that the rest of the reader sees slices only.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from rigoromics.errors import DataError
from rigoromics.read.decode import stored_values
from rigoromics.read.geometry import SliceHeader
from rigoromics.read.opening import open_dicom

if TYPE_CHECKING:
    import pandas as pd

_CONVERTED = (
    "UnassignedPerFrameConvertedAttributesSequence",
    "UnassignedSharedConvertedAttributesSequence",
)
# Where a keyword of the header index stands in the functional groups: sequence, name there.
_PLACES: dict[str, tuple[tuple[str, str], ...]] = {
    "ImagePositionPatient": (("PlanePositionSequence", "ImagePositionPatient"),),
    "ImageOrientationPatient": (("PlaneOrientationSequence", "ImageOrientationPatient"),),
    "PixelSpacing": (("PixelMeasuresSequence", "PixelSpacing"),),
    "SliceThickness": (("PixelMeasuresSequence", "SliceThickness"),),
    "SpacingBetweenSlices": (("PixelMeasuresSequence", "SpacingBetweenSlices"),),
    "TemporalPositionIdentifier": (
        ("FrameContentSequence", "TemporalPositionIndex"),
        ("TemporalPositionSequence", "TemporalPositionTimeOffset"),
    ),
    "DiffusionBValue": (("MRDiffusionSequence", "DiffusionBValue"),),
    "DiffusionGradientOrientation": (("MRDiffusionSequence", "DiffusionGradientOrientation"),),
    "EchoTime": (("MREchoSequence", "EffectiveEchoTime"),),
    "TriggerTime": (("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),),
    "AcquisitionNumber": (("FrameContentSequence", "FrameAcquisitionNumber"),),
    "StackID": (("FrameContentSequence", "StackID"),),
    "ImageType": (
        ("CTImageFrameTypeSequence", "FrameType"),
        ("MRImageFrameTypeSequence", "FrameType"),
        ("PETFrameTypeSequence", "FrameType"),
    ),
}
# Asked of frames by the reader alone; not in the header index.
_MORE_PLACES: dict[str, tuple[tuple[str, str], ...]] = {
    "RescaleType": (("PixelValueTransformationSequence", "RescaleType"),),
    "GantryDetectorTilt": (("CTAcquisitionDetailsSequence", "GantryDetectorTilt"),),
}
_GRADIENT = "DiffusionGradientDirectionSequence"
_VOLUMES = frozenset({"CT", "MR", "PT", "NM"})


@dataclass(frozen=True)
class Frame:
    """One frame of a file, its header understood and its pixels not yet decoded.

    Attributes
    ----------
    path
        The file.
    data
        The file's whole header and its pixels as stored; frames of one file share it.
    number
        Number of the frame in a multi-frame file, from 1; 0 for a classic single-frame file.
    place
        Where the frame lies in the patient; None where the header does not say.
    """

    path: Path
    data: Dataset
    number: int
    place: SliceHeader | None

    @property
    def series(self) -> str:
        """SeriesInstanceUID."""
        return str(self.data.get("SeriesInstanceUID") or "")

    @property
    def sop_uid(self) -> str:
        """SOPInstanceUID."""
        return str(self.data.get("SOPInstanceUID") or "")

    @property
    def modality(self) -> str:
        """DICOM modality."""
        return str(self.data.get("Modality") or "")

    def stored(self) -> NDArray[Any]:
        """Decode this frame alone.

        Returns
        -------
        ndarray
            Stored values, before any rescaling: shape (rows, columns), or (rows, columns, 3) for
            colour. Colour that is kept as luma and chroma (YBR) comes back as RGB; palette
            indices come back as they are.

        Raises
        ------
        DataError
            The pixels are damaged, cut short or compressed in a way that cannot be decoded.
        """
        if self.place is not None:
            where = ", ".join(f"{value:.2f}" for value in self.place.position)
            name = f"the slice at ({where}) mm"
        else:
            name = f"frame {self.number}" if self.number else "the image"
        return stored_values(self.data, max(self.number - 1, 0), name, str(self.path))


def open_frames(files: Sequence[Path], frames: Sequence[int] | None = None) -> list[Frame]:
    """Open files as frames; a file that is named several times is opened once.

    Parameters
    ----------
    files
        DICOM image files.
    frames
        For each file the number of the frame meant, from 1; 0, or no list at all, means all
        frames of the file.

    Raises
    ------
    DataError
        A file that is no DICOM, is damaged or has no pixels; a frame that a file does not have.
    ValueError
        `frames` is not as long as `files`.
    """
    numbers = [0] * len(files) if frames is None else list(frames)
    opened: dict[Path, list[Frame]] = {}
    chosen: list[Frame] = []
    for path, number in zip(files, numbers, strict=True):
        if path not in opened:
            opened[path] = _open(path)
        every = opened[path]
        if number == 0:
            chosen += every
        elif 1 <= number <= len(every):
            chosen.append(every[number - 1])
        else:
            raise DataError(
                f"A file of the series has {len(every)} frame(s), not {number}",
                "run `snakemake sheet` again: the file is not the one the sheet was drafted from",
                str(path),
            )
    return chosen


def _open(path: Path) -> list[Frame]:
    try:
        with warnings.catch_warnings():
            # Values that break the standard's rules of form are common and do no harm here.
            warnings.simplefilter("ignore")
            data = open_dicom(path, force=True)
            if "PixelData" not in data or not data.get("Rows") or not data.get("Columns"):
                raise DataError(
                    "A file of the series is no image: it has no pixels",
                    "copy the file from the archive again",
                    str(path),
                )
            count = _frame_count(data, path)
            single = count == 1 and "PerFrameFunctionalGroupsSequence" not in data
            numbers = [0] if single else range(1, count + 1)
            return [Frame(path, data, number, _place(data, number)) for number in numbers]
    except DataError:
        raise
    except Exception as error:
        # pydicom raises almost any exception on damaged files; each means the same here.
        raise DataError(
            f"A file of the series cannot be read ({type(error).__name__})",
            "copy the file from the archive again",
            str(path),
        ) from error


def _frame_count(data: Dataset, path: Path) -> int:
    count = int(data.get("NumberOfFrames") or 1)
    described = data.get("PerFrameFunctionalGroupsSequence")
    if described is not None:
        if len(described) != count:
            raise DataError(*_MISCOUNTED, str(path))
    elif count > 1 and str(data.get("Modality") or "") in _VOLUMES:
        raise DataError(
            "The series is stored with all slices in one file (multi-frame) that does not say "
            "where each lies",
            "have it exported with one file per slice, or as an enhanced multi-frame object",
            str(path),
        )
    # A frame takes a byte at the very least; a damaged count must not fill the memory.
    if not 1 <= count <= len(data.PixelData):
        raise DataError(
            "A file of the series announces more frames than it has pixels",
            "copy the file from the archive again",
            str(path),
        )
    return count


_MISCOUNTED = (
    "A multi-frame file describes another number of frames than it announces",
    "copy the file from the archive again, or export it from the scanner again",
)


def _place(data: Dataset, number: int) -> SliceHeader | None:
    """Return the place of a frame; None where position, orientation or spacing is silent."""
    values = {
        keyword: frame_value(data, number, keyword)
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
    }
    if any(value is None for value in values.values()):
        return None
    gap = frame_value(data, number, "SpacingBetweenSlices")
    thickness = gap or frame_value(data, number, "SliceThickness") or 0
    return SliceHeader(
        position=_numbers(values["ImagePositionPatient"], 3),
        orientation=_numbers(values["ImageOrientationPatient"], 6),
        spacing=_numbers(values["PixelSpacing"], 2),
        shape=(int(data.Rows), int(data.Columns)),
        thickness=float(thickness),
    )


def _numbers(values: Any, count: int) -> list[float]:
    numbers = [float(value) for value in values]
    if len(numbers) != count:
        raise ValueError(f"{len(numbers)} values instead of {count}")
    return numbers


def frame_value(data: Dataset, number: int, keyword: str) -> Any:
    """Return what the header says of one frame.

    Parameters
    ----------
    data
        Header of the file.
    number
        Number of the frame, from 1; 0 for a classic single-frame file.
    keyword
        A DICOM keyword as in classic objects, such as ImagePositionPatient; where enhanced
        objects have another name for it, that is asked.

    Returns
    -------
    Any
        The value; None where the header is silent.
    """
    for groups in _functional_groups(data, number):
        for sequence, name in _PLACES.get(keyword) or _MORE_PLACES.get(keyword, ()):
            value = _in_first(groups, sequence, name)
            if value is None and sequence == "MRDiffusionSequence":
                inner = groups.get(sequence)
                value = _in_first(inner[0], _GRADIENT, name) if inner else None
            if value is not None:
                return value
        for sequence in _CONVERTED:
            value = _in_first(groups, sequence, keyword)
            if value is not None:
                return value
    return _given(data.get(keyword))


def _functional_groups(data: Dataset, number: int) -> Iterator[Dataset]:
    """Yield the functional groups of a frame, its own first."""
    own = data.get("PerFrameFunctionalGroupsSequence")
    if own and number >= 1:
        yield own[number - 1]
    shared = data.get("SharedFunctionalGroupsSequence")
    if shared:
        yield shared[0]


def _in_first(groups: Dataset, sequence: str, name: str) -> Any:
    items = groups.get(sequence)
    return _given(items[0].get(name)) if items else None


def _given(value: Any) -> Any:
    """Return a value, or None for one that is empty."""
    return None if value is None or value == "" or value == [] else value


def frame_fields(dataset: Dataset) -> list[dict[str, str]]:
    r"""Return what the header of a multi-frame file says of each frame, as the index has it.

    Parameters
    ----------
    dataset
        A header with PerFrameFunctionalGroupsSequence and, where there is one,
        SharedFunctionalGroupsSequence.

    Returns
    -------
    list of dict
        For each frame in order: keyword to text (`\` between values, empty where silent), for
        place, time point, b-value and its direction, echo, trigger, acquisition, stack and kind.

    Raises
    ------
    ValueError
        The header describes another number of frames than it announces.
    """
    count = len(dataset.get("PerFrameFunctionalGroupsSequence") or [])
    if count != int(dataset.get("NumberOfFrames") or 1):
        raise ValueError(_MISCOUNTED[0])
    return [
        {keyword: _text(frame_value(dataset, number, keyword)) for keyword in _PLACES}
        for number in range(1, count + 1)
    ]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (MultiValue, list, tuple)):
        return "\\".join(str(part) for part in value)
    return str(value).strip("\x00 ")


def expand_frames(headers: pd.DataFrame) -> pd.DataFrame:
    """Return the header index with a row for each frame of its multi-frame files.

    Parameters
    ----------
    headers
        Table of :func:`rigoromics.read.headers.index_headers`.

    Returns
    -------
    DataFrame
        With an integer column `frame`: the number of the frame from 1; 0 for a file with one
        frame, or with frames that no functional group describes (a cine clip), which stay one
        row. What the groups say of a frame stands in the usual columns.
    """
    import pandas as pd

    if "frames" not in headers.columns:
        return headers.assign(frame=0)
    many = headers["frames"] != ""
    if not many.any():
        return headers.assign(frame=0)
    rows: list[dict[Any, Any]] = []
    for row in headers[many].to_dict("records"):
        for number, fields in enumerate(json.loads(row["frames"]), 1):
            rows.append({**row, **fields, "frame": number})
    classic = headers[~many].assign(frame=0)
    expanded = pd.concat([classic, pd.DataFrame(rows)], ignore_index=True)
    added = [name for name in expanded.columns if name not in classic.columns]
    return expanded.fillna(dict.fromkeys(added, "")).astype({"frame": int})
