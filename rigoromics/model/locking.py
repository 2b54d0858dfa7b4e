"""Lock a signature into one file that is safe to open, and open only what was locked.

The file is a skops archive: it names types and holds arrays, and only the types listed here are
ever made from it. Nothing in it runs code, as a pickle would.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import skops.io

from rigoromics.errors import DataError
from rigoromics.model.outcome import Endpoint
from rigoromics.model.signature import Signature

FORMAT = 1
# The zip format's first day: files carry no timestamps.
EPOCH = (1980, 1, 1, 0, 0, 0)
TRUSTED = [
    "rigoromics.harmonise.combat.ComBat",
    "rigoromics.harmonise.covbat.CovBat",
    "rigoromics.harmonise.sequential.SequentialComBat",
    "rigoromics.model.boosting.GradientBoosting",
    "rigoromics.model.boosting.GradientBoostingSurvival",
    "rigoromics.model.competing.CauseSpecificCox",
    "rigoromics.model.counts.PoissonElasticNet",
    "rigoromics.model.learners.CoxElasticNet",
    "rigoromics.model.learners.ElasticNetLogistic",
    "rigoromics.model.learners.ForestClassifier",
    "rigoromics.model.learners.SurvivalForest",
    "rigoromics.model.multiclass.MulticlassForest",
    "rigoromics.model.multiclass.MultinomialElasticNet",
    "rigoromics.model.ordinal.ProportionalOdds",
    "rigoromics.model.ordinal.ThresholdForest",
    "rigoromics.model.weibull.WeibullAFT",
    "rigoromics.model.stacking.Stacked",
    "rigoromics.select.choose.ChooseFeatures",
    "rigoromics.select.columns.SignatureColumns",
    "rigoromics.select.deltas.Deltas",
    "rigoromics.select.design.DesignMatrix",
    "rigoromics.select.harmonised.Harmonise",
    "rigoromics.select.impute.Imputer",
    "rigoromics.select.redundancy.RedundancyFilter",
    "rigoromics.select.stable.StabilityFilter",
    "rigoromics.select.variance.VarianceFilter",
    "rigoromics.select.volume.VolumeFilter",
    "sklearn.tree._tree.Tree",
    "sksurv.ensemble.forest.RandomSurvivalForest",
    "sksurv.tree.tree.SurvivalTree",
]


def sha256(content: bytes) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    return hashlib.sha256(content).hexdigest()


def lock(signature: Signature) -> bytes:
    """Return the content of a signature's file; the same signature always gives the same bytes.

    Parameters
    ----------
    signature
        The signature to lock.
    """
    plain = {
        "format": FORMAT,
        "signature": signature.signature,
        "model": signature.model,
        "endpoint": signature.endpoint.as_dict(),
        "pipeline": signature.pipeline,
        "configuration": dict(sorted(signature.configuration.items())),
        "cutoff": signature.cutoff,
        "patients": signature.patients,
        "events": signature.events,
        "batches": list(signature.batches),
        "extraction": dict(sorted(signature.extraction.items())),
    }
    return _canonical(skops.io.dumps(plain))


def unlock(content: bytes, expected: str) -> Signature:
    """Return the signature in a file, if it is the one that was locked.

    Parameters
    ----------
    content
        Content of the file.
    expected
        SHA-256 recorded when the signature was locked.

    Raises
    ------
    DataError
        If the content has changed, holds anything but a signature, or is of another format.
    """
    found = sha256(content)
    if found != expected:
        raise DataError(
            f"the signature file is not the one that was locked: its SHA-256 is {found[:12]}..., "
            f"the recorded one {expected[:12]}...",
            "restore the locked file; a signature fitted anew must be locked and validated anew",
        )
    try:
        strange = set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED)
        if strange:
            raise DataError(
                f"the signature file holds foreign types: {', '.join(sorted(strange))}",
                "do not use this file; ask its author for one made by this version of Rigoromics",
            )
        plain = skops.io.loads(content, trusted=TRUSTED)
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(
            "the signature file cannot be read", "check that it is a .skops file of a signature"
        ) from error
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise DataError(
            "the file is no signature of this format", "lock it with this version of Rigoromics"
        )
    return _signature(plain)


def _signature(plain: Mapping[str, Any]) -> Signature:
    return Signature(
        signature=plain["signature"],
        model=plain["model"],
        endpoint=Endpoint.from_locked(plain["endpoint"]),
        pipeline=plain["pipeline"],
        configuration=plain["configuration"],
        cutoff=plain["cutoff"],
        patients=plain["patients"],
        events=plain["events"],
        batches=tuple(plain["batches"]),
        extraction=plain.get("extraction", {}),
    )


def _canonical(content: bytes) -> bytes:
    """Return the same archive without what differs between two runs that made the same.

    skops numbers objects, and names their files, by memory address; zip files carry times; and
    the gaps in the records of a tree's nodes hold whatever memory held before.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read("schema.json"))
        numbers: dict[int, int] = {}
        files: dict[str, str] = {}
        _renumber(schema, numbers, files)
        members = {new: archive.read(old) for old, new in files.items()}
    members["schema.json"] = json.dumps(schema, indent=1).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(members):
            body = _without_gaps(members[name]) if name.endswith(".npy") else members[name]
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, body)
    return target.getvalue()


def _renumber(node: Any, numbers: dict[int, int], files: dict[str, str]) -> None:
    """Replace ids and file names by their order of appearance, in place.

    Plain values each get an id of their own: whether Python keeps two equal ones as one object
    says nothing of the signature.
    """
    if isinstance(node, list):
        for item in node:
            _renumber(item, numbers, files)
    if not isinstance(node, dict):
        return
    if "__id__" in node:
        key = -len(numbers) - 1 if node.get("is_json") else node["__id__"]
        node["__id__"] = numbers.setdefault(key, len(numbers) + 1)
    if "__loader__" in node and isinstance(node.get("file"), str):
        suffix = node["file"].rpartition(".")[2]
        node["file"] = files.setdefault(node["file"], f"{len(files) + 1:06d}.{suffix}")
    for name in node:
        _renumber(node[name], numbers, files)


def _without_gaps(content: bytes) -> bytes:
    array: npt.NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    if not array.dtype.names:
        return content
    clean = np.zeros(array.shape, dtype=array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    target = io.BytesIO()
    np.save(target, clean, allow_pickle=False)
    return target.getvalue()
