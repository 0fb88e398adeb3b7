"""Creatures and their parts: eyes, faces, fish, birds, butterflies, cats, snakes, beetles, spiders."""

from __future__ import annotations

import math

import numpy as np

from exemplum.images.drawings.canvas import Canvas, on_background, shade_of
from exemplum.images.drawings.families import between, family, one_of, whole
from exemplum.images.drawings.looks import BRIGHT, Colour, Look, colour, darker, lighter, mix

BLACK: Colour = (0.05, 0.05, 0.06)
WHITE: Colour = (0.97, 0.97, 0.95)
UPRIGHT = (-12, 12)  # degrees
SKIN: tuple[Colour, ...] = (
    (0.98, 0.84, 0.72),
    (0.91, 0.7, 0.54),
    (0.75, 0.53, 0.37),
    (0.5, 0.33, 0.22),
    (0.32, 0.2, 0.13),
)


@family(
    "animal",
    {"inks": ("blue", "green", "brown", "teal", "orange", "purple", "grey"), "angle": UPRIGHT, "scale": (0.6, 0.95)},
    gaze=between(-0.25, 0.25),
    openness=between(0.35, 0.62),
    pupil=one_of("round", "slit"),
)
def eye(look: Look, rng: np.random.Generator, gaze: float, openness: float, pupil: str) -> np.ndarray:
    """One eye: lids, white, iris, pupil and a glint; round pupils in skin, slits in fur or scales."""
    skin = SKIN[rng.integers(len(SKIN))] if pupil == "round" else look.ground
    canvas = Canvas(skin)
    canvas.pose(look.x * 0.5, look.y * 0.5, look.scale, look.angle)
    across = np.linspace(-1, 1, 40)
    lid = openness * (1 - across**2)
    canvas.polygon(
        [
            *zip(across * 1.08, -lid * 1.25 - 0.07, strict=True),
            *zip(across[::-1] * 1.08, lid[::-1] * 1.1 + 0.05, strict=True),
        ],
        darker(skin, 0.45),
    )
    white = WHITE if pupil == "round" else lighter(look.ink, 0.6)
    opening = [*zip(across, -lid, strict=True), *zip(across[::-1], lid[::-1], strict=True)]
    canvas.polygon(opening, white)
    radius = min(openness * 1.02, 0.55)
    canvas.disc(gaze, 0, radius, darker(look.ink, 0.55))
    canvas.disc(gaze, 0, radius * 0.9, look.ink)
    for a in np.linspace(0, 2 * math.pi, 20, endpoint=False):
        tip = (gaze + radius * 0.85 * math.cos(a), radius * 0.85 * math.sin(a))
        canvas.line([(gaze, 0), tip], 0.025, lighter(look.ink, 0.35))
    if pupil == "round":
        canvas.disc(gaze, 0, radius * 0.45, BLACK)
    else:
        canvas.ellipse(gaze, 0, radius * 0.17, radius * 0.85, BLACK)
    canvas.disc(gaze - radius * 0.3, -radius * 0.35, radius * 0.18, WHITE)
    # the lids cover what of the iris is beyond the opening
    lower = [*zip(across, lid, strict=True), (1.2, 0.9), (-1.2, 0.9)]
    upper = [*zip(across, -lid, strict=True), (1.2, -0.95), (-1.2, -0.95)]
    canvas.polygon(lower, skin)
    canvas.polygon(upper, skin)
    canvas.line(list(zip(across, -lid, strict=True)), 0.07, BLACK)
    canvas.line(list(zip(across, lid, strict=True)), 0.03, darker(skin, 0.5))
    if pupil == "round":
        for x in np.linspace(-0.85, 0.85, 13):
            y = -openness * (1 - x**2)
            canvas.line([(x, y), (x * 1.18, y - 0.2)], 0.03, BLACK)
        if rng.random() < 0.6:
            canvas.line([(-0.9, -0.75), (-0.2, -1.0), (0.9, -0.8)], 0.14, darker(skin, 0.7))
    return canvas.image()


