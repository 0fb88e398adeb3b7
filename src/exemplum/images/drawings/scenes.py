"""Small scenes: houses, towns, hills, sea, roads, vehicles where they belong."""

from __future__ import annotations

import math

import numpy as np

from exemplum.images.drawings.canvas import Canvas, gradient, on_background, shade_of
from exemplum.images.drawings.fields import blend, noise, polar, ramp, step
from exemplum.images.drawings.looks import BRIGHT, Colour, Look, colour, darker, lighter, mix
from exemplum.images.drawings.registry import between, family, one_of, whole

LEVEL = (-4, 4)  # degrees
BLACK: Colour = (0.06, 0.06, 0.08)
GLASS: Colour = (0.62, 0.8, 0.92)
LIGHT: Colour = (1.0, 0.9, 0.5)
SKIES = ("blue", "teal", "pink", "cream", "orange", "purple", "grey")


def sky(look: Look, rng: np.random.Generator, cloudy: float = 0.5) -> np.ndarray:
    """The ground colour as a sky that pales downwards, with clouds in some."""
    clear = blend(look.ground, lighter(look.ground, 0.65), gradient(90))
    if rng.random() > cloudy:
        return clear
    return blend(clear, (1.0, 1.0, 1.0), np.clip(noise(rng, 3, 4, stretch=2) * 4 - 2.5, 0, 0.9))


@family("scene", {"inks": ("red", "cream", "white", "yellow", "brown", "blue", "pink", "orange"), "grounds": SKIES, "angle": LEVEL},
        floors=whole(1, 3), windows=whole(1, 3), roof=one_of("gable", "flat", "hip"))  # fmt: skip
def house(look: Look, rng: np.random.Generator, floors: int, windows: int, roof: str) -> np.ndarray:
    """A house with a door and rows of windows, on a lawn."""
    canvas = Canvas(sky(look, rng))
    lawn = colour(rng, "green")
    canvas.box(-2, 0.45 + look.y * 0.3, 2, 2, lawn)
    canvas.pose(look.x * 0.7, look.y * 0.3, look.scale * 1.05, look.angle)
    top = 0.8 - 0.42 * floors
    canvas.box(-0.75, top, 0.75, 0.8, look.ink)
    canvas.box(0.45, top, 0.75, 0.8, darker(look.ink, 0.14))
    tiles = darker(look.second, 0.35)
    if roof == "gable":
        canvas.polygon([(-0.9, top), (0, top - 0.55), (0.9, top)], tiles)
    elif roof == "hip":
        canvas.polygon([(-0.9, top), (-0.5, top - 0.4), (0.5, top - 0.4), (0.9, top)], tiles)
        canvas.box(0.25, top - 0.6, 0.42, top - 0.3, darker(tiles, 0.3))
    else:
        canvas.box(-0.82, top - 0.1, 0.82, top + 0.02, tiles)
    pane = LIGHT if rng.random() < 0.3 else GLASS
    for floor in range(floors):
        y = top + 0.08 + 0.42 * floor
        for number in range(windows + 1):
            x = -0.6 + 1.2 * number / windows
            if floor == floors - 1 and number == (windows + 1) // 2:
                canvas.box(x - 0.12, y + 0.02, x + 0.12, 0.8, darker(look.second, 0.55))
                canvas.disc(x + 0.07, 0.62, 0.025, LIGHT)
                continue
            canvas.box(x - 0.13, y - 0.02, x + 0.13, y + 0.25, (0.95, 0.95, 0.92))
            canvas.box(x - 0.1, y + 0.01, x + 0.1, y + 0.22, pane)
            canvas.line([(x, y), (x, y + 0.23)], 0.03, (0.95, 0.95, 0.92))
            canvas.line([(x - 0.1, y + 0.115), (x + 0.1, y + 0.115)], 0.03, (0.95, 0.95, 0.92))
    return canvas.image()


@family("scene", {"inks": ("grey", "blue", "brown", "black", "purple", "teal"), "grounds": SKIES}, towers=whole(4, 9),
        time=one_of("day", "night"))  # fmt: skip
def skyline(look: Look, rng: np.random.Generator, towers: int, time: str) -> np.ndarray:
    """Towers of a city with windows, by day or by night."""
    night = time == "night"
    if night:
        canvas = Canvas(blend((0.02, 0.03, 0.1), mix((0.1, 0.1, 0.25), look.ground, 0.35), gradient(90)))
        canvas.disc(look.x * 2, -0.65, 0.13, (0.95, 0.93, 0.8))
    else:
        canvas = Canvas(sky(look, rng))
    wide = 2.1 / towers
    for number in range(towers):
        left = -1.05 + number * wide
        top = rng.uniform(-0.75, 0.35)
        wall = shade_of(look.ink, float(rng.uniform(-0.5, 0.25)))
        wall = darker(wall, 0.6) if night else wall
        canvas.box(left, top, left + wide * 0.96, 1.1, wall)
        if rng.random() < 0.3:
            canvas.polygon([(left, top), (left + wide * 0.48, top - 0.22), (left + wide * 0.96, top)], wall)
        elif rng.random() < 0.4:
            canvas.line([(left + wide / 2, top), (left + wide / 2, top - 0.25)], 0.02, wall)
        _windows(canvas, rng, left, top, wide * 0.96, night, wall)
    return canvas.image()


