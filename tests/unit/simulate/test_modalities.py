"""Cohorts of other modalities: valid files that tell the truth about values, places and frames."""

import hashlib
import shutil
import subprocess
from functools import cache

import highdicom
import numpy as np
import pydicom
import pytest
from scipy import ndimage, stats

from rigoromics.errors import DataError
from rigoromics.simulate import (
    CENTRE_STYLES,
    CohortSettings,
    make_patient,
    places,
    scan_patient,
    simulate_cohort,
)
from rigoromics.simulate.modalities import MODALITIES
from rigoromics.simulate.raters import true_mask
from tests.unit.simulate.conftest import SEED

STYLES = {
    "MR": ["siemens_mr15", "ge_mr30"],
    "PT": ["siemens_pet_osem", "ge_pet_tofpsf", "philips_pet_cnts"],
    "US": ["us_linear", "us_colour", "us_cine"],
    "MG": ["mg_standard", "mg_monochrome1"],
    "OPT": ["oct_a", "oct_b"],
}
EVERY = sorted(STYLES)
PLANAR = [name for name in EVERY if MODALITIES[name].planar]


def settings_of(modality, patients=1, styles=None, **more):
    centres = {
        name: {"style": style, "patients": patients}
        for name, style in zip("ABC", styles or STYLES[modality], strict=False)
    }
    given = {"modality": modality, "size": "tiny", "centres": centres, "retest_fraction": 0}
    return CohortSettings.from_dict(given | more)


def files(raw):
    return sorted(path for path in raw.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return modality -> (settings, cohort, data sets by path), each simulated once."""

    @cache
    def simulate(modality):
        settings = settings_of(modality)
        raw = tmp_path_factory.mktemp(modality) / "raw"
        cohort = simulate_cohort(settings, SEED, raw)
        return settings, cohort, {path: pydicom.dcmread(path) for path in files(raw)}

    return simulate


def of(datasets, patient, modality, **values):
    found = [d for d in datasets.values() if (d.PatientID, d.Modality) == (patient, modality)]
    for keyword, value in values.items():
        found = [d for d in found if value in str(d.get(keyword, ""))]
    return sorted(found, key=lambda d: float(d.get("SliceLocation", 0)))


def first_scans(settings):
    """Yield every patient's ID, scan that is drawn on, and true mask on it."""
    for place in places(settings):
        scan, body = scan_patient(settings, make_patient(settings, place, SEED), "test")
        yield place.patient_id, scan, true_mask(body.lesion_in_world, scan.grid)


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("modality", EVERY)
def test_every_kind_of_file_passes_dciodvfy(made, modality):
    if shutil.which("dciodvfy") is None:
        pytest.skip("needs dciodvfy (Debian: dicom3tools)")
    _, _, datasets = made(modality)
    sample = {data.SeriesInstanceUID: path for path, data in datasets.items()}
    kinds = {datasets[path].Modality for path in sample.values()}
    assert {modality, "SEG"} <= kinds
    for path in sample.values():
        said = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        errors = [line for line in (said.stdout + said.stderr).splitlines() if "Error" in line[:6]]
        if datasets[path].Modality == "OPT":
            # dciodvfy contradicts itself: it misses the three attributes of concatenations, which
            # are Type 1 in the Ophthalmic Tomography Image module, and forbids them elsewhere.
            assert all("oncatenation" in line for line in errors), errors
        else:
            assert errors == [], path


@pytest.mark.parametrize("modality", EVERY)
def test_every_instance_is_one_of_a_kind_and_names_its_patient(made, modality):
    settings, cohort, datasets = made(modality)
    assert len({d.SOPInstanceUID for d in datasets.values()}) == len(datasets) == cohort.files
    assert {d.PatientID for d in datasets.values()} == {p.patient_id for p in places(settings)}
    for data in datasets.values():
        for value in (data.PatientName, data.AccessionNumber, data.StudyInstanceUID):
            assert str(value) in cohort.identifiers
    if modality in ("US", "MG"):
        assert set(cohort.clinical["sex"]) == {"F"}


@pytest.mark.parametrize("modality", ["PT", "US"])
def test_same_seed_same_bytes_on_any_number_of_workers(made, modality, tmp_path):
    settings, _, datasets = made(modality)
    simulate_cohort(settings, SEED, tmp_path / "raw", workers=2)
    here = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files(tmp_path / "raw")]
    there = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(datasets)]
    assert here == there


