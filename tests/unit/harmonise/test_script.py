import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from rigoromics.errors import DataError
from rigoromics.report.harmonisation_figure import _columns, _draw_families
from scripts.harmonisation import main

SETTINGS = {
    "method": "combat",
    "batch": ["centre"],
    "covariates": ["age"],
    "parametric": True,
    "unseen": "align",
}


def study(tmp_path, centres=("A", "B"), size=14):
    rng = np.random.default_rng(0)
    names = [*np.repeat(centres, size), *["X"] * 5]
    n = len(names)
    features = [f"original_{family}_F{i}" for family in ("shape", "glcm") for i in range(6)]
    table = pd.DataFrame(rng.normal(size=(n, 12)), columns=features)
    table += pd.factorize(np.array(names))[0][:, None]
    table.insert(0, "patient", [f"P-{i}" for i in range(n)])
    table["study.cohort"] = np.where(np.array(names) == "X", "ext", "dev")
    table["study.role"] = np.where(np.array(names) == "X", "external", "development")
    table["study.centre"] = table["study.batch"] = names
    table["clinical.age"] = rng.normal(60, 9, n)
    table["endpoint.y"] = rng.integers(0, 2, n).astype(float)
    path = tmp_path / "table.parquet"
    table.to_parquet(path)
    outputs = {
        "effect": tmp_path / "effect.tsv",
        "features": tmp_path / "features.tsv",
        "picture": tmp_path / "picture.png",
    }
    return table, {"table": path, **outputs, "settings": SETTINGS, "seed": 1}


def test_effect_features_and_picture_are_written(tmp_path):
    _, arguments = study(tmp_path)
    metrics = main(**arguments)
    effect = pd.read_csv(arguments["effect"], sep="\t")
    assert set(effect["stage"]) == {"before", "after"}
    assert len(pd.read_csv(arguments["features"], sep="\t")) == 12
    assert arguments["picture"].stat().st_size > 10_000
    assert metrics["auc_before"] > metrics["auc_after"]


@pytest.mark.parametrize(
    ("features", "labels"),
    [
        (["T1_a", "T1_b"], ["all features"]),
        (["T1_a", "original_glcm_Contrast"], ["GLCM", "other"]),
    ],
)
def test_features_of_other_programs_have_their_boxes(features, labels):
    frame = pd.DataFrame({"feature": features, "r2_before": [0.3, 0.4], "r2_after": [0.0, 0.1]})
    axes = Figure().subplots()
    _draw_families(axes, frame)
    assert [label.get_text() for label in axes.get_xticklabels()] == labels
    assert len(axes.patches) == 2 * len(labels)


def test_long_names_of_batches_stand_in_fewer_columns():
    assert _columns(["A", "B", "C", "D", "E", "F"]) == 4
    assert _columns(["GE MEDICAL SYSTEMS+1.25+STANDARD", "A", "B"]) == 2
    assert _columns(["x" * 200]) == 1


def test_external_patients_do_not_move_what_is_measured(tmp_path):
    table, arguments = study(tmp_path)
    main(**arguments)
    first = arguments["effect"].read_bytes(), arguments["features"].read_bytes()
    table.loc[table["study.role"] == "external", table.filter(like="original").columns] *= 1e9
    table.to_parquet(arguments["table"])
    main(**arguments)
    assert first == (arguments["effect"].read_bytes(), arguments["features"].read_bytes())


def test_one_batch_leaves_empty_tables_and_a_sentence(tmp_path, caplog):
    _, arguments = study(tmp_path, centres=("A",))
    with caplog.at_level("INFO"):
        assert main(**arguments) == {}
    assert "nothing to harmonise" in caplog.text
    assert pd.read_csv(arguments["effect"], sep="\t").empty
    assert arguments["picture"].exists()


def test_switched_off_only_before_is_measured(tmp_path):
    _, arguments = study(tmp_path)
    main(**{**arguments, "settings": {**SETTINGS, "method": "none"}})
    assert set(pd.read_csv(arguments["effect"], sep="\t")["stage"]) == {"before"}


def test_batches_too_small_to_measure_still_give_a_picture(tmp_path):
    _, arguments = study(tmp_path, size=4)
    assert main(**arguments) == {}
    assert arguments["picture"].exists()


def test_a_batch_that_gives_away_the_outcome_stops_it(tmp_path):
    table, arguments = study(tmp_path)
    table["endpoint.y"] = (table["study.batch"] == "A").astype(float)
    table.to_parquet(arguments["table"])
    with pytest.raises(DataError, match="gives away the outcome 'y'"):
        main(**arguments)


def test_variables_in_sequence_are_measured_together_and_each_may_give_the_outcome_away(tmp_path):
    table, arguments = study(tmp_path)
    kernels = np.array(["soft", "sharp"])[np.arange(len(table)) % 2]
    table["study.batch.centre"], table["study.batch.kernel"] = table["study.centre"], kernels
    table.to_parquet(arguments["table"])
    asked = {**SETTINGS, "batch": ["centre", "kernel"], "order": "sequential", "unseen": "refuse"}
    main(**{**arguments, "settings": {**SETTINGS, "method": "covbat"}})
    metrics = main(**{**arguments, "settings": asked})
    assert metrics["auc_before"] > metrics["auc_after"]
    table["endpoint.y"] = (kernels == "soft").astype(float)
    table.to_parquet(arguments["table"])
    with pytest.raises(DataError, match="gives away the outcome 'y'"):
        main(**{**arguments, "settings": asked})
