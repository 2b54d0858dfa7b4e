#!/usr/bin/env bash
# Run by Snakemake after it made the conda environment: PyRadiomics needs numpy while it is built.
set -euo pipefail
pip install "setuptools<81" versioneer wheel
pip install --no-build-isolation --no-deps pyradiomics==3.0.1
