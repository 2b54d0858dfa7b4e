"""The linear model that tells factors apart: which can be in it, and which others tell.

Factors come in two tiers. Physics (kernel, thickness, dose ...) is judged beyond the other
physics. Labels (scanner model, software, manufacturer) stand for everything that a machine does,
the physics included: with them in one model nobody would get credit, so each label is judged by
what it explains beyond all physics and the other labels, and physics as if labels were not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rigoromics.audit.factors import LABELS, Array, Coded, Factor, code, tells

Index = npt.NDArray[np.intp]
# A factor of whose every direction others explain nine tenths (a variance inflation of ten) has no
# effect of its own that could be estimated.
_LEAST_LEFT = 0.1
# Fewer patients per column of the model than this, and sums of squares are noise.
_PATIENTS_PER_COLUMN = 5


@dataclass(frozen=True)
class Model:
    """A linear model of several factors.

    Attributes
    ----------
    rows
        Which patients are in it, as positions.
    columns
        Factor to its columns over those patients, centred, shape (rows, df).
    coded
        Factor to how it was coded, for all factors offered.
    told_by
        Factors left out because others tell them: name to those others.
    skipped
        Factors left out for another reason: name to reason.
    """

    rows: Index
    columns: Mapping[str, Array]
    coded: Mapping[str, Coded]
    told_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)

    def designs(self, name: str) -> tuple[Array, Array]:
        """Return the design matrix that a factor is judged in, and the same without it."""
        known = [other for other in self.columns if name in LABELS or other not in LABELS]
        constant = np.ones((len(self.rows), 1))
        full = [self.columns[other] for other in known]
        rest = [self.columns[other] for other in known if other != name]
        return np.hstack([constant, *full]), np.hstack([constant, *rest])


def build_model(factors: Sequence[Factor], min_group: int) -> Model:
    """Return the model of as many factors as can be told apart.

    Factors are taken in their order. One that those before it tell, or that would make one of
    them superfluous, stays out as told by them; one for which there are too few patients stays
    out too.

    Parameters
    ----------
    factors
        The factors of one scan's patients, all over the same patients; labels last.
    min_group
        Least patients per level; see :func:`rigoromics.audit.factors.code`.
    """
    coded = {factor.name: code(factor, min_group) for factor in factors}
    skipped = {name: each.reason for name, each in coded.items() if each.reason}
    told_by: dict[str, tuple[str, ...]] = {}
    taken: dict[str, Array] = {}
    for factor in factors:
        name = factor.name
        if name in skipped:
            continue
        offered = {**taken, name: coded[name].columns}
        rows = complete_rows(offered)
        blocks = {one: _centred(columns[rows]) for one, columns in offered.items()}
        size = 1 + sum(block.shape[1] for block in blocks.values())
        tellers = _tellers(factor, [one for one in factors if one.name in taken], blocks)
        if tellers:
            told_by[name] = tellers
        elif len(rows) < _PATIENTS_PER_COLUMN * size:
            skipped[name] = "too few patients for its levels beside those of the factors before it"
        else:
            taken = offered
    rows = complete_rows(taken) if taken else np.arange(len(factors[0].column) if factors else 0)
    columns = {name: _centred(block[rows]) for name, block in taken.items()}
    return Model(rows, columns, coded, told_by, skipped)


def complete_rows(blocks: Mapping[str, Array]) -> Index:
    """Return the rows in which every factor is known."""
    return np.flatnonzero(np.isfinite(np.hstack(list(blocks.values()))).all(axis=1))


def basis(columns: Array) -> Array:
    """Return an orthonormal basis of the columns' space."""
    if not columns.size:
        return np.empty((len(columns), 0))
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, size > max(columns.shape) * 1e-12 * max(float(size.max()), 1e-300)])


def _centred(columns: Array) -> Array:
    return np.asarray(columns - columns.mean(axis=0))


def _left(blocks: Mapping[str, Array], name: str) -> int:
    """Return how many directions of a factor are its own: one less its squared correlation."""
    own = basis(blocks[name])
    others = [block for other, block in blocks.items() if other != name]
    if not others:
        return int(own.shape[1])
    rest = basis(np.hstack(others))
    shared = np.linalg.svd(rest.T @ own, compute_uv=False) ** 2
    return int(own.shape[1] - (shared > 1 - _LEAST_LEFT).sum())


def _tellers(
    factor: Factor, taken: Sequence[Factor], blocks: Mapping[str, Array]
) -> tuple[str, ...]:
    """Return the factors of the model that a new one cannot be told from; none where it can.

    Levels are compared as they stand in the headers, before small ones are pooled: pooling would
    hide that a kernel tells its manufacturer.
    """
    label = factor.name in LABELS
    alone = [one.name for one in taken if _few(one) and tells(one, factor)]
    if not label:
        # A label that stands for several kernels tells them, and is judged beyond them all the
        # same; physics is not.
        alone += [one.name for one in taken if _few(factor) and tells(factor, one)]
    if alone:
        return tuple(dict.fromkeys(alone))
    together = _jointly(factor, taken) if label else ()
    if together:
        return together
    judged = {name for name in blocks if not label or name in LABELS}
    if all(_left(blocks, name) for name in judged):
        return ()
    others = [name for name in blocks if name != factor.name]
    near = [name for name in others if _superfluous(blocks, name, factor.name)]
    return tuple(near or others)


def _jointly(factor: Factor, taken: Sequence[Factor]) -> tuple[str, ...]:
    """Return the physics whose levels together tell a label, no more of it than is needed."""
    needed = [one for one in taken if not one.graded and one.name not in LABELS]
    if not _tell_together(needed, factor):
        return ()
    for one in list(needed):
        fewer = [other for other in needed if other is not one]
        needed = fewer if _tell_together(fewer, factor) else needed
    return tuple(one.name for one in needed)


def _tell_together(several: Sequence[Factor], factor: Factor) -> bool:
    if not several:
        return False
    joint = several[0].texts
    for one in several[1:]:
        joint = joint + "+" + one.texts
    together = Factor("together", joint, False)
    return _few(together) and tells(together, factor)


def _superfluous(blocks: Mapping[str, Array], one: str, other: str) -> bool:
    """Whether, of two factors, one has no direction of its own."""
    pair = {name: blocks[name] for name in (one, other)}
    return 0 in (_left(pair, one), _left(pair, other))


def _few(factor: Factor) -> bool:
    """Whether levels have several patients each, so that telling is more than coincidence."""
    return factor.texts.nunique() <= len(factor.column) / 3
