"""SUV factors: hand-computed, another library's, and what is refused."""

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from rigoromics.errors import DataError
from rigoromics.read.suv import check_header, suv_factors
from rigoromics.read.uptake import parse_datetime, parse_time
from tests.unit.read.pet import DONE, pet, private

PHILIPS = "Philips PET Private Group"


def factor(data: Dataset, kind: str = "bw") -> float:
    factors, _ = suv_factors([data], kind)
    return float(factors[0])


def words(*datasets: Dataset, kind: str = "bw") -> str:
    return "; ".join(note.problem for note in suv_factors(datasets, kind)[1])


def refusal(*datasets: Dataset, kind: str = "bw") -> DataError:
    with pytest.raises(DataError) as caught:
        suv_factors(datasets, kind)
    assert caught.value.remedy
    return caught.value


def test_by_hand_after_the_qiba_pseudo_code() -> None:
    # decay time = scan time - start time = 10:00:00 - 9:00:00 = 3600 s
    # decayed dose = 370,000,000 Bq x 2^(-3600/6588) = 370,000,000 x 0.684703794 = 253,340,404 Bq
    # SUVbw scale factor = 75 kg x 1000 / decayed dose = 0.000296044 g/Bq
    assert factor(pet()) == pytest.approx(75000 / 253_340_404, rel=1e-9)
    # A voxel of 10,000 Bq/ml has SUVbw 2.96.
    assert round(10000 * factor(pet()), 2) == 2.96


def _rewritten(**fields: str) -> Dataset:
    """A series whose own time is that of post-processing."""
    return pet(SeriesTime="153000", AcquisitionTime="101500", **fields)


# Factors of MIRP 2.7.0 (ImageDicomFilePT) for the same headers.
MIRP = [
    ("start", pet(), "bw", 0.0002960443688948075),
    ("lean mass, man", pet(), "lbm", 0.00023793195574138234),
    ("lean mass, woman", pet(PatientSex="F"), "lbm", 0.00021534486685533406),
    ("surface", pet(), "bsa", 7.667176627164744e-05),
    ("admin", pet(DecayCorrection="ADMIN"), "bw", 0.0002027027027027027),
    ("none", pet(DecayCorrection="NONE", CorrectedImage=["ATTN"]), "bw", 0.0002979171750898463),
    ("frame", _rewritten(FrameReferenceTime="959500"), "bw", 0.00029605797684989537),
    (
        "GE's private time",
        private(_rewritten(), 9, "GEMS_PETD_01", a=(0x0D, "DT", "20200310100000.00")),
        "bw",
        0.0002960443688948075,
    ),
    (
        "injection before midnight",
        pet(
            SeriesDate="20200311",
            AcquisitionDate="20200311",
            SeriesTime="003000",
            AcquisitionTime="003000",
            RadiopharmaceuticalStartDateTime=None,
            RadiopharmaceuticalStartTime="233000",
        ),
        "bw",
        0.0002960443688948075,
    ),
    (
        "Philips to Bq/ml",
        private(pet(Units="CNTS"), 0x7053, PHILIPS, a=(9, "DS", "1.5")),
        "bw",
        0.00044406655334221126,
    ),
    (
        "Philips to SUV",
        private(pet(Units="CNTS"), 0x7053, PHILIPS, a=(0, "DS", "0.00025")),
        "bw",
        0.00025,
    ),
    ("from Janmahasatian", pet(Units="GML", SUVType="LBMJANMA"), "bw", 1.2599784250269688),
    ("weight to lean mass", pet(Units="GML", SUVType="BW"), "lbm", 0.8037037037037037),
    ("weight to surface", pet(Units="GML"), "bsa", 0.25898741650745927),
    ("surface to weight", pet(Units="CM2ML"), "bw", 3.861191456655958),
]


@pytest.mark.parametrize(
    ("data", "kind", "theirs"), [case[1:] for case in MIRP], ids=[c[0] for c in MIRP]
)
def test_factor_equals_another_librarys(data, kind, theirs) -> None:
    assert factor(data, kind) == pytest.approx(theirs, rel=1e-9)


def test_stored_suv_is_left_alone(shared_data: Path) -> None:
    """The public sarcoma series are SUVbw (GML); IBSI computed them before."""
    folders = sorted((shared_data / "sts" / "dicom").glob("*/PET/image"))
    assert len(folders) == 24
    for folder in folders:
        files = sorted(folder.iterdir())[:2]
        slices = [pydicom.dcmread(path, stop_before_pixels=True) for path in files]
        factors, notes = suv_factors(slices, "bw")
        assert (factors == 1).all()
        assert notes == []
        # James' lean mass of each real patient is between half and the whole of the weight.
        lean, _ = suv_factors(slices, "lbm")
        assert 0.4 < lean[0] < 1


