"""The acquisition table: real and made headers, silence, repairs of units, and no free text."""

from pathlib import Path
from typing import Any

import pandas as pd
import pydicom
import pytest

from rigoromics.read.acquisition import ACQUISITION_COLUMNS, APPLIES, acquisition_row
from rigoromics.read.agents import contrast_agent, tracer
from rigoromics.read.grouping import Series
from rigoromics.read.headers import index_headers
from rigoromics.read.keys import Keys
from rigoromics.read.keywords import KEYWORDS
from rigoromics.read.reconstruction import ct_reconstruction, pet_reconstruction
from rigoromics.read.scans import Scan

KEYS = Keys("salt", public=False)


def _row(modality: str, count: int = 1, **header: Any) -> dict[str, str]:
    """The acquisition of a series whose files have these fields and no others."""
    rule = header.pop("rule", None)
    empty = dict.fromkeys(KEYWORDS, "") | {"sha256": "x", "status": "ok"}
    rows = []
    for number in range(count):
        own = {name: v[number] if isinstance(v, list) else v for name, v in header.items()}
        rows.append(empty | {"path": f"f{number}", "Modality": modality, "Rows": "8"} | own)
    series = Series("1.2", "", pd.DataFrame(rows))
    scan = Scan("ct", "baseline", series, "CT-1", "P-1", "centre A")
    return acquisition_row("development", scan, KEYS, rule)


@pytest.mark.parametrize("modality", ["CT", "MR", "PT", "US", "MG", "OPT"])
def test_silence_is_unknown_where_a_column_applies_and_empty_elsewhere(modality: str) -> None:
    row = _row(modality)
    assert list(row) == ACQUISITION_COLUMNS
    told = {"rows", "slices", "spacing_between_slices"}
    for name, modalities in APPLIES.items():
        if name not in told:
            assert row[name] == ("unknown" if modality in modalities else ""), name


