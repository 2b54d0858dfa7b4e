"""All tables of a study: complete, in order, and unmoved by degenerate cohorts."""

import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.evaluate import study
from rigoromics.evaluate.added import RECLASSIFICATION
from rigoromics.evaluate.discrimination import auc, delong_paired
from rigoromics.evaluate.group import Endpoint, Settings
from rigoromics.evaluate.over_time import AUC_OVER_TIME
from rigoromics.evaluate.recalibration import RECALIBRATION
from rigoromics.evaluate.subgroups import SUBGROUPS

BINARY = Endpoint("response", "binary")
SURVIVAL = Endpoint("death", "survival", 3.0)
FAST = Settings(bootstrap=20)
PRIMARY = {"signature": "radiomics", "model": "elastic_net", "policy": "none"}
SIGNAL = {"radiomics": 1.5, "combined": 2.0, "clinical": 0.7, "volume": 0.5}
NAMES = ["metrics", "comparisons", "roc", "calibration", "decision", "kaplan_meier", "centres",
         "reclassification", "recalibration", "precision_recall", "auc_over_time",
         "subgroups"]  # fmt: skip


def evaluate(predictions, endpoint=BINARY, primary=PRIMARY, settings=FAST, seed=1):
    return study.evaluate(predictions, endpoint, primary, settings, seed)


@pytest.fixture(scope="module")
def binary(make_predictions):
    predictions = make_predictions("binary", SIGNAL, policies=("none", "align"))
    return predictions, evaluate(predictions)


@pytest.fixture(scope="module")
def survival(make_predictions):
    predictions = make_predictions("survival", SIGNAL)
    primary = {**PRIMARY, "model": "cox_elastic_net"}
    return predictions, evaluate(predictions, SURVIVAL, primary)


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_columns_are_the_contract(kind, request):
    _, tables = request.getfixturevalue(kind)
    for name in NAMES:
        elsewhere = {"reclassification": RECLASSIFICATION, "recalibration": RECALIBRATION,
                     "auc_over_time": AUC_OVER_TIME, "subgroups": SUBGROUPS}  # fmt: skip
        columns = elsewhere[name] if name in elsewhere else getattr(study, name.upper())
        assert list(getattr(tables, name).columns) == columns
    assert tables.kaplan_meier.empty == (kind == "binary")
    assert tables.roc.empty == (kind == "survival")


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_every_estimate_has_an_interval_and_a_method(kind, request):
    _, tables = request.getfixturevalue(kind)
    rows = tables.metrics[tables.metrics["metric"] != "log_rank_p"]
    unreached = rows["estimate"].isna() & rows["metric"].str.startswith("median_")
    assert rows.loc[unreached, "method"].str.contains("above one half").all()
    rows = rows[~unreached]
    assert rows["estimate"].notna().all()
    assert (rows["lower"] <= rows["estimate"]).all()
    assert (rows["estimate"] <= rows["upper"]).all()
    assert rows["method"].str.len().min() > 5
    places = set(rows["cohort"])
    assert places == {"A", "B", "C", "all external"}


def test_pooled_row_is_computed_from_all_external_patients(binary):
    predictions, tables = binary
    own = predictions.query(
        "signature == 'radiomics' and split == 'external' and policy == 'align'"
    ).sort_values("patient")
    row = tables.metrics.query(
        "signature == 'radiomics' and cohort == 'all external' and policy == 'align'"
        " and metric == 'auc'"
    ).iloc[0]
    assert row["n"] == 120
    assert row["events"] == own["y"].sum()
    assert row["estimate"] == auc(own["y"], own["risk"]).value
    other = predictions.query(
        "signature == 'volume' and split == 'external' and policy == 'align'"
    ).sort_values("patient")
    compared = tables.comparisons.query(
        "a == 'radiomics.elastic_net' and b == 'volume.elastic_net' and cohort == 'all external'"
        " and policy == 'align'"
    ).iloc[0]
    assert compared["p"] == delong_paired(own["y"], own["risk"], other["risk"]).p


