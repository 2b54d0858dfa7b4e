"""How much of the features is scanner, before and after harmonisation, on held-out patients.

The patients are split into random halves, batch by batch. ComBat learns on one half; on the other,
the features are looked at as they are and as that ComBat returns them: can a classifier, itself
cross-validated within this half, tell the batch, and how much of each feature does the batch
explain? Cross-validation in which ComBat and classifier share their training patients would not
do: ComBat makes the means of the training batches equal, held-out means then err to the other side,
and the classifier is pushed below chance.

All of it works on ranks: one extreme patient then decides nothing, and a shift that is small beside
a feature's spread but parts the batches all the same is seen, as a tree would see it.

Intervals are delete-half jackknife intervals: the variance over random halves estimates the
variance of the estimate (Shao and Wu, Ann Stat 1989;17:1176-1197).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from rigoromics.errors import DataError
from rigoromics.harmonise.covariates import design_columns, learn_covariates
from rigoromics.harmonise.least_squares import Array, masked_least_squares
from rigoromics.harmonise.sequential import Harmoniser

Codes = npt.NDArray[np.intp]

EFFECT_COLUMNS = ["stage", "measure", "value", "lower", "upper", "n"]
FEATURE_COLUMNS = ["feature", "r2_before", "r2_after"]
# Three patients of each batch per half, one per inner fold.
LEAST_PATIENTS = 6
INNER_FOLDS = 3
SPLITS = 15
COMPONENTS = 10
CONSTANT = 1e-12


def measured_batches(labels: pd.Series[str]) -> list[str]:
    """Return the batches that are large enough to be split into halves and folds, sorted."""
    counts = labels.value_counts()
    return sorted(str(name) for name, count in counts.items() if count >= LEAST_PATIENTS)


def batch_effect(
    table: pd.DataFrame, combat: Harmoniser, seed: int, after: bool = True, splits: int = SPLITS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how well the batch can be told, and how much of each feature it explains.

    Parameters
    ----------
    table
        Development patients: features, the batch column and covariates of `combat`.
    combat
        The harmonisation to judge; it is cloned, never fitted.
    seed
        Seed of the random halves.
    after
        Whether to look after harmonisation too.
    splits
        Random splits into two halves; each half is held out once.

    Returns
    -------
    effect : pandas.DataFrame
        Columns stage (before, after), measure, value, lower, upper, n (patients). Measures:
        ``auc`` (of a linear discriminant on principal components; one batch against another,
        averaged over pairs; 0.5 is chance), ``balanced_accuracy`` (chance is one over the number of
        batches), ``median_r2`` (of the features below).
    features : pandas.DataFrame
        Columns feature, r2_before, r2_after: adjusted share of the variance (of ranks) that the
        batch explains beyond the covariates: partial R² less what chance gives, so around zero, and
        sometimes below, where there is nothing. NaN for constant features, and for r2_after if not
        `after`.

    Raises
    ------
    DataError
        If fewer than two batches have six patients, or ComBat cannot learn from any half.
    """
    labels = table[combat.batch].astype(str)
    batches = measured_batches(labels)
    if len(batches) < 2:
        raise DataError(
            f"fewer than two batches have {LEAST_PATIENTS} patients or more",
            "merge small batches, or read the features' table without this measure",
        )
    kept = table[labels.isin(batches)]
    codes = pd.Index(batches).get_indexer(pd.Index(labels[labels.isin(batches)]))
    features = combat.feature_columns(kept)
    scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
    shares: dict[str, list[Array]] = defaultdict(list)
    refusal: DataError | None = None
    for learned, held in _halves(codes, splits, np.random.default_rng(seed)):
        rows = {"before": kept.iloc[held]}
        if after:
            try:
                fitted = clone(combat).set_params(features=features).fit(kept.iloc[learned])
            except DataError as error:
                refusal = error
                continue
            rows["after"] = fitted.transform(rows["before"])
        for stage, half in rows.items():
            values = half[features].to_numpy(dtype=np.float64)
            ranks, _ = to_ranks(values, values[:0])
            # Many small problems: more threads cost time, and change the last bits.
            with threadpool_limits(1):
                scores[stage].append(_tell_batches(ranks, codes[held], seed))
                shares[stage].append(explained(ranks, codes[held], _design(half, combat)))
    if refusal is not None and not scores:
        raise refusal
    return _effect_table(scores, shares, len(kept)), _feature_table(features, shares)


