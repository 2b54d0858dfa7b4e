"""A study's tables as the pipeline would write them, made up in a second.

The numbers hang together: risks are simulated, and AUCs, curves and counts are computed from them
with scikit-learn and lifelines, so that figures and sentences have something true to say.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from sklearn.metrics import roc_auc_score, roc_curve

from rigoromics.config import load_study
from rigoromics.stability.sentences import sentences_table
from rigoromics.stability.survivors import SIZE_COLUMNS, overlap_table, survivors_table
from rigoromics.stability.table import COLUMNS
from tests.unit.report import fake_further

STRENGTH = {"clinical": 0.4, "volume": 0.3, "radiomics": 1.0, "combined": 1.15, "shuffled": 0.0}
MODELS = {
    "binary": ["elastic_net", "random_forest"],
    "survival": ["cox_elastic_net", "random_survival_forest"],
}
FEATURES = [
    "original_shape_MeshVolume",
    "original_glcm_JointEntropy",
    "wavelet-LLH_glcm_Idmn",
    "log-sigma-3-0-mm-3D_firstorder_Kurtosis",
    "wavelet-HHL_glszm_GrayLevelNonUniformityNormalized",
    "original_gldm_DependenceNonUniformityNormalized",
    "original_firstorder_90Percentile",
    "log-sigma-1-0-mm-3D_ngtdm_Coarseness",
    "original_glrlm_ShortRunEmphasis",
    "wavelet-LHH_firstorder_Skewness",
]


def study_config(*, images: bool = True, external: bool = True, survival: bool = True) -> dict:
    """A resolved config, as `report` gets it."""
    cohorts = {"development": {"role": "development", "centres": ["A", "B"]}}
    if external:
        cohorts["external"] = {"role": "external", "centres": ["C"]}
    endpoints: dict = {
        "metastasis": {"type": "binary", "column": "metastasis", "label": "metastasis"}
    }
    if survival:
        endpoints["survival"] = {
            "type": "survival",
            "time": "time_months",
            "event": "event",
            "horizon": 24.0,
            "label": "overall survival",
        }
    config: dict = {
        "name": "demo",
        "seed": 20,
        "paper": {
            "title": "CT radiomics of liver lesions predicts metastasis: a simulated study",
            "authors": ["Ada Example", "Ben Sample"],
            "affiliation": "Institute of Simulated Patients",
        },
        "cohorts": cohorts,
        "clinical": {
            "table": "data/demo/clinical.csv",
            "predictors": {
                "age": {"type": "numeric"},
                "sex": {"type": "categorical"},
                "stage": {"type": "categorical"},
                "marker": {"type": "numeric"},
            },
        },
        "endpoints": endpoints,
        "harmonisation": {"covariates": ["age", "sex"]},
    }
    if images:
        config["scans"] = {
            "ct": {"modality": "CT", "extraction": "config/extraction/ct_demo.yaml"},
            "ct_retest": {"modality": "CT", "retest_of": "ct"},
        }
        config["rois"] = {"lesion": {"names": ["^gtv", "lesion"]}}
        config["raters"] = {"r1": {}, "r2": {}, "r3": {}}
    else:
        config["features"] = {
            "tables": [
                {"path": f"{c}.csv", "cohort": "external" if c == "C" else "development",
                 "centre": c}
                for c in ("A", "B", "C")
            ]
        }  # fmt: skip
    return load_study(config).model_dump(mode="json")


def make_study(
    folder: Path,
    *,
    effect: float = 1.6,
    images: bool = True,
    external: bool = True,
    survival: bool = True,
    seed: int = 3,
) -> dict:
    """Write a study's results below a folder; return its config."""
    rng = np.random.default_rng(seed)
    config = study_config(images=images, external=external, survival=survival)
    people = _people(rng, effect, external)
    _participants(folder, people, images, config)
    if images:
        _acquisition(folder, people, rng)
        _agreement(folder, people, rng)
    _stability(folder, rng, images)
    for name, endpoint in config["endpoints"].items():
        _endpoint(folder, name, endpoint, people, rng, effect, external)
    return config


