"""How well risks order patients, counted in pairs so that folds can be added up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from rigoromics.model.outcome import Outcome, codes_of, kind_of

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Pairs of patients, of whom it is known who did worse.

    Attributes
    ----------
    concordant
        Pairs in the right order; pairs of equal risk count one half.
    comparable
        All pairs.
    """

    concordant: float
    comparable: float

    @property
    def share(self) -> float:
        """AUC, Harrell's C, ordinal C or M; one half where no pair can be compared."""
        return self.concordant / self.comparable if self.comparable else 0.5


def count_pairs(y: Outcome, risk: Array) -> Pairs:
    """Return the pairs whose risks are in the right order.

    Parameters
    ----------
    y
        Outcomes, shape (patients,).
    risk
        Higher for patients expected to do worse, shape (patients,).

    Returns
    -------
    Pairs
        Binary: an event against a non-event (Mann-Whitney; its share is the AUC). Survival: an
        event against a longer follow-up, or against one of the same length without event
        (Harrell et al., JAMA 1982;247:2543-2546). Levels and counts: a higher against a lower
        one. Classes, with risks of shape (patients, classes): a pair here is one of classes, and
        its two patients are ordered by the mean of both classes' AUCs, so that the share is M
        (Hand and Till, Mach Learn 2001;45:171-186).
    """
    kind = kind_of(y)
    if kind == "multiclass":
        return _class_pairs(codes_of(y), risk)
    if kind in ("ordinal", "count"):
        codes = codes_of(y)
        worse, higher = codes[:, None] > codes, risk[:, None] - risk
        agree = np.sum(worse & (higher > 0)) + 0.5 * np.sum(worse & (higher == 0))
        return Pairs(float(agree), float(worse.sum()))
    if not y.dtype.names:
        positive = y == 1
        n1, n0 = int(positive.sum()), int((~positive).sum())
        ranks = rankdata(risk)
        return Pairs(float(ranks[positive].sum() - n1 * (n1 + 1) / 2), float(n1 * n0))
    event, time = y["event"], y["time"]
    first = time[event][:, None]
    worse = (time[None, :] > first) | ((time[None, :] == first) & ~event[None, :])
    higher = risk[event][:, None] - risk[None, :]
    concordant = np.sum(worse & (higher > 0)) + 0.5 * np.sum(worse & (higher == 0))
    return Pairs(float(concordant), float(worse.sum()))


def _class_pairs(codes: npt.NDArray[np.int64], risk: Array) -> Pairs:
    there = np.unique(codes)
    shares = []
    for place, one in enumerate(there):
        for other in there[place + 1 :]:
            rows = (codes == one) | (codes == other)
            first = (codes[rows] == one).astype(np.int64)
            both = count_pairs(first, risk[rows, one]), count_pairs(1 - first, risk[rows, other])
            shares.append((both[0].share + both[1].share) / 2)
    return Pairs(float(np.sum(shares)), float(len(shares)))


def pooled(parts: Iterable[Pairs]) -> float:
    """Return AUC or C over all pairs within parts.

    Patients of two folds are never compared with one another: their risks come from two
    models, whose levels differ, and pooling them biases the AUC downwards.
    """
    counted = list(parts)
    return Pairs(sum(p.concordant for p in counted), sum(p.comparable for p in counted)).share


def youden_cutoff(y: Outcome, risk: Array) -> float:
    """Return the risk from which on a patient counts as positive.

    The cut-off with the largest sensitivity + specificity - 1 (Youden, Cancer 1950;3:32-35); of
    equal ones the highest.

    Parameters
    ----------
    y
        Binary outcomes, shape (patients,).
    risk
        Risks, shape (patients,).
    """
    positive = y == 1
    cutoffs = np.unique(risk)[::-1]
    called = risk[None, :] >= cutoffs[:, None]
    index = called[:, positive].mean(axis=1) - called[:, ~positive].mean(axis=1)
    return float(cutoffs[int(np.argmax(np.round(index, 12)))])
