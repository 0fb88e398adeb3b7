"""Figures as files: PNG for slides and SVG for print, without dates, so that the same data give the same files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from exemplum import store
from exemplum.report import style

PNG_DPI = 200


def save(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write NAME.png and NAME.svg into the folder, atomically. Returns both paths."""
    paths = (folder / f"{name}.png", folder / f"{name}.svg")
    with style.typography():
        _settle(figure)
        for path in paths:
            with store.atomic(path) as temporary:
                kind = path.suffix[1:]
                figure.savefig(temporary, format=kind, dpi=PNG_DPI, metadata={"Date": None} if kind == "svg" else None)
    return paths


def _settle(figure: Figure) -> None:
    """Lay the figure out once; each file would lay it out again, which takes longer than drawing it."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
