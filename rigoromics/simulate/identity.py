"""Made-up people, and the unique identifiers of what is made of them.

Every name, date and number here is invented. They look like the real thing so that tests can
search for them wherever they must not be.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from rigoromics.simulate.settings import Place

FAMILY = (
    "Abernethy",
    "Achterberg",
    "Balogun",
    "Brzezinska",
    "Calloway",
    "Dalgaard",
    "Eskildsen",
    "Farrokhzad",
    "Galbraith",
    "Hatzopoulos",
    "Iwasaki",
    "Jaramillo",
    "Kowalczyk",
    "Lindqvist",
    "Mbeki",
    "Nakashima",
    "Okonkwo",
    "Papadakis",
    "Quintanilla",
    "Rasmussen",
    "Szymanski",
    "Thorvaldsen",
    "Uchenna",
    "Vanterpool",
    "Wickramasinghe",
    "Xiomara",
    "Yamaguchi",
    "Zielinski",
)
FEMALE = (
    "Agnes",
    "Beatriz",
    "Chiara",
    "Dorothea",
    "Elif",
    "Freya",
    "Greta",
    "Hanneke",
    "Ingrid",
    "Jane",
    "Keiko",
    "Leocadia",
)
MALE = (
    "Anselm",
    "Bartholomew",
    "Cornelis",
    "Dmitri",
    "Emeka",
    "Florian",
    "Gustavo",
    "Hamish",
    "Ignacio",
    "John",
    "Kwame",
)
PHYSICIANS = ("Zwolinski^Hedwig^^Dr", "Montague-Hill^Percival^^Dr", "Vasquez-Thorne^Imelda^^Dr")
OPERATORS = ("Featherstone^Cuthbert", "Oyelaran^Temitope", "Brandvold^Solveig")
HOSPITALS = ("Saint Eligius Infirmary", "Larkhaven University Hospital", "Nordfjord Klinikk")
STREETS = ("Quillwort Crescent", "Tanglewood Parade", "Hobnail Row", "Bramblebank Terrace")


def uid(seed: int, *names: str) -> str:
    """Return the DICOM unique identifier of what the names name, under the UUID root 2.25."""
    text = "\x1f".join([str(seed), *names])
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
    return f"2.25.{number}"


@dataclass(frozen=True)
class Person:
    """Who a patient is, as the headers tell it; dates as DICOM writes them (YYYYMMDD)."""

    patient_id: str
    name: str
    sex: str
    age: int
    birth_date: str
    study_date: str
    accession: str
    physician: str
    operator: str
    hospital: str
    insurance: str
    address: str
    phone: str

    @property
    def comment(self) -> str:
        """A remark of the kind that finds its way into free text."""
        family, given = self.name.split("^")[:2]
        return f"{given} {family} seen with spouse, call back on {self.phone}"

    def planted(self) -> list[str]:
        """Return every text in the headers that tells who this is."""
        return [
            self.patient_id,
            self.name,
            self.name.split("^")[0],
            self.birth_date,
            date.fromisoformat(self.birth_date).isoformat(),
            self.accession,
            self.physician,
            self.operator,
            self.hospital,
            self.insurance,
            self.address,
            self.phone,
            self.comment,
        ]


FEMALE_SHARE = 0.48


def person(rng: np.random.Generator, place: Place, female_share: float | None = None) -> Person:
    """Invent a patient.

    Parameters
    ----------
    rng
        Source of chance.
    place
        Centre and number.
    female_share
        Share of women; None: the usual one.
    """
    female = rng.uniform() < (FEMALE_SHARE if female_share is None else female_share)
    age = int(np.clip(np.rint(rng.normal(63, 10)), 34, 88))
    study = date(2014, 1, 6) + timedelta(days=int(rng.integers(0, 1900)))
    born = study - timedelta(days=int(365.25 * age) + int(rng.integers(1, 360)))
    given = FEMALE if female else MALE
    # Which house a hospital is must hang on the centre alone, not on the patient.
    house = int.from_bytes(hashlib.sha256(place.centre.name.encode()).digest()[:2], "big") % 3
    return Person(
        patient_id=place.patient_id,
        name=f"{rng.choice(FAMILY)}^{rng.choice(given)}^{int(rng.integers(1000, 10000))}",
        sex="F" if female else "M",
        age=age,
        birth_date=born.strftime("%Y%m%d"),
        study_date=study.strftime("%Y%m%d"),
        accession=f"ACC{int(rng.integers(10**8, 10**9))}",
        physician=str(rng.choice(PHYSICIANS)),
        operator=str(rng.choice(OPERATORS)),
        hospital=f"{HOSPITALS[house]} {place.centre.name}",
        insurance=f"INS-{int(rng.integers(10**9, 10**10))}",
        address=f"{int(rng.integers(1, 200))} {rng.choice(STREETS)}",
        phone=f"+00 555 {int(rng.integers(10**6, 10**7))}",
    )
