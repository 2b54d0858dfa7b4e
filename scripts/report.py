"""The paper: HTML report, PDF manuscript, its source, and every number with its origin."""

import json
import logging
import os
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from rigoromics import __version__
from rigoromics.report import paper
from rigoromics.report.bibliography import references as read_references
from rigoromics.report.flow_figure import flow_figure
from rigoromics.report.html_page import render_html
from rigoromics.report.pdf import compile_pdf
from rigoromics.report.registry import Registry, Source, SourcedTable
from rigoromics.report.rows import typed
from rigoromics.report.study import Endpoint, Extraction, StudyTables
from rigoromics.report.style import save
from rigoromics.report.typst_source import render_typst
from rigoromics.report.wording import kind
from scripts.hashing import file_sha256, text_sha256
from scripts.tables import read_tsv

log = logging.getLogger(__name__)

Files = Path | list[Path] | None
# Tables whose rows are patients are not copied into the paper's folder.
PATIENTS = {"exclusions.tsv", "problems.tsv", "import_problems.tsv", "acquisition.tsv",
            "agreement.tsv"}  # fmt: skip
MOST_SHEETS = 6
# A picture larger than this as SVG is shown as PNG.
LARGEST_SVG = 400_000
PACKAGES = ["pyradiomics", "SimpleITK", "scikit-learn", "scikit-survival", "numpy", "pandas",
            "snakemake"]  # fmt: skip


def main(
    *,
    table: Path,
    flow: Path,
    exclusions: Path,
    problems: Files,
    validation: list[Path],
    signatures: list[Path],
    selections: list[Path],
    locks: list[Path],
    figures: list[Path],
    page: Path,
    stylesheet: Path,
    template: Path,
    references: Path,
    html: Path,
    pdf: Path,
    typst_source: Path,
    bibliography: Path,
    numbers: Path,
    flow_picture: Path,
    tables: Path,
    pictures: Path,
    config: dict[str, Any],
    acquisition: Files = None,
    agreement: Files = None,
    audit: Files = None,
    audit_picture: Files = None,
    stability: Files = None,
    stability_picture: Files = None,
    harmonisation: Files = None,
    harmonisation_picture: Files = None,
    dictionary: Files = None,
    extraction: Files = None,
    treatment_pictures: Files = None,
    univariate: Files = None,
    genomics: Files = None,
    contact_sheets: list[str] | None = None,
) -> dict[str, float]:
    """Read all tables, write the paper.

    Parameters
    ----------
    validation
        Tables and verdict.json of all endpoints; the folder's name is the endpoint.
    signatures, selections
        signature.json and selection.tsv of the primary signatures; the endpoint is the name of
        the folder above `<signature>.<model>`.
    locks
        locks.tsv; the folder's name is the endpoint.
    figures, treatment_pictures
        PNG files; the folder's name is the endpoint. SVG files beside them are used too.
    univariate
        features.tsv, external.tsv and picture of each endpoint tested; the folder's name is the
        endpoint.
    genomics
        associations.tsv and heat map.
    tables, pictures
        Folders for copies of tables and pictures, so that the paper's folder is complete.
    """
    build = _Builder(html.parent.parent, tables, pictures, html.parent)
    save(_flow(flow, exclusions, config), flow_picture)
    fitted = {"validation": validation, "signatures": signatures, "selections": selections,
              "locks": locks, "figures": figures, "univariate": _list(univariate),
              "treatment": _list(treatment_pictures)}  # fmt: skip
    optional = _optional(build, {"acquisition": acquisition, "agreement": agreement,
                                 "audit": audit, "stability": stability,
                                 "harmonisation": harmonisation, "dictionary": dictionary,
                                 "genomics": genomics})  # fmt: skip
    patients = {"patients": build.table(table, "analysis_table"),
                "flow": build.table(flow, "analysis_table"),
                "exclusions": build.table(exclusions, "analysis_table"),
                "problems": build.joined(_list(problems), "assemble")}  # fmt: skip
    endpoints = tuple(build.endpoint(name, config, fitted) for name in config["endpoints"])
    shown = _pictures(build, flow_picture, {"audit": audit_picture, "stability": stability_picture,
                                            "harmonisation": harmonisation_picture,
                                            "genomics": genomics})  # fmt: skip
    sheets = [build.copy(path) for path in _drawn(contact_sheets)[:MOST_SHEETS]]
    settings = _extraction(config, _list(extraction))
    parts = {**patients, **optional, "endpoints": endpoints, "pictures": shown,
             "contact_sheets": tuple(sheets), "extraction": settings}  # fmt: skip
    study = _study(build, config, parts)
    _write_html(study, build, page, stylesheet, references, html)
    shutil.copyfile(references, bibliography)
    _write_manuscript(study, template, typst_source, pdf)
    return _write_numbers(study, numbers)


