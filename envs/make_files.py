"""Write the conda environment file and the Apptainer recipe with the pins of the lock.

A conda file's hash covers only its own text, so the pins stand in it one by one. PyRadiomics is
left to `rigoromics.post-deploy.sh`, which Snakemake runs when the environment is there: its build
needs numpy and does not say so.

The recipe installs the lock itself, hashes and all, and carries the lock's SHA-256 as a label:
`apptainer inspect` tells whether an image is of this lock.
"""

import hashlib
from pathlib import Path

HERE = Path(__file__).parent
PYTHON = "3.11"

RECIPE = """# Made from requirements.lock by `make lock`. In the project's folder:
#   apptainer build rigoromics.sif envs/rigoromics.def
#   apptainer exec rigoromics.sif snakemake --cores 8
Bootstrap: docker
From: python:{python}-slim-bookworm

%labels
    lock {digest}

%files
    envs/requirements.lock /opt/rigoromics/envs/requirements.lock
    pyproject.toml /opt/rigoromics/pyproject.toml

%post
    set -eu
    apt-get update
    # The compiler is for PyRadiomics alone; libgomp is what LightGBM and XGBoost load.
    apt-get install -y --no-install-recommends gcc g++ libgomp1
    # pyproject.toml, which lies here, says what PyRadiomics needs while it is built.
    cd /opt/rigoromics
    python -m pip install --no-cache-dir uv
    uv pip install --system --no-cache --compile-bytecode --require-hashes \\
        -r envs/requirements.lock
    apt-get purge -y gcc g++
    apt-get autoremove -y
    rm -rf /var/lib/apt/lists/*

%environment
    # Nothing of the person's own Python gets in.
    export PYTHONNOUSERSITE=1

%test
    python -c "import radiomics, SimpleITK, sksurv, snakemake"

%runscript
    exec snakemake "$@"
"""


def pins_of(lock: str) -> list[str]:
    """Return the `name==version` of each package of a lock."""
    lines = [line.removesuffix("\\").strip() for line in lock.splitlines()]
    return [line for line in lines if "==" in line]


def conda_file(lock: str) -> str:
    """Return the environment file for the pins of a lock."""
    pins = [pin for pin in pins_of(lock) if not pin.startswith("pyradiomics==")]
    head = [
        "# Made from requirements.lock by `make lock`.",
        "channels: [conda-forge]",
        "dependencies:",
        f"  - python={PYTHON}",
        "  - pip",
        "  - pip:",
    ]
    return "\n".join(head + [f"      - {pin}" for pin in pins]) + "\n"


def apptainer_recipe(lock: str) -> str:
    """Return the recipe of a container image with the packages of a lock."""
    return RECIPE.format(python=PYTHON, digest=hashlib.sha256(lock.encode()).hexdigest())


if __name__ == "__main__":
    text = (HERE / "requirements.lock").read_text(encoding="utf-8")
    (HERE / "rigoromics.yaml").write_text(conda_file(text), encoding="utf-8")
    (HERE / "rigoromics.def").write_text(apptainer_recipe(text), encoding="utf-8")
