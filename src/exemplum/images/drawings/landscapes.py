"""Landscapes: mountains, sea, desert, woods, roads, night, rainbows."""

from __future__ import annotations

import math

import numpy as np

from exemplum.images.drawings.canvas import Canvas, gradient, shade_of, sky
from exemplum.images.drawings.families import between, family, one_of, whole
from exemplum.images.drawings.looks import Colour, Look, blend, colour, darker, lighter, mix, noise, polar, ramp, step

LIGHT: Colour = (1.0, 0.97, 0.8)
SKIES = ("blue", "teal", "pink", "cream", "orange", "purple", "grey")


@family(
    "landscape",
    {"inks": ("blue", "grey", "purple", "brown", "green", "teal"), "grounds": SKIES},
    ranges=whole(2, 4),
    snow=one_of("none", "snow"),
)
def mountains(look: Look, rng: np.random.Generator, ranges: int, snow: str) -> np.ndarray:
    """Ranges of mountains, paler with distance, some with snow on the peaks."""
    canvas = Canvas(sky(look, rng))
    across = np.linspace(-1.1, 1.1, 90)
    for layer in range(ranges):
        near = (layer + 1) / ranges
        jag = np.zeros_like(across)
        for octave in range(5):
            knots = rng.uniform(-1, 1, 4 * 2**octave + 1)
            jag += np.interp(across, np.linspace(-1.1, 1.1, len(knots)), knots) * 0.5**octave
        ridge = -0.45 + 0.95 * near * 0.8 + jag * 0.28
        face = mix(lighter(look.ground, 0.35), darker(look.ink, 0.25), 0.25 + 0.75 * near)
        canvas.polygon([*zip(across, ridge, strict=True), (1.2, 1.2), (-1.2, 1.2)], face)
        if snow == "snow" and layer < ranges - 1:
            line = np.quantile(ridge, 0.55)
            cap = np.minimum(ridge + 0.02 + (line - ridge).clip(0) * rng.uniform(0.4, 0.75, len(ridge)), 2)
            high = ridge < line
            for left, right in _runs(high):
                part = slice(left, right)
                canvas.polygon(
                    [
                        *zip(across[part], ridge[part], strict=True),
                        *zip(across[part][::-1], cap[part][::-1], strict=True),
                    ],
                    (0.97, 0.98, 1.0),
                )
    return canvas.image()


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Where runs of at least three true values begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [(left, right) for left, right in edges.reshape(-1, 2).tolist() if right - left > 2]


@family(
    "landscape",
    {"inks": ("orange", "red", "pink", "yellow", "purple")},
    height=between(-0.35, 0.15),
    size=between(0.18, 0.42),
)
def sunset(look: Look, rng: np.random.Generator, height: float, size: float) -> np.ndarray:
    """The sun over the sea, with its path on the water."""
    horizon = 0.2
    distance, _ = polar(look.x * 1.4, height)
    heat = np.clip(1.15 - distance * 0.75, 0, 1)
    air = ramp([darker(look.ink, 0.75), look.ink, lighter(look.ink, 0.45), (1.0, 0.93, 0.7)], heat)
    air = blend(air, darker(look.ink, 0.5), np.clip(noise(rng, 2, 4, stretch=5) * 3 - 1.9, 0, 0.6))
    air = blend(air, (1.0, 0.97, 0.85), step(size - distance, 30))
    level = round(64 * (1 + horizon))
    water = air[level - 1 :: -1][: 128 - level] * np.float32(0.55)
    glitter = noise(rng, 12, 2, stretch=4)[: 128 - level]
    u = np.linspace(-1, 1, 128, dtype=np.float32)[None] - np.float32(look.x * 1.4)
    path = np.exp(-((u / (size * 1.2)) ** 2)) * (glitter > 0.5)
    air[level:] = blend(water, (1.0, 0.85, 0.55), 0.85 * path)
    return air


