"""Export a locked signature as an MLflow model folder: `python -m scripts.export_mlflow --help`.

The folder holds the signature file, the library's source and the versions it needs. MLflow makes
the model by running source ("models from code"), so that nothing in it is a pickle.
"""

import argparse
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from rigoromics.errors import DataError
from rigoromics.model.locking import sha256
from scripts.score import open_signature

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ["mlflow", "numpy", "pandas", "pydantic", "scikit-learn", "scikit-survival", "scipy"]
PACKAGES += ["skops", "statsmodels", "joblib", "threadpoolctl", "pyarrow", "PyYAML", "lifelines"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 with a plain sentence on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.export_mlflow", description=(__doc__ or "").split(":")[0] + "."
    )
    parser.add_argument("--signature", type=Path, required=True, help="signature.skops of a study")
    parser.add_argument("--sha256", help="recorded SHA-256; default: that in signature.json")
    parser.add_argument("--output", type=Path, required=True, help="folder to make")
    asked = parser.parse_args(arguments)
    try:
        export(asked.signature, asked.output, asked.sha256)
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"MLflow model: {asked.output}")
    return 0


def export(signature: Path, output: Path, expected: str | None = None) -> None:
    """Write the model folder of one signature."""
    if output.exists():
        raise DataError("the folder to write exists", "give the name of a new one", str(output))
    open_signature(signature, expected)
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec

    # MLflow suggests typed inputs; a signature's columns are its own and are checked by name.
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    params = ParamSchema(
        [
            ParamSpec("policy", DataType.string, "refuse"),
            ParamSpec("settings_unchecked", DataType.boolean, False),
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder, "rigoromics")
        shutil.copytree(ROOT / "rigoromics", code, ignore=shutil.ignore_patterns("__pycache__"))
        mlflow.pyfunc.save_model(
            str(output),
            python_model=str(ROOT / "scripts/signature_pyfunc.py"),
            artifacts={"signature": str(signature.absolute())},
            model_config={"sha256": sha256(signature.read_bytes())},
            code_paths=[str(code)],
            pip_requirements=[f"{name}=={metadata.version(name)}" for name in PACKAGES],
            signature=ModelSignature(params=params),
        )


if __name__ == "__main__":
    sys.exit(main())
