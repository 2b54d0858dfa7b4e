"""Methods, first half: patients, images, segmentations, features, their stability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rigoromics.report.methods_filters import filters
from rigoromics.report.methods_types import endpoint_of_type
from rigoromics.report.stability import BETWEEN, in_order
from rigoromics.report.study import Extraction, StudyTables
from rigoromics.report.text import Section, Text, join, paragraphs, say
from rigoromics.report.wording import FAMILIES, MODALITIES, listing, plain, plural, sentence_case

# Feature classes that see neighbours.
TEXTURE = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")


def design(study: StudyTables) -> Section:
    """Return how the study is laid out, and what it predicts."""
    development = [name for name, role in study.cohorts.items() if role == "development"]
    texts = [_layout(study, development), *(_endpoint(study, e.name) for e in study.endpoints)]
    texts.append(
        say(
            "The unit of analysis is the patient: all lesions, scans, timepoints and "
            "segmentations of one patient stay on the same side of every split. Reporting "
            "follows TRIPOD+AI [@tripodai2024], CLEAR [@clear2023] and METRICS [@metrics2024]; "
            "image processing is described in the words of the Image Biomarker Standardisation "
            "Initiative (IBSI) [@ibsi2020]."
        )
    )
    if study.simulated:
        texts.insert(
            0, say("The patients of this study are simulated; no person was examined for it.")
        )
    return Section("design", "Study design and endpoints", paragraphs(*texts))


def _layout(study: StudyTables, development: list[str]) -> Text:
    patients = study.patients
    n_development = study.numbers.count(patients, {"study.role": "development"})
    centres = _centres(study, "development")
    if not study.external:
        return say(
            "One cohort of {n} patients from {centres} served for development and for internal "
            "validation by nested cross-validation. There was no external cohort.",
            n=n_development,
            centres=centres,
        )
    n_external = study.numbers.count(patients, {"study.role": "external"})
    return say(
        "Signatures were developed on {n} patients from {centres} ({names}) and applied, locked, "
        "to {m} patients from {others} ({external}).",
        n=n_development,
        centres=centres,
        names=listing([f"cohort {plain(name)}" for name in development]),
        m=n_external,
        others=_centres(study, "external"),
        external=listing([f"cohort {plain(name)}" for name in study.external]),
    )


def _centres(study: StudyTables, role: str) -> Text:
    n = study.role(role)["study.centre"].nunique()
    number = study.numbers.derived(
        study.patients, n, str(n), f"study.role={role}", "distinct study.centre"
    )
    return say("{n} {centres}", n=number, centres=plural(n, "centre"))


def _endpoint(study: StudyTables, name: str) -> Text:
    endpoint = next(e for e in study.endpoints if e.name == name)
    first = name == study.endpoints[0].name and len(study.endpoints) > 1
    role = "primary endpoint" if first else "endpoint"
    if endpoint.kind not in ("binary", "survival"):
        return endpoint_of_type(study, endpoint, role)
    if endpoint.survival:
        return say(
            "The {role} {label} is a time to an event in {unit}; probabilities are predicted at "
            "{horizon} {unit}.",
            role=role,
            label=endpoint.label,
            unit=str(endpoint.settings["unit"]),
            horizon=study.setting(f"endpoints.{name}.horizon"),
        )
    return say("The {role} {label} is binary (yes or no).", role=role, label=endpoint.label)


def images(study: StudyTables) -> Section | None:
    """Return how images and segmentations were read and checked; None without images."""
    if not study.from_images:
        return None
    scans = study.config["scans"]
    modalities = sorted({MODALITIES.get(s["modality"], s["modality"]) for s in scans.values()})
    reading = say(
        "Images were {modality}; their acquisition is tabulated by centre. DICOM series were "
        "assembled from slice positions, never from file names; series with missing slices, "
        "mixed orientations or inconsistent spacing were refused. Segmentations were read from "
        "DICOM RTSTRUCT and SEG objects, and from NIfTI or NRRD masks, onto the grid of their "
        "image; RTSTRUCT contours were filled where a voxel's centre lies inside the polygon. "
        "ROIs of fewer than {voxels} voxels were refused.",
        modality=listing(modalities),
        voxels=study.setting("images.min_voxels"),
    )
    privacy = {
        "hashed": "Patients appear under salted hashes; names, birth dates, accession numbers "
        "and unique identifiers of the scanner's files enter no result.",
        "public": "The patients' identifiers are public already and were kept; names, birth "
        "dates and accession numbers enter no result.",
    }
    texts = [reading, _raters(study), say(privacy[study.config["privacy"]["ids"]])]
    return Section("images", "Images and segmentations", paragraphs(*texts))


def _raters(study: StudyTables) -> Text:
    raters = list(study.config["raters"])
    rois = listing([plain(name) for name in study.config["rois"]])
    if len(raters) < 2:
        return say(
            "The ROI ({rois}) was segmented once per scan, so agreement between raters could "
            "not be studied.",
            rois=rois,
        )
    number = study.numbers.setting(
        study.setting("seed").source, "raters", len(raters), str(len(raters))
    )
    return say(
        "The ROI ({rois}) was segmented by {n} raters; the contours of {reference} gave the "
        "features for modelling, those of the others served to judge stability. Agreement is "
        "reported as Dice coefficient, 95th percentile of the Hausdorff distance, mean surface "
        "distance and surface Dice coefficient at a tolerance of 3 mm [@nikolov2021].",
        rois=rois,
        n=number,
        reference=study.config["reference_rater"],
    )


def features(study: StudyTables) -> Section:
    """Return how features were computed."""
    n = study.numbers.derived(
        study.patients, len(study.features), str(len(study.features)), "header", "feature columns"
    )
    if not study.from_images:
        text = say(
            "The study starts from feature tables made elsewhere. The {n} features that all "
            "tables share were used; how they were extracted is described by whoever published "
            "them. Without images, the control with shuffled voxels does not exist.",
            n=n,
        )
        return Section("features", "Features", paragraphs(text))
    texts = [_settings(entry, study) for entry in study.extraction]
    texts.append(
        say(
            "{n} features{classes} were computed with {program} {version} [@pyradiomics2017]. "
            "Values follow PyRadiomics' definitions, which agree with IBSI's except where its "
            "documentation says otherwise (kurtosis is not excess kurtosis, grey levels are "
            "binned from multiples of the bin width). Whatever is not named here stands at its "
            "default.",
            n=n,
            classes=_classes(study),
            program=_program(study),
            version=study.versions.get("pyradiomics", ""),
        )
    )
    return Section("features", "Image processing and features", paragraphs(*texts))


def _program(study: StudyTables) -> str:
    """Return what computed the features, up to PyRadiomics' version."""
    engines = {str(entry.settings.get("engine", "pyradiomics")) for entry in study.extraction}
    if "fast" not in engines:
        return "PyRadiomics"
    if engines == {"fast"}:
        return "Rigoromics' fast engine, whose values are to nine digits those of PyRadiomics"
    return "PyRadiomics and, to nine digits the same, Rigoromics' fast engine; version"


