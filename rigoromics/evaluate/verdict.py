"""The sentence on the first page, by a written rule.

The rule looks at one signature and model, named before anything was fitted, under one declared
policy for unseen scanners. Its criteria:

1. *External discrimination*: over all external patients together, the whole interval of the AUC
   (C-index) lies above 0.5.
2. *Permuted outcomes*: the whole nested procedure, rerun on permuted outcomes, does as well as on
   the real ones with p < alpha.
3. *Volume alone* is beaten on the same external patients: difference > 0 with p < alpha.
4. *Shuffled voxels* are beaten likewise.
5. *Adds to the clinical variables*: combined against clinical, likewise, p adjusted by Holm over
   the comparisons of that cohort. Reported; not required.

``evidence`` needs 1 to 4; ``weak`` needs 1 and 2; else ``none``. Without external patients the
most that is said is ``internal only``.

*Why 3 and 4 are not corrected for multiplicity.* "Evidence" is claimed only if every one of four
nulls is rejected. Such an intersection-union test has level alpha when each part has (Berger
RL. Multiparameter hypothesis testing and acceptance sampling. Technometrics 1982;24:295): false
evidence needs a false rejection of the true null among them, whichever it is. A correction would
only cost power. On a cohort without any signal criterion 1 alone is met in about alpha / 2 of
studies (1 to 4% in simulations of 12 to 100 external patients, 2 to 50 of them with the event), so
"evidence" and "weak" together stay below that. Criterion 5 is a claim of its own,
beside others in the same table, and is corrected with them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

from rigoromics.errors import DataError
from rigoromics.evaluate.group import ALL_EXTERNAL, DEVELOPMENT, EXTERNAL, Endpoint
from rigoromics.evaluate.wording import (
    estimate_text,
    model_words,
    p_text,
    signature_words,
    small_sample_caveats,
)

Level = Literal["evidence", "weak", "none", "internal only"]
NAMES = {
    "auc": "AUC",
    "c_index": "C-index",
    "ordinal_c": "ordinal C",
    "m_auc": "M (multiclass AUC)",
    "count_c": "C of counts",
}


# What there must be enough of, where it is not events.
_SCARCE = {
    "binary": "patients in the smaller outcome class",
    "ordinal": "patients in the smallest level",
    "multiclass": "patients in the smallest class",
    "count": "counted events",
}


@dataclass(frozen=True)
class Reason:
    """One criterion of the rule, whether it is met, and its numbers."""

    criterion: str
    met: bool
    text: str
    required: bool = True


@dataclass(frozen=True)
class Verdict:
    """The verdict, ready for JSON by ``asdict``; ``numbers`` link to rows of the tables."""

    level: Level
    sentence: str
    reasons: list[Reason]
    caveats: list[str]
    endpoint: str
    primary: dict[str, str]
    numbers: list[dict[str, object]]

    def as_dict(self) -> dict[str, object]:
        """Return plain lists and dictionaries."""
        return asdict(self)


@dataclass(frozen=True)
class Case:
    """What the rule is applied to."""

    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    permutation: pd.DataFrame
    endpoint: Endpoint
    signature: str
    model: str
    policy: str
    alpha: float

    @property
    def has_external(self) -> bool:
        """Whether the primary signature was applied to external patients."""
        return self.row(EXTERNAL) is not None

    def row(self, split: str) -> pd.Series | None:
        """Return the primary signature's discrimination over all patients of a split."""
        table = self.metrics
        found = table[
            (table["signature"] == self.signature)
            & (table["model"] == self.model)
            & (table["split"] == split)
            & (table["metric"] == self.endpoint.discrimination)
        ]
        if split == EXTERNAL:
            found = found[(found["cohort"] == ALL_EXTERNAL) & (found["policy"] == self.policy)]
        # Pooled rows hold all patients of the split, so they are the largest.
        found = found.sort_values("n", ascending=False, kind="stable")
        return None if found.empty else found.iloc[0]

    def comparison(self, a: str, b: str) -> pd.Series | None:
        """Return the comparison of two signatures on all external patients."""
        table = self.comparisons
        found = table[
            (table["a"] == f"{a}.{self.model}")
            & (table["b"] == f"{b}.{self.model}")
            & (table["cohort"] == ALL_EXTERNAL)
            & (table["policy"] == self.policy)
            & (table["metric"] == self.endpoint.discrimination)
        ]
        return None if found.empty else found.iloc[0]


def permutation_p(permutation: pd.DataFrame) -> tuple[float, int]:
    """Return the p-value of the permuted outcomes and their number.

    p = (1 + permutations that do at least as well) / (1 + permutations), Phipson and Smyth, Stat
    Appl Genet Mol Biol 2010;9:39. A permutation without a statistic counts as doing as well.

    Parameters
    ----------
    permutation
        Columns ``permutation`` (-1 for the real outcomes) and ``statistic`` (higher is better).

    Returns
    -------
    float, int
        NaN and 0 where there are no permutations.

    Raises
    ------
    DataError
        If rows for the real outcomes contradict each other.
    """
    table = permutation.drop_duplicates()
    observed = table.loc[table["permutation"] == -1, "statistic"]
    null = table.loc[table["permutation"] >= 0, "statistic"]
    if observed.nunique() > 1:
        raise DataError(
            "the permutation tables hold different statistics for the real outcomes",
            "remake them together, from the same analysis table and settings",
        )
    if null.empty or not observed.notna().any():
        return math.nan, 0
    as_well = int((null >= observed.iloc[0] - 1e-12).sum() + null.isna().sum())
    return (1 + as_well) / (1 + len(null)), len(null)


