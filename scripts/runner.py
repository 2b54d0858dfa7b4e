"""The one place that knows Snakemake's script object.

A script is a `main` with keyword arguments named as its rule's inputs, outputs and params. `run`
sets up the rule's log file, hands the arguments over, says what a user did wrong without a
traceback, and writes the provenance record that `track` turns into an MLflow run.
"""

import inspect
import json
import logging
import os
import platform
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from rigoromics import __version__
from rigoromics.errors import DataError
from scripts.hashing import file_sha256, joint_sha256
from scripts.tables import write_if_changed

# Inputs that trigger jobs, but that `main` does not take: its own code, and files that it finds
# by other ways.
NOT_READ = {"code", "watched"}
# Params that stay out of the record: where a hospital's archive stands is nobody else's business.
NOT_RECORDED = {"archive"}
# Versions worth recording: the packages whose numbers end up in the paper.
PACKAGES = ["numpy", "pandas", "pyradiomics", "simpleitk", "scikit-learn", "scikit-survival"]


# Folders of this job whose file names may name a patient.
PRIVATE_FOLDERS: list[str] = []


class Redact(logging.Formatter):
    """Keep names that hospitals put into file paths out of logs (rule of evidence 9)."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the message with every path below a raw folder cut out."""
        return redact(super().format(record))


def redact(text: str) -> str:
    """Replace paths below a raw or private data folder by a placeholder, to the line's end.

    The job's own folders count, and any that are called `raw` or `private`.
    """
    for folder in PRIVATE_FOLDERS:
        text = re.sub(re.escape(folder) + r"/[^\n\"]+", "<private file>", text)
    return re.sub(r"[^\s'\"]*/(raw|private)/[^\n\"]+", r"<\1 file>", text)


def run(main: Callable[..., dict[str, Any] | None], snakemake: Any) -> None:
    """Run a script's `main` with what its rule names.

    Parameters
    ----------
    main
        The script's function; what it returns is the record's metrics.
    snakemake
        The object that Snakemake puts into a script.
    """
    for name in ("raw", "private"):
        folder = str(getattr(snakemake.params, name, "") or "")
        if folder:
            PRIVATE_FOLDERS.extend([str(Path(folder).absolute()), folder.rstrip("/")])
    log = Path(snakemake.log[0])
    _start_log(log)
    asked = _asked(snakemake)
    _write_resources(asked, log)
    arguments = _arguments(main, snakemake)
    try:
        metrics = main(**arguments)
    except DataError as error:
        logging.getLogger(snakemake.rule).error("%s", error)
        sys.exit(1)
    except Exception as error:
        what = _unexpected(error)
        logging.getLogger(snakemake.rule).error("Unexpected failure; please report it.\n%s", what)
        sys.exit(1)
    finally:
        _write_resources(asked | _used(), log)
    _write_record(snakemake, log, metrics or {})


def _unexpected(error: Exception) -> str:
    """Return where an error came from; of a step that reads raw data without its message.

    A message such as "could not convert 'MEYER^ANNA' to float" may quote a patient's header.
    """
    if not PRIVATE_FOLDERS:
        return traceback.format_exc()
    where = "".join(traceback.format_tb(error.__traceback__))
    return f"{where}{type(error).__name__} (its message may quote a patient and is left out)"


def _start_log(log: Path) -> None:
    handler = logging.FileHandler(log, mode="w", encoding="utf-8")
    handler.setFormatter(Redact("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    # pydicom's warnings quote header values, which may be a patient's.
    warnings.filterwarnings("ignore", module="pydicom")
    logging.getLogger("pydicom").setLevel(logging.ERROR)


def _arguments(main: Callable[..., Any], snakemake: Any) -> dict[str, Any]:
    """Return named inputs, outputs and params as arguments; a file becomes a Path."""
    arguments: dict[str, Any] = {}
    for group in (snakemake.input, snakemake.output):
        for name, value in group.items():
            if name not in NOT_READ:
                arguments[name] = _paths(value)
    wanted = inspect.signature(main).parameters
    for name, value in snakemake.params.items():
        is_path = name in wanted and wanted[name].annotation is Path
        arguments[name] = Path(value) if is_path else value
    if "threads" in wanted:
        arguments["threads"] = snakemake.threads
    return arguments


def _paths(value: Any) -> Path | list[Path]:
    return Path(value) if isinstance(value, str) else [Path(item) for item in value]


def _asked(snakemake: Any) -> dict[str, Any]:
    """Return when the job began and what it may take."""
    return {
        "started": time.time(),
        "mem_mb": snakemake.resources.get("mem_mb"),
        "runtime": snakemake.resources.get("runtime"),
        "threads": snakemake.threads,
    }


def _used() -> dict[str, Any]:
    """Return what the job took; the benchmark looks now and then, and misses the most memory."""
    spent = os.times()
    return {
        "peak_mb": peak_mb(),
        "cpu_s": spent.user + spent.system + spent.children_user + spent.children_system,
    }


def _write_resources(resources: dict[str, Any], log: Path) -> None:
    """Write resources beside the job's benchmark, for `scripts.jobs`."""
    path = redirect(log, "benchmarks").with_suffix(".json")
    write_if_changed(path, json.dumps(resources, default=str).encode())


def peak_mb() -> float | None:
    """Return the most memory this process ever held, in MB (2**20 bytes); None if not on Linux.

    `getrusage` would not do: after a fork it begins with what the parent held.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    (line,) = (row for row in status.read_text().splitlines() if row.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _write_record(snakemake: Any, log: Path, metrics: dict[str, Any]) -> None:
    """Write what ran, on what, with what, giving what: one JSON file a job."""
    inputs = {name: value for name, value in snakemake.input.items() if name != "code"}
    record = {
        "rule": snakemake.rule,
        "name": log.stem,
        "wildcards": dict(snakemake.wildcards.items()),
        "params": {
            k: v
            for k, v in snakemake.params.items()
            if k not in NOT_RECORDED and not _is_private(v)
        },
        "inputs": _hashes(inputs),
        "outputs": _hashes(dict(snakemake.output.items())),
        "code": _hash_of_files(snakemake.input.get("code", [])),
        "metrics": metrics,
        "threads": snakemake.threads,
        "machine": {"python": platform.python_version(), "system": platform.system()},
        "versions": {"rigoromics": __version__, **{p: metadata.version(p) for p in PACKAGES}},
    }
    path = Path(redirect(log, "tracking/records").with_suffix(".json"))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(redact(json.dumps(record, indent=1, sort_keys=True, default=str)) + "\n")
    os.replace(temporary, path)


def redirect(log: Path, folder: str) -> Path:
    """Return the path beside a log, in another folder of the same study's results."""
    parts = list(log.parts)
    parts[parts.index("logs")] = folder
    return Path(*parts)


def _is_private(value: Any) -> bool:
    """Rows of the case sheet are data, not settings; their digest is recorded as an input."""
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _hashes(files: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in files.items():
        paths = [value] if isinstance(value, str) else list(value)
        found[name] = _hash_of_files(paths)
    return found


def _hash_of_files(paths: list[str]) -> str:
    """SHA-256 of a file, or of the hashes of several in their order; folders do not count."""
    hashes = [file_sha256(Path(path)) for path in paths if Path(path).is_file()]
    return hashes[0] if len(hashes) == 1 else joint_sha256(hashes)
