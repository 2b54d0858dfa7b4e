"""The DICOM keywords that the header index holds, in groups, and where enhanced objects keep them.

Names are those of DICOM PS3.6. What is listed is technical or was always in the index: no free
text about the person, no private tags.
"""

from __future__ import annotations

IDENTITY = [
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "SOPClassUID",
    "FrameOfReferenceUID",
    "Modality",
    "StudyDate",
    "SeriesDate",
    "SeriesTime",
    "SeriesNumber",
    "InstanceNumber",
    "StudyDescription",
    "SeriesDescription",
    "ImageType",
    "InstitutionName",
]
GEOMETRY = [
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "GantryDetectorTilt",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Units",
]
DYNAMIC = [
    "TemporalPositionIdentifier",
    "DiffusionBValue",
    "EchoTime",
    "TriggerTime",
    "AcquisitionNumber",
]
ACQUISITION = [
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "ConvolutionKernel",
    "KVP",
    "Exposure",
    "SliceThickness",
    "SpacingBetweenSlices",
    "ContrastBolusAgent",
    "ContrastBolusIngredient",
    "ContrastBolusAgentAdministered",
    "ContrastBolusAgentPhase",
    # X-ray: PS3.3 C.8.2.1, C.8.15.3; mammography C.8.11.7.
    "ScanOptions",
    "AcquisitionType",
    "SpiralPitchFactor",
    "XRayTubeCurrent",
    "ExposureTime",
    "FilterType",
    "ReconstructionDiameter",
    "ReconstructionAlgorithm",
    "AnodeTargetMaterial",
    "FilterMaterial",
    "CompressionForce",
    "BodyPartThickness",
    "FieldOfViewDimensions",
    # MR: PS3.3 C.8.3.1, C.8.13.
    "ScanningSequence",
    "SequenceVariant",
    "SequenceName",
    "EchoPulseSequence",
    "MRAcquisitionType",
    "RepetitionTime",
    "InversionTime",
    "FlipAngle",
    "MagneticFieldStrength",
    "EchoTrainLength",
    "PixelBandwidth",
    "GeometryOfKSpaceTraversal",
    "RectilinearPhaseEncodeReordering",
    "SegmentedKSpaceTraversal",
    "PartialFourier",
    "ParallelAcquisition",
    # PET beyond the group of that name: PS3.3 C.8.22.
    "TimeOfFlightInformationUsed",
    "NumberOfIterations",
    "NumberOfSubsets",
    # Ultrasound: PS3.3 C.8.5.6; the frequency stands in the regions (C.8.5.5).
    "TransducerType",
    "TransducerFrequency",
]
DRAWING = [
    "StructureSetLabel",
    "StructureSetDate",
    "OperatorsName",
    "ContentLabel",
    "ContentCreatorName",
]
PET = [
    "PatientWeight",
    "PatientSize",
    "PatientSex",
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "ActualFrameDuration",
    "CorrectedImage",
    "DecayCorrection",
    "ReconstructionMethod",
    "SUVType",
    "Radiopharmaceutical",
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalStartDateTime",
]
QUALITY = [
    "BitsStored",
    "BurnedInAnnotation",
    "LossyImageCompression",
]
KEYWORDS = [*IDENTITY, *GEOMETRY, *DYNAMIC, *ACQUISITION, *DRAWING, *PET, *QUALITY]

# A keyword that is empty at the top level is looked up in the first item of these, in this order.
FUNCTIONAL_GROUPS = ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"]
NESTED_SEQUENCES = [
    "RadiopharmaceuticalInformationSequence",
    "ContrastBolusAgentSequence",
    "SequenceOfUltrasoundRegions",
]

# Names of the same quantity, in the same unit, in enhanced objects (PS3.3 C.8.13 to C.8.15).
ALIASES = {
    "EchoTime": "EffectiveEchoTime",
    "Exposure": "ExposureInmAs",
    "ExposureTime": "ExposureTimeInms",
    "XRayTubeCurrent": "XRayTubeCurrentInmA",
    "SequenceName": "PulseSequenceName",
    "EchoTrainLength": "RFEchoTrainLength",
    "ContrastBolusAgent": "ContrastBolusAgentSequence",
}

# Who and what a file is stands at the top level or nowhere.
TOP_LEVEL_ONLY = frozenset([*IDENTITY, *DRAWING])

# A keyword that names a sequence of one coded concept (PS3.3, 8.3) stands for its meaning.
CODE_TAGS = {0x00080104: "CodeMeaning", 0x00080100: "CodeValue"}