def test_one_time_counts_for_all_beds() -> None:
    """Corrected to the start of the scan, later beds have the factor of the first."""
    beds = [pet(AcquisitionTime=f"10{minute:02}00") for minute in (0, 3, 6)]
    factors, _ = suv_factors(beds[::-1], "bw")
    assert set(factors) == {factor(pet())}


def test_uncorrected_beds_have_a_factor_each() -> None:
    beds = [
        pet(DecayCorrection="NONE", CorrectedImage=["ATTN"], AcquisitionTime=f"10{minute:02}00")
        for minute in (0, 10)
    ]
    factors, notes = suv_factors(beds, "bw")
    assert factors[1] / factors[0] == pytest.approx(2 ** (600 / 6588), rel=1e-9)
    assert any("scatter" in note.problem for note in notes)


def test_decay_factor_serves_where_times_of_uncorrected_slices_are_missing() -> None:
    bare = {"DecayCorrection": "NONE", "CorrectedImage": ["ATTN", "SCAT"]}
    bare |= {"ActualFrameDuration": None}
    assert factor(pet(**bare, DecayFactor="1.02")) == pytest.approx(1.02 * factor(pet()))
    assert "not corrected for decay" in refusal(pet(**bare)).problem
    # Corrected values have the factor in them already.
    assert factor(pet(DecayFactor="1.02")) == factor(pet())


def test_earliest_acquisition_is_the_last_resort_and_said() -> None:
    slices = [_rewritten(), pet(SeriesTime="153000", AcquisitionTime="100000")]
    factors, notes = suv_factors(slices, "bw")
    assert set(factors) == {factor(pet())}
    assert any("earliest acquisition" in note.problem for note in notes)


def test_shifted_date_of_injection_is_put_right_and_said() -> None:
    shifted = pet(RadiopharmaceuticalStartDateTime="20190822090000")
    assert factor(shifted) == factor(pet())
    assert "clock times" in words(shifted)
    before_midnight = pet(
        RadiopharmaceuticalStartDateTime="20190821233000",
        RadiopharmaceuticalStartTime=None,
        SeriesTime="003000",
        AcquisitionTime="003000",
    )
    assert factor(before_midnight) == factor(pet())


def test_time_zone_of_the_injection() -> None:
    utc = pet(RadiopharmaceuticalStartDateTime="20200310080000+0000", TimezoneOffsetFromUTC="+0100")
    assert factor(utc) == factor(pet())


def test_long_lived_tracer_needs_a_date() -> None:
    zirconium = {"RadionuclideHalfLife": "282280", "SeriesDate": "20200313"}
    zirconium |= {"AcquisitionDate": "20200313"}
    days = factor(pet(**zirconium))
    assert days == pytest.approx(75000 / (3.7e8 * 2 ** (-(73 * 3600) / 282280)), rel=1e-9)
    lacking = pet(**zirconium, RadiopharmaceuticalStartDateTime=None)
    assert "date of the injection" in refusal(lacking).problem


def test_enhanced_object() -> None:
    """Units are coded, and the moment that decay is corrected to is a date and time."""
    data = pet(Units=None, DecayCorrection=None, CorrectedImage=None, SeriesTime="220000")
    data.DecayCorrected, data.DecayCorrectionDateTime = "YES", "20200310100000"
    mapping, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "Bq/ml", "UCUM", "Bq/ml"
    mapping.MeasurementUnitsCodeSequence = [code]
    shared = Dataset()
    shared.RealWorldValueMappingSequence = [mapping]
    data.SharedFunctionalGroupsSequence = [shared]
    factors, _ = suv_factors([data, data, data], "bw")
    assert factors.shape == (3,)
    assert set(factors) == {factor(pet())}
    code.CodeValue = "{SUVbw}g/ml"
    assert factor(data) == 1
    data.DecayCorrected = "NO"
    code.CodeValue = "Bq/ml"
    assert "enhanced PET" in refusal(data).problem


REFUSED = [
    ({"PatientWeight": None}, "needs the weight,"),
    ({"PatientWeight": "0"}, "needs the weight,"),
    ({"RadionuclideTotalDose": "0", "RadionuclideHalfLife": None}, "the dose and the half-life"),
    (
        {"RadiopharmaceuticalStartTime": None, "RadiopharmaceuticalStartDateTime": None},
        "needs the time of injection",
    ),
    ({"PatientWeight": "1.5"}, "weight of 1.5 kg is not plausible"),
    ({"PatientWeight": "75000"}, "weight of 75000 kg is not plausible"),
    ({"RadionuclideTotalDose": "370"}, "dose of 370 Bq is not plausible"),
    ({"RadionuclideTotalDose": "3.7e11"}, "dose of 3.7e+11 Bq is not plausible"),
    ({"RadiopharmaceuticalStartDateTime": "20200310101500"}, "before the tracer was given"),
    ({"SeriesTime": "150000", "AcquisitionTime": "150000"}, "6.0 hours between"),
    ({"Units": "PROPCPS"}, "PROPCPS, not SUV"),
    ({"Units": None}, "an unnamed kind, not SUV"),
    ({"Units": "CNTS"}, "without Philips' private factors"),
    ({"Units": "GML", "SUVType": "IBW"}, "another kind"),
    ({"Units": "GML", "CorrectedImage": ["DECY"]}, "attenuation"),
    ({"CorrectedImage": ["DECY"]}, "attenuation"),
    ({"CorrectedImage": ["ATTN"]}, "contradicts itself"),
    ({"DecayCorrection": "NONE"}, "contradicts itself"),
    ({"DecayCorrection": None}, "does not say to which time"),
]


