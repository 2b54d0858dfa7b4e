"""Burnt-in text: real ultrasound screens, drawn letters, and what is blanked."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from scipy import ndimage

from rigoromics.read.burnt_in import blank, findings, looks_like_text
from rigoromics.read.frames import open_frames
from rigoromics.read.values import grey_values
from tests.unit.read.flat import DX, US, flat, region


def screen(name: str) -> np.ndarray:
    frame = open_frames([Path(get_testdata_file(f"{name}.dcm", download=False))])[0]
    return grey_values(frame.data, frame.stored(), frame.number)[0]


def everywhere(plane: np.ndarray) -> np.ndarray:
    return np.ones(plane.shape, bool)


# Parts of three vendors' screens, (rows, columns), as a person sees them.
WITH_TEXT = [
    ("examples_palette", (0, 60), (0, 800)),
    ("examples_palette", (60, 260), (0, 110)),
    ("examples_jpeg2k", (20, 110), (0, 640)),
    ("examples_jpeg2k", (340, 380), (200, 420)),
    ("examples_jpeg2k", (450, 480), (300, 640)),
]
# Flecks of power Doppler in examples_jpeg2k do look like letters: within tissue nobody asks.
WITHOUT_TEXT = [
    ("examples_palette", (70, 160), (340, 590)),
    ("examples_palette", (170, 280), (120, 440)),
    ("examples_palette", (60, 350), (780, 800)),
    ("examples_jpeg2k", (380, 440), (0, 640)),
    ("examples_ybr_color", (30, 200), (60, 300)),
]


@pytest.mark.parametrize(("name", "rows", "columns"), WITH_TEXT)
def test_text_of_real_screens_is_seen(name, rows, columns) -> None:
    part = screen(name)[slice(*rows), slice(*columns)]
    assert looks_like_text(part, everywhere(part))


@pytest.mark.parametrize(("name", "rows", "columns"), WITHOUT_TEXT)
def test_tissue_and_scales_of_real_screens_are_no_text(name, rows, columns) -> None:
    part = screen(name)[slice(*rows), slice(*columns)]
    assert not looks_like_text(part, everywhere(part))


def written(text: str, size: int, ink: int = 255, paper: int = 0) -> np.ndarray:
    image = Image.new("L", (400, 120), paper)
    ImageDraw.Draw(image).text((20, 30), text, fill=ink, font_size=size)
    return np.asarray(image).astype(int)


@pytest.mark.parametrize("size", [10, 14, 24, 40])
@pytest.mark.parametrize(("ink", "paper"), [(255, 0), (0, 255), (200, 60)])
def test_drawn_text_is_seen(size: int, ink: int, paper: int) -> None:
    plane = written("DOE JANE 1954", size, ink, paper)
    assert looks_like_text(plane, everywhere(plane))


def test_text_in_the_part_not_looked_at_does_not_count() -> None:
    plane = written("DOE JANE 1954", 20)
    where = everywhere(plane)
    where[:80] = False
    assert not looks_like_text(plane, where)
    assert not looks_like_text(plane, np.zeros(plane.shape, bool))


def test_noise_and_speckle_are_no_text() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(100, 20, (120, 400))
    assert not looks_like_text(noise, everywhere(noise))
    speckle = np.abs(ndimage.gaussian_filter(noise - 100, 2))
    assert not looks_like_text(np.zeros((120, 400)), everywhere(noise))
    speckle[:, :200] = 0
    assert not looks_like_text(speckle, everywhere(noise) & (np.arange(400) < 200))


def ultrasound(plane: np.ndarray, **fields: object) -> Dataset:
    return flat(plane.astype(np.uint8), US, "US", **fields)


def test_ultrasound_text_is_flagged_and_blanked() -> None:
    plane = written("DOE JANE 1954", 20)
    plane[70:110, 100:300] = 120
    data = ultrasound(plane, SequenceOfUltrasoundRegions=[region((100, 299), (70, 109))])
    assert [note.severity for note in findings(data, plane)] == ["noted"]
    assert "look like text" in findings(data, plane)[0].problem
    cleared, notes = blank(data, plane)
    assert [note.severity for note in notes] == ["repaired"]
    assert (cleared[70:110, 100:300] == 120).all()
    assert cleared.sum() == 40 * 200 * 120
    assert plane[:60].any(), "the caller's array stays as it was"
    assert blank(data, cleared) == (cleared, [])
    assert findings(data, cleared) == []


def test_without_a_region_nothing_is_blanked_and_it_is_said() -> None:
    plane = written("DOE JANE 1954", 20)
    beyond = [region((100, 2000), (70, 109))]
    for data in (ultrasound(plane), ultrasound(plane, SequenceOfUltrasoundRegions=beyond)):
        assert "cannot be told from tissue" in findings(data, plane)[0].problem
        assert blank(data, plane) == (plane, [])


def test_only_2d_regions_are_kept_where_there_are_any() -> None:
    plane = np.full((60, 80), 9)
    regions = [region((0, 39), (0, 59)), region((40, 79), (0, 59), kind=2)]
    cleared, _ = blank(ultrasound(plane, SequenceOfUltrasoundRegions=regions), plane)
    assert (cleared[:, :40] == 9).all()
    assert (cleared[:, 40:] == 0).all()
    cleared, _ = blank(ultrasound(plane, SequenceOfUltrasoundRegions=regions[1:]), plane)
    assert (cleared[:, 40:] == 9).all()


def test_what_the_header_says() -> None:
    plane = np.zeros((20, 20))
    said = findings(flat(plane.astype(np.uint8), DX, "DX", BurnedInAnnotation="YES"), plane)
    assert "burnt into the pixels" in said[0].problem
    assert findings(flat(plane.astype(np.uint8), DX, "DX", BurnedInAnnotation="NO"), plane) == []
    capture = flat(plane.astype(np.uint8), "1.2.840.10008.5.1.4.1.1.7.4", "CT")
    assert "capture of a screen" in findings(capture, plane)[0].problem


def test_other_modalities_pass_unchanged() -> None:
    plane = written("L CC", 30)
    data = flat(plane.astype(np.uint8), DX, "DX")
    assert blank(data, plane) == (plane, [])
