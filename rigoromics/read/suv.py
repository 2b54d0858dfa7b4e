"""Standardised uptake values: what PET values are multiplied by.

SUV = activity concentration x size of the patient / dose left at the same moment. The size is
body weight in g (SUVbw, g/ml), lean body mass in g (SUVlbm, g/ml) or body surface area in cm²
(SUVbsa, cm²/ml). Units, decay correction and times are read by the rules of the QIBA FDG-PET
profile (vendor-neutral SUV) and of DICOM PS3.3 C.8.9.1, C.8.9.2 and C.8.22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from rigoromics.errors import DataError, Problem
from rigoromics.read.body import (
    JANMAHASATIAN,
    KINDS,
    MISSING_REMEDY,
    UNNAMED,
    check_facts,
    size,
)
from rigoromics.read.uptake import (
    Getter,
    acquired,
    from_dataset,
    from_header,
    injected,
    mean_time_within,
    noted,
    number,
    parse_datetime,
    private_text,
    scan_start,
)

_SAME_IN_ALL = {
    "Units": "the units",
    "SUVType": "the kind of SUV",
    "DecayCorrection": "the decay correction",
    "CorrectedImage": "the corrections",
    "PatientWeight": "the patient's weight",
    "PatientSize": "the patient's height",
    "RadionuclideTotalDose": "the injected dose",
    "RadionuclideHalfLife": "the half-life",
    "RadiopharmaceuticalStartTime": "the time of injection",
    "RadiopharmaceuticalStartDateTime": "the time of injection",
}
# SUVType (PS3.3 C.8.9.1.1.3); silence means body weight.
_STORED_KINDS = {
    "": "bw",
    "BW": "bw",
    "LBM": UNNAMED,
    "LBMJAMES128": "lbm",
    "LBMJANMA": JANMAHASATIAN,
    "BSA": "bsa",
}
# Enhanced PET names its units by UCUM code in the real-world value mapping (PS3.16 CID 84, 85).
_CODED_UNITS = {
    "Bq/ml": ("BQML", ""),
    "g/ml{SUVbw}": ("GML", "BW"),
    "g/ml{SUVlbm}": ("GML", "LBM"),
    "g/ml{SUVlbm(James128)}": ("GML", "LBMJAMES128"),
    "g/ml{SUVlbm(Janma)}": ("GML", "LBMJANMA"),
    "cm2/ml{SUVbsa}": ("CM2ML", "BSA"),
    "{SUVbw}g/ml": ("GML", "BW"),
    "{SUVlbm}g/ml": ("GML", "LBM"),
    "{SUVbsa}cm2/ml": ("CM2ML", "BSA"),
}
_NO_SUV = "so that SUV cannot be computed"
_ATTENUATION = (
    f"The PET values are not corrected for attenuation, {_NO_SUV}",
    "choose the attenuation-corrected series",
)


def suv_factors(
    datasets: Sequence[Dataset], kind: str
) -> tuple[NDArray[np.float64], list[Problem]]:
    """Return what the real-world values of each slice are multiplied by to give SUV.

    Parameters
    ----------
    datasets
        The headers of all slices of one PET series, in any order. For an enhanced object the
        same one stands for each of its frames.
    kind
        `bw`, `lbm` (James 1976) or `bsa` (Du Bois 1916).

    Returns
    -------
    factors
        Shape (slices,), in the order given.
    notes
        What was assumed, converted or put right.

    Raises
    ------
    DataError
        Units that SUV cannot be computed from; a missing, zero or implausible weight, height,
        dose, half-life or time; no correction for attenuation; contradicting words about decay;
        slices that disagree.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind} is no kind of SUV: {', '.join(KINDS)}")
    known = {id(data): from_dataset(data) for data in datasets}
    slices = [known[id(data)] for data in datasets]
    _check_agreement(list(known.values()))
    units, suv_type = _units(slices[0], datasets[0])
    if units in ("GML", "CM2ML"):
        factor, notes = _from_suv(slices[0], _stored_kind(suv_type), kind)
        return np.full(len(slices), factor), notes
    if units == "CNTS":
        to_suv, to_activity = _philips(datasets)
        if (to_suv > 0).all():
            factor, notes = _from_suv(slices[0], "bw", kind)
            return to_suv * factor, notes
        if (to_activity <= 0).any():
            raise _not_suv(units)
    elif units == "BQML":
        to_activity = np.ones(len(slices))
    else:
        raise _not_suv(units)
    left, notes = _dose_left(slices, datasets)
    extent, more = size(slices[0], kind)
    made = noted(
        f"SUV by {KINDS[kind]} was computed from activity, dose and times in the headers",
        "nothing; the rules are in the reference of modalities",
    )
    return to_activity * extent / left, [made, *notes, *more]


