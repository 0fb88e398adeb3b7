"""Patterns: regular marks that fill the image."""

from __future__ import annotations

import math

import numpy as np

from exemplum.images.drawings.canvas import Canvas
from exemplum.images.drawings.families import between, family, one_of, whole
from exemplum.images.drawings.looks import (
    BRIGHT,
    SIZE,
    Look,
    blend,
    cells,
    colour,
    coordinates,
    darker,
    lighter,
    noise,
    polar,
    scattered,
    step,
    wave,
)

WHOLE_TURN = 2 * math.pi
CENTRE = {"scale": (0.3, 0.5)}  # leaves the centre room to move


@family("pattern", cycles=between(2, 11), edge=one_of("soft", "hard"))
def grating(look: Look, rng: np.random.Generator, cycles: float, edge: str) -> np.ndarray:
    """Parallel stripes."""
    u, _ = coordinates(look.angle)
    return blend(look.ground, look.ink, wave(u * cycles / 2 + rng.random(), edge == "hard"))


@family("pattern", cycles=between(1.5, 5))
def plaid(look: Look, rng: np.random.Generator, cycles: float) -> np.ndarray:
    """Two sets of broad stripes across each other, with thin lines: tartan."""
    u, v = coordinates(look.angle / 12)
    image = blend(look.ground, look.ink, wave(u * cycles / 2 + rng.random(), True) * 0.5)
    image = blend(image, look.ink, wave(v * cycles / 2 + rng.random(), True) * 0.5)
    for axis in (u, v):
        thin = step(np.cos(axis * math.pi * cycles + rng.uniform(0, 6)) - 0.9, 10)
        image = blend(image, look.second, thin * 0.8)
    return image


@family("pattern", cycles=between(1.5, 7), lattice=one_of("squares", "diamonds"))
def checks(look: Look, rng: np.random.Generator, cycles: float, lattice: str) -> np.ndarray:
    """A chessboard, upright or on its corner."""
    u, v = coordinates((45 if lattice == "diamonds" else 0) + look.angle / 20)
    phase = rng.random(2)
    product = np.sin((u * cycles / 2 + phase[0]) * WHOLE_TURN) * np.sin((v * cycles / 2 + phase[1]) * WHOLE_TURN)
    return blend(look.ground, look.ink, step(product, 30 / cycles))


@family("pattern", spacing=between(0.16, 0.5), size=between(0.22, 0.42), order=one_of("grid", "scattered"))
def dots(look: Look, rng: np.random.Generator, spacing: float, size: float, order: str) -> np.ndarray:
    """Round dots in a grid or scattered."""
    points = scattered(rng, spacing, 0.0 if order == "grid" else 0.7)
    near, _, which = cells(points, coordinates(look.angle))
    image = blend(look.ground, look.ink, step(size * spacing - near, 60))
    if rng.random() < 0.35:  # a second colour for some
        some = rng.random(len(points)) < 0.4
        image = blend(image, look.second, step(size * spacing - near, 60) * some[which])
    return image


@family("pattern", CENTRE, arms=whole(1, 6), turns=between(1.5, 4), edge=one_of("soft", "hard"))
def spirals(look: Look, rng: np.random.Generator, arms: int, turns: float, edge: str) -> np.ndarray:
    """Arms winding out of a centre."""
    distance, direction = polar(look.x * 0.6, look.y * 0.6)
    way = 1 if rng.random() < 0.5 else -1
    phase = way * arms * direction / WHOLE_TURN + turns * np.sqrt(distance + 0.02) * (2 if arms < 3 else 1)
    return blend(look.ground, look.ink, wave(phase.astype(np.float32), edge == "hard"))


@family("pattern", CENTRE, cycles=between(2, 8), edge=one_of("soft", "hard"))
def rings(look: Look, rng: np.random.Generator, cycles: float, edge: str) -> np.ndarray:
    """Concentric circles: a target."""
    distance, _ = polar(look.x, look.y)
    return blend(look.ground, look.ink, wave(distance * cycles / 1.4 + rng.random(), edge == "hard"))


