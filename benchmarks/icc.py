"""ICC of a whole feature table beside a loop over pingouin, the usual way.

Run ``python -m benchmarks.icc``. The loop is timed on a few features and scaled up to all of them:
its cost is the same for each.
"""

import argparse
import os
import platform
import time
import warnings

import numpy as np
import pandas as pd

from rigoromics.stability.icc import icc

FEATURES, SUBJECTS, RATERS = 1_500, 100, 30
REPEATS = 5


def measurements(features: int) -> np.ndarray:
    """Return features by subjects by raters, with true differences, rater shifts and noise."""
    rng = np.random.default_rng(1)
    subjects = rng.normal(size=(features, SUBJECTS, 1))
    raters = 0.3 * rng.normal(size=(features, 1, RATERS))
    return subjects + raters + 0.5 * rng.normal(size=(features, SUBJECTS, RATERS))


def time_ours(values: np.ndarray) -> float:
    """Return the best of some runs, in seconds."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        icc(values, "ICC(A,1)")
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def time_pingouin(values: np.ndarray) -> tuple[float, float]:
    """Return seconds per feature, and the largest difference of the estimates from ours."""
    import pingouin

    ours = icc(values, "ICC(A,1)").estimate
    subject, rater = np.indices(values.shape[1:]).reshape(2, -1)
    difference, start = 0.0, time.perf_counter()
    for feature, own in zip(values, ours, strict=True):
        table = pd.DataFrame({"subject": subject, "rater": rater, "value": feature.ravel()})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer = pingouin.intraclass_corr(table, "subject", "rater", "value")
        value = peer.set_index("Type").at["ICC(A,1)", "ICC"]
        difference = max(difference, abs(value - own))
    return (time.perf_counter() - start) / len(values), difference


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looped", type=int, default=40, help="features given to the loop")
    looped = parser.parse_args().looped
    values = measurements(FEATURES)
    ours = time_ours(values)
    each, difference = time_pingouin(values[:looped])
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"{FEATURES} features x {SUBJECTS} subjects x {RATERS} raters, ICC(A,1) with interval")
    print(f"rigoromics: {ours:.3f} s")
    print(f"pingouin, looped: {each * FEATURES:.1f} s ({looped} features timed, scaled up)")
    print(f"ratio: {each * FEATURES / ours:.0f}; largest difference: {difference:.1e}")


if __name__ == "__main__":
    main()
