"""A study of an ordinal, a multiclass, a count and a competing endpoint, from table to paper."""

import json
import re
import shutil

import pandas as pd
import pytest

from rigoromics.config import load_study
from tests.unit.model.endpoints import (
    ENDPOINTS,
    MODELS,
    drawn,
    fit_and_validate,
    judged,
    permuted,
    study,
)
from tests.unit.report.conftest import write_paper
from tests.unit.report.fake_study import make_study, study_config

NAMES = ["stage", "type", "lesions", "relapse"]


def endpoints():
    found = {}
    for name in NAMES:
        own = {key: value for key, value in ENDPOINTS[name].items() if key != "name"}
        timed = own["type"] == "survival"
        found[name] = own | ({"time": "t", "event": "e"} if timed else {"column": name})
    return found


@pytest.fixture(scope="module")
def paper(tmp_path_factory, root):
    folder = tmp_path_factory.mktemp("types")
    make_study(folder, images=False, survival=False)
    for stale in ("validation", "model/metastasis"):
        shutil.rmtree(folder / stale)
    config = study_config(images=False, survival=False) | {"endpoints": endpoints()}
    config = load_study(config).model_dump(mode="json")
    study(folder / "model")
    for name in NAMES:
        endpoint, model = {"name": name, **config["endpoints"][name]}, MODELS[name][0]
        own, validation = folder / "model" / name, folder / "validation" / name
        own.mkdir()
        validation.mkdir(parents=True)
        fit_and_validate(folder / "model", own, endpoint, [model])
        permuted(folder / "model", own, endpoint, model, 2)
        judged(own, validation, endpoint, model)
        drawn(own, validation, folder / "paper/figures" / name, endpoint, model)
    (folder / "model/repeats.parquet").unlink()
    return write_paper(folder, config, root)


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_is_about_the_types_own_statistic(paper, name):
    verdict = json.loads((paper.parent / f"validation/{name}/verdict.json").read_text())
    words = {"stage": "ordinal C", "type": "M (multiclass AUC)", "lesions": "C of counts",
             "relapse": "C-index"}  # fmt: skip
    assert verdict["level"] == "none"
    assert words[name] in verdict["sentence"]
    sizes = {"stage": "in the smallest class", "type": "in the smallest class",
             "lesions": "counted", "relapse": "events"}  # fmt: skip
    assert sizes[name] in verdict["sentence"]
    # Two permutations cannot show anything; discrimination outside does.
    met = {reason["criterion"]: reason["met"] for reason in verdict["reasons"]}
    assert met["external discrimination"]
    assert not met["permuted outcomes"]


@pytest.mark.parametrize(
    "words",
    [
        "ordinal, with the levels F0, F1, F2 and F3",
        "one of the classes luminal, basal and her2",
        "is a count",
        "with competing events",
        "proportional-odds regression",
        "kappa, quadratic weights",
        "score test of proportional odds",
        "sensitivity was",
        "on average over classes",
        "of the Poisson deviance",
        "cumulative incidence at the horizon was",
        "AUC, F2 and above",
        "AUC, basal against the others",
        "in the smallest class",
    ],
)
def test_what_the_paper_says(paper, words):
    text = (paper / "report.html").read_text()
    assert words in " ".join(text.split())
    assert "nan" not in text.replace("nance", "").replace("finan", "").lower().split()


@pytest.mark.parametrize("name", NAMES)
def test_patients_are_counted_in_the_types_own_words(paper, name):
    text = re.sub(r"<[^>]+>", "", " ".join((paper / "report.html").read_text().split()))
    label = ENDPOINTS[name]["label"]
    sizes = {"stage": "in the smallest class", "type": "in the smallest class",
             "lesions": "counted"}  # fmt: skip
    parts = [
        rf"\d+ patients {where} \(\d+ {sizes[name]}\)"
        if name in sizes
        else rf"\d+ events in \d+ patients {where}"
        for where in ("in development", "outside")
    ]
    said = rf"{label[0].upper()}{label[1:]}: {' and '.join(parts)}\."
    assert len(re.findall(said, text)) == 1


def test_what_the_paper_does_not_say(paper):
    text = " ".join((paper / "report.html").read_text().split())
    for words in ("is binary (yes or no)", "DeLong's method [", "Youden", "Decision curves."):
        assert words not in text, words
    assert text.count("details.png") + text.count("type-details") > 0


def test_numbers_of_the_new_tables_have_an_origin(paper):
    numbers = json.loads((paper / "numbers.json").read_text())["numbers"]
    rows = pd.DataFrame(numbers)
    assert rows["row"].astype(str).str.contains("kappa_quadratic").any()
    assert rows["row"].astype(str).str.contains("deviance_explained").any()


def test_no_empty_figure_of_another_type_is_shown(paper):
    source = (paper / "manuscript.typ").read_text()
    assert "details.png" in source
    for name in ("precision_recall", "auc_over_time", "roc", "decision"):
        assert f"/{name}.png" not in source
