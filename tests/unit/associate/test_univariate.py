"""Features one by one: against scipy, statsmodels, lifelines and brute force."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from lifelines.statistics import logrank_test
from scipy import stats
from sklearn.metrics import roc_curve
from statsmodels.stats.multitest import multipletests

from rigoromics.associate.cutoffs import divided, learn_cutoff, youden_cutoffs
from rigoromics.associate.maxt import (
    class_contrasts,
    martingale_residuals,
    max_t,
    standardised_ranks,
)
from rigoromics.associate.univariate import Settings, external_table, univariate_table
from rigoromics.errors import DataError
from rigoromics.model.outcome import coded_outcome
from scripts import univariate
from tests.unit.model.cohort import cohort

QUICK = Settings(bootstrap=60, permutations=200, seed=3)


@pytest.fixture(scope="module")
def study():
    X, y, survival, _ = cohort(seed=5, patients=60, features=12, signal=2.5)
    return X, y, survival


def values_of(X, name):
    column = X[name].to_numpy(dtype=float)
    return column, np.isfinite(column)


def test_binary_rows_equal_scipy_scikit_learn_and_statsmodels(study):
    X, y, _ = study
    table = univariate_table(X, y, "binary", QUICK)
    assert table["p"].dropna().is_monotonic_increasing
    constant = table.set_index("feature").loc["original_constant"]
    assert np.isnan(constant["p"])
    assert "constant" in constant["note"]
    tested = table[table["p"].notna()]
    assert len(tested) == 13
    for _, row in tested.iterrows():
        values, known = values_of(X, row["feature"])
        one, other = values[known & (y == 1)], values[known & (y == 0)]
        u = stats.mannwhitneyu(one, other)
        assert row["p"] == pytest.approx(u.pvalue, rel=1e-12)
        assert row["auc"] == pytest.approx(u.statistic / len(one) / len(other), abs=1e-12)
        welch = stats.ttest_ind(one, other, equal_var=False)
        assert row["p_welch"] == pytest.approx(welch.pvalue, rel=1e-12)
        signed = values[known] if row["direction"] == "higher" else -values[known]
        fpr, tpr, _ = roc_curve(y[known], signed, drop_intermediate=False)
        assert row["youden"] == pytest.approx((tpr - fpr).max(), abs=1e-12)
        assert row["sensitivity"] + row["specificity"] - 1 == pytest.approx(row["youden"])
        assert row["cutoff_lower"] <= row["cutoff_upper"]
    p = tested["p"].to_numpy()
    assert tested["q"].tolist() == pytest.approx(multipletests(p, method="fdr_bh")[1])
    assert tested["p_holm"].tolist() == pytest.approx(multipletests(p, method="holm")[1])


def test_the_planted_feature_is_found_and_order_and_scale_do_not_matter(study):
    X, y, _ = study
    table = univariate_table(X, y, "binary", QUICK)
    assert table["feature"][0] in [f"original_f{i:03d}" for i in range(5)]
    assert table["p_maxt"][0] < 0.05
    order = np.random.default_rng(0).permutation(len(X))
    again = univariate_table(X.iloc[order], y[order], "binary", QUICK)
    pd.testing.assert_frame_equal(table, again)
    scaled = X.copy()
    names = [name for name in X if name.startswith("original_f")]
    scaled[names] *= 4.0
    same = univariate_table(scaled, y, "binary", QUICK)
    for column in ("feature", "p", "auc", "youden", "sensitivity", "p_maxt"):
        assert table[column].equals(same[column])


def test_a_cutoff_by_hand():
    # >= 5 calls all four events and one of four others; >= 7 two events and nobody else.
    values = np.array([1.0, 5.0, 3.0, 0.0, 5.0, 5.0, 7.0, 9.0])
    events = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=bool)
    found = learn_cutoff(values, events, True, 50, np.random.default_rng(1))
    assert (found.value, round(found.youden, 12)) == (5.0, 0.75)
    turned = learn_cutoff(-values, events, False, 50, np.random.default_rng(1))
    assert (turned.value, turned.lower, turned.upper) == (-5.0, -found.upper, -found.lower)
    sensitivity, specificity = divided(values, events, 5.0, True)
    assert (sensitivity.value, specificity.value) == (1.0, 0.75)


def test_bootstrap_samples_equal_brute_force():
    rng = np.random.default_rng(4)
    values = np.sort(rng.integers(0, 9, 30).astype(float))[::-1]
    events = rng.random(30) < 0.4
    counts = rng.multinomial(30, np.full(30, 1 / 30), size=20).astype(float)
    cutoffs, youden = youden_cutoffs(values, events, counts)
    for sample, cutoff, index in zip(counts.astype(int), cutoffs, youden, strict=True):
        drawn, happened = np.repeat(values, sample), np.repeat(events, sample)
        tried = {
            c: round((drawn[happened] >= c).mean() - (drawn[~happened] >= c).mean(), 12)
            for c in np.unique(values)
        }
        assert index == pytest.approx(max(tried.values()), abs=1e-10)
        assert cutoff == max(c for c, j in tried.items() if j == max(tried.values()))


def test_permutations_equal_scipys_permutation_test_and_control_the_family():
    rng = np.random.default_rng(2)
    values, codes = rng.normal(size=(8, 3)), np.array([0, 0, 0, 1, 1, 1, 1, 0])
    columns = standardised_ranks(values)
    p, adjusted = max_t(columns, class_contrasts(codes), 4000, np.random.default_rng(0))
    for column in range(3):
        exact = stats.permutation_test(
            (columns[codes == 1, column], columns[codes == 0, column]),
            lambda a, b: abs(a.mean() - b.mean()),
            alternative="greater",
            n_resamples=np.inf,
        ).pvalue
        assert p[column] == pytest.approx(exact, abs=0.03)
    assert (adjusted >= p).all()
    # Two copies of one feature are one test: Holm would double p.
    _, twin = max_t(columns[:, [0, 0]], class_contrasts(codes), 500, np.random.default_rng(0))
    alone, _ = max_t(columns[:, [0]], class_contrasts(codes), 500, np.random.default_rng(0))
    assert twin.tolist() == [alone[0]] * 2


def test_martingale_residuals_by_hand():
    # Nelson-Aalen: 1/4 at 1; at 3, 1/2 more; the patient censored at 2 has 1/4.
    time, event = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 0, 1, 0], dtype=bool)
    assert martingale_residuals(time, event).tolist() == [0.75, -0.25, 0.25, -0.75]


def test_survival_rows_equal_lifelines(study):
    X, _, survival = study
    table = univariate_table(X, survival, "survival", QUICK)
    for _, row in table.head(3).iterrows():
        values, known = values_of(X, row["feature"])
        y, values = survival[known], values[known]
        frame = pd.DataFrame({"x": values / values.std(), "t": y["time"], "e": y["event"]})
        fit = CoxPHFitter().fit(frame, "t", "e")
        assert row["hazard_ratio_per_sd"] == pytest.approx(fit.hazard_ratios_["x"], rel=1e-5)
        assert row["p"] == pytest.approx(fit.summary["p"]["x"], rel=1e-3)
        high = values > np.median(values)
        parts = [y["time"][high], y["time"][~high], y["event"][high], y["event"][~high]]
        assert row["p_log_rank_at_median"] == pytest.approx(logrank_test(*parts).p_value, rel=1e-9)


def test_groups_equal_scipys_kruskal(study):
    X, _, _ = study
    codes = np.arange(len(X)) % 3
    table = univariate_table(X, coded_outcome(codes, "multiclass"), "multiclass", QUICK)
    row = table.iloc[0]
    values, known = values_of(X, row["feature"])
    found = stats.kruskal(*(values[known & (codes == k)] for k in range(3)))
    assert row["p"] == pytest.approx(found.pvalue, rel=1e-12)
    with pytest.raises(DataError, match="one by one"):
        univariate_table(X, coded_outcome(codes, "count"), "count", QUICK)


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_the_script_checks_cutoffs_elsewhere_and_external_patients_choose_nothing(tmp_path, kind):
    parts = []
    for first, role, seed in (("D", "development", 1), ("E", "external", 2)):
        X, y, survival, _ = cohort(seed, patients=50, features=8, first=first)
        X = X.assign(**{"study.role": role, "study.cohort": first, "endpoint.met": y * 1.0})
        X["endpoint.os.time"], X["endpoint.os.event"] = survival["time"], survival["event"] * 1.0
        parts.append(X.reset_index())
    table = pd.concat(parts)
    endpoint = {"name": "met", "type": "binary", "label": "Metastasis"}
    if kind == "survival":
        endpoint = {"name": "os", "type": "survival", "horizon": 24, "unit": "months"}
    written = []
    for place, spoiled in enumerate((table, table.copy())):
        if place:
            names = [name for name in table if name.startswith("original_")]
            spoiled.loc[spoiled["study.role"] == "external", names] = 1e6
        spoiled.to_parquet(tmp_path / f"{place}.parquet")
        univariate.main(
            table=tmp_path / f"{place}.parquet",
            features=tmp_path / f"{place}.tsv",
            external=tmp_path / f"{place}.external.tsv",
            picture=tmp_path / f"{place}.png",
            endpoint=endpoint,
            settings={"bootstrap": 40, "permutations": 50, "top": 3},
            seed=1,
        )
        written.append((tmp_path / f"{place}.tsv").read_bytes())
    assert written[0] == written[1]
    found = pd.read_csv(tmp_path / "0.tsv", sep="\t").set_index("feature")
    checked = pd.read_csv(tmp_path / "0.external.tsv", sep="\t").set_index("feature")
    assert set(checked["cohort"]) == {"E"}
    assert (checked["cutoff"] == found.loc[checked.index, "cutoff"]).all()
    assert (tmp_path / "0.png").stat().st_size > 1000
    if kind == "binary":
        name = checked.index[0]
        rows = parts[1].dropna(subset=name)
        higher = found.loc[name, "direction"] == "higher"
        cut = found.loc[name, "cutoff"]
        called = rows[name] >= cut if higher else rows[name] <= cut
        happened = rows["endpoint.met"] == 1
        assert checked.loc[name, "sensitivity"] == pytest.approx(called[happened].mean())
        assert checked.loc[name, "specificity"] == pytest.approx((~called)[~happened].mean())


def test_no_external_patient_gives_an_empty_table(study):
    X, y, _ = study
    table = univariate_table(X, y, "binary", QUICK)
    nobody = external_table(table, X.iloc[:0], y[:0], "binary")
    assert nobody["sensitivity"].isna().all()


def test_stages_have_no_cut_off_to_check_outside(study, tmp_path):
    X, _, _ = study
    table = X.reset_index().assign(**{"study.cohort": "D", "study.role": "development"})
    table.loc[40:, ["study.cohort", "study.role"]] = ["E", "external"]
    table["endpoint.stage"] = np.arange(60) % 3
    table.to_parquet(tmp_path / "table.parquet")
    univariate.main(
        table=tmp_path / "table.parquet",
        features=tmp_path / "features.tsv",
        external=tmp_path / "external.tsv",
        picture=tmp_path / "univariate.png",
        endpoint={"name": "stage", "type": "ordinal", "levels": ["I", "II", "III"]},
        settings={"bootstrap": 5, "permutations": 20, "top": 3},
        seed=1,
    )
    assert (tmp_path / "external.tsv").read_text() == "cohort\tfeature\n"
    assert (tmp_path / "features.tsv").read_text().count("Kruskal-Wallis") > 5
