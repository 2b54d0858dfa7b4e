"""What the simulation asks of a modality: whom it draws, in which series, how they look.

The outcomes, the lesions, the raters and the writing of files do not know which modality they
serve. A modality makes the patient's inside (a :class:`Body`) and one or more kinds of series of
it; those of a scanner that sees a volume share :class:`VolumeKind`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from rigoromics.seeds import derive_seed
from rigoromics.simulate.anatomy import LIVER_CENTRE, Traits
from rigoromics.simulate.geometry import Float, Grid, StarShape, lesion_shape
from rigoromics.simulate.headers import Scan
from rigoromics.simulate.phantom import Phantom
from rigoromics.simulate.series import Acquired, image_series
from rigoromics.simulate.settings import Centre, CohortSettings
from rigoromics.simulate.texture import lesion_texture

FWHM = 2 * np.sqrt(2 * np.log(2))
# A field of view smaller than this moves from the body's axis to the lesion, mm.
WHOLE_BODY_MM = 270.0

Rng = Callable[[str], np.random.Generator]
Triple = tuple[float, float, float]


class Body(Protocol):
    """A patient's inside with a lesion."""

    @property
    def place(self) -> Triple:
        """World position of the patient's own origin, mm."""

    @property
    def lesion_in_world(self) -> StarShape:
        """The lesion in world coordinates."""

    @property
    def lesion_mean(self) -> float:
        """Mean of the lesion in the image's unit; NaN where it has none."""

    def at(self, place: Triple) -> Self:
        """Return the same patient elsewhere, world mm."""

    def outline(self, region: str, grid: Grid) -> Float:
        """Return where a region is: fraction (slices, rows, columns)."""

    def volume_ml(self) -> float:
        """Return the lesion's true volume, ml."""


class SeriesKind(Protocol):
    """One series that a study of this modality holds."""

    @property
    def name(self) -> str:
        """DICOM Modality."""

    @property
    def tag(self) -> str:
        """What tells it from the study's other series; empty for the only one."""

    @property
    def drawn(self) -> bool:
        """Whether raters outline the lesion on it."""

    def grid(self, settings: CohortSettings, centre: Centre, body: Body, plan: Rng) -> Grid:
        """Return the voxels: planned once, kept for the retest."""

    def images(self, scan: Scan, body: Body, rng: np.random.Generator) -> list[Dataset]:
        """Return the images; ``rng`` is the source of noise."""


class Modality(Protocol):
    """A kind of study."""

    @property
    def body_part(self) -> str:
        """DICOM BodyPartExamined of the segmentations; empty where images have none."""

    @property
    def female(self) -> float | None:
        """Share of women; None: as everywhere."""

    @property
    def planar(self) -> bool:
        """Whether it sees one plane without a place in the patient."""

    @property
    def every_frame(self) -> bool:
        """Whether raters outline the lesion on every frame, or on the middle one alone."""

    def body(
        self, settings: CohortSettings, centre: Centre, length: float, seed: int, rng: Rng
    ) -> Body:
        """Return a patient's inside; ``length`` is the texture's correlation length, mm."""

    def series(self, centre: Centre) -> tuple[SeriesKind, ...]:
        """Return what a study at a centre holds, in the order of acquisition."""


@dataclass(frozen=True)
class Look:
    """How lesions look in one series, in its unit.

    Attributes
    ----------
    contrast, contrast_spread
        Mean of lesion minus liver, and its standard deviation over patients.
    texture_sd
        Standard deviation of the texture as imaged.
    length
        Factor of the texture's correlation length.
    liver
        Grey value of the liver; NaN where the image has no unit.
    """

    contrast: float
    contrast_spread: float
    texture_sd: float
    length: float = 1.0
    liver: float = np.nan


def abdomen(
    settings: CohortSettings, blur: Triple, look: Look, length: float, seed: int, rng: Rng
) -> Phantom:
    """Draw a patient's abdomen with a lesion of the liver.

    Parameters
    ----------
    settings
        The cohort.
    blur
        Standard deviation of the scanner's blur along (x, y, z), mm.
    look
        The lesion in the series it is outlined on.
    length
        Correlation length of its texture, mm, before the look's factor.
    seed, rng
        The patient's seed, and the sources of chance it gives.
    """
    draw = rng("lesion")
    traits = Traits.drawn(rng("anatomy"))
    diameter = lesion_diameter(settings, draw)
    centre = (
        LIVER_CENTRE[0] + traits.liver_x + draw.uniform(-9, 7),
        LIVER_CENTRE[1] + traits.liver_y + draw.uniform(-12, 10),
        draw.uniform(-6, 6),
    )
    lesion = lesion_shape(draw, centre, diameter)
    contrast = look.contrast + look.contrast_spread * float(draw.standard_normal())
    return Phantom(
        traits=traits,
        lesion=lesion,
        texture=lesion_texture(rng("texture"), lesion, look.length * length, blur),
        contrast=contrast,
        texture_sd=look.texture_sd * float(np.exp(0.1 * draw.standard_normal())),
        seed=derive_seed(seed, "organs"),
        place=(
            round(float(draw.normal(0, 3)), 1),
            round(float(draw.normal(0, 3)), 1),
            round(float(draw.uniform(-900, -100)), 1),
        ),
        lesion_mean=look.liver + contrast,
    )


