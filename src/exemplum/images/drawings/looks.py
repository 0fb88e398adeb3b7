"""What every drawing has: fields of numbers that become colours, background, scale, orientation and place."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

SIZE = 128  # pixels of a drawing


@cache
def _plane() -> tuple[np.ndarray, np.ndarray]:
    line = np.linspace(-1 + 1 / SIZE, 1 - 1 / SIZE, SIZE, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    return x, y


def coordinates(
    angle: float = 0, x: float = 0, y: float = 0, warp: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates u, v of each pixel in a frame at (x, y) turned by `angle` degrees; (SIZE, SIZE) each.

    The image spans -1 to 1. `warp` is added to v before the turn.
    """
    across, down = _plane()
    across, down = across - np.float32(x), down - np.float32(y)
    if warp is not None:
        down = down + warp
    turn = math.radians(angle)
    cos, sin = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    return across * cos + down * sin, down * cos - across * sin


def polar(x: float = 0, y: float = 0) -> tuple[np.ndarray, np.ndarray]:
    """Distance from (x, y) and direction in radians, -π to π."""
    u, v = coordinates(0, x, y)
    return np.hypot(u, v), np.arctan2(v, u)


def noise(
    rng: np.random.Generator, cells: float, octaves: int = 1, stretch: float = 1, keep: float = 0.5
) -> np.ndarray:
    """Smooth noise from 0 to 1, `cells` bumps across, `stretch` times as many down; finer octaves weigh `keep` less."""
    total = np.zeros((SIZE, SIZE), dtype=np.float32)
    for octave in range(octaves):
        wide = min(max(2, round(cells * 2**octave)), SIZE)
        high = min(max(2, round(cells * stretch * 2**octave)), SIZE)
        small = Image.fromarray(rng.random((high, wide), dtype=np.float32))
        total += np.float32(keep**octave) * np.asarray(small.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    low, high_value = total.min(), total.max()
    return (total - low) / (high_value - low + np.float32(1e-6))


def step(values: np.ndarray, sharp: float = 20) -> np.ndarray:
    """0 where values are negative, 1 where positive, with a soft edge of about 1 / sharp."""
    return np.clip(values * np.float32(sharp) + np.float32(0.5), 0, 1)


def wave(phase: np.ndarray, square: bool = False, sharp: float = 2.5) -> np.ndarray:
    """A wave from 0 to 1, one cycle for each unit of `phase`."""
    sine = np.sin(phase * np.float32(2 * math.pi))
    return np.clip(sine * np.float32(sharp) + np.float32(0.5), 0, 1) if square else (sine + 1) / 2


def cells(points: np.ndarray, warp: tuple[np.ndarray, np.ndarray] | None = None) -> tuple[np.ndarray, ...]:
    """For each pixel the distances to the nearest and second nearest point, and which is nearest."""
    from scipy.spatial import cKDTree  # late: it takes long to import, and few commands draw

    u, v = warp if warp is not None else _plane()
    distances, which = cKDTree(points).query(np.stack([u.ravel(), v.ravel()], axis=1), k=2)
    first, second = distances.T.astype(np.float32).reshape(2, SIZE, SIZE)
    return first, second, which[:, 0].reshape(SIZE, SIZE)


def scattered(rng: np.random.Generator, spacing: float, jitter: float = 0.75, reach: float = 1.3) -> np.ndarray:
    """Points about `spacing` apart over the image and a margin: a hexagonal grid, jittered; (n, 2)."""
    rows = np.arange(-reach, reach, spacing * 0.866)
    columns = np.arange(-reach, reach, spacing)
    x, y = np.meshgrid(columns, rows)
    x = x + (np.arange(len(rows)) % 2)[:, None] * spacing / 2
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    return points + rng.uniform(-jitter / 2, jitter / 2, points.shape) * spacing


def blend(a: Colour | np.ndarray, b: Colour | np.ndarray, share: np.ndarray) -> np.ndarray:
    """Colours between a (share 0) and b (share 1), float32 (SIZE, SIZE, 3). Each is a colour or an image."""
    first, second = np.asarray(a, dtype=np.float32), np.asarray(b, dtype=np.float32)
    return first + (second - first) * share[..., None]


def ramp(colours: list[Colour], share: np.ndarray) -> np.ndarray:
    """Colours along a row of colours, share 0 to 1, float32 (SIZE, SIZE, 3)."""
    places = np.linspace(0, 1, len(colours))
    table = np.asarray(colours, dtype=np.float32)
    levels = np.linspace(0, 1, 256)
    lookup = np.stack([np.interp(levels, places, table[:, part]) for part in range(3)], axis=1).astype(np.float32)
    return lookup[(share * 255).clip(0, 255).astype(np.uint8)]


def to_image(values: np.ndarray) -> np.ndarray:
    """Float 0–1 to uint8."""
    return (values * np.float32(255) + np.float32(0.5)).clip(0, 255).astype(np.uint8)


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
