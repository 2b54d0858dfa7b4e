"""One tiny cohort, simulated once for all tests of this folder."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from rigoromics.simulate import Cohort, CohortSettings, simulate_cohort

SEED = 11


@dataclass(frozen=True)
class Simulated:
    settings: CohortSettings
    raw: Path
    cohort: Cohort


@pytest.fixture(scope="session")
def tiny_settings() -> CohortSettings:
    return CohortSettings.from_dict(
        {
            "size": "tiny",
            "centres": {
                "A": {"patients": 2},
                "B": {"patients": 2, "style": "ge_standard"},
                "C": {"patients": 1, "style": "philips_c", "retest": False},
            },
            "retest_fraction": 0.5,
            "effect": 3.0,
        }
    )


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory, tiny_settings: CohortSettings) -> Simulated:
    raw = tmp_path_factory.mktemp("simulated") / "raw"
    return Simulated(tiny_settings, raw, simulate_cohort(tiny_settings, SEED, raw))
