"""How alike the choices of features are that were made in different folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm


@dataclass(frozen=True)
class ChoiceStability:
    """Nogueira's measure with its interval.

    Attributes
    ----------
    estimate
        1: the same features each time; 0: no more alike than by chance; below: less.
    lower, upper
        Its interval.
    choices, candidates
        How many choices were compared, and among how many features they were made.
    """

    estimate: float
    lower: float
    upper: float
    choices: int
    candidates: int


def choice_stability(chosen: npt.NDArray[np.bool_], confidence: float = 0.95) -> ChoiceStability:
    """Return how stable a choice of features is.

    Nogueira, Sechidis and Brown, J Mach Learn Res 2018;18(174):1-54: definition 4, and the
    interval of corollary 9. Of choices of one size it is Kuncheva's index; of all, a Fleiss kappa.

    Parameters
    ----------
    chosen
        Shape (choices, candidates): which features each choice holds.
    confidence
        Of the interval.

    Returns
    -------
    ChoiceStability
        NaN where there is one choice only, or where each holds all candidates or none.
    """
    made, candidates = chosen.shape
    if made < 2 or not candidates:
        return ChoiceStability(np.nan, np.nan, np.nan, made, candidates)
    share = chosen.mean(axis=0)
    mean_size = float(chosen.sum(axis=1).mean())
    by_chance = mean_size / candidates * (1 - mean_size / candidates)
    if by_chance == 0:
        return ChoiceStability(np.nan, np.nan, np.nan, made, candidates)
    spread = made / (made - 1) * share * (1 - share)
    estimate = 1 - float(spread.mean()) / by_chance
    sizes = chosen.sum(axis=1)
    each = (
        (chosen * share).mean(axis=1)
        - sizes * mean_size / candidates**2
        + estimate
        / 2
        * (2 * mean_size * sizes / candidates**2 - sizes / candidates - mean_size / candidates + 1)
    ) / by_chance
    error = 2 / made * float(np.sqrt(np.sum((each - each.mean()) ** 2)))
    reach = float(norm.ppf(0.5 + confidence / 2)) * error
    return ChoiceStability(estimate, estimate - reach, estimate + reach, made, candidates)
