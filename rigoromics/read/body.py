"""The patient's size and the dose, as SUV needs them: looked up, judged, and put into formulas."""

from __future__ import annotations

import math

from rigoromics.errors import DataError, Problem
from rigoromics.read.uptake import Getter, noted, number, parse_datetime, parse_time

KINDS = {"bw": "body weight", "lbm": "lean body mass", "bsa": "body surface area"}
JANMAHASATIAN = "lbm by Janmahasatian's formula"
"""A kind that is only read, from series that are SUV already (SUVType LBMJANMA)."""
UNNAMED = "lbm by an unnamed formula"
"""What SUVType LBM means: no formula is said, and two by James are in use."""
WEIGHT_KG = (2.0, 400.0)
HEIGHT_M = (0.4, 2.5)
DOSE_BQ = (1e5, 1e10)
HALF_LIFE_TOLERANCE = 0.05
# Half-lives in seconds to three figures; codes of SNOMED CT and SRT (DICOM PS3.16 CID 4020).
_NUCLIDES = {
    "F-18": (6590.0, {"77004003", "C-111A1"}),
    "C-11": (1220.0, {"40565003", "C-105A1"}),
    "N-13": (598.0, {"21576001", "C-107A1"}),
    "O-15": (122.0, {"129504001", "C-B1038"}),
    "Ga-68": (4060.0, {"35337001", "C-131A3"}),
    "Rb-82": (75.5, {"79197006", "C-159A2"}),
    "Cu-64": (45700.0, {"3932008", "C-127A2"}),
    "Zr-89": (282000.0, {"63360001", "C-168A4"}),
    "I-124": (361000.0, {"40937006", "C-114A5"}),
}
MISSING_REMEDY = (
    "have the series exported with these fields kept (removing identifiers may have removed "
    "them), or converted to SUV on the workstation"
)


def size(get: Getter, kind: str) -> tuple[float, list[Problem]]:
    """Return what SUV of a kind multiplies by: weight or lean mass in g, or surface in cm².

    Parameters
    ----------
    get
        The header.
    kind
        A key of :data:`KINDS`, or :data:`JANMAHASATIAN`.

    Raises
    ------
    DataError
        Weight, height or sex is missing or implausible.
    """
    check_facts(get, kind, dose=False)
    weight = number(get, "PatientWeight") or 0.0
    if kind == "bw":
        return weight * 1000, []
    height = (number(get, "PatientSize") or 0.0) * 100
    if kind == "bsa":
        return body_surface(weight, height) * 1e4, []
    man = get("PatientSex").upper() == "M"
    if kind == JANMAHASATIAN:
        return lean_mass_janmahasatian(weight, height, man) * 1000, []
    mass = lean_mass(weight, height, man)
    if mass <= 0:
        raise DataError(
            "James' formula gives no lean body mass for a patient of this weight and height",
            "use SUV by body weight for this study",
        )
    return mass * 1000, _notes_on_lean_mass(weight, height, man)


def lean_mass(weight: float, height: float, man: bool) -> float:
    """Return lean body mass in kg by James (1976), from kg and cm (DICOM: LBMJAMES128)."""
    ratio = (weight / height) ** 2
    return 1.10 * weight - 128 * ratio if man else 1.07 * weight - 148 * ratio


def lean_mass_janmahasatian(weight: float, height: float, man: bool) -> float:
    """Return lean body mass in kg by Janmahasatian (2005), from kg and cm (DICOM: LBMJANMA)."""
    index = weight / (height / 100) ** 2
    return 9270 * weight / (6680 + 216 * index if man else 8780 + 244 * index)


def body_surface(weight: float, height: float) -> float:
    """Return body surface area in m² by Du Bois (1916), from kg and cm."""
    return float(0.007184 * weight**0.425 * height**0.725)


def _notes_on_lean_mass(weight: float, height: float, man: bool) -> list[Problem]:
    notes = [
        noted(
            "SUV by lean body mass uses James' formula (men 1.10 W - 128 (W/H)^2, women "
            "1.07 W - 148 (W/H)^2; kg and cm)",
            "compare it only with SUV by the same formula",
        )
    ]
    # The formula's derivative by weight: past its zero more weight gives less lean mass.
    if weight / height**2 > (1.10 / 256 if man else 1.07 / 296):
        notes.append(
            noted(
                "The patient is too heavy for James' formula: it gives less lean mass than for "
                "a lighter patient of this height",
                "use SUV by body weight or by body surface area for this study",
            )
        )
    return notes


def check_facts(get: Getter, kind: str, *, dose: bool = True, timed: bool = False) -> None:
    """Refuse a header that lacks what SUV needs, or has values that cannot be.

    Parameters
    ----------
    get
        The header.
    kind
        The kind of SUV: all need weight, those by lean mass and surface height, lean mass sex.
    dose
        Whether dose and half-life are needed.
    timed
        Whether the time of injection is needed.

    Raises
    ------
    DataError
        All that is missing in one sentence; otherwise the first implausible value.
    """
    # Keyword -> what people call it, its plausible range, its unit, what the standard wants.
    needed = {"PatientWeight": ("weight", WEIGHT_KG, "kg", "DICOM wants kg")}
    if kind != "bw":
        needed["PatientSize"] = ("height", HEIGHT_M, "m", "DICOM wants metres")
    if dose:
        needed["RadionuclideTotalDose"] = ("dose", DOSE_BQ, "Bq", "DICOM wants Bq, not MBq")
        needed["RadionuclideHalfLife"] = ("half-life", (1.0, math.inf), "s", "DICOM wants seconds")
    missing = [name for keyword, (name, *_) in needed.items() if number(get, keyword) is None]
    if kind.startswith("lbm") and get("PatientSex").upper() not in ("M", "F"):
        missing.append("sex (M or F)")
    if timed and not _has_injection_time(get):
        missing.append("time of injection")
    if missing:
        raise DataError(f"SUV needs the {_listed(missing)}, which the header lacks", MISSING_REMEDY)
    for keyword, (name, (low, high), unit, hint) in needed.items():
        value = number(get, keyword) or 0.0
        if not low <= value <= high:
            raise DataError(
                f"SUV cannot be computed: a {name} of {value:g} {unit} is not plausible",
                f"correct the {name} in the header ({hint})",
            )
    if dose:
        _check_half_life(get)


def _listed(names: list[str]) -> str:
    return " and the ".join([", the ".join(names[:-1]), names[-1]] if names[1:] else names)


def _has_injection_time(get: Getter) -> bool:
    return (
        parse_datetime(get("RadiopharmaceuticalStartDateTime")) is not None
        or parse_time("", get("RadiopharmaceuticalStartTime")) is not None
    )


def _check_half_life(get: Getter) -> None:
    """Compare with the radionuclide's, where the header codes which it is."""
    code, value = get("RadionuclideCodeSequence"), number(get, "RadionuclideHalfLife") or 0.0
    for name, (right, codes) in _NUCLIDES.items():
        if code in codes and abs(value / right - 1) > HALF_LIFE_TOLERANCE:
            raise DataError(
                f"SUV cannot be computed: a half-life of {value:g} s is not that of {name}",
                "correct the half-life in the header (DICOM wants seconds)",
            )
