"""What tells one row of the feature table from another."""

from __future__ import annotations

INDEX = ["patient", "cohort", "timepoint", "scan", "roi", "rater", "perturbation"]
