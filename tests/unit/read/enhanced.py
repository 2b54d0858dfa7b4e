"""Enhanced multi-frame CT, MR and PET objects (DICOM PS3.3 A.38, A.36, A.56), made from volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    EnhancedPETImageStorage,
    ExplicitVRLittleEndian,
)

CLASSES = {
    "CT": EnhancedCTImageStorage,
    "MR": EnhancedMRImageStorage,
    "PT": EnhancedPETImageStorage,
}
_FRAME_TYPE = {
    "CT": "CTImageFrameTypeSequence",
    "MR": "MRImageFrameTypeSequence",
    "PT": "PETFrameTypeSequence",
}
_KIND = {
    "CT": ["DERIVED", "PRIMARY", "VOLUME", "NONE"],
    "MR": ["DERIVED", "PRIMARY", "VOLUME", "NONE"],
    "PT": ["DERIVED", "PRIMARY", "VOLUME", "NONE"],
}


def item(**fields: Any) -> Dataset:
    data = Dataset()
    for keyword, value in fields.items():
        setattr(
            data,
            keyword,
            Items(value)
            if isinstance(value, list) and value and isinstance(value[0], Dataset)
            else value,
        )
    return data


def code(value: str, scheme: str, meaning: str) -> Dataset:
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def make_enhanced(
    volume: np.ndarray,
    *,
    modality: str = "CT",
    origin: Sequence[float] = (-10.0, 20.0, -30.0),
    spacing: tuple[float, float, float] = (0.5, 0.75, 2.0),
    direction: np.ndarray | None = None,
    slope: Sequence[float] | float = 1,
    intercept: float = -1000,
    uid: str = "1.2.5",
    per_frame: Sequence[dict[str, Any]] | None = None,
    positions: Sequence[Sequence[float]] | None = None,
) -> FileDataset:
    """One object of a volume (slice, row, column); `per_frame` adds functional groups."""
    axes = np.eye(3) if direction is None else direction
    count = len(volume)
    slopes = [slope] * count if np.isscalar(slope) else list(slope)
    if positions is None:
        positions = [np.array(origin) + n * spacing[2] * axes[:, 2] for n in range(count)]
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CLASSES[modality], f"{uid}.1"
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CLASSES[modality], f"{uid}.1"
    data.SeriesInstanceUID, data.StudyInstanceUID = uid, f"{uid}.0"
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = f"{uid}.9", ""
    _describe(data, modality)
    data.NumberOfFrames, (data.Rows, data.Columns) = count, volume.shape[1:]
    data.SharedFunctionalGroupsSequence = [
        item(
            PlaneOrientationSequence=[
                item(ImageOrientationPatient=[float(f"{v:.12g}") for v in axes[:, :2].T.ravel()])
            ],
            PixelMeasuresSequence=[
                item(
                    PixelSpacing=[spacing[1], spacing[0]],
                    SliceThickness=spacing[2],
                    SpacingBetweenSlices=spacing[2],
                )
            ],
            FrameAnatomySequence=[
                item(
                    FrameLaterality="U",
                    AnatomicRegionSequence=[code("51185008", "SCT", "Chest")],
                )
            ],
            **_shared(modality),
        )
    ]
    data.PerFrameFunctionalGroupsSequence = [
        item(
            FrameContentSequence=[
                item(
                    StackID="1",
                    InStackPositionNumber=number + 1,
                    TemporalPositionIndex=1,
                    DimensionIndexValues=[1, number + 1],
                )
            ],
            PlanePositionSequence=[
                item(ImagePositionPatient=[round(float(v), 9) for v in positions[number]])
            ],
            **_scaling(modality, slopes[number], intercept),
        )
        for number in range(count)
    ]
    for groups, more in zip(data.PerFrameFunctionalGroupsSequence, per_frame or (), strict=False):
        for keyword, value in more.items():
            if keyword in groups:
                for name in value:
                    setattr(groups[keyword][0], name.keyword, name.value)
            else:
                setattr(groups, keyword, Items([value]))
    data.PixelData = volume.astype("<i2" if data.PixelRepresentation else "<u2").tobytes()
    return data


def _scaling(modality: str, slope: float, intercept: float) -> dict[str, Any]:
    """Slope and intercept of a frame; of PET, whose units only the mapping names, as SUV too."""
    kind = "HU" if modality == "CT" else "US"
    scaling = item(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType=kind)
    groups: dict[str, Any] = {"PixelValueTransformationSequence": [scaling]}
    if modality == "PT":
        groups["RealWorldValueMappingSequence"] = [
            item(
                RealWorldValueFirstValueMapped=0,
                RealWorldValueLastValueMapped=65535,
                RealWorldValueSlope=slope,
                RealWorldValueIntercept=intercept,
                LUTExplanation="SUV by body weight",
                LUTLabel="SUVbw",
                MeasurementUnitsCodeSequence=[
                    code("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight")
                ],
            )
        ]
    return groups


_PET_CORRECTIONS = (
    "DecayCorrected",
    "AttenuationCorrected",
    "ScatterCorrected",
    "DeadTimeCorrected",
    "GantryMotionCorrected",
    "PatientMotionCorrected",
    "CountLossNormalizationCorrected",
    "RandomsCorrected",
    "NonUniformRadialSamplingCorrected",
    "SensitivityCalibrated",
    "DetectorNormalizationCorrection",
)


def _tracer() -> Dataset:
    return item(
        RadiopharmaceuticalAgentNumber=1,
        RadionuclideCodeSequence=[code("77004003", "SCT", "^18^Fluorine")],
        RadiopharmaceuticalCodeSequence=[code("35321007", "SCT", "Fluorodeoxyglucose F^18^")],
        RadiopharmaceuticalStartDateTime="20200101070000",
        RadionuclideTotalDose=3.5e8,
        RadionuclideHalfLife=6586.2,
        RadionuclidePositronFraction=0.97,
        AdministrationRouteCodeSequence=[code("47625008", "SCT", "Intravenous route")],
    )


def _describe(data: Dataset, modality: str) -> None:
    fixed: dict[str, Any] = {
        "ImageType": _KIND[modality],
        "Modality": modality,
        "PatientID": "PAT-1",
        "PatientName": "",
        "PatientBirthDate": "",
        "PatientSex": "",
        "StudyDate": "20200101",
        "StudyTime": "080000",
        "ContentDate": "20200101",
        "ContentTime": "080000",
        "AcquisitionDateTime": "20200101080000",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "StudyID": "",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "SeriesDescription": "thorax soft",
        "Manufacturer": "Vendor",
        "ManufacturerModelName": "Model",
        "DeviceSerialNumber": "1",
        "SoftwareVersions": "1",
        "PatientPosition": "HFS",
        "ContentQualification": "RESEARCH",
        "PixelPresentation": "MONOCHROME",
        "VolumetricProperties": "VOLUME",
        "VolumeBasedCalculationTechnique": "NONE",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 1 if modality == "CT" else 0,
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
        "PresentationLUTShape": "IDENTITY",
        "AcquisitionContextSequence": Items([]),
    }
    if modality == "MR":
        fixed |= {"ComplexImageComponent": "MAGNITUDE", "AcquisitionContrast": "T1"}
        fixed |= {"ApplicableSafetyStandardAgency": "IEC"}
    if modality == "PT":
        fixed |= dict.fromkeys(_PET_CORRECTIONS, "YES")
        fixed |= {
            "PatientWeight": 70,
            "CountsSource": "EMISSION",
            "TableMotion": "STATIC",
            "RandomsCorrectionMethod": "DLYD",
            "ScatterCorrectionMethod": "Simulation",
            "AttenuationCorrectionSource": "CT",
            "AttenuationCorrectionTemporalRelationship": "CONCURRENT",
            "TimeOfFlightInformationUsed": "FALSE",
            "DecayCorrectionDateTime": "20200101080000",
            "ViewCodeSequence": Items([code("62824007", "SCT", "Transverse")]),
            "SliceProgressionDirection": "FEET_TO_HEAD",
            "RadiopharmaceuticalInformationSequence": Items([_tracer()]),
        }
    for keyword, value in fixed.items():
        setattr(data, keyword, value)
    data.DimensionOrganizationSequence = [item(DimensionOrganizationUID="1.2.5.77")]
    data.DimensionIndexSequence = [
        item(
            DimensionOrganizationUID="1.2.5.77",
            DimensionIndexPointer=pointer,
            FunctionalGroupPointer=0x00209111,
        )
        for pointer in (0x00209056, 0x00209057)
    ]


def _shared(modality: str) -> dict[str, Any]:
    kind = item(
        FrameType=_KIND[modality],
        PixelPresentation="MONOCHROME",
        VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="NONE",
    )
    if modality == "MR":
        kind.ComplexImageComponent, kind.AcquisitionContrast = "MAGNITUDE", "T1"
    groups: dict[str, Any] = {_FRAME_TYPE[modality]: [kind]}
    if modality == "CT":
        groups["IrradiationEventIdentificationSequence"] = [item(IrradiationEventUID="1.2.5.78")]
    if modality == "PT":
        groups["RadiopharmaceuticalUsageSequence"] = [item(RadiopharmaceuticalAgentNumber=1)]
    return groups
