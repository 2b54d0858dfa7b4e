"""Elastic-net logistic regression: proximal Newton steps beside scikit-learn's saga.

Run ``python -m benchmarks.solver``. The models use the Newton steps; saga runs to 1e-6, its usual
choice where coefficients matter. Differences are from the optimum: how much higher saga's penalised
loss is, and its largest error of a weight, both against the Newton solution.
"""

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.timing import seconds
from rigoromics.model.logistic import solve_logistic

# Patients, columns of the design matrix.
SIZES = [(80, 4), (200, 10), (300, 30), (300, 100)]
PENALTIES = [(0.2, 0.9), (0.05, 0.5), (0.01, 0.1)]


def data(patients: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a standardised design matrix of correlated columns, and outcomes."""
    rng = np.random.default_rng([patients, columns])
    shared = rng.normal(size=(patients, 1))
    X = rng.normal(size=(patients, columns)) + 0.7 * shared
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = (X[:, 0] - X[:, 1] + rng.logistic(size=patients) > 0.8).astype(int)
    return X, y


def objective(
    X: np.ndarray, y: np.ndarray, intercept: float, weights: np.ndarray, penalty: tuple
) -> float:
    """Return the penalised mean log loss."""
    alpha, ratio = penalty
    linear = X @ weights + intercept
    size = ratio * np.abs(weights).sum() + (1 - ratio) / 2 * (weights**2).sum()
    return float(np.mean(np.logaddexp(0, linear) - y * linear) + alpha * size)


def main() -> None:
    """Print a table: seconds, their ratio, and how far saga stops from the optimum."""
    print("patients columns alpha l1_ratio  saga_ms newton_ms  ratio  excess_loss weight_error")
    for size in SIZES:
        X, y = data(*size)
        for alpha, ratio in PENALTIES:
            saga = LogisticRegression(
                C=1 / (alpha * len(y)), l1_ratio=ratio, solver="saga", tol=1e-6, max_iter=20_000
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                slow = seconds(lambda: saga.fit(X, y))  # noqa: B023
            fast = seconds(lambda: solve_logistic(X, y, alpha, ratio))  # noqa: B023
            intercept, weights = solve_logistic(X, y, alpha, ratio)
            best = objective(X, y, intercept, weights, (alpha, ratio))
            excess = (
                objective(X, y, float(saga.intercept_[0]), saga.coef_[0], (alpha, ratio)) - best
            )
            error = np.abs(saga.coef_[0] - weights).max()
            print(
                f"{size[0]:8} {size[1]:7} {alpha:5} {ratio:8} {slow * 1e3:8.2f} {fast * 1e3:9.2f} "
                f"{slow / fast:6.1f} {excess:12.1e} {error:12.1e}"
            )


if __name__ == "__main__":
    main()
