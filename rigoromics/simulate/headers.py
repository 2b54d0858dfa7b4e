"""The parts of a DICOM header that images and segmentations share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from rigoromics.simulate.geometry import Grid
from rigoromics.simulate.identity import Person, uid
from rigoromics.simulate.settings import Centre

# A fixed root for the writer itself; it names no installation.
IMPLEMENTATION_UID = uid(0, "rigoromics", "simulate", "implementation")
PRIVATE_GROUP = 0x0011
STUDIES = {
    "CT": "CT ABDOMEN W CONTRAST",
    "MR": "MR UPPER ABDOMEN",
    "PT": "PET-CT WHOLE BODY FDG",
    "US": "US BREAST",
    "MG": "MAMMOGRAPHY",
    "OPT": "OCT MACULA",
}


@dataclass(frozen=True)
class Scan:
    """One image series of one patient, and how all of its identifiers are made.

    Attributes
    ----------
    person, centre, modality
        Who, where, and the cohort's modality.
    seed
        The patient's seed, from which identifiers are derived.
    label
        ``test`` or ``retest``.
    number
        DICOM SeriesNumber.
    grid
        Its voxels.
    time
        Time of day, HHMMSS.
    tag
        What tells the series from others of the same study; empty for the only one.
    """

    person: Person
    centre: Centre
    modality: str
    seed: int
    label: str
    number: int
    grid: Grid
    time: str
    tag: str = ""

    def uid(self, *names: str) -> str:
        """Return an identifier of something of this series."""
        tag = (self.tag,) if self.tag else ()
        return uid(self.seed, self.person.patient_id, self.label, *tag, *names)

    @property
    def study_uid(self) -> str:
        """StudyInstanceUID; test and retest share it."""
        return uid(self.seed, self.person.patient_id, "study")

    @property
    def series_uid(self) -> str:
        """SeriesInstanceUID of the images."""
        return self.uid("series")

    @property
    def frame_of_reference_uid(self) -> str:
        """FrameOfReferenceUID; a patient who lay down anew has a new one."""
        return uid(self.seed, self.person.patient_id, self.label, "frame of reference")

    @property
    def thickness_text(self) -> str:
        """Slice thickness as a series description shows it."""
        return f"{self.centre.slice_thickness:g}".replace(".", ",")

    @property
    def retest_text(self) -> str:
        """What a series description says of a second scan."""
        return " RETEST" if self.label == "retest" else ""


def shared_header(scan: Scan) -> Dataset:
    """Return patient, study and equipment attributes: the same in every file of a scan."""
    who = scan.person
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = who.name
    dataset.PatientID = who.patient_id
    dataset.PatientBirthDate = who.birth_date
    dataset.PatientSex = who.sex
    dataset.PatientAge = f"{who.age:03d}Y"
    dataset.PatientAddress = who.address
    dataset.PatientTelephoneNumbers = who.phone
    dataset.PatientComments = who.comment
    dataset.StudyInstanceUID = scan.study_uid
    dataset.StudyDate = who.study_date
    dataset.StudyTime = "081500"
    dataset.StudyID = "1"
    dataset.StudyDescription = STUDIES[scan.modality]
    dataset.AccessionNumber = who.accession
    dataset.ReferringPhysicianName = who.physician
    dataset.InstitutionName = who.hospital
    return dataset


def add_series(
    dataset: Dataset, scan: Scan, modality: str, series_uid: str, number: int, description: str
) -> None:
    """Add the attributes of a series."""
    dataset.Modality = modality
    dataset.SeriesInstanceUID = series_uid
    dataset.SeriesNumber = number
    dataset.SeriesDescription = description
    dataset.SeriesDate = scan.person.study_date
    dataset.SeriesTime = scan.time
    dataset.OperatorsName = scan.person.operator


def add_private(dataset: Dataset, scan: Scan) -> None:
    """Add a vendor's private block that holds an insurance number."""
    block = dataset.private_block(PRIVATE_GROUP, "RIGOROMICS SIMULATION", create=True)
    block.add_new(0x01, "LO", scan.person.insurance)


def write(dataset: Dataset, path: Path, implicit_vr: bool) -> None:
    """Write a DICOM file whose bytes depend on its content alone."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit_vr else ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = "RIGOROMICS_SIM"
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(
        path,
        dataset,
        implicit_vr=implicit_vr,
        little_endian=True,
        enforce_file_format=True,
        overwrite=True,
    )
