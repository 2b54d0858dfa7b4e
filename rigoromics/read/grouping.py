"""Group the header index into image series, and judge each from its headers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from rigoromics.errors import DataError
from rigoromics.read.geometry import SliceHeader, VolumeGeometry, check_geometry
from rigoromics.read.parse import DYNAMIC, OK, TRUNCATED, UNREADABLE
from rigoromics.read.series import check_units

NO_IMAGES = frozenset(
    {"SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "RTIMAGE", "PR", "SR", "KO", "REG", "RWV", "SC", "OT"}
)
_COARSE = 0.05


@dataclass(frozen=True)
class Series:
    """The files that may form one volume.

    Attributes
    ----------
    uid
        SeriesInstanceUID.
    part
        Empty for a whole series or its main part; otherwise what tells this part from the main
        one (another orientation or size, an echo, a phase).
    files
        Rows of the header index, in no particular order.
    doubled
        How many exact copies of files were left out.
    damaged
        Paths of unreadable files beside it that may be slices of it.
    rest
        How many files of the same series lie in its lesser parts.
    main
        Whether it is the series or its main part, the one with most files.
    """

    uid: str
    part: str
    files: pd.DataFrame
    doubled: int = 0
    damaged: tuple[str, ...] = ()
    rest: int = 0
    main: bool = True

    @cached_property
    def header(self) -> dict[str, str]:
        """The header that stands for all: of the first file by path."""
        return {str(name): str(value) for name, value in self.files.iloc[0].items()}

    @property
    def patient_id(self) -> str:
        """PatientID."""
        return self.header["PatientID"]

    @property
    def modality(self) -> str:
        """DICOM modality."""
        return self.header["Modality"]

    @property
    def identity(self) -> str:
        """What the key of the series is made of."""
        return f"{self.uid}|{self.part}" if self.part else self.uid

    @cached_property
    def _judged(self) -> VolumeGeometry | DataError:
        try:
            return self._judge()
        except DataError as error:
            return error

    @property
    def refusal(self) -> DataError | None:
        """Why the series forms no volume, as far as headers tell; None where it does."""
        return self._judged if isinstance(self._judged, DataError) else None

    @property
    def geometry(self) -> VolumeGeometry | None:
        """The geometry of the volume; None where the series is refused."""
        return None if isinstance(self._judged, DataError) else self._judged

    @cached_property
    def ordered(self) -> pd.DataFrame:
        """The files with a column `order`: along the slice normal; -1 where that is unknown."""
        if self.geometry is None:
            return self.files.assign(order=-1)
        return self.files.iloc[self.geometry.order].assign(order=range(len(self.files)))

    def _judge(self) -> VolumeGeometry:
        cut = self.files.loc[self.files["status"] == TRUNCATED, "path"]
        if len(cut):
            raise DataError(
                f"{len(cut)} of the {len(self.files)} files of the series "
                f"{'is' if len(cut) == 1 else 'are'} cut short: pixels are missing",
                "copy the series from the archive again",
                str(cut.iloc[0]),
            )
        if self.damaged:
            raise DataError(
                f"{len(self.damaged)} unreadable file(s) lie in the folder of the series "
                "and may be slices of it",
                "copy the series from the archive again, or take the damaged files away",
                self.damaged[0],
            )
        if (self.files["NumberOfFrames"].replace("", "1").astype(float) > 1).any():
            raise DataError(
                "The series is stored with all slices in one file (enhanced multi-frame)",
                "have it exported with one file per slice (classic CT, MR or PET objects)",
            )
        check_units(self.modality, self.header["Units"])
        return check_geometry(slice_headers(self.files))


def slice_headers(files: pd.DataFrame) -> list[SliceHeader]:
    """Return the geometry of slices from rows of the header index.

    Raises
    ------
    DataError
        A file names no place in the patient, or one that is not a number.
    """
    columns = ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns"]
    columns += ["SpacingBetweenSlices", "SliceThickness"]
    slices = []
    for row in files[columns].itertuples(index=False):
        try:
            position, orientation, spacing = (_numbers(row[n], size) for n, size in _SIZES)
            thickness = float(row[5] or row[6] or 0)
            slices.append(
                SliceHeader(position, orientation, spacing, (int(row[3]), int(row[4])), thickness)
            )
        except ValueError as error:
            raise DataError(
                "A file of the series names no place in the patient, or not as numbers",
                "choose the original series rather than a screen capture, or export it again",
            ) from error
    return slices


_SIZES = ((0, 3), (1, 6), (2, 2))


def _numbers(text: str, count: int) -> list[float]:
    values = [float(part) for part in text.split("\\")]
    if len(values) != count:
        raise ValueError(text)
    return values


def group_series(headers: pd.DataFrame) -> list[Series]:
    """Group image files into series, split where one series holds several volumes.

    A series is split on orientation, size and localisers, and, where several files share a
    position, on the first of time point, b-value, echo time, trigger time and acquisition number
    that tells them apart. Exact copies of a file count once.

    Parameters
    ----------
    headers
        The table of :func:`rigoromics.read.headers.index_headers`.

    Returns
    -------
    list of Series
        Sorted by patient, series and part; the main part of a series comes first.
    """
    images = headers[
        (headers["kind"] == "dicom")
        & headers["status"].isin([OK, TRUNCATED])
        & (headers["Rows"] != "")
        & ~headers["Modality"].isin(NO_IMAGES)
    ]
    damaged = _damaged_by_folder(headers)
    shared = images.groupby("SeriesInstanceUID")["PatientID"].nunique()
    series: list[Series] = []
    for (patient, uid), files in images.groupby(["PatientID", "SeriesInstanceUID"], sort=True):
        prefix = str(patient) if shared[str(uid)] > 1 else ""
        series += _split(str(uid), prefix, files, damaged)
    return series


def _damaged_by_folder(headers: pd.DataFrame) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return folder -> (its one series, unreadable files), for folders of just one series."""
    folders = headers["path"].map(_folder)
    bad = headers["status"] == UNREADABLE
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    concerned = folders.isin(set(folders[bad]))
    for folder, rows in headers[concerned].groupby(folders[concerned]):
        readable = rows.loc[rows["status"] != UNREADABLE, "SeriesInstanceUID"].unique()
        if len(readable) == 1:
            paths = rows.loc[rows["status"] == UNREADABLE, "path"]
            found[str(folder)] = (str(readable[0]), tuple(paths))
    return found


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _split(
    uid: str,
    prefix: str,
    files: pd.DataFrame,
    damaged: dict[str, tuple[str, tuple[str, ...]]],
) -> Iterator[Series]:
    single = files.drop_duplicates(["SOPInstanceUID", "sha256"])
    doubled = len(files) - len(single)
    beside = tuple(
        path
        for folder in sorted(set(single["path"].map(_folder)))
        if damaged.get(folder, ("", ()))[0] == uid
        for path in damaged[folder][1]
    )
    looks = _looks(single)
    counts = Counter(looks)
    for number, look in enumerate(sorted(counts, key=lambda name: (-counts[name], name))):
        part = single if len(counts) == 1 else single[[name == look for name in looks]]
        rest = len(single) - len(part) if number == 0 else 0
        names = [prefix, "" if number == 0 else look]
        for phase, members in _phases(part):
            name = "|".join(text for text in [*names, phase] if text)
            yield Series(
                uid,
                name,
                members.sort_values("path", ignore_index=True),
                doubled if number == 0 else 0,
                beside if number == 0 else (),
                rest,
                number == 0,
            )


