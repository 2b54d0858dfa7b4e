"""How each scan was acquired, from its headers.

One convention for all columns: `unknown` where a column applies to the modality and the header is
silent (or says what no table knows); empty where it does not apply. Nothing is guessed, and no free
text is copied: texts are matched against tables whose own words come out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from rigoromics.read.agents import contrast_agent, tracer
from rigoromics.read.fields import code, codes, column, middle, number, numbers, usual, yes_no
from rigoromics.read.keys import Keys
from rigoromics.read.reconstruction import (
    FBP,
    UNKNOWN,
    Reconstruction,
    ct_reconstruction,
    pet_reconstruction,
)
from rigoromics.read.scans import Scan

WHO = ["patient", "cohort", "centre", "timepoint", "scan", "image", "modality"]
"""Columns that say which scan a row is about."""

_ALL = frozenset({"CT", "MR", "PT", "US", "MG", "DX", "CR", "OPT", "OCT", "IVOCT"})
_VOLUMES = frozenset({"CT", "MR", "PT"})
_XRAY = frozenset({"CT", "MG", "DX", "CR"})
_CT, _MR, _PT, _US, _MG = (frozenset({name}) for name in ("CT", "MR", "PT", "US", "MG"))

APPLIES: dict[str, frozenset[str]] = {
    "manufacturer": _ALL,
    "model": _ALL,
    "software": _ALL,
    "institution": _ALL,
    "reconstruction": _CT | _PT,
    "reconstruction_kind": _CT | _PT,
    "reconstruction_strength": _CT,
    "kernel": _CT | _PT,
    "scan_mode": _CT,
    "pitch": _CT,
    "kv": _XRAY,
    "tube_current": _XRAY,
    "exposure_time": _XRAY,
    "exposure": _XRAY,
    "filter": _XRAY,
    "target": _MG,
    "compression_force": _MG,
    "compressed_thickness": _MG,
    "contrast": _CT | _MR | _US,
    "contrast_agent": _CT | _MR | _US,
    "contrast_phase": _CT | _MR,
    "sequence": _MR,
    "sequence_variant": _MR,
    "sequence_name": _MR,
    "dimensions": _MR,
    "repetition_time": _MR,
    "echo_time": _MR,
    "inversion_time": _MR,
    "flip_angle": _MR,
    "field_strength": _MR,
    "echo_train": _MR,
    "bandwidth": _MR,
    "k_space": _MR,
    "partial_fourier": _MR,
    "parallel": _MR,
    "tracer": _PT,
    "injected_dose": _PT,
    "uptake_time": _PT,
    "time_per_bed": _PT,
    "time_of_flight": _PT,
    "psf": _PT,
    "iterations": _PT,
    "subsets": _PT,
    "corrections": _PT,
    "transducer": _US,
    "transducer_frequency": _US,
    "slice_thickness": _VOLUMES,
    "spacing_between_slices": _VOLUMES,
    "pixel_spacing": _ALL,
    "field_of_view": _VOLUMES,
    "rows": _ALL,
    "columns": _ALL,
    "slices": _ALL,
}
"""Column to the modalities it applies to, in the order of the table."""

ACQUISITION_COLUMNS = [*WHO, *APPLIES]
PHASES = frozenset(
    {
        *("PRE_CONTRAST", "POST_CONTRAST", "IMMEDIATE", "DYNAMIC", "STEADY_STATE", "DELAYED"),
        *("ARTERIAL", "CAPILLARY", "VENOUS", "PORTAL_VENOUS"),
    }
)
"""Contrast phases of DICOM PS3.3 C.8.15.3.2, ContrastBolusAgentPhase."""
_MODES = {
    "SPIRAL": "helical",
    "SEQUENCED": "axial",
    "STATIONARY": "stationary",
    "CONSTANT_ANGLE": "localiser",
}
_PULSES = {"SPIN": "SE", "GRADIENT": "GR", "BOTH": "GR+SE"}
# Sequence names as Siemens scanners write them; other vendors' names tell no family.
_SEQUENCES = (
    (r"TFL", "turbo gradient echo"),
    (r"TSE|TIR|SPC|SPCIR|H2D|HST", "turbo spin echo"),
    (r"EP2D|EP3D|^\*?EP_|RESOLVE", "echo planar"),
    (r"TFI|TRUFI|FISP", "balanced gradient echo"),
    (r"FL2D|FL3D|^\*?FL|SWI|ME2D|FLDYN|VIBE", "gradient echo"),
    (r"^\*?SE", "spin echo"),
)
# Least activity that a whole-body injection can have, Bq: smaller numbers are in another unit.
_LEAST_BQ = 1e5
_LONGEST_UPTAKE = 10 * 24 * 60.0


def acquisition_row(
    cohort: str, scan: Scan, keys: Keys, rule: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Return the acquisition of one scan, as texts.

    Slice values that vary (exposure under modulation) stand as their median. The gap between
    slices is the one measured from their positions.

    Parameters
    ----------
    cohort
        The patient's cohort.
    scan
        The scan.
    keys
        Makes the institution's key.
    rule
        The scan's part of the study config; its `contrast_phase` stands where headers are silent.

    Returns
    -------
    dict
        :data:`ACQUISITION_COLUMNS` to text. Units: kV, mA, ms, mAs, mm, T, degrees, Hz per pixel,
        MBq, minutes (uptake), seconds (time per bed), N (compression), MHz.
    """
    files, modality = scan.series.files, scan.series.modality
    found = {
        "patient": scan.patient,
        "cohort": cohort,
        "centre": scan.centre,
        "timepoint": scan.timepoint,
        "scan": scan.name,
        "image": scan.key,
        "modality": modality,
    }
    values = _device(files, keys) | _grid(files, scan) | _xray(files) | _magnetic(files)
    values |= _contrast(files, rule or {}) | _nuclear(files)
    values |= _reconstruction(files, modality) | _sound(files)
    for name, modalities in APPLIES.items():
        found[name] = (values[name] or UNKNOWN) if modality in modalities else ""
    if found["contrast"] == "no":
        found |= {"contrast_agent": "", "contrast_phase": ""}
    if found["reconstruction"] == FBP:
        found["reconstruction_strength"] = ""
    if len(files) == 1:
        found["spacing_between_slices"] = ""
    return found


