"""Grey panels of one plane of an image with outlines of masks, for contact sheets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

# Okabe and Ito's colours, which colour-blind people tell apart, in an order that stays visible on
# both black and white.
COLOURS = ["#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#D55E00", "#0072B2", "#F0E442"]
# Axis of the array (k, j, i) that is cut, then the vertical and the horizontal one.
PLANES = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}
# Letters at top, bottom, left and right, as a radiologist expects the planes to hang.
LETTERS = {"axial": "APRL", "coronal": "SIRL", "sagittal": "SIAP"}
OUTSIDE = 45


@dataclass(frozen=True)
class Window:
    """Grey values shown from black to white, or the reverse.

    Parameters
    ----------
    low, high
        Intensities at the two ends.
    name
        For the title.
    inverted
        High values dark, as PET is read.
    """

    low: float
    high: float
    name: str
    inverted: bool = False

    def grey(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Return grey values from 0 to 255."""
        scaled = np.clip((values.astype(np.float32) - self.low) / (self.high - self.low), 0, 1)
        result: NDArray[np.uint8] = np.rint(255 * (1 - scaled if self.inverted else scaled)).astype(
            np.uint8
        )
        return result


@dataclass(frozen=True)
class View:
    """What a panel shows: one plane, its centre in mm along the array axes, its width in mm.

    Parameters
    ----------
    plane
        A key of :data:`PLANES`.
    index
        The slice along the axis that is cut.
    centre
        (k, j, i) in mm from the corner of the first voxel.
    field
        (width, height) in mm that must fit into the panel.
    line
        Width in pixels by which each mask's line is wider than the next one's.
    letters
        Whether the sides have names in the patient; those of an ultrasound picture have none.
    """

    plane: str
    index: int
    centre: tuple[float, float, float]
    field: tuple[float, float]
    line: int = 1
    letters: bool = True


def choose_window(
    values: NDArray[np.generic], modality: str, around: NDArray[np.generic]
) -> Window:
    """Return the window that suits the modality.

    Parameters
    ----------
    values
        The image's values, any shape; large images are sampled.
    modality
        DICOM modality: CT, PT; anything else takes percentiles.
    around
        Values of the box around the lesions; mostly air there means a lung window.
    """
    around = _sample(around)
    if modality == "CT":
        if np.median(around) < -400:
            return Window(-1350, 150, "lung window, -1350 to 150 HU")
        return Window(-160, 240, "soft-tissue window, -160 to 240 HU")
    if modality == "PT":
        high = float(np.percentile(around, 99.5)) or 1.0
        return Window(0.0, high, f"SUV 0 to {high:.3g}, dark is high", inverted=True)
    sample = _sample(values)
    tissue = sample[sample != 0]
    low, high = np.percentile(tissue if tissue.size else sample, [0.5, 99.5]).tolist()
    return Window(low, max(high, low + 1e-6), f"window {low:.4g} to {high:.4g}")