def _windows(canvas: Canvas, rng: np.random.Generator, left: float, top: float, wide: float, night: bool, wall: Colour) -> None:
    columns = max(2, round(wide / 0.1))
    for y in np.arange(top + 0.08, 1, 0.14):
        for column in range(columns):
            if rng.random() < (0.6 if night else 0.9):
                x = left + wide * (column + 0.5) / columns
                canvas.box(x - 0.025, y, x + 0.025, y + 0.07, LIGHT if night else lighter(wall, 0.55))


@family("scene", {"inks": ("blue", "grey", "purple", "brown", "green", "teal"), "grounds": SKIES}, ranges=whole(2, 4), snow=one_of("none", "snow"))
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
                canvas.polygon([*zip(across[part], ridge[part], strict=True), *zip(across[part][::-1], cap[part][::-1], strict=True)],
                               (0.97, 0.98, 1.0))  # fmt: skip
    return canvas.image()


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Where runs of at least three true values begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [(left, right) for left, right in edges.reshape(-1, 2).tolist() if right - left > 2]


@family("scene", {"inks": ("orange", "red", "pink", "yellow", "purple")}, height=between(-0.35, 0.15), size=between(0.18, 0.42))
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
    air[level:] = water + (np.float32((1.0, 0.85, 0.55)) - water) * (0.85 * path)[..., None]
    return air


@family("scene", {"inks": ("grey", "brown", "black"), "grounds": SKIES}, bend=between(-0.9, 0.9), line=one_of("dashed", "solid", "none"))
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
        canvas.polygon([*zip(middle - half * wide, y, strict=True), *zip((middle + half * wide)[::-1], y[::-1], strict=True)], face)
    if line != "none":
        for start in range(1, 22, 1 if line == "solid" else 4):
            a, b = start, min(start + (1 if line == "solid" else 2), 23)
            canvas.polygon([(middle[a] - half[a] * 0.06, y[a]), (middle[a] + half[a] * 0.06, y[a]),
                            (middle[b] + half[b] * 0.06, y[b]), (middle[b] - half[b] * 0.06, y[b])], (0.98, 0.95, 0.85))  # fmt: skip
    return canvas.image()


@family("scene", {"inks": ("brown", "black", "grey", "white"), "grounds": ("green", "teal", "yellow", "orange", "cream", "blue")},
        trunks=whole(6, 14))  # fmt: skip
def forest(look: Look, rng: np.random.Generator, trunks: int) -> np.ndarray:
    """Upright trunks, one behind another, in haze."""
    haze = blend(lighter(look.ground, 0.5), darker(look.ground, 0.35), gradient(90))
    canvas = Canvas(blend(haze, darker(look.ground, 0.4), np.clip(noise(rng, 6, 3) - 0.5, 0, 1)))
    for depth in np.linspace(0, 1, trunks):
        x, wide = rng.uniform(-1, 1), 0.03 + 0.09 * depth**1.5
        bark = mix(lighter(look.ground, 0.2), darker(look.ink, 0.2), 0.2 + 0.8 * depth)
        foot = 0.35 + 0.8 * depth
        canvas.polygon([(x - wide, -1.1), (x + wide, -1.1), (x + wide * 1.5, foot), (x - wide * 1.5, foot)], bark)
        canvas.polygon([(x + wide * 0.3, -1.1), (x + wide, -1.1), (x + wide * 1.5, foot), (x + wide * 0.4, foot)], darker(bark, 0.3))
        for _ in range(2):
            y, side = rng.uniform(-1, 0), 1 if rng.random() < 0.5 else -1
            canvas.line([(x, y), (x + side * 0.35, y - 0.3)], wide * 0.4, bark)
    return canvas.image()


@family("scene", {"inks": ("cream", "yellow", "white", "orange"), "grounds": ("blue", "purple", "black", "teal")},
        phase=between(-1, 1), stars=whole(15, 120))  # fmt: skip
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


