"""The study config: one set of models checks it, documents it and writes its schema."""

from rigoromics.config.load import load_study
from rigoromics.config.study import Study

__all__ = ["Study", "load_study"]