@pytest.mark.parametrize("modality", EVERY)
def test_the_course_of_a_patient_does_not_hang_on_the_modality(made, modality, simulated):
    _, cohort, _ = made(modality)
    columns = ["latent", "length_mm", "probability", "marker"]
    mine = cohort.truth.set_index("patient").loc["SIM-A-0001", columns]
    theirs = simulated.cohort.truth.set_index("patient").loc["SIM-A-0001", columns]
    # The same seed draws the same person, whatever scans them; only the effect differs.
    assert list(mine[["latent", "length_mm", "marker"]]) == list(
        theirs[["latent", "length_mm", "marker"]]
    )


@pytest.mark.parametrize(
    ("modality", "size", "lag"),
    # The lag is in mm, for planes in scene units. PET voxels are too large for tiny lesions.
    [
        ("MR", "tiny", 4),
        ("PT", "demo", 4),
        ("US", "tiny", 3),
        ("MG", "tiny", 3),
        ("OPT", "tiny", 4),
    ],
)
def test_texture_follows_the_latent_variable(modality, size, lag):
    settings = settings_of(modality, 16, STYLES[modality][:1], raters={}, size=size)
    latent, seen = [], []
    for place in places(settings):
        patient = make_patient(settings, place, SEED)
        scan, body = scan_patient(settings, patient, "test")
        kinds = MODALITIES[modality].series(place.centre)
        kind = next(each for each in kinds if each.drawn)
        images = kind.images(scan, body, patient.rng("noise"))
        volume = unwritten(images, scan.grid.shape)
        mask = true_mask(body.lesion_in_world, scan.grid)
        core = ndimage.binary_erosion(mask, np.ones((1, 3, 3)))
        seen.append(autocorrelation(volume, core, max(1, round(lag / scan.grid.spacing[0]))))
        latent.append(patient.truth.latent)
    # 16 patients: by chance above 0.5 once in 40 times.
    assert stats.spearmanr(latent, seen).statistic > 0.5


def unwritten(images, shape):
    """Values of images that were not written to files, first channel of colour."""
    planes = []
    for image in images:
        kind = "<i2" if image.PixelRepresentation else f"<u{image.BitsAllocated // 8}"
        plane = np.frombuffer(image.PixelData, kind)[:: image.SamplesPerPixel]
        size = image.Rows * image.Columns * int(image.get("NumberOfFrames", 1))
        planes.append(plane[:size] * float(image.get("RescaleSlope", 1)))
    return np.concatenate(planes).reshape(shape)


def autocorrelation(volume, mask, lag):
    """Correlation of voxels a lag apart along rows, both inside."""
    both = mask[..., lag:] & mask[..., :-lag]
    return np.corrcoef(volume[..., lag:][both], volume[..., :-lag][both])[0, 1]


# MR


def test_mr_has_two_sequences_told_apart_by_their_headers(made):
    settings, _, datasets = made("MR")
    for patient, scan, mask in first_scans(settings):
        around = ndimage.binary_dilation(mask, iterations=4) & ~ndimage.binary_dilation(mask)
        images = of(datasets, patient, "MR")
        assert len({d.FrameOfReferenceUID for d in images}) == 1
        contrast = {}
        for sequence in ("t1", "t2"):
            chosen = [d for d in images if sequence in d.SeriesDescription.lower()]
            assert len(chosen) == scan.grid.shape[0]
            assert len({d.SeriesInstanceUID for d in chosen}) == 1
            volume = np.stack([d.pixel_array for d in chosen]).astype(float)
            contrast[sequence] = volume[mask].mean() / np.median(volume[around])
            echo = float(chosen[0].EchoTime)
            assert (echo > 50) == (sequence == "t2")
            assert volume.max() < 4095 or (volume == 4095).mean() < 0.02
        assert contrast["t1"] < 0.85
        assert contrast["t2"] > 1.3


