"""Every kind of bad input that is tried on a whole study: how it is made, what must be said.

Each kind spoils one patient of its own. `said` is a regular expression for the problem that the
tables of problems must show for that patient, `severity` what becomes of it.
"""

from tests.bad_input import drawings, images, judged
from tests.bad_input.registry import KINDS, Kind

# Importing a module enters its kinds, under the headings of the docs.
HEADINGS = [
    images.FILES,
    images.SERIES,
    images.PET_VALUES,
    images.PLANAR,
    drawings.DRAWN,
    judged.QUALITY,
    judged.PEOPLE,
]
__all__ = ["HEADINGS", "KINDS", "Kind"]
