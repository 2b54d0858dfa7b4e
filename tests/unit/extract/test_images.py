"""Images that features are computed from: the same values cropped or whole, PyRadiomics' where it
has them, and names that tell one from another.
"""

import numpy as np
import pytest
import SimpleITK as sitk
from pydantic import ValidationError
from radiomics import imageoperations
from radiomics.featureextractor import RadiomicsFeatureExtractor

from rigoromics import preprocess
from rigoromics.extract import engine
from rigoromics.extract.filters.lbp import LocalBinaryPattern
from rigoromics.extract.images import image_names, sources
from rigoromics.grid import Region

from .conftest import make_settings

GABOR = {"sigma_mm": [1, 1.5], "wavelength_mm": [2, 3], "gamma": 1.5}
SCALED = {key: {} for key in ("square", "square_root", "logarithm", "exponential")}
EVERY = {
    "original": {},
    "log": {"sigma_mm": [0.7]},
    "wavelet": {"levels": 2},
    **SCALED,
    "gradient": {},
    "lbp_2d": {"radius": 1.5},
    "mean": {"support": [3, 5]},
    "log_ibsi": {"sigma_mm": [1.5]},
    "laws": {"kernels": ["L5E5", "L5E5E5"], "energy": 3},
    "gabor": GABOR,
    "wavelet_ibsi": {"bands": ["LLH", "HH"], "levels": [1, 2]},
    "simoncelli": {"levels": [1, 2]},
}
NAMES = [
    "original",
    "log-sigma-0-7-mm-3D",
    *(f"wavelet-{a}{b}{c}" for a in "HL" for b in "HL" for c in "HL" if a + b + c != "LLL"),
    *(f"wavelet2-{a}{b}{c}" for a in "HL" for b in "HL" for c in "HL"),
    "square",
    "squareroot",
    "logarithm",
    "exponential",
    "gradient",
    "lbp-2D",
    "mean-3-3D",
    "mean-5-3D",
    "logibsi-sigma-1-5-mm-3D",
    "laws-L5E5-max-energy-3",
    "laws-L5E5E5-max-energy-3",
    "gabor-sigma-1-0-mm-lambda-2-0-mm-gamma-1-5-average-3D",
    "gabor-sigma-1-5-mm-lambda-3-0-mm-gamma-1-5-average-3D",
    "waveletibsi-db3-LLH-average",
    "waveletibsi-db3-HH-average",
    "waveletibsi2-db3-LLH-average",
    "waveletibsi2-db3-HH-average",
    "simoncelli-1-3D",
    "simoncelli-2-3D",
]
# What is cropped, in the ways that reach least and farthest or treat the border otherwise.
CROPPED = [
    {"log": {"sigma_mm": [0.5]}},
    {"log": {"sigma_mm": [0.7], "dimensions": 2}},
    {"wavelet": {}},
    {"gradient": {}},
    {"lbp_2d": {"radius": 2, "samples": 12}},
    {"mean": {"support": [7], "boundary": "zero"}},
    {"mean": {"support": [7], "boundary": "periodic"}},
    {"log_ibsi": {"sigma_mm": [1.5], "boundary": "nearest"}},
    {"log_ibsi": {"sigma_mm": [1.5], "dimensions": 2}},
    {"laws": {"kernels": ["L5E5E5", "R5S5"]}},
    {"laws": {"kernels": ["E3W5"], "pooling": "none", "energy": None, "boundary": "periodic"}},
    {"gabor": GABOR},
    {"gabor": {**GABOR, "pooling": "none", "theta_degrees": 30, "dimensions": 2}},
    {"wavelet_ibsi": {"bands": ["LLH"], "levels": [1, 2]}},
    {"wavelet_ibsi": {"name": "haar", "bands": ["HH"], "boundary": "periodic"}},
    {"simoncelli": {"dimensions": 2}},
]
WHOLE = [
    *({key: {}} for key in SCALED),
    {"simoncelli": {}},
    {"log_ibsi": {"sigma_mm": [1], "riesz": [0, 1, 1]}},
]
BOXES = {
    "inside": Region((26, 25, 18), (10, 9, 4)),
    "at two borders": Region((0, 25, 35), (10, 9, 5)),
}


