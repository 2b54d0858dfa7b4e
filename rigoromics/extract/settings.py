"""Extraction settings in IBSI's words, and what they are in PyRadiomics' own."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from rigoromics.extract.dictionary import names_of
from rigoromics.extract.image_settings import Discretisation, Images, Section

__all__ = ["Discretisation", "ExtractionSettings", "Images", "Section"]

# PyRadiomics' padding around the ROI, in voxels: so large that the whole image is filtered.
WHOLE_IMAGE = 100_000
# Volume is the control that every signature is compared with.
VOLUME = ["MeshVolume", "VoxelVolume"]

# What PyRadiomics calls the filters that it has.
PYRADIOMICS = {
    "log": "LoG",
    "wavelet": "Wavelet",
    "square": "Square",
    "square_root": "SquareRoot",
    "logarithm": "Logarithm",
    "exponential": "Exponential",
    "gradient": "Gradient",
    "lbp_2d": "LBP2D",
}

Aggregation = Literal[
    "3D average", "3D merged", "2.5D average", "2.5D merged", "2D average", "2D merged"
]
Features = Literal["all"] | list[str]


class Resampling(Section):
    """Interpolation of image and mask onto voxels of one size (IBSI, 2.4)."""

    spacing_mm: Annotated[list[NonNegativeFloat], Field(min_length=3, max_length=3)]
    """New voxel size along columns, rows and slices, mm; 0 keeps the scan's own."""
    align: Literal["corner", "centre"] = "corner"
    """What the new grid shares with the scan's own: the outer corner, as in PyRadiomics, or the
    centre, as in IBSI."""
    interpolator: Literal["bspline", "linear", "nearest"] = "bspline"
    """Interpolation of the image; bspline is cubic."""
    mask_interpolator: Literal["linear", "nearest"] = "linear"
    """Interpolation of the mask; plain PyRadiomics has `nearest` only."""
    mask_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of a voxel that must lie in the ROI (linear interpolation of the mask)."""
    round_intensities: bool = False
    """Round to whole numbers afterwards: right for Hounsfield units, wrong for SUV or MR."""


class Intensity(Section):
    """What is done to grey values, and which voxels keep out because of theirs."""

    normalise: bool = False
    """Whole image to mean 0 and standard deviation `normalise_scale`, before resampling."""
    normalise_scale: PositiveFloat = 100.0
    """Standard deviation of the normalised image."""
    normalise_limit: PositiveFloat | None = None
    """Clip the normalised image at this many standard deviations."""
    resegmentation: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    """Keep voxels of the ROI in this closed range; shape is measured before (IBSI, 2.5)."""
    outlier_sigma: PositiveFloat | None = None
    """Keep voxels within this many standard deviations of the ROI's mean (IBSI, 2.5); of the voxels
    that `resegmentation` left, where both are given."""
    voxel_array_shift: int = 0
    """Added to grey values before energy, total energy and root mean square alone."""

    def ranges(self) -> list[dict[str, Any]]:
        """Return the ranges that voxels are kept in, one after the other, in PyRadiomics' words."""
        found: list[dict[str, Any]] = []
        if self.resegmentation is not None:
            found.append({"resegmentRange": list(self.resegmentation)})
        if self.outlier_sigma is not None:
            sigma = self.outlier_sigma
            found.append({"resegmentRange": [-sigma, sigma], "resegmentMode": "sigma"})
        return found


class Texture(Section):
    """How texture matrices are made."""

    distances: Annotated[list[PositiveInt], Field(min_length=1)] = [1]
    """Distances between neighbours, in voxels (Chebyshev norm)."""
    aggregation: Aggregation = "3D average"
    """Neighbours in 3D, or in each slice: matrices of slices are summed (2.5D), or features are
    averaged over slices (2D, `engine: fast` only). Features are averaged over the directions'
    matrices, or computed once from their sum (merged)."""

    @property
    def in_slices(self) -> bool:
        """Whether neighbours lie in one slice."""
        return not self.aggregation.startswith("3D")

    @property
    def by_slice(self) -> bool:
        """Whether every slice has features of its own, which are averaged."""
        return self.aggregation.startswith("2D")


class Classes(Section):
    """Feature classes; of each `all`, or a list of PyRadiomics' feature names."""

    shape: Features | None = None
    """Size and form; mesh and voxel volume are always computed."""
    firstorder: Features | None = None
    """Statistics of grey values."""
    glcm: Features | None = None
    """Grey level co-occurrence."""
    glrlm: Features | None = None
    """Grey level run length."""
    glszm: Features | None = None
    """Grey level size zone."""
    gldm: Features | None = None
    """Grey level dependence (IBSI: NGLDM)."""
    ngtdm: Features | None = None
    """Neighbourhood grey tone difference."""

    @model_validator(mode="after")
    def _known_features(self) -> Self:
        for feature_class, names in self:
            unknown = (
                [] if isinstance(names, str) else set(names or []) - {*names_of(feature_class)}
            )
            if unknown:
                raise ValueError(
                    f"{feature_class} has no feature {', '.join(sorted(unknown))}; it has "
                    f"{', '.join(names_of(feature_class))}"
                )
        return self

    def to_pyradiomics(self) -> dict[str, list[str]]:
        """Return the classes in PyRadiomics' words: an empty list is a whole class."""
        wanted: dict[str, Features | None] = dict(self)
        names = {
            key: [] if value == "all" else list(value) for key, value in wanted.items() if value
        }
        if names.get("shape") != []:
            names["shape"] = sorted({*names.get("shape", []), *VOLUME})
        return names


