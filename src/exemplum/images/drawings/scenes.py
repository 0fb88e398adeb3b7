"""Places that people made: houses, towns, fences, windows, and what drives and sails there."""

from __future__ import annotations

import numpy as np

from exemplum.images.drawings.canvas import Canvas, gradient, on_background, shade_of, sky
from exemplum.images.drawings.families import family, one_of, whole
from exemplum.images.drawings.looks import BRIGHT, Colour, Look, blend, colour, darker, lighter, mix

LEVEL = (-4, 4)  # degrees
BLACK: Colour = (0.06, 0.06, 0.08)
GLASS: Colour = (0.62, 0.8, 0.92)
LIGHT: Colour = (1.0, 0.9, 0.5)
SKIES = ("blue", "teal", "pink", "cream", "orange", "purple", "grey")


@family(
    "scene",
    {"inks": ("red", "cream", "white", "yellow", "brown", "blue", "pink", "orange"), "grounds": SKIES, "angle": LEVEL},
    floors=whole(1, 3),
    windows=whole(1, 3),
    roof=one_of("gable", "flat", "hip"),
)
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


@family(
    "scene",
    {"inks": ("grey", "blue", "brown", "black", "purple", "teal"), "grounds": SKIES},
    towers=whole(4, 9),
    time=one_of("day", "day", "night"),
)
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


def _windows(
    canvas: Canvas, rng: np.random.Generator, left: float, top: float, wide: float, night: bool, wall: Colour
) -> None:
    columns = max(2, round(wide / 0.1))
    for y in np.arange(top + 0.08, 1, 0.14):
        for column in range(columns):
            if rng.random() < (0.6 if night else 0.9):
                x = left + wide * (column + 0.5) / columns
                canvas.box(x - 0.025, y, x + 0.025, y + 0.07, LIGHT if night else lighter(wall, 0.55))


@family(
    "scene",
    {"inks": BRIGHT, "grounds": SKIES, "angle": LEVEL},
    body=one_of("saloon", "van", "lorry"),
    heading=one_of("left", "right"),
)
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
        canvas.polygon(
            [*zip(across, crest, strict=True), (1.2, 1.2), (-1.2, 1.2)], shade_of(sea, 0.3 - 0.5 * (row + 1) / waves)
        )
    return canvas.image()


@family(
    "scene",
    {"inks": ("white", "brown", "cream", "grey", "red", "blue", "black"), "grounds": SKIES, "angle": LEVEL},
    boards=whole(5, 11),
    top=one_of("pointed", "flat"),
)
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
        canvas.polygon(
            [(left, level + 1.1), (left, level), *tip, (right, level), (right, level + 1.1)], darker(face, 0.35)
        )
        canvas.polygon(
            [
                (left, level + 1.1),
                (left, level + 0.02),
                *tip,
                (right - 0.03, level + 0.02),
                (right - 0.03, level + 1.1),
            ],
            face,
        )
    for x in rng.uniform(-1.1, 1.1, 45):
        canvas.line(
            [(x, 1.1), (x + rng.normal(0, 0.05), level + rng.uniform(0.85, 1.1))],
            0.03,
            shade_of(meadow, float(rng.uniform(-0.4, 0.2))),
        )
    return canvas.image()


@family(
    "scene",
    {"inks": BRIGHT, "grounds": ("cream", "white", "grey", "brown", "teal", "pink"), "angle": LEVEL},
    panes=whole(1, 3),
    view=one_of("sky", "night", "green"),
)
def window(look: Look, rng: np.random.Generator, panes: int, view: str) -> np.ndarray:
    """A window in a room, between curtains."""
    canvas = on_background(look, rng)
    canvas.pose(look.x * 0.6, look.y * 0.6, look.scale, look.angle)
    outside: dict[str, tuple[Colour, Colour]] = {
        "sky": ((0.55, 0.78, 0.98), (0.95, 0.97, 1.0)),
        "night": ((0.05, 0.06, 0.2), (0.95, 0.93, 0.75)),
        "green": ((0.75, 0.9, 0.98), (0.3, 0.55, 0.25)),
    }
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
            canvas.polygon(
                [(x - 0.09, -1.05), (x + 0.09, -1.05), (x + 0.09 + side * 0.1, 1.1), (x - 0.09 + side * 0.1, 1.1)], tone
            )
    canvas.line([(-1.2, -1.05), (1.2, -1.05)], 0.07, (0.4, 0.28, 0.18))
    return canvas.image()
