import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigoromics.errors import DataError
from rigoromics.stability.icc import icc, icc_form
from rigoromics.stability.mean_squares import one_way, two_way

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


# What psych 2.2.9 (R) makes of it: ICC(sf, lmer = FALSE), estimate and 95% limits.
PSYCH = {
    "ICC(1,1)": (0.165741768405, -0.1329323248748, 0.722560062328),
    "ICC(A,1)": (0.289763779528, 0.0187865133747, 0.761084369649),
    "ICC(C,1)": (0.714840714841, 0.3424647650339, 0.945858259955),
    "ICC(1,k)": (0.442797133679, -0.8844421552381, 0.912415420341),
    "ICC(A,k)": (0.620050547599, 0.0711368153025, 0.927232040168),
    "ICC(C,k)": (0.909315542377, 0.6756747138163, 0.985891678169),
}


def test_the_example_of_shrout_and_fleiss():
    found = [icc(SHROUT_FLEISS[None], form).estimate[0] for form in FORMS]
    assert np.round(found, 2) == pytest.approx([0.17, 0.29, 0.71, 0.44, 0.62, 0.91])


@pytest.mark.parametrize("form", FORMS)
def test_the_example_of_shrout_and_fleiss_as_psych_has_it(form):
    result = icc(SHROUT_FLEISS[None], form)
    assert (result.estimate[0], result.lower[0], result.upper[0]) == pytest.approx(
        PSYCH[form], abs=1e-10
    )


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


def with_holes() -> np.ndarray:
    """The same example without five of its ratings."""
    values = SHROUT_FLEISS.copy()
    for subject, rater in ((0, 1), (2, 3), (3, 0), (5, 1), (5, 2)):
        values[subject, rater] = np.nan
    return values


def test_two_way_forms_with_missing_ratings_are_ratios_of_hendersons_components():
    # R 4.2: drop1(lm(y ~ s + r)) gives the adjusted sums of squares of subjects, raters, error.
    subjects, raters, error = 55.9954545455, 50.2121212121, 11.9545454545 / 10
    # Expectations by Searle 1971: 19 ratings of 6 subjects by 4 raters.
    between = (subjects - 5 * error) / (19 - 4)
    shift = (raters - 3 * error) / (19 - 6)
    values = with_holes()[None]
    consistency, agreement = icc(values, "ICC(C,1)"), icc(values, "ICC(A,1)")
    assert consistency.estimate[0] == pytest.approx(between / (between + error), abs=1e-9)
    assert agreement.estimate[0] == pytest.approx(between / (between + shift + error), abs=1e-9)
    assert agreement.n[0] == 6
    assert agreement.k[0] == pytest.approx((19 - 4) / 5)
    assert agreement.interval[0] == consistency.interval[0] == "unweighted means"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(4, 12), k=st.integers(3, 6))
