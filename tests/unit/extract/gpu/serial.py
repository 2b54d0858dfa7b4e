"""The GPU's kernels, compiled for the CPU: one thread that does the blocks one after the other.

Shows that kernels and what calls them compute what they should, on machines without a GPU. What it
cannot show is that many threads do so; that takes a GPU.
"""

import ctypes
import itertools
import subprocess

import numpy as np

from rigoromics.extract.gpu.device import SHARED, source

SHIM = """
#include <math.h>
#include <stddef.h>
#define __global__
#define __device__ static
#define __shared__ static
struct Three { int x, y, z; };
static Three threadIdx = {0, 0, 0}, blockDim = {1, 1, 1}, blockIdx, gridDim;
static inline void __syncthreads() {}
template <typename T, typename U> static T atomicAdd(T *at, U more) {
  T before = *at;
  *at = before + (T)more;
  return before;
}
static long long atomicMin(long long *at, long long value) {
  long long before = *at;
  if (value < before) *at = value;
  return before;
}
extern "C" void place_block(int x, int y, int wide, int high) {
  blockIdx.x = x, blockIdx.y = y, gridDim.x = wide, gridDim.y = high;
}
"""


class Serial:
    """A stand-in for a GPU."""

    xp = np
    threads = 1
    name = "serial"

    def __init__(self, folder):
        code = source()
        for kind in ("double", "int"):
            name = {"double": "scratch", "int": "counter"}[kind]
            room = f"static {kind} {name}[{SHARED}];"
            code = code.replace(f"extern __shared__ {kind} {name}[];", room)
        file, library = folder / "kernels.cpp", folder / "kernels.so"
        file.write_text(SHIM + code)
        command = ["g++", "-O1", "-ffp-contract=off", "-shared", "-fPIC", "-w", "-o"]
        subprocess.run([*command, str(library), str(file)], check=True)
        self._library = ctypes.CDLL(str(library))

    def launch(self, kernel, grid, shared, *arguments):
        """Run a kernel's blocks one after the other."""
        given = [_argument(one) for one in arguments]
        wide, high = (*grid, 1)[:2]
        for x, y in itertools.product(range(wide), range(high)):
            self._library.place_block(x, y, wide, high)
            getattr(self._library, kernel)(*given)


def _argument(value):
    if isinstance(value, np.ndarray):
        assert value.flags.c_contiguous
        return ctypes.c_void_p(value.ctypes.data)
    kinds = {np.int32: ctypes.c_int, np.int64: ctypes.c_longlong, np.float64: ctypes.c_double}
    return kinds[type(value)](value.item())
