"""An upper abdomen: smooth bodies of named tissues, painted one over another.

Positions are millimetres in the patient's own frame: x to the left, y to the back, z to the
head, origin in the middle of the body. Nothing here is a measurement of anyone; the sizes are
those of an anatomy atlas, varied a little from patient to patient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rigoromics.simulate.geometry import Float

Single = NDArray[np.float32]


@dataclass(frozen=True)
class Structure:
    """One body in the abdomen, as an elliptic tube or an ellipsoid.

    Attributes
    ----------
    tissue
        Name of its tissue.
    x, y
        Centre in each slice (slices,) or one for all, mm.
    a, b
        Half axes along x and y before rotation, mm.
    angle
        Rotation from x towards y, radians.
    z, c
        Centre and half axis along the body, mm; infinite ``c`` is a tube.
    power
        2 is an ellipse; larger is boxier.
    clip
        Name of the region that bounds it: ``body``, ``cavity`` or empty.
    """

    tissue: str
    x: Float | float
    y: Float | float
    a: Float | float
    b: Float | float
    angle: Float | float = 0.0
    z: float = 0.0
    c: float = np.inf
    power: float = 2.0
    clip: str = ""


@dataclass(frozen=True)
class Traits:
    """What differs from patient to patient; lengths in mm, HU where said."""

    half_width: float
    half_depth: float
    fat: float
    muscle: float
    liver_x: float
    liver_y: float
    phase: float
    rib_phase: float
    aorta: float
    stomach: float
    gas: float
    spleen: float
    kidney: float
    disc: float
    vessel_seed: int

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Traits:
        """Draw a patient."""
        return cls(
            half_width=rng.uniform(133, 139),
            half_depth=rng.uniform(95, 104),
            fat=rng.uniform(8, 15),
            muscle=rng.uniform(8, 11),
            liver_x=rng.normal(0, 3),
            liver_y=rng.normal(0, 3),
            phase=rng.uniform(0.85, 1.15),
            rib_phase=rng.uniform(0, 1),
            aorta=rng.uniform(9, 11.5),
            stomach=rng.uniform(0.75, 1.15),
            gas=rng.uniform(0.1, 0.8),
            spleen=rng.uniform(0.9, 1.15),
            kidney=rng.uniform(-30, 10),
            disc=rng.uniform(0, 34),
            vessel_seed=int(rng.integers(2**32)),
        )


# The lesion lies in the right lobe, this far from the body's axis before its own variation, mm.
LIVER_CENTRE = (-62.0, -8.0)


def _ring(traits: Traits, theta: Float, depth: float) -> tuple[Float, Float]:
    """Return the point at a given depth under the skin in direction theta, mm."""
    return (
        (traits.half_width - depth) * np.cos(theta),
        (traits.half_depth - depth) * np.sin(theta),
    )


def structures(traits: Traits, z: Float) -> Iterator[Structure]:
    """Yield the abdomen's bodies in the order of painting; z (slices,) in mm."""
    w, d = traits.half_width, traits.half_depth
    yield Structure("skin", 0, 0, w, d, power=2.35, clip="body")
    yield Structure("fat", 0, 0, w - 2, d - 2, power=2.35)
    skin = traits.fat
    yield Structure("muscle", 0, 1, w - skin, d - skin, power=2.3)
    inner = skin + traits.muscle
    yield Structure("fat", 0, -1, w - inner, d - inner, power=2.2)
    yield from _ribs(traits, z)
    yield from _back(traits, z)
    yield from _viscera(traits, z)
    yield from _spine(traits, z)
    yield from _great_vessels(traits, z)
    yield from _liver_vessels(traits, z)


def cavity(traits: Traits) -> Structure:
    """Return the abdominal cavity, within which organs stay."""
    inner = traits.fat + traits.muscle + 2.0
    return Structure("fat", 0, -1, traits.half_width - inner, traits.half_depth - inner, power=2.2)


def body(traits: Traits) -> Structure:
    """Return the whole body."""
    return Structure("fat", 0, 0, traits.half_width, traits.half_depth, power=2.35)


def liver(traits: Traits) -> list[Structure]:
    """Return the liver's two lobes."""
    x, y = traits.liver_x, traits.liver_y
    return [
        Structure("liver", -66 + x, -2 + y, 62, 78, 0.25, clip="cavity"),
        Structure("liver", -14 + x, -48 + y, 62, 30, 0.12, clip="cavity"),
    ]


def _ribs(traits: Traits, z: Float) -> Iterator[Structure]:
    depth = traits.fat + 0.45 * traits.muscle
    # Ribs run down and forward, so a higher slice meets the same rib further back.
    rng = np.random.default_rng([traits.vessel_seed, 1])
    for index in range(8):
        for side in (-1, 1):
            step = (index + traits.rib_phase + rng.uniform(-0.2, 0.2)) / 8
            size = rng.uniform(0.8, 1.1)
            down = -0.46 * np.pi + 0.9 * np.pi * step + 0.009 * z
            theta = down if side > 0 else np.pi - down
            x, y = _ring(traits, theta, depth)
            tangent = np.arctan2(
                (traits.half_depth - depth) * np.cos(theta),
                -(traits.half_width - depth) * np.sin(theta),
            )
            # In front, ribs end in cartilage.
            if step < 0.25:
                yield Structure("cartilage", x, y, 7.5 * size, 3.6 * size, tangent)
                continue
            yield Structure("cortex", x, y, 8.0 * size, 3.9 * size, tangent)
            yield Structure("marrow", x, y, 5.8 * size, 2.0 * size, tangent)


