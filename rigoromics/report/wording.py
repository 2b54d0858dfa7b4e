"""What the paper calls things, and how it writes numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rigoromics.evaluate.group import METRICS as DISCRIMINATION

SIGNATURES = {
    "clinical": "clinical",
    "volume": "volume alone",
    "radiomics": "radiomics",
    "combined": "radiomics and clinical combined",
    "stacked": "radiomics risk stacked on clinical",
    "shuffled": "shuffled voxels (control)",
    "deep": "outside score",
    "deep_stacked": "radiomics risk stacked on the outside score",
}
MODELS = {
    "elastic_net": "elastic-net logistic regression",
    "random_forest": "random forest",
    "cox_elastic_net": "elastic-net Cox regression",
    "random_survival_forest": "random survival forest",
    "gradient_boosting": "gradient boosting",
    "proportional_odds": "elastic-net proportional-odds regression",
    "threshold_forest": "random forests of the thresholds",
    "multinomial_elastic_net": "elastic-net multinomial regression",
    "multiclass_random_forest": "random forest",
    "poisson_elastic_net": "elastic-net Poisson regression",
    "gradient_boosting_survival": "gradient boosting of Cox's likelihood",
    "weibull_aft": "elastic-net Weibull regression",
    "cause_specific_cox": "elastic-net cause-specific Cox regression",
}
METRICS = {
    "auc": "AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "sensitivity_at_sensitivity": "Sensitivity, high-sensitivity cut-off",
    "specificity_at_sensitivity": "Specificity, high-sensitivity cut-off",
    "ppv_at_sensitivity": "Positive predictive value, high-sensitivity cut-off",
    "npv_at_sensitivity": "Negative predictive value, high-sensitivity cut-off",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "scaled_brier": "Scaled Brier score (IPA)",
    "calibration_intercept": "Calibration intercept",
    "calibration_slope": "Calibration slope",
    "ici": "Integrated calibration index",
    "e50": "Median calibration error (E50)",
    "e90": "90th percentile of calibration error (E90)",
    "ece": "Expected calibration error (never alone)",
    "c_index": "C-index",
    "c_index_uno": "C-index (Uno)",
    "uno_c": "C-index (Uno)",
    "hazard_ratio": "Hazard ratio, high to low risk",
    "hazard_ratio_groups": "Hazard ratio, high to low risk",
    "hazard_ratio_per_sd": "Hazard ratio per SD of risk",
    "restricted_mean_low": "Restricted mean survival to the horizon, low risk",
    "restricted_mean_high": "Restricted mean survival to the horizon, high risk",
    "restricted_mean_difference": "Difference in restricted mean, high less low risk",
    "median_low": "Median survival, low risk",
    "median_high": "Median survival, high risk",
    "auc_horizon": "AUC at the horizon",
    "brier_horizon": "Brier score at the horizon",
    "integrated_brier": "Brier score integrated to the horizon",
    "integrated_ipa": "IPA integrated to the horizon",
    "observed_expected": "Observed to expected ratio",
    "net_benefit": "Net benefit",
    "log_rank_p": "Log-rank p",
    "logrank_p": "Log-rank p",
    "ordinal_c": "Ordinal C",
    "mean_threshold_auc": "Mean AUC over thresholds",
    "kappa_linear": "Kappa, linear weights",
    "kappa_quadratic": "Kappa, quadratic weights",
    "within_one_level": "Within one level",
    "mean_levels_off": "Mean levels off",
    "ranked_probability": "Ranked probability score",
    "m_auc": "M (multiclass AUC)",
    "macro_sensitivity": "Mean sensitivity over classes",
    "macro_specificity": "Mean specificity over classes",
    "brier_classes": "Brier score over all classes",
    "count_c": "C of counts",
    "spearman": "Spearman's correlation",
    "deviance_explained": "Deviance explained",
    "mean_absolute_error": "Mean absolute error",
    "cause_specific_hazard_ratio": "Cause-specific hazard ratio, high to low risk",
    "incidence_high_risk": "Incidence at the horizon, high risk",
    "incidence_low_risk": "Incidence at the horizon, low risk",
}
# Metrics of one level or class: before its name, and what is said.
OF_LEVELS = {
    "auc_from_": "AUC, {} and above",
    "calibration_intercept_from_": "Calibration intercept, {} and above",
    "calibration_slope_from_": "Calibration slope, {} and above",
    "auc_of_": "AUC, {} against the others",
    "sensitivity_of_": "Sensitivity, {}",
    "specificity_of_": "Specificity, {}",
    "calibration_slope_of_": "Calibration slope, {}",
}
FAMILIES = {
    "shape": "shape",
    "firstorder": "first order",
    "glcm": "GLCM",
    "glrlm": "GLRLM",
    "glszm": "GLSZM",
    "gldm": "GLDM",
    "ngtdm": "NGTDM",
}
MODALITIES = {
    "CT": "computed tomography (CT)",
    "MR": "magnetic resonance imaging (MRI)",
    "PT": "positron emission tomography (PET)",
    "US": "ultrasound",
    "MG": "mammography",
    "OPT": "ophthalmic tomography",
}
EXTERNAL = "all external"


def signature_name(signature: str) -> str:
    """Return what the paper calls a signature."""
    return SIGNATURES.get(signature, plain(signature))


def model_name(model: str) -> str:
    """Return what the paper calls a model."""
    return MODELS.get(model, plain(model))


def metric_name(metric: str) -> str:
    """Return what the paper calls a metric."""
    for stem, words in OF_LEVELS.items():
        if metric.startswith(stem):
            return words.format(metric.removeprefix(stem))
    return METRICS.get(metric, sentence_case(plain(metric)))


# The first word of names of filtered images.
KINDS = {
    "logibsi": "IBSI LoG",
    "lbp": "LBP",
    "laws": "Laws",
    "gabor": "Gabor",
    "simoncelli": "Simoncelli",
    "squareroot": "square root",
}


def plain(name: str) -> str:
    """Return an identifier as words."""
    return name.replace("_", " ").strip()


def feature_name(feature: str) -> str:
    """Return a feature as a reader sees it: image type, family, name.

    Examples
    --------
    >>> feature_name("wavelet-LLH_glcm_JointEntropy")
    'wavelet LLH · GLCM · joint entropy'
    >>> feature_name("original_shape_MeshVolume")
    'shape · mesh volume'
    >>> feature_name("original_shape_Maximum2DDiameterSlice")
    'shape · maximum 2D diameter slice'
    >>> feature_name("original_firstorder_10Percentile")
    'first order · 10 percentile'
    >>> feature_name("baseline.ct.lesion:original_glcm_Idmn")
    'baseline ct lesion: GLCM · IDMN'
    >>> feature_name("original_glcm_Idmn@relative.week6")
    'GLCM · IDMN, relative change to week6'
    """
    if "@" in feature:
        source, _, change = feature.rpartition("@")
        kind, _, timepoint = change.partition(".")
        words = f"{kind} change to {plain(timepoint)}" if timepoint else f"{kind} over time"
        return f"{feature_name(source)}, {words}"
    if feature.startswith("clinical."):
        return plain(feature.removeprefix("clinical.")).replace("=", ": ")
    place, _, feature = feature.rpartition(":")
    if place:
        return f"{place.replace('.', ' ')}: {feature_name(feature)}"
    parts = feature.split("_", 2)
    if len(parts) != 3:
        return feature
    image, family, name = parts
    words = re.sub(r"(?<=[a-z])(?=[A-Z]|\dD)|(?<=\dD)(?=[A-Z])|(?<=\d)(?=[A-Z][a-z])", " ", name)
    words = " ".join(_word(w) for w in words.split())
    shown = [] if image == "original" else [image_name(image)]
    return " · ".join([*shown, FAMILIES.get(family, family), words])


def _word(word: str) -> str:
    short = word in ("Idm", "Idmn", "Id", "Idn", "Imc1", "Imc2", "MCC")
    return word.upper() if short or word in ("2D", "3D") else word.lower()


def image_name(image: str) -> str:
    """Return an image type as a reader sees it.

    Examples
    --------
    >>> image_name("log-sigma-3-0-mm-3D"), image_name("log-sigma-3-0-mm-2D")
    ('LoG 3.0 mm', 'LoG 3.0 mm 2D')
    >>> image_name("gabor-sigma-5-0-mm-lambda-2-0-mm-gamma-1-5-average-3D")
    'Gabor σ 5.0 mm λ 2.0 mm γ 1.5 average 3D'
    >>> image_name("waveletibsi2-db3-LLH-average")
    'IBSI wavelet 2 db3 LLH average'
    """
    log = re.fullmatch(r"log-sigma-(\d+)-(\d+)-mm-(2D|3D)", image)
    if log:
        return f"LoG {log[1]}.{log[2]} mm" + (" 2D" if log[3] == "2D" else "")
    kind, _, rest = image.partition("-")
    if kind.startswith("wavelet") and "ibsi" not in kind:
        return image.replace("wavelet-", "wavelet ")
    for word, greek in (("sigma", "σ"), ("lambda", "λ"), ("gamma", "γ"), ("theta", "θ")):
        rest = re.sub(rf"\b{word}-(-?\d+)-(\d+)", rf"{greek} \1.\2", rest)
    words = [KINDS.get(kind, kind), *rest.split("-")]
    if kind.startswith("waveletibsi"):
        words[0] = f"IBSI wavelet {kind.removeprefix('waveletibsi')}"
    return " ".join(" ".join(words).split())


def sentence_case(text: str) -> str:
    """Return a text with its first letter large and all others as they are."""
    return text[:1].upper() + text[1:]


def fixed(value: float, digits: int = 2) -> str:
    """Return a number with a fixed number of decimals and a real minus sign."""
    if math.isnan(value):
        return "not estimable"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")


def p_value(p: float) -> str:
    """Return a p-value as journals print it.

    Examples
    --------
    >>> p_value(0.0000123), p_value(0.0312), p_value(0.4)
    ('<0.001', '0.031', '0.40')
    """
    if math.isnan(p):
        return "not estimable"
    if p < 0.001:
        return "<0.001"
    # An interval of alpha 0.05 must never meet a p printed on the wrong side of it.
    return fixed(p, 3) if p < 0.1 else fixed(p, 2)


def p_equals(p: float) -> str:
    """Return ``p = 0.031`` or ``p < 0.001``."""
    text = p_value(p)
    # Spaces that do not break: a p-value stays on one line.
    return f"p\u00a0<\u00a0{text[1:]}" if text.startswith("<") else f"p\u00a0=\u00a0{text}"


def significant(value: float) -> str:
    """Return a number of any size with three significant figures.

    Examples
    --------
    >>> significant(0.012345), significant(-1234.5), significant(0.0)
    ('0.0123', '−1234', '0.00')
    >>> significant(1.5e-7)
    '1.50e−07'
    """
    if not math.isfinite(value) or value == 0:
        return fixed(value)
    size = math.floor(math.log10(abs(value)))
    if not -5 < size < 7:
        return f"{value:.2e}".replace("-", "−")
    return fixed(value, max(2 - size, 0))


def interval(
    estimate: float, lower: float, upper: float, write: Callable[[float], str] = fixed
) -> str:
    """Return an estimate with its 95% interval, or alone where there is none."""
    if math.isnan(lower) or math.isnan(upper):
        return write(estimate)
    return f"{write(estimate)} ({write(lower)} to {write(upper)})"


def percent(part: float, whole: float) -> str:
    """Return a share in whole per cent."""
    return "–" if whole == 0 else f"{100 * part / whole:.0f}%"


def listing(words: Sequence[str]) -> str:
    """Return words as English lists them: a, b and c."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def plural(n: int, one: str, many: str = "") -> str:
    """Return the form of a noun that goes with a number."""
    return one if n == 1 else (many or one + "s")


def is_survival(endpoint: Mapping[str, Any]) -> bool:
    """Whether an endpoint is time to an event."""
    return str(endpoint.get("type", "binary")) == "survival"


def kind(endpoint: Mapping[str, Any]) -> str:
    """Return which models and measures go with an endpoint: its type, or `competing`."""
    return "competing" if endpoint.get("competing") else str(endpoint.get("type", "binary"))


def discrimination(endpoint: Mapping[str, Any]) -> str:
    """Return the metric that says how well an endpoint's patients are told apart."""
    return DISCRIMINATION[str(endpoint.get("type", "binary"))]


def sizes(endpoint: Mapping[str, Any]) -> str:
    """Return what is counted beside the patients, in words."""
    if endpoint.get("levels"):
        return "in the smallest class"
    return "counted" if endpoint.get("type") == "count" else "events"


def sizes_head(endpoint: Mapping[str, Any]) -> str:
    """Return the same as the head of a narrow column: the smallest class has the fewest."""
    short = {"in the smallest class": "fewest", "counted": "counts"}
    counted = sizes(endpoint)
    return f"{short.get(counted, counted)} / n"
