"""Compilation of kernels, once for all machines of one kind.

Numba keeps compiled kernels beside their modules (or in `NUMBA_CACHE_DIR`) and finds them again,
but only on a processor of the same model. The kernels count and compare; newer instructions gain
them little. They are compiled for the plain processor of the architecture, so that what was
compiled on one node serves all, and every node computes the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.np import linalg

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

# Numba's settings are made names of its module as it is loaded.
vars(numba.config).update(CPU_NAME="generic", CPU_FEATURES="")


def _no_blas() -> None:
    raise ImportError("kernels do no linear algebra")


# Numba looks for BLAS whatever it compiles; to load it from SciPy takes longer than the kernels.
linalg.ensure_blas = _no_blas


def njit(kernel: Kernel) -> Kernel:
    """Return a function compiled on its first call, and kept on disk for the next process.

    A division by zero gives infinity or NaN, as in numpy: a check of each would keep loops from
    being vectorised.
    """
    compiled: Any = numba.njit(cache=True, error_model="numpy")(kernel)
    return cast(Kernel, compiled)
