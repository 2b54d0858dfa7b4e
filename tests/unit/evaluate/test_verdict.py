"""The first page's sentence follows the written rule, and null studies get no evidence."""

import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.evaluate import study
from rigoromics.evaluate.group import Endpoint, Settings
from rigoromics.evaluate.verdict import decide, permutation_p
from rigoromics.evaluate.wording import estimate_text, p_text

BINARY = Endpoint("two_year_death", "binary")
PRIMARY = {"signature": "radiomics", "model": "elastic_net", "policy": "none"}
FAST = Settings(bootstrap=20)
STRONG = {"radiomics": 2.0, "combined": 2.5, "clinical": 0.3}


def judge(predictions, permutation, primary=PRIMARY, endpoint=BINARY):
    tables = study.evaluate(predictions, endpoint, primary, FAST, 1)
    return decide(tables.metrics, tables.comparisons, permutation, endpoint, primary)


def met(verdict):
    return {reason.criterion: reason.met for reason in verdict.reasons}


def test_a_planted_signal_is_evidence(make_predictions, make_permutations):
    found = judge(make_predictions("binary", STRONG), make_permutations(0.9))
    assert found.level == "evidence"
    assert all(met(found).values())
    assert "no evidence" not in found.sentence
    assert "two year death" in found.sentence
    assert "95% CI" in found.sentence
    assert "n = 120" in found.sentence
    assert "permuted outcomes p = 0.010" in found.sentence


def test_a_null_study_is_no_evidence(make_predictions, make_permutations):
    found = judge(make_predictions(), make_permutations(0.51))
    assert found.level == "none"
    assert "no evidence" in found.sentence


def test_a_signal_that_is_volume_is_weak(make_predictions, make_permutations):
    predictions = make_predictions("binary", {**STRONG, "volume": 2.0})
    found = judge(predictions, make_permutations(0.9))
    assert found.level == "weak"
    assert "not shown to beat volume alone" in found.sentence
    assert "shuffled voxels" not in found.sentence
    assert "no evidence" not in found.sentence


def test_a_control_that_was_not_run_is_not_beaten(make_predictions, make_permutations):
    predictions = make_predictions("binary", STRONG)
    found = judge(predictions[predictions["signature"] != "shuffled"], make_permutations(0.9))
    assert found.level == "weak"
    assert "the control with shuffled voxels was not run" in found.sentence


def test_clinical_variables_are_reported_not_required(make_predictions, make_permutations):
    predictions = make_predictions("binary", {**STRONG, "clinical": 2.5})
    found = judge(predictions, make_permutations(0.9))
    assert not met(found)["adds to clinical"]
    assert found.level == "evidence"


@pytest.mark.parametrize("repeats", [0, 10])
def test_external_success_without_permutations_is_no_evidence(
    make_predictions, make_permutations, repeats
):
    found = judge(make_predictions("binary", STRONG), make_permutations(0.99, repeats))
    assert found.level == "none"
    assert "no evidence" in found.sentence
    assert not met(found)["permuted outcomes"]


def test_a_signature_that_fails_outside_is_no_evidence(make_predictions, make_permutations):
    predictions = make_predictions("binary", STRONG)
    outside = predictions["split"] == "external"
    sign = np.where(outside, -1.0, 1.0)
    predictions = predictions.assign(
        risk=predictions["risk"] * sign,
        probability=np.where(outside, 1 - predictions["probability"], predictions["probability"]),
    )
    found = judge(predictions, make_permutations(0.9))
    assert found.level == "none"
    assert "wrong way round" in found.reasons[0].text


@pytest.mark.parametrize(("observed", "words"), [(0.9, "indication"), (0.5, "no evidence")])
def test_without_external_patients_nothing_is_claimed(
    make_predictions, make_permutations, observed, words
):
    predictions = make_predictions("binary", STRONG, {"A": 100})
    found = judge(predictions, make_permutations(observed))
    assert found.level == "internal only"
    assert words in found.sentence
    assert "no external cohort" in found.sentence or "without an external" in found.sentence
    assert any("No external cohort" in caveat for caveat in found.caveats)


def test_an_external_cohort_of_one_class_is_no_evidence(make_predictions, make_permutations):
    predictions = make_predictions("binary", STRONG)
    predictions.loc[predictions["split"] == "external", "y"] = 0.0
    found = judge(predictions, make_permutations(0.9))
    assert found.level == "none"
    assert "only one outcome class" in found.reasons[0].text


def test_small_samples_and_both_policies_are_told(make_predictions, make_permutations):
    sizes = {"A": 60, "B": 24}
    predictions = make_predictions("binary", STRONG, sizes, ("none", "align"))
    primary = {**PRIMARY, "policy": "align", "n_features": 12}
    found = judge(predictions, make_permutations(0.9), primary)
    text = " ".join(found.caveats)
    assert "Very small external sample" in text
    assert "events per feature" in text
    assert "other policy for unseen scanners (none)" in text
    assert found.primary["policy"] == "align"


