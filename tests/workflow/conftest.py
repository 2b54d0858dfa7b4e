"""A study run once, and copies of it that tests may change."""

from pathlib import Path

import pytest

from tests.workflow.canary import with_canaries
from tests.workflow.project import Project


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The quick study with a planted signal, run once; tests that change it copy it first.

    Its raw data carry canaries too: one run serves the tests of results and those of privacy.
    """
    project = with_canaries(tmp_path_factory.mktemp("planted") / "project")
    project.run()
    return project


@pytest.fixture
def copied(planted: Project, tmp_path: Path) -> Project:
    """A finished study that a test may change."""
    return planted.copy_to(tmp_path / "project")
