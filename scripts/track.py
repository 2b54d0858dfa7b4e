"""Turn the study's records into MLflow runs: one writer, idempotent, never fatal to science."""

import fcntl
import json
import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.runner import redirect
from scripts.tables import read_rows

log = logging.getLogger(__name__)

DEFAULT_STORE = "results/mlflow.db"
# MLflow cuts longer values; params of a study that are longer are in the config artifact anyway.
LONGEST_PARAM = 500
HEADLINE = [
    "auc",
    "c_index",
    "ordinal_c",
    "m_auc",
    "count_c",
    "brier",
    "calibration_slope",
    "calibration_intercept",
]


def main(
    *,
    numbers: Path,
    html: Path,
    pdf: Path,
    metrics: list[Path],
    verdicts: list[Path],
    state: Path,
    study: str,
    experiment: str,
    config: dict[str, Any],
    logs: str,
    jobs: dict[str, list[str]],
    retry: str,
) -> dict[str, float]:
    """Write a parent run for the study as it stands, and a child for each step and model.

    `jobs` names those of rules with many jobs, so that records of earlier ones are passed over.
    `retry` changes after a failure, so that the next run tries again; the state keeps it, so that
    the run after that finds it as it was.
    """
    run = json.loads(numbers.read_text(encoding="utf-8"))["run_id"]
    try:
        with _one_writer():
            steps = _records(Path(logs), jobs)
            parent = _track(run, study, experiment, config, Path(logs), steps, metrics, verdicts)
            _artifacts(parent, [html, pdf, numbers], config)
        result = {"state": "ok", "run": run, "mlflow_run": parent}
    except Exception as error:
        # Tracking never fails science: say so, and let the next run catch up.
        # An address may hold a password.
        reason = re.sub(r"//[^/@\s]+@", "//", f"{type(error).__name__}: {error}")
        log.warning("MLflow could not be written (%s); the next run will try again", reason)
        result = {"state": "failed", "run": run, "reason": type(error).__name__}
    state.write_text(json.dumps(result | {"retry": retry}, indent=1) + "\n", encoding="utf-8")
    return {"tracked": float(result["state"] == "ok")}


def _store() -> str:
    """Return the address of the store: the team's, or a database beside the results."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path(DEFAULT_STORE).absolute()}"


@contextmanager
def _one_writer() -> Iterator[None]:
    """Hold a lock while writing: MLflow's first migration of a new database races otherwise.

    The lock lies beside an SQLite file, since studies of several folders may share it. A server
    has its database ready and takes several writers.
    """
    store = _store()
    if store.startswith(("http://", "https://")):
        yield
        return
    is_file = store.startswith("sqlite:///")
    shared = Path(store.removeprefix("sqlite:///") if is_file else DEFAULT_STORE)
    lock = shared.with_name(f".{shared.stem}.lock")
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _client() -> Any:
    # A server that is down must not hold up the study; the next run tries again anyway.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    # A line, and a request to a server, for each of hundreds of runs.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=_store())


def _track(
    run: str,
    study: str,
    experiment: str,
    config: dict[str, Any],
    logs: Path,
    steps: dict[str, list[dict[str, Any]]],
    metrics: list[Path],
    verdicts: list[Path],
) -> str:
    client = _client()
    home = _experiment(client, experiment or study)
    found = client.search_runs([home], f"tags.`rigoromics.run` = '{run}'", max_results=1)
    if found:
        log.info("Run %s is in MLflow already", run)
        return str(found[0].info.run_id)
    _remove_half_written(client, home, run)
    models = _model_metrics(metrics)
    sentences = _verdicts(verdicts)
    begun = {"mlflow.note.content": "", "rigoromics.begun": run}
    parent = client.create_run(home, run_name=f"{study} {run}", tags=begun)
    name = parent.info.run_id
    _log(client, name, _flat(config), _headlines(models))
    for key, sentence in sentences.items():
        client.set_tag(name, f"verdict.{key}", sentence)
    client.set_tag(name, "mlflow.note.content", "\n\n".join(sentences.values()))
    for step, records in steps.items():
        values = _step_metrics(records, logs)
        _child(client, home, name, step, "step", run, _step_params(records), values)
    for model, values in models.items():
        parts = dict(zip(("endpoint", "signature", "model"), model.split("/"), strict=True))
        _child(client, home, name, model, "model", run, parts, values)
    client.set_terminated(name)
    # Set last: a parent that a crash left half written is not taken for a complete one.
    client.set_tag(name, "rigoromics.run", run)
    return str(name)


def _remove_half_written(client: Any, home: str, run: str) -> None:
    """Delete what an attempt left that was cut off, with the runs below, before it is made anew."""
    for parent in client.search_runs([home], f"tags.`rigoromics.begun` = '{run}'"):
        name = parent.info.run_id
        below = f"tags.`mlflow.parentRunId` = '{name}'"
        while children := client.search_runs([home], below):
            for child in children:
                client.delete_run(child.info.run_id)
        client.delete_run(name)


def _experiment(client: Any, name: str) -> str:
    known = client.get_experiment_by_name(name)
    if known:
        return str(known.experiment_id)
    local = not os.environ.get("MLFLOW_TRACKING_URI")
    artifacts = Path("results/mlflow-artifacts").absolute().as_uri() if local else None
    from mlflow.exceptions import MlflowException

    try:
        return str(client.create_experiment(name, artifact_location=artifacts))
    except MlflowException:
        # Another study of the team may have made it in between.
        known = client.get_experiment_by_name(name)
        if known is None:
            raise
        return str(known.experiment_id)


def _child(
    client: Any,
    home: str,
    parent: str,
    name: str,
    kind: str,
    run: str,
    params: dict[str, Any],
    metrics: dict[str, float],
) -> None:
    tags = {"mlflow.parentRunId": parent, "rigoromics.kind": kind, "rigoromics.parent": run}
    child = client.create_run(home, run_name=name, tags=tags).info.run_id
    _log(client, child, params, metrics)
    client.set_terminated(child)


def _log(client: Any, run: str, params: dict[str, Any], metrics: dict[str, float]) -> None:
    from mlflow.entities import Metric, Param

    known = {k: str(v)[:LONGEST_PARAM] for k, v in params.items()}
    batch = [Param(key, value) for key, value in sorted(known.items())]
    values = [Metric(k, float(v), 0, 0) for k, v in sorted(metrics.items()) if v == v]
    # The client cuts it to what a request may hold.
    client.log_batch(run, params=batch, metrics=values)


def _records(logs: Path, jobs: dict[str, list[str]]) -> dict[str, list[dict[str, Any]]]:
    """Provenance records by rule; `logs` tells where, as the runner does."""
    folder = redirect(logs, "tracking/records")
    steps: dict[str, list[dict[str, Any]]] = defaultdict(list)
    wanted = {rule: set(names) for rule, names in jobs.items()}
    for path in sorted(folder.glob("*/*.json")):
        rule = path.parent.name
        if rule not in wanted or path.stem in wanted[rule]:
            steps[rule].append(json.loads(path.read_text(encoding="utf-8")))
    return steps


def _step_params(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Params, code and versions of a step; where its jobs differ, their number stands instead."""
    flat = [{**_flat(r["params"]), "code": r["code"], **_flat(r["versions"])} for r in records]
    if len(records) == 1:
        flat[0] |= {f"input.{k}": v for k, v in records[0]["inputs"].items()}
        flat[0] |= {f"output.{k}": v for k, v in records[0]["outputs"].items()}
    names = sorted({name for params in flat for name in params})
    values = {name: {str(params.get(name, "")) for params in flat} for name in names}
    return {n: next(iter(v)) if len(v) == 1 else f"{len(v)} values" for n, v in values.items()}


