"""The audit script on a made-up study, and what the paper makes of it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from scripts import audit
from tests.unit.report.conftest import write_paper
from tests.unit.report.fake_study import make_study

SETTINGS = {"alpha": 0.05, "min_group": 5, "factors": [], "leave_out": [], "permutations": 199}


def _run(folder: Path, config: dict, **changes: object) -> dict[str, float]:
    out = folder / "audit"
    arguments = {
        "table": folder / "model/table.parquet",
        "cases": folder / "sheet/cases.tsv",
        "acquisition": folder / "sheet/acquisition.tsv",
        **{n: out / f"{n}.tsv" for n in ("differences", "factors", "variance", "batches")},
        "findings": out / "audit.json",
        "picture": out / "audit.png",
        "settings": SETTINGS,
        "endpoints": config["endpoints"],
        "batch": ["centre"],
        "retest_of": {"ct_retest": "ct"},
        "seed": 5,
    }
    return audit.main(**(arguments | changes))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A study whose centres A and B (development) differ in the kernel's effect on features."""
    folder = tmp_path_factory.mktemp("audited")
    config = make_study(folder)
    path = folder / "model/table.parquet"
    table = pd.read_parquet(path)
    acquired = pd.read_csv(folder / "sheet/acquisition.tsv", sep="\t", dtype=str)
    acquired["image"] = [f"CT-{number}" for number in range(len(acquired))]
    acquired.to_csv(folder / "sheet/acquisition.tsv", sep="\t", index=False)
    first = acquired.drop_duplicates(["patient", "scan"])
    cases = first[["patient", "cohort", "centre", "timepoint", "scan", "image"]]
    cases = cases.assign(include="yes", rater="r1")
    cases.to_csv(folder / "sheet/cases.tsv", sep="\t", index=False)
    features = [c for c in table if "_" in c and not c.startswith(("endpoint", "clinical"))]
    sharp = (table["study.centre"] == "A").to_numpy()
    for name in features[1:]:
        table[name] += 2.0 * sharp
    table.to_parquet(path)
    _run(folder, config)
    return folder, config


def test_tables_and_sentences(study: tuple[Path, dict]) -> None:
    folder, _ = study
    factors = pd.read_csv(folder / "audit/factors.tsv", sep="\t").set_index("factor")
    assert factors.loc["kernel", "changes_features"] == "yes"
    assert "kernel" in str(factors.loc["manufacturer", "note"])
    differences = pd.read_csv(folder / "audit/differences.tsv", sep="\t")
    cohorts = differences[differences["comparison"] == "cohorts"].set_index("factor")
    assert cohorts.loc["kernel", "finding"] == "separates"
    said = json.loads((folder / "audit/audit.json").read_text())["shouts"]
    assert "reconstruction kernel (with it slice thickness, " in said[0]
    # External outcomes are described and never shouted.
    assert not any("external" in text for text in said)


def test_same_inputs_give_the_same_bytes(study: tuple[Path, dict]) -> None:
    folder, config = study
    files = sorted((folder / "audit").iterdir())
    before = [path.read_bytes() for path in files]
    _run(folder, config)
    assert [path.read_bytes() for path in files] == before
    assert {path.suffix for path in files} == {".tsv", ".json", ".png", ".svg"}


def test_external_outcomes_change_nothing_but_their_own_description(
    study: tuple[Path, dict], tmp_path: Path
) -> None:
    folder, config = study
    table = pd.read_parquet(folder / "model/table.parquet")
    outside = table["study.role"] == "external"
    table.loc[outside, "endpoint.metastasis"] = 1 - table.loc[outside, "endpoint.metastasis"]
    features = [c for c in table if "_" in c and not c.startswith(("endpoint", "clinical"))]
    table.loc[outside, features] = 0.0
    table.to_parquet(tmp_path / "table.parquet")
    own = {n: tmp_path / f"{n}.tsv" for n in ("differences", "factors", "variance", "batches")}
    _run(folder, config, table=tmp_path / "table.parquet", findings=tmp_path / "audit.json",
         picture=tmp_path / "audit.png", **own)  # fmt: skip
    for name in ("factors.tsv", "variance.tsv", "batches.tsv", "audit.json", "audit.png"):
        assert (tmp_path / name).read_bytes() == (folder / "audit" / name).read_bytes(), name


def test_the_paper_shouts_first_and_tells_the_rest(study: tuple[Path, dict], root: Path) -> None:
    folder, config = study
    out = write_paper(folder, config, root)
    html = (out / "report.html").read_text()
    shout = html.index("The cohorts have no tube voltage or reconstruction kernel")
    assert shout < html.index("Key numbers")
    assert html.index("Confounded protocol") < shout
    assert 'id="acquisition"' in html
    assert 'id="figure-audit"' in html
    assert "Candidate batches for ComBat" in html
    assert "partial omega squared" in html
    source = (out / "manuscript.typ").read_text()
    assert source.index("Confounded protocol") < source.index("Abstract")
    assert (out / "manuscript.pdf").stat().st_size > 10_000
    numbers = json.loads((out / "numbers.json").read_text())["numbers"]
    assert any(number["table"] == "audit/factors.tsv" for number in numbers)


def test_a_study_without_acquisition_is_audited_to_nothing(tmp_path: Path, root: Path) -> None:
    config = make_study(tmp_path, images=False)
    table = pd.read_parquet(tmp_path / "model/table.parquet")
    rows = table[["patient"]].assign(cohort=table["study.cohort"], centre=table["study.centre"])
    (tmp_path / "sheet").mkdir(exist_ok=True)
    rows.to_csv(tmp_path / "sheet/acquisition.tsv", sep="\t", index=False)
    cases = rows.assign(include="yes", timepoint="baseline", scan="table", rater="r1")
    cases.to_csv(tmp_path / "sheet/cases.tsv", sep="\t", index=False)
    assert _run(tmp_path, config)["factors"] == 0
    html = (write_paper(tmp_path, config, root) / "report.html").read_text()
    assert 'id="acquisition"' not in html
    assert "Confounded protocol" not in html
