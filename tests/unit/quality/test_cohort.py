"""Copies across the cohort: found under any header, without comparing pairs."""

import time
import zlib

import numpy as np
import pandas as pd
import pytest

from rigoromics.quality.cohort import check_cohort, refused_masks
from rigoromics.quality.fingerprint import SAMPLED, fingerprint
from rigoromics.quality.settings import Quality
from scripts.image_tables import INDEX_COLUMNS

RETEST = {"ct_retest": "ct"}


def volume(seed, slices=20):
    return np.random.default_rng(seed).normal(size=(slices, 6, 7)).astype(np.float32)


def row(patient, array=None, scan="ct", rater="r1", roi="lesion", mask=None, **other):
    array = volume(zlib.crc32(f"{patient} {scan}".encode())) if array is None else array
    pixels = fingerprint(array)
    mask = f"{patient}-{scan}-{roi}-{rater}" if mask is None else mask
    return dict.fromkeys(INDEX_COLUMNS, "") | {
        "patient": patient,
        "cohort": "dev",
        "timepoint": "baseline",
        "scan": scan,
        "roi": roi,
        "rater": rater,
        "mask_sha256": mask,
        "spacing": "1 x 1 x 3 mm",
        "image_voxels": pixels.volume,
        "image_slices": " ".join(pixels.slices),
        **other,
    }


def judge(rows, **severity):
    index = pd.DataFrame(rows, columns=INDEX_COLUMNS)
    checks = check_cohort(index, Quality(severity=severity), RETEST, "r1")
    failed = checks[checks["outcome"].isin(["refused", "noted"])]
    found = sorted(zip(failed["check"], failed["patient"], failed["with"], strict=True))
    return checks, found, refused_masks(index, checks)


def test_a_sound_cohort_passes_every_check():
    rows = [row(f"P{n}", rater=rater) for n in range(5) for rater in ("r1", "r2")]
    rows += [row("P0", scan="ct_retest")]
    checks, found, refused = judge(rows)
    assert found == []
    assert refused.empty
    assert set(checks["outcome"]) == {"passed", "not applicable"}


def test_the_same_pixels_under_two_patients_are_refused_for_both():
    scan = volume(1)
    _, found, refused = judge([row("P1", scan), row("P2", scan), row("P3")])
    assert found == [("pixels_two_patients", "P1", "P2"), ("pixels_two_patients", "P2", "P1")]
    assert refused["patient"].tolist() == ["P1", "P2"]


@pytest.mark.parametrize(
    "change",
    [
        lambda scan: scan[::-1],
        lambda scan: scan[:-3],
        lambda scan: scan.astype(np.float64),
        lambda scan: np.concatenate([scan, np.full((4, 6, 7), -1024)]),
    ],
)
def test_a_copy_is_found_reversed_cropped_in_another_type_or_with_empty_slices(change):
    scan = volume(1)
    _, found, _ = judge([row("P1", scan), row("P2", change(scan))])
    assert [check for check, _, _ in found] == ["pixels_two_patients"] * 2


def test_one_slice_in_common_is_no_copy():
    one, other = volume(1), volume(2)
    other[:2] = one[:2]
    _, found, _ = judge([row("P1", one), row("P2", other)])
    assert found == []


def test_one_patient_in_two_cohorts_under_different_ids_is_refused():
    scan = volume(1)
    _, found, refused = judge([row("P1", scan), row("P2", scan, cohort="external"), row("P3")])
    assert found == [("pixels_two_cohorts", "P1", "P2"), ("pixels_two_cohorts", "P2", "P1")]
    assert refused["patient"].tolist() == ["P1", "P2"]


def test_a_retest_that_is_the_test_is_refused_alone():
    scan = volume(1)
    _, found, refused = judge([row("P1", scan), row("P1", scan, scan="ct_retest")])
    assert found == [("pixels_retest", "P1", "baseline ct")]
    assert refused["scan"].tolist() == ["ct_retest"]


def test_two_scans_of_a_patient_with_the_same_pixels_are_noted():
    scan = volume(1)
    _, found, refused = judge([row("P1", scan), row("P1", scan, timepoint="later")])
    assert [check for check, _, _ in found] == ["pixels_two_scans"] * 2
    assert refused.empty


def test_a_copied_rater_is_refused_and_the_reference_kept():
    rows = [row("P1", rater=rater, mask="same") for rater in ("a0", "r1", "r2")]
    rows += [row("P1", rater="r3"), row("P2", rater="a0", mask="x"), row("P2", rater="r2")]
    _, found, refused = judge(rows)
    assert found == [("raters_identical", "P1", "r1")] * 2
    assert refused["rater"].tolist() == ["a0", "r2"]
    # With one rater there is nothing to compare.
    alone, _, _ = judge([row("P9")])
    outcome = alone.loc[alone["check"] == "raters_identical", "outcome"]
    assert outcome.tolist() == ["not applicable"]


def test_one_mask_for_two_rois_and_for_two_patients():
    rows = [row("P1", mask="m"), row("P1", roi="node", mask="m"), row("P2", mask="m")]
    _, found, refused = judge(rows)
    assert [c for c, _, _ in found].count("mask_two_rois") == 2
    assert [c for c, _, _ in found].count("mask_two_patients") == 3
    assert ("mask_two_patients", "P2", "P1") in found
    assert refused.empty


def test_spacing_far_from_the_cohorts_median_is_noted_in_both_directions():
    rows = [row(f"P{n}") for n in range(5)]
    rows += [row("thick", spacing="1 x 1 x 10 mm"), row("fine", spacing="0.2 x 0.2 x 3 mm")]
    rows += [row("P7", scan="pet", spacing="4 x 4 x 12 mm")]
    checks, found, _ = judge(rows)
    assert [(c, p) for c, p, _ in found] == [
        ("spacing_outlier", "fine"),
        ("spacing_outlier", "thick"),
    ]
    text = checks.loc[checks["patient"] == "thick", "problem"].tolist()
    assert any("slice distance of the scan, 10 mm, is 3.3 times the median" in t for t in text)


def test_the_config_decides():
    scan = volume(1)
    rows = [row("P1", scan), row("P2", scan)]
    assert judge(rows, pixels_two_patients="noted")[2].empty
    checks, found, _ = judge(rows, pixels_two_patients="off")
    assert found == []
    assert "pixels_two_patients" not in set(checks["check"])


def test_an_empty_cohort():
    checks, _, refused = judge([])
    assert checks.empty
    assert refused.empty


def test_ten_thousand_patients_take_seconds_even_if_all_are_copies():
    scan = fingerprint(volume(1))
    one = row("P", volume(1))
    rows = [one | {"patient": f"P{n:05d}"} for n in range(10_000)]
    assert len(scan.slices) == SAMPLED
    start = time.process_time()
    _, found, refused = judge(rows, mask_two_patients="off")
    assert time.process_time() - start < 30
    assert len(refused) == 10_000
    assert found[0] == ("pixels_two_patients", "P00000", "P09999")