@family(
    "animal",
    {"angle": UPRIGHT, "inks": ("black", "brown", "orange", "yellow", "grey", "red", "white")},
    mood=one_of("happy", "sad", "surprised", "neutral"),
    hair=one_of("short", "long", "none"),
)
def face(look: Look, rng: np.random.Generator, mood: str, hair: str) -> np.ndarray:
    """A person's face from the front, with hair and a mood."""
    canvas = on_background(look, rng)
    skin = SKIN[rng.integers(len(SKIN))]
    if hair == "long":
        canvas.ellipse(0, -0.05, 0.9, 0.98, darker(look.ink, 0.2))
        canvas.box(-0.88, 0, 0.88, 1.05, darker(look.ink, 0.2))
    canvas.box(-0.26, 0.6, 0.26, 1.15, darker(skin, 0.2))
    canvas.ellipse(0, 1.4, 0.88, 0.4, look.second)
    canvas.box(-0.88, 1.4, 0.88, 4, look.second)
    if hair != "none":
        canvas.ellipse(0, -0.2, 0.8, 0.8, look.ink)
    for x in (-0.7, 0.7):
        canvas.ellipse(x, 0.05, 0.12, 0.18, darker(skin, 0.12))
    canvas.ellipse(0, 0.08, 0.69, 0.83, skin)
    if hair != "none":
        canvas.polygon(
            [(0.72 * math.cos(a), -0.1 + 0.82 * math.sin(a)) for a in np.linspace(math.pi * 1.02, math.pi * 1.98, 24)]
            + [(0.3, -0.38), (-0.45, -0.3)],
            look.ink,
        )
    for x in (-0.28, 0.28):
        canvas.ellipse(x, -0.05, 0.15, 0.17 if mood == "surprised" else 0.1, WHITE)
        canvas.disc(x, -0.05, 0.08, BLACK)
        tilt = {"sad": 0.1, "happy": -0.02, "surprised": -0.06, "neutral": 0}[mood] * (1 if x > 0 else -1)
        canvas.line([(x - 0.16, -0.27 - tilt), (x + 0.16, -0.27 + tilt)], 0.06, darker(look.ink, 0.3))
    canvas.polygon([(0, 0.05), (0.1, 0.32), (-0.1, 0.32)], darker(skin, 0.18))
    _mouth(canvas, mood)
    return canvas.image()


def _mouth(canvas: Canvas, mood: str) -> None:
    lips: Colour = (0.7, 0.2, 0.2)
    if mood == "surprised":
        canvas.ellipse(0, 0.58, 0.13, 0.17, darker(lips, 0.5))
        return
    bend = {"happy": 0.18, "sad": -0.16, "neutral": 0.0}[mood]
    arc = [(x, 0.57 + bend * (1 - (x / 0.3) ** 2)) for x in np.linspace(-0.3, 0.3, 12)]
    if mood == "happy":
        canvas.polygon(arc, WHITE)
    canvas.line(arc, 0.07, lips)


@family(
    "animal",
    {"inks": BRIGHT, "grounds": ("blue", "teal", "white", "black", "green"), "angle": (-25, 25)},
    stripes=whole(0, 5),
    depth=between(0.3, 0.65),
    heading=one_of("left", "right"),
)
def fish(look: Look, rng: np.random.Generator, stripes: int, depth: float, heading: str) -> np.ndarray:
    """A fish from the side, plain or striped."""
    canvas = on_background(look, rng)
    canvas.pose(look.x, look.y, look.scale, look.angle, flip=heading == "right")
    fin = darker(look.ink, 0.3)
    canvas.polygon([(0.5, 0), (1.0, -0.5), (0.88, 0), (1.0, 0.5)], fin)
    canvas.polygon([(-0.35, -depth * 0.7), (0.1, -depth - 0.28), (0.45, -depth * 0.4)], fin)
    canvas.polygon([(-0.1, depth * 0.7), (0.2, depth + 0.2), (0.35, depth * 0.5)], fin)
    across = np.linspace(-1, 0.7, 40)
    half = depth * np.clip(1 - ((across + 0.15) / 0.86) ** 2, 0, None) ** 0.62
    canvas.polygon([*zip(across, -half, strict=True), *zip(across[::-1], half[::-1], strict=True)], look.ink)
    canvas.polygon(
        [*zip(across, half * 0.3, strict=True), *zip(across[::-1], half[::-1], strict=True)], lighter(look.ink, 0.3)
    )
    for x in np.linspace(-0.4, 0.5, stripes):
        high = float(np.interp(x, across, half)) * 0.97
        canvas.line([(x, -high), (x + 0.04, 0), (x, high)], 0.09, look.second)
    canvas.polygon([(-0.15, 0.05), (0.2, -0.12), (0.2, 0.25)], fin)
    canvas.disc(-0.66, -0.12 * depth / 0.5, 0.12, WHITE)
    canvas.disc(-0.68, -0.12 * depth / 0.5, 0.065, BLACK)
    canvas.line([(-0.98, 0.07), (-0.84, 0.12)], 0.03, darker(look.ink, 0.6))
    return canvas.image()


