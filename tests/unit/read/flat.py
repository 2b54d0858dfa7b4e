"""Valid 2D DICOM files of a few pixels, for the tests of ultrasound, radiography and OCT."""

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

STORAGE = "1.2.840.10008.5.1.4.1.1."
US, CLIP = f"{STORAGE}6.1", f"{STORAGE}3.1"
DX, MG, CR = f"{STORAGE}1.1", f"{STORAGE}1.2", f"{STORAGE}1"
OPT, IVOCT = f"{STORAGE}77.1.5.4", f"{STORAGE}14.1"


def flat(pixels: np.ndarray, sop_class: str, modality: str, **fields: Any) -> FileDataset:
    """An image, (rows, columns), (rows, columns, 3) in colour, or frames of that before it."""
    colour = pixels.shape[-1] == 3 and pixels.ndim > 2
    frames = pixels.shape[0] if pixels.ndim == 3 + colour else 0
    bits = pixels.dtype.itemsize * 8
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    number = int(fields.get("InstanceNumber", 1))
    values: dict[str, Any] = {
        "SOPClassUID": sop_class,
        "SOPInstanceUID": f"1.2.826.7.{number}",
        "Modality": modality,
        "PatientID": "PAT-1",
        "PatientName": "",
        "PatientBirthDate": "",
        "PatientSex": "",
        "StudyInstanceUID": "1.2.826.5",
        "SeriesInstanceUID": "1.2.826.6",
        "StudyDate": "20200101",
        "StudyTime": "120000",
        "StudyID": "1",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "Manufacturer": "",
        "SeriesNumber": 1,
        "InstanceNumber": number,
        "PatientOrientation": "",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "Laterality": "",
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "Rows": pixels.shape[-2 - colour],
        "Columns": pixels.shape[-1 - colour],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        "LossyImageCompression": "00",
        **({"PlanarConfiguration": 0} if colour else {}),
        **({"NumberOfFrames": frames} if frames else {}),
        **fields,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(data, keyword, value)
    data.PixelData = pixels.tobytes()
    return data


def saved(data: FileDataset, folder: Path, name: str = "image") -> Path:
    """Write a file; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    data.save_as(folder / name, enforce_file_format=True)
    return folder / name


def region(
    columns: tuple[int, int], rows: tuple[int, int], *, cm: float = 0.02, kind: int = 1
) -> Dataset:
    """An item of SequenceOfUltrasoundRegions; `kind` 1 is a 2D picture, 2 M-mode."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = kind, 1, 0
    item.RegionLocationMinX0, item.RegionLocationMaxX1 = columns
    item.RegionLocationMinY0, item.RegionLocationMaxY1 = rows
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = cm, -cm / 2
    return item