def test_the_only_policy_stands_for_the_declared_one(make_predictions, make_permutations):
    predictions = make_predictions("binary", STRONG)
    found = judge(predictions, make_permutations(0.9), {**PRIMARY, "policy": "align"})
    assert found.primary["policy"] == "none"


def test_a_primary_that_was_not_judged_is_refused(make_predictions, make_permutations):
    with pytest.raises(DataError, match="not among those"):
        judge(make_predictions(), make_permutations(0.9), {**PRIMARY, "model": "random_forest"})


def test_survival_verdicts_speak_of_the_c_index(make_predictions, make_permutations):
    predictions = make_predictions("survival", STRONG)
    primary = {**PRIMARY, "model": "cox_elastic_net"}
    endpoint = Endpoint("death", "survival", 3.0)
    found = judge(predictions, make_permutations(0.9), primary, endpoint)
    assert found.level == "evidence"
    assert "external C-index" in found.sentence


def test_numbers_lead_to_their_rows(make_predictions, make_permutations):
    predictions, permutation = make_predictions("binary", STRONG), make_permutations(0.9)
    tables = study.evaluate(predictions, BINARY, PRIMARY, FAST, 1)
    found = decide(tables.metrics, tables.comparisons, permutation, BINARY, PRIMARY)
    for number in found.numbers:
        if number["table"] != "permutation.tsv":
            table = tables.metrics if number["table"] == "metrics.tsv" else tables.comparisons
            rows = table[(table[list(number["row"])] == pd.Series(number["row"])).all(axis=1)]
            column = str(number["name"]).split("_vs_")[-1]
            for name in ("p_adjusted", "difference", "p"):
                column = name if column.endswith(f"_{name}") else column
            assert rows[column].tolist() == [number["value"]]


def test_null_studies_are_rarely_called_evidence_or_weak(make_predictions, make_permutations):
    permutation = make_permutations(0.99)  # the kindest permutation result: all rests on the rest
    metrics = ["signature", "model", "cohort", "split", "policy", "metric"]
    levels = []
    for seed in range(80):
        predictions = make_predictions("binary", sizes={"A": 40, "B": 60}, seed=seed)
        table = predictions[predictions["split"] == "external"]
        rows, compared = _discrimination_only(table)
        assert set(metrics) <= set(rows.columns)
        levels.append(decide(rows, compared, permutation, BINARY, PRIMARY).level)
    # The rule lets about 2.5% through here; 0.06 is two standard errors above it.
    assert np.mean([level != "none" for level in levels]) <= 0.06
    assert np.mean([level == "evidence" for level in levels]) <= 0.05


def _discrimination_only(table):
    """Return the AUCs and comparisons of a study, without the rest, for speed."""
    from rigoromics.evaluate.discrimination import auc, delong_paired

    wide = table.pivot(index="patient", columns="signature", values="risk")
    y = table.drop_duplicates("patient").set_index("patient")["y"].loc[wide.index]
    place = {"cohort": "all external", "split": "external", "policy": "none", "metric": "auc"}
    found = auc(y, wide["radiomics"])
    row = {**place, "signature": "radiomics", "model": "elastic_net", "n": len(y)}
    row |= {"events": int(y.sum()), "estimate": found.value, "method": found.method}
    row |= {"lower": found.lower, "upper": found.upper}
    compared = []
    asked = [pair for pair in study.questions("radiomics") if set(pair) <= set(wide)]
    assert ("radiomics", "volume") in asked
    for a, b in asked:
        test = delong_paired(y, wide[a], wide[b])
        names = {"a": f"{a}.elastic_net", "b": f"{b}.elastic_net", "p_adjusted": test.p}
        compared.append({**place, **names, **vars(test)})
    return pd.DataFrame([row]), pd.DataFrame(compared)


def test_permutation_p_counts_itself_and_failures():
    table = pd.DataFrame({"permutation": [-1, 0, 1, 2], "statistic": [0.7, 0.6, 0.7, np.nan]})
    assert permutation_p(table) == (3 / 4, 3)
    assert permutation_p(pd.concat([table, table.iloc[[0]]])) == (3 / 4, 3)
    assert np.isnan(permutation_p(table.iloc[:1])[0])
    contradicting = pd.concat([table, table.iloc[[0]].assign(statistic=0.8)])
    with pytest.raises(DataError, match="different statistics"):
        permutation_p(contradicting)


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0002, "p < 0.001"), (0.0312, "p = 0.031"), (0.0501, "p = 0.0501"), (0.4, "p = 0.40")],
)
def test_p_values_are_never_rounded_across_the_line(p, text):
    assert p_text(p) == text


def test_an_interval_near_chance_gets_a_third_decimal():
    row = pd.Series({"estimate": 0.61, "lower": 0.5031, "upper": 0.71})
    assert estimate_text(row, 0.05) == "0.610 (95% CI 0.503 to 0.710)"