def _device(files: pd.DataFrame, keys: Keys) -> dict[str, str]:
    place = usual(files, "InstitutionName")
    return {
        "manufacturer": usual(files, "Manufacturer"),
        "model": usual(files, "ManufacturerModelName"),
        "software": usual(files, "SoftwareVersions"),
        "institution": keys.centre(place.casefold()) if place else "",
        "kernel": usual(files, "ConvolutionKernel"),
    }


def _grid(files: pd.DataFrame, scan: Scan) -> dict[str, str]:
    geometry = scan.series.geometry
    gap = geometry.spacing[2] if geometry is not None and len(files) > 1 else None
    spacing = numbers(usual(files, "PixelSpacing"))
    width = middle(files, "Columns")
    field = middle(files, "ReconstructionDiameter")
    if not field and len(spacing) == 2 and width:
        field = number(spacing[1] * float(width))
    return {
        "slice_thickness": middle(files, "SliceThickness"),
        "spacing_between_slices": "" if gap is None else number(gap),
        "pixel_spacing": " x ".join(number(value) for value in spacing),
        "field_of_view": field,
        "rows": usual(files, "Rows"),
        "columns": usual(files, "Columns"),
        "slices": str(len(files)),
    }


def _xray(files: pd.DataFrame) -> dict[str, str]:
    filters = [code(usual(files, keyword)) for keyword in ("FilterMaterial", "FilterType")]
    return {
        "scan_mode": _scan_mode(files),
        "pitch": middle(files, "SpiralPitchFactor"),
        "kv": middle(files, "KVP"),
        "tube_current": middle(files, "XRayTubeCurrent"),
        "exposure_time": middle(files, "ExposureTime"),
        "exposure": middle(files, "Exposure"),
        "filter": next((text for text in filters if text), ""),
        "target": code(usual(files, "AnodeTargetMaterial")),
        "compression_force": middle(files, "CompressionForce"),
        "compressed_thickness": middle(files, "BodyPartThickness"),
    }


def _scan_mode(files: pd.DataFrame) -> str:
    stated = _MODES.get(usual(files, "AcquisitionType").upper(), "")
    options = usual(files, "ScanOptions").upper()
    kinds = usual(files, "ImageType").upper().replace("\\", " ").split()
    if stated:
        return stated
    if re.search(r"HELI|SPIRAL", options) or "SPI" in kinds:
        return "helical"
    if re.search(r"AXIAL|SEQUENCE", options) or "SEQ" in kinds:
        return "axial"
    # PS3.3 C.8.15.3.3: a pitch is defined for spiral scans alone.
    return "helical" if middle(files, "SpiralPitchFactor") else ""


def _contrast(files: pd.DataFrame, rule: Mapping[str, Any]) -> dict[str, str]:
    given, agent = contrast_agent(
        usual(files, "ContrastBolusAgent"),
        code(usual(files, "ContrastBolusIngredient")),
        usual(files, "ContrastBolusAgentAdministered"),
    )
    phase = usual(files, "ContrastBolusAgentPhase").upper()
    stated = phase.lower() if phase in PHASES else ""
    return {
        "contrast": given,
        "contrast_agent": agent,
        "contrast_phase": stated or str(rule.get("contrast_phase") or ""),
    }