@family("scene", {"inks": BRIGHT, "grounds": SKIES, "angle": LEVEL}, body=one_of("saloon", "van", "lorry"), heading=one_of("left", "right"))
def car(look: Look, rng: np.random.Generator, body: str, heading: str) -> np.ndarray:
    """A car, a van or a lorry on the road."""
    canvas = Canvas(sky(look, rng))
    canvas.box(-2, 0.5 * look.scale + look.y * 0.5, 2, 2, (0.38, 0.38, 0.4))
    canvas.pose(look.x * 0.8, look.y * 0.5, look.scale * 1.1, look.angle, flip=heading == "right")
    canvas.ellipse(0, 0.58, 1.0, 0.1, (0.2, 0.2, 0.22))
    if body == "saloon":
        canvas.polygon([(-0.5, 0.02), (-0.28, -0.38), (0.32, -0.38), (0.62, 0.02)], look.ink)
        canvas.polygon([(-0.4, 0.0), (-0.23, -0.3), (0.0, -0.3), (0.0, 0.0)], GLASS)
        canvas.polygon([(0.06, 0.0), (0.06, -0.3), (0.27, -0.3), (0.49, 0.0)], GLASS)
        canvas.polygon([(-0.98, 0.1), (-0.5, -0.02), (0.7, -0.02), (0.98, 0.12), (0.98, 0.45), (-0.98, 0.45)], look.ink)
    elif body == "van":
        canvas.polygon([(-0.95, 0.45), (-0.95, 0.05), (-0.65, -0.45), (0.95, -0.45), (0.95, 0.45)], look.ink)
        canvas.polygon([(-0.84, 0.03), (-0.6, -0.34), (-0.32, -0.34), (-0.32, 0.03)], GLASS)
        canvas.box(-0.22, -0.34, 0.25, -0.02, GLASS)
        canvas.box(0.35, -0.34, 0.82, -0.02, GLASS)
    else:
        canvas.box(-0.32, -0.65, 1.0, 0.4, look.second)
        canvas.polygon([(-0.98, 0.45), (-0.98, 0.0), (-0.82, -0.35), (-0.38, -0.35), (-0.38, 0.45)], look.ink)
        canvas.polygon([(-0.9, 0.0), (-0.78, -0.27), (-0.5, -0.27), (-0.5, 0.0)], GLASS)
        canvas.box(-0.98, 0.35, 1.0, 0.47, BLACK)
    canvas.box(-0.98, 0.28, 0.98, 0.34, darker(look.ink, 0.35))
    canvas.ellipse(-0.93, 0.18, 0.06, 0.07, LIGHT)
    for x in (-0.56, 0.58):
        canvas.disc(x, 0.45, 0.22, BLACK)
        canvas.disc(x, 0.45, 0.11, (0.75, 0.76, 0.78))
    return canvas.image()


@family("scene", {"inks": BRIGHT, "grounds": SKIES, "angle": (-8, 8)}, sails=whole(0, 2), waves=whole(3, 7))
def boat(look: Look, rng: np.random.Generator, sails: int, waves: int) -> np.ndarray:
    """A boat at sea: with a funnel, or under one or two sails."""
    canvas = Canvas(sky(look, rng))
    sea = colour(rng, str(rng.choice(["blue", "teal"])))
    canvas.box(-2, 0.3, 2, 2, darker(sea, 0.15))
    canvas.pose(look.x, 0.05, look.scale * 1.05, look.angle)
    if sails:
        canvas.line([(0, 0.3), (0, -0.95)], 0.05, (0.35, 0.25, 0.18))
        canvas.polygon([(0.06, -0.9), (0.06, 0.18), (0.75, 0.18)], look.second)
        if sails == 2:
            canvas.polygon([(-0.06, -0.75), (-0.06, 0.18), (-0.6, 0.18)], lighter(look.second, 0.5))
    else:
        canvas.box(-0.45, -0.1, 0.5, 0.3, (0.95, 0.95, 0.93))
        canvas.box(0.0, -0.55, 0.25, -0.1, look.second)
        for x in (-0.3, -0.05, 0.2):
            canvas.disc(x, 0.08, 0.07, (0.2, 0.3, 0.4))
    canvas.polygon([(-0.95, 0.25), (0.95, 0.25), (0.62, 0.68), (-0.65, 0.68)], look.ink)
    canvas.line([(-0.9, 0.32), (0.88, 0.32)], 0.06, lighter(look.ink, 0.6))
    canvas.pose()
    across = np.linspace(-1.1, 1.1, 60)
    for row, y in enumerate(np.linspace(0.52, 0.98, waves)):
        crest = y + 0.035 * np.sin(across * (14 - row) + rng.uniform(0, 6))
        canvas.polygon([*zip(across, crest, strict=True), (1.2, 1.2), (-1.2, 1.2)], shade_of(sea, 0.3 - 0.5 * (row + 1) / waves))
    return canvas.image()


@family("scene", {"inks": ("white", "brown", "cream", "grey", "red", "blue", "black"), "grounds": SKIES, "angle": LEVEL},
        boards=whole(5, 11), top=one_of("pointed", "flat"))  # fmt: skip
