"""Ready scanners: what a centre's machine is called and how it draws.

The settings that scanners of all kinds share are those of :class:`rigoromics.simulate.Centre`;
what one kind alone has is its device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Device:
    """What a scanner of one kind has and others have not.

    Attributes
    ----------
    modality
        The kind of cohort it serves; a key of
        :data:`rigoromics.simulate.modalities.MODALITIES`.
    """

    modality: str = "CT"


@dataclass(frozen=True)
class MrDevice(Device):
    """An MR scanner.

    Attributes
    ----------
    field_t
        Field strength, T.
    bias
        Standard deviation of the bias field's logarithm.
    gain
        Typical grey value scale; every scan's own varies around it.
    noise
        Noise as a part of the brightest tissue's signal.
    titles
        SeriesDescription of the T1 and of the T2 weighted series.
    timing
        Repetition time, echo time, flip angle and echo train length of the same.
    """

    modality: str = "MR"
    field_t: float = 1.5
    bias: float = 0.16
    gain: float = 1.6
    noise: float = 0.018
    titles: tuple[str, str] = ("t1_fl2d_tra_in", "t2_tse_tra_bh")
    timing: tuple[tuple[float, float, float, int], tuple[float, float, float, int]] = (
        (152.0, 4.76, 70.0, 1),
        (3500.0, 92.0, 150.0, 15),
    )


@dataclass(frozen=True)
class PetDevice(Device):
    """A PET/CT scanner.

    Attributes
    ----------
    fwhm_mm
        Full width at half maximum of the reconstructed point spread function, mm.
    noise
        Standard deviation of the noise where the uptake is 1 SUV, SUV.
    method
        DICOM ReconstructionMethod.
    filtering
        DICOM ConvolutionKernel of the PET series.
    units
        ``BQML``, or ``CNTS`` with the vendor's private factors.
    dose_mbq
        Injected activity per kg of body weight, MBq.
    """

    modality: str = "PT"
    fwhm_mm: float = 6.5
    noise: float = 0.16
    method: str = "OSEM3D 4i8s"
    filtering: str = "XYZ Gauss5.00"
    units: Literal["BQML", "CNTS"] = "BQML"
    dose_mbq: float = 4.0


@dataclass(frozen=True)
class UsDevice(Device):
    """An ultrasound scanner.

    Attributes
    ----------
    probe
        ``linear`` (a rectangle) or ``curved`` (a sector).
    colour
        Whether grey images are stored as RGB.
    frames
        1, or the frames of a clip.
    says_burnt_in
        Whether BurnedInAnnotation is there; text is burnt in either way.
    """

    modality: str = "US"
    probe: Literal["linear", "curved"] = "linear"
    colour: bool = False
    frames: int = 1
    says_burnt_in: bool = True


@dataclass(frozen=True)
class MgDevice(Device):
    """A mammography system.

    Attributes
    ----------
    inverted
        Whether images for presentation are stored as MONOCHROME1.
    raw_too
        Whether images for processing are archived beside those for presentation.
    """

    modality: str = "MG"
    inverted: bool = False
    raw_too: bool = True


@dataclass(frozen=True)
class OctDevice(Device):
    """An optical coherence tomograph of the retina.

    Attributes
    ----------
    frames
        B-scans in one file.
    axial_um
        Pixel size in depth, micrometres; that across is the centre's ``pixel_spacing``.
    dynamic_db
        Range shown between black and white, dB.
    """

    modality: str = "OPT"
    frames: int = 1
    axial_um: float = 3.87
    dynamic_db: float = 42.0


CENTRE_STYLES: dict[str, dict[str, Any]] = {
    "siemens_b30f": {},
    "ge_standard": {
        "manufacturer": "GE MEDICAL SYSTEMS",
        "model": "LightSpeed VCT",
        "software": "gmp_vct.42",
        "kernel": "STANDARD",
        "exposure_mas": 210,
        "slice_thickness": 2.5,
        "pixel_spacing": 1.5,
        "noise_hu": 12.0,
        "blur_mm": 2.0,
        "sharpen": 0.15,
        "shift_hu": 6.0,
    },
    "philips_c": {
        "manufacturer": "Philips",
        "model": "Brilliance 64",
        "software": "3.6.4",
        "kernel": "C",
        "kv": 100.0,
        "exposure_mas": 240,
        "slice_thickness": 3.75,
        "pixel_spacing": 1.65,
        "noise_hu": 11.0,
        "blur_mm": 2.1,
        "sharpen": 0.3,
        "shift_hu": -8.0,
        "implicit_vr": True,
    },
    "canon_fc08": {
        "manufacturer": "TOSHIBA",
        "model": "Aquilion ONE",
        "software": "V4.86",
        "kernel": "FC08",
        "slice_thickness": 3.0,
        "pixel_spacing": 1.55,
        "noise_hu": 10.0,
        "blur_mm": 2.7,
        "shift_hu": 3.0,
    },
    "siemens_mr15": {
        "model": "Avanto",
        "software": "syngo MR B17",
        "slice_thickness": 3.0,
        "slice_spacing": 3.6,
        "pixel_spacing": 1.5,
        "blur_mm": 1.9,
        "device": MrDevice(),
    },
    "ge_mr30": {
        "manufacturer": "GE MEDICAL SYSTEMS",
        "model": "DISCOVERY MR750",
        "software": "DV24.0_R01_1344.a",
        "slice_thickness": 3.5,
        "pixel_spacing": 1.4,
        "blur_mm": 1.7,
        "device": MrDevice(
            field_t=3.0,
            bias=0.24,
            gain=5.0,
            noise=0.012,
            titles=("Ax T1 FSPGR", "Ax T2 FRFSE"),
            timing=((175.0, 2.3, 80.0, 1), (4200.0, 102.0, 111.0, 17)),
        ),
    },
    "siemens_pet_osem": {
        "model": "Biograph 40",
        "software": "VG60A",
        "kernel": "B19f",
        "exposure_mas": 40,
        "slice_thickness": 3.0,
        "pixel_spacing": 4.07283,
        "noise_hu": 16.0,
        "blur_mm": 3.0,
        "device": PetDevice(),
    },
    "ge_pet_tofpsf": {
        "manufacturer": "GE MEDICAL SYSTEMS",
        "model": "Discovery 690",
        "software": "pet_mict_plus.22",
        "kernel": "STANDARD",
        "exposure_mas": 35,
        "slice_thickness": 3.27,
        "pixel_spacing": 3.64583,
        "noise_hu": 18.0,
        "blur_mm": 2.6,
        "device": PetDevice(
            fwhm_mm=4.5, noise=0.22, method="VPFX-S", filtering="Standard", dose_mbq=3.5
        ),
    },
    "philips_pet_cnts": {
        "manufacturer": "Philips Medical Systems",
        "model": "GEMINI TF TOF 16",
        "software": "PETView",
        "kernel": "B",
        "exposure_mas": 50,
        "slice_thickness": 3.5,
        "pixel_spacing": 4.0,
        "noise_hu": 15.0,
        "blur_mm": 3.2,
        "device": PetDevice(
            fwhm_mm=5.5, noise=0.18, method="BLOB-OS-TF", filtering="", units="CNTS", dose_mbq=3.0
        ),
    },
    "us_linear": {
        "manufacturer": "SuperSonic Imagine SA",
        "model": "Aixplorer",
        "software": "6.4.1",
        "pixel_spacing": 0.1,
        "device": UsDevice(),
    },
    "us_colour": {
        "manufacturer": "GE Healthcare",
        "model": "LOGIQ E9",
        "software": "R6.2.2",
        "pixel_spacing": 0.13,
        "device": UsDevice(probe="curved", colour=True, says_burnt_in=False),
    },
    "us_cine": {
        "manufacturer": "Philips Medical Systems",
        "model": "EPIQ 7G",
        "software": "EPIQ 7G_3.0.3",
        "pixel_spacing": 0.11,
        "device": UsDevice(frames=5),
    },
    "mg_standard": {
        "manufacturer": "GE MEDICAL SYSTEMS",
        "model": "Senographe Essential",
        "software": "ADS 54.11",
        "kv": 29.0,
        "exposure_mas": 62,
        "pixel_spacing": 0.1,
        "device": MgDevice(),
    },
    "mg_monochrome1": {
        "manufacturer": "FUJIFILM Corporation",
        "model": "AMULET",
        "software": "V7.0",
        "kv": 28.0,
        "exposure_mas": 80,
        "pixel_spacing": 0.09,
        "device": MgDevice(inverted=True, raw_too=False),
    },
    "oct_a": {
        "manufacturer": "Heidelberg Engineering",
        "model": "Spectralis",
        "software": "6.9.4",
        "pixel_spacing": 0.0117,
        "device": OctDevice(),
    },
    "oct_b": {
        "manufacturer": "Carl Zeiss Meditec",
        "model": "CIRRUS HD-OCT 5000",
        "software": "11.0.0",
        "pixel_spacing": 0.0117,
        "device": OctDevice(frames=7, axial_um=4.4, dynamic_db=36.0),
    },
}
"""Ready scanners; a centre takes one by ``style`` and overrides what it likes."""