def decide(
    metrics: pd.DataFrame,
    comparisons: pd.DataFrame,
    permutation: pd.DataFrame,
    endpoint: Endpoint,
    primary: Mapping[str, object],
    alpha: float = 0.05,
) -> Verdict:
    """Apply the rule of this module to the tables of a study.

    Parameters
    ----------
    metrics, comparisons
        From :func:`~rigoromics.evaluate.study.evaluate`.
    permutation
        As :func:`permutation_p`; without rows if none were run.
    primary
        Keys ``signature``, ``model``, ``policy``; ``n_features`` where known, for the caveats.

    Raises
    ------
    DataError
        If the primary signature is not among those judged, or not under the declared policy.
    """
    signature, model = str(primary["signature"]), str(primary["model"])
    policy = _policy(metrics, signature, model, str(primary.get("policy", "none")))
    case = Case(metrics, comparisons, permutation, endpoint, signature, model, policy, alpha)
    if case.row(DEVELOPMENT) is None and not case.has_external:
        raise DataError(
            f"the primary signature {signature}.{model} is not among those that were judged",
            "let the config's primary signature and first model be among those it builds",
        )
    reasons = [_permuted(case)]
    if case.has_external:
        reasons = [_external(case), *reasons]
        reasons += [_beats(case, "volume"), _beats(case, "shuffled"), _adds_to_clinical(case)]
    level = _level(case, reasons)
    features = primary.get("n_features")
    caveats = small_sample_caveats(
        case.row(EXTERNAL),
        case.row(DEVELOPMENT),
        endpoint.type != "binary",
        features,
        _SCARCE.get(endpoint.type, "events"),
    )
    return Verdict(
        level=level,
        sentence=_sentence(case, level, reasons),
        reasons=reasons,
        caveats=caveats + _other_policies(case),
        endpoint=endpoint.name,
        primary={"signature": signature, "model": model, "policy": policy},
        numbers=_numbers(case),
    )


def _policy(metrics: pd.DataFrame, signature: str, model: str, declared: str) -> str:
    """Return the declared policy, or the only one there is: without ComBat they are the same."""
    own = metrics[
        (metrics["signature"] == signature)
        & (metrics["model"] == model)
        & (metrics["split"] == EXTERNAL)
    ]
    there = sorted(own["policy"].unique())
    if not there or declared in there:
        return declared
    if len(there) == 1:
        return str(there[0])
    raise DataError(
        f"no external prediction was made under the declared policy {declared!r}",
        f"declare one of {', '.join(there)}",
    )


def _level(case: Case, reasons: list[Reason]) -> Level:
    met = {reason.criterion: reason.met for reason in reasons}
    if not case.has_external:
        return "internal only"
    if not (met["external discrimination"] and met["permuted outcomes"]):
        return "none"
    return "evidence" if all(r.met for r in reasons if r.required) else "weak"


def _discrimination_text(case: Case, row: pd.Series) -> str:
    name = NAMES[case.endpoint.discrimination]
    size = f"n = {int(row['n'])}, {int(row['events'])} {case.endpoint.counted}"
    return f"{name} {estimate_text(row, case.alpha)}; {size}"


def _external(case: Case) -> Reason:
    row = case.row(EXTERNAL)
    assert row is not None
    met = bool(row["lower"] > 0.5)
    text = f"External {_discrimination_text(case, row)}."
    if math.isnan(row["lower"]):
        text = f"{text[:-1]}: {row['method']}."
    elif row["upper"] < 0.5:
        text += " Patients were ranked the wrong way round."
    else:
        text += f" The interval {'lies above' if met else 'includes'} 0.5, which is chance."
    return Reason("external discrimination", met, text)


def _permuted(case: Case) -> Reason:
    p, repeats = permutation_p(case.permutation)
    name = "permuted outcomes"
    if repeats == 0:
        return Reason(name, False, "No permutations of the outcome were run.")
    text = f"Permuted outcomes: {p_text(p)} over {repeats} permutations."
    if 1.0 / (1 + repeats) >= case.alpha:
        text += f" So few can never show p < {case.alpha:g}."
    return Reason(name, p < case.alpha, text)


def _difference_text(case: Case, row: pd.Series, p: str) -> str:
    name = NAMES[case.endpoint.discrimination]
    return f"difference in external {name} {estimate_text(row, case.alpha)}, {p}"


