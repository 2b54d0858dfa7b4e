"""PET headers of one slice each, for the tests of SUV."""

from typing import Any

from pydicom.dataset import Dataset

DONE = ["DECY", "ATTN", "SCAT", "DTIM", "RANSNG", "NORM"]
TRACER = {
    "RadionuclideTotalDose": "370000000",
    "RadionuclideHalfLife": "6588",
    "RadiopharmaceuticalStartTime": "090000",
    "RadiopharmaceuticalStartDateTime": "20200310090000",
}


def pet(**fields: Any) -> Dataset:
    """A slice in Bq/ml: 75 kg, 1.80 m, man; 370 MBq F-18 at 9:00, scan at 10:00 for 2 minutes."""
    data, tracer = Dataset(), Dataset()
    values: dict[str, Any] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.128",
        "Modality": "PT",
        "Units": "BQML",
        "DecayCorrection": "START",
        "CorrectedImage": DONE,
        "PatientWeight": "75",
        "PatientSize": "1.80",
        "PatientSex": "M",
        "SeriesDate": "20200310",
        "SeriesTime": "100000",
        "AcquisitionDate": "20200310",
        "AcquisitionTime": "100000",
        "ActualFrameDuration": "120000",
        **TRACER,
        **fields,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(tracer if keyword in TRACER else data, keyword, value)
    data.RadiopharmaceuticalInformationSequence = [tracer]
    return data


def private(data: Dataset, group: int, creator: str, **elements: tuple[int, str, str]) -> Dataset:
    """Add private elements: name -> (element, value representation, value)."""
    block = data.private_block(group, creator, create=True)
    for element, kind, value in elements.values():
        block.add_new(element, kind, value)
    return data
