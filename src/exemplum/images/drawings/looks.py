"""Attributes that every drawing has: colours by name, background, scale, orientation and place."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]  # red, green, blue, 0 to 1

# hue in degrees, then the ranges of saturation and of value
COLOURS = {
    "red": (0, (0.75, 1.0), (0.65, 0.95)),
    "orange": (28, (0.8, 1.0), (0.85, 1.0)),
    "yellow": (52, (0.65, 0.95), (0.9, 1.0)),
    "green": (118, (0.45, 0.85), (0.4, 0.8)),
    "teal": (178, (0.5, 0.9), (0.45, 0.8)),
    "blue": (218, (0.55, 0.95), (0.55, 0.95)),
    "purple": (275, (0.4, 0.75), (0.45, 0.8)),
    "pink": (332, (0.35, 0.65), (0.85, 1.0)),
    "brown": (24, (0.5, 0.75), (0.3, 0.55)),
    "cream": (42, (0.1, 0.25), (0.9, 1.0)),
    "white": (210, (0.0, 0.04), (0.93, 1.0)),
    "grey": (210, (0.0, 0.12), (0.4, 0.68)),
    "black": (230, (0.0, 0.3), (0.04, 0.16)),
}
ANY = tuple(COLOURS)
BRIGHT = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink")
BACKGROUNDS = ("plain", "gradient", "mottled", "horizon")
CONTRAST = 0.28  # least difference in luminance of ink and ground, where there is a choice
SECOND_CONTRAST = 0.15  # of the second colour to both


@dataclass(frozen=True)
class Look:
    """What a drawing looks like, whatever it shows."""

    ink: Colour
    ink_name: str
    second: Colour  # a second colour of the thing
    second_name: str
    ground: Colour
    ground_name: str
    background: str  # plain, gradient, mottled or horizon
    scale: float  # half the extent of the thing; 1 reaches the image's edge
    angle: float  # degrees, clockwise
    x: float  # centre of the thing, -1 (left) to 1
    y: float  # -1 (top) to 1

    def labels(self) -> dict[str, str | float]:
        return {
            "ink": self.ink_name,
            "second": self.second_name,
            "ground": self.ground_name,
            "background": self.background,
            "scale": round(self.scale, 3),
            "angle": round(self.angle, 1),
            "x": round(self.x, 3),
            "y": round(self.y, 3),
        }


def draw_look(
    rng: np.random.Generator,
    inks: Sequence[str] = ANY,
    grounds: Sequence[str] = ANY,
    backgrounds: Sequence[str] = BACKGROUNDS,
    scale: tuple[float, float] = (0.5, 0.85),
    angle: tuple[float, float] = (-180, 180),
) -> Look:
    """Draw the attributes: ink and ground differ in luminance, the thing stays within the image for the most part."""
    ink_name = str(rng.choice(list(inks)))
    ink = colour(rng, ink_name)
    ground_name, ground = _contrasting(rng, [ink], grounds, CONTRAST)
    second_name, second = _contrasting(rng, [ink, ground], (*BRIGHT, "white", "black", "cream"), SECOND_CONTRAST)
    half = float(rng.uniform(*scale))
    room = max(0.9 - half, 0.05)
    x, y = rng.uniform(-room, room, size=2)
    background = str(rng.choice(list(backgrounds)))
    return Look(
        ink,
        ink_name,
        second,
        second_name,
        ground,
        ground_name,
        background,
        half,
        float(rng.uniform(*angle)),
        float(x),
        float(y),
    )


def colour(rng: np.random.Generator, name: str) -> Colour:
    """A colour that people call by this name."""
    hue, saturation, value = COLOURS[name]
    turned = (hue + rng.uniform(-8, 8)) % 360 / 360
    return colorsys.hsv_to_rgb(turned, rng.uniform(*saturation), rng.uniform(*value))


def luminance(of: Colour) -> float:
    return 0.299 * of[0] + 0.587 * of[1] + 0.114 * of[2]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of b in a."""
    return tuple(float(p + (q - p) * share) for p, q in zip(a, b, strict=True))  # type: ignore[return-value]


def darker(of: Colour, by: float = 0.35) -> Colour:
    return mix(of, (0.0, 0.0, 0.0), by)


def lighter(of: Colour, by: float = 0.4) -> Colour:
    return mix(of, (1.0, 1.0, 1.0), by)


def _contrasting(
    rng: np.random.Generator, others: Sequence[Colour], names: Sequence[str], least: float
) -> tuple[str, Colour]:
    """The first of a dozen colours drawn that differs enough from the others; the most different if none does."""
    drawn = [(str(name), colour(rng, name)) for name in rng.choice(list(names), size=12)]
    differences = [min(abs(luminance(made) - luminance(other)) for other in others) for _, made in drawn]
    return drawn[next((i for i, found in enumerate(differences) if found >= least), int(np.argmax(differences)))]
