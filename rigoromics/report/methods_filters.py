"""Methods: the images that features were computed from, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rigoromics.extract import image_settings as kinds
from rigoromics.report.text import Text, enumerate_texts, join, say
from rigoromics.report.wording import listing, plural

BORDERS = {
    "zero": "zeros",
    "nearest": "the nearest voxel",
    "periodic": "the image again",
    "mirror": "its mirror image",
}


def filters(images: Mapping[str, Any], aggregation: str) -> Text:
    """Return what features were computed on.

    Parameters
    ----------
    images
        The section `images` of the extraction settings, as it stands in the file.
    aggregation
        How texture was aggregated; it decides whether wavelets are 2D.
    """
    chosen = kinds.Images.model_validate(images)
    texts = [say("the image itself")] if chosen.original is not None else []
    texts += [_described(key, own, aggregation) for key, own in chosen.filters().items()]
    sentences = [say("Features were computed on {kinds}.", kinds=enumerate_texts(texts))]
    borders = {own.boundary for _, own in chosen if isinstance(own, kinds.Convolution)}
    if borders or chosen.simoncelli is not None:
        sentences.append(
            say(
                "Filters of the second part of IBSI follow its definitions [@ibsi2filters2024]"
                "{beyond}.",
                beyond=_beyond(sorted(borders)),
            )
        )
    return join(sentences)


def _beyond(borders: Sequence[str]) -> str:
    if not borders:
        return ""
    return f"; beyond the image's border they saw {' or '.join(BORDERS[b] for b in borders)}"


def _described(key: str, own: kinds.Filtered, aggregation: str) -> Text:
    words = PLAIN[key] if key in PLAIN else WORDS[key](own)
    if isinstance(own, kinds.Wavelet):
        words += " (2D)" if not aggregation.startswith("3D") else ""
    return say("{words}{bins}", words=words, bins=_bins(own.discretisation))


def _bins(own: kinds.Discretisation | None) -> str:
    if own is None:
        return ""
    if own.bin_width is not None:
        return f", in bins of {own.bin_width:g}"
    return f", in {own.bin_count} bins"


PLAIN = {
    "square": "its square, scaled to the image's range",
    "square_root": "its signed square root, scaled to the image's range",
    "logarithm": "its signed logarithm, scaled to the image's range",
    "exponential": "its exponential, scaled to the image's range",
    "gradient": "the magnitude of its gradient",
}


def _log(own: kinds.LaplacianOfGaussian) -> str:
    where = " slice by slice" if own.dimensions == 2 else ""
    return f"its Laplacian of Gaussian{where} (σ = {_numbers(own.sigma_mm)} mm)"


def _wavelet(own: kinds.Wavelet) -> str:
    levels = f"{own.levels} {plural(own.levels, 'level')}"
    return f"its undecimated wavelet transform ({own.name}, {levels}, all sub-bands)"


def _lbp(own: kinds.LocalBinaryPattern) -> str:
    return (
        f"its uniform local binary patterns slice by slice ({own.samples} neighbours at "
        f"{own.radius:g} {plural(2 if own.radius != 1 else 1, 'voxel')})"
    )


def _mean(own: kinds.Mean) -> str:
    return f"its {own.dimensions}D mean filter (support {_numbers(own.support)} voxels)"


def _log_ibsi(own: kinds.LogIbsi) -> str:
    return (
        f"its {own.dimensions}D Laplacian of Gaussian in IBSI's definition "
        f"(σ = {_numbers(own.sigma_mm)} mm, cut off at {own.cutoff:g} σ){_riesz(own)}"
    )


def _laws(own: kinds.Laws) -> str:
    energy = f", as mean absolute value within {own.energy} voxels" if own.energy else ""
    turned = _turned(own.pooling, "rotations")
    return f"its response to Laws' kernels {listing(own.kernels)}{turned}{energy}"


def _gabor(own: kinds.Gabor) -> str:
    pairs = [
        f"σ = {sigma:g} mm with λ = {wave:g} mm"
        for sigma, wave in zip(own.sigma_mm, own.wavelength_mm, strict=True)
    ]
    if own.pooling == "none":
        how = f" at {own.theta_degrees:g}°"
    else:
        planes = " and three orthogonal planes" if own.dimensions == 3 else " in slices"
        steps = f"directions {own.step_degrees:g}° apart{planes}"
        how = _turned(own.pooling, steps)
    return f"the modulus of its Gabor filters ({listing(pairs)}, γ = {own.gamma:g}){how}"


def _wavelet_ibsi(own: kinds.WaveletIbsi) -> str:
    levels = f"{plural(len(own.levels), 'level')} {_numbers(own.levels)}"
    turned = _turned(own.pooling, "rotations")
    return f"its undecimated {own.name} wavelets {listing(own.bands)} of {levels}{turned}"


def _simoncelli(own: kinds.Simoncelli) -> str:
    levels = f"{plural(len(own.levels), 'level')} {_numbers(own.levels)}"
    return f"its {own.dimensions}D Simoncelli wavelets of {levels}{_riesz(own)}"


def _riesz(own: kinds.Derived) -> str:
    if own.riesz is None:
        return ""
    return f", followed by a Riesz transform of order ({', '.join(map(str, own.riesz))})"


def _turned(pooling: str, over: str) -> str:
    how = {"average": "averaged over", "max": "as the maximum over"}.get(pooling)
    return f", {how} {over}" if how else ""


def _numbers(values: Sequence[float]) -> str:
    return listing([f"{value:g}" for value in values])


WORDS: dict[str, Callable[[Any], str]] = {
    "log": _log,
    "wavelet": _wavelet,
    "lbp_2d": _lbp,
    "mean": _mean,
    "log_ibsi": _log_ibsi,
    "laws": _laws,
    "gabor": _gabor,
    "wavelet_ibsi": _wavelet_ibsi,
    "simoncelli": _simoncelli,
}
