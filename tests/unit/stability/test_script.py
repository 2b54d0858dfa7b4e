import numpy as np
import pandas as pd

from scripts.stability import main

SETTINGS = {
    "raters": {"icc": "ICC(A,1)", "threshold": 0.75, "bound": "lower"},
    "retest": {"icc": "ICC(A,1)", "threshold": 0.75, "bound": "estimate"},
}
TABLES = ["repeatability", "bland_altman", "survivors", "overlap", "sizes", "sentences"]


def files(tmp_path):
    return {
        "repeats": tmp_path / "repeats.parquet",
        "table": tmp_path / "stability.parquet",
        "table_tsv": tmp_path / "stability.tsv",
        **{name: tmp_path / f"{name}.tsv" for name in TABLES},
        "picture": tmp_path / "stability.png",
        "families": tmp_path / "families",
        "settings": SETTINGS,
        "volume_feature": "original_shape_MeshVolume",
    }


def test_tables_and_picture_are_written_and_repeat_byte_for_byte(tmp_path):
    rng = np.random.default_rng(1)
    names = [f"{image}_glcm_F{i}" for image in ("original", "wavelet-HHL") for i in range(5)]
    names[0] = "original_shape_MeshVolume"
    truth = pd.DataFrame(rng.normal(size=(12, 10)), columns=names)
    parts = []
    for design, repeats in (("raters", "abc"), ("retest", "12")):
        for repeat in repeats:
            part = truth + 0.1 * rng.normal(size=truth.shape)
            keys = {"patient": [f"P-{i}" for i in range(12)], "design": design, "repeat": repeat}
            parts.append(part.assign(**keys))
    arguments = files(tmp_path)
    pd.concat(parts).to_parquet(arguments["repeats"])
    metrics = main(**arguments)
    assert metrics["judged_raters"] == 10
    assert metrics["stable_retest"] == 10
    table = pd.read_parquet(arguments["table"])
    assert len(table) == 20
    pd.testing.assert_frame_equal(table, pd.read_csv(arguments["table_tsv"], sep="\t"))
    assert all(len(pd.read_csv(arguments[name], sep="\t")) for name in TABLES)
    assert sorted(path.name for path in arguments["families"].iterdir()) == [
        "glcm.png",
        "glcm.svg",
        "shape.png",
        "shape.svg",
    ]
    (arguments["families"] / "gldm.png").touch()
    first = contents(tmp_path)
    main(**arguments)
    # A family that is there no more has no picture.
    assert contents(tmp_path) == {k: v for k, v in first.items() if k != "gldm.png"}


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_without_repeats_the_picture_says_so(tmp_path):
    arguments = files(tmp_path)
    pd.DataFrame(columns=["patient", "design", "repeat", "f"]).to_parquet(arguments["repeats"])
    assert main(**arguments) == {}
    assert pd.read_parquet(arguments["table"]).empty
    assert arguments["picture"].exists()
    assert all(pd.read_csv(arguments[name], sep="\t").empty for name in TABLES)
    assert not list(arguments["families"].iterdir())
