"""The figure of whom a claim is about, as SVG: the sample, and what an interval covers beyond it.

`python -m tools.screenshots exemplum-demo figures` writes it to docs/pictures/populations.webp.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

WIDTH, HEIGHT = 900, 360
PAPER, INK, SOFT, RIGHT, WRONG, BEYOND = "#ffffff", "#1d252d", "#55606b", "#1f6f9f", "#d5dade", "#8fb7cf"
SIDE, GAP = 22, 4  # of a cell: one person, one unit
SEED = 3


class Panel(NamedTuple):
    """One claim: people and units of the study, and how many more of each the claim is about."""

    title: str
    about: str
    people: int
    units: int
    more_people: int
    more_units: int


PANELS = (
    Panel("these_units", "new people, the units of the study", 5, 6, 3, 0),
    Panel("new_units (default)", "new people and new units", 5, 6, 3, 3),
    Panel("a machine", "one observer, new units", 1, 6, 0, 3),
)


def svg() -> str:
    """The figure, 900 × 360."""
    rng = np.random.default_rng(SEED)
    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" rx="14" fill="{PAPER}"/>']
    for at, panel in enumerate(PANELS):
        parts += _panel(panel, 40 + 295 * at, rng)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'{head} font-family="system-ui, sans-serif" fill="{INK}">{"".join(parts)}</svg>'


def _panel(panel: Panel, x: int, rng: np.random.Generator) -> Iterator[str]:
    top = 104
    yield f'<text x="{x}" y="38" font-size="19" font-weight="700">{panel.title}</text>'
    yield f'<text x="{x}" y="62" font-size="15" fill="{SOFT}">{panel.about}</text>'
    yield f'<text x="{x}" y="94" font-size="15">units →</text>'
    if panel.people > 1:
        aside = f'transform="translate({x - 12} {top + 62}) rotate(-90)" text-anchor="middle"'
        yield f'<text {aside} font-size="15">people</text>'
    for row in range(panel.people + panel.more_people):
        for column in range(panel.units + panel.more_units):
            is_sample = row < panel.people and column < panel.units
            colour = (RIGHT if rng.random() < 0.8 else WRONG) if is_sample else "none"
            edge = "" if is_sample else f' stroke="{BEYOND}" stroke-width="2" stroke-dasharray="4 3"'
            place = f'x="{x + column * (SIDE + GAP)}" y="{top + row * (SIDE + GAP)}"'
            yield f'<rect {place} width="{SIDE}" height="{SIDE}" rx="3" fill="{colour}"{edge}/>'
