"""Made-up studies and their papers, made once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import figures, report
from tests.unit.report.fake_explored import explore
from tests.unit.report.fake_study import MODELS, make_study

KINDS = ["roc", "calibration", "decision", "kaplan_meier", "centres", "permutation", "selection",
         "controls", "precision_recall", "auc_over_time", "subgroups", "nomogram"]  # fmt: skip


def draw(folder: Path, config: dict) -> None:
    """Draw the figures of every endpoint of a study."""
    for name, endpoint in config["endpoints"].items():
        tables = folder / "validation" / name
        model = MODELS[endpoint["type"]][0]
        figures.main(
            **{key: tables / f"{key}.tsv" for key in
               ("metrics", "roc", "calibration", "decision", "kaplan_meier", "centres",
                "precision_recall", "auc_over_time", "subgroups")},
            description=folder / "model" / name / f"radiomics.{model}" / "signature.json",
            permutation=folder / "model" / name / "permutation.tsv",
            predictions=tables / "predictions.parquet",
            selection=folder / "model" / name / f"radiomics.{model}" / "selection.tsv",
            **{f"figure_{kind}": folder / "paper/figures" / name / f"{kind}.png" for kind in KINDS},
            endpoint=endpoint,
            primary={"signature": "radiomics", "model": model, "policy": "align"},
        )  # fmt: skip


def write_paper(folder: Path, config: dict, root: Path) -> Path:
    """Write a study's paper; return its folder."""
    out = folder / "paper"
    (out / "figures").mkdir(parents=True, exist_ok=True)

    def found(pattern: str) -> list[Path]:
        return sorted(folder.glob(pattern))

    report.main(
        table=folder / "model/table.parquet",
        flow=folder / "model/flow.tsv",
        exclusions=folder / "model/exclusions.tsv",
        problems=found("*/problems.tsv"),
        validation=[
            *found("validation/*/*.tsv"),
            *found("validation/*/verdict.json"),
            *found("model/*/permutation.tsv"),
            *found("model/*/lesions.tsv"),
            *found("model/*/optimism.tsv"),
        ],
        signatures=found("model/*/*/signature.json"),
        selections=found("model/*/*/selection.tsv"),
        locks=found("model/*/locks.tsv"),
        figures=found("paper/figures/*/*.png"),
        page=root / "report/report.html.j2",
        stylesheet=root / "report/report.css",
        template=root / "report/manuscript.typ",
        references=root / "report/references.bib",
        html=out / "report.html",
        pdf=out / "manuscript.pdf",
        typst_source=out / "manuscript.typ",
        bibliography=out / "references.bib",
        numbers=out / "numbers.json",
        flow_picture=out / "figures/flow.png",
        tables=out / "tables",
        pictures=out / "pictures",
        config=config,
        acquisition=found("sheet/acquisition.tsv"),
        agreement=found("images/*/agreement.tsv"),
        audit=[*found("audit/*.tsv"), *found("audit/audit.json")],
        audit_picture=found("audit/audit.png"),
        stability=found("stability/*.tsv"),
        dictionary=found("features/features.dictionary.tsv"),
        extraction=[root / "config/extraction/ct.yaml"],
        treatment_pictures=found("validation/*/treatment.png"),
        univariate=found("univariate/*/*"),
        genomics=[*found("genomics/associations.tsv"), *found("genomics/heat_map.png")],
    )
    return out


@pytest.fixture(scope="session")
def full_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """Two endpoints, images, an external cohort, all that can be explored; with figures."""
    folder = tmp_path_factory.mktemp("full")
    config = make_study(folder)
    explore(folder, config)
    draw(folder, config)
    return folder, config


@pytest.fixture(scope="session")
def full_paper(full_study: tuple[Path, dict], root: Path) -> Path:
    """The full study's paper."""
    return write_paper(*full_study, root)


@pytest.fixture
def paper_of(tmp_path: Path, root: Path) -> Callable[..., Path]:
    """Write the paper of a study made up on the spot, without figures."""

    def write(change: Callable[[Path, dict], None] | None = None, **choices: object) -> Path:
        config = make_study(tmp_path, **choices)
        if change:
            change(tmp_path, config)
        return write_paper(tmp_path, config, root)

    return write
