import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.longitudinal import DAYS
from rigoromics.model.locking import lock, sha256, unlock
from rigoromics.model.nested import fit_all, nested_cross_validation
from rigoromics.model.signature import make_signature
from rigoromics.select.deltas import Deltas
from tests.unit.model.cohort import procedure

ALL = ["baseline", "absolute", "relative", "slope"]
SETTINGS = {
    "baseline": "baseline",
    "follow_up": ["week6"],
    "follows": {"pet_w6": "pet"},
    "values": ALL,
    "near_zero": 0.05,
}
BEFORE, AFTER = "baseline.pet.gtv:original_", "week6.pet_w6.gtv:original_"


def followed(seed=0, patients=60, features=8, batches=2):
    """Two timepoints; the relative change of feature 0 carries the outcome, no value does."""
    rng = np.random.default_rng(seed)
    index = pd.Index([f"P{i:04d}" for i in range(patients)], name="patient")
    y = rng.permutation(np.arange(patients) % 2)
    first = np.exp(rng.normal(3, 0.5, size=(patients, features)))
    share = rng.normal(0, 0.05, size=(patients, features))
    share[:, 0] += np.where(y == 1, 0.25, -0.25)
    names = [f"f{i}" for i in range(features)]
    table = pd.concat(
        [
            pd.DataFrame(first, index, [BEFORE + n for n in names]),
            pd.DataFrame(first * (1 + share), index, [AFTER + n for n in names]),
        ],
        axis=1,
    )
    table["study.batch"] = [f"s{i % batches}" for i in range(patients)]
    table[f"{DAYS}baseline.pet.gtv"] = 0.0
    table[f"{DAYS}week6.pet_w6.gtv"] = 42.0
    table["clinical.age"], table["clinical.sex"] = rng.normal(60, 9, patients), "F"
    return table, y, share


def test_values_by_hand():
    table, _, share = followed()
    made = Deltas(**SETTINGS).fit_transform(table)
    value = {kind: made[f"{BEFORE}f3@{kind}"] for kind in ("absolute.week6", "relative.week6")}
    first, later = table[f"{BEFORE}f3"], table[f"{AFTER}f3"]
    np.testing.assert_allclose(value["absolute.week6"], later - first, rtol=1e-12)
    np.testing.assert_allclose(value["relative.week6"], share[:, 3], rtol=1e-9)
    np.testing.assert_allclose(made[f"{BEFORE}f3@slope"], (later - first) / 42, rtol=1e-10)
    assert not [name for name in made if name.startswith("week6")]


def test_a_missing_timepoint_gets_the_training_median_of_the_change():
    table, _, share = followed()
    gone = table.index[:3]
    table.loc[gone, f"{DAYS}week6.pet_w6.gtv"] = np.nan
    fitted = Deltas(**SETTINGS).fit(table.iloc[:40])
    found = fitted.transform(table).loc[gone, f"{BEFORE}f1@relative.week6"]
    np.testing.assert_allclose(found, np.median(share[3:40, 1]), rtol=1e-9)


def test_held_out_rows_never_decide():
    table, _, _ = followed()
    other = table.copy()
    other.iloc[40:, :16] *= 1000.0
    first, second = (Deltas(**SETTINGS).fit(t.iloc[:40]) for t in (table, other))
    assert first.features_.tolist() == second.features_.tolist()
    np.testing.assert_array_equal(first.medians_, second.medians_)


def test_features_near_zero_have_no_relative_change():
    table, _, _ = followed()
    table[f"{BEFORE}f2"] = np.where(np.arange(60) % 10 < 6, 1e-9, 50.0)
    fitted = Deltas(**SETTINGS).fit(table)
    assert fitted.near_zero_.tolist() == [f"{BEFORE}f2@relative.week6"]
    assert f"{BEFORE}f2@absolute.week6" in fitted.features_


def test_a_change_needs_its_feature_at_both_timepoints():
    table, _, _ = followed()
    made = Deltas(**SETTINGS).fit_transform(table.drop(columns=f"{AFTER}f5"))
    assert [name for name in made if ":original_f5" in name] == [f"{BEFORE}f5"]
    with pytest.raises(DataError, match="follows"):
        Deltas(**SETTINGS | {"follows": {}}).fit(table)
    with pytest.raises(DataError, match="who has this case"):
        Deltas(**SETTINGS).fit(table.drop(columns=f"{DAYS}week6.pet_w6.gtv"))


def test_delta_radiomics_finds_what_no_single_timepoint_shows_and_locks_the_same_bytes():
    table, y, _ = followed()
    settings = {"longitudinal": SETTINGS | {"values": ["baseline", "relative"]}, "stability": {}}
    plan = procedure("radiomics", "elastic_net", **settings)
    held_out = nested_cross_validation(table, y, plan)
    right = sum(part.pairs.share for part in held_out) / len(held_out)
    assert right > 0.95
    alone = procedure("radiomics", "elastic_net", stability={})
    firsts = table[[name for name in table if not name.startswith("week6")]]
    blind = nested_cross_validation(firsts, y, alone)
    assert sum(part.pairs.share for part in blind) / len(blind) < 0.75
    signature = make_signature(fit_all(table, y, plan), plan, y)
    assert f"{BEFORE}f0@relative.week6" in signature.used
    content = lock(signature)
    assert content == lock(make_signature(fit_all(table, y, plan), plan, y))
    again = unlock(content, sha256(content))
    pd.testing.assert_frame_equal(again.predict(table), signature.predict(table))


def test_the_candidates_of_a_choice_are_the_changes_that_were_made():
    from types import SimpleNamespace

    from rigoromics.model.tables import candidates_of

    table = pd.DataFrame(columns=["clinical.age", "baseline.ct.lesion:f", "week6.ct.lesion:f"])
    made = [SimpleNamespace(features_=np.array(names)) for names in (["f"], ["f", "f@slope"])]
    fits = [SimpleNamespace(pipeline=SimpleNamespace(named_steps={"deltas": m})) for m in made]
    assert candidates_of(table, fits) == ["f", "f@slope"]
    plain = [SimpleNamespace(pipeline=SimpleNamespace(named_steps={}))]
    assert candidates_of(table, plain) == ["baseline.ct.lesion:f", "week6.ct.lesion:f"]
