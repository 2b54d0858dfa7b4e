"""Compile all kernels, so that no job has to: ``python -m rigoromics.extract.fast.warm``."""

from __future__ import annotations

import numpy as np

from rigoromics.extract import fast
from rigoromics.extract.options import Options


def warm() -> None:
    """Compute every feature of a small ROI once; what is compiled stays on disk."""
    image = np.arange(64.0).reshape(4, 4, 4) % 7
    inside = np.ones(image.shape, dtype=bool)
    classes: dict[str, list[str]] = {
        name: [] for name in ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
    }
    options = Options(bin_width=1.0)
    layout = fast.Layout.of(inside, options)
    fast.features(image.ravel(), layout, (1.0, 1.0, 1.0), classes, options)
    fast.shape(inside, (1.0, 1.0, 1.0), [])
    everywhere = [slice(0, n) for n in image.shape]
    for kind in (np.float32, np.float64):
        fast.laplacian_of_gaussian(image.astype(kind), (1.0, 1.0, 1.0), 1.0, everywhere)


if __name__ == "__main__":
    warm()