def test_families_are_corrected_by_holm(binary, survival):
    for _, tables in (binary, survival):
        tests = tables.comparisons[tables.comparisons["metric"] != "log_rank"]
        for _, family in tests.groupby(["split", "cohort", "policy"]):
            assert len(family) == 5
            smallest = family.sort_values("p").iloc[0]
            assert smallest["p_adjusted"] == pytest.approx(min(1.0, 5 * smallest["p"]))
            assert (family["p_adjusted"] >= family["p"]).all()


def test_survival_risk_groups_are_tested(survival):
    _, tables = survival
    rows = tables.comparisons.query("metric == 'log_rank' and cohort == 'all external'")
    strong = rows[rows["a"] == "combined.cox_elastic_net:high"].iloc[0]
    assert strong["p"] < 0.001
    assert strong["difference"] > 0
    curves = tables.kaplan_meier.query("signature == 'combined' and cohort == 'all external'")
    start = curves[curves["time"] == 0]
    assert set(start["group"]) == {"low", "high"}
    assert start["at_risk"].sum() == 120


def test_whole_curves_are_judged_where_there_are_any(survival):
    predictions, tables = survival
    primary = {**PRIMARY, "model": "cox_elastic_net"}
    rows = tables.metrics[tables.metrics["metric"].isin(["integrated_brier", "integrated_ipa"])]
    assert len(rows) == 2 * 5 * 4
    assert rows["method"].str.contains("from time 0 to 3").all()
    # Steps are known by their names, wherever the columns stand.
    turned = evaluate(predictions[predictions.columns[::-1]], SURVIVAL, primary)
    pd.testing.assert_frame_equal(turned.metrics, tables.metrics)
    curves = [name for name in predictions if name.startswith("survival_")]
    alone = evaluate(predictions.drop(columns=curves), SURVIVAL, primary).metrics
    without = alone[alone["metric"].isin(["integrated_brier", "integrated_ipa"])]
    assert without["estimate"].isna().all()
    assert without["method"].str.contains("hold no survival curves").all()
    others = ~alone["metric"].isin(["integrated_brier", "integrated_ipa"])
    pd.testing.assert_frame_equal(alone[others], tables.metrics[others])


def test_order_of_rows_changes_nothing(binary):
    predictions, tables = binary
    again = evaluate(predictions.sample(frac=1.0, random_state=3))
    for name in NAMES:
        pd.testing.assert_frame_equal(getattr(tables, name), getattr(again, name))


def test_another_seed_moves_the_bootstrap_only(binary):
    predictions, tables = binary
    again = evaluate(predictions, seed=2)
    closed = tables.metrics["metric"].isin(["auc", "sensitivity", "calibration_slope"])
    pd.testing.assert_frame_equal(tables.metrics[closed], again.metrics[closed])
    brier = tables.metrics["metric"] == "brier"
    assert (tables.metrics["lower"] != again.metrics["lower"])[brier].any()


def degenerate(kind, predictions):
    external = predictions["split"] == "external"
    outcome = "y" if "y" in predictions.columns else "event"
    if kind == "one class":
        return predictions.assign(**{outcome: predictions[outcome].where(~external, 1.0)})
    if kind == "no event":
        return predictions.assign(**{outcome: predictions[outcome].where(~external, 0.0)})
    if kind == "two patients":
        return predictions[~external | predictions["patient"].isin(["P-B0000", "P-C0000"])]
    if kind == "constant":
        return predictions.assign(risk=0.3, probability=0.3, cutoff_class=0.0)
    if kind == "ties":
        return predictions.assign(risk=predictions["risk"].round(0))
    return predictions.assign(probability=np.nan, cutoff_class=np.nan)