def check_header(header: Mapping[str, str], kind: str = "bw") -> None:
    """Refuse a PET series as far as one row of the header index tells.

    Fields whose column the row lacks are not judged; nor are times and private factors, which
    take all slices and the file itself.

    Parameters
    ----------
    header
        Keyword to text. Other modalities than PT pass.
    kind
        The kind of SUV wanted.

    Raises
    ------
    DataError
        As :func:`suv_factors`.
    """
    if header.get("Modality") != "PT":
        return
    get = from_header(header)
    units = _plain(get("Units"))
    if units in ("GML", "CM2ML"):
        _corrections(get)
        _stored_kind(get("SUVType") or ("BSA" if units == "CM2ML" else ""))
    elif units == "BQML":
        if {"DecayCorrection", "CorrectedImage"} <= set(header):
            _decay_correction(get)
        if {"PatientWeight", "RadionuclideTotalDose", "RadionuclideHalfLife"} <= set(header):
            has_time = "RadiopharmaceuticalStartTime" in header
            check_facts(get, kind, timed=has_time and get("DecayCorrection") != "ADMIN")
    elif units != "CNTS" and not (units == "" and _is_multi_frame(get)):
        raise _not_suv(units)


def _is_multi_frame(get: Getter) -> bool:
    """Enhanced objects code their units where the index does not look."""
    return (number(get, "NumberOfFrames") or 0) > 1 or bool(get("frames"))


def _check_agreement(slices: Sequence[Getter]) -> None:
    for keyword, name in _SAME_IN_ALL.items():
        if len({get(keyword) for get in slices}) > 1:
            raise DataError(
                f"The PET slices disagree about {name}",
                "export the series again; if it was put together from several, keep one of them",
            )


def _plain(units: str) -> str:
    return units.upper().replace("/", "").strip()


def _units(get: Getter, data: Dataset) -> tuple[str, str]:
    """Return the units and the kind of SUV; of an enhanced object by its coded units."""
    units = _plain(get("Units"))
    if units:
        return units, get("SUVType") or ("BSA" if units == "CM2ML" else "")
    groups = [data]
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        groups += (data.get(name) or [])[:1]
    codes = {
        str(item.get("CodeValue") or "")
        for group in groups
        for mapping in group.get("RealWorldValueMappingSequence") or []
        for item in (mapping.get("MeasurementUnitsCodeSequence") or [])[:1]
    }
    found = {_CODED_UNITS[code] for code in codes if code in _CODED_UNITS}
    return found.pop() if len(found) == 1 else ("", "")


def _not_suv(units: str) -> DataError:
    if units == "CNTS":
        return DataError(
            f"The PET values are counts without Philips' private factors to SUV, {_NO_SUV}",
            "export the series again with private fields (7053,1000) and (7053,1009) kept, or "
            "converted to SUV on the workstation",
        )
    return DataError(
        f"The PET values are in units of {units or 'an unnamed kind'}, not SUV, "
        "and SUV cannot be computed from them",
        "choose the series in Bq/ml (BQML) or SUV (GML), or convert it on the workstation",
    )