@family(
    "landscape",
    {"inks": ("grey", "brown", "black"), "grounds": SKIES},
    bend=between(-0.9, 0.9),
    line=one_of("dashed", "solid", "none"),
)
def road(look: Look, rng: np.random.Generator, bend: float, line: str) -> np.ndarray:
    """A road that runs to the horizon through fields."""
    canvas = Canvas(sky(look, rng))
    field = colour(rng, str(rng.choice(["green", "yellow", "brown", "orange"])))
    level = float(rng.uniform(-0.35, 0.1))
    canvas.box(-2, level, 2, 2, darker(field, 0.1))
    for _ in range(7):
        x = rng.uniform(-1.1, 1.1)
        canvas.ellipse(x, level - 0.02, rng.uniform(0.08, 0.25), 0.07, darker(colour(rng, "green"), 0.5))
    down = np.linspace(0, 1, 24)
    middle, y = bend * (1 - down) ** 1.7 + look.x * down, level + (1.1 - level) * down**1.6
    half = 0.02 + 0.62 * down**1.6
    for wide, face in ((1.14, lighter(field, 0.35)), (1.0, look.ink)):
        canvas.polygon(
            [*zip(middle - half * wide, y, strict=True), *zip((middle + half * wide)[::-1], y[::-1], strict=True)], face
        )
    if line != "none":
        for start in range(1, 22, 1 if line == "solid" else 4):
            a, b = start, min(start + (1 if line == "solid" else 2), 23)
            canvas.polygon(
                [
                    (middle[a] - half[a] * 0.06, y[a]),
                    (middle[a] + half[a] * 0.06, y[a]),
                    (middle[b] + half[b] * 0.06, y[b]),
                    (middle[b] - half[b] * 0.06, y[b]),
                ],
                (0.98, 0.95, 0.85),
            )
    return canvas.image()


@family(
    "landscape",
    {"inks": ("brown", "black", "grey", "white"), "grounds": ("green", "teal", "yellow", "orange", "cream", "blue")},
    trunks=whole(6, 14),
)
def forest(look: Look, rng: np.random.Generator, trunks: int) -> np.ndarray:
    """Upright trunks, one behind another, in haze."""
    haze = blend(lighter(look.ground, 0.5), darker(look.ground, 0.35), gradient(90))
    canvas = Canvas(blend(haze, darker(look.ground, 0.4), np.clip(noise(rng, 6, 3) - 0.5, 0, 1)))
    for depth in np.linspace(0, 1, trunks):
        x, wide = rng.uniform(-1, 1), 0.03 + 0.09 * depth**1.5
        bark = mix(lighter(look.ground, 0.2), darker(look.ink, 0.2), 0.2 + 0.8 * depth)
        foot = 0.35 + 0.8 * depth
        canvas.polygon([(x - wide, -1.1), (x + wide, -1.1), (x + wide * 1.5, foot), (x - wide * 1.5, foot)], bark)
        canvas.polygon(
            [(x + wide * 0.3, -1.1), (x + wide, -1.1), (x + wide * 1.5, foot), (x + wide * 0.4, foot)],
            darker(bark, 0.3),
        )
        for _ in range(2):
            y, side = rng.uniform(-1, 0), 1 if rng.random() < 0.5 else -1
            canvas.line([(x, y), (x + side * 0.35, y - 0.3)], wide * 0.4, bark)
    return canvas.image()


