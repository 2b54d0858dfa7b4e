"""What headers say of how an image was reconstructed, and the tables that say what it means.

Texts are only ever matched against the tables here; what comes out are the tables' words, so that
nothing that a person typed is copied. What no table knows is `unknown`: never a guess.

Sources. DICOM PS3.3 C.8.15.3.7 (Reconstruction Algorithm: FILTER_BACK_PROJ, ITERATIVE). Siemens:
kernels of the letters B, C, H, T, U with two digits belong to filtered back projection
(SOMATOM Sensation operating instructions), I and J to iterative reconstruction, whose strength is
the second value of Convolution Kernel (I30f with SAFIRE 3; kernels of two letters such as Br40
came with ADMIRE, and with QIR on photon counters). PET, GE: VPFX is VUE Point FX, iterative with
time of flight; VPHD is VUE Point HD, without; an S behind either adds the point spread function
(SharpIR); QCFX and QCHD are Q.Clear, which models it always, with and without time of flight. PET,
Siemens: TrueX is OSEM with the point spread function; PSF, TOF, iterations (i) and subsets (s) are
written out. PET, Philips: BLOB-OS-TF is a list-mode OSEM with time of flight; RAMLA has none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

UNKNOWN = "unknown"
FBP = "filtered back projection"
ITERATIVE = "iterative"
LEARNED = "deep learning"


@dataclass(frozen=True)
class Reconstruction:
    """How an image was reconstructed.

    Attributes
    ----------
    method
        `filtered back projection`, `iterative`, `deep learning` or `unknown`.
    kind
        The vendor's name for it, as the tables here spell it.
    strength
        Of an iterative reconstruction that has one: a number, a per cent, or a word.
    time_of_flight, psf
        PET: yes, no or unknown.
    iterations, subsets
        PET: numbers.
    """

    method: str = UNKNOWN
    kind: str = UNKNOWN
    strength: str = UNKNOWN
    time_of_flight: str = UNKNOWN
    psf: str = UNKNOWN
    iterations: str = UNKNOWN
    subsets: str = UNKNOWN


# Names of CT reconstructions as consoles write them into kernels and series descriptions; the
# group, where there is one, is the strength.
_CT_NAMES: tuple[tuple[str, str, str], ...] = (
    (r"\bADMIRE\b[ _-]*([1-5])?\b", ITERATIVE, "ADMIRE"),
    (r"\bSAFIRE\b[ _-]*([1-5])?\b", ITERATIVE, "SAFIRE"),
    (r"\bASI?R-?V\b[ _-]*(\d{1,3}) ?%?", ITERATIVE, "ASiR-V"),
    (r"\bASI?R\b[ _-]*(\d{1,3}) ?%?", ITERATIVE, "ASiR"),
    (r"\bASI?R-?V\b", ITERATIVE, "ASiR-V"),
    (r"\bASIR\b", ITERATIVE, "ASiR"),
    (r"\bMBIR\b|\bVEO\b", ITERATIVE, "MBIR"),
    (r"\b(?:DLIR|TRUEFIDELITY)\b[ _-]*(LOW|MEDIUM|HIGH|L|M|H)?\b", LEARNED, "DLIR"),
    (r"\bIDOSE\b[ _-]*\(?([1-7])?\b", ITERATIVE, "iDose"),
    (r"\bIDOSE4\b[ _-]*\(?([1-7])?\b", ITERATIVE, "iDose"),
    (r"\bIMR ?([1-3])?\b", ITERATIVE, "IMR"),
    (r"\bAIDR ?(?:3D)?[ _-]*E?(MILD|STANDARD|STRONG|WEAK|STD|STR)?\b", ITERATIVE, "AIDR 3D"),
    (r"\bAICE\b[ _-]*(MILD|STANDARD|STRONG)?\b", LEARNED, "AiCE"),
    (r"\bW?FBP\b", FBP, FBP),
)
_SIEMENS_OLD = re.compile(r"[BCHTU]\d{2}[a-z]?")
_SIEMENS_ITERATIVE = re.compile(r"[IJ]\d{2}[a-z]?")
_SIEMENS_NEW = re.compile(r"[A-Z][a-z]\d{2}[a-z]?")
_SIEMENS_MODELS = (
    (r"NAEOTOM", "QIR"),
    (r"FORCE|DRIVE|EDGE PLUS|X\.CITE|X\.CEED|CONFIDENCE", "ADMIRE"),
    (r"\bGO\.", "SAFIRE"),
)
_ALGORITHMS = {"FILTER_BACK_PROJ": FBP, "ITERATIVE": ITERATIVE}

# Reconstruction Method of PET: pattern, kind, time of flight, point spread function.
_PET_NAMES: tuple[tuple[str, str, str, str], ...] = (
    (r"^VPFX-?S", "OSEM", "yes", "yes"),
    (r"^VPFX", "OSEM", "yes", "no"),
    (r"^VPHD-?S", "OSEM", "no", "yes"),
    (r"^VPHD", "OSEM", "no", "no"),
    (r"^QCFX", "BSREM", "yes", "yes"),
    (r"^QCHD", "BSREM", "no", "yes"),
    (r"BLOB-OS-TO?F", "OSEM", "yes", UNKNOWN),
    (r"BLOB-OS", "OSEM", UNKNOWN, UNKNOWN),
    (r"RAMLA", "RAMLA", "no", UNKNOWN),
    (r"TRUEX *\+? *TOF|ULTRA ?HD", "OSEM", "yes", "yes"),
    (r"TRUEX", "OSEM", UNKNOWN, "yes"),
    (r"KINAHAN|3DRP", "3DRP", "no", "no"),
    (r"OSEM|OP-OSEM|3D ?IR", "OSEM", UNKNOWN, UNKNOWN),
    (r"BSREM|Q\.?CLEAR", "BSREM", UNKNOWN, "yes"),
    (r"FILTERED BACK|\bFBP\b|\bDIFT\b", FBP, UNKNOWN, "no"),
    (r"PSF|TOF", "OSEM", UNKNOWN, UNKNOWN),
)
_ITERATIONS = re.compile(r"(?<!\d)(\d{1,3})I(?:TER\w*)?[ ,_/x-]*(\d{1,3})S", re.IGNORECASE)


def ct_reconstruction(
    manufacturer: str, model: str, kernel: str, algorithm: str, texts: str
) -> Reconstruction:
    r"""Return how a CT was reconstructed.

    Parameters
    ----------
    manufacturer, model, kernel, algorithm
        Manufacturer, ManufacturerModelName, ConvolutionKernel (values joined by a backslash) and
        ReconstructionAlgorithm.
    texts
        Series description and image type, where consoles name the reconstruction.

    Examples
    --------
    >>> found = ct_reconstruction("SIEMENS", "SOMATOM Definition Flash", "I30f\\3", "", "")
    >>> found.kind, found.strength
    ('SAFIRE', '3')
    >>> ct_reconstruction("GE MEDICAL SYSTEMS", "Discovery", "STANDARD", "", "").method
    'unknown'
    """
    for pattern, method, kind in _CT_NAMES:
        match = re.search(pattern, f"{kernel} {texts}", re.IGNORECASE)
        if match:
            strength = next((part for part in match.groups() if part), UNKNOWN)
            return Reconstruction(method, kind, strength.lower())
    if manufacturer.upper().startswith("SIEMENS"):
        return _siemens(model, kernel)
    method = _ALGORITHMS.get(algorithm.upper(), UNKNOWN)
    return Reconstruction(method, FBP if method == FBP else UNKNOWN)


def _siemens(model: str, kernel: str) -> Reconstruction:
    name, _, strength = kernel.partition("\\")
    level = strength if re.fullmatch("[1-5]", strength) else ""
    if _SIEMENS_ITERATIVE.fullmatch(name):
        # IRIS, without a strength, shares these letters with SAFIRE.
        return Reconstruction(ITERATIVE, "SAFIRE" if level else UNKNOWN, level or UNKNOWN)
    if _SIEMENS_NEW.fullmatch(name) and level:
        kinds = [kind for words, kind in _SIEMENS_MODELS if re.search(words, model.upper())]
        return Reconstruction(ITERATIVE, kinds[0] if kinds else "SAFIRE or ADMIRE", level)
    if _SIEMENS_OLD.fullmatch(name) and not strength:
        return Reconstruction(FBP, FBP)
    return Reconstruction()


def pet_reconstruction(text: str, time_of_flight: str = "") -> Reconstruction:
    """Return how a PET was reconstructed.

    Parameters
    ----------
    text
        ReconstructionMethod.
    time_of_flight
        TimeOfFlightInformationUsed of an enhanced object: TRUE or FALSE.

    Examples
    --------
    >>> found = pet_reconstruction("PSF+TOF 2i21s")
    >>> found.time_of_flight, found.psf, found.iterations, found.subsets
    ('yes', 'yes', '2', '21')
    >>> pet_reconstruction("VPFX").psf
    'no'
    """
    words = text.upper()
    known = next((row for row in _PET_NAMES if re.search(row[0], words)), None)
    kind, flight, psf = known[1:] if known else (UNKNOWN, UNKNOWN, UNKNOWN)
    flight = "yes" if "TOF" in words else flight
    psf = "yes" if "PSF" in words else psf
    flight = {"TRUE": "yes", "FALSE": "no"}.get(time_of_flight.upper(), flight)
    rounds = _ITERATIONS.search(words)
    method = UNKNOWN if kind == UNKNOWN else FBP if kind in (FBP, "3DRP") else ITERATIVE
    iterations, subsets = rounds.groups() if rounds else (UNKNOWN, UNKNOWN)
    return Reconstruction(method, kind, UNKNOWN, flight, psf, iterations, subsets)