def _philips(datasets: Sequence[Dataset]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return per slice Philips' factors from counts to SUVbw and to Bq/ml; 0 where absent."""

    def factor(data: Dataset, element: int) -> float:
        text = private_text(data, 0x7053, "Philips PET Private Group", element)
        return number(lambda _: text, "") or 0.0

    to_suv, to_activity = ([factor(data, element) for data in datasets] for element in (0, 9))
    return np.array(to_suv), np.array(to_activity)


def _stored_kind(suv_type: str) -> str:
    if suv_type.upper() not in _STORED_KINDS:
        raise DataError(
            "The PET values are SUV of another kind than by body weight, lean body mass or body "
            "surface area",
            "choose the series stored as SUV by body weight, or in Bq/ml",
        )
    return _STORED_KINDS[suv_type.upper()]


def _from_suv(get: Getter, stored: str, kind: str) -> tuple[float, list[Problem]]:
    """Return the factor between two kinds of SUV: dose and decay cancel out."""
    _corrections(get)
    if stored == kind:
        return 1.0, []
    if stored == UNNAMED and kind == "lbm":
        return 1.0, [
            noted(
                "The PET values are SUV by lean body mass, of a formula that is not named",
                "compare them only with scans of the same scanner software",
            )
        ]
    if stored == UNNAMED:
        raise DataError(
            "The PET values are SUV by lean body mass of an unnamed formula, and cannot be "
            f"converted to SUV by {KINDS[kind]}",
            "choose the series stored as SUV by body weight, or in Bq/ml",
        )
    before, _ = size(get, stored)
    after, notes = size(get, kind)
    name = KINDS.get(stored, stored.replace("lbm", KINDS["lbm"]))
    converted = noted(
        f"The PET values were SUV by {name} and were converted to SUV by {KINDS[kind]}",
        "nothing, if weight, height and sex in the headers are right",
    )
    return after / before, [converted, *notes]


def _corrections(get: Getter) -> set[str]:
    """Return the corrections that were made; none where the header does not say.

    Raises
    ------
    DataError
        Attenuation is not among them.
    """
    done = set(get("CorrectedImage").upper().split("\\")) - {""}
    if done and "ATTN" not in done:
        raise DataError(*_ATTENUATION)
    return done


def _decay_correction(get: Getter) -> str:
    """Return START, ADMIN or NONE, if the header is of one mind."""
    correction = get("DecayCorrection").upper()
    done = _corrections(get)
    if correction not in ("START", "ADMIN", "NONE"):
        raise DataError(
            "The header does not say to which time the PET values are corrected for decay "
            f"(DecayCorrection), {_NO_SUV}",
            MISSING_REMEDY,
        )
    if done and ("DECY" in done) == (correction == "NONE"):
        raise DataError(
            "The header contradicts itself on whether the PET values are corrected for decay "
            f"(DecayCorrection, CorrectedImage), {_NO_SUV}",
            "ask the scanner's physicist which is right, or choose a series stored as SUV",
        )
    return correction


def _dose_left(
    slices: Sequence[Getter], datasets: Sequence[Dataset]
) -> tuple[NDArray[np.float64], list[Problem]]:
    """Return the dose in Bq left at the moment that each slice's values hold for, shape (n,)."""
    get = slices[0]
    enhanced = bool(get("DecayCorrected"))
    correction = _enhanced_correction(get) if enhanced else _decay_correction(get)
    if len(datasets[0].get("RadiopharmaceuticalInformationSequence") or []) > 1:
        raise DataError(
            f"The header names several injections, {_NO_SUV}",
            "choose a series stored as SUV, or one of a single injection",
        )
    check_facts(get, "bw", timed=correction != "ADMIN")
    dose = number(get, "RadionuclideTotalDose") or 0.0
    half_life = number(get, "RadionuclideHalfLife") or 1.0
    notes = _scatter_note(get)
    if correction == "ADMIN":
        return np.full(len(slices), dose), notes
    scale = np.ones(len(slices))
    moment = parse_datetime(get("DecayCorrectionDateTime")) if enhanced else None
    moments = [_measured(each, half_life) for each in slices] if correction == "NONE" else [moment]
    if None in moments:
        if correction == "NONE":
            scale = _decay_factors(slices)
        ge_start = private_text(datasets[0], 0x0009, "GEMS_PETD_01", 0x0D)
        start, more = scan_start(slices, ge_start, half_life)
        notes += more
        moments = [start]
    times = [time for time in moments if time is not None]
    begin, more = injected(get, min(times), half_life)
    uptake = np.array([(time - begin) / timedelta(seconds=1) for time in times])
    return dose * np.exp2(-uptake / half_life) / scale, notes + more


def _enhanced_correction(get: Getter) -> str:
    if get("AttenuationCorrected").upper() == "NO":
        raise DataError(*_ATTENUATION)
    if get("DecayCorrected").upper() != "YES" or not get("DecayCorrectionDateTime"):
        raise DataError(
            "The enhanced PET object is not corrected for decay, or does not say to which time, "
            f"{_NO_SUV}",
            "export it as classic PET (one file per slice), or choose a series stored as SUV",
        )
    return "START"


def _measured(get: Getter, half_life: float) -> datetime | None:
    """Return when the activity of a slice not corrected for decay was what its values say."""
    begin, duration = acquired(get), number(get, "ActualFrameDuration")
    if begin is None or duration is None:
        return None
    return begin + mean_time_within(duration / 1000, half_life)


def _decay_factors(slices: Sequence[Getter]) -> NDArray[np.float64]:
    """Return the factors that would bring uncorrected slices to the start of the scan."""
    factors = [number(get, "DecayFactor") or 0.0 for get in slices]
    if min(factors) < 1 or max(factors) == 1:
        raise DataError(
            "The PET values are not corrected for decay, and the header lacks the acquisition "
            f"time or the frame duration, {_NO_SUV}",
            MISSING_REMEDY,
        )
    return np.array(factors)


def _scatter_note(get: Getter) -> list[Problem]:
    done = _corrections(get)
    if (done and "SCAT" not in done) or get("ScatterCorrected").upper() == "NO":
        return [
            noted(
                "The PET values are not corrected for scatter",
                "do not compare this scan's SUV with that of corrected scans",
            )
        ]
    return []