def test_the_coefficients_of_the_components_are_traces(seed, n, k):
    """Expected mean squares of the missing-cell layout, from its dense design matrices."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, k))
    values[rng.random((n, k)) < 0.3] = np.nan
    present = np.isfinite(values) & (np.isfinite(values).sum(axis=1) > 1)[:, None]
    subject, rater = np.nonzero(present)
    found = two_way(values[None])
    if found.balanced[0] or np.isnan(found.subjects[0]):
        return
    x, z = np.eye(n)[subject], np.eye(k)[rater]
    y = values[present]

    def onto(*parts: np.ndarray) -> np.ndarray:
        design = np.hstack(parts)
        return design @ np.linalg.pinv(design)

    adjusted = onto(x, z) - onto(z)
    df = round(np.trace(adjusted))
    assert found.subjects[0] == pytest.approx(y @ adjusted @ y / df)
    assert found.k[0] == pytest.approx(np.trace(x.T @ adjusted @ x) / df)
    by_rater = onto(x, z) - onto(x)
    assert found.raters[0] == pytest.approx(y @ by_rater @ y / np.trace(by_rater))
    assert found.per_rater[0] == pytest.approx(np.trace(z.T @ by_rater @ z) / np.trace(by_rater))
    rest = np.eye(len(y)) - onto(x, z)
    assert found.error[0] == pytest.approx(y @ rest @ y / np.trace(rest))
    assert found.df_error[0] == pytest.approx(np.trace(rest))


@pytest.mark.parametrize("form", FORMS)
def test_a_feature_of_its_own_holes_is_judged_by_itself(form):
    rng = np.random.default_rng(8)
    values = 2 * rng.normal(size=(4, 15, 1)) + rng.normal(size=(4, 15, 4))
    values[1, 2:5, 0] = np.nan
    values[3, :, 2] = np.nan
    together = icc(values, form)
    for number in range(4):
        alone = icc(values[number : number + 1], form)
        assert together.estimate[number] == pytest.approx(alone.estimate[0])
        assert together.lower[number] == pytest.approx(alone.lower[0])
        assert together.interval[number] == alone.interval[0]
    # A rater who measured nobody is none.
    without = icc(np.delete(values[3:], 2, axis=2), form)
    assert together.estimate[3] == pytest.approx(without.estimate[0])
    assert together.upper[3] == pytest.approx(without.upper[0])


def test_raters_who_share_no_patient_compare_patients_within_their_groups():
    rng = np.random.default_rng(10)
    patients = 3 * rng.normal(size=(1, 40, 1)) + np.array([0.0, 50.0]).repeat(20)[None, :, None]
    values = patients + 0.5 * rng.normal(size=(1, 40, 4))
    values[0, :20, 2:] = values[0, 20:, :2] = np.nan
    result = icc(values, "ICC(C,1)")
    # The gap of 50 is the raters' as far as anyone can tell.
    assert result.estimate[0] == pytest.approx(9 / 9.25, abs=0.02)
    assert result.lower[0] < result.estimate[0] < result.upper[0]
    assert icc(values, "ICC(1,1)").estimate[0] > 0.999


@pytest.mark.parametrize(("form", "truth"), [("ICC(A,1)", 0.75), ("ICC(C,1)", 0.75 / 0.925)])
def test_intervals_cover_the_truth_where_a_quarter_is_missing(form, truth):
    rng = np.random.default_rng(11)
    shape = (2000, 25, 4)
    values = np.sqrt(0.75) * rng.normal(size=(2000, 25, 1)) + np.sqrt(0.175) * rng.normal(
        size=shape
    )
    values += np.sqrt(0.075) * rng.normal(size=(2000, 1, 4))
    values[rng.random(shape) < 0.25] = np.nan
    result = icc(values, form)
    assert ((result.lower <= truth) & (result.upper >= truth)).mean() == pytest.approx(
        0.95, abs=0.015
    )


def test_one_way_intervals_cover_the_truth_with_groups_of_two_to_six():
    rng = np.random.default_rng(12)
    values = np.sqrt(9) * rng.normal(size=(3000, 15, 1)) + rng.normal(size=(3000, 15, 6))
    repeats = rng.integers(2, 7, size=15)
    values[:, np.arange(6)[None, :] >= repeats[:, None]] = np.nan
    result = icc(values, "ICC(1,1)")
    covered = ((result.lower <= 0.9) & (result.upper >= 0.9)).mean()
    assert covered == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize("layout", [one_way, two_way])
def test_complete_data_take_no_approximation(layout):
    values = random_tables()[1][None]
    result = layout(values)
    assert result.balanced[0]
    assert result.means[0] == result.subjects[0]
    assert result.k_means[0] == pytest.approx(result.k[0])


def test_intervals_say_what_they_rest_on():
    values = SHROUT_FLEISS[None]
    assert icc(values, "ICC(1,1)").interval[0] == "exact"
    assert icc(values, "ICC(C,k)").interval[0] == "exact"
    assert icc(values, "ICC(A,1)").interval[0] == "Satterthwaite"


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
    holes=st.booleans(),
)
def test_units_do_not_matter_and_the_interval_holds_the_estimate(seed, scale, offset, form, holes):
    values = np.random.default_rng(seed).normal(size=(3, 8, 4)) + np.arange(8)[:, None]
    if holes:
        values[np.random.default_rng(seed + 1).random(values.shape) < 0.2] = np.nan
    first, other = icc(values, form), icc((values + offset) * scale, form)
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