@family(
    "animal",
    {"angle": UPRIGHT, "inks": (*BRIGHT, "brown", "black", "grey", "white")},
    pose=one_of("perched", "flying"),
    heading=one_of("left", "right"),
)
def bird(look: Look, rng: np.random.Generator, pose: str, heading: str) -> np.ndarray:
    """A bird from the side, on a twig or flying."""
    canvas = on_background(look, rng)
    canvas.pose(look.x, look.y, look.scale, look.angle, flip=heading == "right")
    beak = (0.95, 0.65, 0.1)
    if pose == "perched":
        canvas.line([(-1.6, 0.78), (1.6, 0.7)], 0.12, (0.35, 0.24, 0.16))
        for x in (-0.05, 0.12):
            canvas.line([(x, 0.5), (x, 0.74)], 0.04, beak)
    canvas.polygon([(0.35, 0.05), (1.05, 0.35), (0.95, 0.52), (0.3, 0.4)], darker(look.ink, 0.4))
    canvas.polygon([(-0.8, -0.5), (-1.1, -0.4), (-0.78, -0.34)], beak)
    canvas.ellipse(0, 0.1, 0.6, 0.42, look.ink, 25)
    canvas.ellipse(-0.12, 0.24, 0.42, 0.26, look.second, 25)
    canvas.disc(-0.5, -0.4, 0.34, look.ink)
    if pose == "flying":
        lift = float(rng.uniform(0.8, 1.1))
        canvas.polygon([(-0.25, -0.05), (0.15, -lift), (0.75, -lift - 0.1), (0.4, 0.05)], darker(look.ink, 0.25))
        canvas.polygon([(-0.1, -0.05), (0.4, -lift * 0.75), (0.75, -lift - 0.1), (0.4, 0.05)], darker(look.ink, 0.45))
    else:
        canvas.ellipse(0.2, 0.08, 0.42, 0.22, darker(look.ink, 0.35), 25)
        canvas.ellipse(0.24, 0.04, 0.3, 0.1, darker(look.ink, 0.15), 25)
    canvas.disc(-0.6, -0.46, 0.075, WHITE)
    canvas.disc(-0.61, -0.46, 0.045, BLACK)
    return canvas.image()


@family("animal", {"inks": BRIGHT, "angle": (-40, 40)}, spots=whole(0, 3), tails=one_of("round", "tailed"))
def butterfly(look: Look, rng: np.random.Generator, spots: int, tails: str) -> np.ndarray:
    """A butterfly with its wings spread."""
    canvas = on_background(look, rng)
    edge, reach = darker(look.ink, 0.75), rng.uniform(0.85, 1.05)
    for side in (False, True):
        canvas.pose(look.x, look.y, look.scale, look.angle, flip=side)
        upper = [(0, -0.15), (0.35, -0.8), (0.85, -0.95), (reach, -0.6), (0.75, -0.05), (0.1, 0.1)]
        lower = [(0.05, 0), (0.7, 0.1), (0.78, 0.5), (0.45, 0.85), (0.12, 0.4)]
        if tails == "tailed":
            lower[3:3] = [(0.62, 0.7), (0.72, 1.1), (0.52, 0.8)]
        for wing, face in ((upper, look.ink), (lower, mix(look.ink, look.second, 0.6))):
            canvas.polygon(wing, edge)
            cx, cy = np.mean(wing, axis=0)
            canvas.polygon([(cx + (x - cx) * 0.8, cy + (y - cy) * 0.8) for x, y in wing], face)
        for number in range(spots):
            canvas.disc(0.68 - 0.2 * number, -0.62 + 0.12 * number, 0.1, look.second)
            canvas.disc(0.5 - 0.1 * number, 0.35 + 0.1 * number, 0.07, look.ink)
        canvas.line([(0.03, -0.4), (0.2, -0.75), (0.26, -0.8)], 0.03, BLACK)
    canvas.ellipse(0, 0.05, 0.07, 0.5, BLACK)
    return canvas.image()