def _step_metrics(records: list[dict[str, Any]], logs: Path) -> dict[str, float]:
    metrics: dict[str, float] = defaultdict(float)
    metrics["jobs"] = len(records)
    for record in records:
        for name, value in record["metrics"].items():
            # Counts of several jobs add up; an AUC does not.
            if isinstance(value, int | float) and (len(records) == 1 or float(value).is_integer()):
                metrics[name] += value
        benchmark = redirect(logs, "benchmarks") / record["rule"] / f"{record['name']}.tsv"
        for name, value in _benchmark(benchmark).items():
            together = max if name == "max_rss_mb" else sum
            metrics[name] = together([metrics[name], value])
    return dict(metrics)


def _benchmark(path: Path) -> dict[str, float]:
    if not path.is_file():
        return {}
    row = next(iter(read_rows(path)), {})
    names = {"s": "wall_seconds", "cpu_time": "cpu_seconds", "max_rss": "max_rss_mb"}
    found = {new: float(row[old]) for old, new in names.items() if _number(row.get(old))}
    asked = path.with_suffix(".json")
    peak = json.loads(asked.read_text(encoding="utf-8")).get("peak_mb") if asked.is_file() else None
    if peak:
        found["max_rss_mb"] = max(found.get("max_rss_mb", 0.0), peak)
    return found


def _number(text: str | None) -> bool:
    try:
        return text is not None and float(text) == float(text)
    except ValueError:
        return False


def _model_metrics(tables: list[Path]) -> dict[str, dict[str, float]]:
    """Metrics of every endpoint, signature and model, by cohort and policy."""
    models: dict[str, dict[str, float]] = defaultdict(dict)
    for table in tables:
        for row in read_rows(table):
            name = f"{row['endpoint']}/{row['signature']}/{row['model']}"
            key = f"{row['metric']}.{row['cohort']}.{row['split']}.{row['policy']}"
            for part in ("estimate", "lower", "upper"):
                if _number(row[part]):
                    suffix = "" if part == "estimate" else f".{part}"
                    models[name][key.replace(" ", "_") + suffix] = float(row[part])
    return models


def _headlines(models: dict[str, dict[str, float]]) -> dict[str, float]:
    return {
        f"{model.replace('/', '.')}.{key}": value
        for model, values in models.items()
        for key, value in values.items()
        if key.split(".")[0] in HEADLINE
    }


def _verdicts(paths: list[Path]) -> dict[str, str]:
    return {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))["sentence"] for path in paths
    }


def _artifacts(run: str, files: list[Path], config: dict[str, Any]) -> None:
    import mlflow

    client = _client()
    for file in files:
        client.log_artifact(run, str(file))
    mlflow.set_tracking_uri(client.tracking_uri)
    client.log_dict(run, config, "config.json")


def _flat(tree: dict[str, Any], stem: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{stem}{key}"
        if isinstance(value, dict):
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = value
    return flat


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
