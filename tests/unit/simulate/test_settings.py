from dataclasses import fields

import pytest

from rigoromics.errors import DataError
from rigoromics.simulate import CENTRE_STYLES, Centre, CohortSettings, Place, places
from rigoromics.simulate.patient import has_retest


def test_defaults_are_three_centres_of_24():
    settings = CohortSettings.from_dict({})
    assert [centre.name for centre in settings.centres] == ["A", "B", "C"]
    assert len(places(settings)) == 72
    assert settings == CohortSettings()


def test_none_means_not_given():
    given = {item.name: None for item in fields(CohortSettings)}
    assert CohortSettings.from_dict(given) == CohortSettings()
    assert CohortSettings.from_dict({"centres": {"X": None}}).centres == (Centre("X"),)


def test_style_is_overridden_by_what_is_given():
    settings = CohortSettings.from_dict(
        {"centres": {"X": {"style": "philips_c", "noise_hu": 3.5, "patients": 2}}}
    )
    (centre,) = settings.centres
    assert centre.noise_hu == 3.5
    assert centre.kernel == CENTRE_STYLES["philips_c"]["kernel"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"efect": 1.0}, "did you mean 'effect'"),
        ({"centres": {"A": {"nois_hu": 1}}}, "did you mean 'noise_hu'"),
        ({"centres": {"A": {"style": "acme"}}}, "no centre style 'acme'"),
        ({"centres": {}}, "no centre"),
        ({"size": "huge"}, "no size 'huge'"),
        ({"raters": {"R1": {"nme": "x"}}}, "rater R1 has no setting"),
        ({"coverage_mm": 40.0}, "does not hold the largest lesion"),
        ({"prevalence": 1.5}, "prevalence is 1.5"),
    ],
)
def test_mistakes_are_refused_in_words(settings, words):
    with pytest.raises(DataError, match=words):
        CohortSettings.from_dict(settings)


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, 0), (0.25, 6), (0.5, 12), (1.0, 24)])
def test_retest_fraction_is_exact_where_it_applies(fraction, expected):
    settings = CohortSettings(retest_fraction=fraction)
    chosen = [place for place in places(settings) if has_retest(settings, place)]
    by_centre = {name: sum(p.centre.name == name for p in chosen) for name in "ABC"}
    assert by_centre == {"A": expected, "B": expected, "C": 0}


def test_patient_ids_are_unique():
    ids = [place.patient_id for place in places(CohortSettings())]
    assert len(set(ids)) == len(ids)
    assert Place(Centre("A"), 7).patient_id == "SIM-A-0007"