@pytest.mark.parametrize(("fields", "sentence"), REFUSED, ids=[s for _, s in REFUSED])
def test_refusals_name_what_is_wrong(fields, sentence) -> None:
    assert sentence in refusal(pet(**fields)).problem


@pytest.mark.parametrize(("fields", "sentence"), REFUSED, ids=[s for _, s in REFUSED])
def test_the_index_row_tells_no_more_than_the_file(fields, sentence) -> None:
    """What the row refuses, the reader refuses in the same words."""
    data = pet(**fields)
    keywords = ["Modality", "Units", "SUVType", "DecayCorrection", "PatientWeight"]
    header = {keyword: str(data.get(keyword) or "") for keyword in keywords}
    header["CorrectedImage"] = "\\".join(fields.get("CorrectedImage", DONE))
    tracer = data.RadiopharmaceuticalInformationSequence[0]
    for keyword in ("TotalDose", "HalfLife"):
        header[f"Radionuclide{keyword}"] = str(tracer.get(f"Radionuclide{keyword}") or "")
    for keyword in ("StartTime", "StartDateTime"):
        header[f"Radiopharmaceutical{keyword}"] = str(
            tracer.get(f"Radiopharmaceutical{keyword}") or ""
        )
    # Times and private factors take the files.
    later = ("before the tracer", "hours between", "private factors")
    if any(word in sentence for word in later):
        check_header(header)
    else:
        with pytest.raises(DataError, match=sentence.replace("+", r"\+")):
            check_header(header)


def test_an_index_row_without_the_fields_is_not_judged() -> None:
    check_header({"Modality": "PT", "Units": "BQML"})
    check_header({"Modality": "PT", "Units": "", "NumberOfFrames": "90"})
    check_header({"Modality": "CT", "Units": ""})


@pytest.mark.parametrize(
    ("kind", "fields", "sentence"),
    [
        ("lbm", {"PatientSize": None, "PatientSex": "O"}, "the height and the sex (M or F), which"),
        ("lbm", {"PatientSize": "180"}, "height of 180 m"),
        ("bsa", {"PatientSize": "0"}, "needs the height"),
        ("lbm", {"PatientSize": "0.9", "PatientWeight": "150"}, "James"),
        ("bw", {"Units": "GML", "SUVType": "LBM"}, "unnamed formula"),
    ],
)
def test_other_kinds_need_more(kind, fields, sentence) -> None:
    assert sentence in refusal(pet(**fields), kind=kind).problem


def test_a_half_life_of_another_nuclide_is_refused() -> None:
    data = pet(RadionuclideHalfLife="109.8")  # minutes
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "C-111A1", "SRT", "^18^F"
    data.RadiopharmaceuticalInformationSequence[0].RadionuclideCodeSequence = [code]
    assert "109.8 s is not that of F-18" in refusal(data).problem


def test_james_beyond_its_turning_point_is_said() -> None:
    assert "too heavy" in words(pet(PatientWeight="160", PatientSize="1.7"), kind="lbm")
    assert "too heavy" not in words(pet(), kind="lbm")


def test_several_injections_are_refused() -> None:
    data = pet()
    data.RadiopharmaceuticalInformationSequence.append(Dataset())
    assert "several injections" in refusal(data).problem


def test_slices_that_disagree_are_refused() -> None:
    assert "disagree about the patient's weight" in refusal(pet(), pet(PatientWeight="80")).problem


@pytest.mark.parametrize(
    ("date", "time", "seen"),
    [
        ("20200310", "101112.500000", "2020-03-10 10:11:12.500000"),
        ("2020.03.10", "10:11:12", "2020-03-10 10:11:12"),
        ("", "1011", "2000-01-01 10:11:00"),
        ("20200310", "", "None"),
        ("20209910", "101112", "None"),
        ("20200310", "251112", "None"),
    ],
)
def test_dates_and_times(date: str, time: str, seen: str) -> None:
    assert str(parse_time(date, time)) == seen


@pytest.mark.parametrize("text", ["", "2020", "20200310", "20200310101112?", "20201310101112"])
def test_unreadable_date_times(text: str) -> None:
    assert parse_datetime(text) is None