def both_ways(image, images, box):
    """Values in a box, made of the whole image and of what the filter says it needs."""
    settings = make_settings(images=images)
    for source in sources(settings):
        region = source.surroundings(box, image.GetSize(), image.GetSpacing())
        whole = dict(source.make(image))
        part = dict(source.make(preprocess.crop(image, region)))
        assert whole.keys() == part.keys() == set(source.names)
        for name in whole:
            yield (
                region,
                sitk.GetArrayFromImage(preprocess.crop(whole[name], box)),
                sitk.GetArrayFromImage(preprocess.crop(part[name], box.counted_inside(region))),
            )


@pytest.mark.parametrize("where", BOXES)
@pytest.mark.parametrize("images", CROPPED, ids=str)
def test_cropping_does_not_change_values(made, images, where):
    image, _ = made
    for region, whole, part in both_ways(image, images, BOXES[where]):
        assert region.size != image.GetSize()
        scale = np.abs(whole).max()
        np.testing.assert_allclose(part, whole, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("images", WHOLE, ids=str)
def test_what_hangs_on_the_whole_image_sees_it(made, images):
    image, _ = made
    for region, whole, part in both_ways(image, images, BOXES["inside"]):
        assert region == Region((0, 0, 0), image.GetSize())
        np.testing.assert_array_equal(part, whole)


def test_one_voxel_less_would_not_do(made):
    """The reach that filters state is needed, and the test of it can fail."""
    image, _ = made
    settings = make_settings(images={"laws": {"kernels": ["L5E5E5"], "energy": 3}})
    (source,) = sources(settings)
    box = BOXES["inside"]
    region = source.surroundings(box, image.GetSize(), image.GetSpacing())
    less = box.grown([n - 1 for n in np.subtract(box.lower, region.lower)], image.GetSize())
    (_, whole), (_, part) = *source.make(image), *source.make(preprocess.crop(image, less))
    whole = sitk.GetArrayFromImage(preprocess.crop(whole, box))
    part = sitk.GetArrayFromImage(preprocess.crop(part, box.counted_inside(less)))
    assert np.abs(whole - part).max() > 1e-3 * np.abs(whole).max()


def test_names(made):
    image, masks = made
    settings = make_settings(images=EVERY, classes={"firstorder": ["Mean"]}, engine="fast")
    assert image_names(settings) == NAMES
    result = engine.extract_scan(image, {"one": masks["one"]}, settings)
    assert not result.noted
    found = [name for name in result.features["one"] if "_firstorder_" in name]
    # PyWavelets lists bands in another order.
    assert set(found) == {f"{name}_firstorder_Mean" for name in NAMES}


def test_engines_agree_on_every_image(made):
    image, masks = made
    classes = {"firstorder": "all", "glcm": "all", "glszm": "all"}
    settings = [
        make_settings(images=EVERY, classes=classes, engine=name, discretisation={"bin_count": 16})
        for name in ("pyradiomics", "fast")
    ]
    expected, found = (engine.extract_scan(image, masks, one).features for one in settings)
    for mask in masks:
        assert found[mask].keys() == expected[mask].keys()
        for name, value in expected[mask].items():
            # Correlations may vanish by rounding.
            assert found[mask][name] == pytest.approx(value, rel=1e-9, abs=1e-6), name


def test_pyradiomics_own_filters(made):
    image, masks = made
    settings = make_settings(
        images={**SCALED, "gradient": {"discretisation": {"bin_width": 10}}},
        classes={"firstorder": "all", "glcm": "all"},
    )
    result = engine.extract_scan(image, masks, settings)
    with engine.one_quiet_thread():
        extractor = RadiomicsFeatureExtractor(settings.to_pyradiomics())
        for name, mask in masks.items():
            reference = extractor.execute(image, mask)
            assert result.features[name] == {key: float(v) for key, v in reference.items()}
            assert len(reference) == 5 * 42 + 2


def test_log_in_slices_is_that_of_an_image_that_does_not_change_between_them(made):
    """Without change along z, the Laplacian in 3D, which PyRadiomics takes, is the one in 2D."""
    image, _ = made
    one = sitk.GetArrayFromImage(image)[20]
    image = preprocess.like(image, np.repeat(one[None], 40, axis=0))
    (source,) = sources(make_settings(images={"log": {"sigma_mm": [2.0], "dimensions": 2}}))
    ((name, found),) = source.make(image)
    ((expected, _, _),) = imageoperations.getLoGImage(image, None, sigma=[2.0])
    assert name == "log-sigma-2-0-mm-2D"
    found, expected = sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(expected)
    # Far from the first and last slice; both come as 32-bit numbers.
    np.testing.assert_allclose(found[20], expected[20], rtol=0, atol=1e-4 * np.ptp(expected[20]))


def test_log_in_slices_needs_slices_large_enough(made):
    image, masks = made
    settings = make_settings(
        images={"original": {}, "log": {"sigma_mm": [60], "dimensions": 2}},
        classes={"firstorder": ["Mean"]},
    )
    result = engine.extract_scan(image, {"one": masks["one"]}, settings)
    assert "too small for log-sigma-60-0-mm-2D" in result.noted["one"].problem


# How often each pattern occurs; scikit-image 0.26, `local_binary_pattern(..., method="uniform")`.
PATTERNS = {
    (1, 8): [508, 409, 159, 167, 136, 152, 177, 446, 575, 871],
    (1.5, 9): [628, 317, 145, 106, 83, 82, 118, 162, 341, 729, 889],
    (3, 24): [
        314,
        174,
        46,
        26,
        6,
        3,
        2,
        13,
        7,
        10,
        8,
        5,
        7,
        4,
        5,
        4,
        5,
        9,
        5,
        13,
        27,
        34,
        62,
        210,
        412,
        2189,
    ],
}


@pytest.mark.parametrize(("radius", "samples"), PATTERNS)
def test_local_binary_patterns_are_those_of_scikit_image(radius, samples):
    image = np.random.default_rng(5).integers(-1000, 400, (3, 40, 30)).astype(float)
    image = (image + np.roll(image, 1, axis=1) + np.roll(image, 2, axis=2)) / 3
    found = LocalBinaryPattern(radius, samples)(image, (1.0, 1.0, 1.0))
    counts = np.bincount(found.astype(int).ravel(), minlength=samples + 2)
    assert counts.tolist() == PATTERNS[radius, samples]


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ({"mean": {"support": [4]}}, "must be odd"),
        ({"laws": {"kernels": ["L5E9"]}}, "kernels"),
        ({"gabor": {"sigma_mm": [1], "wavelength_mm": [1, 2]}}, "of one length"),
        ({"gabor": {**GABOR, "step_degrees": 50}}, "a part of 360"),
        ({"gabor": {**GABOR, "pooling": "none"}}, "three planes must be pooled"),
        ({"wavelet_ibsi": {"bands": ["LX"]}}, "bands"),
        ({"wavelet_ibsi": {"bands": ["LH"], "name": "db99"}}, "no wavelet is called 'db99'"),
        ({"simoncelli": {"dimensions": 2, "riesz": [1, 0, 0]}}, "`riesz` needs `dimensions: 3`"),
        ({"square": {"discretisation": {"bin_width": 5}}}, "cannot have `bin_width`"),
    ],
)
def test_mistakes_are_named(images, words):
    with pytest.raises(ValidationError, match=words):
        make_settings(images=images, discretisation={"bin_count": 32})