def _back(traits: Traits, z: Float) -> Iterator[Structure]:
    y = traits.half_depth - traits.fat - 20
    for side in (-1, 1):
        yield Structure("muscle", side * 29.0, y, 24, 17, side * 0.2, clip="body")
        yield Structure("muscle", side * 58.0, y - 4, 20, 8, -side * 0.45, clip="body")
        yield Structure("muscle", side * 14.0, y - 36, 8, 18, -side * 0.35)


def _viscera(traits: Traits, z: Float) -> Iterator[Structure]:
    yield from liver(traits)
    scale = traits.stomach
    yield Structure(
        "spleen", 92, 30, 21 * traits.spleen, 46 * traits.spleen, 0.45, 8, 62, clip="cavity"
    )
    yield Structure("wall", 58, -34, 40 * scale, 33 * scale, -0.35, 5, 75, clip="cavity")
    yield Structure("fluid", 58, -34, 36 * scale, 29 * scale, -0.35, 5, 70, clip="cavity")
    # Supine: gas rises to the front.
    top = -34 - 20 * scale
    deep = 4 + 8 * traits.gas
    yield Structure("gas", 60, top + deep / 2, 30 * scale * traits.gas**0.4, deep, 0.0, 5, 45, 2.6)
    for side, low in ((-1, -22.0), (1, -6.0)):
        x, y = side * 52.0, 42.0
        middle = low + traits.kidney
        yield Structure("kidney", x, y, 19, 26, -side * 0.3, middle, 52)
        yield Structure("fat", x - side * 11, y - 3, 9, 7, -side * 0.3, middle, 20)
    yield Structure("bowel", 12, -24, 20, 9, 0.25, -6, 30)
    yield Structure("bowel", 34, 4, 17, 9, -0.3, -2, 26)
    yield Structure("fluid", -22, -18, 9, 13, 0.3, -22, 22)


def _spine(traits: Traits, z: Float) -> Iterator[Structure]:
    y = traits.half_depth - traits.fat - 46
    # A vertebra every 34 mm; its discs are 8 mm and its body waists between them.
    along = (z + traits.disc) % 34.0
    waist = 1 - 0.07 * np.sin(np.pi * along / 34.0) ** 2
    in_disc = along < 6.0
    bony = np.where(in_disc, 0.02, 1.0)
    yield Structure("disc", 0, y, 22 * waist, 16 * waist, power=2.3)
    yield Structure("cortex", 0, y, 22 * waist * bony, 16 * waist * bony, power=2.3)
    yield Structure("marrow", 0, y, 20 * waist * bony, 14 * waist * bony, power=2.3)
    arch = np.where((along > 8) & (along < 26), 1.0, 0.02)
    yield Structure("cortex", 0, y + 24, 15 * arch, 13 * arch)
    for side in (-1, 1):
        yield Structure("cortex", side * 22.0, y + 22, 14 * arch, 4.5 * arch, -side * 0.25)
        yield Structure("marrow", side * 22.0, y + 22, 12 * arch, 2.4 * arch, -side * 0.25)
    yield Structure("cortex", 0, y + 42, 3.6 * arch, 12 * arch)
    yield Structure("marrow", 0, y + 42, 1.6 * arch, 10 * arch)
    yield Structure("epidural", 0, y + 23.5, 10.5, 9)
    yield Structure("cord", 0, y + 23.5, 6.5, 5.5)


def _great_vessels(traits: Traits, z: Float) -> Iterator[Structure]:
    y = traits.half_depth - traits.fat - 46
    yield Structure("aorta", 7 + 0.03 * z, y - 27, traits.aorta, traits.aorta)
    yield Structure("cava", -22 - 0.05 * z, y - 30 - 0.1 * z, 12, 9.5, 0.2)
    yield Structure("portal", -26 + 0.25 * z, y - 52, 8, 6.5, 0.5, 0, 26)


def _liver_vessels(traits: Traits, z: Float) -> Iterator[Structure]:
    """Yield hepatic branches: straight segments, cut by each slice into short ellipses."""
    rng = np.random.default_rng(traits.vessel_seed)
    hilum = np.array([-28 + traits.liver_x, 2 + traits.liver_y])
    for _ in range(16):
        angle = rng.uniform(np.pi * 0.62, np.pi * 1.5)
        length = rng.uniform(40, 85)
        start = hilum + rng.uniform(8, 30) * np.array([np.cos(angle), np.sin(angle)])
        slope = rng.uniform(0.35, 1.1) * rng.choice([-1, 1])
        level = rng.uniform(-35, 35)
        along = (z - level) / slope
        inside = (along > 0) & (along < length)
        thick = np.where(inside, rng.uniform(1.9, 3.4) * (1 - 0.6 * along / length), 0.02)
        bend = angle + 0.004 * along * rng.choice([-1, 1])
        x = start[0] + along * np.cos(bend)
        y = start[1] + along * np.sin(bend)
        # A slice 3 mm thick sees an oblique branch as long as it travels within the slice.
        stretch = thick * np.sqrt(1 + 1 / slope**2)
        yield Structure("vein", x, y, np.minimum(stretch, 9.0), thick, bend, clip="liver")
