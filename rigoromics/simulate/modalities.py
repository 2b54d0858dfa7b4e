"""The modalities a cohort can have."""

from __future__ import annotations

from rigoromics.simulate.modality import Modality
from rigoromics.simulate.modality_ct import CtStudy
from rigoromics.simulate.modality_mr import MrStudy
from rigoromics.simulate.modality_pet import PetStudy
from rigoromics.simulate.planar_mg import MgStudy
from rigoromics.simulate.planar_oct import OctStudy
from rigoromics.simulate.planar_us import UsStudy

MODALITIES: dict[str, Modality] = {
    "CT": CtStudy(),
    "MR": MrStudy(),
    "PT": PetStudy(),
    "US": UsStudy(),
    "MG": MgStudy(),
    "OPT": OctStudy(),
}