class SmallestRoi(Section):
    """ROIs below this size are refused: texture of a handful of voxels means nothing."""

    voxels: PositiveInt = 27
    """Voxels, after resampling and again after resegmentation."""
    dimensions: Literal[2, 3] = 3
    """Axes along which the ROI must extend over more than one voxel."""


class ExtractionSettings(Section):
    """All that decides the value of a feature."""

    engine: Literal["pyradiomics", "fast"] = "pyradiomics"
    """The program that computes features. PyRadiomics defines every value; `fast` computes the same
    ones, to 1e-9, in a fraction of the time."""
    resampling: Resampling | None = None
    """Voxel size; none: the scan's own."""
    intensity: Intensity = Intensity()
    """Normalisation and resegmentation."""
    discretisation: Discretisation
    """Grey levels."""
    texture: Texture = Texture()
    """Texture matrices."""
    images: Images
    """The image and its filtered versions."""
    classes: Classes
    """Feature classes."""
    smallest_roi: SmallestRoi = SmallestRoi()
    """ROIs that are refused."""

    @model_validator(mode="after")
    def _same_kind_of_bins(self) -> Self:
        """PyRadiomics lets a fixed bin number win over a width, so no filter can go back."""
        for image in self.images.filters().values():
            bins = image.discretisation
            if bins and bins.bin_width and self.discretisation.bin_count:
                raise ValueError("a filter cannot have `bin_width` where the image has `bin_count`")
        return self

    @model_validator(mode="after")
    def _engine_can(self) -> Self:
        if self.texture.by_slice and self.engine == "pyradiomics":
            raise ValueError(
                f"PyRadiomics cannot average features over slices: with `aggregation: "
                f"{self.texture.aggregation}` say `engine: fast`, or take 2.5D"
            )
        return self

    def to_pyradiomics(self, *, preprocessed: bool = False) -> dict[str, Any]:
        """Return the parameter dictionary of `radiomics.featureextractor`.

        Parameters
        ----------
        preprocessed
            The image is normalised and resampled already: leave both out.

        Returns
        -------
        dict
            `setting`, `imageType`, `featureClass`. Not to be said in PyRadiomics' words, and so
            not in it: a grid aligned by centres, interpolation of the mask other than nearest
            neighbour, rounding (PyRadiomics cuts off decimals wherever the image's type is an
            integer), outliers sought in what a range left, a Laplacian of Gaussian in slices, and
            the filters of IBSI 2.
        """
        setting: dict[str, Any] = {
            "label": 1,
            "additionalInfo": False,
            "minimumROIDimensions": self.smallest_roi.dimensions,
            **self.discretisation.to_pyradiomics(),
            "distances": list(self.texture.distances),
            "force2D": self.texture.in_slices,
            "voxelArrayShift": self.intensity.voxel_array_shift,
            **next(iter(self.intensity.ranges()), {}),
        }
        if self.smallest_roi.voxels > 1:
            setting["minimumROISize"] = self.smallest_roi.voxels - 1
        if self.texture.aggregation.endswith("merged"):
            setting["weightingNorm"] = "no_weighting"
        if not preprocessed:
            setting |= self._preprocessing()
        return {
            "setting": setting,
            "imageType": self._image_types(),
            "featureClass": self.classes.to_pyradiomics(),
        }

    def _preprocessing(self) -> dict[str, Any]:
        setting: dict[str, Any] = {}
        if self.intensity.normalise:
            setting |= {"normalize": True, "normalizeScale": self.intensity.normalise_scale}
            if self.intensity.normalise_limit is not None:
                setting["removeOutliers"] = self.intensity.normalise_limit
        if self.resampling is not None:
            names = {"bspline": "sitkBSpline", "linear": "sitkLinear"}
            setting |= {
                "resampledPixelSpacing": list(self.resampling.spacing_mm),
                "interpolator": names.get(self.resampling.interpolator, "sitkNearestNeighbor"),
                "padDistance": WHOLE_IMAGE,
            }
        return setting

    def _image_types(self) -> dict[str, dict[str, Any]]:
        types: dict[str, dict[str, Any]] = {}
        if self.images.original is not None:
            types["Original"] = {}
        for key, image in self.images.filters().items():
            said = image.to_pyradiomics() if key in PYRADIOMICS else None
            if said is not None:
                types[PYRADIOMICS[key]] = said
        return types
