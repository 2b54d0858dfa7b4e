"""CovBat against the paper's equations, written out, and its purpose: equal covariances."""

import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.harmonise.combat import ComBat
from rigoromics.harmonise.covbat import CovBat


def cohort(sizes=(60, 50, 40), features=12, seed=0):
    """Patients whose features correlate differently in every batch, beside shift and scale."""
    rng = np.random.default_rng(seed)
    parts = []
    for code, size in enumerate(sizes):
        common = rng.normal(size=(size, 2)) * [1.0 + 1.5 * code, 2.0 - 0.6 * code]
        loadings = np.vstack([np.ones(features), np.tile([1.0, -1.0], features // 2)])
        values = common @ loadings + rng.normal(size=(size, features))
        parts.append(values * rng.uniform(0.5, 2, features) + rng.normal(0, 3, features))
    table = pd.DataFrame(np.vstack(parts), columns=[f"f{i}" for i in range(features)])
    table["study.batch"] = np.repeat(list("ABCDEFG")[: len(sizes)], sizes)
    table["clinical.age"] = rng.normal(60, 10, len(table))
    table["f0"] += 0.1 * table["clinical.age"]
    return table


def values_of(table):
    return table.filter(regex=r"^f\d").to_numpy()


def by_the_paper(adjusted, expected, batch, explained=0.95):
    """Chen et al. 2022, section 2.2, one score and one batch after the other.

    Covariance of the standardised residuals, its eigenvectors, each batch's mean and standard
    deviation of each score brought to those of all, and back.
    """
    residual = adjusted - expected
    centre, spread = residual.mean(axis=0), residual.std(axis=0, ddof=1)
    standard = (residual - centre) / spread
    values, vectors = np.linalg.eigh(np.cov(standard, rowvar=False))
    values, vectors = values[::-1], vectors[:, ::-1]
    count = next(k for k in range(1, 99) if values[:k].sum() / values.sum() > explained)
    scores = standard @ vectors
    n = len(scores)
    for k in range(count):
        means = {b: scores[batch == b, k].mean() for b in set(batch)}
        within = np.array([scores[i, k] - means[batch[i]] for i in range(n)])
        pooled = np.sqrt(np.mean(within**2))
        overall = sum(means[b] * np.mean(batch == b) for b in means)
        new = scores[:, k].copy()
        for b in means:
            scaled = (scores[batch == b, k] - overall) / pooled
            new[batch == b] = (scaled - scaled.mean()) / scaled.std(ddof=1) * pooled + overall
        scores[:, k] = new
    return (scores @ vectors.T) * spread + centre + expected


@pytest.mark.parametrize("arguments", [{}, {"parametric": False}])
def test_it_is_what_the_papers_equations_give(arguments):
    table = cohort()
    settings = {"covariates": ("clinical.age",), "extremes": None, **arguments}
    combat = ComBat(**settings).fit(table)
    age = table["clinical.age"]
    scaled = ((age - age.mean()) / age.std(ddof=0)).to_numpy()[:, None]
    expected = combat.mean_ + scaled @ combat.covariate_effects_
    wanted = by_the_paper(
        values_of(combat.transform(table)), expected, table["study.batch"].to_numpy()
    )
    got = CovBat(**settings).fit(table)
    assert 1 < got.components_.shape[1] < 12
    np.testing.assert_allclose(values_of(got.transform(table)), wanted, rtol=0, atol=1e-9)


def distance(values, batch):
    """Largest distance (Frobenius) between two batches' correlation matrices."""
    matrices = [np.corrcoef(values[batch == b], rowvar=False) for b in sorted(set(batch))]
    return max(np.linalg.norm(a - b) for a in matrices for b in matrices)


@pytest.mark.parametrize("seed", range(3))
def test_correlations_come_together_in_training_and_on_new_patients(seed):
    table = cohort(sizes=(240, 200, 160), seed=seed)
    order = np.random.default_rng(seed).permutation(len(table))
    learned, held = table.iloc[order[:300]], table.iloc[order[300:]]
    combat, covbat = ComBat().fit(learned), CovBat().fit(learned)
    for rows, share in ((learned, 0.35), (held, 0.6)):
        batch = rows["study.batch"].to_numpy()
        left = distance(values_of(combat.transform(rows)), batch)
        assert distance(values_of(covbat.transform(rows)), batch) < share * left


def test_a_row_is_transformed_alone_as_in_company():
    table = cohort()
    fitted = CovBat(covariates=("clinical.age",)).fit(table)
    together = fitted.transform(table)
    alone = pd.concat([fitted.transform(table.iloc[[i]]) for i in (0, 70, 140)])
    np.testing.assert_allclose(values_of(alone), values_of(together.loc[alone.index]), atol=1e-12)


def test_the_reference_batch_stays_as_it_is():
    table = cohort()
    after = CovBat(reference="B").fit_transform(table)
    same = (table["study.batch"] == "B").to_numpy()
    np.testing.assert_allclose(values_of(after)[same], values_of(table)[same], atol=1e-9)
    assert not np.allclose(values_of(after)[~same], values_of(table)[~same])


def test_batches_of_one_or_two_keep_the_scores_that_combat_left():
    table = cohort(sizes=(40, 30, 2, 1))
    combat, covbat = ComBat(extremes=None).fit(table), CovBat(extremes=None).fit(table)
    small = table["study.batch"].isin(["C", "D"])
    after = values_of(covbat.transform(table))
    assert np.isfinite(after).all()
    np.testing.assert_allclose(
        after[small], values_of(combat.transform(table))[small], rtol=0, atol=1e-9
    )


def test_missing_values_stay_and_constant_features_pass():
    table = cohort()
    table.loc[3, "f1"] = np.nan
    table["f99"] = 4.0
    fitted = CovBat().fit(table)
    after = fitted.transform(table)
    assert "f99" in fitted.passed_through_
    assert (after["f99"] == 4.0).all()
    missing = np.isnan(values_of(after))
    assert missing.sum() == 1
    assert np.isnan(after.loc[3, "f1"])


def test_unseen_batches_are_left_or_aligned_or_refused():
    table = cohort()
    known, new = table[table["study.batch"] != "C"], table[table["study.batch"] == "C"]
    fitted = CovBat().fit(known)
    pd.testing.assert_frame_equal(fitted.transform(new), new)
    aligned = values_of(fitted.set_params(unseen="align").transform(new))
    reference = values_of(fitted.transform(known))
    assert (
        np.abs(aligned.mean(axis=0) - reference.mean(axis=0)).max()
        < 0.5 * np.abs(values_of(new).mean(axis=0) - reference.mean(axis=0)).max()
    )
    with pytest.raises(DataError, match="meets C"):
        fitted.set_params(unseen="refuse").transform(new)


def test_one_training_batch_is_left_as_it_is():
    table = cohort(sizes=(30,))
    np.testing.assert_allclose(values_of(CovBat().fit_transform(table)), values_of(table))


def test_shifts_only_contradict_it():
    with pytest.raises(DataError, match="mean_only"):
        CovBat(mean_only=True).fit(cohort())
