"""The methods section names every image that features come from."""

from typing import get_args

import pytest

from rigoromics.extract.image_settings import Filtered, Images
from rigoromics.report.methods_filters import filters
from rigoromics.report.text import Cite

NEEDED = {
    "log": {"sigma_mm": [2, 4]},
    "mean": {"support": [3, 5]},
    "log_ibsi": {"sigma_mm": [1.5]},
    "laws": {"kernels": ["L5E5E5"]},
    "gabor": {"sigma_mm": [5], "wavelength_mm": [2], "gamma": 1.5},
    "wavelet_ibsi": {"bands": ["LLH"], "levels": [1, 2]},
}
KEYS = [
    key
    for key, field in Images.model_fields.items()
    if issubclass(next(iter(get_args(field.annotation))), Filtered)
]


def words(images, aggregation="3D average"):
    return "".join(
        f"[{', '.join(part.keys)}]" if isinstance(part, Cite) else str(part)
        for part in filters(images, aggregation)
    )


@pytest.mark.parametrize("key", KEYS)
def test_every_filter_has_words_of_its_own(key):
    text = words({key: {**NEEDED.get(key, {}), "discretisation": {"bin_width": 5}}})
    assert text.startswith("Features were computed on ")
    assert "in bins of 5." in text
    others = {words({other: NEEDED.get(other, {})}) for other in KEYS if other != key}
    assert words({key: NEEDED.get(key, {})}) not in others


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (
            {"original": {}, "log": {"sigma_mm": [2, 4], "dimensions": 2}},
            "Features were computed on the image itself and its Laplacian of Gaussian slice by "
            "slice (σ = 2 and 4 mm).",
        ),
        (
            {"laws": {"kernels": ["L5E5E5"], "boundary": "zero"}},
            "Features were computed on its response to Laws' kernels L5E5E5, as the maximum over "
            "rotations, as mean absolute value within 7 voxels. Filters of the second part of "
            "IBSI follow its definitions [ibsi2filters2024]; beyond the image's border they saw "
            "zeros.",
        ),
        (
            {"gabor": {**NEEDED["gabor"], "discretisation": {"bin_count": 32}}},
            "Features were computed on the modulus of its Gabor filters (σ = 5 mm with λ = 2 mm, "
            "γ = 1.5), averaged over directions 22.5° apart and three orthogonal planes, in 32 "
            "bins. Filters of the second part of IBSI follow its definitions [ibsi2filters2024]; "
            "beyond the image's border they saw its mirror image.",
        ),
        (
            {"simoncelli": {"levels": [2], "riesz": [0, 2, 0]}},
            "Features were computed on its 3D Simoncelli wavelets of level 2, followed by a Riesz "
            "transform of order (0, 2, 0). Filters of the second part of IBSI follow its "
            "definitions [ibsi2filters2024].",
        ),
    ],
)
def test_sentences(images, text):
    assert words(images) == text


def test_wavelets_follow_the_aggregation():
    assert "all sub-bands) (2D)" in words({"wavelet": {}}, "2.5D merged")
    assert "2D" not in words({"wavelet": {}})