def _optional(build: "_Builder", given: dict[str, Files]) -> dict[str, Any]:
    """Read the tables that a study may lack."""
    agreement, audit = _list(given["agreement"]), _list(given["audit"])
    judged = {path.stem: build.table(path, "stability") for path in _list(given["stability"])}
    return {
        "acquisition": build.optional(given["acquisition"], "sheet"),
        "agreement": build.joined(agreement, "assemble") if agreement else None,
        "audit": {p.stem: build.table(p, "audit") for p in _tables_of(audit)},
        "shouts": _shouts(build, audit),
        "stability": judged.pop("stability", None),
        "stability_tables": judged,
        "harmonisation": build.optional(given["harmonisation"], "harmonisation"),
        "dictionary": build.optional(given["dictionary"], "assemble"),
        "genomics": build.optional(_tables_of(_list(given["genomics"])), "genomics"),
    }


def _study(build: "_Builder", config: dict[str, Any], parts: dict[str, Any]) -> StudyTables:
    """Put together what was read, with hashes and versions; by now every file has been read."""
    study = StudyTables(
        config=config,
        config_sha256=text_sha256(json.dumps(config, sort_keys=True)),
        versions={"rigoromics": __version__, **{p: metadata.version(p) for p in PACKAGES}},
        numbers=Registry(),
        **parts,
        files=tuple(sorted(build.files)),
    )
    study.numbers.run = _run_id(study)
    return study


def _pictures(build: "_Builder", flow: Path, given: dict[str, Files]) -> dict[str, str]:
    """Return where the paper finds each picture of the whole study."""
    found = {"flow": flow.relative_to(build.paper).as_posix()}
    for name, files in given.items():
        found |= build.picture(name, files)
    return found


def _write_manuscript(study: StudyTables, template: Path, source: Path, pdf: Path) -> None:
    text = render_typst(paper.manuscript(study), template.read_text(encoding="utf-8"))
    source.write_text(text, encoding="utf-8")
    compile_pdf(source, pdf)


def _run_id(study: StudyTables) -> str:
    """Return a name for this run that says what it was made from, not when."""
    everything = "".join([study.config_sha256, *(sha256 for _, _, sha256 in study.files)])
    return text_sha256(everything)[:12]


