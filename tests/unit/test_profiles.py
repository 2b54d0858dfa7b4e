"""The Slurm profile as Snakemake reads it, under what a person's environment says."""

from pathlib import Path

import pytest
import yaml
import yte

ROOT = Path(__file__).resolve().parents[2]
VARIABLES = [
    "SBATCH_ACCOUNT",
    "SBATCH_PARTITION",
    "RIGOROMICS_JOBS",
    "RIGOROMICS_FIRST_CHECK",
    "RIGOROMICS_GPU_PARTITION",
    "RIGOROMICS_RESOURCES",
]


@pytest.fixture
def profile(monkeypatch):
    def read(**environment):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return yte.process_yaml((ROOT / "slurm/config.yaml").read_text())

    return read


def test_with_nothing_said_the_site_decides(profile):
    found = profile()
    assert found["default-resources"].keys() == {"mem_mb", "runtime"}
    assert "set-resources" not in found
    assert found["jobs"] == 1000


def test_account_partitions_and_limits_come_from_the_environment(profile):
    found = profile(
        SBATCH_ACCOUNT="lab",
        SBATCH_PARTITION="cpu",
        RIGOROMICS_GPU_PARTITION="gpu",
        RIGOROMICS_JOBS="50",
        RIGOROMICS_FIRST_CHECK="2",
    )
    assert found["default-resources"]["slurm_account"] == "lab"
    assert found["default-resources"]["slurm_partition"] == "cpu"
    assert found["set-resources"] == {"extract": {"slurm_partition": "gpu"}}
    assert found["jobs"] == 50
    assert found["slurm-init-seconds-before-status-checks"] == 2


def test_tuned_resources_come_from_a_file_beside_the_gpu_partition(profile, tmp_path):
    tuned = {"extract": {"mem_mb": "1250 * attempt"}, "images": {"runtime": "9 * attempt"}}
    (tmp_path / "tuned.yaml").write_text(yaml.safe_dump({"set-resources": tuned}))
    found = profile(
        RIGOROMICS_RESOURCES=str(tmp_path / "tuned.yaml"), RIGOROMICS_GPU_PARTITION="gpu"
    )
    assert found["set-resources"]["images"] == tuned["images"]
    assert found["set-resources"]["extract"] == {**tuned["extract"], "slurm_partition": "gpu"}


def test_the_default_profile_leaves_to_others_what_it_would_beat(profile):
    """Snakemake loads it with every call, and it wins over `--profile slurm` key by key."""
    default = yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text())
    assert not {"executor", "jobs", "cores", "default-resources"} & default.keys()
    assert not default.keys() & profile().keys()
