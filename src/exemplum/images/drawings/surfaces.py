"""Surfaces: stuff that fills the image, from brick to water."""

from __future__ import annotations

import numpy as np

from exemplum.images.drawings.canvas import Canvas, gradient
from exemplum.images.drawings.families import between, family, one_of, whole
from exemplum.images.drawings.looks import (
    BRIGHT,
    SIZE,
    Colour,
    Look,
    blend,
    cells,
    coordinates,
    darker,
    lighter,
    mix,
    noise,
    ramp,
    scattered,
    step,
    wave,
)

EARTH = ("brown", "red", "orange", "grey", "cream")
LEVEL = (-10, 10)  # degrees
WOOL = (*BRIGHT, "brown", "cream", "white", "grey")


@family(
    "surface",
    {"inks": EARTH, "grounds": ("white", "grey", "cream", "black"), "angle": LEVEL},
    rows=whole(4, 10),
    bond=one_of("running", "stacked"),
)
def bricks(look: Look, rng: np.random.Generator, rows: int, bond: str) -> np.ndarray:
    """A wall: courses of bricks in mortar, each of a slightly different colour."""
    u, v = coordinates(look.angle)
    down = v * rows / 2 + 20
    across = u * rows / 4.4 + 20 + (np.floor(down) % 2 / 2 if bond == "running" else 0)
    tint = rng.uniform(0.72, 1.2, (41, 41)).astype(np.float32)[down.astype(int) % 41, across.astype(int) % 41]
    face = np.asarray(look.ink, dtype=np.float32) * (tint * (0.85 + 0.3 * noise(rng, 40)))[..., None]
    gap = np.minimum(np.minimum(across % 1, 1 - across % 1) * 2.2, np.minimum(down % 1, 1 - down % 1))
    face = face * (1 + 0.25 * (0.5 - down % 1))[..., None]  # lit from above
    return blend(look.ground, face, step(gap - rng.uniform(0.05, 0.11), SIZE / rows / 2))


@family("surface", {"inks": ("grey", "brown", "cream", "teal", "blue")}, spacing=between(0.25, 0.6))
def cobbles(look: Look, rng: np.random.Generator, spacing: float) -> np.ndarray:
    """Round stones, lit from one side, with dark gaps."""
    points = scattered(rng, spacing, 0.7, reach=1.5)
    near, next_near, which = cells(points)
    height = np.sqrt(np.clip((next_near - near) / spacing, 0, 0.8))
    down, across = np.gradient(height * spacing * 60)
    light = 0.75 + 0.22 * np.tanh(across + down)
    tint = rng.uniform(0.7, 1.25, len(points)).astype(np.float32)[which]
    stone = np.asarray(look.ink, dtype=np.float32) * (tint * light * (0.9 + 0.2 * noise(rng, 50)))[..., None]
    return blend(darker(look.ink, 0.85), stone, step(height - 0.25, 8))


@family("surface", {"inks": ("brown", "orange", "cream", "grey")}, planks=whole(1, 5), grain=between(3, 9))
def wood(look: Look, rng: np.random.Generator, planks: int, grain: float) -> np.ndarray:
    """Boards with wavy grain."""
    turn = 0 if rng.random() < 0.5 else 90
    u, v = coordinates(turn + look.angle / 40)
    board = ((u + 1.1) / 2.2 * planks).clip(0, planks - 0.01)
    which = board.astype(int)
    shift = rng.uniform(0, 9, planks)[which].astype(np.float32)
    bend = noise(rng, 2, 2, stretch=2) * 0.9
    lines = wave((u * 2 + bend + shift) * grain + 0.15 * np.sin(v * 3 + shift))
    fine = noise(rng, 100, stretch=0.05)
    fine = fine.T if turn == 90 else fine
    tint = rng.uniform(0.8, 1.15, planks)[which].astype(np.float32)
    image = blend(darker(look.ink, 0.35), lighter(look.ink, 0.2), lines * 0.7 + fine * 0.3) * tint[..., None]
    return blend(
        image, (0.08, 0.05, 0.03), step(0.02 * planks - np.minimum(board % 1, 1 - board % 1), 15) * (planks > 1)
    )


@family("surface", {"inks": ("brown", "orange", "grey", "black", "cream", "white")}, length=between(0.15, 0.4))
def fur(look: Look, rng: np.random.Generator, length: float) -> np.ndarray:
    """Hair lying in a slowly turning direction."""
    canvas = Canvas(np.asarray(darker(look.ink, 0.5), dtype=np.float32) * (0.8 + 0.5 * noise(rng, 4))[..., None])
    starts = rng.uniform(-1.3, 1.2, (750, 2))
    swing = noise(rng, 3)
    x, y = ((starts.clip(-1, 0.99) + 1) * SIZE / 2).astype(int).T
    direction = np.radians(look.angle + 110 * (swing[y, x] - 0.5) + rng.normal(0, 9, len(starts)))
    ends = starts + length * np.stack([np.cos(direction), np.sin(direction)], axis=1)
    light, dark = lighter(look.ink, 0.45), darker(look.ink, 0.45)
    shades = [mix(dark, light, share) for share in rng.random(len(starts))]
    canvas.strokes(starts, ends, shades, 3)
    return canvas.image()


