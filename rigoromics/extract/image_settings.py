"""Settings of the images that features are computed from: the scan itself and filtered ones."""

from __future__ import annotations

from typing import Annotated, Any, Self

import pywt
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    field_validator,
    model_validator,
)

from rigoromics.extract.filters.base import Boundary, Dimensions, Pooling
from rigoromics.extract.filters.laws import PATTERN

Level = Annotated[int, Field(ge=1, le=4)]


def _known_wavelet(name: str) -> str:
    known = pywt.wavelist(kind="discrete")
    if name not in known:
        raise ValueError(f"no wavelet is called {name!r}; there are {', '.join(known)}")
    return name


WaveletName = Annotated[str, AfterValidator(_known_wavelet)]


class Section(BaseModel):
    """A part of the settings: unknown keys are errors, and values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Discretisation(Section):
    """Grey levels for histogram and texture features: one of the two (IBSI, 2.7)."""

    bin_width: PositiveFloat | None = None
    """Fixed bin size, in grey values; edges are multiples of it."""
    bin_count: PositiveInt | None = None
    """Fixed bin number, between the ROI's smallest and largest value."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.bin_width is None) == (self.bin_count is None):
            raise ValueError("give either `bin_width` or `bin_count`")
        return self

    def to_pyradiomics(self) -> dict[str, Any]:
        """Return the setting in PyRadiomics' words."""
        if self.bin_width is not None:
            return {"binWidth": self.bin_width}
        return {"binCount": self.bin_count}


class Original(Section):
    """The image itself."""


class Filtered(Section):
    """A filter without settings but its bins."""

    discretisation: Discretisation | None = None
    """Other bins than the original image's."""

    def to_pyradiomics(self) -> dict[str, Any] | None:
        """Return a filter that PyRadiomics has in its words; None if it lacks this way of it."""
        return self.discretisation.to_pyradiomics() if self.discretisation is not None else {}


class LaplacianOfGaussian(Filtered):
    """Laplacian of Gaussian, scale-normalised."""

    sigma_mm: Annotated[list[PositiveFloat], Field(min_length=1)]
    """Widths of the Gaussian, mm."""
    dimensions: Dimensions = 3
    """2: slice by slice; PyRadiomics has 3 only."""

    def to_pyradiomics(self) -> dict[str, Any] | None:
        """Return the filter in PyRadiomics' words; see :meth:`Filtered.to_pyradiomics`."""
        if self.dimensions == 2:
            return None
        return {"sigma": list(self.sigma_mm), **(super().to_pyradiomics() or {})}


class Wavelet(Filtered):
    """Undecimated separable wavelet transform, eight images a level."""

    name: WaveletName = "coif1"
    """PyWavelets' name of the wavelet."""
    levels: Level = 1
    """Levels of decomposition."""

    def to_pyradiomics(self) -> dict[str, Any] | None:
        """Return the filter in PyRadiomics' words; see :meth:`Filtered.to_pyradiomics`."""
        return {"wavelet": self.name, "level": self.levels, **(super().to_pyradiomics() or {})}


class LocalBinaryPattern(Filtered):
    """Local binary patterns slice by slice, uniform and rotation-invariant."""

    radius: PositiveFloat = 1
    """Distance of the neighbours, voxels."""
    samples: Annotated[int, Field(ge=2, le=24)] = 8
    """Number of neighbours on the circle."""

    def to_pyradiomics(self) -> dict[str, Any] | None:
        """Return the filter in PyRadiomics' words; see :meth:`Filtered.to_pyradiomics`."""
        own = {"lbp2DRadius": self.radius, "lbp2DSamples": self.samples}
        return own | (super().to_pyradiomics() or {})


class Convolution(Filtered):
    """A filter of IBSI 2."""

    boundary: Boundary = "mirror"
    """What lies beyond the image: zeros, its border, the image again, or its mirror image."""


class Derived(Section):
    """A filter that can be followed by a Riesz transform."""

    dimensions: Dimensions = 3
    """2: slice by slice."""
    riesz: Annotated[list[NonNegativeInt], Field(min_length=3, max_length=3)] | None = None
    """How often to derive along columns, rows and slices by a Riesz transform of the whole response
    map, which goes on periodically; 3D only."""

    @model_validator(mode="after")
    def _derives(self) -> Self:
        if self.riesz is not None and (self.dimensions == 2 or not any(self.riesz)):
            raise ValueError("`riesz` needs `dimensions: 3`, and one order above 0")
        return self


class Mean(Convolution):
    """Mean filter of IBSI 2."""

    support: Annotated[list[PositiveInt], Field(min_length=1)]
    """Sides of the cube or square around each voxel, voxels; odd."""
    dimensions: Dimensions = 3
    """2: slice by slice."""

    @field_validator("support")
    @classmethod
    def _odd(cls, support: list[int]) -> list[int]:
        if any(side % 2 == 0 for side in support):
            raise ValueError("`support` must be odd, so that the voxel lies in the middle")
        return support


