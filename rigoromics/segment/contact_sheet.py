"""One picture per scan on which a person sees whether the contours are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from rigoromics.segment.agreement import Agreement
from rigoromics.segment.checks import bounding_box, union_box, volume_ml
from rigoromics.segment.panels import (
    COLOURS,
    PLANES,
    View,
    Window,
    choose_window,
    draw_panel,
    font,
    write,
)

WIDTH, GAP, TITLE = 1600, 8, 66
OVERVIEW, ZOOM, STRIP = (390, 330), (390, 390), (310, 310)
# Panels of an image without other planes than its own.
FLAT = (390, 440)
STRIP_SLICES = 5
PAIRS_SHOWN = 6
# The lesion fills some 60% of a zoomed panel, and no panel shows less than 4 cm.
ZOOM_FACTOR, ZOOM_LEAST_MM = 1.7, 40.0


@dataclass(frozen=True)
class Drawing:
    """One rater's mask of one ROI, on the image's grid."""

    roi: str
    rater: str
    mask: sitk.Image


@dataclass(frozen=True)
class _Section:
    """One ROI's part of the sheet.

    Arrays have shape (k, j, i); spacing, centre and extent of the zoomed view are (k, j, i) in mm.
    """

    roi: str
    raters: list[str]
    masks: list[NDArray[np.bool_]]
    sizes: list[tuple[int, float]]
    largest: dict[str, int]
    lowest: int
    highest: int
    volume: NDArray[np.generic]
    spacing: tuple[float, float, float]
    bottom_mm: float
    window: Window
    centre: tuple[float, float, float]
    extent: tuple[float, float, float]
    planar: bool

    @property
    def flat(self) -> bool:
        """Whether the image has no other planes than its own."""
        return _is_flat(self.volume.shape[0], self.planar)

    @property
    def colours(self) -> list[str]:
        return [COLOURS[n % len(COLOURS)] for n in range(len(self.masks))]


def draw_contact_sheet(
    path: Path,
    image: sitk.Image,
    drawings: Sequence[Drawing],
    *,
    title: str,
    modality: str,
    agreements: Mapping[tuple[str, str, str], Agreement],
    planar: bool = False,
) -> None:
    """Write the contact sheet of one scan as PNG.

    For each ROI: the whole scan in three planes through the slices where the first rater's mask
    is largest, the same zoomed on the lesion beside the bare image, and five axial slices from
    the lowest to the highest end of the lesion. Voxels are shown in their true proportions. A 2D
    image is shown whole and zoomed.

    Parameters
    ----------
    path
        The PNG file to write; the same input gives the same bytes.
    image
        The scan.
    drawings
        Masks that are not empty; the first rater of each ROI is the reference.
    title
        What the scan is: patient key, timepoint, scan name.
    modality
        DICOM modality, which decides the window.
    agreements
        By (ROI, rater, rater); pairs without an entry are left out.
    planar
        Whether the image has no place in the patient: its slices are frames, its sides have no
        names.
    """
    # Flips and axis order only: planes are the scan's own, nearest to the patient's.
    upright = sitk.DICOMOrient(image, "LPS")
    volume = sitk.GetArrayViewFromImage(upright)
    rois = list(dict.fromkeys(drawing.roi for drawing in drawings))
    height = _height(volume.shape[0], planar)
    sheet = Image.new("RGB", (WIDTH, TITLE + len(rois) * height), "#1a1a1a")
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP + 4, 10), title, fill="white", font=font(24))
    draw.text((GAP + 4, 42), _facts(image), fill="#bbbbbb", font=font(15))
    for number, roi in enumerate(rois):
        mine = [drawing for drawing in drawings if drawing.roi == roi]
        section = _section(roi, mine, upright, volume, modality, planar)
        _draw_section(sheet, TITLE + number * height, section, agreements)
    sheet.save(path, format="PNG", compress_level=3)


def _facts(image: sitk.Image) -> str:
    size = " x ".join(str(n) for n in image.GetSize())
    spacing = " x ".join(f"{s:.3g}" for s in image.GetSpacing())
    direction = np.abs(np.array(image.GetDirection()).reshape(3, 3))
    degrees = float(np.degrees(np.arccos(np.clip(direction.max(axis=0), 0, 1))).max())
    tilt = f"; oblique by {degrees:.0f} degrees, letters show the nearest direction"
    return f"{size} voxels of {spacing} mm{tilt if degrees > 2 else ''}"


def _section(
    roi: str,
    drawings: Sequence[Drawing],
    upright: sitk.Image,
    volume: NDArray[np.generic],
    modality: str,
    planar: bool,
) -> _Section:
    masks = [
        sitk.GetArrayFromImage(sitk.DICOMOrient(drawing.mask, "LPS")) > 0 for drawing in drawings
    ]
    i, j, k = upright.GetSpacing()
    spacing = (k, j, i)
    box = union_box(masks)
    first = np.array([part.start for part in box]) * spacing
    beyond = np.array([part.stop for part in box]) * spacing
    shown = np.maximum(ZOOM_FACTOR * (beyond - first), ZOOM_LEAST_MM)
    middle = (first + beyond) / 2
    lowest = np.maximum((middle - shown / 2) / spacing, 0).astype(int)
    highest = ((middle + shown / 2) / spacing).astype(int) + 1
    around = tuple(slice(a, b) for a, b in zip(lowest, highest, strict=True))
    return _Section(
        roi=roi,
        raters=[drawing.rater for drawing in drawings],
        masks=masks,
        sizes=[
            (int(m.sum()), volume_ml(d.mask)) for m, d in zip(masks, drawings, strict=True)
        ],
        largest=_largest(masks[0]),
        lowest=box[0].start,
        highest=box[0].stop - 1,
        volume=volume,
        spacing=spacing,
        bottom_mm=float(upright.GetOrigin()[2]),
        window=choose_window(volume, modality, volume[around]),
        centre=(middle[0], middle[1], middle[2]),
        extent=(shown[0], shown[1], shown[2]),
        planar=planar,
    )  # fmt: skip


def _draw_section(
    sheet: Image.Image,
    top: int,
    section: _Section,
    agreements: Mapping[tuple[str, str, str], Agreement],
) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.line((GAP, top, WIDTH - GAP, top), fill="#555555", width=1)
    draw.text((GAP + 4, top + 5), f"{section.roi}   {section.window.name}", "white", font(17))
    rows = _draw_flat if section.flat else _draw_planes
    y = rows(sheet, section, top + 30)
    _legend(sheet, section, agreements, (3 * (OVERVIEW[0] + GAP) + 2 * GAP, top + 30))
    if section.volume.shape[0] > 1:
        for column, index in enumerate(_strip(section)):
            _paste(sheet, section, _zoomed(section, "axial", index), STRIP, column, y)


def _draw_planes(sheet: Image.Image, section: _Section, y: int) -> int:
    """Draw three planes, whole and zoomed; return where the next row begins."""
    for column, plane in enumerate(PLANES):
        _paste(sheet, section, _whole(section, plane), OVERVIEW, column, y)
    y += OVERVIEW[1] + GAP
    axial = _zoomed(section, "axial", section.largest["axial"])
    _paste(sheet, replace(section, masks=[]), axial, ZOOM, 0, y)
    for column, plane in enumerate(PLANES, start=1):
        view = _zoomed(section, plane, section.largest[plane])
        _paste(sheet, section, view, ZOOM, column, y)
    return y + ZOOM[1] + GAP


def _draw_flat(sheet: Image.Image, section: _Section, y: int) -> int:
    """Draw the only plane whole, zoomed and bare; return where the next row begins."""
    zoomed = _zoomed(section, "axial", section.largest["axial"])
    _paste(sheet, section, _whole(section, "axial"), FLAT, 0, y)
    _paste(sheet, section, zoomed, FLAT, 1, y)
    _paste(sheet, replace(section, masks=[]), zoomed, FLAT, 2, y)
    return y + FLAT[1] + GAP


def _is_flat(slices: int, planar: bool) -> bool:
    return planar or slices == 1


def _height(slices: int, planar: bool) -> int:
    """Return the height of one ROI's part of the sheet."""
    rows = [FLAT[1]] if _is_flat(slices, planar) else [OVERVIEW[1], ZOOM[1]]
    rows += [STRIP[1]] if slices > 1 else []
    return sum(rows) + (len(rows) + 1) * GAP + 26