def test_mr_has_a_scale_of_each_scan_and_a_bias_field():
    settings = settings_of("MR", 5, ["siemens_mr15"], raters={})
    fat = []
    for place in places(settings):
        patient = make_patient(settings, place, SEED)
        kind = MODALITIES["MR"].series(place.centre)[1]
        scan, body = scan_patient(settings, patient, "test", kind)
        volume = unwritten(kind.images(scan, body, patient.rng("noise")), scan.grid.shape)
        liver = body.outline("liver", scan.grid) > 0.99
        liver &= ~ndimage.binary_dilation(true_mask(body.lesion_in_world, scan.grid), iterations=3)
        values = volume[liver].astype(float)
        fat.append(np.median(values))
        smooth = ndimage.gaussian_filter(volume * liver.astype(float), (0, 8, 8))
        smooth /= np.maximum(ndimage.gaussian_filter(liver.astype(float), (0, 8, 8)), 1e-3)
        low, high = np.quantile(smooth[liver], [0.02, 0.98])
        assert high / low > 1.08
    assert max(fat) / min(fat) > 1.4


# PET


def suv_of(images):
    """SUV by body weight from the headers alone, written independently of the library."""
    first = images[0]
    item = first.RadiopharmaceuticalInformationSequence[0]

    def seconds(text):
        text = str(text)
        return int(text[:2]) * 3600 + int(text[2:4]) * 60 + float(text[4:])

    waited = seconds(first.SeriesTime) - seconds(item.RadiopharmaceuticalStartTime)
    left = float(item.RadionuclideTotalDose) * np.exp(
        -np.log(2) * waited / float(item.RadionuclideHalfLife)
    )
    factor = float(first.PatientWeight) * 1000 / left
    volume = np.stack([d.pixel_array * float(d.RescaleSlope) for d in images])
    if first.Units == "CNTS":
        by_activity = volume * float(first[0x7053, 0x1009].value) * factor
        by_factor = volume * float(first[0x7053, 0x1000].value)
        assert np.allclose(by_activity, by_factor, rtol=1e-6)
        return by_factor
    assert first.Units == "BQML"
    return volume * factor


def test_suv_of_the_lesion_is_the_planted_one(made):
    settings, cohort, datasets = made("PT")
    truth = cohort.truth.set_index("patient")
    for patient, scan, mask in first_scans(settings):
        images = of(datasets, patient, "PT")
        suv = suv_of(images)
        core = ndimage.binary_erosion(mask, iterations=1)
        assert suv[core].mean() == pytest.approx(truth.loc[patient, "lesion_mean"], rel=0.15)
        assert 5 < suv[mask].mean() < 11
        assert len({float(d.RescaleSlope) for d in images}) > 1
        assert scan.grid.shape[0] == images[0].NumberOfSlices == len(images)


def test_pet_and_its_ct_lie_in_one_frame_of_reference(made):
    settings, _, datasets = made("PT")
    for patient, _, mask in first_scans(settings):
        pet, ct = of(datasets, patient, "PT"), of(datasets, patient, "CT")
        assert {d.FrameOfReferenceUID for d in pet} == {d.FrameOfReferenceUID for d in ct}
        assert {d.StudyInstanceUID for d in pet} == {d.StudyInstanceUID for d in ct}
        (plan,) = of(datasets, patient, "RTSTRUCT", StructureSetLabel="R1")
        named = plan.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
        assert named.RTReferencedSeriesSequence[0].SeriesInstanceUID == pet[0].SeriesInstanceUID
        (seg,) = of(datasets, patient, "SEG")
        volume = highdicom.seg.Segmentation.from_dataset(seg).get_volume(combine_segments=True)
        voxel = np.prod(volume.spacing)
        true = mask.sum() * float(pet[0].PixelSpacing[0]) ** 2 * float(pet[0].SliceThickness)
        assert (volume.array > 0).sum() * voxel == pytest.approx(true, rel=0.35)