class LogIbsi(Derived, Convolution):
    """Laplacian of Gaussian of IBSI 2: cut off, and not scale-normalised."""

    sigma_mm: Annotated[list[PositiveFloat], Field(min_length=1)]
    """Widths of the Gaussian, mm."""
    cutoff: PositiveFloat = 4
    """Half of the kernel's support, in widths."""


class Laws(Convolution):
    """Laws' kernels of IBSI 2, or their energy."""

    kernels: Annotated[
        list[Annotated[str, StringConstraints(pattern=f"^{PATTERN.pattern}$")]],
        Field(min_length=1),
    ]
    """Of each image, the kernels along columns, rows and, in 3D, slices: L5E5 or L5E5E5."""
    pooling: Pooling = "max"
    """Over rotations by right angles; `none`: no rotation."""
    energy: PositiveInt | None = 7
    """Mean absolute response within this distance, voxels (Chebyshev norm); null: the response."""


class Gabor(Convolution):
    """Gabor filters of IBSI 2: modulus of the response."""

    sigma_mm: Annotated[list[PositiveFloat], Field(min_length=1)]
    """Widths of the Gaussian along the wave, mm, one an image."""
    wavelength_mm: Annotated[list[PositiveFloat], Field(min_length=1)]
    """Wavelengths, mm, one for each width."""
    gamma: PositiveFloat = 1
    """Width along the wave over the width across it."""
    theta_degrees: float = 0
    """Direction of the wave from columns towards rows: the first of them, or the only one."""
    step_degrees: Annotated[float, Field(gt=0, le=180)] = 22.5
    """Degrees from one direction to the next; a part of 360."""
    pooling: Pooling = "average"
    """Over directions and planes; `none`: the one direction, in slices."""
    dimensions: Dimensions = 3
    """2: slice by slice; 3: pooled over the three planes along two axes."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.sigma_mm) != len(self.wavelength_mm):
            raise ValueError("`sigma_mm` and `wavelength_mm` must be of one length")
        if 360 % self.step_degrees != 0:
            raise ValueError("`step_degrees` must be a part of 360")
        if self.pooling == "none" and self.dimensions == 3:
            raise ValueError("three planes must be pooled: say `dimensions: 2`, or a `pooling`")
        return self


class WaveletIbsi(Convolution):
    """Separable wavelets of IBSI 2: undecimated, single bands."""

    name: WaveletName = "db3"
    """PyWavelets' name of the wavelet."""
    bands: Annotated[
        list[Annotated[str, StringConstraints(pattern="^[LH]{2,3}$")]], Field(min_length=1)
    ]
    """Low or high pass along columns, rows and, in 3D, slices: LH or LLH."""
    levels: Annotated[list[Level], Field(min_length=1)] = [1]
    """Levels of the decomposition that the bands are taken from."""
    pooling: Pooling = "average"
    """Over rotations by right angles; `none`: no rotation."""


class Simoncelli(Derived, Filtered):
    """Non-separable Simoncelli wavelets of IBSI 2, made of the whole image."""

    levels: Annotated[list[Level], Field(min_length=1)] = [1]
    """Levels of the decomposition; 1 is the finest."""


class Images(Section):
    """Images that features are computed from."""

    original: Original | None = None
    """The image itself."""
    log: LaplacianOfGaussian | None = None
    """Laplacian of Gaussian filters, scale-normalised."""
    wavelet: Wavelet | None = None
    """Wavelet filters, all bands."""
    square: Filtered | None = None
    """Squared, and scaled back to the whole image's largest absolute value, as the next three."""
    square_root: Filtered | None = None
    """Square root of the absolute value, with its sign."""
    logarithm: Filtered | None = None
    """Logarithm of one plus the absolute value, with its sign."""
    exponential: Filtered | None = None
    """Exponential."""
    gradient: Filtered | None = None
    """Magnitude of the gradient, per mm."""
    lbp_2d: LocalBinaryPattern | None = None
    """Local binary patterns."""
    mean: Mean | None = None
    """Mean filters (IBSI 2)."""
    log_ibsi: LogIbsi | None = None
    """Laplacian of Gaussian filters (IBSI 2)."""
    laws: Laws | None = None
    """Laws' filters (IBSI 2)."""
    gabor: Gabor | None = None
    """Gabor filters (IBSI 2)."""
    wavelet_ibsi: WaveletIbsi | None = None
    """Separable wavelets (IBSI 2)."""
    simoncelli: Simoncelli | None = None
    """Non-separable wavelets (IBSI 2)."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not any(image is not None for _, image in self):
            raise ValueError(f"name at least one of {', '.join(type(self).model_fields)}")
        return self

    def filters(self) -> dict[str, Filtered]:
        """Return the filters that are wanted, by key."""
        return {key: image for key, image in self if isinstance(image, Filtered)}
