"""Run the real workflow in a copy of the project, as a user would."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CODE = ["Snakefile", "config", "rules", "scripts", "rigoromics", "profiles", "envs", "report"]
QUICK = Path(__file__).parent / "quick.yaml"


@dataclass
class Project:
    """A copy of the project in a folder of its own, with one study."""

    folder: Path
    config: str = "quick.yaml"

    @property
    def name(self) -> str:
        """The study's name."""
        return yaml.safe_load((self.folder / self.config).read_text())["name"]

    @property
    def results(self) -> Path:
        """The study's results."""
        return self.folder / "results" / self.name

    def snakemake(
        self, *arguments: str, cores: int = 2, check: bool = True, store: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake, tracked in `store` if given; a failure shows what it said."""
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
        command += ["--configfile", self.config, *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"MLFLOW_TRACKING_URI": store},
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
        return done

    def run(self, cores: int = 2) -> None:
        """Sheet, then the whole study."""
        self.snakemake("--", "sheet", cores=cores)
        self.snakemake(cores=cores)

    def planned(self, *arguments: str) -> dict[str, int]:
        """What a dry run would do: rule to number of jobs."""
        said = self.snakemake("-n", *arguments)
        text = said.stdout + said.stderr
        if "Nothing to be done" in text:
            return {}
        table = re.search(r"Job stats:\n(?:.*\n){2}((?:\w+\s+\d+\n)+)", text)
        assert table, text[-3000:]
        jobs = dict(line.split() for line in table[1].splitlines())
        return {rule: int(n) for rule, n in jobs.items() if rule not in ("total", "all")}

    def copy_to(self, folder: Path) -> "Project":
        """The same project with all data, results and Snakemake's memory, elsewhere."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder, self.config)

    def edit_config(self, **changes: object) -> None:
        """Change top-level parts of the study's config; mappings are updated, not replaced."""
        path = self.folder / self.config
        config = yaml.safe_load(path.read_text())
        for key, value in changes.items():
            old = config.get(key)
            config[key] = {**old, **value} if isinstance(old, dict) else value
        path.write_text(yaml.safe_dump(config, sort_keys=False))


def new_project(folder: Path, **changes: object) -> Project:
    """A fresh copy of the project's own files, with the quick study."""
    folder.mkdir(parents=True)
    for name in CODE:
        source = ROOT / name
        if source.is_dir():
            # Compiled modules and kernels come along: each project would spend seconds on its own.
            shutil.copytree(source, folder / name)
        else:
            shutil.copy(source, folder / name)
    shutil.copy(QUICK, folder / "quick.yaml")
    project = Project(folder)
    project.edit_config(**changes)
    return project