def explained(values: Array, batch: Codes, covariates: Array) -> Array:
    """Return the adjusted partial R² of the batch for each feature, shape (features,).

    Parameters
    ----------
    values
        Shape (rows, features); NaN where missing.
    batch
        Batch of each row, 0 to B - 1.
    covariates
        Centred design columns of what else may explain a feature, shape (rows, columns).
    """
    count = np.isfinite(values).sum(axis=0)
    plain = np.hstack([np.ones((len(values), 1)), covariates])
    full = np.hstack([np.eye(int(batch.max()) + 1)[batch], covariates])
    without, with_batch = _residual(plain, values, count), _residual(full, values, count)
    size = np.nanmax(np.abs(values), axis=0, initial=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 1.0 - with_batch / without
    return np.where(without > (CONSTANT * size) ** 2, share, np.nan)


def principal_plane(learned: Array, others: Array) -> tuple[Array, Array, Array]:
    """Return rows on the first two principal components of the learned rows' ranks.

    Parameters
    ----------
    learned
        Rows that decide ranks, scale, imputation and components, shape (rows, features).
    others
        Rows that are merely projected.

    Returns
    -------
    learned, others
        Coordinates, shape (rows, 2); the sign makes each component's largest loading positive.
    explained
        Share of variance of the two components.
    """
    prepare = _prepare(2)
    learned_ranks, other_ranks = to_ranks(learned, others)
    points = prepare.fit_transform(learned_ranks)
    pca: PCA = prepare[-1]
    largest = np.abs(pca.components_).argmax(axis=1)
    sign = np.sign(pca.components_[np.arange(len(largest)), largest])
    empty = np.empty((0, points.shape[1]))
    projected = prepare.transform(other_ranks) if len(others) else empty
    return points * sign, projected * sign, np.asarray(pca.explained_variance_ratio_)


def _halves(codes: Codes, splits: int, rng: np.random.Generator) -> Iterator[tuple[Codes, Codes]]:
    """Yield (learned, held out) rows of random halves of every batch, each half held out once."""
    for _ in range(splits):
        first = np.zeros(len(codes), dtype=bool)
        for code in np.unique(codes):
            rows = rng.permutation(np.flatnonzero(codes == code))
            first[rows[: len(rows) // 2]] = True
        yield np.flatnonzero(first), np.flatnonzero(~first)
        yield np.flatnonzero(~first), np.flatnonzero(first)


def _tell_batches(ranks: Array, codes: Codes, seed: int) -> tuple[float, float]:
    """Return cross-validated AUC and balanced accuracy of a classifier of the batch.

    The components come from the whole half: they know no batch, and so give none away.
    """
    batches = len(np.unique(codes))
    training = len(codes) - -(-len(codes) // INNER_FOLDS)
    points = _prepare(min(COMPONENTS, training - 1)).fit_transform(ranks)
    classifier = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage="auto", priors=np.full(batches, 1.0 / batches)
    )
    folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=seed)
    probability = cross_val_predict(classifier, points, codes, cv=folds, method="predict_proba")
    score = probability[:, 1] if batches == 2 else probability
    auc = roc_auc_score(codes, score, multi_class="ovo", average="macro")
    return float(auc), float(balanced_accuracy_score(codes, probability.argmax(axis=1)))


def _prepare(components: int) -> Pipeline:
    """Return imputation, scaling and principal components."""
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        PCA(components, svd_solver="full"),
    )


def to_ranks(learned: Array, others: Array) -> tuple[Array, Array]:
    """Return each value's place among the learned values of its feature, from 0 to 1.

    Ties share their middle place; what is not finite becomes NaN.

    Parameters
    ----------
    learned, others
        Rows by features; the rows that are ranked, and further rows placed among them.
    """
    ranks = np.full(learned.shape, np.nan), np.full(others.shape, np.nan)
    for feature in range(learned.shape[1]):
        column = learned[:, feature]
        ordered = np.sort(column[np.isfinite(column)])
        if not len(ordered):
            continue
        for values, placed in zip((column, others[:, feature]), ranks, strict=True):
            known = np.isfinite(values)
            below = np.searchsorted(ordered, values[known], side="left")
            up_to = np.searchsorted(ordered, values[known], side="right")
            placed[known, feature] = (below + up_to) / (2.0 * len(ordered))
    return ranks


def _design(rows: pd.DataFrame, combat: Harmoniser) -> Array:
    return design_columns(rows, learn_covariates(rows, combat.covariates))


def _residual(design: Array, values: Array, count: npt.NDArray[np.int64]) -> Array:
    """Return the residual mean square of each feature."""
    residual = values - design @ masked_least_squares(design, values)
    free = count - int(np.linalg.matrix_rank(design))
    return np.asarray(np.nansum(residual**2, axis=0) / np.where(free > 0, free, np.nan))


def _effect_table(
    scores: dict[str, list[tuple[float, float]]],
    shares: dict[str, list[Array]],
    n: int,
) -> pd.DataFrame:
    measures: dict[str, Callable[[str], list[float]]] = {
        "auc": lambda stage: [auc for auc, _ in scores[stage]],
        "balanced_accuracy": lambda stage: [accuracy for _, accuracy in scores[stage]],
        "median_r2": lambda stage: [float(np.nanmedian(share)) for share in shares[stage]],
    }
    rows = []
    for stage in scores:
        for measure, over_halves in measures.items():
            halves = np.asarray(over_halves(stage))
            value, spread = halves.mean(), 1.96 * halves.std(ddof=1)
            floor = -1.0 if measure == "median_r2" else 0.0
            lower, upper = max(floor, value - spread), min(1.0, value + spread)
            rows.append((stage, measure, value, lower, upper, n))
    return pd.DataFrame(rows, columns=EFFECT_COLUMNS)


def _feature_table(features: list[str], shares: dict[str, list[Array]]) -> pd.DataFrame:
    def average(stage: str) -> Array:
        if stage not in shares:
            return np.full(len(features), np.nan)
        stacked = np.vstack(shares[stage])
        seen = np.isfinite(stacked).sum(axis=0)
        total = np.nansum(stacked, axis=0)
        return np.where(seen > 0, total / np.maximum(seen, 1), np.nan)

    return pd.DataFrame(
        {"feature": features, "r2_before": average("before"), "r2_after": average("after")},
        columns=FEATURE_COLUMNS,
    )