def test_ct_header() -> None:
    row = _row(
        "CT", 3, Manufacturer="SIEMENS", ManufacturerModelName="SOMATOM Force",
        ConvolutionKernel="Br40d\\3", KVP="100", Exposure=["80", "100", "230"],
        XRayTubeCurrent="210", ExposureTime="500", SpiralPitchFactor="0.6", FilterType="WEDGE_2",
        ReconstructionDiameter="380", ImageType="ORIGINAL\\PRIMARY\\AXIAL\\CT_SOM7 SPI",
        ContrastBolusAgent="Imeron 350, Sr. Klara", InstitutionName="St. Elsewhere",
        Columns="512", PixelSpacing="0.7\\0.7",
    )  # fmt: skip
    expected = {
        "scan_mode": "helical", "pitch": "0.6", "kv": "100", "exposure": "100",
        "tube_current": "210", "exposure_time": "500", "filter": "WEDGE_2",
        "field_of_view": "380", "contrast": "yes", "contrast_agent": "iodinated",
        "contrast_phase": "unknown", "reconstruction": "iterative",
        "reconstruction_kind": "ADMIRE", "reconstruction_strength": "3", "tracer": "",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert row["institution"].startswith("centre-")
    assert "Klara" not in str(row)
    assert "Elsewhere" not in str(row)


@pytest.mark.parametrize(
    ("header", "mode"),
    [
        ({"ScanOptions": "HELIX"}, "helical"),
        ({"ScanOptions": "HELICAL MODE"}, "helical"),
        ({"ScanOptions": "AXIAL MODE"}, "axial"),
        ({"AcquisitionType": "SEQUENCED", "SpiralPitchFactor": "1"}, "axial"),
        ({"ImageType": "ORIGINAL\\PRIMARY\\AXIAL\\CT_SOM5 SEQ"}, "axial"),
        ({"SpiralPitchFactor": "1.375"}, "helical"),
        ({"ImageType": "ORIGINAL\\PRIMARY\\AXIAL"}, "unknown"),
    ],
)
def test_scan_mode(header: dict[str, str], mode: str) -> None:
    # The word AXIAL in ImageType is about the plane, not about how the table moved.
    assert _row("CT", **header)["scan_mode"] == mode


def test_phase_is_stated_by_header_or_config_and_never_guessed() -> None:
    rule = {"contrast_phase": "arterial"}
    given = {"ContrastBolusAgent": "Ultravist", "SeriesDescription": "portal venous phase"}
    assert _row("CT", **given)["contrast_phase"] == "unknown"
    assert _row("CT", rule=rule, **given)["contrast_phase"] == "arterial"
    stated = _row("CT", rule=rule, ContrastBolusAgentPhase="PORTAL_VENOUS", **given)
    assert stated["contrast_phase"] == "portal_venous"
    none = _row("CT", rule=rule, ContrastBolusAgent="NONE")
    assert (none["contrast"], none["contrast_agent"], none["contrast_phase"]) == ("no", "", "")


@pytest.mark.parametrize(
    ("text", "given", "agent"),
    [
        ("Omnipaque 350", "yes", "iodinated"),
        ("GADOVIST 1.0", "yes", "gadolinium-based"),
        ("SonoVue", "yes", "microbubbles"),
        ("APPLIED", "yes", "unknown"),
        ("NON IONIC", "yes", "unknown"),
        ("ORAL & IV", "yes", "unknown"),
        ("ORAL", "oral", "unknown"),
        ("No contrast", "no", ""),
        ("w/o", "no", ""),
        ("", "unknown", "unknown"),
    ],
)
def test_contrast_agents_by_class(text: str, given: str, agent: str) -> None:
    assert contrast_agent(text, "", "") == (given, agent)


@pytest.mark.parametrize(
    ("vendor", "model", "kernel", "texts", "found"),
    [
        ("SIEMENS", "Sensation 64", "B30f", "", ("filtered back projection", "unknown")),
        ("SIEMENS", "Definition Flash", "I30f\\3", "", ("iterative", "3")),
        ("SIEMENS", "Definition Flash", "I30f", "", ("iterative", "unknown")),
        ("Siemens Healthineers", "NAEOTOM Alpha", "Qr40f\\2", "", ("iterative", "2")),
        ("SIEMENS", "SOMATOM Force", "Br40f", "", ("unknown", "unknown")),
        ("GE MEDICAL SYSTEMS", "Revolution", "STANDARD", "", ("unknown", "unknown")),
        ("GE MEDICAL SYSTEMS", "Revolution", "STANDARD", "ASiR-V 40%", ("iterative", "40")),
        ("GE MEDICAL SYSTEMS", "Revolution", "STANDARD", "DLIR-H", ("deep learning", "h")),
        ("Philips", "Ingenuity", "B", "CHEST iDose (3)", ("iterative", "3")),
        ("TOSHIBA", "Aquilion", "FC18", "AIDR 3D STD", ("iterative", "std")),
        ("CANON", "Aquilion", "FC18", "CHEST FIRST LOOK", ("unknown", "unknown")),
    ],
)
def test_ct_reconstructions(
    vendor: str, model: str, kernel: str, texts: str, found: tuple[str, str]
) -> None:
    result = ct_reconstruction(vendor, model, kernel, "", texts)
    assert (result.method, result.strength) == found


@pytest.mark.parametrize(
    ("text", "kind", "tof", "psf", "rounds"),
    [
        ("PSF+TOF 2i21s", "OSEM", "yes", "yes", ("2", "21")),
        ("OP-OSEM3i21s", "OSEM", "unknown", "unknown", ("3", "21")),
        ("TrueX+TOF (UltraHD) 3i21s", "OSEM", "yes", "yes", ("3", "21")),
        ("OSEM3D 3i24s", "OSEM", "unknown", "unknown", ("3", "24")),
        ("OSEM2D 4i8s", "OSEM", "unknown", "unknown", ("4", "8")),
        ("VPFX", "OSEM", "yes", "no", ("unknown", "unknown")),
        ("VPFXS", "OSEM", "yes", "yes", ("unknown", "unknown")),
        ("VPHD", "OSEM", "no", "no", ("unknown", "unknown")),
        ("QCFX", "BSREM", "yes", "yes", ("unknown", "unknown")),
        ("BLOB-OS-TF", "OSEM", "yes", "unknown", ("unknown", "unknown")),
        ("3D-RAMLA", "RAMLA", "no", "unknown", ("unknown", "unknown")),
        ("something new", "unknown", "unknown", "unknown", ("unknown", "unknown")),
    ],
)
def test_pet_reconstructions(
    text: str, kind: str, tof: str, psf: str, rounds: tuple[str, str]
) -> None:
    found = pet_reconstruction(text)
    assert (found.kind, found.time_of_flight, found.psf) == (kind, tof, psf)
    assert (found.iterations, found.subsets) == rounds


def test_pet_header() -> None:
    row = _row(
        "PT", 2, Radiopharmaceutical="F-18 FDG batch of Dr. Who", RadionuclideTotalDose="3.5e8",
        RadiopharmaceuticalStartTime="081500", SeriesDate="20200101",
        AcquisitionTime=["091730.00", "091500.00"], ActualFrameDuration="120000",
        CorrectedImage="DECY\\ATTN\\SCAT", ReconstructionMethod="VPFXS",
    )  # fmt: skip
    expected = {
        "tracer": "FDG", "injected_dose": "350", "uptake_time": "60", "time_per_bed": "120",
        "corrections": "ATTN+DECY+SCAT", "time_of_flight": "yes", "kv": "", "contrast": "",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("header", "minutes"),
    [
        ({"RadiopharmaceuticalStartTime": "233000", "AcquisitionTime": "003000"}, "60"),
        (
            {"RadiopharmaceuticalStartDateTime": "20191231233000.00", "AcquisitionTime": "003000"},
            "60",
        ),
        (
            {"RadiopharmaceuticalStartDateTime": "20200102080000", "AcquisitionTime": "070000"},
            "unknown",
        ),
        ({"AcquisitionTime": "070000"}, "unknown"),
    ],
)
def test_uptake_time(header: dict[str, str], minutes: str) -> None:
    assert _row("PT", SeriesDate="20200101", **header)["uptake_time"] == minutes


def test_dose_in_another_unit_is_unknown_and_tracer_may_be_told_by_its_half_life() -> None:
    row = _row("PT", RadionuclideTotalDose="350", RadionuclideHalfLife="6588")
    assert (row["injected_dose"], row["tracer"]) == ("unknown", "F-18, agent unknown")
    assert tracer("68Ga-PSMA-11", None) == "PSMA ligand"


def test_mr_header() -> None:
    row = _row(
        "MR", ScanningSequence="GR\\IR", SequenceVariant="SK\\SP\\MP", SequenceName="*tfl3d1_16ns",
        ScanOptions="PFP", MRAcquisitionType="3D", RepetitionTime="2300", EchoTime="2.98",
        InversionTime="900", FlipAngle="9", MagneticFieldStrength="30000", EchoTrainLength="1",
        PixelBandwidth="240",
    )  # fmt: skip
    expected = {
        "sequence": "GR+IR", "sequence_variant": "SK+SP+MP", "sequence_name": "turbo gradient echo",
        "partial_fourier": "yes", "dimensions": "3D", "repetition_time": "2300",
        "echo_time": "2.98", "inversion_time": "900", "flip_angle": "9", "field_strength": "3",
        "echo_train": "1", "bandwidth": "240", "k_space": "segmented", "parallel": "unknown",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    enhanced = _row(
        "MR", EchoPulseSequence="GRADIENT", GeometryOfKSpaceTraversal="RECTILINEAR",
        RectilinearPhaseEncodeReordering="CENTRIC", ParallelAcquisition="YES",
    )  # fmt: skip
    assert (enhanced["sequence"], enhanced["k_space"]) == ("GR", "rectilinear, centric")
    assert enhanced["parallel"] == "yes"


def test_mammography_and_ultrasound_headers() -> None:
    row = _row(
        "MG", AnodeTargetMaterial="TUNGSTEN", FilterMaterial="RHODIUM", CompressionForce="98.5",
        BodyPartThickness="52", KVP="29",
    )  # fmt: skip
    assert (row["target"], row["filter"], row["compression_force"]) == (
        "TUNGSTEN",
        "RHODIUM",
        "98.5",
    )
    assert (row["compressed_thickness"], row["kv"], row["slice_thickness"]) == ("52", "29", "")
    sound = _row("US", TransducerType="LINEAR", TransducerFrequency="9000")
    assert (sound["transducer"], sound["transducer_frequency"]) == ("linear", "9")


def test_numbers_that_are_none_are_unknown() -> None:
    row = _row("CT", KVP="Mrs Miller", ScanningSequence="Mrs Miller", FilterType="Mrs. Miller!")
    assert row["kv"] == row["filter"] == "unknown"
    assert "Miller" not in str(row)


def test_real_ct_and_pet_headers(shared_data: Path) -> None:
    """Against the headers as pydicom reads them."""
    folder = shared_data / "sts" / "dicom" / "STS_002"
    table = index_headers(folder).table
    for modality in ("CT", "PT"):
        files = table[table["Modality"] == modality].reset_index(drop=True)
        scan = Scan("s", "baseline", Series("1", "", files), "K", "P", "C")
        row = acquisition_row("development", scan, KEYS)
        data = pydicom.dcmread(folder / files["path"][0], stop_before_pixels=True)
        assert row["manufacturer"] == data.Manufacturer
        assert float(row["slice_thickness"]) == pytest.approx(float(data.SliceThickness), rel=1e-5)
        if modality == "CT":
            assert float(row["kv"]) == float(data.KVP)
        else:
            drug = data.RadiopharmaceuticalInformationSequence[0]
            dose = drug.get("RadionuclideTotalDose")
            expected = f"{float(dose) / 1e6:.6g}" if dose else "unknown"
            assert row["injected_dose"] == expected
            # Headers differ here in whether they are anonymised; a time is plausible or unknown.
            assert row["uptake_time"] == "unknown" or 20 < float(row["uptake_time"]) < 240
