"""The GPU and the kernels on it, through CuPy; None where there is no GPU, or no CuPy."""

from __future__ import annotations

import logging
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

log = logging.getLogger(__name__)

# Shared memory that a block may ask for on any GPU since 2012 without asking twice, bytes.
SHARED = 48 * 1024
THREADS = 256


class Device(Protocol):
    """Where kernels run.

    Attributes
    ----------
    xp
        The array library whose arrays they take: CuPy, or a stand-in with numpy's functions.
    threads
        Threads of a block, a power of two.
    name
        What it is, in words.
    """

    xp: Any
    threads: int
    name: str

    def launch(self, kernel: str, grid: tuple[int, ...], shared: int, *arguments: Any) -> None:
        """Run a kernel.

        Parameters
        ----------
        kernel
            Its name in `kernels.cu`.
        grid
            Number of blocks along one or two axes.
        shared
            Bytes of shared memory of each block.
        arguments
            Arrays of `xp`, and numbers as numpy's types of the kernel's own.
        """


def source() -> str:
    """Return the kernels' source."""
    return files(__package__).joinpath("kernels.cu").read_text(encoding="utf-8")


class Cuda:
    """An NVIDIA GPU, through CuPy; kernels are compiled once and kept in CuPy's cache."""

    threads = THREADS

    def __init__(self, cupy: Any) -> None:
        self.xp = cupy
        # Filters must round as on the CPU: no multiplication and addition in one.
        self._module = cupy.RawModule(code=source(), options=("--std=c++14", "--fmad=false"))
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        self.name = properties["name"].decode()

    def launch(self, kernel: str, grid: tuple[int, ...], shared: int, *arguments: Any) -> None:
        """Run a kernel; see :meth:`Device.launch`."""
        self._module.get_function(kernel)(grid, (self.threads,), arguments, shared_mem=shared)


@cache
def find_device() -> Device | None:
    """Return the GPU to compute on; None, and a line in the log, where there is none to use."""
    try:
        import cupy
    except ImportError:
        log.warning("CuPy is not installed, so no GPU can be used: features come from the CPU")
        return None
    try:
        if cupy.cuda.runtime.getDeviceCount() > 0:
            return Cuda(cupy)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        log.warning("no GPU can be used (%s): features come from the CPU", error)
        return None
    log.warning("there is no GPU: features come from the CPU")
    return None
