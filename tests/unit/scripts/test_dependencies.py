import os
import re
import subprocess
from pathlib import Path

import pytest

from scripts import dependencies


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small project whose modules import each other in every way that Python knows."""
    files = {
        "scripts/step.py": "import rigoromics.a\nfrom scripts.helper import x\nimport numpy",
        "scripts/helper.py": "x = 1",
        "rigoromics/__init__.py": "",
        "rigoromics/a.py": "from rigoromics import b\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from rigoromics import only_types",
        "rigoromics/b.py": "def f():\n    from rigoromics.sub.c import y",
        "rigoromics/sub/__init__.py": "",
        "rigoromics/sub/c.py": "from rigoromics import a  # a circle",
        "rigoromics/only_types.py": "",
        "rigoromics/unused.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    dependencies.code_of.cache_clear()
    dependencies._imports.cache_clear()
    yield tmp_path
    dependencies.code_of.cache_clear()
    dependencies._imports.cache_clear()


def test_finds_the_transitive_imports_and_nothing_else(project):
    assert dependencies.code_of("scripts/step.py") == [
        "rigoromics/__init__.py",
        "rigoromics/a.py",
        "rigoromics/b.py",
        "rigoromics/sub/__init__.py",
        "rigoromics/sub/c.py",
        "scripts/helper.py",
        "scripts/step.py",
    ]


def test_every_rule_declares_the_code_of_its_own_script(root):
    """Rule files are read as text: each `script:` must stand with `code=code_of(<the same>)`."""
    seen = 0
    for path in sorted(Path(root, "rules").glob("*.smk")):
        for rule in re.split(r"(?m)^rule ", path.read_text())[1:]:
            script = re.search(r'script:\s*"\.\./(scripts/\w+\.py)"', rule)
            # Raw data are never made anew because code changed.
            if script and not rule.startswith("simulate:"):
                assert re.search(f'code=code_of\\("{script[1]}"', rule), f"{path.name}: {rule[:30]}"
                assert (root / script[1]).is_file()
                seen += 1
    assert seen > 10


def test_every_rule_says_what_it_does_and_needs(root):
    wanted = ["message:", "log:", "benchmark:", "threads:", "mem_mb=memory(", "runtime=minutes"]
    for path in sorted(Path(root, "rules").glob("*.smk")):
        for rule in re.split(r"(?m)^rule ", path.read_text())[1:]:
            # The sheet and the retrieval have no outputs, and a benchmark would be one.
            free = {"benchmark:"} if rule.startswith(("sheet:", "fetch:")) else set()
            missing = [word for word in wanted if word not in rule and word not in free]
            assert not missing, f"{path.name}: {rule.split(':')[0]} lacks {missing}"


def test_no_script_of_a_rule_has_a_future_import(root: Path):
    """Snakemake puts lines of its own before a script's; after these it would be a SyntaxError."""
    rules = "".join(path.read_text() for path in (root / "rules").glob("*.smk"))
    scripts = set(re.findall(r'"\.\./(scripts/\w+\.py)"', rules))
    assert len(scripts) > 20
    assert [name for name in scripts if "from __future__" in (root / name).read_text()] == []


@pytest.fixture
def record(project):
    """Return a function that writes the record of the small project's script and reads it."""

    def write(*data: str, write: bool = True) -> str:
        dependencies.code_of.cache_clear()
        dependencies._imports.cache_clear()
        dependencies._hash_of.cache_clear()
        path = dependencies.code_record("scripts/step.py", data, Path("results/code"), write)
        assert path == "results/code/step.sha256"
        return Path(path).read_text()

    return write


def test_the_record_of_the_code_is_what_sha256sum_writes(record, project):
    (project / "table.tsv").write_text("a\tb\n")
    lines = record("table.tsv").splitlines()
    checked = subprocess.run(
        ["sha256sum", "--check", "--quiet", "results/code/step.sha256"], check=False
    )
    assert checked.returncode == 0
    assert [line.split()[1] for line in lines] == [
        *dependencies.code_of("scripts/step.py")[:5],
        "scripts/helper.py",
        "scripts/step.py",
        "table.tsv",
    ]


def test_the_record_is_written_anew_only_when_the_code_changed(record, project):
    path = project / "results/code/step.sha256"
    before = record()
    os.utime(path, (1, 1))
    (project / "rigoromics/unused.py").write_text("z = 1")
    (project / "rigoromics/a.py").touch()
    assert record() == before
    assert path.stat().st_mtime == 1
    (project / "rigoromics/sub/c.py").write_text("y = 2")
    assert record(write=False) == before
    assert record() != before
    assert path.stat().st_mtime > 1
