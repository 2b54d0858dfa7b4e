"""Write the conda environment file with the pins of the lock.

A conda file's hash covers only its own text, so the pins stand in it one by one. PyRadiomics is
left to `rigoromics.post-deploy.sh`, which Snakemake runs when the environment is there: its build
needs numpy and does not say so.
"""

from pathlib import Path

HERE = Path(__file__).parent


def conda_file(lock: str) -> str:
    """Return the environment file for the pins of a lock."""
    lines = [line.removesuffix("\\").strip() for line in lock.splitlines()]
    pins = [line for line in lines if "==" in line and not line.startswith("pyradiomics==")]
    head = [
        "# Made from requirements.lock by `make lock`.",
        "channels: [conda-forge]",
        "dependencies:",
        "  - python=3.11",
        "  - pip",
        "  - pip:",
    ]
    return "\n".join(head + [f"      - {pin}" for pin in pins]) + "\n"


if __name__ == "__main__":
    text = conda_file((HERE / "requirements.lock").read_text(encoding="utf-8"))
    (HERE / "rigoromics.yaml").write_text(text, encoding="utf-8")
