"""Made-up features and acquisitions with effects planted where we know."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass
class Made:
    """Patients with acquisition and features; `kernel` and `slice_thickness` have planted effects.

    The features are correlated, as features are: a common part, and blocks of look-alikes.
    """

    seed: int
    patients: int = 96
    features: int = 60
    kernel: float = 0.0
    thickness: float = 0.0
    follows: float = 0.0
    """Probability with which the slice thickness is told by the kernel."""
    acquisition: pd.DataFrame = field(init=False)
    table: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        n = self.patients
        sharp = rng.random(n) < 0.5
        thick = np.where(rng.random(n) < self.follows, sharp, rng.random(n) < 0.5)
        self.acquisition = pd.DataFrame(
            {
                "kernel": np.where(sharp, "B70f", "B30f"),
                "slice_thickness": np.where(thick, "5", "1"),
                "kv": rng.choice(["100", "120", "140"], n),
                "exposure": [f"{value:.4f}" for value in rng.normal(150, 40, n)],
                "contrast": rng.choice(["yes", "unknown"], n),
            },
            index=pd.Index([f"P{number:03d}" for number in range(n)], name="patient"),
        )
        common = rng.standard_normal((n, 1))
        blocks = rng.standard_normal((n, 6)).repeat(self.features // 6, axis=1)
        own = rng.standard_normal((n, self.features))
        values = 0.6 * common + 0.6 * blocks + own
        half = self.features // 2
        # The kernel moves the first half, the thickness the last.
        values[:, :half] += self.kernel * sharp[:, None]
        values[:, half:] += self.thickness * thick[:, None]
        # As real features are: skewed, on scales of their own.
        scales = 10.0 ** rng.integers(-3, 4, self.features)
        self.table = np.exp(0.5 * values) * scales

    @property
    def names(self) -> list[str]:
        """Names of the features."""
        return [f"original_glcm_F{number}" for number in range(self.features)]
