"""The registry, the config that names its checks, and the page that lists them."""

import pytest

from rigoromics.config.load import load_study
from rigoromics.errors import DataError
from rigoromics.quality.registry import CHECKS, RANK, Finding, reference_page
from rigoromics.quality.settings import Limits, Quality


def test_the_docs_list_every_check(root):
    page = (root / "docs/reference/quality.md").read_text(encoding="utf-8")
    assert page == reference_page()
    for check in CHECKS:
        assert f"| `{check}` |" in page


def test_every_limit_that_a_check_names_is_in_the_config_and_the_reverse():
    named = " ".join(f"{check.limit} {check.measures}" for check in CHECKS.values())
    for limit in Limits.model_fields:
        assert f"`{limit}`" in named, limit


def test_each_check_has_a_measure_a_remedy_and_a_source():
    for check in CHECKS.values():
        assert check.title
        assert check.measures
        assert check.limit
        assert check.remedy
        assert check.source
        assert check.severity in ("refused", "noted")


@pytest.mark.parametrize(
    ("value", "problem", "severity", "outcome"),
    [
        (1.0, "", "refused", "passed"),
        (1.0, "bad", "refused", "refused"),
        (1.0, "bad", "noted", "noted"),
        (1.0, "bad", "off", "passed"),
        (None, "", "refused", "not applicable"),
    ],
)
def test_outcomes(value, problem, severity, outcome):
    assert Finding("hollow", value, "", problem).outcome(severity) == outcome
    assert outcome in RANK


def test_a_misspelt_check_is_refused_with_the_known_ones(root):
    import yaml

    config = yaml.safe_load((root / "config/config.yaml").read_text(encoding="utf-8"))
    config["quality"] = {"severity": {"hollo": "refused"}}
    with pytest.raises(DataError, match="did you mean 'hollow'") as error:
        load_study(config)
    assert "sphericity_low" in str(error.value)
    config["quality"] = {"severity": {"hollow": "refused"}, "limits": {"sphericity": 0.1}}
    config["rois"]["lesion"]["volume_ml"] = [0.5, 500]
    study = load_study(config)
    assert study.quality.severity_of("hollow") == "refused"
    assert study.quality.severity_of("specks") == "noted"
    assert study.rois["lesion"].volume_ml == (0.5, 500)
    config["rois"]["lesion"]["volume_ml"] = [500, 0.5]
    with pytest.raises(DataError, match="lower limit 500 is not below"):
        load_study(config)


def test_severity_defaults_to_the_registry():
    assert Quality().severity_of("contour_only") == "refused"
