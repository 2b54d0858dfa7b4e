"""Each check of shape: a mask that must trip it, and one that must not."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from radiomics.shape import RadiomicsShape

from rigoromics.quality.masks import (
    check_mask_shape,
    core_share,
    enclosed_ratio,
    filled_ratio,
)
from rigoromics.quality.registry import CHECKS
from rigoromics.quality.settings import Limits

SPACING = (1.0, 1.0, 2.0)


def mask(values, spacing=SPACING):
    image = sitk.GetImageFromArray(np.asarray(values).astype(np.uint8))
    image.SetSpacing(spacing)
    return image


def empty(shape=(24, 40, 40)):
    return np.zeros(shape, bool)


def ellipsoid(radii=(8, 14, 14), shape=(24, 40, 40), middle=None):
    middle = [n / 2 for n in shape] if middle is None else middle
    k, j, i = np.indices(shape)
    squares = [((axis - m) / r) ** 2 for axis, m, r in zip((k, j, i), middle, radii, strict=True)]
    return sum(squares) <= 1


def contour_points(step=0.0, slices=range(4, 20), radius=13):
    """What is left when only a contour's points become voxels: gaps with a large step."""
    values = empty()
    for k in slices:
        angle = np.arange(0, 2 * np.pi, max(step, 0.02))
        rows = np.rint(20 + radius * np.sin(angle)).astype(int)
        columns = np.rint(20 + radius * np.cos(angle)).astype(int)
        values[k, rows, columns] = True
    return values


def with_part(*parts):
    values = ellipsoid()
    for part in parts:
        values[part] = True
    return values


def ring(inner, outer=14):
    k, j, i = np.indices((24, 40, 40))
    distance = np.hypot(j - 20, i - 20)
    return (distance <= outer) & (distance > inner) & (k > 4) & (k < 19)


def diamond_points():
    """Contour points that touch by edges only, on every second slice.

    PyRadiomics' mesh turns inside out around them.
    """
    k, j, i = np.indices((24, 40, 40))
    return (abs(i - 20) + abs(j - 20) == 7) & (k % 2 == 0) & (k > 3) & (k < 18)


def box_of(values):
    """(i, j, k) and size of the box around a mask, as SimpleITK finds it."""
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(mask(values))
    box = statistics.GetBoundingBox(1)
    return box[:3], box[3:]


def one(check, values, limits=Limits(), **options):  # noqa: B008
    found = check_mask_shape(mask(values), limits=limits, **options)
    assert len({finding.check for finding in found}) == len(found)
    return next(finding for finding in found if finding.check == check)


@pytest.mark.parametrize(
    ("check", "values", "words"),
    [
        ("one_slice", with_part() & (np.indices((24, 40, 40))[0] == 12), "one slice only"),
        ("contour_only", contour_points(), "0% of its voxels lie inside it"),
        ("contour_only", contour_points(step=0.15), "holds outlines, not bodies"),
        ("contour_only", contour_points(slices=range(4, 20, 3)), "holds outlines"),
        ("hollow", ring(inner=10), "hollow: with its holes filled"),
        ("empty_slices", with_part() & (np.indices((24, 40, 40))[0] % 4 > 0), "3 slices between"),
        ("separate_parts", with_part(np.s_[2:5, 1:4, 1:4]), "2 separate parts; 27 voxels lie off"),
        ("specks", with_part(np.s_[2, 2, 2], np.s_[2, 30:32, 2]), "2 specks of at most 8 voxels"),
        ("border", with_part(np.s_[10, 20, 20:40]), "border (first or last columns)"),
        ("image_share", ~with_part() | True, "takes 100.0% of the whole image"),
        ("mesh_volume", diamond_points(), "it is no body"),
        ("sphericity_low", contour_points(), "less than a solid body has (0.25)"),
    ],
)
def test_what_trips_each_check(check, values, words):
    finding = one(check, values)
    assert words in finding.problem, finding
    assert finding.outcome("refused") == "refused"
    assert finding.outcome("noted") == "noted"


def test_a_sound_mask_passes_every_check():
    found = check_mask_shape(mask(ellipsoid()), limits=Limits(), volume_ml=(1, 20))
    assert [finding.problem for finding in found if finding.problem] == []
    assert {finding.outcome("refused") for finding in found} == {"passed"}


def test_volume_must_lie_where_the_config_says():
    exact = 4 / 3 * np.pi * 8 * 14 * 14 * 2 / 1000
    finding = one("volume_range", ellipsoid(), volume_ml=(0.5, 10.0))
    assert finding.value == pytest.approx(exact, rel=0.02)
    assert "the config gives this ROI 0.5 to 10 ml" in finding.problem
    assert one("volume_range", ellipsoid(), volume_ml=(20.0, 50.0)).problem
    assert not one("volume_range", ellipsoid(), volume_ml=(0.5, 50.0)).problem
    # A 2D image has a nominal thickness only.
    assert not one("volume_range", ellipsoid(), volume_ml=(20.0, 50.0), planar=True).problem
    assert one("volume_range", ellipsoid()).outcome("refused") == "not applicable"


