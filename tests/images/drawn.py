"""Mean colours of three drawings of every family, kept in drawn.json: `python -m tests.images.drawn` writes it."""

from __future__ import annotations

import json
from pathlib import Path

from exemplum.images import drawings
from exemplum.images.drawings import FAMILIES, drawing

DRAWN = Path(__file__).with_name("drawn.json")


def mean_colours() -> dict[str, list[list[float]]]:
    """Family → mean red, green and blue (0–255) of its first three drawings with seed 0."""
    return {
        name: [drawing(name, number, seed=0).image().mean(axis=(0, 1)).round(2).tolist() for number in range(3)]
        for name in sorted(FAMILIES)
    }


if __name__ == "__main__":
    lines = ",\n".join(f" {json.dumps(name)}: {colours}" for name, colours in mean_colours().items())
    DRAWN.write_text(f'{{"version": "{drawings.fingerprint()}", "colours": {{\n{lines}\n}}}}\n')
