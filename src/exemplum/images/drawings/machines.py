"""Mechanical things: wheels, chains, ladders, gears, clocks, keys."""

from __future__ import annotations

import math

import numpy as np

from exemplum.images.drawings.canvas import Canvas, background, on_background
from exemplum.images.drawings.families import between, family, one_of, whole
from exemplum.images.drawings.looks import Colour, Look, darker, lighter

BLACK: Colour = (0.06, 0.06, 0.07)
WHITE: Colour = (0.97, 0.97, 0.95)
METAL: Colour = (0.62, 0.64, 0.68)
UPRIGHT = (-12, 12)  # degrees
# x, y and radius of each gear by how many there are
GEARS = {
    1: [(0.0, 0.0, 0.85)],
    2: [(-0.42, -0.28, 0.56), (0.5, 0.38, 0.5)],
    3: [(-0.5, -0.42, 0.5), (0.45, -0.3, 0.42), (0.02, 0.52, 0.45)],
}


@family(
    "object",
    {"inks": ("black", "grey", "red", "blue", "brown", "yellow", "white")},
    spokes=whole(3, 16),
    tyre=between(0.08, 0.3),
)
def wheel(look: Look, rng: np.random.Generator, spokes: int, tyre: float) -> np.ndarray:
    """A wheel with tyre, rim, spokes and hub."""
    canvas = on_background(look, rng)
    canvas.disc(0, 0, 1, BLACK if look.ground_name != "black" else (0.35, 0.35, 0.37))
    canvas.disc(0, 0, 1 - tyre, lighter(look.ink, 0.25))
    inner = 0.93 - tyre
    canvas.disc(0, 0, inner, darker(look.ground, 0.25))
    for number in range(spokes):
        a = 2 * math.pi * number / spokes
        canvas.line(
            [(0, 0), (inner * 1.02 * math.cos(a), inner * 1.02 * math.sin(a))], max(0.03, 0.42 / spokes), look.ink
        )
    canvas.disc(0, 0, 0.2, darker(look.ink, 0.3))
    canvas.disc(0, 0, 0.1, METAL)
    return canvas.image()


@family(
    "object",
    {"inks": ("grey", "yellow", "black", "brown", "white", "blue", "red")},
    links=whole(4, 8),
    strands=whole(1, 3),
)
def chain(look: Look, rng: np.random.Generator, links: int, strands: int) -> np.ndarray:
    """Links of a chain across the image, in one to three strands."""
    canvas = Canvas(background(look, rng))
    canvas.pose(0, 0, 1, look.angle)
    long = 2.9 / links
    thick = min(0.28 * long, 0.4 / strands)
    for strand in range(strands):
        y = (strand - (strands - 1) / 2) * (1.3 / strands)
        for number in range(-1, links + 1):
            x = -1.45 + (number + 0.5) * long
            if number % 2:
                canvas.line([(x - long * 0.55, y), (x + long * 0.55, y)], thick * 0.42, darker(look.ink, 0.35))
            else:
                _link(canvas, x, y, long * 0.72, thick, look.ink)
    return canvas.image()


def _link(canvas: Canvas, x: float, y: float, half: float, high: float, face: Colour) -> None:
    around = np.linspace(0, 2 * math.pi, 26)
    edge = [(x + half * np.sign(math.cos(a)) * abs(math.cos(a)) ** 0.6, y + high * math.sin(a)) for a in around]
    canvas.line(edge, high * 0.5, darker(face, 0.6))
    canvas.line(edge, high * 0.36, face)
    canvas.line([(px - 0.008, py - 0.012) for px, py in edge[13:24]], high * 0.1, lighter(face, 0.55))


@family("object", {"angle": (-35, 35), "scale": (0.75, 1.0)}, rungs=whole(4, 9), width=between(0.3, 0.6))
def ladder(look: Look, rng: np.random.Generator, rungs: int, width: float) -> np.ndarray:
    """A ladder leaning."""
    canvas = on_background(look, rng)
    narrow = width * rng.uniform(0.65, 1)
    for offset, face in ((0.05, darker(look.ground, 0.5)), (0, look.ink)):
        for y in np.linspace(-0.9, 0.9, rungs):
            half = narrow + (width - narrow) * (y + 1) / 2
            canvas.line([(-half + offset, y + offset), (half + offset, y + offset)], 0.08, darker(face, 0.15))
        for side in (-1, 1):
            canvas.line([(side * narrow + offset, -1.15 + offset), (side * width + offset, 1.15 + offset)], 0.11, face)
    return canvas.image()


