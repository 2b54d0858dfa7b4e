"""Contact sheets: outlines on the sides of voxels, patient's left on the right, same bytes."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from rigoromics.segment.agreement import Agreement
from rigoromics.segment.contact_sheet import Drawing, draw_contact_sheet
from rigoromics.segment.panels import COLOURS, View, Window, choose_window, draw_panel, outline

GREY = Window(0, 255, "")


def test_an_outline_runs_along_the_sides_of_the_voxels():
    mask = np.zeros((4, 5), dtype=bool)
    mask[1:3, 1:4] = True
    lines = {tuple(line) for line in outline(mask).tolist()}
    assert lines == {(1, 1, 1, 3), (4, 1, 4, 3), (1, 1, 4, 1), (1, 3, 4, 3)}
    mask[:] = True
    assert outline(mask)[:, 2:].max() == 5
    assert outline(np.zeros((4, 5), dtype=bool)).shape == (0, 4)


def panel(volume, plane, spacing=(1.0, 1.0, 1.0), size=(240, 240), masks=()):
    extent = [s * n for s, n in zip(spacing, volume.shape, strict=True)]
    field = {"axial": (2, 1), "coronal": (2, 0), "sagittal": (1, 0)}[plane]
    view = View(plane, 0, tuple(e / 2 for e in extent), (extent[field[0]], extent[field[1]]))
    return np.asarray(
        draw_panel(volume, list(masks), COLOURS[: len(masks)], spacing, view, GREY, size)
    )


@pytest.mark.parametrize(
    ("plane", "bright", "where"),
    [
        # Axes run to superior, posterior, left. Pictures hang head up, patient's left on the right.
        ("axial", np.s_[:, :10, :10], (slice(40, 80), slice(40, 80))),
        ("axial", np.s_[:, 10:, 10:], (slice(160, 200), slice(160, 200))),
        ("coronal", np.s_[10:, :, 10:], (slice(40, 80), slice(160, 200))),
        ("sagittal", np.s_[10:, :10, :], (slice(40, 80), slice(40, 80))),
        ("sagittal", np.s_[:10, 10:, :], (slice(160, 200), slice(160, 200))),
    ],
)
def test_planes_hang_as_radiologists_expect(plane, bright, where):
    volume = np.full((20, 20, 20), 40, dtype=np.float32)
    volume[bright] = 220
    picture = panel(volume, plane)[..., 0]
    assert picture[where].min() > 200
    opposite = tuple(slice(240 - part.stop, 240 - part.start) for part in where)
    assert picture[opposite].max() < 60


def test_voxels_keep_their_proportions():
    volume = np.full((10, 20, 20), 200, dtype=np.float32)
    shown = panel(volume, "coronal", spacing=(4.0, 1.0, 1.0))[..., 0] == 200
    height, width = shown.any(axis=1).sum(), shown.any(axis=0).sum()
    assert height / width == pytest.approx(2.0, rel=0.05)  # 40 mm high, 20 mm wide


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_outlines_lie_on_the_mask_they_show(plane):
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[:, 2:8, 3:9] = True
    mask[:11] = False
    index = {"axial": 12, "coronal": 4, "sagittal": 5}[plane]
    volume = np.where(mask, 250, 0).astype(np.float32)
    view = View(plane, index, (10, 10, 10), (20, 20))
    bare = np.asarray(draw_panel(volume, [], [], (1, 1, 1), view, GREY, (200, 200)))[..., 0]
    drawn = np.asarray(draw_panel(volume, [mask], ["#ff0000"], (1, 1, 1), view, GREY, (200, 200)))
    red = (drawn == (255, 0, 0)).all(axis=-1)
    assert red.sum() > 200
    inner = bare > 125
    edge = np.zeros_like(inner)
    for step in np.ndindex(9, 9):
        edge |= inner != np.roll(inner, np.subtract(step, 4), axis=(0, 1))
    assert edge[red].all()


def phantom():
    values = np.random.default_rng(0).normal(40, 15, (12, 40, 50)).astype(np.float32)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.8, 0.8, 4.0))
    drawings = []
    for n, rater in enumerate(("r1", "r2")):
        mask = np.zeros(values.shape, dtype=np.uint8)
        mask[4:9, 10 + n : 24, 20:33] = 1
        picture = sitk.GetImageFromArray(mask)
        picture.CopyInformation(image)
        drawings.append(Drawing("lesion", rater, picture))
    return image, drawings


def draw(path, image, drawings):
    pairs = {("lesion", "r1", "r2"): Agreement(0.9, 1.0, 0.4, 0.98)}
    draw_contact_sheet(path, image, drawings, title="P-1", modality="CT", agreements=pairs)
    return path.read_bytes()


def test_the_same_input_gives_the_same_bytes_without_metadata(tmp_path):
    image, drawings = phantom()
    assert draw(tmp_path / "a.png", image, drawings) == draw(tmp_path / "b.png", image, drawings)
    sheet = Image.open(tmp_path / "a.png")
    assert sheet.info == {}
    shown = {colour for _, colour in sheet.getcolors(maxcolors=2**20)}
    wanted = {tuple(bytes.fromhex(colour[1:])) for colour in COLOURS[:3]}
    assert len(shown & wanted) == 2


def test_any_orientation_of_the_same_scan_gives_the_same_picture(tmp_path):
    image, drawings = phantom()
    upright = draw(tmp_path / "a.png", image, drawings)
    turned = [Drawing(d.roi, d.rater, sitk.DICOMOrient(d.mask, "RAI")) for d in drawings]
    flipped = draw(tmp_path / "b.png", sitk.DICOMOrient(image, "RAI"), turned)
    assert upright == flipped


def test_every_roi_gets_its_own_part_and_one_voxel_is_enough(tmp_path):
    image, drawings = phantom()
    dot = sitk.Image(drawings[0].mask) * 0
    dot[49, 39, 11] = 1
    one = draw(tmp_path / "a.png", image, drawings)
    draw(tmp_path / "b.png", image, [*drawings, Drawing("node", "r1", dot)])
    assert len(one) > 0
    a, b = Image.open(tmp_path / "a.png"), Image.open(tmp_path / "b.png")
    assert b.height > 1.8 * a.height


@pytest.mark.parametrize(
    ("modality", "around", "name"),
    [
        ("CT", -700, "lung window"),
        ("CT", 60, "soft-tissue window"),
        ("PT", 5, "SUV 0 to 5"),
        ("MR", 5, "window"),
    ],
)
def test_the_window_suits_the_modality(modality, around, name):
    values = np.linspace(1, 100, 1000, dtype=np.float32)
    window = choose_window(values, modality, np.full(10, around, dtype=np.float32))
    assert window.name.startswith(name)
    assert window.high > window.low
    assert window.inverted == (modality == "PT")


def test_a_constant_image_does_no_harm():
    constant = np.full(10, 3.0, dtype=np.float32)
    for modality in ("MR", "PT", "CT"):
        window = choose_window(constant, modality, constant * 0)
        assert np.isfinite(window.grey(constant)).all()


def test_a_picture_without_a_place_in_the_patient_has_one_plane_and_no_sides(tmp_path):
    values = np.random.default_rng(1).integers(0, 255, (4, 60, 80)).astype(np.int16)
    for name, frames, planar in (("volume", 4, False), ("clip", 4, True), ("picture", 1, True)):
        image = sitk.GetImageFromArray(values[:frames])
        mask = sitk.Image(image.GetSize(), sitk.sitkUInt8)
        mask[20:40, 20:40, :] = 1
        draw_contact_sheet(
            tmp_path / f"{name}.png",
            image,
            [Drawing("lesion", "r1", mask)],
            title="",
            modality="US",
            agreements={},
            planar=planar,
        )
    volume, clip, picture = (
        Image.open(tmp_path / f"{name}.png").height for name in ("volume", "clip", "picture")
    )
    assert picture < clip < volume
    plain = View("axial", 0, (0.5, 30, 40), (80, 60), letters=False)
    panels = [
        draw_panel(values, [], [], (1, 1, 1), view, Window(0, 255, ""), (300, 300))
        for view in (plain, replace(plain, letters=True))
    ]
    corner = (145, 0, 155, 20)
    assert not np.array_equal(panels[0].crop(corner), panels[1].crop(corner))
