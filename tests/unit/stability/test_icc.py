import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigoromics.errors import DataError
from rigoromics.stability.icc import icc, icc_form

FORMS = ["ICC(1,1)", "ICC(A,1)", "ICC(C,1)", "ICC(1,k)", "ICC(A,k)", "ICC(C,k)"]
# Shrout and Fleiss 1979, table 2: six targets, four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


def pingouin_icc(table: np.ndarray) -> pd.DataFrame:
    import pingouin

    subject, rater = np.indices(table.shape).reshape(2, -1)
    long = pd.DataFrame({"subject": subject, "rater": rater, "value": table.ravel()})
    digits = pingouin.options["round.column.CI95"]
    pingouin.options["round.column.CI95"] = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own deprecations
            result = pingouin.intraclass_corr(long, "subject", "rater", "value")
    finally:
        pingouin.options["round.column.CI95"] = digits
    return result.set_index("Type")


def random_tables() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    shapes = [(5, 2), (12, 3), (30, 2), (9, 6)]
    return [
        rng.normal(size=(n, 1)) * signal + rng.normal(size=(1, k)) + rng.normal(size=(n, k))
        for signal, (n, k) in zip([0.3, 1.0, 3.0, 10.0], shapes, strict=True)
    ]


def test_the_example_of_shrout_and_fleiss():
    found = [icc(SHROUT_FLEISS[None], form).estimate[0] for form in FORMS]
    assert np.round(found, 2) == pytest.approx([0.17, 0.29, 0.71, 0.44, 0.62, 0.91])


@pytest.mark.parametrize("form", FORMS)
def test_estimates_and_intervals_equal_pingouins(form):
    for table in [SHROUT_FLEISS, *random_tables()]:
        peer = pingouin_icc(table).loc[form]
        result = icc(table[None], form)
        assert result.estimate[0] == pytest.approx(peer["ICC"], abs=1e-9)
        assert (result.lower[0], result.upper[0]) == pytest.approx(peer["CI95"], abs=1e-9)


@pytest.mark.parametrize("name", ["icc.csv", "anxiety__anxiety.csv"])
def test_reference_tables_equal_pingouins(shared_data, name):
    table = pd.read_csv(shared_data / "statistics" / "icc" / name)
    if name == "icc.csv":
        values = table.pivot_table(index="Wine", columns="Judge", values="Scores").to_numpy()
    else:
        values = table.filter(like="rater").to_numpy(dtype=float)
    peer = pingouin_icc(values)
    for form in FORMS:
        result = icc(values[None], form)
        assert result.estimate[0] == pytest.approx(peer.at[form, "ICC"], abs=1e-9)
        assert result.lower[0] == pytest.approx(peer.at[form, "CI95"][0], abs=1e-9)
        assert result.upper[0] == pytest.approx(peer.at[form, "CI95"][1], abs=1e-9)


@pytest.mark.parametrize(
    ("structure", "published", "patients"),
    [("WholeGland", 0.949, 15), ("PeripheralZone", 0.859, 15), ("TumorROI_PZ_1", 0.857, 11)],
)
def test_the_published_volume_iccs_of_qin_prostate(shared_data, structure, published, patients):
    folder = shared_data / "stability" / "qin_prostate"
    table = pd.read_csv(next(folder.glob("*.csv.gz")), sep=";")
    table = table[table["segmentedStructure"] == structure].sort_values("study")
    patient = table["study"].str.rsplit("_", n=2).str[0]
    visit = patient.groupby(patient).cumcount()
    wide = table.assign(p=patient, v=visit).pivot_table(
        index="p", columns="v", values="original_shape_Volume"
    )
    result = icc(wide.to_numpy()[None], "ICC(1,1)")
    assert result.n[0] == patients
    assert round(result.estimate[0], 3) == published


def test_missing_ratings_leave_the_complete_subjects_of_that_feature():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(2, 10, 3))
    values[1, 4, 2] = np.nan
    result = icc(values, "ICC(A,1)")
    assert result.n.tolist() == [10, 9]
    alone = icc(np.delete(values[1:], 4, axis=1), "ICC(A,1)")
    assert result.estimate[1] == pytest.approx(alone.estimate[0])
    assert result.lower[1] == pytest.approx(alone.lower[0])