def _write_numbers(study: StudyTables, path: Path) -> dict[str, float]:
    records = study.numbers.records()
    content = {
        "run_id": study.numbers.run,
        "config_sha256": study.config_sha256,
        "numbers": records,
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")
    log.info("%d numbers, each with its table", len(records))
    return {"numbers": len(records)}


class _Builder:
    """Reads files, and remembers their hashes and where the report's reader finds them."""

    def __init__(self, root: Path, tables: Path, pictures: Path, paper: Path) -> None:
        self.root, self.tables, self.pictures, self.paper = root, tables, pictures, paper
        self.files: list[tuple[str, str, str]] = []
        tables.mkdir(parents=True, exist_ok=True)
        pictures.mkdir(parents=True, exist_ok=True)

    def source(self, path: Path, step: str) -> Source:
        """Hash a file, copy it beside the paper unless its rows are patients."""
        name = path.resolve().relative_to(self.root.resolve()).as_posix()
        sha256 = file_sha256(path)
        self.files.append((name, step, sha256))
        if path.suffix == ".parquet" or path.name in PATIENTS:
            return Source(name, sha256, step, Path(os.path.relpath(path, self.paper)).as_posix())
        copy = self.tables / name.replace("/", ".")
        shutil.copyfile(path, copy)
        return Source(name, sha256, step, copy.relative_to(self.paper).as_posix())

    def table(self, path: Path, step: str) -> SourcedTable:
        """Read a table."""
        return SourcedTable(_read(path), self.source(path, step))

    def optional(self, files: Files, step: str) -> SourcedTable | None:
        """Read a table that a study may lack."""
        paths = _list(files)
        return self.table(paths[0], step) if paths else None

    def joined(self, paths: list[Path], step: str) -> SourcedTable:
        """Read several tables as one; its hash is that of their hashes, in order."""
        parts = [self.table(path, step) for path in paths]
        if len(parts) == 1:
            return parts[0]
        frames = [part.frame for part in parts if len(part.frame)]
        empty = parts[0].frame if parts else pd.DataFrame()
        frame = pd.concat(frames, ignore_index=True).drop_duplicates() if frames else empty
        hashes = "".join(part.source.sha256 for part in parts)
        name = " + ".join(part.source.name for part in parts[:2])
        name += f" + {len(parts) - 2} more" if len(parts) > 2 else ""
        return SourcedTable(frame, Source(name, text_sha256(hashes), step))

    def endpoint(
        self, name: str, config: dict[str, Any], fitted: dict[str, list[Path]]
    ) -> Endpoint:
        """Gather what there is of one endpoint."""
        settings = config["endpoints"][name]
        model = config["models"][kind(settings)][0]
        primary = {
            "signature": config["models"]["primary"],
            "model": model,
            "policy": config["harmonisation"]["unseen"],
        }
        folder = f"{primary['signature']}.{model}"
        own = [path for path in fitted["validation"] if path.parent.name == name]
        alone = [path for path in fitted["univariate"] if path.parent.name == name]
        beside = [p for p in (*fitted["treatment"], *alone)
                  if p.parent.name == name and p.suffix == ".png"]  # fmt: skip
        verdicts = [path for path in own if path.name == "verdict.json"]
        verdict_source = self.source(verdicts[0], "evaluate") if verdicts else None
        chosen = _of_signature(fitted["signatures"], name, folder)
        selection = _of_signature(fitted["selections"], name, folder)
        locked = [path for path in fitted["locks"] if path.parent.name == name]
        return Endpoint(
            name=name,
            settings=settings,
            tables={p.stem: self.table(p, _STEPS.get(p.stem, "evaluate"))
                    for p in own if p.suffix == ".tsv"}
            | {_UNIVARIATE[p.stem]: self.table(p, "univariate") for p in _tables_of(alone)},
            verdict=json.loads(verdicts[0].read_text(encoding="utf-8")) if verdicts else {},
            verdict_source=verdict_source,
            figures={p.stem: p.relative_to(self.paper).as_posix()
                     for p in fitted["figures"] if p.parent.name == name}
            | {p.stem: self.copy(p, f"{name}.{p.stem}") for p in beside},
            locks=self.table(locked[0], "lock") if locked else None,
            signature_source=self.source(chosen[0], "fit") if chosen else None,
            signature=json.loads(chosen[0].read_text(encoding="utf-8")) if chosen else {},
            selection=self.table(selection[0], "fit") if selection else None,
            primary=primary,
        )  # fmt: skip

    def picture(self, name: str, files: Files) -> dict[str, str]:
        """Copy a picture that a study may lack."""
        paths = [path for path in _list(files) if path.suffix == ".png"]
        return {name: self.copy(paths[0])} if paths else {}

    def copy(self, path: Path, name: str = "") -> str:
        """Copy a PNG, and the SVG beside it, into the paper's folder; return its place there."""
        name = name or path.stem
        for one in (path, path.with_suffix(".svg")):
            if one.is_file():
                shutil.copyfile(one, self.pictures / f"{name}{one.suffix}")
        return (self.pictures / f"{name}.png").relative_to(self.paper).as_posix()

    def load(self, path: str) -> tuple[str, bytes]:
        """Return media type and bytes of a picture for the HTML: SVG where it is small."""
        png = self.paper / path
        svg = png.with_suffix(".svg")
        if svg.is_file() and svg.stat().st_size <= LARGEST_SVG:
            return "image/svg+xml", svg.read_bytes()
        return "image/png", png.read_bytes()


_STEPS = {
    "permutation": "permute",
    "random_features": "random_features",
    "treatment": "treatment",
    "lesions": "lesions",
    "optimism": "optimism",
}
# What a table of the univariate corner is called among those of its endpoint.
_UNIVARIATE = {"features": "univariate", "external": "univariate_external"}


def _write_html(
    study: StudyTables, build: _Builder, page: Path, stylesheet: Path, references: Path, html: Path
) -> None:
    text = render_html(
        paper.report(study),
        page.read_text(encoding="utf-8"),
        stylesheet.read_text(encoding="utf-8"),
        build.load,
        read_references(references.read_text(encoding="utf-8")),
        study.numbers.run,
    )
    html.write_text(text, encoding="utf-8")


def _of_signature(paths: list[Path], endpoint: str, folder: str) -> list[Path]:
    return [p for p in paths if p.parent.name == folder and p.parent.parent.name == endpoint]


def _flow(flow: Path, exclusions: Path, config: dict[str, Any]) -> Any:
    roles = {name: cohort["role"] for name, cohort in config["cohorts"].items()}
    labels = {name: endpoint["label"] for name, endpoint in config["endpoints"].items()}
    return flow_figure(_read(flow), _read(exclusions), roles, labels)


def _extraction(config: dict[str, Any], paths: list[Path]) -> tuple[Extraction, ...]:
    found = []
    for scan, settings in config["scans"].items():
        name = Path(settings["extraction"] or "").name
        for path in paths:
            if path.name == name:
                source = Source(path.as_posix(), file_sha256(path), "config")
                found.append(Extraction(scan, yaml.safe_load(path.read_bytes()), source))
    return tuple(found)


def _read(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path) if path.suffix == ".parquet" else typed(read_tsv(path))


def _drawn(sheets: list[str] | None) -> list[Path]:
    """Contact sheets that are there: a scan that was refused has none."""
    return [Path(sheet) for sheet in sorted(sheets or []) if Path(sheet).is_file()]


def _shouts(build: _Builder, files: list[Path]) -> tuple[str, ...]:
    """What the acquisition audit says must stand on the first page."""
    said: list[str] = []
    for path in files:
        if path.suffix == ".json":
            build.source(path, "audit")
            said += json.loads(path.read_text(encoding="utf-8"))["shouts"]
    return tuple(said)


def _tables_of(files: list[Path]) -> list[Path]:
    return [path for path in files if path.suffix == ".tsv"]


def _list(files: Files) -> list[Path]:
    if files is None:
        return []
    return [files] if isinstance(files, Path) else list(files)


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
