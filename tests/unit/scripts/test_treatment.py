import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.evaluate.treatment import treatment_effects
from scripts.treatment import main

PRIMARY = {"signature": "radiomics", "model": "cox_elastic_net", "policy": "align"}
SURVIVAL = {"name": "os", "type": "survival", "label": "overall survival", "unit": "months"}
TREATMENT = {"column": "arm", "reference": "0", "treated": "1", "randomised": False}


def run(folder, endpoint=SURVIVAL, **changes):
    rng = np.random.default_rng(3)
    patients = 160
    names = [f"P-{i:03d}" for i in range(patients)]
    high, arm = np.arange(patients) % 2, (np.arange(patients) // 2) % 2
    split = np.where(np.arange(patients) < 80, "development_cv", "external")
    time = rng.exponential(np.exp(2.5 - 0.5 * high + 1.2 * high * arm))
    rows = pd.DataFrame({"patient": names, "split": split, "cutoff_class": high, "time": time})
    rows["event"] = (rng.random(patients) < 0.8).astype(int)
    rows["y"] = rows["event"]
    both = [
        rows.assign(**PRIMARY | {"policy": np.where(split == "external", "align", "none")}),
        rows[split == "external"].assign(**PRIMARY | {"policy": "none"}, cutoff_class=0),
        rows.assign(**PRIMARY | {"signature": "clinical"}, cutoff_class=1),
    ]
    pd.concat(both).to_parquet(folder / "predictions.parquet")
    given = arm.astype(float)
    given[:3] = np.nan
    people = pd.DataFrame({"patient": names, "clinical.arm": given})
    people.to_parquet(folder / "table.parquet")
    main(
        predictions=folder / "predictions.parquet",
        table=folder / "table.parquet",
        effects=folder / "effects.tsv",
        curves=folder / "curves.tsv",
        picture=folder / "treatment.png",
        endpoint=endpoint,
        primary=PRIMARY,
        treatment=TREATMENT | changes,
    )
    known = rows.assign(arm=given).dropna()
    return pd.read_csv(folder / "effects.tsv", sep="\t"), known


@pytest.mark.parametrize("kind", ["survival", "binary"])
def test_the_primary_signature_under_its_own_policy_counts(tmp_path, kind):
    found, known = run(tmp_path, SURVIVAL | {"type": kind})
    for split, rows in known.groupby("split"):
        time = rows["time"] if kind == "survival" else None
        expected = treatment_effects(rows["event"], rows["arm"], rows["cutoff_class"], time)
        mine = found[found["split"] == split]
        np.testing.assert_allclose(mine["estimate"], expected["estimate"], rtol=1e-9)
        assert mine["n"].tolist() == expected["n"].tolist()
    assert found["method"].str.contains("not allocated at random").all()
    assert (tmp_path / "treatment.png").stat().st_size > 2_000


def test_other_endpoints_and_unknown_treatments(tmp_path):
    found, _ = run(tmp_path, SURVIVAL | {"type": "ordinal"})
    assert found.empty
    with pytest.raises(DataError, match=r"no patient has the treatment 'B'.*\n?.*0, 1"):
        run(tmp_path, treated="B")
