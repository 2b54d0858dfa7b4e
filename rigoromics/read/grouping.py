"""Group the header index into image series, and judge each from its headers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from rigoromics.errors import DataError, Problem
from rigoromics.read.frames import expand_frames
from rigoromics.read.geometry import TWO_FRAMES, SliceHeader, VolumeGeometry
from rigoromics.read.not_images import NOT_IMAGES, refused_by_name
from rigoromics.read.parse import OK, TRUNCATED, UNREADABLE
from rigoromics.read.planar import is_planar, is_stack
from rigoromics.read.repair import Uneven, VolumePlan, plan_volume
from rigoromics.read.splitting import looks_of, numbers_of, phases_of
from rigoromics.read.suv import check_header

# Captures are grouped with the images, so that they are refused by their name.
_PASSED_OVER = NOT_IMAGES - {"SC", "OT"}


@dataclass(frozen=True)
class Series:
    """The files, or frames of multi-frame files, that may form one volume.

    Attributes
    ----------
    uid
        SeriesInstanceUID.
    part
        Empty for a whole series or its main part; otherwise what tells this part from the main
        one (another orientation or size, an echo, a phase).
    files
        Rows of the header index, in no particular order, with the column `frame`: one for each
        frame of a multi-frame file, from 1; 0 for a file taken as a whole.
    doubled
        How many exact copies of files were left out.
    damaged
        Paths of unreadable files beside it that may be slices of it.
    rest
        How many slices of the same series lie in its lesser parts.
    main
        Whether it is the series or its main part, the one with most slices.
    volumes
        How many volumes, such as phases or echoes, the series was split into; 1 for no split.
    told_by
        The header fields that tell those volumes apart.
    uneven
        What becomes of missing slices and uneven gaps.
    """

    uid: str
    part: str
    files: pd.DataFrame
    doubled: int = 0
    damaged: tuple[str, ...] = ()
    rest: int = 0
    main: bool = True
    volumes: int = 1
    told_by: str = ""
    uneven: Uneven = "refuse"

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
    def planar(self) -> bool:
        """Whether it is a 2D image without a place in the patient."""
        placed = self.files["ImagePositionPatient"] != ""
        return is_planar(self.modality, bool(placed.any()))

    @cached_property
    def _judged(self) -> VolumePlan | DataError | None:
        try:
            return self._judge()
        except DataError as error:
            return error

    @property
    def refusal(self) -> DataError | None:
        """Why the series forms no image, as far as headers tell; None where it does."""
        return self._judged if isinstance(self._judged, DataError) else None

    @property
    def geometry(self) -> VolumeGeometry | None:
        """The geometry of the volume; None where the series is refused, and for 2D images."""
        return self._judged.geometry if isinstance(self._judged, VolumePlan) else None

    @property
    def repairs(self) -> tuple[Problem, ...]:
        """What reading will repair, as far as headers tell."""
        return self._judged.notes if isinstance(self._judged, VolumePlan) else ()

    @cached_property
    def ordered(self) -> pd.DataFrame:
        """The rows that are read, with a column `order`: along the slice normal; -1 if unknown."""
        if self.geometry is None:
            return self.files.assign(order=-1 if self.refusal else range(len(self.files)))
        used = self.geometry.order
        return self.files.iloc[used].assign(order=range(len(used)))

    def _judge(self) -> VolumePlan | None:
        refusal = refused_by_name(self.header["SOPClassUID"], self.modality)
        if refusal is not None:
            raise refusal
        self._check_whole()
        check_header(self.header)
        if self.planar:
            return None
        if self.files["FrameOfReferenceUID"].nunique() > 1:
            raise DataError(*TWO_FRAMES)
        rows = self.files.reset_index(drop=True)
        return plan_volume(
            slice_headers(rows),
            pixels=lambda index: _pixels(rows, index),
            uneven=self.uneven,
            header_tilt=_header_tilt(self.header),
        )

    def _check_whole(self) -> None:
        """Refuse a series with files that are cut short or cannot be read."""
        cut = self.files.loc[self.files["status"] == TRUNCATED, "path"].unique()
        if len(cut):
            raise DataError(
                f"{len(cut)} of the {self.files['path'].nunique()} files of the series "
                f"{'is' if len(cut) == 1 else 'are'} cut short: pixels are missing",
                "copy the series from the archive again",
                str(cut[0]),
            )
        if self.damaged:
            raise DataError(
                f"{len(self.damaged)} unreadable file(s) lie in the folder of the series "
                "and may be slices of it",
                "copy the series from the archive again, or take the damaged files away",
                self.damaged[0],
            )


def _pixels(rows: pd.DataFrame, index: int) -> str:
    """Return a text that is equal where pixels are; empty where the index does not know them."""
    known = str(rows["pixels"][index]) if "pixels" in rows.columns else ""
    return f"{known} {rows['frame'][index]}" if known else ""


def _header_tilt(header: dict[str, str]) -> float | None:
    try:
        return float(header.get("GantryDetectorTilt") or "nothing")
    except ValueError:
        return None


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
            position, orientation, spacing = (numbers_of(row[n], size) for n, size in _SIZES)
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


def group_series(headers: pd.DataFrame, *, uneven: Uneven = "refuse") -> list[Series]:
    """Group image files into series, split where one series holds several volumes.

    A series is split on orientation, size and localisers, on the stacks of multi-frame files,
    and, where several slices share a position, on what tells them apart
    (:func:`rigoromics.read.splitting.phases_of`). 2D images without a place are one series each.
    Exact copies of a file count once.

    Parameters
    ----------
    headers
        The table of :func:`rigoromics.read.headers.index_headers`.
    uneven
        What becomes of missing slices and uneven gaps: `refuse` or `resample`.

    Returns
    -------
    list of Series
        Sorted by patient, series and part; the main part of a series comes first.
    """
    images = expand_frames(
        headers[
            (headers["kind"] == "dicom")
            & headers["status"].isin([OK, TRUNCATED])
            & (headers["Rows"] != "")
            & ~headers["Modality"].isin(_PASSED_OVER)
        ]
    )
    damaged = _damaged_by_folder(headers)
    shared = images.groupby("SeriesInstanceUID")["PatientID"].nunique()
    series: list[Series] = []
    for (patient, uid), files in images.groupby(["PatientID", "SeriesInstanceUID"], sort=True):
        prefix = str(patient) if shared[str(uid)] > 1 else ""
        series += _split(str(uid), prefix, files, damaged, uneven)
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


def _stand_alone(files: pd.DataFrame) -> bool:
    """Whether each file is an image of its own: a view, a clip, a whole stack of B-scans."""
    modality = str(files["Modality"].iloc[0])
    placed = bool((files["ImagePositionPatient"] != "").any())
    single = bool(files["NumberOfFrames"].isin(["", "1"]).all())
    return is_planar(modality, placed) and not (is_stack(modality) and single)


def _split(
    uid: str,
    prefix: str,
    files: pd.DataFrame,
    damaged: dict[str, tuple[str, tuple[str, ...]]],
    uneven: Uneven,
) -> Iterator[Series]:
    single = files.sort_values(["path", "frame"], ignore_index=True)
    single = single.drop_duplicates(["SOPInstanceUID", "sha256", "frame"])
    doubled = files["path"].nunique() - single["path"].nunique()
    beside = tuple(
        path
        for folder in sorted(set(single["path"].map(_folder)))
        if damaged.get(folder, ("", ()))[0] == uid
        for path in damaged[folder][1]
    )
    looks = looks_of(single)
    counts = Counter(looks)
    for number, look in enumerate(sorted(counts, key=lambda name: (-counts[name], name))):
        part = single if len(counts) == 1 else single[[name == look for name in looks]]
        rest = len(single) - len(part) if number == 0 else 0
        names = [prefix, "" if number == 0 else look]
        told_by, volumes = phases_of(part, apart=_stand_alone(part))
        for phase, members in volumes:
            yield Series(
                uid=uid,
                part="|".join(text for text in [*names, phase] if text),
                files=members.reset_index(drop=True),
                doubled=doubled if number == 0 else 0,
                damaged=beside if number == 0 else (),
                rest=rest,
                main=number == 0,
                volumes=len(volumes),
                told_by=told_by,
                uneven=uneven,
            )