def _classes(study: StudyTables) -> Text:
    counts: dict[str, int] = {}
    for name in study.features:
        parts = name.rpartition(":")[2].split("_", 2)
        family = FAMILIES.get(parts[1], parts[1]) if len(parts) == 3 else "other"
        counts[family] = counts.get(family, 0) + 1
    texts = []
    for family, n in counts.items():
        number = study.numbers.derived(
            study.patients, n, str(n), "header", f"columns of the class {family}"
        )
        texts.append(say("{family} {n}", family=family, n=number))
    return say(" ({list})", list=join(texts, ", ")) if texts else ()


def _settings(entry: Extraction, study: StudyTables) -> Text:
    settings = entry.settings
    if "discretisation" not in settings:
        return ()
    parts = [_intensity(entry, study), _resampling(entry, study), _bins(entry, study)]
    texture = settings.get("texture") or {}
    aggregation = texture.get("aggregation", "3D average")
    distances = [str(d) for d in texture.get("distances", [1])]
    if any(settings["classes"].get(name) for name in TEXTURE):
        parts.append(
            say(
                "Texture matrices were aggregated as “{aggregation}” with neighbours at distance "
                "{distances} voxel.",
                aggregation=aggregation,
                distances=listing(distances),
            )
        )
    parts.append(filters(settings["images"], aggregation))
    lead = say("Scan {scan}: ", scan=f"“{plain(entry.scan)}”") if len(study.extraction) > 1 else ()
    return (*lead, *join([part for part in parts if part]))


def _number(entry: Extraction, study: StudyTables, path: str) -> Any:
    value: Any = entry.settings
    for part in path.split("."):
        value = value[part]
    return study.numbers.setting(entry.source, path, float(value))