def test_time_of_flight_and_psf_resolve_more(made):
    settings, _, datasets = made("PT")
    edges = {}
    for patient, scan, mask in first_scans(settings):
        suv = suv_of(of(datasets, patient, "PT"))
        rim = mask & ~ndimage.binary_erosion(mask)
        core = ndimage.binary_erosion(mask, iterations=2)
        edges[scan.centre.device.method] = suv[rim].mean() / suv[core].mean()
    assert edges["VPFX-S"] > edges["OSEM3D 4i8s"]


# Planes


def masks_of(seg, image):
    """Read a planar SEG without our reader: frame of the source (from 0) to mask."""
    frames = np.atleast_3d(seg.pixel_array.reshape(-1, seg.Rows, seg.Columns))
    found = {}
    for plane, group in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        assert source.ReferencedSOPInstanceUID == image.SOPInstanceUID
        assert source.ReferencedSOPClassUID == image.SOPClassUID
        found[int(source.get("ReferencedFrameNumber", 1)) - 1] = plane > 0
    return found


@pytest.mark.parametrize("modality", PLANAR)
def test_planar_seg_names_instance_and_frame_and_covers_the_lesion(made, modality):
    settings, _, datasets = made(modality)
    for patient, scan, true in first_scans(settings):
        drawn = of(datasets, patient, "SEG")
        assert len(drawn) == len(settings.raters) == 3
        for seg in drawn:
            uid = seg.ReferencedSeriesSequence[0].SeriesInstanceUID
            (image,) = [d for d in of(datasets, patient, modality) if d.SeriesInstanceUID == uid]
            assert (seg.Rows, seg.Columns) == (image.Rows, image.Columns) == scan.grid.shape[1:]
            masks = masks_of(seg, image)
            frames = scan.grid.shape[0]
            if modality == "US":
                assert list(masks) == [frames // 2]
            elif frames > 1:
                assert len(masks) >= frames - 2
            assert all(dice(mask, true[frame]) > 0.8 for frame, mask in masks.items())


def region_of(image):
    region = image.SequenceOfUltrasoundRegions[0]
    rows = slice(region.RegionLocationMinY0, region.RegionLocationMaxY1 + 1)
    columns = slice(region.RegionLocationMinX0, region.RegionLocationMaxX1 + 1)
    return region, rows, columns


def test_ultrasound_has_text_around_its_region_and_a_scale(made):
    settings, _, datasets = made("US")
    for patient, scan, true in first_scans(settings):
        (image,) = of(datasets, patient, "US")
        region, rows, columns = region_of(image)
        pixels = image.pixel_array
        frames = pixels.reshape(scan.grid.shape + ((3,) if image.SamplesPerPixel == 3 else ()))
        assert scan.grid.shape[0] == int(image.get("NumberOfFrames", 1))
        banner = frames[:, : rows.start]
        assert (banner > 100).sum() > 200
        assert np.array_equal(banner[0], banner[-1])
        inside = frames[:, rows, columns]
        if image.SamplesPerPixel == 3:
            assert image.PhotometricInterpretation == "RGB"
            assert np.array_equal(frames[..., 0], frames[..., 1])
            assert np.array_equal(frames[..., 0], frames[..., 2])
            inside = inside[..., 0]
        mask = true[:, rows, columns]
        assert mask.sum() == true.sum()
        ring = ndimage.binary_dilation(mask, iterations=6) & ~ndimage.binary_dilation(mask)
        assert inside[mask].mean() < inside[ring].mean() - 20
        # Speckle: neighbouring pixels across the beam are more alike than along it.
        assert region.PhysicalDeltaX * (columns.stop - columns.start) == pytest.approx(
            {"linear": 4.2, "curved": 7.4}[scan.centre.device.probe], rel=0.01
        )
        assert image.get("BurnedInAnnotation", "") == (
            "YES" if scan.centre.device.says_burnt_in else ""
        )


def test_mammograms_are_the_same_picture_either_way_up(made):
    settings, _, datasets = made("MG")
    for patient, scan, true in first_scans(settings):
        shown = of(datasets, patient, "MG", PresentationIntentType="PRESENTATION")
        raw = of(datasets, patient, "MG", PresentationIntentType="PROCESSING")
        assert len(shown) == 1
        assert len(raw) == int(scan.centre.device.raw_too)
        (image,) = shown
        assert "PixelSpacing" not in image
        step = scan.grid.spacing[0] * 0.5
        assert [float(v) for v in image.ImagerPixelSpacing] == pytest.approx([step, step])
        inverted = image.PhotometricInterpretation == "MONOCHROME1"
        assert inverted == scan.centre.device.inverted
        assert image.PresentationLUTShape == ("INVERSE" if inverted else "IDENTITY")
        bright = image.pixel_array.astype(float)
        bright = 4095 - bright if inverted else bright
        # Air is black, the mass is bright; on the detector it is the other way round.
        assert np.median(bright[:, -5:]) < 50
        assert bright[true[0]].mean() > 1000
        for other in raw:
            assert other.PhotometricInterpretation == "MONOCHROME1"
            assert np.median(other.pixel_array[:, -5:]) > other.pixel_array[true[0]].mean() + 500


def test_oct_says_where_its_b_scans_lie(made):
    settings, _, datasets = made("OPT")
    counts = set()
    for patient, scan, true in first_scans(settings):
        (image,) = of(datasets, patient, "OPT")
        frames = image.pixel_array.reshape(scan.grid.shape)
        counts.add(int(image.NumberOfFrames))
        shared = image.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        depth, across = (float(value) for value in shared.PixelSpacing)
        assert across > 2 * depth
        # highdicom, given the image as a source of segmentations, adds to these.
        assert ("SpacingBetweenSlices" in shared) == (image.NumberOfFrames > 1)
        places = [
            float(group.PlanePositionSequence[0].ImagePositionPatient[2])
            for group in image.PerFrameFunctionalGroupsSequence
        ]
        assert np.allclose(np.diff(places), 0.12)
        vitreous = frames[:, :20]
        assert vitreous.mean() < 40 < frames[true].mean() - 40
    assert counts == {1, 7}


# Settings


def test_a_scanner_of_another_kind_is_refused_in_words():
    with pytest.raises(DataError, match="centre A has no MR scanner") as error:
        CohortSettings.from_dict({"modality": "MR", "centres": {"A": {"style": "us_linear"}}})
    assert "siemens_mr15, ge_mr30" in str(error.value)
    with pytest.raises(DataError, match="no cohort of modality 'XA'"):
        CohortSettings.from_dict({"modality": "XA", "centres": {"A": {}}})


def test_every_style_is_in_the_config_and_serves_a_modality():
    from rigoromics.config.data import SimulatedCentre

    offered = SimulatedCentre.model_fields["style"].annotation.__args__
    assert set(offered) == set(CENTRE_STYLES)
    for style in offered:
        device = CENTRE_STYLES[style].get("device")
        assert (device.modality if device else "CT") in MODALITIES


def test_a_plane_has_no_organ_to_outline():
    settings = settings_of("MG")
    place = places(settings)[0]
    scan, body = scan_patient(settings, make_patient(settings, place, SEED), "test")
    with pytest.raises(DataError, match="no 'body' can be outlined"):
        body.outline("body", scan.grid)
