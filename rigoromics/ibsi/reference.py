"""IBSI's reference values: what they are, how sure, and which feature of ours each one judges.

The tables are IBSI's own. They know features by tags; `codes.tsv` beside this module gives IBSI's
code of each tag, and the dictionary of features our name of each code.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from rigoromics.errors import DataError
from rigoromics.extract.dictionary import facts

GET = (
    "get IBSI's phantoms (github.com/theibsi/data_sets) and tables of reference values "
    "(theibsi.github.io), laid out as docs/reference/ibsi.md says"
)
# Digits that IBSI rounds its values to; zeros at the end are not written.
DIGITS = 3
# Features of ours without a code of their own: not IBSI's value (kurtosis), or two of IBSI's.
BESIDES = {
    "IPH6": ("firstorder", "Kurtosis"),
    "8S9J": ("glcm", "DifferenceAverage"),
    "OEEB": ("glcm", "ClusterTendency"),
}


@dataclass(frozen=True)
class Way:
    """One way to make features of texture matrices (IBSI 3.6.1 and following).

    Attributes
    ----------
    setting
        The value of `texture.aggregation`.
    code
        IBSI's code of the way.
    """

    setting: str
    code: str


# What ends a tag. Zones, tones and dependences know no directions that could be merged.
WAYS = {
    "2D_avg": Way("2D average", "BTW3"),
    "2D_comb": Way("2D merged", "SUJT"),
    "2_5D_avg": Way("2.5D average", "JJUI"),
    "2_5D_comb": Way("2.5D merged", "ZW7Z"),
    "3D_avg": Way("3D average", "ITBB"),
    "3D_comb": Way("3D merged", "IAZD"),
    "2D": Way("2D average", "8QNN"),
    "2_5D": Way("2.5D average", "62GR"),
    "3D": Way("3D average", "KOBO"),
}


@dataclass(frozen=True)
class Reference:
    """One reference value.

    Attributes
    ----------
    dataset
        What was measured, for instance `configuration A` or `filter 1.A`.
    family, feature, tag
        IBSI's names of it.
    consensus
        How many teams agreed; empty where the table does not say.
    value, tolerance
        None where the feature is not standardised.
    """

    dataset: str
    family: str
    feature: str
    tag: str
    consensus: str
    value: float | None
    tolerance: float | None

    @property
    def way(self) -> Way | None:
        """How texture matrices are made; None where there are none."""
        return WAYS.get(self._ending)

    @property
    def stem(self) -> str:
        """The tag without the way."""
        return self.tag.removesuffix(f"_{self._ending}")

    @property
    def _ending(self) -> str:
        return next((end for end in WAYS if self.tag.endswith(f"_{end}")), "")

    @property
    def code(self) -> str:
        """IBSI's code of the feature; empty for a diagnostic."""
        return codes().get(self.stem, "")

    @property
    def ours(self) -> tuple[str, str] | None:
        """Class and name of our feature; None where there is none."""
        return features_by_code().get(self.code)

    @property
    def is_diagnostic(self) -> bool:
        """Whether it tells of image or mask on the way, and is no feature."""
        return self.family.startswith("Diagnostics")

    def met_by(self, value: float) -> bool:
        """Return whether a value agrees.

        IBSI asks for the tolerance; where it is zero, for the same value after rounding to the
        digits that are written, three at least.
        """
        if self.value is None:
            return False
        return abs(value - self.value) <= (self.tolerance or rounding(self.value))


def rounding(value: float) -> float:
    """Return how far from a value, as it is written, one may lie that rounds to it.

    Examples
    --------
    >>> rounding(0.5), rounding(1490.0), rounding(125256.0)
    (0.0005001, 5.001, 0.5001)
    """
    written = Decimal(repr(value)).normalize()
    digits = max(len(written.as_tuple().digits), DIGITS)
    # A little more than a half: halves are not exact in binary.
    return float(Decimal("0.5001").scaleb(written.adjusted() + 1 - digits))


@cache
def codes() -> dict[str, str]:
    """Return IBSI's code of every feature by the stem of its tag."""
    with Path(__file__).with_name("codes.tsv").open(encoding="utf-8", newline="") as file:
        return {row["tag"]: row["ibsi_code"] for row in csv.DictReader(file, delimiter="\t")}


@cache
def features_by_code() -> dict[str, tuple[str, str]]:
    """Return class and name of our features by IBSI's code."""
    return {fact.ibsi_code: key for key, fact in facts().items() if fact.ibsi_code} | BESIDES


def read_references(file: Path) -> list[Reference]:
    """Return one of IBSI's tables, whichever of its two layouts it has.

    Parameters
    ----------
    file
        `ibsi_1_reference_values_*.csv` (commas) or `ibsi_2_reference_values.csv` (semicolons).

    Raises
    ------
    DataError
        The file is missing, or has other columns.
    """
    if not file.is_file():
        raise DataError(f"IBSI's table {file.name} is not in {file.parent.name}/", GET)
    text = file.read_text(encoding="utf-8-sig")
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    rows = list(csv.DictReader(text.splitlines(), delimiter=delimiter))
    try:
        found = [_of_phase_2(row) if "filter_id" in row else _of_phase_1(row) for row in rows]
    except KeyError:
        found = []
    if not found:
        raise DataError(f"{file.name} does not have the columns of IBSI's tables", GET)
    return found


def _of_phase_1(row: dict[str, str]) -> Reference:
    names = (row["dataset"], row["family"], row["feature"], row["tag"], row["consensus"])
    return Reference(*names, _number(row["reference value"]), _number(row["tolerance"]))


def _of_phase_2(row: dict[str, str]) -> Reference:
    names = (f"filter {row['filter_id']}", "Statistics", row["feature"], row["feature_tag"], "")
    return Reference(*names, _number(row["consensus_value"]), _number(row["tolerance"]))


def _number(text: str) -> float | None:
    return float(text) if text else None