def _whole(section: _Section, plane: str) -> View:
    _, vertical, horizontal = PLANES[plane]
    extent = [s * n for s, n in zip(section.spacing, section.volume.shape, strict=True)]
    middle = (extent[0] / 2, extent[1] / 2, extent[2] / 2)
    field = (extent[horizontal], extent[vertical])
    return View(plane, section.largest[plane], middle, field, letters=not section.planar)


def _zoomed(section: _Section, plane: str, index: int) -> View:
    _, vertical, horizontal = PLANES[plane]
    field = max(section.extent[vertical], section.extent[horizontal])
    return View(plane, index, section.centre, (field, field), line=2, letters=not section.planar)


def _largest(mask: NDArray[np.bool_]) -> dict[str, int]:
    """Return, for each plane, the slice on which a mask is largest."""
    box = bounding_box(mask)
    found = {}
    for plane, (cut, vertical, horizontal) in PLANES.items():
        areas = mask[box].sum(axis=(vertical, horizontal))
        found[plane] = box[cut].start + int(areas.argmax())
    return found


def _strip(section: _Section) -> list[int]:
    """Return five axial slices from the lowest to the highest that any rater marked."""
    slices = np.linspace(section.lowest, section.highest, STRIP_SLICES)
    return list(dict.fromkeys(np.rint(slices).astype(int).tolist()))


