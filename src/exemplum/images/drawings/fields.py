"""Fields of numbers over the image: coordinates, noise, cells, and how they become colours."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

from exemplum.images.drawings.looks import Colour

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
