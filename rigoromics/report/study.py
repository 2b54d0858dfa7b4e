"""Everything that the report is made from, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from rigoromics.report import rows as pick
from rigoromics.report.registry import Number, Registry, Source, SourcedTable
from rigoromics.report.wording import discrimination, is_survival, kind


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: its settings, its validation tables, its models."""

    name: str
    settings: Mapping[str, Any]
    tables: Mapping[str, SourcedTable]
    """metrics, comparisons, calibration, decision, roc, kaplan_meier, centres, reclassification,
    permutation; treatment, lesions, univariate and univariate_external where the study asks for
    them."""
    verdict: Mapping[str, Any]
    verdict_source: Source | None
    figures: Mapping[str, str]
    """Figure name to path relative to the report."""
    locks: SourcedTable | None = None
    signature: Mapping[str, Any] = field(default_factory=dict)
    """signature.json of the primary signature."""
    signature_source: Source | None = None
    selection: SourcedTable | None = None
    """selection.tsv of the primary signature."""
    primary: Mapping[str, str] = field(default_factory=dict)
    """Keys signature, model, policy."""

    @property
    def label(self) -> str:
        """What the paper calls it."""
        return str(self.settings["label"])

    @property
    def survival(self) -> bool:
        """Whether it is a time to an event."""
        return is_survival(self.settings)

    @property
    def kind(self) -> str:
        """Its type, or `competing`."""
        return kind(self.settings)

    @property
    def metric(self) -> str:
        """The metric of discrimination."""
        return discrimination(self.settings)

    def frame(self, name: str) -> pd.DataFrame:
        """Return a validation table, or an empty one."""
        return self.tables[name].frame if name in self.tables else pd.DataFrame()

    def selector(
        self, split: str, metric: str, signature: str = "", model: str = "", cohort: str = ""
    ) -> dict[str, str] | None:
        """Return what singles out one row of the metrics, or None where there is no such row.

        Parameters
        ----------
        split
            `development_cv` or `external`.
        metric
            Name of the metric.
        signature, model
            The primary ones unless said otherwise.
        cohort
            A cohort; empty: all patients of the split.
        """
        primary = {
            "signature": signature or self.primary["signature"],
            "model": model or self.primary["model"],
            "policy": self.primary["policy"],
        }
        rows = pick.of_primary(self.frame("metrics"), primary)
        rows = rows[(rows["metric"] == metric) & (rows["split"] == split)]
        wanted = cohort or pick.pooled_cohort(rows, split)
        rows = rows[rows["cohort"] == wanted]
        if len(rows) != 1:
            return None
        columns = ["signature", "model", "cohort", "split", "policy", "metric"]
        return {column: rows.iloc[0][column] for column in columns}


@dataclass(frozen=True)
class Extraction:
    """Feature settings of one scan, parsed, and the file they stand in."""

    scan: str
    settings: Mapping[str, Any]
    source: Source


@dataclass(frozen=True)
class StudyTables:
    """What a report is made from; what a study does not have is None or empty."""

    config: Mapping[str, Any]
    """The resolved config as plain types."""
    config_sha256: str
    versions: Mapping[str, str]
    numbers: Registry
    patients: SourcedTable
    """The analysis table, one row per patient."""
    flow: SourcedTable
    exclusions: SourcedTable
    problems: SourcedTable
    endpoints: tuple[Endpoint, ...]
    pictures: Mapping[str, str] = field(default_factory=dict)
    """flow, stability, harmonisation, audit, genomics: path relative to the report."""
    contact_sheets: tuple[str, ...] = ()
    acquisition: SourcedTable | None = None
    cases: SourcedTable | None = None
    agreement: SourcedTable | None = None
    audit: Mapping[str, SourcedTable] = field(default_factory=dict)
    """differences, factors, batches of the acquisition audit."""
    shouts: tuple[str, ...] = ()
    """Sentences of the audit that belong on the first page."""
    stability: SourcedTable | None = None
    stability_tables: Mapping[str, SourcedTable] = field(default_factory=dict)
    """survivors, overlap, sizes and sentences of the stability of features."""
    harmonisation: SourcedTable | None = None
    dictionary: SourcedTable | None = None
    genomics: SourcedTable | None = None
    """The strongest pairs of features and genes."""
    extraction: tuple[Extraction, ...] = ()
    files: tuple[tuple[str, str, str], ...] = ()
    """Path, SHA-256 and step of every file the report was made from."""

    def setting(self, path: str, text: str = "") -> Number:
        """Return a number of the config, at a dotted path; `text` says it in other words."""
        value: Any = self.config
        for part in path.split("."):
            value = value[part]
        source = Source("config.yaml, resolved", self.config_sha256, "config", "#settings")
        return self.numbers.setting(source, path, float(value), text)

    @property
    def from_images(self) -> bool:
        """Whether the study starts from images, not from feature tables."""
        return self.config.get("features") is None

    @property
    def simulated(self) -> bool:
        """Whether the patients are made up."""
        return self.config.get("simulation") is not None

    @property
    def cohorts(self) -> dict[str, str]:
        """Cohort to role, in the config's order."""
        return {name: str(c["role"]) for name, c in self.config["cohorts"].items()}

    @property
    def external(self) -> list[str]:
        """External cohorts."""
        return [name for name, role in self.cohorts.items() if role == "external"]

    @property
    def features(self) -> list[str]:
        """Feature columns of the analysis table."""
        other = ("study.", "clinical.", "endpoint.")
        columns = [str(c) for c in self.patients.frame.columns]
        return [c for c in columns if c != "patient" and not c.startswith(other)]

    def role(self, role: str) -> pd.DataFrame:
        """Return the patients whose cohort has a role."""
        return self.patients.frame[self.patients.frame["study.role"] == role]
