"""Things about the house: balls, stars, letters, cups, books, lamps."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from exemplum.images.drawings.canvas import Canvas, background, on_background, shade_of
from exemplum.images.drawings.families import between, family, one_of, whole
from exemplum.images.drawings.looks import (
    BRIGHT,
    Colour,
    Look,
    blend,
    colour,
    coordinates,
    darker,
    lighter,
    noise,
    step,
    wave,
)

BLACK: Colour = (0.06, 0.06, 0.07)
WHITE: Colour = (0.97, 0.97, 0.95)
METAL: Colour = (0.62, 0.64, 0.68)
UPRIGHT = (-12, 12)  # degrees
WORDS = ("A", "B", "E", "G", "H", "K", "M", "R", "S", "W", "X", "2", "3", "5", "7", "8", "&", "?")


@family("object", surface=one_of("plain", "striped", "dotted", "glossy"), light=between(-60, 60))
def ball(look: Look, rng: np.random.Generator, surface: str, light: float) -> np.ndarray:
    """A ball lit from above, with its shadow."""
    u, v = coordinates(0, look.x, look.y)
    radius = look.scale * 0.85
    behind = background(look, rng)
    shadow = step(1 - np.hypot((u - 0.15) / (radius * 1.1), (v - radius * 0.95) / (radius * 0.3)), 2)
    behind = blend(behind, darker(look.ground, 0.75), shadow * 0.7)
    inside = np.clip(1 - (u**2 + v**2) / radius**2, 0, 1)
    depth = np.sqrt(inside)
    a = math.radians(light - 90)
    lit = np.clip((u * math.cos(a) + v * math.sin(a)) / radius * 0.6 + depth * 0.7, 0, 1)
    face = np.broadcast_to(np.asarray(look.ink, dtype=np.float32), (*u.shape, 3))
    if surface == "striped":
        across, _ = coordinates(look.angle, look.x, look.y)
        face = blend(look.ink, look.second, wave(np.arcsin((across / radius).clip(-1, 1)) * 1.2, True))
    elif surface == "dotted":
        along, down = (np.arcsin((w / radius).clip(-1, 1)) * 1.9 for w in coordinates(look.angle, look.x, look.y))
        face = blend(look.ink, look.second, step(0.3 - np.hypot(along % 1 - 0.5, down % 1 - 0.5), 12))
    shaded = face * (0.22 + 0.9 * lit)[..., None]
    glint = np.clip(lit - (0.86 if surface == "glossy" else 0.93), 0, 1) * 6
    return blend(behind, blend(shaded, WHITE, np.clip(glint, 0, 0.95)), step(inside - 0.03, 25))


@family("object", points=whole(4, 9), depth=between(0.3, 0.6), count=whole(1, 5))
def stars(look: Look, rng: np.random.Generator, points: int, depth: float, count: int) -> np.ndarray:
    """One large star, or several."""
    canvas = on_background(look, rng)
    for number in range(count):
        if count > 1:
            around = 2 * math.pi * number / count + math.radians(look.angle)
            canvas.pose(0.52 * math.cos(around), 0.52 * math.sin(around), rng.uniform(0.3, 0.48), look.angle)
        tips = [
            (math.cos(a) * r, math.sin(a) * r)
            for i in range(points * 2)
            for a, r in [(math.pi * i / points - math.pi / 2, 1 if i % 2 == 0 else depth)]
        ]
        canvas.polygon([(1.12 * x, 1.12 * y) for x, y in tips], darker(look.ink, 0.5))
        canvas.polygon(tips, look.ink if number % 2 == 0 else look.second)
    return canvas.image()


@family("object", {"angle": (-30, 30)}, letters=whole(1, 4), lines=whole(1, 3))
def lettering(look: Look, rng: np.random.Generator, letters: int, lines: int) -> np.ndarray:
    """Large letters and numerals, in one to three lines."""
    canvas = Canvas(background(look, rng))
    height = min(1.5 / lines, 2.3 / letters) * (1.0 if letters > 1 else 0.95)
    turn = math.radians(look.angle)
    for line in range(lines):
        off = (line - (lines - 1) / 2) * height * 0.95
        word = "".join(rng.choice(WORDS, size=letters))
        x, y = look.x * 0.4 - off * math.sin(turn), look.y * 0.4 + off * math.cos(turn)
        canvas.text(word, x + 0.03, y + 0.03, height, darker(look.ground, 0.6), look.angle)
        canvas.text(word, x, y, height, look.ink if line % 2 == 0 else look.second, look.angle)
    return canvas.image()


@family(
    "object",
    {"angle": UPRIGHT},
    steam=one_of("none", "steam"),
    height=between(0.5, 0.8),
    handle=one_of("left", "right"),
)
def cup(look: Look, rng: np.random.Generator, steam: str, height: float, handle: str) -> np.ndarray:
    """A cup on its saucer."""
    canvas = on_background(look, rng)
    canvas.pose(look.x, look.y, look.scale, look.angle, flip=handle == "left")
    canvas.ellipse(0, height * 0.95, 0.95, 0.17, darker(look.ink, 0.5))
    canvas.ellipse(0, height * 0.9, 0.9, 0.14, look.second)
    canvas.ring(0.62, 0.1, 0.32, 0.12, darker(look.ink, 0.2))
    canvas.polygon([(-0.68, -0.35), (0.68, -0.35), (0.5, height * 0.9), (-0.5, height * 0.9)], look.ink)
    canvas.polygon([(0.25, -0.35), (0.68, -0.35), (0.5, height * 0.9), (0.2, height * 0.9)], darker(look.ink, 0.2))
    canvas.ellipse(0, -0.35, 0.68, 0.2, lighter(look.ink, 0.4))
    canvas.ellipse(0, -0.32, 0.58, 0.14, (0.3, 0.16, 0.08))
    if steam == "steam":
        for x in (-0.25, 0.05, 0.3):
            curl = [(x + 0.08 * math.sin(6 * t), -0.5 - 0.6 * t) for t in np.linspace(0, 1, 12)]
            canvas.line(curl, 0.06, lighter(look.ground, 0.5) if sum(look.ground) < 2 else darker(look.ground, 0.3))
    return canvas.image()


@family("object", {"inks": BRIGHT, "angle": (-30, 30)}, panels=whole(3, 7))
def umbrella(look: Look, rng: np.random.Generator, panels: int) -> np.ndarray:
    """An open umbrella, panels in two colours."""
    canvas = on_background(look, rng)
    canvas.line([(0, -0.9), (0, 0.7), (0.08, 0.85), (0.22, 0.85), (0.28, 0.7)], 0.07, darker(look.ground, 0.8))
    edges = np.linspace(-1, 1, panels + 1)
    for number, (left, right) in enumerate(pairwise(edges)):
        outer_left = [(left * math.sin(t), 0.1 - 0.9 * math.cos(t)) for t in np.linspace(0, math.pi / 2, 10)]
        outer_right = [(right * math.sin(t), 0.1 - 0.9 * math.cos(t)) for t in np.linspace(math.pi / 2, 0, 10)]
        scallop = [(left + (right - left) * t, 0.1 - 0.14 * math.sin(math.pi * t)) for t in np.linspace(0, 1, 8)]
        face = look.ink if number % 2 == 0 else look.second
        canvas.polygon([*outer_left, *scallop, *outer_right], shade_of(face, -0.12 * number / panels))
    return canvas.image()


@family(
    "object",
    {"grounds": ("blue", "teal", "white", "cream", "pink", "black", "purple"), "angle": UPRIGHT},
    count=whole(1, 6),
)
def balloons(look: Look, rng: np.random.Generator, count: int) -> np.ndarray:
    """Balloons on strings."""
    canvas = Canvas(background(look, rng))
    size = 0.62 / math.sqrt(count) + 0.06
    foot = (rng.uniform(-0.3, 0.3), 1.1)
    for number in range(count):
        x = look.x if count == 1 else -0.62 + 1.24 * number / (count - 1) + rng.uniform(-0.1, 0.1)
        y = rng.uniform(-0.55, 0.1)
        face = look.ink if number % 3 == 0 else colour(rng, str(rng.choice(BRIGHT)))
        canvas.line([(x, y + size), ((x + foot[0]) / 2 + 0.05, 0.7), foot], 0.018, darker(look.ground, 0.6))
        canvas.polygon(
            [(x - 0.05, y + size * 1.15), (x + 0.05, y + size * 1.15), (x, y + size * 0.95)], darker(face, 0.3)
        )
        canvas.ellipse(x, y, size * 0.82, size, darker(face, 0.25))
        canvas.ellipse(x - 0.02, y - 0.03, size * 0.75, size * 0.92, face)
        canvas.ellipse(x - size * 0.35, y - size * 0.4, size * 0.13, size * 0.22, lighter(face, 0.7), 25)
    return canvas.image()


@family("object", {"angle": (-6, 6), "scale": (0.75, 1.0)}, books=whole(3, 8))
def books(look: Look, rng: np.random.Generator, books: int) -> np.ndarray:
    """Books side by side on a shelf."""
    canvas = on_background(look, rng)
    canvas.box(-3, 0.82, 3, 1.0, (0.45, 0.3, 0.18))
    canvas.box(-3, 1.0, 3, 4, (0.25, 0.16, 0.1))
    left = -1.0
    for number in range(books):
        wide, high = 2.0 / books * rng.uniform(0.7, 1.1), rng.uniform(0.9, 1.65)
        face = look.ink if number % 2 == 0 else colour(rng, str(rng.choice(BRIGHT)))
        canvas.box(left, 0.82 - high, left + wide - 0.02, 0.82, face)
        canvas.box(left, 0.82 - high, left + wide * 0.2, 0.82, darker(face, 0.25))
        for y in (0.82 - high * 0.8, 0.82 - high * 0.2):
            canvas.box(left, y - 0.04, left + wide - 0.02, y + 0.04, lighter(face, 0.6))
        left += wide
    return canvas.image()


@family(
    "object",
    {"inks": ("green", "teal", "brown", "blue", "purple", "orange", "red"), "angle": (-20, 20), "scale": (0.65, 0.95)},
    fill=between(0.2, 0.8),
    label=one_of("label", "none"),
)
def bottle(look: Look, rng: np.random.Generator, fill: float, label: str) -> np.ndarray:
    """A glass bottle with something in it."""
    canvas = on_background(look, rng)
    body = [
        (-0.14, -0.95),
        (0.14, -0.95),
        (0.14, -0.45),
        (0.38, -0.15),
        (0.38, 1),
        (-0.38, 1),
        (-0.38, -0.15),
        (-0.14, -0.45),
    ]
    canvas.polygon(body, lighter(look.ink, 0.45))
    level = 1 - fill * 1.1
    canvas.polygon([(-0.34, level), (0.34, level), (0.34, 0.96), (-0.34, 0.96)], look.ink)
    canvas.box(0.16, -0.05, 0.38, 1, darker(look.ink, 0.35))
    canvas.box(-0.17, -1.02, 0.17, -0.85, (0.62, 0.43, 0.26))
    if label == "label":
        canvas.box(-0.38, 0.22, 0.38, 0.68, WHITE)
        canvas.box(-0.3, 0.32, 0.3, 0.4, look.second)
        canvas.box(-0.3, 0.5, 0.1, 0.55, BLACK)
    canvas.line([(-0.27, 0.0), (-0.27, 0.85)], 0.05, lighter(look.ink, 0.85))
    return canvas.image()


@family(
    "object",
    {
        "inks": ("white", "cream", "yellow", "pink", "teal"),
        "grounds": ("black", "blue", "teal", "purple", "brown", "grey"),
    },
    count=whole(5, 24),
)
def bubbles(look: Look, rng: np.random.Generator, count: int) -> np.ndarray:
    """Soap bubbles with glints."""
    canvas = Canvas(blend(darker(look.ground, 0.3), lighter(look.ground, 0.25), noise(rng, 3)))
    film = lighter(look.ink, 0.45)
    for size in np.sort(rng.uniform(0.12, 0.95 / math.sqrt(count), count)):
        x, y = rng.uniform(-0.95, 0.95, 2)
        canvas.pose(x, y, size)
        canvas.ring(0, 0, 1, 0.09, film)
        arc = np.linspace(math.pi * 0.15, math.pi * 0.45, 8)
        canvas.line([(0.78 * math.cos(a), 0.78 * math.sin(a)) for a in arc], 0.07, film)
        canvas.ellipse(-0.42, -0.42, 0.24, 0.14, WHITE, -45)
    return canvas.image()


@family("object", {"inks": BRIGHT, "angle": UPRIGHT}, rays=whole(0, 10))
def lamp(look: Look, rng: np.random.Generator, rays: int) -> np.ndarray:
    """A table lamp, dark or alight."""
    canvas = on_background(look, rng)
    canvas.ellipse(0, 0.95, 0.5, 0.12, darker(look.second, 0.4))
    canvas.line([(0, 0.9), (0, 0.0)], 0.09, METAL)
    for number in range(rays):
        a = math.pi * (number + 0.5) / rays
        reach = (0.8 * math.cos(a), 0.15 + 0.65 * math.sin(a))
        canvas.line([(reach[0] * 0.55, 0.1 + 0.25 * math.sin(a)), reach], 0.04, (1.0, 0.93, 0.5))
    if rays:
        canvas.disc(0, 0.06, 0.16, (1.0, 0.97, 0.7))
    canvas.polygon([(-0.38, -0.9), (0.38, -0.9), (0.75, 0.05), (-0.75, 0.05)], look.ink)
    canvas.polygon([(-0.38, -0.9), (-0.1, -0.9), (-0.3, 0.05), (-0.75, 0.05)], lighter(look.ink, 0.3))
    canvas.line([(-0.72, 0.03), (0.72, 0.03)], 0.06, darker(look.ink, 0.35))
    return canvas.image()
