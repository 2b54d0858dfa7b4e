"""Every listed kind of bad input, one patient each, through the real workflow."""

import numpy as np
import pytest

from tests.bad_input.cohort import SOUND
from tests.bad_input.kinds import KINDS
from tests.bad_input.said import run
from tests.bad_input.write_docs import PAGE, page

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    return run(tmp_path_factory.mktemp("bad_input") / "project")


def test_the_list_is_long():
    assert len(KINDS) >= 60
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_said_in_plain_words_with_a_remedy(said, kind):
    rows = said.of(kind)
    mine = said.problems[said.problems["patient_id"] == kind.patient_id]
    assert len(rows), mine[["severity", "problem"]].to_string()
    assert (rows["remedy"].str.len() > 6).all()
    assert not rows["problem"].str.contains("unexpected failure").any()


def test_nothing_failed_without_words(said):
    unexpected = said.problems[said.problems["problem"].str.contains("unexpected")]
    assert unexpected.empty, unexpected.to_string()


def test_the_study_goes_on_with_the_rest(said):
    """Sound patients, and those that were only repaired or noted, have features."""
    kept = {kind.patient_id for kind in KINDS if kind.severity != "refused" and kind.alone}
    assert {*SOUND, *kept} - set(said.features["patient_id"]) == set()
    values = said.features[said.features["patient_id"].isin(SOUND)].select_dtypes("number")
    assert np.isfinite(values.dropna(axis=1, how="all").to_numpy()).all()


def test_what_is_refused_has_no_features(said):
    refused = {kind.patient_id for kind in KINDS if kind.severity == "refused" and kind.alone}
    assert refused & set(said.features["patient_id"]) == set()


def test_no_message_names_a_patient_or_a_path(said):
    text = said.problems[["problem", "remedy", "file"]].to_string()
    for secret in ("Canary", "1.2.826.0.1.3680043", "seg-R1", "Hospital A"):
        assert secret not in text


def test_the_docs_show_these_very_messages(said):
    assert PAGE.read_text(encoding="utf-8") == page(said)
