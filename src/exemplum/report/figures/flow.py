"""The participant flow as a figure: boxes of those who are still there, and beside them why others left."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from exemplum.report import style
from exemplum.report.paper.participants import Flow, Step

WIDTH = 7.0  # inches
LINE = 0.19  # inches per line of text
GAP = 0.32  # inches between boxes
MAIN, SIDE = (0.02, 0.43), (0.54, 0.98)  # left and right edge, as shares of the width
LETTERS = 44  # per line of a box


def participants(flow: Flow, ax: Axes | None = None) -> Axes:
    """Draw the flow from top to bottom, in the manner of CONSORT (Schulz et al. 2010, BMJ 340, c332)."""
    boxes = [(_main(step), _side(step)) for step in flow.steps]
    heights = [(_height(main), _height(side)) for main, side in boxes]
    total = sum(main for main, _ in heights) + sum(side + 2 * GAP for _, side in heights[:-1])
    with style.typography():
        ax = ax or style.new(WIDTH, total + 0.1)
        ax.set_xlim(0, WIDTH)
        ax.set_ylim(total + 0.05, -0.05)
        ax.axis("off")
        top = 0.0
        for place, ((main, side), (tall, beside)) in enumerate(zip(boxes, heights, strict=True)):
            _box(ax, MAIN, top, tall, main)
            below = top + tall
            if place < len(boxes) - 1:
                after = below + beside + 2 * GAP
                centre = WIDTH * sum(MAIN) / 2
                _arrow(ax, (centre, below), (centre, after))
                if side:
                    _arrow(ax, (centre, below + GAP + beside / 2), (WIDTH * SIDE[0], below + GAP + beside / 2))
                    _box(ax, SIDE, below + GAP, beside, side)
                top = after
    return ax


def _main(step: Step) -> list[str]:
    return [f"{step.name} (n = {step.n:,})", *(line for detail in step.details for line in _wrapped(detail))]


def _side(step: Step) -> list[str]:
    """The box of those who left; none if nobody did."""
    total = sum(n for _, n in step.left)
    if not total:
        return []
    return [f"{step.head} (n = {total:,})", *(line for reason, n in step.left for line in _wrapped(f"{reason}: {n:,}"))]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, LETTERS, subsequent_indent="  ")


def _height(lines: list[str]) -> float:
    return LINE * len(lines) + 0.22 if lines else 0.0


def _box(ax: Axes, edges: tuple[float, float], top: float, height: float, lines: list[str]) -> None:
    left, width = WIDTH * edges[0], WIDTH * (edges[1] - edges[0])
    ax.add_patch(FancyBboxPatch(
        (left, top), width, height, boxstyle="round,pad=0,rounding_size=0.05", fc="white", ec=style.INK, lw=0.9,
    ))  # fmt: skip
    for place, line in enumerate(lines):
        weight = "bold" if place == 0 else "normal"
        ax.text(left + 0.12, top + 0.11 + LINE * (place + 0.5), line, va="center", weight=weight, fontsize=8.5)


def _arrow(ax: Axes, begin: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate(
        "", end, begin, arrowprops={"arrowstyle": "-|>", "lw": 0.9, "color": style.INK, "shrinkA": 0, "shrinkB": 0}
    )
