"""IBSI's phantoms through our engines: how many values are met, and none off without a proof."""

import shutil
from collections import Counter

import pandas as pd
import pytest

from rigoromics.extract.dictionary import facts
from rigoromics.ibsi import summary
from rigoromics.ibsi.compare import count
from scripts import ibsi

PHANTOM = "digital phantom"
# Matched and computed, diagnostics not counted.
FAST = {
    PHANTOM: (376, 379),
    "configuration A": (261, 262),
    "configuration B": (261, 262),
    "configuration C": (113, 145),
    "configuration D": (144, 145),
    "configuration E": (144, 145),
}
# PyRadiomics makes no texture of single slices.
PYRADIOMICS = FAST | {
    PHANTOM: (259, 262),
    "configuration A": (144, 145),
    "configuration B": (144, 145),
}
FILTERS = {f"filter {number}.{axes}": (14, 15) for number in range(1, 10) for axes in "AB"}
DEPARTURES = {
    **{("kurtosis, not excess kurtosis", dataset): 1 for dataset in FAST},
    ("axis lengths from n voxels, not n - 1", PHANTOM): 2,
    ("first grey level at the ROI's lowest bin", "configuration C"): 31,
}
FILTER_DEPARTURES = {("kurtosis, not excess kurtosis", dataset): 1 for dataset in FILTERS}


def counts(rows):
    """Dataset to numbers of values matched and computed."""
    found = {}
    for dataset in dict.fromkeys(row.reference.dataset for row in rows):
        features = (row for row in rows if row.reference.dataset == dataset)
        numbers = count(row for row in features if not row.reference.is_diagnostic)
        found[dataset] = (numbers["matched"], numbers["computed"])
    return found


def departures(rows):
    off = (row for row in rows if row.outcome == "known departure")
    return Counter((row.why, row.reference.dataset) for row in off)


def unexplained(rows):
    off = (row for row in rows if row.outcome == "unexplained")
    return [(row.reference.dataset, row.reference.tag, row.value) for row in off]


def test_fast_engine(fast):
    assert unexplained(fast) == []
    assert counts(fast) == FAST
    assert departures(fast) == DEPARTURES


def test_every_diagnostic_value_is_met(fast):
    stages = [row for row in fast if row.reference.is_diagnostic]
    assert [row.outcome for row in stages] == ["within tolerance"] * 300


def test_every_feature_of_ours_with_a_code_is_compared(fast):
    """A code in the dictionary says that the value is IBSI's: here it is or departs as known."""
    compared = {row.reference.code for row in fast if row.value is not None}
    assert {fact.ibsi_code for fact in facts().values()} - {""} <= compared


def test_the_page_is_in_step(fast, root):
    page = (root / "docs/reference/ibsi.md").read_text(encoding="utf-8")
    assert summary.OPENING in page
    assert summary.by_family(fast) in page


@pytest.mark.slow
def test_both_engines_with_filters_and_the_page(shared_data, root):
    runs = {engine: ibsi.conformance(shared_data, engine) for engine in ibsi.ENGINES}
    for engine, matched in (("pyradiomics", PYRADIOMICS), ("fast", FAST)):
        assert unexplained(runs[engine]) == []
        assert counts(runs[engine]) == matched | FILTERS
        assert departures(runs[engine]) == DEPARTURES | FILTER_DEPARTURES
    page = (root / "docs/reference/ibsi.md").read_text(encoding="utf-8")
    assert page == summary.page(runs), (
        "run `make ibsi` and copy results/ibsi/conformance.md to docs/reference/ibsi.md"
    )


@pytest.fixture
def digital_only(monkeypatch, shared_data, tmp_path):
    """The table of the digital phantom in a folder of its own, and a command that knows no more."""
    name = "ibsi_1_reference_values_digital_phantom.csv"
    monkeypatch.setattr(ibsi, "TABLES", {name: ibsi.TABLES[name]})
    shutil.copytree(shared_data / "ibsi1_digital_phantom", tmp_path / "ibsi1_digital_phantom")
    table = tmp_path / "ibsi1_reference_values" / name
    table.parent.mkdir()
    shutil.copy(shared_data / "ibsi1_reference_values" / name, table)
    return table


def run(table, engine="fast"):
    data = table.parents[1]
    return ibsi.main(["--data", str(data), "--out", str(data / "out"), "--engine", engine])


def last_row(said):
    """What the command said of all datasets."""
    (row, *_) = [line for line in said.splitlines() if line.startswith("| all")]
    return [int(cell) for cell in row.split("|")[2:-1]]


def test_the_command_writes_table_and_page(digital_only, capsys):
    assert run(digital_only, "both") == 0
    pyradiomics, fast = capsys.readouterr().out.split("Engine ")[1:]
    assert last_row(pyradiomics) == [259, 262, 482, 3, 0]
    assert last_row(fast) == [376, 379, 482, 3, 0]
    folder = digital_only.parents[1] / "out"
    table = pd.read_csv(folder / "conformance.tsv", sep="\t", dtype=str)
    assert table.groupby("engine").size().to_dict() == {"fast": 487, "pyradiomics": 487}
    row = table.set_index(["engine", "tag"]).loc["pyradiomics", "morph_pca_min_axis"]
    assert row[["ibsi_code", "consensus", "match"]].tolist() == [
        *("P9VJ", "≥ 10", "known departure")
    ]
    assert "Minor axis length" in (folder / "conformance.md").read_text(encoding="utf-8")


def test_the_command_fails_where_a_reference_is_another(digital_only, capsys):
    text = digital_only.read_text(encoding="utf-8-sig")
    line = next(line for line in text.splitlines() if line.endswith("cm_contrast_3D_avg"))
    digital_only.write_text(text.replace(line, line.replace("5.32", "5.33")), encoding="utf-8")
    assert run(digital_only) == 1
    assert last_row(capsys.readouterr().out) == [375, 379, 482, 3, 1]


def test_the_command_fails_where_an_engine_is_wrong(digital_only, monkeypatch, capsys):
    """Even where there is a known departure, and a little more is wrong."""
    real = ibsi.features

    def planted(*arguments):
        values = real(*arguments)
        return values | {"morph_pca_min_axis": values["morph_pca_min_axis"] * 1.02}

    monkeypatch.setattr(ibsi, "features", planted)
    assert run(digital_only) == 1
    assert last_row(capsys.readouterr().out) == [376, 379, 482, 2, 1]
    page = (digital_only.parents[1] / "out/conformance.md").read_text(encoding="utf-8")
    assert "Minor axis length" in page.partition("## Unexplained")[2].partition("##")[0]


def test_the_command_says_where_the_data_are_to_be_had(tmp_path, capsys):
    assert ibsi.main(["--data", str(tmp_path / "nowhere")]) == 2
    assert "theibsi/data_sets" in capsys.readouterr().err
    assert ibsi.main(["--data", str(tmp_path)]) == 2
    assert "ibsi_1_reference_values_digital_phantom.csv" in capsys.readouterr().err


def test_the_command_says_which_image_is_missing(digital_only, capsys):
    mask = digital_only.parents[1] / "ibsi1_digital_phantom/nifti/mask/mask.nii.gz"
    mask.unlink()
    assert run(digital_only) == 2
    assert "ibsi1_digital_phantom/nifti/mask/mask.nii.gz" in capsys.readouterr().err
