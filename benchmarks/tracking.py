"""A study of 10,000 cases and 500 models into MLflow: time, memory, a server down, two writers.

Run ``python -m benchmarks.tracking``. The records, benchmark files and metrics of such a study are
made up; the script of the rule `track` is the real one, in a process of its own. Servers are
MLflow's own, on this machine, with SQLite behind them. "One case a job" has a record for each of
20,000 jobs in place of 512.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

CASES = 10_000
MODELS = (5, 10, 10)  # endpoints, signatures, models
METRICS = ["auc", "brier", *(f"m{i}" for i in range(8))]
COHORTS = [
    ("development", "development_cv", "none"),
    *product(["external", "all external"], ["external"], ["none", "align"]),
]


COUNT = """
import sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
home = client.get_experiment_by_name("team").experiment_id
print(len(client.search_runs([home], max_results=50_000)))
"""


def main() -> None:
    """Print a row of the table per situation."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, nargs="+", default=[256, CASES], help="jobs a rule")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one)))
        return
    print("| what | state | s | of processor | MB | runs in the store |")
    print("|---|---|--:|--:|--:|--:|")
    for jobs in given.jobs:
        with tempfile.TemporaryDirectory() as folder:
            make_study(Path(folder), "s", jobs)
            words = f"{2 * jobs:,} records, SQLite"
            say(words, folder, *tracked(folder, ["s"]))
            say(f"{words}, again", folder, *tracked(folder, ["s"]))
    server_down_and_up(given.jobs[0])
    two_at_once(given.jobs[0])


