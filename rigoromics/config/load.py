"""Load a study config, and say in plain words what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from rigoromics.config.study import Study
from rigoromics.errors import DataError
from rigoromics.extract.settings import ExtractionSettings

Model = TypeVar("Model", bound=BaseModel)


def load_study(config: Mapping[str, Any], file: str = "the config") -> Study:
    """Return the study that a config describes.

    Parameters
    ----------
    config
        The parsed YAML.
    file
        Its path, for messages.

    Raises
    ------
    DataError
        If a key is unknown (with the nearest known one), missing, or has a wrong value.
    """
    return _validated(Study, config, file)


def load_extraction(path: Path) -> ExtractionSettings:
    """Return the feature settings in a file under config/extraction.

    Raises
    ------
    DataError
        If the file is not there or is not valid, in the words of `load_study`.
    """
    if not path.is_file():
        near = sorted(str(other) for other in path.parent.glob("*.yaml"))
        raise DataError(
            f"the feature settings {path} are not there",
            f"name one of these under `extraction`: {', '.join(near) or 'none found'}",
        )
    return _validated(ExtractionSettings, yaml.safe_load(path.read_text("utf-8")), str(path))


def _validated(model: type[Model], config: Mapping[str, Any], file: str) -> Model:
    try:
        return model.model_validate(dict(config))
    except ValidationError as error:
        lines = [_explain(model, dict(item)) for item in error.errors()]
        raise DataError(
            f"{file} is not valid: " + "; ".join(lines),
            "correct these keys; docs/reference/config.md lists every one",
        ) from error


def _explain(model: type[BaseModel], error: dict[str, Any]) -> str:
    location = tuple(part for part in error["loc"] if part not in ("binary", "survival"))
    where = ".".join(str(part) for part in location) or "the study"
    if error["type"] == "extra_forbidden":
        known = _fields(model, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{where}: missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    given = error.get("input")
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) else ""
    return f"{where}: {message}{shown}"


def _fields(model: Any, location: tuple[Any, ...]) -> list[str]:
    """Names of the keys allowed at a place in the config."""
    for part in location:
        models = models_in(model)
        found = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        # Not a field: the key of a mapping or the position in a list, whose items share a model.
        model = found[0] if found else model
    return sorted({name for m in models_in(model) for name in m.model_fields})


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Models that a type annotation speaks of, whatever it wraps them in."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]
