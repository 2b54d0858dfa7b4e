"""Every type of endpoint through the scripts: fit, lock, validate, permute."""

import json

import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.model.concordance import count_pairs
from rigoromics.model.folds import patient_folds
from rigoromics.model.locking import lock, sha256, unlock
from rigoromics.model.outcome import (
    Endpoint,
    check_outcomes,
    coded_outcome,
    known_outcomes,
    strata,
)
from rigoromics.select.choose import events_cap
from rigoromics.select.rank import relevance
from tests.unit.model.endpoints import ENDPOINTS, MODELS, fit_and_validate, permuted, study


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("endpoints")
    study(folder)
    return folder


@pytest.mark.parametrize("name", ENDPOINTS)
def test_from_table_to_predictions(files, tmp_path, name):
    endpoint, models = ENDPOINTS[name], MODELS[name]
    targets = fit_and_validate(files, tmp_path, endpoint, models)
    rows = pd.read_parquet(tmp_path / "predictions.parquet")
    known = 89 if name in ("stage", "type", "lesions") else 90
    assert len(rows) == len(targets) * 3 * known
    assert rows["risk"].notna().all()
    if "levels" in endpoint:
        many = len(endpoint["levels"])
        p = rows[[f"probability_{k}" for k in range(many)]].to_numpy()
        assert p.sum(axis=1) == pytest.approx(1)
        assert set(rows["cutoff_class"]) == set(range(many)) == set(rows["y"])
    elif endpoint["type"] == "count":
        assert (rows["expected"] > 0).all()
        assert "probability" not in rows
    else:
        assert rows["probability"].between(0, 1).all()
        assert ("cause" in rows) == bool(endpoint.get("competing"))
    outside = rows[(rows["split"] == "external") & (rows["policy"] == "none")]
    first = outside[(outside["signature"] == "radiomics") & (outside["model"] == models[0])]
    assert discrimination(first, endpoint) > 0.6

    words = json.loads((targets[0] / "signature.json").read_text())
    assert words["endpoint"]["type"] == endpoint["type"]
    assert words["features_used"]
    content = (targets[0] / "signature.skops").read_bytes()
    assert lock(unlock(content, sha256(content))) == content


def discrimination(rows, endpoint):
    if endpoint["type"] == "binary":
        return count_pairs(rows["y"].to_numpy(), rows["risk"].to_numpy()).share
    if endpoint["type"] == "survival":
        time, risk = rows["time"].to_numpy(), rows["risk"].to_numpy()
        first = (rows["event"] == 1).to_numpy()[:, None] & (time[:, None] < time)
        return (risk[:, None] > risk)[first].mean()
    y = coded_outcome(rows["y"], endpoint["type"])
    if endpoint["type"] != "multiclass":
        return count_pairs(y, rows["risk"].to_numpy()).share
    return count_pairs(y, rows[[f"probability_{k}" for k in range(3)]].to_numpy()).share


@pytest.mark.parametrize("name", ["stage", "type", "lesions", "relapse"])
def test_permutations(files, tmp_path, name):
    found = permuted(files, tmp_path, ENDPOINTS[name], MODELS[name][0])
    rows = pd.read_csv(tmp_path / "permutation.tsv", sep="\t")
    assert rows["statistic"].between(0, 1).all()
    assert rows["statistic"][0] > rows["statistic"][1:].max()
    assert found["p"] == 0.25


def test_what_a_person_reads_of_a_signature(files, tmp_path):
    (target, *_) = fit_and_validate(
        files, tmp_path, ENDPOINTS["stage"], ["proportional_odds"], ["radiomics"]
    )
    words = json.loads((target / "signature.json").read_text())
    assert len(words["thresholds"]) == 3
    assert words["thresholds"] == sorted(words["thresholds"])
    assert words["proportional_odds_test"]["df"] == 2 * len(words["features_used"])
    assert words["cutoff"] is None
    assert "most exceeds its share" in words["cutoff_rule"]


def test_the_ordinal_statistic_of_two_levels_is_the_auc():
    rng = np.random.default_rng(0)
    codes, risk = rng.integers(0, 2, 40), np.round(rng.normal(size=40), 1)
    auc = count_pairs(codes, risk)
    assert count_pairs(coded_outcome(codes, "ordinal"), risk) == auc
    both = np.column_stack([-risk, risk])
    assert count_pairs(coded_outcome(codes, "multiclass"), both).share == pytest.approx(auc.share)


def test_folds_spread_every_class():
    codes = np.repeat([0, 1, 2, 3], [40, 20, 10, 5])
    patients = pd.Index([f"P{i:03d}" for i in range(75)])
    for fold in patient_folds(patients, coded_outcome(codes, "ordinal"), 5, 1):
        assert np.bincount(codes[fold.test]).tolist() == [8, 4, 2, 1]
    counts = np.arange(75)
    groups = strata(coded_outcome(counts, "count"))
    assert np.bincount(groups).min() > 17


def test_relevance_of_two_levels_or_classes_agrees_with_the_binary_order():
    rng = np.random.default_rng(0)
    values, codes = rng.normal(size=(50, 6)), rng.integers(0, 2, 50)
    binary = relevance(values, codes)
    for kind in ("ordinal", "multiclass"):
        found = relevance(values, coded_outcome(codes, kind))
        # Rank correlation with a 0/1 variable is the rank-biserial one but for a constant.
        assert found / binary == pytest.approx(np.full(6, found[0] / binary[0]))


def test_how_many_features_outcomes_carry():
    assert events_cap(coded_outcome(np.repeat([0, 1], [70, 30]), "ordinal")) == 3
    assert events_cap(coded_outcome(np.repeat([0, 1, 2], [40, 40, 20]), "ordinal")) == 4
    assert events_cap(coded_outcome(np.repeat([0, 1, 2], [40, 40, 20]), "multiclass")) == 2
    assert events_cap(coded_outcome(np.repeat([0, 7], [95, 5]), "count")) == 3
    assert events_cap(coded_outcome(np.repeat([0, 7], [50, 50]), "count")) == 10


def test_rare_levels_and_impossible_values_are_refused():
    stage = Endpoint.from_dict(ENDPOINTS["stage"])
    y = coded_outcome(np.repeat([0, 1, 2, 3], [20, 20, 20, 2]), "ordinal")
    with pytest.raises(DataError, match="2 development patients of 'F3'"):
        check_outcomes(y, stage, 5, 4)
    table = pd.DataFrame({"endpoint.stage": [0.0, 4.0, 1.0]})
    with pytest.raises(DataError, match="no level, such as 4"):
        known_outcomes(table, stage)
    lesions = Endpoint.from_dict(ENDPOINTS["lesions"])
    with pytest.raises(DataError, match=r"no count, such as 0\.5"):
        known_outcomes(pd.DataFrame({"endpoint.lesions": [0.5]}), lesions)
    flat = coded_outcome(np.r_[np.zeros(60), 1, 2], "count")
    with pytest.raises(DataError, match="2 development patients unlike the commonest"):
        check_outcomes(flat, lesions, 5, 4)
    relapse = Endpoint.from_dict(ENDPOINTS["relapse"])
    table = pd.DataFrame({"endpoint.relapse.time": [3.0], "endpoint.relapse.event": [3.0]})
    with pytest.raises(DataError, match="events other than 0, 1 and 2"):
        known_outcomes(table, relapse)