def _magnetic(files: pd.DataFrame) -> dict[str, str]:
    pulses = set(usual(files, "ScanningSequence").upper().split("\\"))
    family = "+".join(sorted(pulses & {"SE", "IR", "GR", "EP", "RM"}))
    options = set(usual(files, "ScanOptions").upper().split("\\"))
    partial = "yes" if options & {"PFP", "PFF"} else yes_no(usual(files, "PartialFourier"))
    return {
        "sequence": family or _PULSES.get(usual(files, "EchoPulseSequence").upper(), ""),
        "sequence_variant": codes(usual(files, "SequenceVariant")),
        "sequence_name": _sequence_name(usual(files, "SequenceName")),
        "dimensions": code(usual(files, "MRAcquisitionType")),
        "repetition_time": middle(files, "RepetitionTime"),
        "echo_time": middle(files, "EchoTime"),
        "inversion_time": middle(files, "InversionTime"),
        "flip_angle": middle(files, "FlipAngle"),
        "field_strength": _field_strength(middle(files, "MagneticFieldStrength")),
        "echo_train": middle(files, "EchoTrainLength"),
        "bandwidth": middle(files, "PixelBandwidth"),
        "k_space": _k_space(files),
        "partial_fourier": partial,
        "parallel": yes_no(usual(files, "ParallelAcquisition")),
    }


def _sequence_name(text: str) -> str:
    return next((name for words, name in _SEQUENCES if re.search(words, text.upper())), "")


def _field_strength(text: str) -> str:
    # Some headers have gauss (15000); no magnet for patients reaches 30 T.
    return number(float(text) / 1e4) if text and float(text) > 1000 else text


def _k_space(files: pd.DataFrame) -> str:
    words = [
        code(usual(files, keyword)).lower()
        for keyword in ("GeometryOfKSpaceTraversal", "RectilinearPhaseEncodeReordering")
    ]
    words = [word.replace("_", " ") for word in words if word not in ("", "unknown")]
    if not words and "SK" in usual(files, "SequenceVariant").upper().split("\\"):
        return "segmented"
    return ", ".join(words)


def _nuclear(files: pd.DataFrame) -> dict[str, str]:
    dose = middle(files, "RadionuclideTotalDose")
    in_bq = bool(dose) and float(dose) >= _LEAST_BQ
    bed = middle(files, "ActualFrameDuration")
    half_life = middle(files, "RadionuclideHalfLife")
    corrections = set(codes(usual(files, "CorrectedImage")).split("+")) - {""}
    return {
        "tracer": tracer(usual(files, "Radiopharmaceutical"), float(half_life or "nan")),
        "injected_dose": number(float(dose) / 1e6) if in_bq else "",
        "uptake_time": _uptake(files),
        "time_per_bed": number(float(bed) / 1000) if bed else "",
        "corrections": "+".join(sorted(corrections)),
    }


def _uptake(files: pd.DataFrame) -> str:
    """Return minutes from injection to the first slice; empty where headers do not tell."""
    both = _time(usual(files, "RadiopharmaceuticalStartDateTime"))
    date = usual(files, "AcquisitionDate") or usual(files, "SeriesDate")
    clocks = [text for text in column(files, "AcquisitionTime") if text]
    starts = [_time(text) for text in column(files, "AcquisitionDateTime")]
    starts += [_time(date + clock) for clock in clocks or [usual(files, "SeriesTime")] if date]
    start = min((each for each in starts if each is not None), default=None)
    injected = both or _time(date + usual(files, "RadiopharmaceuticalStartTime"))
    if start is None or injected is None:
        return ""
    minutes = (start - injected).total_seconds() / 60
    if both is None and minutes < 0:
        # A time of day without a date: injected the evening before.
        minutes += 24 * 60
    return number(round(minutes, 1)) if 0 <= minutes <= _LONGEST_UPTAKE else ""


def _time(text: str) -> datetime | None:
    """Return a DICOM date and time (YYYYMMDDHHMMSS, with or without a fraction and zone)."""
    digits = re.match(r"\d{8}\d{4,6}", text)
    if not digits:
        return None
    try:
        return datetime.strptime(digits.group().ljust(14, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        return None


def _reconstruction(files: pd.DataFrame, modality: str) -> dict[str, str]:
    if modality == "PT":
        found = pet_reconstruction(
            usual(files, "ReconstructionMethod"), usual(files, "TimeOfFlightInformationUsed")
        )
    elif modality == "CT":
        texts = f"{usual(files, 'SeriesDescription')} {usual(files, 'ImageType')}"
        found = ct_reconstruction(
            usual(files, "Manufacturer"),
            usual(files, "ManufacturerModelName"),
            usual(files, "ConvolutionKernel"),
            usual(files, "ReconstructionAlgorithm"),
            texts,
        )
    else:
        found = Reconstruction()
    return {
        "reconstruction": found.method,
        "reconstruction_kind": found.kind,
        "reconstruction_strength": found.strength,
        "time_of_flight": found.time_of_flight,
        "psf": found.psf,
        "iterations": _stated(files, "NumberOfIterations", found.iterations),
        "subsets": _stated(files, "NumberOfSubsets", found.subsets),
    }


def _stated(files: pd.DataFrame, keyword: str, otherwise: str) -> str:
    return middle(files, keyword) or otherwise


def _sound(files: pd.DataFrame) -> dict[str, str]:
    frequency = middle(files, "TransducerFrequency")
    return {
        "transducer": code(usual(files, "TransducerType")).lower(),
        # PS3.3 C.8.5.5.1: kHz.
        "transducer_frequency": number(float(frequency) / 1000) if frequency else "",
    }
