"""One value for a whole series: what its files' headers say of a field."""

from __future__ import annotations

import re
from collections import Counter
from statistics import median

import pandas as pd

_LONGEST = 64


def usual(files: pd.DataFrame, keyword: str) -> str:
    """Return the most frequent value of a header field, in one short line."""
    if keyword not in files.columns:
        return ""
    counts = Counter(files[keyword].tolist())
    value = min(counts, key=lambda text: (-counts[text], text))
    return " ".join(str(value).split())[:_LONGEST]


def yes_no(text: str) -> str:
    """Return yes or no for YES or NO, else empty."""
    return {"YES": "yes", "NO": "no"}.get(text.upper(), "")


def code(text: str) -> str:
    """Return a coded string (PS3.5: at most 16 capitals, digits, spaces, underscores), or empty."""
    return text.upper() if re.fullmatch(r"[A-Z0-9_ ]{1,16}", text.upper()) else ""


def codes(text: str) -> str:
    """Return the coded strings of a field with several values, joined by `+`."""
    return "+".join(code for code in map(code, text.split("\\")) if code)


def column(files: pd.DataFrame, keyword: str) -> list[str]:
    """Return a field of every file; none where the index does not have it."""
    return [str(text) for text in files[keyword]] if keyword in files.columns else []


def middle(files: pd.DataFrame, keyword: str) -> str:
    """Return the median of a number over the files; the first where a field has several."""
    try:
        values = [float(text.split("\\")[0]) for text in column(files, keyword) if text]
    except ValueError:
        return ""
    return number(median(values)) if values else ""


def numbers(text: str) -> list[float]:
    """Return the numbers of a field with several values; none where one is no number."""
    try:
        return [float(part) for part in text.split("\\")]
    except ValueError:
        return []


def number(value: float) -> str:
    """Return a number as text, with six digits at most."""
    return f"{value:.6g}"
