"""A study run once, and copies of it that tests may change."""

from pathlib import Path

import pytest

from tests.workflow.project import Project, new_project


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The quick study with a planted signal, run once; tests that change it copy it first."""
    project = new_project(tmp_path_factory.mktemp("planted") / "project")
    project.snakemake("--", "simulate")
    project.run()
    return project


@pytest.fixture
def copied(planted: Project, tmp_path: Path) -> Project:
    """A finished study that a test may change."""
    return planted.copy_to(tmp_path / "project")
