"""Bad input: files, image series, PET values, 2D images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.bad_input import patients as made
from tests.bad_input.patients import Patient
from tests.bad_input.registry import kind, mammogram, pet, ultrasound, write_mask

FILES = "Files"


@kind(FILES, "A slice is cut off half way", "refused", "cut short", on="files")
def truncated_slice(raw: Path, patient: Patient) -> None:
    path = raw / patient.name / "im03"
    path.write_bytes(path.read_bytes()[:-400])


@kind(
    FILES, "The header of a slice is damaged", "refused", "cannot be read as DICOM", on="files",
    anonymous=True,
)  # fmt: skip
def damaged_header(raw: Path, patient: Patient) -> None:
    path = raw / patient.name / "im03"
    content = bytearray(path.read_bytes())
    content[132:600] = bytes(range(256)) + bytes(212)
    path.write_bytes(bytes(content))


@kind(FILES, "A link leads nowhere", "refused", "link leads nowhere", on="files", anonymous=True,
      alone=False)  # fmt: skip
def broken_link(raw: Path, patient: Patient) -> None:
    (raw / patient.name / "im99").symlink_to("nowhere")


@kind(FILES, "A file has no PatientID", "refused", "no PatientID", anonymous=True)
def no_patient_id(patient: Patient) -> None:
    for data in [*patient.slices, *patient.drawings.values()]:
        data.PatientID = ""


@kind(
    FILES, "A slice was changed after the sheet was drafted", "refused", "changed since",
    on="files", later=True,
)  # fmt: skip
def changed_after_sheet(raw: Path, patient: Patient) -> None:
    path = raw / patient.name / "im03"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))


@kind(
    FILES, "A slice was deleted after the sheet was drafted", "refused", "cannot be found",
    on="files", later=True,
)  # fmt: skip
def deleted_after_sheet(raw: Path, patient: Patient) -> None:
    (raw / patient.name / "im03").unlink()


@kind(
    FILES, "A segmentation was deleted after the sheet was drafted", "refused",
    "segmentation file is missing", on="files", later=True,
)  # fmt: skip
def segmentation_deleted(raw: Path, patient: Patient) -> None:
    (raw / patient.name / "seg-R1").unlink()


@kind(FILES, "The same file lies there twice", "repaired", "exact copies", on="files")
def exact_copies(raw: Path, patient: Patient) -> None:
    for name in ("im01", "im02"):
        (raw / patient.name / f"{name}-copy").write_bytes((raw / patient.name / name).read_bytes())


SERIES = "Image series"


@kind(SERIES, "A slice is missing", "refused", "1 slice of the series is missing")
def missing_slice(patient: Patient) -> None:
    del patient.slices[3]


@kind(SERIES, "The gaps between slices are uneven", "refused", "gaps between the slices .* uneven")
def uneven_gaps(patient: Patient) -> None:
    patient.slices[4].ImagePositionPatient = [-25.0, -26.0, 13.1]


@kind(
    SERIES, "Two slices lie at one place with other pixels", "refused", "where another slice lies"
)
def doubled_slice(patient: Patient) -> None:
    patient.slices[4].ImagePositionPatient = patient.slices[3].ImagePositionPatient


@kind(SERIES, "A slice is stored twice under another instance UID", "repaired", "pixel for pixel")
def doubled_copy(patient: Patient) -> None:
    copy = made.series(patient)[3]
    copy.SOPInstanceUID = f"{patient.root}.1.99"
    patient.slices.append(copy)


@kind(SERIES, "The table moved between slices", "refused", "shifted sideways")
def table_moved(patient: Patient) -> None:
    for image in patient.slices[4:]:
        image.ImagePositionPatient = [-19.0, -26.0, image.ImagePositionPatient[2]]


@kind(SERIES, "The gantry was tilted", "repaired", "tilt")
def gantry_tilt(patient: Patient) -> None:
    for index, image in enumerate(patient.slices):
        image.ImagePositionPatient = [-25.0, -26.0 + 0.6 * index, 3.0 * index]
    patient.drawings["R1"] = made.structures(patient)


@kind(SERIES, "Slices differ in pixel spacing", "refused", "differ in pixel spacing")
def pixel_spacing_differs(patient: Patient) -> None:
    patient.slices[3].PixelSpacing = [2.2, 2.2]


@kind(SERIES, "The pixel spacing is zero", "refused", "pixel spacing .* missing or not positive")
def pixel_spacing_zero(patient: Patient) -> None:
    for image in patient.slices:
        image.PixelSpacing = [0, 0]


@kind(SERIES, "The pixel spacing is missing", "refused", "no place in the patient|pixel spacing")
def no_pixel_spacing(patient: Patient) -> None:
    for image in patient.slices:
        del image["PixelSpacing"]


@kind(SERIES, "Slices have no position", "refused", "no place in the patient|no position")
def no_position(patient: Patient) -> None:
    for image in patient.slices:
        del image["ImagePositionPatient"]


@kind(SERIES, "The orientation is not perpendicular", "refused", "perpendicular unit vectors")
def crooked_orientation(patient: Patient) -> None:
    for image in patient.slices:
        image.ImageOrientationPatient = [1, 0, 0, 0.3, 0.954, 0]


@kind(SERIES, "A localiser lies inside the series", "noted", "left out")
def localiser_inside(patient: Patient) -> None:
    scout = made.series(patient)[0]
    scout.SOPInstanceUID = f"{patient.root}.1.98"
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    patient.slices.append(scout)


@kind(SERIES, "Mixed orientations of the same size", "noted", "another orientation")
def mixed_orientations(patient: Patient) -> None:
    for index in range(3):
        coronal = made.series(patient)[index]
        coronal.SOPInstanceUID = f"{patient.root}.1.9{index}"
        coronal.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        coronal.ImagePositionPatient = [-25.0, 3.0 * index, 30.0]
        patient.slices.append(coronal)


@kind(SERIES, "Several phases with nothing that tells them apart", "refused", "another slice lies")
def phases_untold(patient: Patient) -> None:
    second = Patient(patient.name, patient.number + 5000)
    for index, image in enumerate(made.series(second)):
        image.SOPInstanceUID = f"{patient.root}.1.8{index}"
        image.SeriesInstanceUID = patient.slices[0].SeriesInstanceUID
        image.FrameOfReferenceUID = patient.slices[0].FrameOfReferenceUID
        patient.slices.append(image)


@kind(SERIES, "Two series fit one scan, and none is drawn on", "refused", "2 series fit the scan")
def two_series_fit(patient: Patient) -> None:
    second = made.series(Patient(patient.name, patient.number + 6000))
    for index, image in enumerate(second):
        patient.extra[f"other{index}"] = image
    patient.drawings["R2"] = made.structures(Patient(patient.name, patient.number + 6000, second))
    patient.drawings["R2"].StructureSetLabel = "R2"


@kind(SERIES, "A series fits two scans of the study", "refused", "fits several scans")
def fits_two_scans(patient: Patient) -> None:
    for image in patient.slices:
        image.SeriesDescription = "lesion second"


@kind(SERIES, "The series is a secondary capture", "refused", "secondary capture")
def secondary_capture(patient: Patient) -> None:
    for image in patient.slices:
        image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"


@kind(SERIES, "The CT is stored in colour", "refused", "colour")
def colour_ct(patient: Patient) -> None:
    for image in patient.slices:
        grey = np.frombuffer(image.PixelData, "<i2").clip(0, 255).astype(np.uint8)
        image.PixelData = np.repeat(grey, 3).tobytes()
        image.SamplesPerPixel, image.PhotometricInterpretation = 3, "RGB"
        image.BitsAllocated = image.BitsStored = 8
        image.HighBit, image.PixelRepresentation, image.PlanarConfiguration = 7, 0, 0


@kind(SERIES, "The grey values of a CT are inverted", "refused", "inverted grey values")
def inverted_ct(patient: Patient) -> None:
    for image in patient.slices:
        image.PhotometricInterpretation = "MONOCHROME1"


@kind(SERIES, "The pixels are compressed in a way nothing here can read", "refused", "pixels|video")
def unknown_compression(patient: Patient) -> None:
    from pydicom.dataset import FileMetaDataset
    from pydicom.encaps import encapsulate

    for image in patient.slices:
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
        image.PixelData = encapsulate([b"\0" * 64])
        image["PixelData"].is_undefined_length = True


@kind(SERIES, "Compressed pixels are damaged", "refused", "damaged")
def damaged_compression(patient: Patient) -> None:
    from pydicom.dataset import FileMetaDataset
    from pydicom.encaps import encapsulate

    for image in patient.slices:
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.5"
        image.PixelData = encapsulate([b"\1" * 64])
        image["PixelData"].is_undefined_length = True


@kind(
    SERIES, "One slice, and the header names no thickness", "noted", "1 mm is assumed", alone=False
)
def single_slice(patient: Patient) -> None:
    patient.slices = patient.slices[3:4]
    del patient.slices[0]["SliceThickness"]
    mask = np.zeros(made.SHAPE, dtype=bool)
    mask[3] = made.ball(radius=11.0)[3]
    patient.drawings["R1"] = made.structures(patient, mask=mask)


@kind(SERIES, "The values have no slope that is a number", "refused", "cannot be read|slope")
def slope_not_a_number(patient: Patient) -> None:
    for image in patient.slices:
        image["RescaleSlope"]._value = "unknown"


PET_VALUES = "PET"


@kind(PET_VALUES, "The patient's weight is missing", "refused", "weight", start=pet)
def pet_without_weight(patient: Patient) -> None:
    for image in patient.slices:
        del image["PatientWeight"]


@kind(PET_VALUES, "The injected dose is missing", "refused", "dose|activity", start=pet)
def pet_without_dose(patient: Patient) -> None:
    for image in patient.slices:
        del image.RadiopharmaceuticalInformationSequence[0]["RadionuclideTotalDose"]


@kind(PET_VALUES, "The time of injection is missing", "refused", "injection", start=pet)
def pet_without_injection_time(patient: Patient) -> None:
    for image in patient.slices:
        del image.RadiopharmaceuticalInformationSequence[0]["RadiopharmaceuticalStartTime"]


@kind(PET_VALUES, "The half-life is missing", "refused", "half-life", start=pet)
def pet_without_half_life(patient: Patient) -> None:
    for image in patient.slices:
        del image.RadiopharmaceuticalInformationSequence[0]["RadionuclideHalfLife"]


@kind(PET_VALUES, "The dose is in MBq where Bq belong", "refused", "dose|activity|SUV", start=pet)
def pet_dose_in_mbq(patient: Patient) -> None:
    for image in patient.slices:
        image.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = 350


@kind(PET_VALUES, "Counts without the vendor's factor", "refused", "CNTS|counts", start=pet)
def pet_counts(patient: Patient) -> None:
    for image in patient.slices:
        image.Units = "CNTS"


@kind(PET_VALUES, "Units of another kind", "refused", "units", start=pet)
def pet_other_units(patient: Patient) -> None:
    for image in patient.slices:
        image.Units = "PROPCPS"


@kind(PET_VALUES, "The weight cannot be a person's", "refused", "weight", start=pet)
def pet_impossible_weight(patient: Patient) -> None:
    for image in patient.slices:
        image.PatientWeight = 70000


PLANAR = "2D images"


def write_png_mask(raw: Path, patient: Patient) -> None:
    """Write a mask of the picture's size."""
    write_mask(raw, patient, made.ball(radius=14.0)[3:4].astype(np.uint8))


@kind(PLANAR, "An ultrasound picture without calibration", "noted", "pixel", start=ultrasound,
      on="files")  # fmt: skip
def ultrasound_uncalibrated(raw: Path, patient: Patient) -> None:
    write_png_mask(raw, patient)


@kind(PLANAR, "Text is burnt into the picture", "noted", "burnt", start=ultrasound, on="files")
def burnt_in_text(raw: Path, patient: Patient) -> None:
    import pydicom

    path = raw / patient.name / "im00"
    data = pydicom.dcmread(path)
    data.BurnedInAnnotation = "YES"
    data.save_as(path)
    write_png_mask(raw, patient)


@kind(PLANAR, "The mask has another size than the picture", "refused", "mask has .* pixels",
      start=mammogram, on="files")  # fmt: skip
def planar_mask_of_other_size(raw: Path, patient: Patient) -> None:
    write_mask(raw, patient, np.ones((1, 20, 20), dtype=np.uint8))