@family("pattern", CENTRE, spokes=whole(5, 18))
def rays(look: Look, rng: np.random.Generator, spokes: int) -> np.ndarray:
    """Wedges out of a centre: sunbeams."""
    distance, direction = polar(look.x, look.y)
    beams = np.sin(direction * spokes + rng.uniform(0, 6)) * (distance + 0.02)
    image = blend(look.ground, look.ink, step(beams * spokes**-0.5, 40))
    core = rng.uniform(0.0, 0.35)
    return blend(image, look.second, step(core - distance, 30) * (core > 0.12))


@family("pattern", cycles=between(2, 7), height=between(0.5, 1.4))
def zigzags(look: Look, rng: np.random.Generator, cycles: float, height: float) -> np.ndarray:
    """Chevrons."""
    u, v = coordinates(look.angle)
    teeth = np.abs((v * cycles / 2 + rng.random()) % 1 - 0.5) * height * 2 / cycles
    return blend(look.ground, look.ink, wave((u + teeth) * cycles / 2, True))


@family("pattern", spacing=between(0.2, 0.5), wall=between(0.08, 0.22))
def honeycomb(look: Look, rng: np.random.Generator, spacing: float, wall: float) -> np.ndarray:
    """Six-sided cells with walls."""
    points = scattered(rng, spacing, 0.04, reach=1.6)
    near, next_near, which = cells(points, coordinates(look.angle / 6))
    fill = rng.random(len(points)).astype(np.float32)
    image = blend(look.ink, lighter(look.ink, 0.5), fill[which] * 0.8)
    return blend(image, darker(look.ink, 0.75), step(wall * spacing - (next_near - near), 50))


@family("pattern", spacing=between(0.22, 0.55))
def mosaic(look: Look, rng: np.random.Generator, spacing: float) -> np.ndarray:
    """Irregular pieces of many colours in dark lead: stained glass."""
    points = scattered(rng, spacing, 0.95)
    near, next_near, which = cells(points)
    glass = [colour(rng, name) for name in rng.choice(list(BRIGHT), size=3)] + [look.ink]
    image = np.asarray(glass, dtype=np.float32)[rng.integers(len(glass), size=len(points))][which]
    image = image * (0.75 + 0.5 * noise(rng, 8))[..., None]
    return blend(image, (0.05, 0.05, 0.07), step(0.035 - (next_near - near), 40))


@family("pattern", tiles=whole(4, 9))
def maze(look: Look, rng: np.random.Generator, tiles: int) -> np.ndarray:
    """Quarter circles at random turns that join into winding paths (Truchet's tiles)."""
    canvas = Canvas(look.ground)
    side = 2 / tiles
    width = side * rng.uniform(0.2, 0.38)
    arc = [(math.cos(a) * side / 2, math.sin(a) * side / 2) for a in np.linspace(0, math.pi / 2, 9)]
    for row in range(tiles):
        for column in range(tiles):
            x, y = -1 + (column + 0.5) * side, -1 + (row + 0.5) * side
            for turn in (0, 180):
                canvas.pose(x, y, 1, turn + 90 * int(rng.integers(2)))
                canvas.line([(u - side / 2, v - side / 2) for u, v in arc], width, look.ink)
    return canvas.image()


@family("pattern", cycles=between(2, 6), sides=one_of("triangles", "pinwheels"))
def triangles(look: Look, rng: np.random.Generator, cycles: float, sides: str) -> np.ndarray:
    """Triangles that fill the plane."""
    u, v = coordinates(look.angle / 8)
    across, down = u * cycles / 2 + rng.random(), v * cycles / 2 + rng.random()
    a, b = across % 1, down % 1
    if sides == "pinwheels":
        a = np.where(np.floor(down) % 2 == 0, a, 1 - a)
        b = np.where(np.floor(across) % 2 == 0, b, 1 - b)
        return blend(look.ground, look.ink, step(a - b, SIZE / cycles / 8))
    peak = 1 - 2 * np.abs(a - 0.5)
    return blend(look.ground, look.ink, step(peak - b, SIZE / cycles / 8))
