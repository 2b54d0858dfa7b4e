"""Texture features of all ROIs of an image: counted, and summed up, on a device."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.extract.dictionary import names_of
from rigoromics.extract.fast import emphasis, glcm, ngtdm
from rigoromics.extract.fast.kernels import EMPHASES
from rigoromics.extract.fast.texture import CLASSES
from rigoromics.extract.gpu.batch import Batch, room_for_counts, starts
from rigoromics.extract.gpu.levels import BatchLevels, host
from rigoromics.extract.options import Options, Wanted

Features = list[dict[str, float]]
Values = npt.NDArray[np.float64]


def texture(batch: Batch, levels: BatchLevels, wanted: Wanted, options: Options) -> Features:
    """Return each ROI's texture features as `<class>_<Feature>`, by PyRadiomics' names.

    Parameters
    ----------
    batch, levels
        The ROIs; their ranks stand in the batch's cells.
    wanted
        Classes and their features.
    options
        Aggregation; slices by themselves are not done here.
    """
    found: dict[str, Features] = {}
    if "glcm" in wanted:
        found["glcm"] = _cooccurrence(batch, levels, options.merged)
    if "glrlm" in wanted:
        found["glrlm"] = _run_lengths(batch, levels, options.merged)
    if "glszm" in wanted:
        found["glszm"] = _size_zones(batch, levels)
    if "gldm" in wanted or "ngtdm" in wanted:
        found["gldm"], found["ngtdm"] = _neighbours(batch, levels)
    return [
        {
            f"{name}_{feature}": found[name][roi][feature]
            for name in CLASSES
            if name in wanted
            for feature in wanted[name] or names_of(name)
        }
        for roi in range(len(batch.layouts))
    ]


def _cooccurrence(batch: Batch, levels: BatchLevels, merged: bool) -> Features:
    xp, lines = batch.device.xp, batch.halves
    # Which matrix a line's pairs go into: its own, or its ROI's.
    owners = lines.owners
    matrix = owners if merged else np.arange(len(owners))
    roi = np.arange(len(batch.layouts)) if merged else owners
    number = levels.number[roi]
    first = starts(number.astype(np.int64) ** 2)
    counts = xp.zeros(int(first[-1]), np.int32)
    where = (batch.cells, batch.cell, batch.first_on_device, lines.owner, lines.offset)
    room = room_for_counts()
    batch.device.launch(
        "pairs",
        (len(owners), batch.shares),
        4 * min(room, int(levels.number.max()) ** 2),
        *where,
        xp.asarray(levels.number),
        xp.asarray(first[matrix]),
        np.int32(room),
        counts,
    )
    chances, margins = xp.empty(len(counts)), xp.empty(int(number.sum()))
    highest = np.array([levels.each[k].highest for k in roi], np.int32)
    first_tally = starts(3 * highest.astype(np.int64) + 1)
    summaries = xp.empty((len(roi), glcm.FEATURES))
    matrices = (xp.asarray(first), xp.asarray(number))
    first_margin = xp.asarray(starts(number))
    batch.device.launch(
        "cooccurrence",
        (len(roi),),
        batch.scratch,
        counts,
        *matrices,
        levels.grey,
        xp.asarray(levels.first[roi]),
        xp.asarray(highest),
        chances,
        margins,
        first_margin,
        xp.empty(int(first_tally[-1]), np.int32),
        xp.asarray(first_tally),
        summaries,
    )
    seconds = xp.empty(len(roi))
    first_room = starts(2 * number.astype(np.int64) ** 2 + 10 * number)
    rooms = xp.empty(int(first_room[-1]))
    batch.device.launch(
        "second_eigenvalue",
        (len(roi),),
        batch.scratch,
        chances,
        *matrices,
        margins,
        first_margin,
        rooms,
        xp.asarray(first_room),
        seconds,
    )
    each, roots = host(summaries), host(seconds)
    # A direction along which there is no pair has no mean level.
    there = np.isfinite(each[:, glcm.NAMES.index("JointAverage")])
    for k in np.flatnonzero(there & np.isnan(roots)):
        block = host(chances[first[k] : first[k + 1]]).reshape(1, number[k], number[k])
        roots[k] = glcm.second_eigenvalues_of_q(block)[0]
    table = np.column_stack([each, np.sqrt(np.maximum(roots, 0.0))])
    names = [*glcm.NAMES, "MCC"]
    found = [
        dict(zip(names, _means(table[there & (roi == k)]).tolist(), strict=True))
        for k in range(len(batch.layouts))
    ]
    for number_of_roi in np.unique(roi[there & (roots < glcm.NOISE)]):
        chosen = np.flatnonzero(there & (roi == number_of_roi))
        blocks = [host(chances[first[k] : first[k + 1]]).reshape(number[k], -1) for k in chosen]
        found[number_of_roi]["MCC"] = glcm.maximal_correlation(np.stack(blocks))
    for features, present in zip(found, levels.number, strict=True):
        if present < 2 and np.isfinite(features["MCC"]):
            features["MCC"] = 1.0
    return found


def _means(rows: Values) -> Values:
    """Return the mean of each column over the rows in which it is defined; NaN if there is none."""
    known = np.isfinite(rows)
    total = np.where(known, rows, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def _run_lengths(batch: Batch, levels: BatchLevels, merged: bool) -> Features:
    xp, lines = batch.device.xp, batch.lines
    owners = lines.owners
    longest = np.array([layout.longest for layout in batch.layouts], np.int32)
    first = starts(levels.number[owners].astype(np.int64) * longest[owners])
    counts = xp.zeros(int(first[-1]), np.int32)
    touches = xp.zeros(len(owners), np.int32)
    where = (batch.cells, batch.cell, batch.first_on_device, lines.owner, lines.offset)
    batch.device.launch(
        "runs",
        (len(owners), batch.shares),
        0,
        *where,
        xp.asarray(longest),
        xp.asarray(first),
        counts,
        touches,
    )
    kept = host(touches) > 0
    for k in np.flatnonzero(np.bincount(owners[~kept], minlength=len(batch.layouts))):
        kept[owners == k] |= batch.layouts[k].shared_lines
    if merged:
        counts, first, owners = _merged(batch, counts, first, kept)
        kept = np.ones(len(owners), bool)
    sizes = np.arange(1.0, longest.max() + 1)
    width = longest[owners]
    table = _emphases(batch, levels, counts, first, owners, width, sizes, np.zeros(len(owners)))
    counted = np.bincount(owners[kept], minlength=len(batch.layouts))
    return [
        emphasis.named(
            "glrlm",
            table[kept & (owners == k)].mean(axis=0)
            if counted[k]
            else emphasis.without_runs(merged),
        )
        for k in range(len(batch.layouts))
    ]


def _merged(
    batch: Batch, counts: Any, first: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_]
) -> tuple[Any, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return run length matrices summed over the directions that are kept, ROI by ROI."""
    xp = batch.device.xp
    parts, owners = [], []
    for k, (begin, end) in enumerate(zip(batch.lines.first, batch.lines.first[1:], strict=False)):
        chosen = np.flatnonzero(kept[begin:end])
        if len(chosen):
            block = counts[first[begin] : first[end]].reshape(end - begin, -1)
            parts.append(block[xp.asarray(chosen)].sum(axis=0, dtype=np.int32))
            owners.append(k)
    joined = xp.concatenate(parts) if parts else counts[:0]
    return joined, starts([len(part) for part in parts]), np.array(owners, np.int64)


