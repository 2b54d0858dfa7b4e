"""All RTSTRUCTs of a public cohort, against their polygons and another rasteriser."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from matplotlib.path import Path as Outline

from rigoromics.segment.grid import affine
from rigoromics.segment.planes import rasterise
from rigoromics.segment.rtstruct import list_rois, read_contours
from tests.unit.segment.shapes import volume

# What counting voxels on the PET's own grid of some 5 mm cannot resolve: the contours of these
# enclose more or less than their voxel centres by over 1%, in any rasteriser that goes by centres.
COARSE = {"STS_002 PET": 0.021, "STS_008 PET": 0.012, "STS_018 PET": 0.012, "STS_023 PET": 0.013}


@pytest.fixture(scope="module")
def cohort(shared_data):
    """Name, contours in mm and image of every ROI."""
    found = []
    for path in sorted((shared_data / "sts" / "dicom").glob("*/*/mask/*.dcm")):
        image = volume((path.parent.parent / "image").iterdir())
        dataset = pydicom.dcmread(path)
        name = " ".join(path.parts[-4:-2])
        found += [(name, read_contours(dataset, roi).points, image) for roi in list_rois(dataset)]
    assert len(found) == 28
    return found


def in_voxels(points, image):
    return np.linalg.solve(affine(image), np.column_stack([points, np.ones(len(points))]).T)[:3].T


def shoelace_ml(contours, image):
    """Area times distance between slices; a contour inside another of its slice is a hole."""
    total = 0.0
    flat = [(in_voxels(points, image), points) for points in contours]
    for corners, points in flat:
        x, y = (points[:, :2] - points[0, :2]).T
        area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        around = sum(
            Outline(other[:, :2]).contains_point(corners[0, :2])
            for other, _ in flat
            if other is not corners and abs(other[0, 2] - corners[0, 2]) < 0.1
        )
        total += (-1) ** around * area
    return total * image.GetSpacing()[2] / 1000


def by_matplotlib(contours, image):
    """The same by matplotlib's point-in-polygon test of voxel centres, combined by exclusive or."""
    columns, rows, slices = image.GetSize()
    mask = np.zeros((slices, rows, columns), dtype=bool)
    j, i = np.indices((rows, columns))
    centres = np.column_stack([i.ravel(), j.ravel()])
    for points in contours:
        corners = in_voxels(points, image)
        inside = Outline(corners[:, :2]).contains_points(centres).reshape(rows, columns)
        mask[round(float(corners[:, 2].mean()))] ^= inside
    return mask


def finer(image, times):
    """The same volume on pixels a fraction of the size."""
    columns, rows, slices = image.GetSize()
    fine = sitk.Image(columns * times, rows * times, slices, sitk.sitkUInt8)
    x, y, z = image.GetSpacing()
    fine.SetSpacing([x / times, y / times, z])
    fine.SetDirection(image.GetDirection())
    corner = (1 / times - 1) / 2
    fine.SetOrigin(image.TransformContinuousIndexToPhysicalPoint([corner, corner, 0.0]))
    return fine


def millilitres(mask, image):
    return mask.sum() * np.prod(image.GetSpacing()) / 1000


def test_volumes_are_the_polygons_areas_times_thickness(cohort):
    off, fine_off = {}, {}
    for name, contours, image in cohort:
        expected = shoelace_ml(contours, image)
        mask, notes = rasterise(contours, image)
        off[name] = abs(millilitres(mask, image) / expected - 1)
        assert notes == []
        fine = finer(image, 4)
        fine_off[name] = abs(millilitres(rasterise(contours, fine)[0], fine) / expected - 1)
    assert len(fine_off) == 28
    assert max(fine_off.values()) < 0.01
    assert {name for name, value in off.items() if value > 0.01} == set(COARSE)
    assert all(off[name] < limit for name, limit in COARSE.items())


def test_masks_are_those_of_matplotlib_to_the_voxel(cohort):
    """Had a centre lain on an edge, the two might differ there; none does in this cohort."""
    differing = voxels = 0
    for _, contours, image in cohort:
        mask, _ = rasterise(contours, image)
        differing += int((mask != by_matplotlib(contours, image)).sum())
        voxels += int(mask.sum())
    assert voxels == 216_512
    assert differing == 0