def server_down_and_up(jobs: int) -> None:
    """A server that is not there, one that does not answer, and the same address when it does."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as deaf:
        make_study(Path(folder), "s", jobs)
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        say("server down: refused", folder, *tracked(folder, ["s"], port))
        deaf.listen(100)
        say("server down: never answers", folder, *tracked(folder, ["s"], port))
        deaf.close()
        with server(Path(folder), port):
            say("server back", folder, *tracked(folder, ["s"], port), port=port)


def two_at_once(jobs: int) -> None:
    """Two studies finish at once, into a database that is not there yet, and into a server."""
    for words, served in (("SQLite", False), ("a server", True)):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("s", "t"):
                make_study(Path(folder), name, jobs)
            with server(Path(folder), free_port()) if served else no_server() as port:
                took = tracked(folder, ["s", "t"], port)
                say(f"two studies at once, {words}", folder, *took, port=port)


def make_study(folder: Path, name: str, jobs: int, models: tuple[int, int, int] = MODELS) -> None:
    """Write what `track` reads of a finished study."""
    endpoints, *kinds = models
    results = folder / "results" / name
    record = {
        "params": {"settings": {f"setting{i}": i for i in range(40)}},
        "inputs": {"index": "0" * 64},
        "outputs": {"features": "0" * 64},
        "code": "1" * 64,
        "metrics": {"masks": 3, "problems": 0},
        "versions": {"numpy": "2"},
    }
    for rule in ("images", "extract"):
        for part in ("tracking/records", "benchmarks"):
            (results / part / rule).mkdir(parents=True)
        for job in range(jobs):
            path = results / f"tracking/records/{rule}/c{job}.json"
            path.write_text(json.dumps({**record, "rule": rule, "name": f"c{job}"}))
            path = results / f"benchmarks/{rule}/c{job}.tsv"
            path.write_text("s\tmax_rss\tcpu_time\n2.0\t100.0\t1.5\n")
    for number in range(endpoints):
        path = results / f"validation/e{number}/metrics.tsv"
        path.parent.mkdir(parents=True)
        rows = [
            (f"e{number}", f"s{s}", f"m{m}", *where, metric, "0.7", "0.6", "0.8")
            for s, m in product(*map(range, kinds))
            for where in COHORTS
            for metric in METRICS
        ]
        head = "endpoint signature model cohort split policy metric estimate lower upper"
        path.write_text("\n".join("\t".join(row) for row in [head.split(), *rows]) + "\n")
        path.with_name("verdict.json").write_text(json.dumps({"sentence": "No evidence."}))
    for file in ("report.html", "manuscript.pdf"):
        (results / file).write_bytes(b"x" * 5_000_000)
    (results / "numbers.json").write_text(json.dumps({"run_id": name}))


def one(name: str) -> dict[str, object]:
    """Track a study in this process, in the folder where it lies."""
    import resource

    from scripts.track import main as track

    results = Path("results") / name
    jobs = [path.stem for path in (results / "tracking/records/extract").iterdir()]
    start = time.perf_counter()
    track(
        numbers=results / "numbers.json",
        html=results / "report.html",
        pdf=results / "manuscript.pdf",
        metrics=sorted(results.glob("validation/*/metrics.tsv")),
        verdicts=sorted(results.glob("validation/*/verdict.json")),
        state=results / "tracking/mlflow.json",
        study=name,
        experiment="team",
        config={"name": name, **{f"key{i}": i for i in range(150)}},
        logs=f"{results}/logs",
        jobs={"images": jobs, "extract": jobs},
        retry="",
    )
    use = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "state": json.loads((results / "tracking/mlflow.json").read_text())["state"],
        "s": time.perf_counter() - start,
        "cpu": use.ru_utime + use.ru_stime,
        "mb": use.ru_maxrss / 1024,
    }


def tracked(
    folder: str, names: list[str], port: int | None = None
) -> tuple[list[str], float, float, float]:
    """Track studies at once; return states, seconds until all are done, and the dearest's CPU, MB.

    Without a port they write to the default store of their folder.
    """
    root = str(Path(__file__).parents[1])
    env = os.environ | {"MLFLOW_TRACKING_URI": address(port), "PYTHONPATH": root}
    command = [sys.executable, "-m", "benchmarks.tracking", "--one"]
    running = [
        subprocess.Popen([*command, name], cwd=folder, env=env, stdout=-1, stderr=-3, text=True)
        for name in names
    ]
    said = [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]
    return (
        [found["state"] for found in said],
        max(found["s"] for found in said),
        max(found["cpu"] for found in said),
        max(found["mb"] for found in said),
    )


def say(
    words: str,
    folder: str,
    states: list[str],
    seconds: float,
    cpu: float,
    megabytes: float,
    port: int | None = None,
) -> None:
    """Print a row, with the number of runs that the store holds then."""
    store = address(port) or f"sqlite:///{folder}/results/mlflow.db"
    runs = count(store) if port or Path(folder, "results/mlflow.db").is_file() else 0
    figures = f"{seconds:.1f} | {cpu:.1f} | {megabytes:.0f} | {runs:,}"
    print(f"| {words} | {', '.join(states)} | {figures} |", flush=True)


def count(store: str) -> int:
    """Return how many runs a store holds.

    In a process of its own: a child process begins with its parent's largest memory.
    """
    done = subprocess.run([sys.executable, "-c", COUNT, store], capture_output=True, text=True)
    return int(done.stdout)


def address(port: int | None) -> str:
    """Return a server's address; empty, where there is none."""
    return f"http://127.0.0.1:{port}" if port else ""


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def server(folder: Path, port: int) -> Iterator[int]:
    """Run MLflow's own server in a folder while the block lasts; yields its port."""
    store = f"sqlite:///{folder}/server.db"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--port", str(port), "--backend-store-uri", store]
    command += ["--artifacts-destination", str(folder / "served")]
    process = subprocess.Popen(command, cwd=folder, stdout=-3, stderr=-3, start_new_session=True)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        # The server has workers, in the session that it leads.
        os.killpg(process.pid, 15)
        process.wait()


@contextmanager
def no_server() -> Iterator[None]:
    """Stand where a server would."""
    yield None


if __name__ == "__main__":
    main()
