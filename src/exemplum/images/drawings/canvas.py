"""A surface to draw shapes on, in coordinates from -1 to 1, smooth at the edges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from exemplum.images.drawings.looks import SIZE, Colour, Look, blend, darker, lighter, mix, noise, to_image

DENSITY = 2  # shapes are drawn at this many times the size and averaged down
Point = tuple[float, float]


class Canvas:
    """An image being drawn. Points are (x, y), y down, and pass through the pose set by `pose`."""

    def __init__(self, image: np.ndarray | Colour) -> None:
        """Start from an image, float (SIZE, SIZE, 3) in 0–1, or from one colour."""
        side = SIZE * DENSITY
        if isinstance(image, np.ndarray):
            self._image = Image.fromarray(to_image(image)).resize((side, side), Image.Resampling.BILINEAR)
        else:
            self._image = Image.new("RGB", (side, side), _rgb(image))
        self._draw = ImageDraw.Draw(self._image)
        self.pose()

    def pose(self, x: float = 0, y: float = 0, scale: float = 1, angle: float = 0, flip: bool = False) -> Canvas:
        """Draw from now on around (x, y), scaled, turned by `angle` degrees clockwise, mirrored if `flip`."""
        turn = math.radians(angle)
        self._scale, self._flip = scale * SIZE * DENSITY / 2, -1 if flip else 1
        self._cos, self._sin = math.cos(turn) * self._scale, math.sin(turn) * self._scale
        self._x, self._y = (x + 1) * SIZE * DENSITY / 2, (y + 1) * SIZE * DENSITY / 2
        return self

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon(self._placed(points), fill=_rgb(colour))

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A line through the points, `width` in the units of the pose, with round joints."""
        pixels = max(1, round(width * self._scale))
        placed = self._placed(points)
        corners = pixels > 3 and len(placed) < 8  # a curve of many points needs no round joints
        self._draw.line(placed, fill=_rgb(colour), width=pixels, joint="curve" if corners else None)
        if pixels > 3:
            for x, y in (placed[0], placed[-1]):
                self._draw.circle((x, y), pixels / 2, fill=_rgb(colour))

    def ellipse(self, x: float, y: float, wide: float, high: float, colour: Colour, angle: float = 0) -> None:
        """A filled ellipse around (x, y) with half axes `wide` and `high`."""
        if wide == high:
            self._draw.circle(self._placed([(x, y)])[0], wide * self._scale, fill=_rgb(colour))
            return
        self.polygon(oval(x, y, wide, high, angle), colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        self.ellipse(x, y, radius, radius, colour)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        pixels = max(1, round(width * self._scale))
        self._draw.circle(self._placed([(x, y)])[0], radius * self._scale, outline=_rgb(colour), width=pixels)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def strokes(self, starts: np.ndarray, ends: np.ndarray, colours: Sequence[Colour], pixels: int = 2) -> None:
        """Many short lines from `starts` to `ends`, (n, 2) each, in image coordinates whatever the pose."""
        placed = (np.concatenate([starts, ends], axis=1) + 1) * (SIZE * DENSITY / 2)
        for points, colour in zip(placed.tolist(), colours, strict=True):
            self._draw.line(points, fill=_rgb(colour), width=pixels)

    def text(self, words: str, x: float, y: float, height: float, colour: Colour, angle: float = 0) -> None:
        """Text centred at (x, y), letters about `height` high, turned by `angle` degrees clockwise."""
        font = _font(max(8, round(height * self._scale)))
        left, top, right, bottom = font.getbbox(words)
        mask = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
        ImageDraw.Draw(mask).text((2 - left, 2 - top), words, fill=255, font=font)
        mask = mask.rotate(-angle, expand=True, resample=Image.Resampling.BILINEAR)
        cx, cy = self._placed([(x, y)])[0]
        self._image.paste(_rgb(colour), (round(cx - mask.width / 2), round(cy - mask.height / 2)), mask)

    def image(self) -> np.ndarray:
        """What was drawn, float (SIZE, SIZE, 3) in 0–1."""
        return np.asarray(self._image.reduce(DENSITY), dtype=np.float32) / np.float32(255)

    def _placed(self, points: Sequence[Point]) -> list[Point]:
        cos, sin, x0, y0, flip = self._cos, self._sin, self._x, self._y, self._flip
        return [(x0 + flip * x * cos - y * sin, y0 + flip * x * sin + y * cos) for x, y in points]


def oval(x: float, y: float, wide: float, high: float, angle: float = 0, corners: int = 36) -> list[Point]:
    """An ellipse as a polygon."""
    turn = math.radians(angle)
    cos, sin = math.cos(turn), math.sin(turn)
    around = [2 * math.pi * i / corners for i in range(corners)]
    flat = [(wide * math.cos(a), high * math.sin(a)) for a in around]
    return [(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in flat]


def background(look: Look, rng: np.random.Generator) -> np.ndarray:
    """The ground behind a thing, float (SIZE, SIZE, 3)."""
    if look.background == "gradient":
        return blend(lighter(look.ground, 0.35), darker(look.ground, 0.35), gradient(rng.uniform(0, 360)))
    if look.background == "mottled":
        return blend(lighter(look.ground, 0.25), darker(look.ground, 0.3), noise(rng, 5, octaves=3))
    if look.background == "horizon":
        level = int(SIZE * rng.uniform(0.5, 0.8))
        ground = np.empty((SIZE, SIZE, 3), dtype=np.float32)
        ground[:level], ground[level:] = lighter(look.ground, 0.2), darker(look.ground, 0.3)
        return ground
    return np.broadcast_to(np.asarray(look.ground, dtype=np.float32), (SIZE, SIZE, 3))


def gradient(angle: float) -> np.ndarray:
    """From 0 to 1 across the image, along `angle` degrees; (SIZE, SIZE)."""
    line = np.linspace(-0.5, 0.5, SIZE, dtype=np.float32)
    turn = math.radians(angle)
    across = line[None] * math.cos(turn) + line[:, None] * math.sin(turn)
    return (across / (abs(math.cos(turn)) + abs(math.sin(turn))) + 0.5).astype(np.float32)


def sky(look: Look, rng: np.random.Generator, cloudy: float = 0.5) -> np.ndarray:
    """The ground colour as a sky that pales downwards, with clouds in some."""
    clear = blend(look.ground, lighter(look.ground, 0.65), gradient(90))
    if rng.random() > cloudy:
        return clear
    return blend(clear, (1.0, 1.0, 1.0), np.clip(noise(rng, 3, 4, stretch=2) * 4 - 2.5, 0, 0.9))


def on_background(look: Look, rng: np.random.Generator) -> Canvas:
    """A canvas with the look's background, posed at its place, scale and angle."""
    return Canvas(background(look, rng)).pose(look.x, look.y, look.scale, look.angle)


def shade_of(colour: Colour, share: float) -> Colour:
    """Lighter for a positive share, darker for a negative one."""
    return mix(colour, (1.0, 1.0, 1.0) if share > 0 else (0.0, 0.0, 0.0), abs(share))


@lru_cache(maxsize=300)
def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font: the same on every machine."""
    return ImageFont.load_default(pixels)


def _rgb(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, round(part * 255))) for part in colour)
    return red, green, blue