def lesion_diameter(settings: CohortSettings, draw: np.random.Generator) -> float:
    """Draw the diameter of the sphere of a lesion's volume, mm."""
    low, high = settings.lesion_diameter_range_mm
    log_diameter = np.log(settings.lesion_diameter_mm) + settings.lesion_diameter_spread * (
        draw.standard_normal()
    )
    return float(np.clip(np.exp(log_diameter), low, high))


class VolumeKind:
    """A series of slices through the abdomen: what such kinds share."""

    name = ""
    tag = ""
    drawn = True
    sop_class = ""

    def title(self, scan: Scan) -> str:
        """Return the SeriesDescription."""
        raise NotImplementedError

    def blur_mm(self, centre: Centre) -> Triple:
        """Return the standard deviation of the blur along (x, y, z), mm."""
        plane = float(centre.blur_mm / FWHM)
        return (plane, plane, float(centre.slice_thickness / np.sqrt(12)))

    def pixels(self, settings: CohortSettings, centre: Centre) -> tuple[float, int]:
        """Return the size of a pixel, mm, and the number of rows and columns."""
        return centre.pixel_spacing, settings.matrix

    def acquire(self, phantom: Phantom, scan: Scan, rng: np.random.Generator) -> Acquired:
        """Return the stored pixel values."""
        raise NotImplementedError

    def describe(self, dataset: Dataset, scan: Scan) -> None:
        """Add the attributes that every image of a series shares."""
        raise NotImplementedError

    def grid(self, settings: CohortSettings, centre: Centre, body: Body, plan: Rng) -> Grid:
        """Return the voxels: planned once, kept for the retest."""
        pixel, matrix = self.pixels(settings, centre)
        gap = centre.spacing_between_slices
        slices = round(settings.coverage_mm / gap)
        view = matrix * pixel
        lesion = np.array(body.lesion_in_world.centre)
        # A targeted reconstruction looks at the lesion, a large one at the body.
        part = float(np.clip((WHOLE_BODY_MM - view) / 80, 0, 1))
        middle = np.array(body.place) + part * (lesion - np.array(body.place))
        z = lesion[2] + float(plan("plan").uniform(-1.5, 1.5))
        half = pixel * (matrix - 1) / 2
        origin = (
            round(float(middle[0]) - half, 3),
            round(float(middle[1]) - half, 3),
            round(float(z) - gap * (slices - 1) / 2, 1),
        )
        return Grid(origin, (pixel, pixel, gap), (slices, matrix, matrix))

    def images(self, scan: Scan, body: Body, rng: np.random.Generator) -> list[Dataset]:
        """Return one image per slice."""
        assert isinstance(body, Phantom)
        return image_series(self.acquire(body, scan, rng), scan, self)


def relook(phantom: Phantom, seen: Look, other: Look) -> Phantom:
    """Return the same patient as another series shows the lesion.

    Parameters
    ----------
    phantom
        The patient, its contrast and texture in the unit of one series.
    seen, other
        How lesions look in that series, and in the other.
    """
    return replace(
        phantom,
        contrast=other.contrast
        + (phantom.contrast - seen.contrast) * other.contrast_spread / seen.contrast_spread,
        texture_sd=phantom.texture_sd * other.texture_sd / seen.texture_sd,
    )


def grey_modules(dataset: Dataset, stored: int = 16, signed: bool = False) -> None:
    """Add the Image Pixel module of grey images (DICOM PS3.3 C.7.6.3), but for the pixels.

    Parameters
    ----------
    dataset
        The image.
    stored
        Bits in use; 8 or fewer are allocated 8, more 16.
    signed
        Whether values are signed.
    """
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 8 if stored <= 8 else 16
    dataset.BitsStored = stored
    dataset.HighBit = stored - 1
    dataset.PixelRepresentation = int(signed)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a code sequence (DICOM PS3.3 table 8.8-1)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def clipped(values: NDArray[Any], top: int) -> NDArray[np.int16]:
    """Return grey values rounded and cut to 0 .. top."""
    return cast(NDArray[np.int16], np.clip(np.rint(values), 0, top).astype(np.int16))
