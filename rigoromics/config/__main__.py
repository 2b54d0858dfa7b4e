"""Rewrite what is generated from the config models: `python -m rigoromics.config`."""

from __future__ import annotations

from pathlib import Path

import yaml

from rigoromics.config.document import commented_yaml, json_schema, reference_page
from rigoromics.config.load import load_study


def main() -> None:
    """Write config/config.yaml anew from its own values, the JSON schema and the reference page."""
    config = Path("config/config.yaml")
    study = load_study(yaml.safe_load(config.read_text(encoding="utf-8")), str(config))
    config.write_text(commented_yaml(study), encoding="utf-8")
    Path("config/schema.json").write_text(json_schema(), encoding="utf-8")
    Path("docs/reference").mkdir(parents=True, exist_ok=True)
    Path("docs/reference/config.md").write_text(reference_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