def _people(rng: np.random.Generator, effect: float, external: bool) -> pd.DataFrame:
    n = 84 if external else 24
    centres = ["A"] * 28 + ["B"] * 28 + ["C"] * 28 if external else ["A"] * 24
    latent = rng.standard_normal(n)
    p = 1 / (1 + np.exp(0.4 - effect * latent))
    y = (rng.random(n) < p).astype(float)
    time = rng.exponential(30 * np.exp(-0.5 * effect * latent))
    censor = rng.uniform(12, 60, n)
    table = pd.DataFrame(
        {
            "patient": [f"P-{i:010x}" for i in rng.integers(16**9, 16**10, n)],
            "study.cohort": ["external" if c == "C" else "development" for c in centres],
            "study.role": ["external" if c == "C" else "development" for c in centres],
            "study.centre": centres,
            "study.batch": centres,
            "clinical.age": rng.normal(63, 9, n).round(0),
            "clinical.sex": rng.choice(["female", "male"], n),
            "clinical.stage": rng.choice(["I", "II", "III"], n, p=[0.3, 0.4, 0.3]),
            "clinical.marker": rng.lognormal(1, 0.6, n).round(2),
            "endpoint.metastasis": y,
            "endpoint.survival.time": np.minimum(time, censor).round(2) + 0.1,
            "endpoint.survival.event": (time <= censor).astype(float),
            "latent": latent,
        }
    )
    table.loc[rng.random(n) < 0.06, "clinical.marker"] = np.nan
    table.loc[rng.random(n) < 0.04, "clinical.stage"] = None
    for i, name in enumerate(FEATURES):
        table[name] = rng.normal(0, 1, n) + (0.6 * latent if i else 0)
    table["original_shape_MeshVolume"] = rng.lognormal(9, 0.7, n)
    return table


def _participants(folder: Path, people: pd.DataFrame, images: bool, config: dict) -> None:
    rows, gone = [], []
    for cohort, group in people.groupby("study.cohort"):
        out = 3 if cohort == "development" else 1
        reasons = [
            "slices are missing: the gap at 12.5 mm is twice the spacing",
            "the segmentation is empty",
            "the segmentation refers to another frame of reference",
        ]
        for i in range(out):
            gone.append((f"P-{cohort}{i}", cohort, "images", reasons[i]))
        rows.append((cohort, "identified", len(group) + out))
        rows.append((cohort, "excluded: scan or segmentation refused", out))
        rows.append((cohort, "with features", len(group)))
        rows += [(cohort, f"analysed: {name}", len(group)) for name in config["endpoints"]]
    _tsv(pd.DataFrame(rows, columns=["cohort", "step", "n"]), folder / "model/flow.tsv")
    excluded = pd.DataFrame(gone, columns=["patient", "cohort", "stage", "reason"])
    _tsv(excluded, folder / "model/exclusions.tsv")
    problems = pd.DataFrame(
        [
            ("images", "refused", p, "baseline", "ct", "lesion", "r1", "CT-0a1b2c3d4e", reason,
             "export the series again from the archive")
            for p, _, _, reason in gone
        ]
        + [("images", "repaired", "P-7", "baseline", "ct", "lesion", "r2", "", "two slices "
            "share a position & one was <dropped>", "nothing; look at the contact sheet")],
        columns=["stage", "severity", "patient", "timepoint", "scan", "roi", "rater", "file",
                 "problem", "remedy"],
    )  # fmt: skip
    _tsv(problems, folder / "features/problems.tsv")
    noted = problems.tail(1).assign(stage="sheet", severity="noted", problem="no contour")
    _tsv(noted, folder / "sheet/problems.tsv")
    dictionary = pd.DataFrame({"feature": FEATURES})
    dictionary["image_type"] = dictionary["feature"].str.split("_").str[0]
    dictionary["class"] = dictionary["feature"].str.split("_").str[1]
    dictionary["ibsi_code"] = "ABCD"
    dictionary["meaning"] = "what it measures"
    _tsv(dictionary, folder / "features/features.dictionary.tsv")
    keep = [c for c in people.columns if c != "latent"]
    if "survival" not in config["endpoints"]:
        keep = [c for c in keep if "survival" not in c]
    (folder / "model").mkdir(parents=True, exist_ok=True)
    people[keep].to_parquet(folder / "model/table.parquet")