@family(
    "animal",
    {"inks": ("orange", "grey", "black", "white", "brown", "cream"), "angle": UPRIGHT},
    coat=one_of("plain", "striped", "patched"),
    species=one_of("cat", "dog"),
)
def pet(look: Look, rng: np.random.Generator, coat: str, species: str) -> np.ndarray:
    """The head of a cat (pointed ears, whiskers) or a dog (floppy ears, long snout)."""
    canvas = on_background(look, rng)
    dark = darker(look.ink, 0.4)
    iris = colour(rng, str(rng.choice(["green", "yellow", "blue", "orange"])))
    if species == "cat":
        for side in (-1, 1):
            canvas.polygon([(side * 0.2, -0.5), (side * 0.72, -1.05), (side * 0.78, -0.1)], look.ink)
            canvas.polygon([(side * 0.38, -0.52), (side * 0.66, -0.86), (side * 0.68, -0.3)], (0.9, 0.6, 0.6))
    canvas.ellipse(0, 0.1, 0.82, 0.74 if species == "cat" else 0.82, look.ink)
    if coat == "patched":
        canvas.ellipse(0.34, -0.12, 0.36, 0.4, look.second if rng.random() < 0.3 else dark)
    if coat == "striped":
        for x in (-0.3, -0.1, 0.1, 0.3):
            canvas.line([(x, -0.56), (x * 0.7, -0.26)], 0.07, dark)
        for side in (-1, 1):
            for y in (0.1, 0.28):
                canvas.line([(side * 0.8, y), (side * 0.5, y + 0.04)], 0.06, dark)
    if species == "dog":
        for side in (-1, 1):
            canvas.ellipse(side * 0.78, 0.05, 0.22, 0.58, dark, side * -12)
        canvas.ellipse(0, 0.48, 0.4, 0.42, lighter(look.ink, 0.45))
    for x in (-0.33, 0.33):
        canvas.ellipse(x, -0.06, 0.16, 0.15, iris if species == "cat" else WHITE)
        canvas.ellipse(x, -0.06, 0.05 if species == "cat" else 0.1, 0.13, BLACK)
    nose = (0.85, 0.45, 0.45) if species == "cat" else BLACK
    canvas.polygon([(-0.13, 0.24), (0.13, 0.24), (0, 0.4)], nose)
    canvas.line([(-0.22, 0.55), (-0.08, 0.6), (0, 0.42), (0.08, 0.6), (0.22, 0.55)], 0.04, darker(look.ink, 0.8))
    if species == "cat":
        for side in (-1, 1):
            for y in (0.3, 0.42, 0.54):
                canvas.line(
                    [(side * 0.22, 0.42), (side * 1.05, y + 0.05)],
                    0.018,
                    WHITE if look.ink_name in ("black", "brown") else BLACK,
                )
    elif rng.random() < 0.5:
        canvas.ellipse(0, 0.74, 0.12, 0.2, (0.9, 0.4, 0.45))
    return canvas.image()


