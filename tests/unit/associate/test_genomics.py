"""Features against genes: scipy and pingouin as witnesses, planted pairs, null tables."""

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats

from rigoromics.associate.genomics import associate, pairs
from rigoromics.errors import DataError
from scripts import genomics


def made(seed=0, patients=60, features=12, genes=30, planted=True):
    rng = np.random.default_rng(seed)
    index = pd.Index([f"P{i:03d}" for i in range(patients)], name="patient")
    x = rng.normal(size=(patients, features))
    g = rng.normal(size=(patients, genes))
    g[:, -1] = rng.random(patients) < 0.3
    if planted:
        g[:, 0] = np.exp(x[:, 0] + 0.5 * rng.normal(size=patients))
        g[:, -1] = x[:, 1] > 0.3
    X = pd.DataFrame(x, index, [f"original_f{i}" for i in range(features)])
    return X, pd.DataFrame(g, index, [f"G{i}" for i in range(genes)])


def test_numbers_equal_spearman_and_mutations_mann_whitney():
    X, genes = made()
    found = associate(X, genes, permutations=20)
    for i in range(3):
        rho = stats.spearmanr(X.iloc[:, i], genes["G1"])
        assert found.r[i, 1] == pytest.approx(rho.statistic, abs=1e-12)
        assert found.p[i, 1] == pytest.approx(rho.pvalue, rel=1e-9)
        one = genes["G29"] == 1
        whitney = stats.mannwhitneyu(
            X.loc[one].iloc[:, i], X.loc[~one].iloc[:, i], use_continuity=False, method="asymptotic"
        )
        assert found.p[i, 29] == pytest.approx(whitney.pvalue, rel=1e-9)
    assert found.mutations.tolist() == [False] * 29 + [True]


def test_covariates_give_pingouins_partial_spearman():
    X, genes = made(1)
    age = pd.DataFrame({"age": np.random.default_rng(5).normal(size=len(X))}, X.index)
    genes["G2"] += 2 * age["age"]
    found = associate(X, genes, age, permutations=5)
    frame = pd.DataFrame({"x": X["original_f3"], "y": genes["G2"], "age": age["age"]})
    witness = pingouin.partial_corr(frame, "x", "y", "age", method="spearman")
    assert found.r[3, 2] == pytest.approx(float(witness["r"].iloc[0]), abs=1e-9)
    column = next(name for name in witness.columns if name.lower().startswith("p"))
    assert found.p[3, 2] == pytest.approx(float(witness[column].iloc[0]), rel=1e-6)


def test_planted_pairs_come_first_and_q_equals_brute_force():
    X, genes = made(2)
    found = associate(X, genes, permutations=40, seed=7)
    first = pairs(found).head(2)
    assert {tuple(pair) for pair in first[["feature", "gene"]].to_numpy()} == {
        ("original_f0", "G0"),
        ("original_f1", "G29"),
    }
    assert (first["q"] < 0.02).all()
    assert (first["p_maxt"] == 1 / 41).all()
    rng = np.random.default_rng(7)
    a, b = X.rank().to_numpy(), genes.rank().to_numpy()
    a, b = ((v - v.mean(axis=0)) / v.std(axis=0) for v in (a, b))
    null = np.abs([a.T @ b[rng.permutation(60)] / 60 for _ in range(40)])
    strength = np.abs(a.T @ b / 60)
    share = min(1.0, (strength < np.median(null)).mean() * 2)
    assert found.null_share == pytest.approx(share, abs=0.02)
    rates = [
        (null >= t).sum() / 40 * found.null_share / (strength >= t).sum()
        for t in np.sort(strength.ravel())
    ]
    brute = np.minimum.accumulate(np.minimum(rates, 1))
    mine = found.q.ravel()[np.argsort(strength.ravel())]
    np.testing.assert_allclose(mine, brute, atol=0.01)


def test_null_tables_give_few_discoveries():
    found = [associate(*made(seed, planted=False), permutations=30) for seed in range(30)]
    assert np.mean([(f.q < 0.05).any() for f in found]) <= 0.2
    assert np.mean([(f.p_maxt < 0.05).any() for f in found]) <= 0.17


def test_order_and_units_do_not_matter_and_gaps_are_borne():
    X, genes = made(3)
    genes.iloc[3, 4] = np.nan
    genes["empty"], genes["constant"] = np.nan, 1.0
    one = associate(X, genes, permutations=10)
    assert one.left_out == ["empty", "constant"]
    two = associate(X.iloc[::-1] * 3, np.exp(genes.sample(frac=1, random_state=0)), permutations=10)
    np.testing.assert_allclose(one.r, two.r, atol=1e-12)
    np.testing.assert_array_equal(one.q, two.q)
    with pytest.raises(DataError, match="5 development patients"):
        associate(X.head(5), genes)


def test_the_script_uses_development_patients_and_refuses_ids_of_two(tmp_path):
    X, genes = made(4, patients=40)
    table = X.assign(**{"study.role": ["development"] * 30 + ["external"] * 10})
    table["clinical.sex"] = ["F", "M"] * 20
    table.index = pd.Index([f"a-x-{i:04d}" for i in range(40)], name="patient")
    table.reset_index().to_parquet(tmp_path / "table.parquet")
    genes.index = pd.Index(range(40), name="ID")
    genes.reset_index().to_csv(tmp_path / "genes.csv", index=False)
    arguments = {
        "table": tmp_path / "table.parquet",
        "genes": tmp_path / "genes.csv",
        "salt": [],
        "associations": tmp_path / "pairs.tsv",
        "page": tmp_path / "pairs.html",
        "picture": tmp_path / "map.png",
        "settings": {"id": "ID", "covariates": ["sex"], "permutations": 10, "alpha": 0.05},
        "public": True,
        "seed": 1,
    }
    metrics = genomics.main(**arguments)
    assert metrics["patients"] == 30
    rows = pd.read_csv(tmp_path / "pairs.tsv", sep="\t")
    assert rows["gene"].iloc[0] in ("G0", "G29")
    page = (tmp_path / "pairs.html").read_text()
    assert page.count("<tr>") == len(rows) + 1
    assert (tmp_path / "map.png").stat().st_size > 1000
    table.index = pd.Index(["a-x-0000", *table.index[2:], "b-x-0000"], name="patient")
    table.reset_index().to_parquet(tmp_path / "table.parquet")
    with pytest.raises(DataError, match="fits 2 patients"):
        genomics.main(**arguments)