@family(
    "surface",
    {"inks": ("green", "yellow", "brown"), "grounds": ("black", "brown", "green")},
    height=between(0.35, 0.9),
    flowers=one_of("none", "flowers"),
)
def grass(look: Look, rng: np.random.Generator, height: float, flowers: str) -> np.ndarray:
    """Upright blades, those in front lower and lighter; some with flowers among them."""
    canvas = Canvas(blend(darker(look.ink, 0.5), darker(look.ink, 0.85), gradient(90)))
    for depth in np.linspace(0, 1, 150):
        x, y = rng.uniform(-1.1, 1.1), -0.5 + 1.7 * depth + rng.uniform(0, 0.15)
        lean, tall = rng.normal(0, 0.28) * height, height * rng.uniform(0.6, 1.1)
        wide = 0.018 + 0.022 * depth
        blade = mix(darker(look.ink, 0.5), lighter(look.ink, 0.3), float(np.clip(depth + rng.normal(0, 0.15), 0, 1)))
        canvas.polygon(
            [
                (x - wide, y),
                (x + lean * 0.3 - wide * 0.6, y - tall * 0.6),
                (x + lean, y - tall),
                (x + lean * 0.3 + wide * 0.6, y - tall * 0.55),
                (x + wide, y),
            ],
            blade,
        )
        if flowers == "flowers" and rng.random() < 0.07:
            canvas.disc(x + lean, y - tall, 0.05 + 0.03 * depth, look.second)
    return canvas.image()


@family("surface", threads=whole(7, 20))
def fabric(look: Look, rng: np.random.Generator, threads: int) -> np.ndarray:
    """Threads over and under each other."""
    u, v = coordinates(look.angle / 6, warp=(noise(rng, 3) - 0.5) * 0.12)
    across, down = u * threads / 2 + 50, v * threads / 2 + 50
    over = (np.floor(across) + np.floor(down)) % 2 == 0
    round_across, round_down = np.sin(np.pi * (across % 1)), np.sin(np.pi * (down % 1))
    warp = round_across * (0.65 + 0.35 * round_down)
    weft = round_down * (0.65 + 0.35 * round_across)
    image = np.where(
        over[..., None],
        blend(darker(look.ink, 0.75), look.ink, warp),
        blend(darker(look.ground, 0.75), look.ground, weft),
    )
    return np.asarray(image * 1.1, dtype=np.float32)


@family("surface", {"inks": WOOL, "grounds": WOOL}, stitches=whole(5, 12), stripes=whole(1, 4))
def knitting(look: Look, rng: np.random.Generator, stitches: int, stripes: int) -> np.ndarray:
    """Rows of V-shaped stitches of wool, in bands of two colours."""
    u, v = coordinates(look.angle / 9)
    across = u * stitches / 2 + 50
    side = np.abs(across % 1 - 0.5)
    down = v * stitches * 0.65 + 50 - side * 1.1
    yarn = np.sin(np.pi * (down % 1)) * np.sqrt(np.sin(np.pi * (side * 2)).clip(0))
    band = np.floor((np.floor(down) + rng.integers(9)) / max(2, 5 - stripes)) % 2 * (stripes > 1)
    wool = blend(look.ink, look.ground, band)
    twist = 0.85 + 0.15 * np.sin((down * 3 + across * 4) * 2 * np.pi)
    return blend(wool * 0.25, wool, (yarn * twist).astype(np.float32))


@family("surface", {"angle": (-20, 20)}, size=between(0.16, 0.4), tip=one_of("round", "pointed"))
def scales(look: Look, rng: np.random.Generator, size: float, tip: str) -> np.ndarray:
    """Overlapping scales: a fish, or a roof of shingles."""
    canvas = Canvas(darker(look.ink, 0.6))
    rows = np.arange(1.5, -1.6, -size * 0.55)
    for number, y in enumerate(rows):
        for x in np.arange(-1.5, 1.5, size) + number % 2 * size / 2:
            canvas.pose(0, 0, 1, look.angle)
            face = mix(look.ink, look.second, float(rng.uniform(0, 0.35)))
            _scale(canvas, x, y, size, tip, face)
    return canvas.image()


def _scale(canvas: Canvas, x: float, y: float, size: float, tip: str, face: Colour) -> None:
    for grow, shade in ((0.56, darker(face, 0.65)), (0.49, face), (0.3, lighter(face, 0.25))):
        if tip == "round":
            canvas.disc(x, y, grow * size, shade)
        else:
            half = grow * size
            canvas.polygon(
                [(x - half, y - size), (x + half, y - size), (x + half, y), (x, y + half * 1.3), (x - half, y)], shade
            )


