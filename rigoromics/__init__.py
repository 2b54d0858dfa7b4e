"""Rigoromics: radiomics by construction, from raw DICOM to a reproducible paper."""

__version__ = "0.1.0"