def _paste(
    sheet: Image.Image, section: _Section, view: View, size: tuple[int, int], column: int, y: int
) -> None:
    panel = draw_panel(
        section.volume,
        section.masks,
        section.colours,
        section.spacing,
        view,
        section.window,
        size,
    )
    cut = PLANES[view.plane][0]
    slices = section.volume.shape[cut]
    caption = f"{'frame' if section.planar else view.plane} {view.index + 1}/{slices}"
    if view.plane == "axial" and not section.planar:
        caption += f", z {section.bottom_mm + view.index * section.spacing[0]:.1f}"
    write(ImageDraw.Draw(panel), (6, 6), caption, "lt")
    sheet.paste(panel, (GAP + column * (size[0] + GAP), y))


def _legend(
    sheet: Image.Image,
    section: _Section,
    agreements: Mapping[tuple[str, str, str], Agreement],
    corner: tuple[int, int],
) -> None:
    """Write raters with colour, voxels and volume, then their agreement in pairs."""
    draw = ImageDraw.Draw(sheet)
    x, y = corner
    for rater, (voxels, volume), colour in zip(
        section.raters, section.sizes, section.colours, strict=False
    ):
        draw.rectangle((x, y + 4, x + 22, y + 16), fill=colour)
        draw.text((x + 30, y), rater[:18], fill="white", font=font(17))
        draw.text((x + 300, y), f"{voxels} voxels", "white", font(15), anchor="ra")
        draw.text((x + 374, y), f"{volume:.2f} ml", "white", font(15), anchor="ra")
        y += 24
    pairs = [(key, value) for key, value in agreements.items() if key[0] == section.roi]
    if pairs:
        y += 10
        for offset, head in ((300, "Dice"), (374, "95% HD")):
            draw.text((x + offset, y), head, "#bbbbbb", font(15), anchor="ra")
        y += 22
    for (_, a, b), value in pairs[:PAIRS_SHOWN]:
        draw.text((x, y), f"{a[:12]} / {b[:12]}", fill="white", font=font(15))
        draw.text((x + 300, y), f"{value.dice:.3f}", "white", font(15), anchor="ra")
        draw.text((x + 374, y), f"{value.hausdorff95_mm:.1f} mm", "white", font(15), anchor="ra")
        y += 20
    if len(pairs) > PAIRS_SHOWN:
        draw.text((x, y), "further pairs: agreement.tsv", fill="#bbbbbb", font=font(15))