def _beats(case: Case, control: str) -> Reason:
    what = {"volume": "volume alone", "shuffled": "shuffled voxels"}[control]
    name = f"beats {what}"
    if control == case.signature:
        return Reason(name, False, f"The signature is {what} itself.")
    row = case.comparison(case.signature, control)
    if row is None:
        return Reason(name, False, f"The control with {what} was not run.")
    if math.isnan(row["p"]):
        return Reason(name, False, f"Against {what}: {row['method']}.")
    met = bool(row["difference"] > 0 and row["p"] < case.alpha)
    verb = "Better than" if met else "Not shown to be better than"
    return Reason(name, met, f"{verb} {what}: {_difference_text(case, row, p_text(row['p']))}.")


def _adds_to_clinical(case: Case) -> Reason:
    name = "adds to clinical"
    row = case.comparison("combined", "clinical")
    if row is None:
        text = "Combined and clinical signatures were not both built."
        return Reason(name, False, text, required=False)
    if math.isnan(row["p_adjusted"]):
        return Reason(name, False, f"Combined against clinical: {row['method']}.", required=False)
    met = bool(row["difference"] > 0 and row["p_adjusted"] < case.alpha)
    verb = "adds" if met else "was not shown to add"
    p = f"{p_text(row['p_adjusted'])} (Holm)"
    text = f"Radiomics {verb} to the clinical variables: {_difference_text(case, row, p)}."
    return Reason(name, met, text, required=False)


def _sentence(case: Case, level: Level, reasons: list[Reason]) -> str:
    what = f"the {signature_words(case.signature)} signature ({model_words(case.model)})"
    target = case.endpoint.words
    by_name = {reason.criterion: reason for reason in reasons}
    p, repeats = permutation_p(case.permutation)
    permuted = f"permuted outcomes {p_text(p)}" if repeats else "no permutations run"
    row = case.row(EXTERNAL) if case.has_external else case.row(DEVELOPMENT)
    assert row is not None
    where = "external" if case.has_external else "cross-validated"
    numbers = f"{where} {_discrimination_text(case, row)}; {permuted}"
    if level == "internal only":
        return _internal_sentence(what, target, numbers, by_name["permuted outcomes"].met)
    if level == "none":
        end = ""
        if by_name["external discrimination"].met:
            end = " External discrimination alone does not count as evidence here."
        return (
            f"This study found no evidence that {what} predicts {target} in patients that it was"
            f" not built on: {numbers}.{end}"
        )
    if level == "evidence":
        return (
            f"This study found evidence that {what} predicts {target} in patients that it was not"
            f" built on: {numbers}; better than volume alone and than shuffled voxels."
        )
    failed = [_failure(reason) for reason in reasons if reason.required and not reason.met]
    return (
        f"This study found only weak evidence that {what} predicts {target}: {numbers}; but"
        f" {' and '.join(failed)}."
    )


def _failure(reason: Reason) -> str:
    what = reason.criterion.removeprefix("beats ")
    if "not run" in reason.text:
        return f"the control with {what} was not run"
    return f"it was not shown to beat {what}"


def _internal_sentence(what: str, target: str, numbers: str, met: bool) -> str:
    if met:
        return (
            f"Internal indication only: {what} was associated with {target} in the patients it"
            f" was built on ({numbers}); without an external cohort nothing is claimed beyond them."
        )
    return (
        f"This study found no evidence that {what} predicts {target}, and it had no external"
        f" cohort: {numbers}."
    )


def _other_policies(case: Case) -> list[str]:
    """Return the result under the policies that were not declared: both are reported."""
    table = case.metrics
    rows = table[
        (table["signature"] == case.signature)
        & (table["model"] == case.model)
        & (table["cohort"] == ALL_EXTERNAL)
        & (table["policy"] != case.policy)
        & (table["metric"] == case.endpoint.discrimination)
    ]
    return [
        f"Under the other policy for unseen scanners ({row['policy']}): external"
        f" {_discrimination_text(case, row)}."
        for _, row in rows.iterrows()
    ]


def _numbers(case: Case) -> list[dict[str, object]]:
    """Return every number of the sentence with the table and the row it came from."""
    found: list[dict[str, object]] = []
    row = case.row(EXTERNAL) if case.has_external else case.row(DEVELOPMENT)
    if row is not None:
        where = {k: row[k] for k in ("signature", "model", "cohort", "split", "policy", "metric")}
        for column in ("estimate", "lower", "upper", "n", "events"):
            value = float(row[column])
            found.append(_number(column, value, "metrics.tsv", where))
    p, repeats = permutation_p(case.permutation)
    found.append(_number("permutation_p", p, "permutation.tsv", {"permutations": repeats}))
    for a, b in (
        (case.signature, "volume"),
        (case.signature, "shuffled"),
        ("combined", "clinical"),
    ):
        compared = case.comparison(a, b)
        if compared is not None:
            where = {k: compared[k] for k in ("a", "b", "cohort", "split", "policy", "metric")}
            for column in ("difference", "p", "p_adjusted"):
                name = f"{a}_vs_{b}_{column}"
                found.append(_number(name, float(compared[column]), "comparisons.tsv", where))
    return found


def _number(name: str, value: float, table: str, row: Mapping[str, object]) -> dict[str, object]:
    # JSON has no NaN.
    shown = None if math.isnan(value) else value
    return {"name": name, "value": shown, "table": table, "row": dict(row)}