@pytest.mark.parametrize(
    "values",
    [
        ellipsoid((2, 3, 3)),
        ellipsoid((2, 17, 17)),
        ellipsoid((10, 2, 2)),
        ring(inner=6),
        ellipsoid() & ~ellipsoid((6, 11, 11)),
        ellipsoid() & (np.hypot(*(np.indices((40, 40)) - 24)) > 8),
    ],
    ids=["small", "flat", "long", "thick ring", "wall", "crescent"],
)
def test_odd_but_real_shapes_are_no_outlines_and_solid(values):
    found = check_mask_shape(mask(values), limits=Limits())
    tripped = {finding.check for finding in found if finding.problem}
    assert not tripped & {"contour_only", "mesh_volume", "sphericity_low", "sphericity_high"}


@pytest.mark.parametrize("values", [ellipsoid((6, 12, 9)), contour_points(), diamond_points()])
def test_mesh_values_are_those_of_pyradiomics(values):
    settings = {"binWidth": 25, "label": 1}
    image = sitk.Cast(mask(values), sitk.sitkFloat32)
    # Its extractor crops first, and where a mesh does not close, the crop changes the volume.
    (i, j, k), size = box_of(values)
    crop = np.s_[i : i + size[0], j : j + size[1], k : k + size[2]]
    witness = RadiomicsShape(image[crop], mask(values)[crop], **settings)
    volume = one("mesh_volume", values).value * 1000
    assert volume == pytest.approx(witness.getMeshVolumeFeatureValue(), rel=1e-9)
    for check in ("sphericity_low", "sphericity_high") if volume > 0 else ():
        found = one(check, values).value
        assert found == pytest.approx(witness.getSphericityFeatureValue(), rel=1e-9)


def test_a_mesh_that_lost_its_area_is_rounder_than_a_sphere(monkeypatch):
    from rigoromics.quality import masks

    monkeypatch.setattr(masks, "mesh", lambda part, spacing: masks_mesh(1000.0, 200.0))
    assert "more than a sphere" in one("sphericity_high", ellipsoid()).problem


def masks_mesh(volume, area):
    from rigoromics.segment.mesh import Mesh

    return Mesh(area=area, volume=volume)


def test_flat_images_have_no_solid_to_judge():
    disc = ellipsoid((1, 14, 14), (1, 40, 40), (0, 20, 20))
    outcomes = {
        f.check: f.outcome("refused") for f in check_mask_shape(mask(disc), limits=Limits())
    }
    for check in ("one_slice", "mesh_volume", "sphericity_low", "sphericity_high"):
        assert outcomes[check] == "not applicable"
    assert outcomes["border"] == outcomes["contour_only"] == "passed"
    # A clip's frames are no slices.
    clip = one("one_slice", with_part() & (np.indices((24, 40, 40))[0] == 12), planar=True)
    assert clip.value is None


def test_limits_come_from_the_config():
    assert not one("hollow", ring(inner=10), Limits(hollow_ratio=5)).problem
    assert one("sphericity_low", ellipsoid(), Limits(sphericity=0.99)).problem
    assert not one("specks", with_part(np.s_[2, 2, 2]), Limits(speck_voxels=0)).problem
    assert one("image_share", ellipsoid(), Limits(image_share=0.1)).problem
    assert not one("contour_only", contour_points(), Limits(enclosed_ratio=50)).problem


def test_measures_by_hand():
    plane = np.zeros((1, 7, 7), bool)
    plane[0, 1:6, 1:6] = True
    assert core_share(plane) == 9 / 25
    plane[0, 2:5, 2:5] = False
    assert core_share(plane) == 0
    assert enclosed_ratio(plane) == filled_ratio(plane) == 25 / 16
    # A gap lets the hole out, but what stands around it still encloses it.
    plane[0, 1, 3] = False
    assert filled_ratio(plane) == 1
    assert enclosed_ratio(plane) == (15 + 6) / 15


def test_no_real_lesion_is_refused(shared_data):
    folder = shared_data / "pyradiomics_data/data"
    for name in ("brain1", "brain2", "breast1"):
        label = sitk.ReadImage(str(folder / f"{name}_label.nrrd"))
        found = check_mask_shape(sitk.Cast(label > 0, sitk.sitkUInt8), limits=Limits())
        refused = [f.check for f in found if f.problem and CHECKS[f.check].severity == "refused"]
        assert refused == []


def test_the_lowest_sphericity_lies_below_that_of_published_lesions(shared_data):
    published = [
        pd.read_csv(path)["original_shape_Sphericity"].dropna()
        for path in sorted((shared_data / "features/hosny2018").glob("*.csv"))
        if "original_shape_Sphericity" in pd.read_csv(path, nrows=0)
    ]
    values = pd.concat(published)
    assert len(values) > 600
    assert values.min() > 1.3 * Limits().sphericity
