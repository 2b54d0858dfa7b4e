"""What tells one row of the feature table from another."""

from __future__ import annotations

INDEX = ["patient", "cohort", "timepoint", "scan", "roi", "rater", "perturbation"]

# The segmentation and image as they are.
UNPERTURBED = "none"
# Negative-control images: what is done to the voxels, and to which of them.
CONTROLS = [
    f"{kind}{where}"
    for kind in ("shuffled", "randomised", "sampled")
    for where in ("", "_outside", "_whole")
]


def is_perturbation(name: str) -> bool:
    """Return whether a row is a perturbed measurement: neither as it is, nor a control."""
    return name != UNPERTURBED and name not in CONTROLS
