"""The GPU where there is one, and the same kernels compiled for the CPU."""

import shutil

import pytest

from rigoromics.extract.gpu import find_device

from .serial import Serial


@pytest.fixture(scope="session")
def serial(tmp_path_factory):
    """The kernels compiled for the CPU."""
    if shutil.which("g++") is None:
        pytest.skip("needs a C++ compiler (g++) to try the GPU's kernels on the CPU")
    return Serial(tmp_path_factory.mktemp("serial"))


@pytest.fixture(params=["serial", "gpu"])
def device(request):
    """Each device that there is."""
    if request.param == "serial":
        return request.getfixturevalue("serial")
    found = find_device()
    if found is None:
        pytest.skip("needs an NVIDIA GPU, and CuPy")
    return found
