"""The fast engine on a GPU beside itself on the CPU: levels, matrices, sums and filters."""

import numpy as np
import pytest
import pywt
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings

from rigoromics.extract import engine, fast, gpu
from rigoromics.extract.fast import recursive
from rigoromics.extract.options import Options
from rigoromics.grid import Region
from tests.unit.extract.conftest import make_settings
from tests.unit.extract.fast.test_parity import CLASSES, differences, options, rois

EVERYTHING = {name: [] for name in CLASSES if name != "shape"}


def on_cpu(values, masks, spacing, chosen):
    """Each ROI's features by the CPU's kernels."""
    found = []
    for inside in masks:
        layout = fast.Layout.of(inside, chosen)
        found.append(fast.features(values[inside], layout, spacing, EVERYTHING, chosen))
    return found


def on_device(device, values, masks, spacing, chosen):
    """Each ROI's features by the device's kernels, in one batch."""
    layouts = [fast.Layout.of(inside, chosen) for inside in masks]
    whole = Region((0, 0, 0), values.shape[::-1])
    batch = gpu.Batch(device, layouts, [whole] * len(masks), whole.size)
    image = device.xp.asarray(values)
    return gpu.features(batch, image, spacing, EVERYTHING, chosen)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rois(), options)
def test_random_rois(device, roi, chosen):
    image, mask = roi
    values, inside = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(mask) == 1
    part = inside & (np.indices(inside.shape)[2] < inside.shape[2] // 2)
    masks = [inside, part] if np.count_nonzero(part) > 1 else [inside]
    expected = on_cpu(values, masks, image.GetSpacing(), chosen)
    found = on_device(device, values, masks, image.GetSpacing(), chosen)
    assert [differences(*pair) for pair in zip(found, expected, strict=True)] == [{}] * len(masks)


@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("sigma", [0.7, 3.0])
def test_laplacian_of_gaussian_is_the_cpus_to_the_bit(device, kind, sigma):
    values = np.random.default_rng(3).normal(0, 200, (9, 12, 15)).astype(kind)
    wanted = (slice(2, 7), slice(0, 12), slice(5, 11))
    expected = recursive.laplacian_of_gaussian(values, (0.8, 1.1, 2.5), sigma, wanted)
    found = gpu.laplacian_of_gaussian(device, values, (0.8, 1.1, 2.5), sigma, wanted)
    np.testing.assert_array_equal(gpu.host(found), expected)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["coif1", "db3", "haar", "sym5", "bior2.2"])
def test_wavelets_are_pywavelets_to_the_bit(device, kind, name):
    values = np.random.default_rng(4).normal(0, 200, (6, 14, 16)).astype(kind)
    expected = pywt.swtn(values, name, level=1, axes=(2, 1, 0))[0]
    for band, found in gpu.wavelets(device, values, name, 1, (2, 1, 0)):
        letters = band.removeprefix("wavelet-").replace("L", "a").replace("H", "d")
        np.testing.assert_array_equal(gpu.host(found), expected[letters])


@pytest.mark.parametrize("engine_settings", [{}, {"wavelet": {"levels": 2}}], ids=str)
@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
def test_all_images_of_a_scan(device, kind, engine_settings):
    rng = np.random.default_rng(5)
    values = rng.normal(0, 60, (11, 17, 19)).cumsum(2).astype(kind)
    values[:, :, :4] = -1000
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.9, 0.9, 2.0))
    inside = np.zeros((2, *values.shape), np.uint8)
    inside[0, 2:9, 3:13, 2:14] = 1
    inside[1, 4:7, 5:10, 6:16] = rng.random((3, 5, 10)) < 0.7
    masks = {}
    for name, one in zip("ab", inside, strict=True):
        masks[name] = sitk.GetImageFromArray(one)
        masks[name].CopyInformation(image)
    images = {"original": {}, "log": {"sigma_mm": [1.5]}, "wavelet": {}, "square": {}}
    chosen = make_settings(engine="fast", images=images | engine_settings)
    expected = engine.extract_scan(image, masks, chosen)
    found = engine.extract_scan(image, masks, chosen, device)
    assert found.noted.keys() == expected.noted.keys()
    for name, values_of in expected.features.items():
        assert found.features[name] == pytest.approx(values_of, rel=1e-9, abs=1e-9)


def test_a_line_and_a_plane(device):
    values = np.random.default_rng(1).integers(0, 9, (3, 6, 7)).astype(np.int16)
    line, plane = np.zeros((2, *values.shape), bool)
    line[1, 2, 1:6] = True
    plane[1, :5, :] = True
    for masks in ([line], [plane], [line, plane]):
        boxed = Options(bin_width=2.0)
        expected = on_cpu(values, masks, (1, 1, 1), boxed)
        found = on_device(device, values, masks, (1, 1, 1), boxed)
        assert [differences(*pair) for pair in zip(found, expected, strict=True)] == [{}] * len(
            masks
        )


@pytest.mark.slow
def test_a_real_case(device, real_case):
    image, mask = real_case("brain1")
    images = {"original": {}, "log": {"sigma_mm": [3]}, "wavelet": {}}
    chosen = make_settings(engine="fast", images=images)
    masks = {"drawn": mask, "grown": sitk.BinaryDilate(mask, [2, 1, 1])}
    expected = engine.extract_scan(image, masks, chosen).features
    found = engine.extract_scan(image, masks, chosen, device).features
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=1e-9, abs=1e-9)
