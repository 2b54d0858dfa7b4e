"""Score new patients by a locked signature: `python -m scripts.score --help`.

The signature file is opened only if its SHA-256 is the one in signature.json beside it (or the one
that you give). Features extracted with other settings are refused.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rigoromics.errors import DataError
from rigoromics.extract.rows import INDEX
from rigoromics.lesions import LesionRule
from rigoromics.model.locking import unlock
from rigoromics.model.scoring import batch_columns, needed, score
from rigoromics.model.signature import Signature
from rigoromics.select.columns import BATCH, CLINICAL
from rigoromics.table import numbers, one_row_per_patient
from scripts.tables import EXTRACTION, ids, read_any, write_tsv


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 with a plain sentence on standard error."""
    asked = _parser().parse_args(arguments)
    try:
        signature = open_signature(asked.signature, asked.sha256)
        found = read_any(asked.features, text=(asked.id,))
        extraction = found.attrs.pop(EXTRACTION, {})
        table = analysis_table(signature, found, asked)
        scores = score(signature, table, asked.policy, extraction, not asked.settings_unchecked)
        write_tsv(scores.rename_axis("patient").reset_index(), asked.output)
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    print(
        f"{len(scores)} patients scored by {signature.signature}.{signature.model}: {asked.output}"
    )
    return 0


def open_signature(path: Path, expected: str | None = None) -> Signature:
    """Return the signature in a file whose hash is the expected one, or that of signature.json."""
    if not path.is_file():
        raise DataError("the signature file does not exist", "give the .skops file", str(path))
    if expected is None:
        words = path.with_suffix(".json")
        if not words.is_file():
            raise DataError(
                "nothing says what the SHA-256 of the signature must be",
                "put signature.json beside it, or give the recorded one with `--sha256`",
                str(path),
            )
        expected = str(json.loads(words.read_text(encoding="utf-8"))["sha256"])
    return unlock(path.read_bytes(), expected)


def analysis_table(
    signature: Signature, found: pd.DataFrame, asked: argparse.Namespace
) -> pd.DataFrame:
    """Return new patients with the columns that the signature asks for."""
    features = _one_row_each(signature, found, asked)
    people = _people(asked)
    wanted = {name: f"{CLINICAL}{name}" for name in needed(signature)}
    numeric = set(map(str, signature.pipeline.named_steps["impute"].numeric_))
    table = features
    if people is not None:
        lost = features.index.difference(people.index)
        if len(lost):
            raise DataError(
                f"{len(lost)} patients have features and no row in the clinical table "
                f"(first: {lost[0]})",
                f"check the column {asked.id!r} of both tables",
            )
        beside = people.loc[features.index]
        own = {c: beside[n] for n, c in wanted.items() if n in beside and c not in table}
        own |= _batches(signature, beside, asked.batch)
        table = table.drop(columns=[c for c in own if c in table]).assign(**own)
    for name, column in wanted.items():
        if column not in table:
            raise DataError(
                f"the signature needs the clinical predictor {name!r}, which no table has",
                "give a table with it by `--clinical`; an unknown value may stay empty",
            )
        if column in numeric:
            table[column] = numbers(table[column], "the clinical table")
    return table


def _one_row_each(
    signature: Signature, found: pd.DataFrame, asked: argparse.Namespace
) -> pd.DataFrame:
    if set(INDEX) <= set(found.columns):
        raters = sorted(found["rater"].unique())
        if asked.rater is None and len(raters) > 1:
            raise DataError(
                f"the feature table holds {len(raters)} raters", f"choose `--rater`: {raters}"
            )
        volume = signature.pipeline.named_steps["columns"].volume_feature
        own = found[
            (found["rater"] == (asked.rater or raters[0])) & (found["perturbation"] == "none")
        ]
        if asked.lesions is None and own.duplicated(["patient", "timepoint", "scan", "roi"]).any():
            raise DataError(
                "patients have several lesions, and the signature does not say which of them count",
                "say what its study did (`lesions: rule:`) by `--lesions`",
                asked.features.name,
            )
        rule = LesionRule(rule=asked.lesions or "largest", volume_feature=volume)
        return one_row_per_patient(found, asked.rater or raters[0], "none", rule)
    if asked.id not in found.columns:
        raise DataError(
            f"the feature table has no column {asked.id!r}",
            "name the column with the patient's ID by `--id`",
            asked.features.name,
        )
    return found.assign(**{asked.id: ids(found[asked.id])}).set_index(asked.id).sort_index()


def _people(asked: argparse.Namespace) -> pd.DataFrame | None:
    if asked.clinical is None:
        return None
    people = read_any(asked.clinical, text=(asked.id,))
    for name in (asked.id, *asked.batch):
        if name not in people.columns:
            raise DataError(
                f"the clinical table has no column {name!r}",
                "correct `--id` or `--batch`",
                asked.clinical.name,
            )
    people = people.assign(**{asked.id: ids(people[asked.id])}).dropna(subset=asked.id)
    twice = people.loc[people[asked.id].duplicated(), asked.id]
    if len(twice):
        raise DataError(
            f"patient {twice.iloc[0]} has more than one row in the clinical table",
            "keep one row per patient",
            asked.clinical.name,
        )
    return people.set_index(asked.id)


def _batches(
    signature: Signature, people: pd.DataFrame, names: Sequence[str]
) -> dict[str, "pd.Series[str]"]:
    """Return the batch columns as the study joined them: variables by `+`, unknown ones named."""
    if not names:
        return {}
    parts = people[list(names)].astype("string").fillna("").replace("", "unknown")
    columns = {BATCH: parts.agg("+".join, axis=1)}
    columns |= {f"{BATCH}.{name}": parts[name] for name in names}
    return {name: columns[name] for name in batch_columns(signature) if name in columns}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.score", description=(__doc__ or "").split(":")[0] + "."
    )
    add = parser.add_argument
    add("--signature", type=Path, required=True, help="signature.skops of a study")
    add("--sha256", help="recorded SHA-256; default: that in signature.json beside the signature")
    add("--features", type=Path, required=True, help="features.parquet, or one row per patient")
    add("--clinical", type=Path, help="table with clinical predictors and batch, one row a patient")
    add("--id", default="patient", help="column with the patient's ID (default: patient)")
    add("--batch", nargs="+", default=[], help="columns of the clinical table that make the batch")
    add("--rater", help="whose contours count, in a table with several raters")
    add(
        "--lesions",
        choices=["largest", "smallest", "mean", "median", "volume_weighted"],
        help="which of several lesions count, as in the study of the signature",
    )
    add(
        "--policy",
        choices=["refuse", "none", "align"],
        default="refuse",
        help="batches that training never saw: refuse (default), leave as they are, or align by "
        "their features alone",
    )
    add(
        "--settings-unchecked",
        action="store_true",
        help="go on although nothing says with which settings the features were extracted",
    )
    add("--output", type=Path, required=True, help="table of scores to write (TSV)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
