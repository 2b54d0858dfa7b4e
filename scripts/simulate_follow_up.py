"""Write simulated feature tables of lesions at two timepoints, and their clinical table."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rigoromics.simulate.follow_up import FollowUpSettings, follow_up_tables


def main(arguments: Sequence[str] | None = None) -> int:
    """Write baseline.csv, week6.csv, clinical.csv and truth.csv into a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.simulate_follow_up", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="folder to write to, such as data/sim_pet_delta")
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument(
        "--patients",
        nargs="+",
        default=["A=80", "B=60", "C=80"],
        help="centres and their patients (default: A=80 B=60 C=80)",
    )
    parser.add_argument("--effect", type=float, default=FollowUpSettings.effect)
    asked = parser.parse_args(arguments)
    patients = {name: int(n) for name, _, n in (text.partition("=") for text in asked.patients)}
    settings = FollowUpSettings(patients, effect=asked.effect)
    asked.folder.mkdir(parents=True, exist_ok=True)
    for name, table in follow_up_tables(settings, asked.seed).items():
        path = asked.folder / f"{name}.csv"
        table.to_csv(path, index=False, lineterminator="\n", float_format="%.6g")
        print(f"{path}: {len(table)} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