def fence(look: Look, rng: np.random.Generator, boards: int, top: str) -> np.ndarray:
    """A fence of boards in a meadow."""
    canvas = Canvas(sky(look, rng))
    meadow = colour(rng, "green")
    canvas.box(-2, 0.1, 2, 2, meadow)
    level = -0.35 + look.y * 0.5
    canvas.pose(0, 0, 1, look.angle)
    for y in (level + 0.25, level + 0.75):
        canvas.box(-1.3, y - 0.05, 1.3, y + 0.05, darker(look.ink, 0.3))
    wide = 2.2 / boards
    for number in range(boards + 1):
        left = -1.15 + number * wide
        right, face = left + wide * 0.7, shade_of(look.ink, float(rng.uniform(-0.2, 0.1)))
        tip = [((left + right) / 2, level - 0.15)] if top == "pointed" else []
        canvas.polygon([(left, level + 1.1), (left, level), *tip, (right, level), (right, level + 1.1)], darker(face, 0.35))
        canvas.polygon([(left, level + 1.1), (left, level + 0.02), *tip, (right - 0.03, level + 0.02), (right - 0.03, level + 1.1)], face)
    for x in rng.uniform(-1.1, 1.1, 45):
        canvas.line([(x, 1.1), (x + rng.normal(0, 0.05), level + rng.uniform(0.85, 1.1))], 0.03, shade_of(meadow, float(rng.uniform(-0.4, 0.2))))
    return canvas.image()


@family("scene", {"grounds": ("blue", "grey", "teal", "purple", "white")}, bands=whole(4, 7), width=between(0.25, 0.6))
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
        canvas.polygon([*zip(across, hills, strict=True), (1.2, 1.2), (-1.2, 1.2)], darker(colour(rng, "green"), 0.15 + 0.25 * depth))
    return canvas.image()


@family("scene", {"inks": BRIGHT, "grounds": ("cream", "white", "grey", "brown", "teal", "pink"), "angle": LEVEL}, panes=whole(1, 3),
        view=one_of("sky", "night", "green"))  # fmt: skip
def window(look: Look, rng: np.random.Generator, panes: int, view: str) -> np.ndarray:
    """A window in a room, between curtains."""
    canvas = on_background(look, rng)
    canvas.pose(look.x * 0.6, look.y * 0.6, look.scale, look.angle)
    outside: dict[str, tuple[Colour, Colour]] = {"sky": ((0.55, 0.78, 0.98), (0.95, 0.97, 1.0)),
               "night": ((0.05, 0.06, 0.2), (0.95, 0.93, 0.75)), "green": ((0.75, 0.9, 0.98), (0.3, 0.55, 0.25))}  # fmt: skip
    glass, thing = outside[view]
    frame: Colour = (0.96, 0.95, 0.92)
    canvas.box(-0.8, -0.95, 0.8, 0.95, darker(frame, 0.3))
    canvas.box(-0.76, -0.92, 0.76, 0.9, frame)
    canvas.box(-0.68, -0.84, 0.68, 0.82, glass)
    if view == "green":
        canvas.ellipse(-0.2, 0.75, 0.46, 0.4, thing)
        canvas.box(-0.68, 0.5, 0.68, 0.82, darker(thing, 0.2))
    else:
        canvas.disc(0.22, -0.4, 0.2, thing)
    for number in range(1, panes + 1):
        x = -0.68 + 1.36 * number / (panes + 1)
        canvas.box(x - 0.035, -0.84, x + 0.035, 0.82, frame)
    canvas.box(-0.68, -0.04, 0.68, 0.04, frame)
    for side in (-1, 1):
        for fold in range(4):
            x = side * (1.05 - 0.14 * fold)
            tone = shade_of(look.ink, -0.3 if fold % 2 else 0.1)
            canvas.polygon([(x - 0.09, -1.05), (x + 0.09, -1.05), (x + 0.09 + side * 0.1, 1.1), (x - 0.09 + side * 0.1, 1.1)], tone)
    canvas.line([(-1.2, -1.05), (1.2, -1.05)], 0.07, (0.4, 0.28, 0.18))
    return canvas.image()


@family("scene", {"inks": ("cream", "orange", "yellow", "brown", "pink"), "grounds": ("blue", "teal", "orange", "pink", "purple")},
        dunes=whole(2, 5), sun=one_of("none", "sun"))  # fmt: skip
def desert(look: Look, rng: np.random.Generator, dunes: int, sun: str) -> np.ndarray:
    """Dunes with sharp crests, lit from one side."""
    canvas = Canvas(sky(look, rng, 0.2))
    if sun == "sun":
        canvas.disc(look.x * 2, -0.6, 0.17, (1.0, 0.97, 0.8))
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