@family("animal", {"inks": BRIGHT}, bends=between(1, 2.6), bands=whole(0, 9))
def snake(look: Look, rng: np.random.Generator, bends: float, bands: int) -> np.ndarray:
    """A snake in curves, plain or banded."""
    canvas = on_background(look, rng)
    along = np.linspace(-1, 1, 70)
    phase = rng.uniform(0, 6)
    y = 0.42 * np.sin(along * math.pi * bends + phase)
    thick = 0.17 * np.clip((1.02 - along) * 1.6 + 0.08, 0, 1)
    for u, v, radius in zip(along, y, thick, strict=True):
        canvas.disc(u, v, radius + 0.03, darker(look.ink, 0.65))
    for place, (u, v, radius) in enumerate(zip(along, y, thick, strict=True)):
        banded = bands and int(place / 70 * bands * 2) % 2
        canvas.disc(u, v, radius, look.second if banded else look.ink)
    canvas.ellipse(-1.02, y[0], 0.26, 0.19, look.ink)
    canvas.line([(-1.25, y[0]), (-1.45, y[0] - 0.02)], 0.035, (0.85, 0.1, 0.1))
    for side in (-0.09, 0.09):
        canvas.disc(-1.08, y[0] + side, 0.05, BLACK)
    return canvas.image()


@family(
    "animal",
    {
        "inks": ("red", "orange", "yellow", "green", "blue", "purple", "teal"),
        "grounds": ("white", "cream", "grey", "yellow", "pink", "green", "blue", "orange"),
    },
    spots=whole(0, 8),
)
def beetle(look: Look, rng: np.random.Generator, spots: int) -> np.ndarray:
    """A beetle from above: wing cases, head, six legs."""
    canvas = on_background(look, rng)
    for side in (-1, 1):
        for y, lift in ((-0.35, -0.3), (0.1, 0.05), (0.45, 0.35)):
            canvas.line([(0, y), (side * 0.75, y + lift * 0.5), (side * 1.0, y + lift)], 0.07, BLACK)
        canvas.line([(0, -0.75), (side * 0.25, -1.05), (side * 0.4, -1.1)], 0.045, BLACK)
    canvas.disc(0, -0.62, 0.32, BLACK)
    canvas.ellipse(0, 0.12, 0.66, 0.78, darker(look.ink, 0.3))
    canvas.ellipse(-0.03, 0.1, 0.6, 0.72, look.ink)
    canvas.ellipse(-0.25, -0.2, 0.14, 0.22, lighter(look.ink, 0.4), 20)
    canvas.line([(0, -0.6), (0, 0.88)], 0.05, BLACK)
    for number in range(spots):
        x, y = (-1) ** number * (0.22 + 0.1 * (number // 2 % 2)), -0.3 + 0.28 * (number // 2)
        canvas.disc(x, y, 0.12, BLACK)
    return canvas.image()


@family(
    "animal",
    {"inks": ("white", "cream", "black", "grey"), "scale": (0.7, 1.1)},
    spokes=whole(7, 14),
    turns=whole(4, 9),
    resident=one_of("none", "spider"),
)
def web(look: Look, rng: np.random.Generator, spokes: int, turns: int, resident: str) -> np.ndarray:
    """A cobweb, with or without its spider."""
    canvas = on_background(look, rng)
    canvas.pose(look.x, look.y, 1, look.angle)
    around = np.linspace(0, 2 * math.pi, spokes, endpoint=False) + rng.uniform(-0.1, 0.1, spokes)
    for a in around:
        canvas.line([(0, 0), (2.6 * math.cos(a), 2.6 * math.sin(a))], 0.022, look.ink)
    for reach in np.linspace(0.12, look.scale * 1.25, turns):
        corners = []
        for a, b in zip(around, np.roll(around, -1), strict=True):
            b = b if b > a else b + 2 * math.pi
            corners += [
                (reach * math.cos(a), reach * math.sin(a)),
                (0.88 * reach * math.cos((a + b) / 2), 0.88 * reach * math.sin((a + b) / 2)),
            ]
        canvas.line([*corners, corners[0]], 0.018, look.ink)
    if resident == "spider":
        body = shade_of(look.second, -0.5)
        x, y = rng.uniform(-0.3, 0.3, 2)
        for side in (-1, 1):
            for turn in (-50, -18, 18, 50):
                a = math.radians(turn)
                knee = (x + side * 0.24 * math.cos(a), y + 0.24 * math.sin(a) - 0.06)
                canvas.line([(x, y), knee, (x + side * 0.4 * math.cos(a), y + 0.44 * math.sin(a))], 0.035, body)
        canvas.disc(x, y - 0.1, 0.1, body)
        canvas.ellipse(x, y + 0.1, 0.15, 0.19, body)
    return canvas.image()
