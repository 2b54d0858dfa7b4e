"""Stability of a whole feature table beside a loop over pingouin, the usual way.

Run ``python -m benchmarks.icc``. The loop is timed on a few features and scaled up to all of them:
its cost is the same for each. Missing: a tenth of the measurements, the same for all features (a
contour that was not drawn), or others for each (a value that could not be computed). pingouin
drops patients with a missing value, so it is timed on complete data only.
"""

import argparse
import functools
import os
import platform
import time
import warnings

import numpy as np
import pandas as pd

from benchmarks.timing import seconds
from rigoromics.stability.concordance import concordance
from rigoromics.stability.icc import icc
from rigoromics.stability.precision import precision

FEATURES, SUBJECTS, RATERS = 1_500, 100, 30
MISSING = 0.1


def measurements(features: int) -> np.ndarray:
    """Return features by subjects by raters, with true differences, rater shifts and noise."""
    rng = np.random.default_rng(1)
    subjects = rng.normal(size=(features, SUBJECTS, 1))
    raters = 0.3 * rng.normal(size=(features, 1, RATERS))
    return subjects + raters + 0.5 * rng.normal(size=(features, SUBJECTS, RATERS))


def missing(values: np.ndarray) -> dict[str, np.ndarray]:
    """Return the measurements complete, and without a tenth of them."""
    rng = np.random.default_rng(2)
    shared = np.where(rng.random(values.shape[1:]) < MISSING, np.nan, values)
    own = np.where(rng.random(values.shape) < MISSING, np.nan, values)
    return {"complete": values, "a tenth missing": shared, "a tenth missing, each its own": own}


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
    ours = seconds(lambda: icc(values, "ICC(A,1)"))
    each, difference = time_pingouin(values[:looped])
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"{FEATURES} features x {SUBJECTS} subjects x {RATERS} raters, with intervals")
    for name, data in missing(values).items():
        tasks = {form: functools.partial(icc, data, form) for form in ("ICC(1,1)", "ICC(A,1)")}
        tasks |= {"concordance": functools.partial(concordance, data)}
        tasks |= {"within-subject": functools.partial(precision, data)}
        times = ", ".join(f"{task} {seconds(work):.3f} s" for task, work in tasks.items())
        print(f"{name}: {times}")
    print(f"pingouin, looped: {each * FEATURES:.1f} s ({looped} features timed, scaled up)")
    print(f"ratio, ICC(A,1): {each * FEATURES / ours:.0f}; largest difference: {difference:.1e}")


if __name__ == "__main__":
    main()