KINDS = ["one class", "no event", "two patients", "constant", "ties", "nothing but risks"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("endpoint", [BINARY, SURVIVAL], ids=["binary", "survival"])
@pytest.mark.filterwarnings("error")
def test_degenerate_cohorts_never_crash_and_say_why(kind, endpoint, make_predictions):
    predictions = degenerate(kind, make_predictions(endpoint.type, SIGNAL))
    primary = {**PRIMARY, "model": predictions["model"].iloc[0]}
    tables = evaluate(predictions, endpoint, primary)
    rows = tables.metrics[tables.metrics["metric"] != "log_rank_p"]
    missing = rows[rows["estimate"].isna()]
    assert missing["method"].str.startswith("not estimable: ").all()
    bare = rows[rows["estimate"].notna() & rows["lower"].isna()]
    assert bare["method"].str.contains("no interval").all()
    # Survival without censoring and ties are no obstacle; all else must leave a reason behind.
    if kind != "ties" and (kind, endpoint.type) != ("one class", "survival"):
        assert len(missing) + len(bare) > 0
    p = tables.comparisons["p"].dropna()
    assert p.between(0, 1).all()
    without = tables.comparisons[tables.comparisons["p"].isna()]
    assert without["method"].str.startswith("not estimable: ").all()


def test_no_external_cohort(make_predictions):
    tables = evaluate(make_predictions(sizes={"A": 80}))
    assert set(tables.metrics["split"]) == {"development_cv"}


def test_several_development_cohorts_are_pooled(make_predictions):
    predictions = make_predictions(sizes={"A": 80, "B": 40})
    predictions = predictions.assign(split="development_cv", role="development")
    tables = evaluate(predictions)
    assert set(tables.metrics["cohort"]) == {"A", "B", "all development"}


def test_three_external_centres_are_pooled(make_predictions):
    predictions = make_predictions("binary", SIGNAL, {"A": 80, "B": 60, "C": 60, "D": 60})
    rows = evaluate(predictions).centres.query("signature == 'radiomics'")
    assert list(rows["centre"]) == [
        "centre A", "centre B", "centre C", "centre D", study.POOL, study.PREDICTION
    ]  # fmt: skip
    pool = rows.iloc[4]
    assert pool["n"] == 180
    assert rows.iloc[1:4]["estimate"].min() < pool["estimate"] < rows.iloc[1:4]["estimate"].max()


def test_patients_without_risk_are_counted_out(make_predictions):
    predictions = make_predictions()
    gone = (predictions["patient"] == "P-B0001") & (predictions["signature"] == "radiomics")
    predictions.loc[gone, "risk"] = np.nan
    tables = evaluate(predictions)
    rows = tables.metrics.query("cohort == 'B' and metric == 'auc'").set_index("signature")["n"]
    assert (rows["radiomics"], rows["volume"]) == (59, 60)
    compared = tables.comparisons.query("cohort == 'B' and b == 'volume.elastic_net'")
    assert list(compared["n"]) == [59]


def repeat_a_row(table):
    return pd.concat([table, table.iloc[[0]]])


def move_a_patient(table):
    return table.assign(patient=table["patient"].replace("P-B0001", "P-A0001"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (repeat_a_row, "judged twice"),
        (move_a_patient, "in the development and in an external cohort"),
        (lambda table: table.drop(columns="risk"), "lack the columns risk"),
        (lambda table: table.assign(probability=1.0 - table["probability"]), "probability falls"),
    ],
)
def test_bad_predictions_are_refused_in_words(change, words, make_predictions):
    with pytest.raises(DataError, match=words):
        evaluate(change(make_predictions("binary", SIGNAL)))


def test_survival_probability_must_be_of_survival(make_predictions):
    predictions = make_predictions("survival", SIGNAL)
    turned = predictions.assign(probability=1.0 - predictions["probability"])
    with pytest.raises(DataError, match="survival probability rises"):
        evaluate(turned, SURVIVAL, {**PRIMARY, "model": "cox_elastic_net"})


def test_unknown_endpoint_types_are_refused(make_predictions):
    with pytest.raises(DataError, match="cannot be judged"):
        evaluate(make_predictions(), Endpoint("grade", "fractal"))