@family(
    "object",
    {"inks": ("grey", "orange", "yellow", "brown", "blue", "red", "black", "teal")},
    teeth=whole(7, 14),
    count=whole(1, 3),
)
def gears(look: Look, rng: np.random.Generator, teeth: int, count: int) -> np.ndarray:
    """Toothed wheels, one or some that mesh."""
    canvas = Canvas(background(look, rng))
    places = GEARS[count]
    for number, (x, y, radius) in enumerate(places):
        turn = rng.uniform(0, 90)
        face = (look.ink, look.second, lighter(look.ink, 0.4))[number]
        canvas.pose(x + look.x * 0.3, y + look.y * 0.3, radius, turn)
        edge = []
        for tooth in range(teeth):
            for part, reach in ((-0.28, 0.8), (-0.17, 1.05), (0.17, 1.05), (0.28, 0.8)):
                a = 2 * math.pi * (tooth + part) / teeth
                edge.append((reach * math.cos(a), reach * math.sin(a)))
        canvas.polygon(edge, darker(face, 0.4))
        canvas.polygon([(px * 0.93, py * 0.93) for px, py in edge], face)
        canvas.disc(0, 0, 0.5, darker(face, 0.25))
        canvas.disc(0, 0, 0.2, darker(look.ground, 0.3))
    return canvas.image()


@family("object", {"angle": UPRIGHT}, hour=between(0, 12), numerals=one_of("numbers", "strokes"))
def clock(look: Look, rng: np.random.Generator, hour: float, numerals: str) -> np.ndarray:
    """A clock face that tells the time."""
    canvas = on_background(look, rng)
    canvas.disc(0, 0, 1, darker(look.ink, 0.35))
    canvas.disc(0, 0, 0.93, look.ink)
    face = WHITE if rng.random() < 0.7 else look.second
    hands = BLACK if sum(face) > 1.4 else WHITE
    canvas.disc(0, 0, 0.8, face)
    for number in range(1, 13):
        a = math.radians(number * 30 - 90)
        if numerals == "numbers":
            canvas.text(str(number), 0.64 * math.cos(a), 0.64 * math.sin(a), 0.28, hands, look.angle)
        else:
            canvas.line(
                [(0.62 * math.cos(a), 0.62 * math.sin(a)), (0.74 * math.cos(a), 0.74 * math.sin(a))], 0.06, hands
            )
    for share, reach, wide in ((hour / 12, 0.36, 0.1), (hour % 1, 0.56, 0.065)):
        a = 2 * math.pi * share - math.pi / 2
        canvas.line([(0, 0), (reach * math.cos(a), reach * math.sin(a))], wide, hands)
    canvas.disc(0, 0, 0.07, (0.8, 0.1, 0.1))
    return canvas.image()


@family(
    "object",
    {"inks": ("yellow", "grey", "brown", "black", "orange", "white", "red")},
    teeth=whole(2, 4),
    bow=one_of("round", "clover", "square"),
)
def key(look: Look, rng: np.random.Generator, teeth: int, bow: str) -> np.ndarray:
    """A key."""
    canvas = on_background(look, rng)
    hole = darker(look.ground, 0.15)
    canvas.box(-0.4, -0.08, 1.0, 0.08, look.ink)
    for x in np.linspace(0.92, 0.5, teeth):
        canvas.box(x - 0.055, 0, x + 0.055, rng.uniform(0.25, 0.4), look.ink)
    if bow == "clover":
        for x, y in ((-0.88, 0), (-0.6, -0.24), (-0.6, 0.24)):
            canvas.disc(x, y, 0.26, look.ink)
            canvas.disc(x, y, 0.12, hole)
    elif bow == "square":
        canvas.box(-1.0, -0.36, -0.35, 0.36, look.ink)
        canvas.box(-0.86, -0.2, -0.52, 0.2, hole)
    else:
        canvas.disc(-0.68, 0, 0.38, look.ink)
        canvas.disc(-0.72, 0, 0.2, hole)
    canvas.line([(-0.3, -0.045), (0.9, -0.045)], 0.03, lighter(look.ink, 0.5))
    return canvas.image()
