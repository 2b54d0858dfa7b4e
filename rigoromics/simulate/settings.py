"""What a simulated cohort is made of: centres, raters, effects, sizes.

The settings are plain frozen dataclasses. :meth:`CohortSettings.from_dict` reads them from the
plain dictionary that a study config holds; a key that is ``None`` there counts as not given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any, Literal, TypeVar

from rigoromics.errors import DataError
from rigoromics.simulate.styles import CENTRE_STYLES, Device

SegmentationForm = Literal["rtstruct", "seg"]
# Modalities that scan a volume; the others see one plane.
VOLUMES = ("CT", "MR", "PT")


@dataclass(frozen=True)
class Centre:
    """One hospital: how many patients it sends and how its scanner draws them.

    Attributes
    ----------
    name
        Short name, also the middle part of its PatientIDs.
    patients
        Number of patients.
    manufacturer, model, software, kernel
        DICOM Manufacturer, ManufacturerModelName, SoftwareVersions, ConvolutionKernel.
    kv
        Tube voltage, kV.
    exposure_mas
        Exposure, mAs.
    slice_thickness
        Width of the slice profile, mm.
    slice_spacing
        Distance between slice centres, mm; ``None`` means equal to the thickness.
    pixel_spacing
        In-plane pixel size, mm.
    noise_hu
        Standard deviation of the noise in the middle of the body, HU.
    blur_mm
        Full width at half maximum of the in-plane point spread function, mm.
    sharpen
        Strength of the kernel's edge enhancement; 0 is none, 0.5 is a sharp kernel.
    shift_hu
        Constant added inside the patient by calibration and contrast timing, HU.
    retest
        Whether the cohort's ``retest_fraction`` applies here.
    implicit_vr
        Whether files are written as Implicit VR Little Endian rather than Explicit.
    device
        What scanners of its kind alone have.
    """

    name: str
    patients: int = 24
    manufacturer: str = "SIEMENS"
    model: str = "SOMATOM Definition AS"
    software: str = "syngo CT 2012B"
    kernel: str = "B30f"
    kv: float = 120.0
    exposure_mas: int = 180
    slice_thickness: float = 3.0
    slice_spacing: float | None = None
    pixel_spacing: float = 1.6
    noise_hu: float = 9.0
    blur_mm: float = 2.4
    sharpen: float = 0.0
    shift_hu: float = 0.0
    retest: bool = True
    implicit_vr: bool = False
    device: Device = field(default_factory=Device)

    @property
    def spacing_between_slices(self) -> float:
        """Distance between slice centres, mm."""
        return self.slice_thickness if self.slice_spacing is None else self.slice_spacing


@dataclass(frozen=True)
class Rater:
    """One person who outlines lesions.

    Attributes
    ----------
    name
        Short name; StructureSetLabel or ContentLabel of the files, in capitals.
    roi_name
        What this person calls the lesion.
    form
        ``rtstruct`` or ``seg``: the DICOM object the person's software writes.
    bias_mm
        How far outside (positive) or inside the boundary the person tends to draw, mm.
    spread_mm
        Standard deviation of the smooth three-dimensional displacement of the boundary, mm.
    wobble_mm
        Standard deviation of what is redrawn from slice to slice, mm.
    slice_slip
        Probability, at each end of the lesion, of one slice more or one slice fewer.
    extra_roi
        ``BODY`` or ``Liver`` drawn in the same object (RTSTRUCT only), or empty.
    retest
        Whether the person outlines the retest scans too.
    """

    name: str
    roi_name: str
    form: SegmentationForm = "rtstruct"
    bias_mm: float = 0.0
    spread_mm: float = 0.9
    wobble_mm: float = 0.3
    slice_slip: float = 0.2
    extra_roi: Literal["", "BODY", "Liver"] = ""
    retest: bool = False


DEFAULT_CENTRES = (
    Centre("A"),
    Centre("B", **CENTRE_STYLES["ge_standard"]),
    Centre("C", **CENTRE_STYLES["philips_c"], retest=False),
)
DEFAULT_RATERS = (
    Rater("R1", "GTV", extra_roi="BODY", retest=True),
    Rater("R2", "Tumor_R2", bias_mm=1.0, spread_mm=1.0),
    Rater("R3", "lesion", form="seg", bias_mm=-0.2, spread_mm=1.0, wobble_mm=0.4),
)

SIZES: dict[str, dict[str, Any]] = {
    "demo": {},
    "tiny": {
        "matrix": 80,
        "coverage_mm": 58.0,
        "lesion_diameter_mm": 30.0,
        "lesion_diameter_range_mm": (27.0, 33.0),
    },
}
"""Sizes by name: ``demo`` shows the whole body, ``tiny`` a field of view around the liver."""


@dataclass(frozen=True)
class CohortSettings:
    """A whole simulated cohort.

    Attributes
    ----------
    centres
        The hospitals.
    raters
        The people who outline the lesions.
    modality
        Kind of image; a key of :data:`rigoromics.simulate.modalities.MODALITIES`.
    effect
        Log-odds of the binary endpoint per standard deviation of the latent texture variable;
        0 makes the null cohort, whose images are the same bytes.
    clinical_effect
        Log-odds per standard deviation of the blood marker (on its log scale).
    survival_scale
        Log-hazard per log-odds: the hazard's coefficients are this times both effects.
    prevalence
        Expected fraction with the binary endpoint.
    median_survival_months
        Median survival of a patient with average texture and marker, months.
    censoring_rate
        Fraction per year lost to follow-up at random, beside the end of the study.
    missing_rate
        Fraction of the values of ``stage`` and ``ldh`` missing, completely at random.
    retest_fraction
        Fraction of patients, in centres with ``retest``, scanned twice.
    retest_shift_mm
        Standard deviation, per axis, of the patient's shift between the two scans, mm.
    matrix
        Rows and columns of an image.
    coverage_mm
        Extent of a scan along the body axis, mm.
    lesion_diameter_mm
        Median diameter of the sphere of the lesion's volume, mm.
    lesion_diameter_spread
        Standard deviation of the diameter's logarithm.
    lesion_diameter_range_mm
        Smallest and largest diameter, mm.
    lesion_contrast_hu
        Mean of lesion minus liver, HU.
    texture_sd_hu
        Standard deviation of a lesion's texture as imaged, without noise, HU. It does not
        depend on the latent variable.
    texture_length_mm
        Correlation length (standard deviation of the smoothing Gaussian) at latent 0, mm.
    texture_gain
        Change of the correlation length's logarithm per standard deviation of the latent.
    """

    centres: tuple[Centre, ...] = DEFAULT_CENTRES
    raters: tuple[Rater, ...] = DEFAULT_RATERS
    modality: str = "CT"
    effect: float = 2.5
    clinical_effect: float = 0.4
    survival_scale: float = 0.5
    prevalence: float = 0.45
    median_survival_months: float = 40.0
    censoring_rate: float = 0.08
    missing_rate: float = 0.06
    retest_fraction: float = 0.25
    retest_shift_mm: float = 2.5
    matrix: int = 192
    coverage_mm: float = 84.0
    lesion_diameter_mm: float = 36.0
    lesion_diameter_spread: float = 0.12
    lesion_diameter_range_mm: tuple[float, float] = (31.0, 46.0)
    lesion_contrast_hu: float = -50.0
    texture_sd_hu: float = 22.0
    texture_length_mm: float = 2.6
    texture_gain: float = 0.35

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> CohortSettings:
        """Read the settings from a study config's plain dictionary.

        Parameters
        ----------
        settings
            ``centres`` maps names to :class:`Centre` fields plus, optionally, ``style`` (a key
            of :data:`CENTRE_STYLES`); ``raters`` likewise to :class:`Rater` fields; ``size`` is
            a key of :data:`SIZES`; all else is a field of this class.

        Raises
        ------
        DataError
            For an unknown key, style, size or value that makes no cohort.
        """
        given = _given(settings)
        size = _named(SIZES, str(given.pop("size", "demo")), "size")
        if "centres" in given:
            given["centres"] = tuple(
                _centre(str(name), values or {}) for name, values in given["centres"].items()
            )
        if "raters" in given:
            given["raters"] = tuple(
                _build(Rater, {"name": str(name), **_given(values)}, f"rater {name}")
                for name, values in given["raters"].items()
            )
        if "lesion_diameter_range_mm" in given:
            low, high = given["lesion_diameter_range_mm"]
            given["lesion_diameter_range_mm"] = (float(low), float(high))
        made = _build(cls, {**size, **given}, "the simulated cohort")
        _check(made)
        return made

    def with_effect(self, effect: float) -> CohortSettings:
        """Return the same cohort with another strength of the planted signal."""
        return replace(self, effect=effect)


@dataclass(frozen=True)
class Place:
    """Which patient: the centre and the number in it, from 1."""

    centre: Centre
    number: int
    patient_id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "patient_id", f"SIM-{self.centre.name}-{self.number:04d}")


def places(settings: CohortSettings) -> list[Place]:
    """Return all patients of a cohort, centre by centre."""
    return [
        Place(centre, number)
        for centre in settings.centres
        for number in range(1, centre.patients + 1)
    ]


Made = TypeVar("Made")


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _named(table: Mapping[str, dict[str, Any]], name: str, what: str) -> dict[str, Any]:
    if name not in table:
        raise DataError(
            f"the simulation knows no {what} '{name}'", f"choose one of: {', '.join(table)}"
        )
    return table[name]


def _build(kind: type[Made], values: dict[str, Any], what: str) -> Made:
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"use: {', '.join(known)}"
            raise DataError(f"{what} has no setting '{key}'", hint)
    return kind(**values)


def _centre(name: str, values: Mapping[str, Any]) -> Centre:
    given = _given(values)
    style = _named(CENTRE_STYLES, str(given.pop("style", "siemens_b30f")), "centre style")
    return _build(Centre, {**style, **given, "name": name}, f"centre {name}")


def _check(settings: CohortSettings) -> None:
    """Refuse settings that no cohort can have."""
    ranges = {
        "prevalence": (0.02, 0.98),
        "missing_rate": (0.0, 0.9),
        "retest_fraction": (0.0, 1.0),
        "matrix": (48, 1024),
    }
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise DataError(f"{name} is {value}", f"choose a value from {low} to {high}")
    _check_devices(settings)
    if not settings.centres or any(not centre.name for centre in settings.centres):
        raise DataError("the simulated cohort has no centre", "name at least one under 'centres'")


def _check_devices(settings: CohortSettings) -> None:
    """Refuse scanners of another kind, and scans too short for the lesions."""
    kinds = {style.get("device", Device()).modality for style in CENTRE_STYLES.values()}
    if settings.modality not in kinds:
        raise DataError(
            f"no cohort of modality '{settings.modality}' can be simulated",
            f"choose one of: {', '.join(sorted(kinds))}",
        )
    # The longest lesion axis is about 1.3 diameters; two slices of liver must show at each end.
    longest = 1.3 * settings.lesion_diameter_range_mm[1]
    for centre in settings.centres:
        if centre.device.modality != settings.modality:
            fit = [
                name
                for name, style in CENTRE_STYLES.items()
                if style.get("device", Device()).modality == settings.modality
            ]
            raise DataError(
                f"centre {centre.name} has no {settings.modality} scanner",
                f"give it one of the styles: {', '.join(fit)}",
            )
        needed = longest + 4 * centre.spacing_between_slices
        if settings.modality in VOLUMES and settings.coverage_mm < needed:
            raise DataError(
                f"coverage_mm {settings.coverage_mm:g} does not hold the largest lesion",
                f"use at least {needed:.0f} mm, or smaller lesions",
            )
