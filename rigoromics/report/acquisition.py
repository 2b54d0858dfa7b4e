"""How the images were acquired, by centre, from the headers."""

from __future__ import annotations

import pandas as pd

from rigoromics.report.study import StudyTables
from rigoromics.report.text import Table, Text, say, words
from rigoromics.report.wording import plain

_MOST_CENTRES = 4
_MOST_LEVELS = 3
_FIELDS = {
    "manufacturer": ("Manufacturer", "levels"),
    "model": ("Scanner model", "levels"),
    "software": ("Software", "levels"),
    "scan_mode": ("Scan mode", "levels"),
    "pitch": ("Pitch", "numbers"),
    "reconstruction": ("Reconstruction", "levels"),
    "reconstruction_kind": ("Kind of reconstruction", "levels"),
    "reconstruction_strength": ("Strength of iterative reconstruction", "levels"),
    "kernel": ("Reconstruction kernel or filter", "levels"),
    "kv": ("Tube voltage, kV", "numbers"),
    "tube_current": ("Tube current, mA", "numbers"),
    "exposure_time": ("Exposure time, ms", "numbers"),
    "exposure": ("Exposure, mAs", "numbers"),
    "filter": ("X-ray filter", "levels"),
    "target": ("Target material", "levels"),
    "compression_force": ("Compression force, N", "numbers"),
    "compressed_thickness": ("Compressed thickness, mm", "numbers"),
    "sequence": ("Sequence family", "levels"),
    "sequence_variant": ("Sequence variant", "levels"),
    "sequence_name": ("Sequence", "levels"),
    "dimensions": ("2D or 3D acquisition", "levels"),
    "field_strength": ("Field strength, T", "numbers"),
    "repetition_time": ("Repetition time, ms", "numbers"),
    "echo_time": ("Echo time, ms", "numbers"),
    "inversion_time": ("Inversion time, ms", "numbers"),
    "flip_angle": ("Flip angle, degrees", "numbers"),
    "echo_train": ("Echo train length", "numbers"),
    "bandwidth": ("Bandwidth, Hz per pixel", "numbers"),
    "k_space": ("k-space filling", "levels"),
    "partial_fourier": ("Partial Fourier", "levels"),
    "parallel": ("Parallel imaging", "levels"),
    "tracer": ("Tracer", "levels"),
    "injected_dose": ("Injected dose, MBq", "numbers"),
    "uptake_time": ("Uptake time, min", "numbers"),
    "time_per_bed": ("Time per bed position, s", "numbers"),
    "time_of_flight": ("Time of flight", "levels"),
    "psf": ("Point spread function modelled", "levels"),
    "iterations": ("Iterations", "numbers"),
    "subsets": ("Subsets", "numbers"),
    "corrections": ("Corrections", "levels"),
    "transducer": ("Transducer", "levels"),
    "transducer_frequency": ("Transducer frequency, MHz", "numbers"),
    "slice_thickness": ("Slice thickness, mm", "numbers"),
    "spacing_between_slices": ("Slice spacing, mm", "numbers"),
    "pixel_spacing": ("Pixel spacing, mm", "numbers"),
    "field_of_view": ("Field of view, mm", "numbers"),
    "rows": ("Matrix rows", "numbers"),
    "slices": ("Slices", "numbers"),
    "contrast": ("Contrast agent given", "levels"),
    "contrast_agent": ("Contrast agent", "levels"),
    "contrast_phase": ("Contrast phase", "levels"),
}
_UNKNOWN = "unknown"


def acquisition_tables(study: StudyTables) -> tuple[Table, ...]:
    """Return acquisition by centre, one table per scan and at most four centres."""
    if study.acquisition is None or "modality" not in study.acquisition.frame.columns:
        return ()
    frame = study.acquisition.frame
    frame = frame[frame["patient"].isin(study.patients.frame["patient"])]
    tables: list[Table] = []
    for scan, rows in frame.groupby("scan", sort=True):
        centres = sorted(rows["centre"].dropna().astype(str).unique())
        for start in range(0, len(centres), _MOST_CENTRES):
            chosen = centres[start : start + _MOST_CENTRES]
            part = "" if start == 0 else " (continued)"
            tables.append(_table(study, rows, str(scan), chosen, f"{len(tables) + 1}", part))
    return tuple(tables)


def _table(
    study: StudyTables, rows: pd.DataFrame, scan: str, centres: list[str], number: str, part: str
) -> Table:
    groups = [rows[rows["centre"].astype(str) == centre] for centre in centres]
    body: list[tuple[Text, ...]] = [
        words("Patients", *(str(group["patient"].nunique()) for group in groups)),
        words("Series", *(str(len(group)) for group in groups)),
    ]
    for column, (label, kind) in _FIELDS.items():
        if column not in rows.columns or _silent(rows[column]).all():
            continue
        describe = _numbers if kind == "numbers" else _levels
        body.append(words(label, *(describe(group[column]) for group in groups)))
    source = study.acquisition.source.name if study.acquisition else ""
    return Table(
        name=f"acquisition-{number}",
        caption=say(
            "Acquisition by centre: scan {scan}{part}.", scan=f"“{plain(scan)}”", part=part
        ),
        columns=("", *centres),
        rows=tuple(body),
        note=say(
            "Read from the DICOM headers; median (range) or level (number of series). “Not in "
            "header”: the centre's headers are silent. Source: {source}.",
            source=source,
        ),
    )


def _silent(column: pd.Series[str]) -> pd.Series[bool]:
    return column.isna() | column.astype(str).str.strip().isin(["", _UNKNOWN])


def _numbers(column: pd.Series[str]) -> str:
    """Return median and range; the first number where a header holds several."""
    first = column.astype(str).str.extract(r"(-?\d+(?:\.\d+)?)")[0]
    values = pd.to_numeric(first, errors="coerce").dropna()
    if values.empty:
        return "not in header"
    low, middle, high = (_short(float(v)) for v in (values.min(), values.median(), values.max()))
    return middle if low == high else f"{middle} ({low}–{high})"


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _levels(column: pd.Series[str]) -> str:
    known = column[~_silent(column)].astype(str).str.strip()
    if known.empty:
        return "not in header"
    counts = known.value_counts()
    ordered = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))
    shown = [f"{level} ({n})" for level, n in ordered[:_MOST_LEVELS]]
    if len(ordered) == 1 and len(known) == len(column):
        return str(ordered[0][0])
    if len(ordered) > _MOST_LEVELS:
        shown.append(f"{len(ordered) - _MOST_LEVELS} others")
    if len(known) < len(column):
        shown.append(f"not in header ({len(column) - len(known)})")
    return "; ".join(shown)
