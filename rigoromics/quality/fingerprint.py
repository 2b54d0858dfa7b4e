"""Fingerprints of voxels, by which a copy is known under any header."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLED = 8
_DIGITS = 16


@dataclass(frozen=True)
class Fingerprint:
    """What an image's values are, whatever its header says.

    Attributes
    ----------
    volume
        SHA-256 of shape and values.
    slices
        The lowest hashes of its slices, at most :data:`SAMPLED` of them, in rising order. The same
        slices have the same hashes wherever they lie, so that two scans which share most slices
        share most of these.
    """

    volume: str
    slices: tuple[str, ...]


def fingerprint(array: NDArray[Any]) -> Fingerprint:
    """Return the fingerprint of an image.

    Slices of one value say nothing, and are not sampled.

    Parameters
    ----------
    array
        Values of shape (k, j, i). Their type does not matter, only what they are as float32.
    """
    whole, sampled = hashlib.sha256(repr(array.shape).encode()), set()
    for plane in array:
        values = np.ascontiguousarray(plane, dtype="<f4")
        digest = hashlib.sha256(repr(plane.shape).encode() + values.tobytes())
        whole.update(digest.digest())
        if values.min() != values.max():
            sampled.add(digest.hexdigest()[:_DIGITS])
    return Fingerprint(whole.hexdigest(), tuple(sorted(sampled)[:SAMPLED]))
