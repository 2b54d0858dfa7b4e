"""The Laplacian of Gaussian beside ITK's own, which is PyRadiomics'."""

import numpy as np
import pytest
import SimpleITK as sitk

from rigoromics.extract.fast import laplacian_of_gaussian


def by_itk(values, spacing, sigma):
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing)
    laplacian = sitk.LaplacianRecursiveGaussianImageFilter()
    laplacian.SetNormalizeAcrossScale(True)
    laplacian.SetSigma(sigma)
    return sitk.GetArrayFromImage(laplacian.Execute(image))


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "spacing", "sigma"),
    [
        ((12, 20, 31), (1.0, 1.3, 3.0), 2.0),
        ((4, 5, 6), (0.7, 0.7, 0.7), 1.0),
        ((40, 33, 70), (0.5, 0.9, 2.0), 5.0),
    ],
)
def test_bit_for_bit_as_itk(kind, shape, spacing, sigma):
    values = np.random.default_rng(3).normal(100, 30, shape).astype(kind)
    expected = by_itk(values, spacing, sigma)
    whole = [slice(0, n) for n in shape]
    np.testing.assert_array_equal(laplacian_of_gaussian(values, spacing, sigma, whole), expected)
    part = (slice(1, 3), slice(0, shape[1]), slice(2, 5))
    found = laplacian_of_gaussian(values, spacing, sigma, part)
    np.testing.assert_array_equal(found, expected[part])