def _acquisition(folder: Path, people: pd.DataFrame, rng: np.random.Generator) -> None:
    kinds = {
        "A": ("SIEMENS", "Somatom", "B30f", 120, 3.0),
        "B": ("GE MEDICAL SYSTEMS", "Discovery", "STANDARD", 120, 2.5),
        "C": ("Philips", "Brilliance", "B", 140, 5.0),
    }
    rows = []
    for patient, cohort, centre in zip(
        people["patient"], people["study.cohort"], people["study.centre"], strict=True
    ):
        maker, model, kernel, kv, thickness = kinds[centre]
        for scan in ["ct", "ct_retest"] if rng.random() < 0.3 else ["ct"]:
            rows.append(
                {
                    "patient": patient, "cohort": cohort, "centre": centre,
                    "timepoint": "baseline", "scan": scan, "image": f"CT-{len(rows):010x}",
                    "modality": "CT", "manufacturer": maker, "model": model, "software": "",
                    "kernel": kernel, "kv": kv, "exposure": rng.integers(90, 220),
                    "slice_thickness": thickness, "spacing_between_slices": thickness,
                    "pixel_spacing": rng.choice([0.7, 0.8, 0.9]), "rows": 96, "columns": 96,
                    "slices": rng.integers(30, 42), "contrast": "" if centre == "A" else "yes",
                }
            )  # fmt: skip
    _tsv(pd.DataFrame(rows), folder / "sheet/acquisition.tsv")


def _agreement(folder: Path, people: pd.DataFrame, rng: np.random.Generator) -> None:
    rows = [
        (
            p,
            "baseline",
            "ct",
            "lesion",
            a,
            b,
            rng.normal(0.87, 0.03),
            rng.normal(2.4, 0.5),
            rng.normal(0.8, 0.1),
            rng.normal(0.95, 0.01),
        )
        for p in people["patient"]
        for a, b in (("r1", "r2"), ("r1", "r3"), ("r2", "r3"))
    ]
    columns = ["patient", "timepoint", "scan", "roi", "rater_a", "rater_b", "dice",
               "hausdorff95_mm", "mean_surface_mm", "surface_dice"]  # fmt: skip
    _tsv(pd.DataFrame(rows, columns=columns), folder / "images/all/agreement.tsv")


