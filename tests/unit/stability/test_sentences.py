import pandas as pd
import pytest

from rigoromics.stability.measures import repeatability_table
from rigoromics.stability.sentences import sentence, sentences_table
from rigoromics.stability.table import stability_table
from tests.unit.stability.test_table import repeats

NAN = float("nan")


def row(icc=0.912, lower=0.85, upper=0.951, n=40, repeats=3, cv=0.061, form="ICC(A,1)"):
    return {"icc_type": form, "icc": icc, "lower": lower, "upper": upper, "n": n,
            "repeats": repeats, "within_cv": cv}  # fmt: skip


def test_all_three_designs_in_one_sentence():
    designs = {
        "perturbations": row(0.974, 0.96, 0.98, 38, 31, 0.01, "ICC(1,1)"),
        "retest": row(0.88, 0.7, 0.94, 12, 2, 0.123),
        "raters": row(),
    }
    assert sentence(designs) == (
        "ICC(A,1) between 3 raters 0.91 (95% CI 0.85 to 0.95, 40 patients); "
        "test-retest 0.88 (95% CI 0.70 to 0.94, 12 patients); "
        "ICC(1,1) over 30 perturbations 0.97 (95% CI 0.96 to 0.98, 38 patients); "
        "within-subject CV 12% (test-retest)."
    )


@pytest.mark.parametrize(
    ("cv", "said"),
    [(0.061, "; within-subject CV 6.1%."), (0.255, "; within-subject CV 26%."), (NAN, ")."),
     (0.0004, "; within-subject CV 0.0%.")],
)  # fmt: skip
def test_a_variation_that_cannot_be_told_is_left_out(cv, said):
    assert sentence({"raters": row(cv=cv)}).endswith(said)


def test_an_undefined_icc_is_said_so():
    text = sentence({"raters": row(NAN, NAN, NAN, n=1, cv=NAN)})
    assert text == "ICC(A,1) between 3 raters not estimable (1 patient)."


def test_numbers_below_zero_have_a_real_minus_sign():
    text = sentence({"raters": row(-0.12, -0.4, -0.001)})
    assert "−0.12 (95% CI −0.40 to 0.00, " in text


def test_every_feature_has_its_sentence():
    table = pd.concat([repeats(), repeats(8, ("1", "2"), "retest", 1)])
    judged, spread = stability_table(table), repeatability_table(table)
    result = sentences_table(judged, spread).set_index("feature")["sentence"]
    assert result.index.tolist() == ["steady", "middling", "noisy", "constant"]
    found = judged[(judged["feature"] == "steady") & (judged["design"] == "raters")].iloc[0]
    assert (
        f"between 3 raters {found['icc']:.2f} (95% CI {found['lower']:.2f} to" in result["steady"]
    )
    assert "test-retest" in result["steady"]
    assert "between 3 raters not estimable (20 patients)" in result["constant"]
    assert sentences_table(judged.iloc[:0], spread).columns.tolist() == ["feature", "sentence"]
