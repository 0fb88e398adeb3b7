"""Families of drawings by name, each with the parameters it declares."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from exemplum.images.drawings.looks import SIZE, Look, draw_look, noise, to_image

Paint = Callable[..., np.ndarray]
Draw = Callable[[np.random.Generator], Any]


# Change this when any drawing changes (tests/images/test_drawings.py tells): studies of the old ones become stale.
VERSION = "2029374047d9a631"


@dataclass(frozen=True)
class Family:
    """A kind of drawing: `paint(look, rng, **parameters)` gives floats 0–1 (SIZE, SIZE, 3)."""

    name: str
    kind: str  # pattern, surface, nature, animal, object, landscape or scene
    paint: Paint
    parameters: Mapping[str, Draw]
    look: Mapping[str, Any]  # what `draw_look` is told


FAMILIES: dict[str, Family] = {}


def family(kind: str, look: Mapping[str, Any] | None = None, **parameters: Draw) -> Callable[[Paint], Paint]:
    """Register the decorated function under its name. `parameters` say how each of its own is drawn."""

    def register(paint: Paint) -> Paint:
        name = paint.__name__
        FAMILIES[name] = Family(name, kind, paint, parameters, look or {})
        return paint

    return register


def between(low: float, high: float) -> Draw:
    return lambda rng: round(float(rng.uniform(low, high)), 3)


def whole(low: int, high: int) -> Draw:
    """A whole number from low to high, both included."""
    return lambda rng: int(rng.integers(low, high + 1))


def one_of(*values: str) -> Draw:
    return lambda rng: str(rng.choice(values))


@dataclass(frozen=True)
class Drawing:
    """One drawing: all about it is known before it is drawn."""

    family: Family
    look: Look
    parameters: Mapping[str, Any]
    rng: np.random.Generator  # for what the parameters leave open: where each stone lies

    def labels(self) -> dict[str, str | float | int]:
        return (
            {"part": "drawing", "family": self.family.name, "kind": self.family.kind}
            | self.look.labels()
            | dict(self.parameters)
        )

    def image(self) -> np.ndarray:
        """Draw it: RGB uint8 (SIZE, SIZE, 3). Once: it uses up the generator."""
        painted = self.family.paint(self.look, self.rng, **self.parameters)
        return to_image(_lit(painted, self.rng))


def drawing(name: str, number: int, seed: int) -> Drawing:
    """The `number`-th drawing of a family: the same for the same seed, whatever other families there are."""
    made = FAMILIES[name]
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
    parameters = {key: draw(rng) for key, draw in made.parameters.items()}
    return Drawing(made, draw_look(rng, **made.look), parameters, rng)


def fingerprint() -> str:
    """Stands for what is drawn: VERSION, and not the code, which may change while the drawings stay the same."""
    return VERSION


def _lit(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Uneven light and a little grain: nothing in a corpus should be told by being perfectly flat."""
    light = np.float32(0.82) + np.float32(0.3) * noise(rng, 2)
    grain = rng.standard_normal((SIZE, SIZE), dtype=np.float32) * np.float32(rng.uniform(0.004, 0.02))
    return image * light[..., None] + grain[..., None]