def _stability(folder: Path, rng: np.random.Generator, images: bool) -> None:
    rows, spread, sizes = [], [], []
    designs = (("raters", 3, 56), ("retest", 2, 17), ("perturbations", 31, 56)) if images else ()
    for design, k, n in designs:
        for feature in FEATURES:
            icc = rng.beta(8, 1.5)
            rows.append((feature, design, n, k, icc, icc - 0.08, min(icc + 0.05, 1), "ICC(A,1)",
                         "Satterthwaite", icc > 0.8))  # fmt: skip
            spread.append((feature, design, k, rng.uniform(0.02, 0.2)))
        sizes += [(design, size, n // 3, 1.0, 20.0, "glcm", 5, 0.8, rng.uniform(0.02, 0.2))
                  for size in ("small", "medium", "large")]  # fmt: skip
    table = pd.DataFrame(rows, columns=COLUMNS)
    repeatability = pd.DataFrame(spread, columns=["feature", "design", "repeats", "within_cv"])
    out = folder / "stability"
    _tsv(table, out / "stability.tsv")
    _tsv(survivors_table(table), out / "survivors.tsv")
    _tsv(overlap_table(table), out / "overlap.tsv")
    _tsv(sentences_table(table, repeatability), out / "sentences.tsv")
    _tsv(pd.DataFrame(sizes, columns=SIZE_COLUMNS), out / "sizes.tsv")


class _Tables:
    """Validation tables under construction."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.rows: dict[str, list[dict]] = {
            k: []
            for k in ("metrics", "comparisons", "calibration", "decision", "roc", "kaplan_meier",
                      "centres", "predictions")
        }  # fmt: skip

    def add(self, table: str, key: dict, **values: object) -> None:
        self.rows[table].append({**key, **values})


def _endpoint(
    folder: Path,
    name: str,
    endpoint: dict,
    people: pd.DataFrame,
    rng: np.random.Generator,
    effect: float,
    external: bool,
) -> None:
    tables = _Tables(name)
    survival = endpoint["type"] == "survival"
    splits = [("development_cv", "development", "none", "development")]
    if external:
        splits += [
            ("external", cohort, policy, "external")
            for cohort in ("external", "all external")
            for policy in ("align", "none")
        ]
    for model in MODELS[endpoint["type"]]:
        for signature, strength in STRENGTH.items():
            for split, cohort, policy, role in splits:
                own = people[people["study.role"] == role]
                signal = strength * (1 if effect else 0)
                noise = rng.standard_normal(len(own))
                risk = signal * own["latent"].to_numpy() + 0.8 * noise - 0.3
                key = {"signature": signature, "model": model, "cohort": cohort, "split": split,
                       "policy": policy}  # fmt: skip
                (_survival_rows if survival else _binary_rows)(tables, key, own, risk)
    _centre_rows(tables, people, survival, MODELS[endpoint["type"]][0], external)
    _comparison_rows(tables, MODELS[endpoint["type"]][0], external)
    out = folder / "validation" / name
    for table, rows in tables.rows.items():
        frame = pd.DataFrame(rows)
        if table == "predictions":
            frame.to_parquet(out / "predictions.parquet")
        else:
            _tsv(frame if len(frame) else pd.DataFrame(columns=_EMPTY[table]), out / f"{table}.tsv")
    model = MODELS[endpoint["type"]][0]
    for table, frame in fake_further.tables(name, model, external).items():
        _tsv(frame, out / f"{table}.tsv")
    _null_and_verdict(out, tables, rng, effect, external, survival)
    _models(folder, name, endpoint["type"], rng)


_KEY = ["signature", "model", "cohort", "split", "policy"]
_EMPTY = {
    "roc": [*_KEY, "fpr", "tpr", "threshold"],
    "kaplan_meier": [*_KEY, "group", "time", "survival", "lower", "upper", "at_risk"],
    "calibration": [*_KEY, "predicted", "observed", "lower", "upper", "kind"],
    "decision": [*_KEY, "threshold", "net_benefit", "treat_all"],
}


def _metric(tables: _Tables, key: dict, metric: str, value: float, half: float, n: tuple) -> None:
    tables.add("metrics", {"endpoint": tables.endpoint, **key}, metric=metric, estimate=value,
               lower=value - half, upper=value + half, method="made up", n=n[0],
               events=n[1])  # fmt: skip


def _binary_rows(tables: _Tables, key: dict, own: pd.DataFrame, risk: np.ndarray) -> None:
    y = own["endpoint.metastasis"].to_numpy()
    size = (len(y), int(y.sum()))
    p = 1 / (1 + np.exp(-risk))
    auc = roc_auc_score(y, p)
    _metric(tables, key, "auc", auc, 1.96 * np.sqrt(auc * (1 - auc) / len(y) * 2), size)
    for metric, value in (("sensitivity", 0.74), ("specificity", 0.71), ("ppv", 0.66),
                          ("npv", 0.8), ("accuracy", 0.72)):  # fmt: skip
        _metric(tables, key, metric, value, 0.12, size)
    _metric(tables, key, "average_precision", 0.7, 0.12, size)
    _metric(tables, key, "brier", float(np.mean((p - y) ** 2)), 0.04, size)
    _metric(tables, key, "calibration_intercept", -0.21, 0.6, size)
    _metric(tables, key, "calibration_slope", 0.93, 0.4, size)
    fpr, tpr, threshold = roc_curve(y, p)
    for a, b, c in zip(fpr, tpr, threshold, strict=True):
        tables.add("roc", key, fpr=a, tpr=b, threshold=c)
    grid = np.linspace(p.min(), p.max(), 30)
    for x in grid:
        near = np.exp(-0.5 * ((p - x) / 0.12) ** 2)
        mean = float((near * y).sum() / near.sum())
        tables.add("calibration", key, predicted=x, observed=mean, lower=mean - 0.14,
                   upper=mean + 0.14, kind="curve")  # fmt: skip
    for part in np.array_split(np.argsort(p), 5):
        tables.add("calibration", key, predicted=p[part].mean(), observed=y[part].mean(),
                   lower=y[part].mean() - 0.25, upper=y[part].mean() + 0.25,
                   kind="group")  # fmt: skip
    for t in np.linspace(0.01, 0.8, 80):
        hit = p >= t
        weight = t / (1 - t)
        tables.add(
            "decision", key, threshold=t,
            net_benefit=float((hit & (y == 1)).mean() - weight * (hit & (y == 0)).mean()),
            treat_all=float(y.mean() - weight * (1 - y.mean())),
        )  # fmt: skip
    for patient, centre, r, q, o in zip(own["patient"], own["study.centre"], risk, p, y,
                                        strict=True):  # fmt: skip
        tables.add("predictions", key, patient=patient, centre=centre, role=key["split"], risk=r,
                   probability=q, cutoff_class=int(q > 0.5), y=o)  # fmt: skip


def _survival_rows(tables: _Tables, key: dict, own: pd.DataFrame, risk: np.ndarray) -> None:
    time = own["endpoint.survival.time"].to_numpy()
    event = own["endpoint.survival.event"].to_numpy()
    size = (len(time), int(event.sum()))
    earlier = (time[:, None] < time[None, :]) & (event[:, None] == 1)
    c = float((earlier & (risk[:, None] > risk[None, :])).sum() / earlier.sum())
    _metric(tables, key, "c_index", c, 0.09, size)
    _metric(tables, key, "hazard_ratio", 2.3, 1.0, size)
    _metric(tables, key, "calibration_slope", 1.04, 0.4, size)
    high = risk > np.median(risk)
    p = logrank_test(time[high], time[~high], event[high], event[~high]).p_value
    tables.add("metrics", {"endpoint": tables.endpoint, **key}, metric="log_rank_p",
               estimate=p, lower=np.nan, upper=np.nan, method="log-rank", n=size[0],
               events=size[1])  # fmt: skip
    for group, chosen in (("high", high), ("low", ~high)):
        fit = KaplanMeierFitter().fit(time[chosen], event[chosen])
        limits = fit.confidence_interval_
        risk_set = fit.event_table["at_risk"]
        for t, s in fit.survival_function_["KM_estimate"].items():
            tables.add("kaplan_meier", key, group=group, time=t, survival=s,
                       lower=limits.loc[t].iloc[0], upper=limits.loc[t].iloc[1],
                       at_risk=int(risk_set[t]))  # fmt: skip
    q = 1 / (1 + np.exp(-risk))
    for x in np.linspace(q.min(), q.max(), 30):
        tables.add("calibration", key, predicted=x, observed=0.1 + 0.8 * x, lower=0.8 * x,
                   upper=0.2 + 0.8 * x, kind="curve")  # fmt: skip
    for t in np.linspace(0.01, 0.8, 80):
        tables.add("decision", key, threshold=t, net_benefit=0.5 - 0.7 * t,
                   treat_all=0.5 - t * 0.5 / (1 - t))  # fmt: skip
    for patient, r, q1, t, e in zip(own["patient"], risk, q, time, event, strict=True):
        tables.add("predictions", key, patient=patient, centre="A", role=key["split"], risk=r,
                   probability=q1, cutoff_class=int(q1 > 0.5), time=t, event=e)  # fmt: skip


def _centre_rows(
    tables: _Tables, people: pd.DataFrame, survival: bool, model: str, external: bool
) -> None:
    # The external patients come from two places, as if half of C were D.
    for centre in "ABCD" if external else "A":
        own = people[people["study.centre"] == min(centre, "C")]
        tables.add(
            "centres", {"signature": "radiomics", "model": model, "centre": centre},
            metric="c_index" if survival else "auc", estimate=0.74 + 0.02 * ord(centre) % 0.1,
            lower=0.58, upper=0.9, n=len(own), events=int(own["endpoint.metastasis"].sum()),
            split="external" if centre in "CD" else "development_cv",
            policy="align" if centre in "CD" else "none",
        )  # fmt: skip


def _comparison_rows(tables: _Tables, model: str, external: bool) -> None:
    splits = [("development", "development_cv", "none")]
    splits += [("all external", "external", "align")] if external else []
    for cohort, split, policy in splits:
        for other, p in (("clinical", 0.012), ("volume", 0.0004), ("shuffled", 0.00001)):
            tables.add(
                "comparisons", {"endpoint": tables.endpoint, "cohort": cohort, "split": split,
                                "policy": policy},
                a=f"radiomics.{model}", b=f"{other}.{model}", metric="auc", difference=0.13,
                lower=0.02, upper=0.24, statistic=2.3, p=p, p_adjusted=min(1, 3 * p),
                method="DeLong, Holm",
            )  # fmt: skip


def _null_and_verdict(
    out: Path, tables: _Tables, rng: np.random.Generator, effect: float, external: bool,
    survival: bool,
) -> None:  # fmt: skip
    name = "c_index" if survival else "auc"
    metrics = pd.DataFrame(tables.rows["metrics"])
    own = metrics[(metrics["metric"] == name) & (metrics["signature"] == "radiomics")]
    observed = own[own["split"] == "development_cv"]["estimate"].iloc[0]
    null = rng.normal(0.5, 0.06, 50)
    _tsv(
        pd.DataFrame(
            {"permutation": range(-1, 50), "statistic": [observed, *null]},
        ),
        out.parents[1] / "model" / out.name / "permutation.tsv",
    )
    level = "none" if not effect else "evidence" if external else "internal only"
    sentences = {
        "none": "No evidence: in patients of other centres the radiomics signature does not tell "
        "events from non-events better than chance (AUC 0.51, 95% CI 0.29 to 0.72).",
        "evidence": "There is evidence that the radiomics signature predicts the outcome in "
        "patients of other centres (AUC 0.83, 95% CI 0.67 to 0.95), beyond volume and clinical "
        "variables.",
        "internal only": "Internal validation only: no external patients were tested, so nothing "
        "is shown about other centres.",
    }
    met = level == "evidence"
    reasons = [
        {"criterion": "external interval", "met": met, "text": "The external interval excludes "
         "chance (0.5)."},
        {"criterion": "permutation", "met": met, "text": "The result is beyond what permuted "
         "outcomes give."},
        {"criterion": "volume", "met": met, "text": "It beats volume alone in external patients."},
        {"criterion": "shuffled", "met": met, "text": "It beats the same features of shuffled "
         "voxels."},
        {"criterion": "clinical", "met": False, "required": False, "text":
         "It does not beat clinical variables at the corrected level."},
    ]  # fmt: skip
    observed_row = own[own["split"] == "development_cv"].iloc[0][[*_KEY, "metric"]]
    (out / "verdict.json").write_text(
        json.dumps(
            {
                "level": level,
                "sentence": sentences[level],
                "reasons": reasons,
                "caveats": ["Small external sample: at least 100 events are advised."],
                "numbers": [
                    {
                        "name": "estimate",
                        "value": float(observed),
                        "table": "metrics.tsv",
                        "row": dict(observed_row),
                    }
                ],
            }
        )
    )


def _models(folder: Path, name: str, kind: str, rng: np.random.Generator) -> None:
    locks = []
    for model in MODELS[kind]:
        for signature in STRENGTH:
            out = folder / "model" / name / f"{signature}.{model}"
            chosen = FEATURES[1:5]
            digest = f"{rng.integers(16**15):016x}" * 4
            out.mkdir(parents=True, exist_ok=True)
            (out / "signature.json").write_text(
                json.dumps(
                    {
                        "features": [
                            {"feature": f, "coefficient": w, "mean": 1.0, "standard_deviation": 2.0}
                            for f, w in zip(chosen, [0.61, -0.42, 0.2, 0.11], strict=True)
                        ],
                        "features_used": chosen,
                        "intercept": -0.31,
                        "baseline_hazard_at_horizon": 0.3,
                        "cutoff": 0.12,
                        "filters": [
                            {"dropped_as": "hardly varying", "dropped": 0, "left": 10},
                            {
                                "dropped_as": "unstable between raters or scans",
                                "dropped": 3,
                                "left": 7,
                            },
                            {"dropped_as": "not chosen", "dropped": 3, "left": 4},
                        ],
                        "sha256": digest,
                    }
                )
            )
            selection = pd.DataFrame({"feature": FEATURES})
            selection["frequency"] = [0.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.4, 0.2, 0.2, 0.0]
            selection["in_final"] = selection["feature"].isin(chosen)
            selection = selection.assign(
                stability=0.613, stability_lower=0.421, stability_upper=0.805, candidates=10
            )
            _tsv(selection, out / "selection.tsv")
            locks.append((signature, model, digest, len(chosen)))
    _tsv(
        pd.DataFrame(locks, columns=["signature", "model", "sha256", "n_features"]),
        folder / "model" / name / "locks.tsv",
    )


def _tsv(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, sep="\t", index=False, lineterminator="\n")