@family(
    "surface",
    {"inks": ("black", "brown", "blue", "red", "purple"), "grounds": ("white", "cream", "yellow", "orange")},
    cycles=between(3, 8),
    waviness=between(0.5, 1.6),
)
def zebra(look: Look, rng: np.random.Generator, cycles: float, waviness: float) -> np.ndarray:
    """Stripes that bend, fork and end."""
    u, _ = coordinates(look.angle)
    phase = u * cycles / 2 + waviness * noise(rng, 4, 2) * 1.6
    return blend(look.ground, look.ink, step(np.sin(phase * 2 * np.pi) + 0.7 * (noise(rng, 6) - 0.5), 3))


@family(
    "surface",
    {"inks": ("black", "brown"), "grounds": ("orange", "yellow", "cream", "white", "pink")},
    spacing=between(0.28, 0.5),
)
def leopard(look: Look, rng: np.random.Generator, spacing: float) -> np.ndarray:
    """Spots that are broken rings, darker inside, on a coat."""
    u, v = coordinates(0)
    bent = (u + 0.25 * noise(rng, 6), v + 0.25 * noise(rng, 6))
    near, _, _ = cells(scattered(rng, spacing, 0.6), bent)
    size = near / spacing
    coat = blend(look.ground, darker(look.ground, 0.3), noise(rng, 4, 2))
    inside = blend(coat, mix(look.ground, look.ink, 0.45), step(0.26 - size, 20))
    broken = step(noise(rng, 14) - 0.38, 12)
    return blend(inside, look.ink, step(0.13 - np.abs(size - 0.27), 20) * broken)


@family("surface", {"inks": ("white", "cream", "grey", "teal", "pink", "black", "green")}, veins=between(2, 5))
def marble(look: Look, rng: np.random.Generator, veins: float) -> np.ndarray:
    """Polished stone with branching veins."""
    base = blend(darker(look.ink, 0.2), lighter(look.ink, 0.3), noise(rng, 4, 3))
    image = base
    for strength in (0.9, 0.6):
        vein = np.abs(noise(rng, veins, 4, stretch=rng.uniform(0.5, 2), keep=0.55) - 0.5)
        image = blend(image, look.ground, np.exp(-vein * 45) * np.float32(strength))
    return image


@family("surface", {"grounds": ("blue", "teal", "purple", "orange", "pink")}, cover=between(0.35, 0.62))
def clouds(look: Look, rng: np.random.Generator, cover: float) -> np.ndarray:
    """Heaped clouds in a sky that pales downwards."""
    sky = blend(darker(look.ground, 0.1), lighter(look.ground, 0.6), gradient(90))
    thick = noise(rng, 3, 5, stretch=1.7, keep=0.55)
    white = blend((0.72, 0.74, 0.8), (1.0, 1.0, 1.0), np.clip((thick - 1 + cover) * 3, 0, 1))
    return blend(sky, white, np.clip((thick - 1 + cover) * 6 + 0.3, 0, 1))


@family("surface", {"inks": ("blue", "teal", "green", "grey", "purple")}, sources=whole(2, 4), cycles=between(4, 8))
def ripples(look: Look, rng: np.random.Generator, sources: int, cycles: float) -> np.ndarray:
    """Water seen aslant, with waves from several drops crossing."""
    u, v = coordinates(0)
    total = np.zeros((SIZE, SIZE), dtype=np.float32)
    for _ in range(sources):
        distance = np.hypot(u - rng.uniform(-1, 1), (v - rng.uniform(-1, 1)) * 2.2)
        total += np.sin((distance * cycles + rng.random()) * np.pi * 2 / 1.5) / (0.6 + distance)
    level = 0.5 + 0.28 * total + 0.15 * (noise(rng, 5, 2, stretch=3) - 0.5)
    return ramp([darker(look.ink, 0.7), look.ink, lighter(look.ink, 0.4), (1.0, 1.0, 1.0)], np.clip(level, 0, 1))


@family("surface", {"grounds": ("black",)}, height=between(0.6, 1.2), hue=one_of("orange", "blue", "green"))
def flames(look: Look, rng: np.random.Generator, height: float, hue: str) -> np.ndarray:
    """Fire rising from the lower edge into the dark."""
    warm = {
        "orange": [(0.7, 0.05, 0.0), (1.0, 0.5, 0.05), (1.0, 0.9, 0.4)],
        "blue": [(0.05, 0.1, 0.6), (0.1, 0.5, 1.0), (0.8, 0.95, 1.0)],
        "green": [(0.0, 0.35, 0.1), (0.3, 0.85, 0.2), (0.9, 1.0, 0.6)],
    }
    _, v = coordinates(0)
    tongues = noise(rng, 7, 3, stretch=0.45) * 1.5
    v = v - np.float32(look.y * 0.4)
    heat = np.clip((v + 1) / 2 * 1.15 + (tongues - 0.75) * 0.9 * height - 0.45 + 0.25 * height, 0, 1)
    return ramp([(0.03, 0.02, 0.05), *warm[hue]], np.clip(heat * 1.2, 0, 1))
