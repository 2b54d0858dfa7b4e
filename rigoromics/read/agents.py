"""Contrast agents and PET tracers by class: what people type is matched, never copied.

Brand and generic names are those of the marketing authorisations; half-lives are those of the
Decay Data Evaluation Project (s).
"""

from __future__ import annotations

import re

from rigoromics.read.reconstruction import UNKNOWN

_NO_CONTRAST = re.compile(
    r"(NONE|NO|N|NON|NIL|NATIV\w*|0|-+|W/?O( CONTRAST)?|WITHOUT.*|UNENHANCED"
    r"|NO (CONTRAST|IV|CM|AGENT).*|NON[ -]?CONTRAST.*|NOT (GIVEN|USED).*)",
)
_ORAL = re.compile(r"(PO|ORAL\w*|PER ?OS|RECTAL\w*|WATER)([ &+,/]*(AND )?(PO|ORAL\w*|RECTAL\w*))*")
_AGENTS: tuple[tuple[str, str], ...] = (
    (
        r"GAD|\bGD\b|DOTAREM|CLARISCAN|MAGNEVIST|MULTIHANCE|PROHANCE|OMNISCAN|PRIMOVIST|EOVIST"
        r"|VUEWAY|ELUCIREM|ABLAVAR",
        "gadolinium-based",
    ),
    (
        r"IOHEX|IOPAM|IOPROM|IOMEP|IOVERS|IODIX|IOBIT|IOXAG|IOXITH|IOD|JOD|OMNIPA|ISOVUE|ULTRAVI"
        r"|IOMERON|IMERON|OPTIRAY|VISIPA|XENETIX|ACCUPAQ|SOLUTRAST|ULTRAVIST|OXILAN|HEXABRIX"
        r"|NIOPAM|TELEBRIX|GASTROGRAFIN|OPTIJECT|SCANLUX",
        "iodinated",
    ),
    (r"SONOVUE|LUMASON|DEFINITY|OPTISON|SONAZOID|SULFUR HEXA|PERFLUTREN", "microbubbles"),
    (r"BARIUM|READI-?CAT|VOLUMEN", "barium"),
    (r"FERUMOX|FERAHEME|RESOVIST|ENDOREM", "iron oxide"),
    (r"MANGAN|TESLASCAN", "manganese-based"),
    (r"XENON", "xenon"),
    (r"CARBON DIOXIDE|\bCO2\b", "carbon dioxide"),
)
_TRACERS: tuple[tuple[str, str], ...] = (
    (r"FDG|FLUOR[O-]*[ -]?D(E|ES)?OXY[ -]?(D-?)?GLUC|FLUDEOXYGLUC", "FDG"),
    (r"PSMA|DCFPYL|PIFLUFOLASTAT", "PSMA ligand"),
    (r"DOTA-?(TATE|TOC|NOC)|OXODOTREOTIDE|EDOTREOTIDE|NETSPOT", "somatostatin analogue"),
    (r"FAPI", "FAPI"),
    (r"\bFLT\b|FLUOROTHYMIDINE", "FLT"),
    (r"\bFET\b|FLUOROETHYL", "FET"),
    (r"DOPA", "FDOPA"),
    (r"CHOLINE", "choline"),
    (r"FLUCICLOVINE|AXUMIN", "fluciclovine"),
    (r"METHIONINE|\bMET\b", "methionine"),
    (r"MISO|\bFAZA\b|HX4", "hypoxia tracer"),
    (r"FLUOROESTRADIOL|\bFES\b", "FES"),
    (r"SODIUM FLUORIDE|\bNAF\b", "sodium fluoride"),
    (r"FLORBETA|FLUTEMETAMOL|AMYLOID|\bPIB\b|PITTSBURGH", "amyloid tracer"),
    (r"TAUVID|FLORTAUCIPIR|AV-?1451|MK-?6240", "tau tracer"),
    (r"RUBIDIUM|\bRB-?82", "rubidium"),
    (r"AMMONIA|\bNH3\b", "ammonia"),
    (r"WATER|\bH2O\b", "water"),
    (r"ACETATE", "acetate"),
)
_HALF_LIVES = {
    "F-18": 6586.2,
    "C-11": 1221.8,
    "N-13": 598.0,
    "O-15": 122.2,
    "Ga-68": 4062.6,
    "Cu-64": 45723.6,
    "Zr-89": 282276.0,
    "Rb-82": 76.4,
    "I-124": 360806.4,
}


def contrast_agent(text: str, ingredient: str, administered: str) -> tuple[str, str]:
    """Return whether contrast agent was given, and its class.

    Parameters
    ----------
    text
        ContrastBolusAgent, as typed.
    ingredient
        ContrastBolusIngredient, a coded string such as IODINE.
    administered
        ContrastBolusAgentAdministered: YES or NO.

    Returns
    -------
    given
        yes, no, `oral` (nothing but an oral or rectal agent is named) or unknown.
    agent
        Class of the agent, empty where none was given, or unknown.

    Examples
    --------
    >>> contrast_agent("Omnipaque 350 for Mrs Miller", "", "")
    ('yes', 'iodinated')
    >>> contrast_agent("", "", "")
    ('unknown', 'unknown')
    """
    words = " ".join(text.upper().split())
    if administered.upper() == "NO" or (words and _NO_CONTRAST.fullmatch(words)):
        return "no", ""
    if not words and not ingredient and administered.upper() != "YES":
        return UNKNOWN, UNKNOWN
    kinds = [kind for pattern, kind in _AGENTS if re.search(pattern, f"{words} {ingredient}")]
    given = "oral" if _ORAL.fullmatch(words) and not ingredient else "yes"
    return given, kinds[0] if kinds else UNKNOWN


def tracer(text: str, half_life: float | None) -> str:
    """Return the tracer by class, or by its nuclide alone, or unknown.

    Parameters
    ----------
    text
        Radiopharmaceutical, as typed.
    half_life
        RadionuclideHalfLife, s.

    Examples
    --------
    >>> tracer("FDG -- fluorodeoxyglucose", 6586.2), tracer("", 6586.2), tracer("", None)
    ('FDG', 'F-18, agent unknown', 'unknown')
    """
    found = [name for pattern, name in _TRACERS if re.search(pattern, text.upper())]
    if found:
        return found[0]
    near = [
        name
        for name, known in _HALF_LIVES.items()
        if half_life is not None and abs(half_life / known - 1.0) < 0.02
    ]
    return f"{near[0]}, agent unknown" if near else UNKNOWN
