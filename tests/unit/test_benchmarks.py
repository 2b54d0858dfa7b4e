"""What the benchmarks of leakage and honesty rest on."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind
from sklearn.metrics import roc_auc_score

from benchmarks import honesty, leakage


def test_null_cohorts_hold_nothing_and_the_outcome_enters_combat_only_as_a_leak():
    made = leakage.cohort([4] * 30, 1)
    assert made.table["study.batch"].nunique() == 30
    assert made.y.mean() == 0.5
    features = made.table.filter(regex=r"^f\d")
    p = ttest_ind(features[made.y == 1], features[made.y == 0]).pvalue
    assert 0.01 < np.mean(p < 0.05) < 0.1
    chosen = leakage.strongest(features.to_numpy(), made.y)
    assert set(chosen) == set(np.argsort(p)[: leakage.CHOSEN])


def test_the_mistakes_show_and_the_right_way_does_not():
    made = [leakage.cohort([4] * 30, seed) for seed in range(4)]
    right = np.mean([leakage.auc(m, "inside", "inside", 1) for m in made])
    wrong = np.mean([leakage.auc(m, "outcome", "outside", 1) for m in made])
    assert abs(right - 0.5) < 0.12
    assert wrong > 0.8


@pytest.mark.parametrize(("kind", "least", "most"), [("null", 0.46, 0.54), ("planted", 0.72, 0.84)])
def test_only_planted_cohorts_have_something_to_find(kind, least, most):
    rng = np.random.default_rng(0)
    made = honesty.patients(honesty.world(kind, rng), honesty.EXTERNAL, 2000, "E", rng)
    assert least < roc_auc_score(made.y, made.oracle) < most


def test_volume_is_all_there_is_where_volume_is_the_cause():
    rng = np.random.default_rng(0)
    made = honesty.patients(honesty.world("volume", rng), ("A",), 2000, "D", rng)
    assert roc_auc_score(made.y, made.table[honesty.VOLUME]) > 0.75
    noise = honesty.without_texture(made, rng)
    pd.testing.assert_series_equal(noise.table[honesty.VOLUME], made.table[honesty.VOLUME])
    follower = noise.table[f"original_glcm_f{honesty.FEATURES - 1:03d}"]
    assert abs(roc_auc_score(made.y, follower) - 0.5) < 0.05


def test_every_cohort_is_run_once_and_counted():
    jobs = list(honesty.plan())
    assert len(jobs) == len(set(jobs)) == sum(honesty.COHORTS.values())
    row = {"kind": "null", "development": 60, "lower": 0.4, "upper": 0.6, "truth": 0.5}
    other = {"level": "none", "oracle_found": 0}
    empty = {**row, "lower": np.nan, "upper": np.nan}
    found = pd.DataFrame(
        [{**row, **other}, {**row, "lower": 0.55, **other, "level": "evidence"}, {**empty, **other}]
    )
    counted = honesty.summary(found).set_index(["development", "what"])
    table = counted["count"]
    assert table["all", "coverage"] == 1
    assert counted["n"]["all", "coverage"] == 2
    assert table["all", "no signature"] == 1
    assert table[60, "evidence"] == 1
    assert len(honesty.picture(honesty.summary(found)).axes) == 3


def test_it_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    made = []

    def study(kind, number):
        made.append((kind, number))
        return dict.fromkeys(honesty.COLUMNS, 0) | {"kind": kind, "number": number, "level": "none"}

    monkeypatch.setattr(honesty, "study", study)
    for limit in (3, 2):
        honesty.run(tmp_path / "honesty.tsv", limit)
    assert made == [("null", number) for number in range(5)]
    assert set(honesty.read(tmp_path / "honesty.tsv")["kind"]) == {"null"}