def _intensity(entry: Extraction, study: StudyTables) -> Text:
    intensity: Mapping[str, Any] = entry.settings.get("intensity") or {}
    texts = []
    if intensity.get("normalise"):
        texts.append(
            say(
                "Grey values of the whole image were normalised to mean 0 and standard deviation "
                "{scale}.",
                scale=_number(entry, study, "intensity.normalise_scale")
                if "normalise_scale" in intensity
                else "100",
            )
        )
    if intensity.get("resegmentation"):
        low, high = intensity["resegmentation"]
        texts.append(
            say(
                "Voxels of the ROI outside {low} to {high} kept out (re-segmentation).",
                low=f"{low:g}",
                high=f"{high:g}",
            )
        )
    if intensity.get("outlier_sigma"):
        texts.append(
            say(
                "Voxels beyond {sigma} standard deviations of the mean of the {rest} kept out.",
                rest="others" if intensity.get("resegmentation") else "ROI",
                sigma=_number(entry, study, "intensity.outlier_sigma"),
            )
        )
    return join(texts)


def _resampling(entry: Extraction, study: StudyTables) -> Text:
    resampling: Mapping[str, Any] = entry.settings.get("resampling") or {}
    if not resampling:
        return say("Images were analysed on the scan's own grid.")
    sizes = [f"{float(v):g}" for v in resampling["spacing_mm"]]
    names = {"bspline": "cubic B-spline", "linear": "linear", "nearest": "nearest-neighbour"}
    rounded = (
        "; intensities were then rounded to whole numbers"
        if resampling.get("round_intensities")
        else ""
    )
    return say(
        "Images were resampled to {sizes} mm on a grid that shares the scan's {shared}, by {image} "
        "interpolation and masks by {mask} interpolation (partial volume from {half}){rounded}.",
        shared={"corner": "outer corner", "centre": "centre"}[resampling.get("align", "corner")],
        sizes=" × ".join(sizes),
        image=names[resampling.get("interpolator", "bspline")],
        mask=names[resampling.get("mask_interpolator", "linear")],
        half=_number(entry, study, "resampling.mask_threshold")
        if "mask_threshold" in resampling
        else "0.5",
        rounded=rounded,
    )


def _bins(entry: Extraction, study: StudyTables) -> Text:
    bins: Mapping[str, Any] = entry.settings["discretisation"]
    modalities = {s["modality"] for s in study.config["scans"].values()}
    unit = (
        {"CT": " HU", "PT": " SUV"}.get(next(iter(modalities)), "") if len(modalities) == 1 else ""
    )
    if bins.get("bin_width"):
        return say(
            "Grey levels were discretised with a fixed bin size of {width}{unit}.",
            width=_number(entry, study, "discretisation.bin_width"),
            unit=unit,
        )
    return say(
        "Grey levels were discretised to a fixed bin number of {n}.",
        n=_number(entry, study, "discretisation.bin_count"),
    )


_KOO = "[@koo2016; @shrout1979]."
_JUDGED = {"perturbations": "[@zwanenburg2019]."}


def stability(study: StudyTables) -> Section | None:
    """Return how stability was judged; None where nothing was measured twice."""
    if study.stability is None or study.stability.frame.empty:
        return None
    texts = []
    for design_name in in_order(study.stability.frame["design"]):
        rule = study.config["stability"].get(design_name)
        if rule is None:
            continue
        what = {"lower": "lower limit of the 95% interval", "estimate": "estimate"}[rule["bound"]]
        texts.append(
            say(
                "{where}, a feature counted as stable when the {what} of its intraclass "
                "correlation coefficient {icc} reached {threshold} "
                + _JUDGED.get(design_name, _KOO),
                where=sentence_case(BETWEEN.get(design_name, design_name)),
                what=what,
                icc=rule["icc"],
                threshold=study.setting(f"stability.{design_name}.threshold"),
            )
        )
    closing = say(
        "Patients without some of the repeats counted with those they had; variance components "
        "and intervals then allow for unequal numbers [@henderson1953; @thomas1978]. Lin's "
        "concordance correlation [@lin1989], the repeatability coefficient, the within-subject "
        "coefficient of variation and limits of agreement [@bland1999] are in the tables beside. "
        "Stability was judged on development patients only and without their outcomes; inside "
        "cross-validation, on the training patients of each fold only."
    )
    return Section("stability", "Stability of features", paragraphs(join([*texts, closing])))