def _looks(files: pd.DataFrame) -> list[str]:
    """Name the orientation, size and kind of each file; files of one volume share the name."""
    orientations = _orientation_classes(sorted(set(files["ImageOrientationPatient"])))
    columns = ("ImageOrientationPatient", "Rows", "Columns", "ImageType")
    return [
        f"{orientations[orientation]} {rows}x{width}"
        + (" localiser" if "LOCALIZER" in kind.upper() else "")
        for orientation, rows, width, kind in zip(*(files[c] for c in columns), strict=True)
    ]


def _orientation_classes(texts: Sequence[str]) -> dict[str, str]:
    """Give orientations that are the same but for rounding the same name."""
    classes: dict[str, str] = {}
    known: list[tuple[np.ndarray[tuple[int], np.dtype[np.float64]], str]] = []
    for text in texts:
        try:
            cosines = np.array(_numbers(text, 6))
        except ValueError:
            classes[text] = "nowhere"
            continue
        for other, name in known:
            if np.abs(cosines - other).max() <= _COARSE:
                classes[text] = name
                break
        else:
            classes[text] = f"orientation {text}"
            known.append((cosines, classes[text]))
    return classes


def _phases(files: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split files that share positions into volumes, if a header field tells them apart."""
    positions = files["ImagePositionPatient"]
    counts = Counter(positions.tolist())
    most = max(counts.values())
    if most == 1 or set(counts) == {""}:
        yield "", files
        return
    for keyword in DYNAMIC:
        sizes = files.groupby(keyword)["ImagePositionPatient"].agg(["nunique", "size"])
        even = (sizes["nunique"] == sizes["size"]).all() and sizes["size"].nunique() == 1
        if len(sizes) == most and even:
            for value, members in files.groupby(keyword, sort=True):
                yield f"{keyword} {value}", members
            return
    yield "", files
