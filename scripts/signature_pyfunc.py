"""A locked signature as an MLflow model. MLflow runs this file; no object of ours is pickled."""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from rigoromics.model.locking import unlock
from rigoromics.model.scoring import score


class SignatureModel(PythonModel):  # type: ignore[misc]
    """Scores an analysis table, index patient or a column `patient`."""

    def load_context(self, context: Any) -> None:
        """Open the signature, if it is the one that was exported."""
        content = Path(context.artifacts["signature"]).read_bytes()
        self.signature = unlock(content, context.model_config["sha256"])

    def predict(
        self,
        context: Any,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Return the scores; params `policy` and `settings_unchecked` are those of `score`."""
        asked = params or {}
        table = model_input
        if "patient" in table.columns:
            table = table.set_index("patient")
        return score(
            self.signature,
            table,
            asked.get("policy", "refuse"),
            model_input.attrs.get("extraction", {}),
            not asked.get("settings_unchecked", False),
        )


set_model(SignatureModel())