def _sample(values: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return at most some 200,000 values, evenly spread: enough for percentiles."""
    return values.ravel()[:: max(values.size // 200_000, 1)].astype(np.float32)


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, the same on every machine."""
    return ImageFont.load_default(size)


def draw_panel(
    volume: NDArray[np.generic],
    masks: list[NDArray[np.bool_]],
    colours: list[str],
    spacing: tuple[float, float, float],
    view: View,
    window: Window,
    size: tuple[int, int],
) -> Image.Image:
    """Return one panel: the plane in grey, the masks' outlines, orientation letters, scale bar.

    Parameters
    ----------
    volume
        Intensities, shape (k, j, i), axes towards superior, posterior, left.
    masks
        Masks of that shape, drawn in order; the first gets the widest line, so that lines that
        coincide stay visible.
    colours
        One per mask.
    spacing
        (k, j, i) in mm.
    view, window
        What to show, and how grey.
    size
        (width, height) of the panel in pixels.
    """
    cut, vertical, horizontal = PLANES[view.plane]
    scale = max(view.field[0] / size[0], view.field[1] / size[1])
    steps = spacing[horizontal] / scale, spacing[vertical] / scale
    flipped = view.plane != "axial"  # array rows go up there, pictures hang head up
    plane = window.grey(np.take(volume, view.index, axis=cut))
    rows = plane.shape[0]
    vertical_centre = view.centre[vertical] / scale
    if flipped:
        plane = plane[::-1]
        vertical_centre = rows * steps[1] - vertical_centre
    left = size[0] / 2 - view.centre[horizontal] / scale
    top = size[1] / 2 - vertical_centre
    to_plane = (1 / steps[0], 0, -left / steps[0], 0, 1 / steps[1], -top / steps[1])
    panel = Image.fromarray(np.ascontiguousarray(plane)).transform(
        size, Image.Transform.AFFINE, to_plane, Image.Resampling.BICUBIC, fillcolor=OUTSIDE
    )
    picture = panel.convert("RGB")
    draw = ImageDraw.Draw(picture)
    for number, (mask, colour) in enumerate(zip(masks, colours, strict=True)):
        drawn = np.take(mask, view.index, axis=cut)
        drawn = drawn[::-1] if flipped else drawn
        width = view.line * min(len(masks) - number, 3)
        for line in outline(drawn):
            ends = (line.reshape(2, 2) * steps + (left, top)).ravel().tolist()
            draw.line(ends, fill=colour, width=max(width, 2))
    if view.letters:
        _letters(draw, LETTERS[view.plane], size)
    _scale_bar(draw, scale, size)
    return picture


def outline(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the edges between a mask and its outside, shape (n, 4): x0, y0, x1, y1.

    Coordinates are in pixels, the first pixel's corner at (0, 0). What is drawn is exactly what
    is measured: the sides of the voxels, not a smoothed line. Edges in a row are one line.
    """
    padded = np.pad(mask, 1)
    upright = _runs(padded[1:-1, 1:] != padded[1:-1, :-1])
    level = _runs((padded[1:, 1:-1] != padded[:-1, 1:-1]).T)
    lines = [(x, y0, x, y1) for x, y0, y1 in upright] + [(x0, y, x1, y) for y, x0, x1 in level]
    return np.array(lines, dtype=np.float64).reshape(-1, 4)


def _runs(edges: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Return (column, first, beyond) of each run of true values down the columns."""
    steps = np.diff(np.pad(edges, ((1, 1), (0, 0))).astype(np.int8), axis=0).T
    columns, starts = np.nonzero(steps == 1)
    stops = np.nonzero(steps == -1)[1]
    return list(zip(columns.tolist(), starts.tolist(), stops.tolist(), strict=True))


def write(draw: ImageDraw.ImageDraw, where: tuple[float, float], text: str, anchor: str) -> None:
    """Write on a picture, legible on any grey."""
    draw.text(
        where, text, fill="white", font=font(15), anchor=anchor, stroke_width=2, stroke_fill="black"
    )


def _letters(draw: ImageDraw.ImageDraw, letters: str, size: tuple[int, int]) -> None:
    width, height = size
    write(draw, (width / 2, 6), letters[0], "mt")
    write(draw, (width / 2, height - 6), letters[1], "mb")
    write(draw, (7, height / 2), letters[2], "lm")
    write(draw, (width - 7, height / 2), letters[3], "rm")


def _scale_bar(draw: ImageDraw.ImageDraw, scale: float, size: tuple[int, int]) -> None:
    lengths = [mm for mm in (1, 2, 5, 10, 20, 50, 100, 200) if mm / scale < size[0] / 3]
    if not lengths:
        return
    length, (width, height) = lengths[-1], size
    x1, y = width - 12, height - 12
    x0 = x1 - length / scale
    draw.line((x0, y, x1, y), fill="black", width=5)
    draw.line((x0 + 1, y, x1 - 1, y), fill="white", width=3)
    write(draw, (x1, y - 6), f"{length} mm", "rb")
