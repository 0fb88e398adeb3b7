"""Things that grow: flowers, leaves, trees, fruit, mushrooms, snow."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from exemplum.images.drawings.canvas import Canvas, on_background, oval, shade_of
from exemplum.images.drawings.families import between, family, one_of, whole
from exemplum.images.drawings.looks import BRIGHT, Colour, Look, colour, darker, lighter

UPRIGHT = (-12, 12)  # degrees
BARK: Colour = (0.36, 0.24, 0.15)
GREEN: Colour = (0.25, 0.55, 0.2)
PETALS = ("red", "orange", "yellow", "purple", "pink", "white", "blue")
SKIES = ("blue", "teal", "cream", "white", "pink", "yellow", "orange")


@family("nature", {"inks": PETALS, "angle": UPRIGHT}, petals=whole(4, 14), shape=one_of("round", "narrow"))
def flower(look: Look, rng: np.random.Generator, petals: int, shape: str) -> np.ndarray:
    """One blossom from above: petals around a centre, with a stem and leaves in some."""
    canvas = on_background(look, rng)
    if rng.random() < 0.5:
        canvas.line([(0, 0), (0.1, 0.9), (0, 2.5)], 0.1, GREEN)
        canvas.ellipse(0.35, 1.3, 0.35, 0.13, GREEN, -30)
    wide = (0.75 if shape == "round" else 0.4) * min(2.2 / petals + 0.15, 0.6)
    for ring, reach in enumerate((0.62, 0.4) if petals > 8 else (0.58,)):
        for number in range(petals):
            turn = 360 * (number + ring / 2) / petals
            a = math.radians(turn)
            face = shade_of(look.ink, -0.16 if number % 2 else 0.1)
            canvas.ellipse(reach * math.cos(a), reach * math.sin(a), reach * 0.72, wide, face, turn)
    canvas.disc(0, 0, 0.24, darker(look.second, 0.2))
    for a in rng.uniform(0, 6.28, 12):
        canvas.disc(0.15 * math.cos(a), 0.15 * math.sin(a), 0.04, lighter(look.second, 0.4))
    return canvas.image()


@family(
    "nature",
    {"inks": ("green", "yellow", "orange", "red", "brown", "teal")},
    veins=whole(3, 8),
    shape=one_of("oval", "pointed", "lobed"),
)
def leaf(look: Look, rng: np.random.Generator, veins: int, shape: str) -> np.ndarray:
    """One leaf with its stalk and veins."""
    canvas = on_background(look, rng)
    along = np.linspace(-1, 1, 60)
    half = {
        "oval": 0.5 * np.sqrt(1 - along**2),
        "pointed": 0.42 * (1 - np.abs(along) ** 1.6),
        "lobed": 0.45 * (1 - along**2) * (1 + 0.45 * np.cos(along * math.pi * veins)),
    }[shape]
    edge = [(h, y) for y, h in zip(along, half, strict=True)] + [(-h, y) for y, h in zip(along, half, strict=True)][
        ::-1
    ]
    canvas.polygon(edge, darker(look.ink, 0.2))
    canvas.polygon([(min(x, 0), y) for x, y in edge], look.ink)
    vein = lighter(look.ink, 0.5)
    canvas.line([(0, 1.35), (0, -0.95)], 0.05, vein)
    for y in np.linspace(0.75, -0.6, veins):
        reach = float(np.interp(y - 0.2, along, half)) * 0.85
        for side in (-1, 1):
            canvas.line([(0, y), (side * reach, y - 0.8 * reach)], 0.03, vein)
    return canvas.image()


@family(
    "nature",
    {
        "inks": ("green", "teal", "orange", "red", "yellow", "pink"),
        "grounds": SKIES,
        "angle": (-5, 5),
        "backgrounds": ("plain", "gradient", "horizon"),
    },
    crown=one_of("round", "fir", "bare", "palm"),
)
def tree(look: Look, rng: np.random.Generator, crown: str) -> np.ndarray:
    """One tree: a round crown, a fir, a palm or bare branches."""
    canvas = on_background(look, rng)
    bark = shade_of(BARK, float(rng.uniform(-0.3, 0.2)))
    if crown == "bare":
        _branch(canvas, rng, 0, 1, -90, 0.62, 0.16, bark)
    elif crown == "fir":
        canvas.box(-0.08, 0.5, 0.08, 1, bark)
        for y in (0.72, 0.3, -0.12, -0.5):
            wide = 0.32 + (y + 0.6) * 0.3
            canvas.polygon([(0, y - 0.55), (wide, y), (-wide, y)], shade_of(look.ink, -0.35 - 0.1 * y))
            canvas.polygon([(0, y - 0.55), (wide * 0.1, y - 0.05), (-wide, y)], darker(look.ink, 0.1))
    elif crown == "palm":
        canvas.line([(0.15, 1), (0.08, 0.3), (-0.05, -0.35)], 0.12, bark)
        for turn in np.linspace(-200, 20, 8) + rng.uniform(-8, 8, 8):
            a = math.radians(turn)
            x, y = -0.05 + 0.45 * math.cos(a), -0.38 + 0.3 * math.sin(a)
            canvas.ellipse(x, y, 0.45, 0.085, shade_of(look.ink, float(rng.uniform(-0.4, 0.1))), turn * 0.8)
    else:
        canvas.polygon([(-0.12, 1), (-0.06, 0), (0.06, 0), (0.12, 1)], bark)
        for depth in range(26):
            a, reach = rng.uniform(0, 6.28), 0.5 * math.sqrt(rng.random())
            shade = shade_of(look.ink, -0.45 + 0.028 * depth)
            canvas.disc(reach * math.cos(a) * 1.1, -0.3 + reach * math.sin(a), 0.24 - depth * 0.004, shade)
    return canvas.image()


def _branch(
    canvas: Canvas, rng: np.random.Generator, x: float, y: float, turn: float, long: float, wide: float, bark: Colour
) -> None:
    a = math.radians(turn)
    end = (x + long * math.cos(a), y + long * math.sin(a))
    canvas.line([(x, y), end], wide, bark)
    if long > 0.14:
        for side in (-1, 1):
            _branch(
                canvas, rng, *end, turn + side * rng.uniform(16, 38), long * rng.uniform(0.62, 0.78), wide * 0.62, bark
            )


@family(
    "nature",
    {"inks": ("red", "brown", "orange", "purple", "cream"), "angle": UPRIGHT},
    spots=whole(0, 9),
    cap=between(0.35, 0.7),
)
def mushroom(look: Look, rng: np.random.Generator, spots: int, cap: float) -> np.ndarray:
    """A mushroom with a cap, spotted or not."""
    canvas = on_background(look, rng)
    canvas.polygon([(-0.2, -0.1), (0.2, -0.1), (0.28, 0.95), (-0.28, 0.95)], (0.93, 0.9, 0.8))
    canvas.polygon([(0.02, -0.1), (0.2, -0.1), (0.28, 0.95), (0.08, 0.95)], (0.78, 0.74, 0.64))
    canvas.ellipse(0, 0.02, 0.82, 0.16, darker((0.9, 0.82, 0.7), 0.25))
    dome = [(0.85 * math.cos(a), 0.02 - cap * 1.3 * math.sin(a)) for a in np.linspace(0, math.pi, 30)]
    canvas.polygon(dome, darker(look.ink, 0.25))
    canvas.polygon([(x * 0.9 - 0.06, y * 0.93) for x, y in dome], look.ink)
    for number in range(spots):
        a = math.pi * (number + 0.5) / spots
        reach = rng.uniform(0.3, 0.75)
        canvas.ellipse(reach * math.cos(a), -cap * 1.3 * reach * math.sin(a), 0.1, 0.08, (0.98, 0.96, 0.9))
    return canvas.image()


@family(
    "nature",
    {"inks": ("red", "green", "yellow", "orange", "purple")},
    sort=one_of("apple", "cherries", "grapes", "slice"),
)
def fruit(look: Look, rng: np.random.Generator, sort: str) -> np.ndarray:
    """Apple, cherries, grapes, or a slice of a citrus fruit."""
    canvas = on_background(look, rng)
    if sort == "slice":
        canvas.disc(0, 0, 0.9, look.ink)
        canvas.disc(0, 0, 0.78, lighter(look.ink, 0.75))
        for number in range(8):
            a = math.pi * (number + 0.5) / 4
            tips = [
                (0.7 * math.cos(a + t) + 0.06 * math.cos(a), 0.7 * math.sin(a + t) + 0.06 * math.sin(a))
                for t in (-0.32, -0.1, 0.1, 0.32)
            ]
            canvas.polygon([(0.09 * math.cos(a), 0.09 * math.sin(a)), *tips], lighter(look.ink, 0.25))
    elif sort == "grapes":
        canvas.line([(0, -0.6), (0.1, -1.0)], 0.08, BARK)
        for row, count in enumerate((4, 5, 4, 3, 2, 1)):
            for place in range(count):
                _berry(canvas, (place - (count - 1) / 2) * 0.34, -0.6 + row * 0.29, 0.2, look.ink)
    elif sort == "cherries":
        for x, y in ((-0.42, 0.5), (0.45, 0.62)):
            canvas.line([(x, y), (x * 0.5, -0.2), (0.15, -0.85)], 0.05, GREEN)
            _berry(canvas, x, y, 0.36, look.ink)
        canvas.ellipse(0.42, -0.75, 0.32, 0.13, GREEN, 20)
    else:
        canvas.line([(0, -0.5), (0.08, -0.95)], 0.09, BARK)
        for x in (-0.27, 0.27):
            canvas.disc(x, 0.1, 0.58, look.ink)
        canvas.ellipse(0, 0.3, 0.6, 0.5, look.ink)
        canvas.ellipse(-0.4, -0.12, 0.13, 0.2, lighter(look.ink, 0.6), 30)
        canvas.ellipse(0.32, -0.75, 0.28, 0.12, GREEN, -25)
    return canvas.image()


def _berry(canvas: Canvas, x: float, y: float, radius: float, face: Colour) -> None:
    canvas.disc(x, y, radius, darker(face, 0.45))
    canvas.disc(x - radius * 0.06, y - radius * 0.06, radius * 0.88, face)
    canvas.disc(x - radius * 0.32, y - radius * 0.34, radius * 0.26, lighter(face, 0.65))


@family(
    "nature",
    {"inks": ("green", "teal"), "grounds": ("cream", "yellow", "orange", "blue", "pink", "white"), "angle": (-5, 5)},
    arms=whole(0, 3),
    bloom=one_of("none", "bloom"),
)
def cactus(look: Look, rng: np.random.Generator, arms: int, bloom: str) -> np.ndarray:
    """A cactus with ribs and arms."""
    canvas = on_background(look, rng)
    for number in range(arms):
        side, level = (-1) ** number, rng.uniform(-0.1, 0.4)
        tip = level - rng.uniform(0.3, 0.5)
        canvas.line([(0, level), (side * 0.58, level), (side * 0.58, tip)], 0.26, darker(look.ink, 0.12))
        canvas.line([(side * 0.1, level), (side * 0.58, level), (side * 0.58, tip)], 0.04, darker(look.ink, 0.45))
    canvas.line([(0, 1), (0, -0.65)], 0.52, look.ink)
    for x in (-0.16, 0.0, 0.16):
        canvas.line([(x, 1), (x, -0.75)], 0.035, darker(look.ink, 0.4))
    if bloom == "bloom":
        for turn in range(-60, 61, 30):
            a = math.radians(turn - 90)
            canvas.ellipse(0.13 * math.cos(a), -0.92 + 0.13 * math.sin(a), 0.16, 0.07, colour(rng, "pink"), turn - 90)
    return canvas.image()


@family(
    "nature",
    {"inks": ("white", "blue", "teal", "cream"), "grounds": ("blue", "black", "purple", "teal", "grey", "red")},
    twigs=whole(2, 4),
)
def snowflake(look: Look, rng: np.random.Generator, twigs: int) -> np.ndarray:
    """A six-fold crystal with twigs."""
    canvas = on_background(look, rng)
    places = np.sort(rng.uniform(0.2, 0.85, twigs))
    lengths = rng.uniform(0.12, 0.42, twigs)
    for turn in range(0, 360, 60):
        canvas.pose(look.x, look.y, look.scale * 1.1, look.angle + turn)
        canvas.line([(0, 0), (0.98, 0)], 0.09, look.ink)
        for place, long in zip(places, lengths, strict=True):
            for side in (-1, 1):
                canvas.line([(place, 0), (place + long * 0.6, side * long)], 0.07, look.ink)
    return canvas.image()


@family(
    "nature",
    {"inks": BRIGHT, "grounds": ("cream", "yellow", "blue", "teal", "white", "brown", "black")},
    whorls=whole(5, 9),
)
def shell(look: Look, rng: np.random.Generator, whorls: int) -> np.ndarray:
    """A fan-shaped shell with ribs."""
    canvas = on_background(look, rng)
    ribs = np.linspace(-68, 68, whorls * 2 + 1)
    for place, (left, right) in enumerate(pairwise(ribs)):
        face = look.ink if place % 2 else lighter(look.ink, 0.5)
        middle = math.radians((left + right) / 2 - 90)
        a, b = math.radians(left - 90), math.radians(right - 90)
        rim = [
            (1.55 * math.cos(a), 0.75 + 1.55 * math.sin(a)),
            (1.68 * math.cos(middle), 0.75 + 1.68 * math.sin(middle)),
            (1.55 * math.cos(b), 0.75 + 1.55 * math.sin(b)),
        ]
        canvas.polygon([(0, 0.75), *rim], face)
    for reach in (0.65, 1.05, 1.35):
        arc = [
            (reach * math.cos(math.radians(t - 90)), 0.75 + reach * math.sin(math.radians(t - 90)))
            for t in range(-68, 69, 8)
        ]
        canvas.line(arc, 0.045, darker(look.ink, 0.35))
    canvas.polygon([(-0.3, 0.62), (0.3, 0.62), (0.2, 0.95), (-0.2, 0.95)], darker(look.ink, 0.3))
    canvas.polygon(oval(0, 0.7, 0.18, 0.1), look.second)
    return canvas.image()
