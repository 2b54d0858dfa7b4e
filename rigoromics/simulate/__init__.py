"""Simulated multi-centre cohorts as valid DICOM, with a planted signal of chosen strength."""

from rigoromics.simulate.cohort import Cohort, simulate_cohort, simulated_salt
from rigoromics.simulate.damage import DAMAGES, damage
from rigoromics.simulate.patient import make_patient, scan_patient, write_patient
from rigoromics.simulate.settings import (
    SIZES,
    Centre,
    CohortSettings,
    Place,
    Rater,
    places,
)
from rigoromics.simulate.styles import CENTRE_STYLES

__all__ = [
    "CENTRE_STYLES",
    "DAMAGES",
    "SIZES",
    "Centre",
    "Cohort",
    "CohortSettings",
    "Place",
    "Rater",
    "damage",
    "make_patient",
    "places",
    "scan_patient",
    "simulate_cohort",
    "simulated_salt",
    "write_patient",
]