def test_the_one_way_form_keeps_subjects_with_two_of_three_repeats():
    rng = np.random.default_rng(3)
    values = 2 * rng.normal(size=(1, 40, 1)) + rng.normal(size=(1, 40, 3))
    values[0, 0, 1:] = np.nan  # one measurement only: says nothing about repeatability
    values[0, 1:11, 2] = np.nan
    result = icc(values, "ICC(1,1)")
    assert result.n[0] == 39
    assert result.k[0] == pytest.approx(2.74, abs=0.01)
    assert result.estimate[0] == pytest.approx(0.8, abs=0.12)
    # By hand, from the definition with unequal groups.
    rows = [row[np.isfinite(row)] for row in values[0, 1:]]
    sizes = np.array([len(row) for row in rows])
    grand = np.concatenate(rows).mean()
    between = sum(len(r) * (r.mean() - grand) ** 2 for r in rows) / (len(rows) - 1)
    within = sum(((r - r.mean()) ** 2).sum() for r in rows) / (sizes.sum() - len(rows))
    k = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / (len(rows) - 1)
    assert result.estimate[0] == pytest.approx((between - within) / (between + (k - 1) * within))


@pytest.mark.parametrize("form", FORMS)
def test_what_does_not_vary_is_undefined(form):
    flat = np.full((1, 6, 3), 0.1) * np.array([1.0, 1.0 + 2e-16, 1.0])
    result = icc(flat, form)
    assert np.isnan([result.estimate[0], result.lower[0], result.upper[0]]).all()
    assert result.n[0] == 6


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 8, 1), (1, 0, 2)])
def test_one_subject_or_one_rater_is_undefined_not_an_error(form, shape):
    result = icc(np.arange(np.prod(shape), dtype=float).reshape(shape), form)
    assert np.isnan(result.estimate[0])


@pytest.mark.parametrize("form", FORMS)
def test_perfect_agreement_is_one(form):
    values = np.repeat(np.array([1.0, 2.0, 4.0, 8.0])[None, :, None], 3, axis=2)
    result = icc(values, form)
    assert [result.estimate[0], result.lower[0], result.upper[0]] == pytest.approx([1, 1, 1])


def test_a_rater_who_reads_high_hurts_agreement_but_not_consistency():
    rng = np.random.default_rng(4)
    values = rng.normal(size=(1, 20, 1)) + 0.1 * rng.normal(size=(1, 20, 3))
    shifted = values + np.array([0.0, 0.0, 3.0])
    assert icc(shifted, "ICC(C,1)").estimate[0] == pytest.approx(
        icc(values, "ICC(C,1)").estimate[0]
    )
    assert icc(shifted, "ICC(A,1)").estimate[0] < icc(values, "ICC(A,1)").estimate[0] - 0.3


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.floats(1e-6, 1e6),
    offset=st.floats(-1e3, 1e3),
    form=st.sampled_from(FORMS),
)
def test_units_do_not_matter_and_the_interval_holds_the_estimate(seed, scale, offset, form):
    values = np.random.default_rng(seed).normal(size=(3, 8, 4)) + np.arange(8)[:, None]
    first = icc(values, form)
    other = icc((values + offset) * scale, form)
    assert other.estimate == pytest.approx(first.estimate, abs=1e-6)
    assert (first.lower <= first.estimate).all()
    assert (first.estimate <= first.upper).all()


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(6)
    # Variances 3 between and 1 within: the true one-way ICC is 0.75.
    values = np.sqrt(3) * rng.normal(size=(4000, 20, 1)) + rng.normal(size=(4000, 20, 2))
    result = icc(values, "ICC(1,1)")
    covered = ((result.lower <= 0.75) & (result.upper >= 0.75)).mean()
    assert covered == pytest.approx(0.95, abs=0.012)


def test_an_unknown_form_is_refused_in_words():
    with pytest.raises(DataError, match=r"'ICC\(4,1\)' is no form"):
        icc_form("ICC(4,1)")
    with pytest.raises(ValueError, match="axes"):
        icc(np.ones((3, 4)))
