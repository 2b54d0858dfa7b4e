"""What each feature column is: its image, class, IBSI code, unit and meaning.

The facts lie in `ibsi_codes.tsv` beside this module. A code stands only where PyRadiomics' value
is IBSI's (https://ibsi.readthedocs.io); kurtosis, for one, is not: PyRadiomics does not take 3 off.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    "feature",
    "image_type",
    "class",
    "name",
    "ibsi_code",
    "ibsi_name",
    "unit",
    "family",
    "meaning",
]
# Names of the feature classes as people say them, each with IBSI's code of the family.
FAMILIES = {
    "shape": "Morphology (HCUG)",
    "shape2D": "Morphology in 2D",
    "firstorder": "Intensity statistics (UHIW)",
    "glcm": "Grey level co-occurrence (LFYI)",
    "glrlm": "Grey level run length (TP0I)",
    "glszm": "Grey level size zone (9SAK)",
    "gldm": "Grey level dependence (REK0)",
    "ngtdm": "Neighbourhood grey tone difference (IPET)",
}


@dataclass(frozen=True)
class Fact:
    """One feature, whatever image it is computed from."""

    ibsi_code: str = ""
    ibsi_name: str = ""
    unit: str = ""
    meaning: str = ""


@cache
def facts() -> dict[tuple[str, str], Fact]:
    """Return the known features by PyRadiomics' class and name."""
    table = Path(__file__).with_name("ibsi_codes.tsv")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {(row.pop("class"), row.pop("name")): Fact(**row) for row in rows}


@cache
def names_of(feature_class: str) -> tuple[str, ...]:
    """Return the names of a class's features."""
    return tuple(name for known, name in facts() if known == feature_class)


def dictionary(features: Iterable[str]) -> pd.DataFrame:
    """Return one row of explanation per feature column.

    Parameters
    ----------
    features
        Column names, ``<image type>_<class>_<Feature>``. Names made by other programs are taken as
        they are; what is not known of them stays empty.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, in the features' order. The unit ``intensity`` is that of the image
        (HU, SUV; none in MR), and texture features have no unit, as they see grey levels only.
    """
    import pandas as pd

    rows = []
    for feature in features:
        image_type, feature_class, name = ([*feature.split("_", 2), "", ""])[:3]
        fact = facts().get((feature_class, name), Fact())
        family = FAMILIES.get(feature_class, "")
        rows.append(
            (
                feature,
                image_type,
                feature_class,
                name,
                fact.ibsi_code,
                fact.ibsi_name,
                fact.unit,
                family,
                fact.meaning,
            )
        )
    return pd.DataFrame(rows, columns=COLUMNS)
