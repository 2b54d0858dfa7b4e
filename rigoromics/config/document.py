"""Write the config's documentation from its models: commented YAML, JSON schema, reference page."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import yaml
from pydantic import BaseModel

from rigoromics.config.load import models_in
from rigoromics.config.study import Study
from rigoromics.extract.settings import ExtractionSettings

_WIDTH = 96


def commented_yaml(study: Study) -> str:
    """Return a study as YAML in which every key that differs from its default, or is a scalar
    worth knowing, stands under its explanation.

    Loading the text gives the same study; a test holds the shipped `config/config.yaml` to it.
    """
    head = (
        "# The study to run. Each key is explained in docs/reference/config.md.\n"
        "# `make config-docs` rewrites the comments and keeps the values.\n"
    )
    return head + "".join(_section(study, depth=0))


def json_schema() -> str:
    """Return the JSON schema of the config, for editors that complete and check YAML."""
    schema = Study.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Rigoromics study config"
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def reference_page() -> str:
    """Return the Markdown page that lists every key, its type, default and meaning."""
    lines = [
        "# Every key of the study config",
        "",
        "Made from the models in `rigoromics/config` by `make config-docs`.",
    ]
    titles: dict[type[BaseModel], str] = {
        Study: "The study",
        ExtractionSettings: "Feature settings: files under config/extraction",
    }
    for model in [*_all_models(Study), *_all_models(ExtractionSettings)]:
        title = titles.get(model, model.__name__)
        lines += ["", f"## {title}", "", _summary(model), "", "| key | default | meaning |"]
        lines.append("|---|---|---|")
        for name, field in model.model_fields.items():
            default = "required" if field.is_required() else _default(field)
            nested = [m.__name__ for m in models_in(field.annotation)]
            meaning = _about(field).replace("\n", " ")
            links = ", ".join(f"[{n}](#{n.lower()})" for n in nested)
            lines.append(f"| `{name}` | {default} | {meaning}{' See ' if links else ''}{links} |")
    return "\n".join(lines) + "\n"


def _section(model: BaseModel, depth: int) -> list[str]:
    lines: list[str] = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if value is None or (value in ({}, [], "") and not field.is_required()):
            continue
        if isinstance(value, BaseModel) and not _section(value, 0):
            continue
        if depth == 0:
            lines.append("\n")
        lines += _comment(_about(field), depth)
        lines += _entry(name, value, depth)
    return lines


def _entry(name: str, value: Any, depth: int) -> list[str]:
    pad = "  " * depth
    if isinstance(value, BaseModel):
        return [f"{pad}{name}:\n", *_section(value, depth + 1)]
    if isinstance(value, dict) and any(isinstance(item, BaseModel) for item in value.values()):
        lines = [f"{pad}{name}:\n"]
        for key, item in value.items():
            lines.append(
                f"{pad}  {key}: {_flow(item.model_dump(mode='json', exclude_unset=True))}\n"
            )
        return lines
    if isinstance(value, list) and any(isinstance(item, BaseModel) for item in value):
        items = [_flow(item.model_dump(mode="json", exclude_unset=True)) for item in value]
        return [f"{pad}{name}:\n", *(f"{pad}  - {item}\n" for item in items)]
    return [f"{pad}{name}: {_flow(value)}\n"]


def _item(head: str, item: dict[str, Any]) -> str:
    """One entry of a mapping: on one line where it fits, else a line a key."""
    line = f"{head} {_flow(item)}"
    if len(line) <= _WIDTH:
        return line + "\n"
    pad = " " * (len(head) - len(head.lstrip()) + 2)
    return head + "\n" + "".join(f"{pad}{key}: {_flow(value)}\n" for key, value in item.items())


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _comment(text: str, depth: int) -> list[str]:
    pad = "  " * depth
    wrapped = textwrap.wrap(" ".join(text.split()), _WIDTH - len(pad))
    return [f"{pad}# {line}\n" for line in wrapped]


def _default(field: Any) -> str:
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        return "its own defaults"
    return f"`{_flow(default)}`" if default not in ("", [], {}, None) else "none"


def _about(field: Any) -> str:
    """What a key means: its own words, else those of the section it holds."""
    nested = models_in(field.annotation)
    return field.description or (_summary(nested[0]) if nested else "")


def _summary(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def _all_models(root: type[BaseModel]) -> list[type[BaseModel]]:
    found = [root]
    for model in found:
        for field in model.model_fields.values():
            found += [m for m in models_in(field.annotation) if m not in found]
    return found
