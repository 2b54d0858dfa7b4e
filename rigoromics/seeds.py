"""Random seeds that depend on what a job is, never on when or where it runs."""

from __future__ import annotations

import hashlib


def derive_seed(study_seed: int, *names: str) -> int:
    """Return the seed of one job of a study.

    Parameters
    ----------
    study_seed
        The study's own seed, from its config.
    names
        What tells this job from all others: its rule, its case, its repetition.

    Returns
    -------
    int
        A number of 32 bits, the same on every machine and in every order of jobs.

    Examples
    --------
    >>> derive_seed(1, "extract", "P-01") == derive_seed(1, "extract", "P-01")
    True
    >>> derive_seed(1, "extract", "P-01") == derive_seed(1, "extract", "P-02")
    False
    """
    text = "\x1f".join([str(study_seed), *names])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