def _size_zones(batch: Batch, levels: BatchLevels) -> Features:
    xp, lines = batch.device.xp, batch.lines
    parent = xp.arange(len(batch.cells), dtype=np.int64)
    sizes = xp.zeros(len(batch.cells), np.int32)
    voxels = np.int64(batch.voxels)
    along = (xp.asarray(lines.first), lines.offset)
    batch.per_voxel("unite", batch.cells, batch.cell, batch.owner, voxels, *along, parent)
    batch.per_voxel("measure", batch.cell, voxels, parent, sizes)
    first_voxel = parent[batch.cell] == batch.cell
    roots, owner = batch.cell[first_voxel], batch.owner[first_voxel]
    # An ROI's sizes that occur, ROI after ROI.
    base = np.int64(np.diff(batch.first).max() + 1)
    keys = owner.astype(np.int64) * base + sizes[roots]
    different = xp.unique(keys)
    known = host(different)
    columns = np.bincount(known // base, minlength=len(batch.layouts)).astype(np.int32)
    first_size = starts(columns)
    column = xp.searchsorted(different, keys) - xp.asarray(first_size)[owner]
    first = starts(levels.number.astype(np.int64) * columns)
    counts = xp.zeros(int(first[-1]), np.int32)
    batch.per_voxel(
        "count_zones",
        roots,
        owner,
        column.astype(np.int32),
        np.int64(len(roots)),
        batch.cells,
        xp.asarray(first),
        xp.asarray(columns),
        counts,
        number=len(roots),
    )
    rois = np.arange(len(batch.layouts))
    values = (known % base).astype(np.float64)
    table = _emphases(batch, levels, counts, first, rois, columns, values, first_size[:-1])
    return [emphasis.named("glszm", row) for row in table]


def _neighbours(batch: Batch, levels: BatchLevels) -> tuple[Features, Features]:
    xp, lines = batch.device.xp, batch.halves
    width = (2 * np.diff(lines.first) + 1).astype(np.int32)
    first = starts(levels.number.astype(np.int64) * width)
    alike = xp.zeros(int(first[-1]), np.int32)
    gaps = xp.zeros(int(first[-1]), np.uint64)
    batch.per_voxel(
        "neighbours",
        batch.cells,
        batch.cell,
        batch.owner,
        np.int64(batch.voxels),
        xp.asarray(lines.first),
        lines.offset,
        levels.grey,
        xp.asarray(levels.first),
        xp.asarray(first),
        alike,
        gaps,
    )
    rois = np.arange(len(batch.layouts))
    sizes = np.arange(1.0, width.max() + 1)
    table = _emphases(batch, levels, alike, first, rois, width, sizes, np.zeros(len(rois)))
    apart = host(gaps).astype(np.float64)
    tones = []
    for k, each in enumerate(levels.each):
        by_number = apart[first[k] : first[k + 1]].reshape(len(each.present), width[k])
        distance = (by_number[:, 1:] / np.arange(1, width[k])).sum(axis=1)
        tones.append(ngtdm.tone_differences(distance, each))
    return [emphasis.named("gldm", row) for row in table], tones


def _emphases(
    batch: Batch,
    levels: BatchLevels,
    counts: Any,
    first: npt.NDArray[np.int64],
    rois: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int32],
    sizes: Values,
    first_size: npt.NDArray[Any],
) -> Values:
    """Return what matrices of levels by size are summed up by, (matrices, emphases).

    Parameters
    ----------
    counts, first
        The matrices, flat, and where each begins.
    rois, columns
        ROI of each matrix, and its number of sizes.
    sizes, first_size
        Sizes, and where those of each matrix begin.
    """
    if not len(rois):
        return np.empty((0, EMPHASES))
    xp, rows = batch.device.xp, levels.number[rois]
    first_total = starts(rows.astype(np.int64) + columns)
    found = xp.empty((len(rois), EMPHASES))
    batch.device.launch(
        "emphases",
        (len(rois),),
        batch.scratch,
        counts,
        xp.asarray(first),
        xp.asarray(rows),
        xp.asarray(columns),
        levels.grey,
        xp.asarray(levels.first[rois]),
        xp.asarray(sizes),
        xp.asarray(first_size.astype(np.int64)),
        xp.empty(int(first_total[-1]), np.int64),
        xp.asarray(first_total),
        found,
    )
    return host(found)