@family(
    "landscape",
    {"inks": ("cream", "yellow", "white", "orange"), "grounds": ("blue", "purple", "black", "teal")},
    phase=between(-1, 1),
    stars=whole(15, 120),
)
def night(look: Look, rng: np.random.Generator, phase: float, stars: int) -> np.ndarray:
    """The moon in some phase among stars, over dark hills."""
    dark = blend(darker(look.ground, 0.88), darker(look.ground, 0.5), gradient(90))
    canvas = Canvas(dark)
    for x, y, size in rng.uniform((-1, -1, 0.004), (1, 0.9, 0.02), (stars, 3)):
        canvas.disc(x, y, size, (0.95, 0.95, 1.0))
    radius, x, y = look.scale * 0.45, look.x * 1.5, look.y - 0.25
    canvas.disc(x, y, radius, look.ink)
    for u, v, crater in rng.uniform((-0.5, -0.5, 0.05), (0.5, 0.5, 0.16), (5, 3)):
        canvas.disc(x + u * radius, y + v * radius, crater * radius, darker(look.ink, 0.15))
    if abs(phase) > 0.25:
        canvas.disc(x + phase * radius * 1.1, y - 0.1 * radius, radius * 1.02, darker(look.ground, 0.82))
    across = np.linspace(-1.1, 1.1, 40)
    hills = 0.72 + 0.1 * np.sin(across * rng.uniform(2, 5) + rng.uniform(0, 6)) + 0.05 * np.sin(across * 9)
    canvas.polygon([*zip(across, hills, strict=True), (1.2, 1.2), (-1.2, 1.2)], (0.02, 0.03, 0.05))
    return canvas.image()


@family(
    "landscape", {"grounds": ("blue", "grey", "teal", "purple", "white")}, bands=whole(4, 7), width=between(0.25, 0.6)
)
def rainbow(look: Look, rng: np.random.Generator, bands: int, width: float) -> np.ndarray:
    """A rainbow over hills."""
    air = sky(look, rng, 0.7)
    distance, _ = polar(look.x * 1.5, 0.9)
    spread = np.clip((distance - 0.75) / width, 0, 0.999)
    hues = ["purple", "blue", "teal", "green", "yellow", "orange", "red"][-bands:]
    table = np.asarray([colour(rng, hue) for hue in hues], dtype=np.float32)
    bow = table[(spread * bands).astype(int)]
    inside = step(distance - 0.75, 40) * step(0.75 + width - distance, 40)
    canvas = Canvas(blend(air, bow, inside * 0.85))
    across = np.linspace(-1.1, 1.1, 40)
    for depth in range(2):
        hills = 0.55 + 0.22 * depth + 0.1 * np.sin(across * rng.uniform(1.5, 4) + rng.uniform(0, 6))
        canvas.polygon(
            [*zip(across, hills, strict=True), (1.2, 1.2), (-1.2, 1.2)],
            darker(colour(rng, "green"), 0.15 + 0.25 * depth),
        )
    return canvas.image()


@family(
    "landscape",
    {"inks": ("cream", "orange", "yellow", "brown", "pink"), "grounds": ("blue", "teal", "orange", "pink", "purple")},
    dunes=whole(2, 5),
    sun=one_of("none", "sun"),
)
def desert(look: Look, rng: np.random.Generator, dunes: int, sun: str) -> np.ndarray:
    """Dunes with sharp crests, lit from one side."""
    canvas = Canvas(sky(look, rng, 0.2))
    if sun == "sun":
        canvas.disc(look.x * 2, -0.6, 0.17, LIGHT)
    for layer in range(dunes):
        base, peak, x = -0.1 + 0.95 * layer / dunes, rng.uniform(0.25, 0.5), rng.uniform(-0.8, 0.8)
        crest = (x, base - peak)
        left = [(-1.3 + (x + 1.3) * t, base + 0.25 - (peak + 0.25) * t**1.5) for t in np.linspace(0, 1, 14)]
        right = [(x + (1.3 - x) * t, base - peak + (peak + 0.3) * t**0.7) for t in np.linspace(0, 1, 14)]
        lit = shade_of(look.ink, 0.25 - 0.25 * layer / dunes)
        canvas.polygon([*left, *right, (1.3, 1.3), (-1.3, 1.3)], lit)
        spine = [(x + 0.28 * math.sin(3.2 * t) * (1 - t * 0.4), base - peak + 1.6 * t) for t in np.linspace(0, 1, 14)]
        canvas.polygon([crest, *right, (1.3, 1.3), *spine[::-1]], darker(lit, 0.4))
    return canvas.image()
