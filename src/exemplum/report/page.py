"""Pages from templates: the environment that renders them, and a figure with its caption and its table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from exemplum import pages
from exemplum.report import figures, formatting, style
from exemplum.report.figures.accuracy import by_unit
from exemplum.report.figures.ratings import PHASES, before_after

LEAST, SMALL = 540, 380  # CSS px of a figure on a narrow screen, and of one with a single column of panels
PIXELS = 115  # CSS px per inch of a figure: its text is then about as large as the page's tables


@dataclass(frozen=True)
class PageFigure:
    """A figure with everything that the page shows of it."""

    number: int
    name: str
    title: str
    caption: str
    image: str  # data URI
    alt: str
    width: int  # CSS px at which its text is as large as the page's
    least: int  # CSS px to which it shrinks on a narrow screen
    table: formatting.Listing


def render(template: str, **values: Any) -> str:
    """Render a template of this package; a missing value is an error."""
    filters: dict[str, Any] = {"label": style.label, "percent": pages.percent, "number": pages.number}
    return pages.render("exemplum.report", template, filters, **values)


def show(
    plots: Iterable[figures.Plot], estimates: pd.DataFrame, folder: Path, first: int = 1, prefix: str = ""
) -> list[PageFigure]:
    """Draw the figures that apply, save each as PNG and SVG named `prefix` + its name, and number them from `first`."""
    applying = [plot for plot in plots if plot.applies(estimates)]
    return [_shown(number, plot, estimates, folder, prefix) for number, plot in enumerate(applying, first)]


def _shown(number: int, plot: figures.Plot, estimates: pd.DataFrame, folder: Path, prefix: str) -> PageFigure:
    figure, rows = figures.figure(plot, estimates), plot.rows(estimates)
    table = formatting.listing(rows, formatting.ESTIMATE_COLUMNS)
    alt = f"{plot.title}. {_described(rows)}"
    shown = keep(figure, folder, number, prefix + plot.name, plot.title, plot.caption(estimates), alt, table)
    return replace(shown, least=SMALL) if plot.stacked and len(plot.observers(estimates)) < 3 else shown


def show_ratings(ratings: pd.DataFrame, folder: Path, number: int, prefix: str = "") -> PageFigure:
    """Draw RATINGS of how intuitive the pictures seem, with a table of the mean rating of every unit."""
    with style.typography():
        figure = before_after(ratings).get_figure(root=True)
    assert figure is not None
    means = ratings.groupby(["condition", "phase", "unit"], sort=False)["rating"]
    table = means.agg(mean="mean", sd="std", n="count").reset_index()
    overall = ratings.groupby("phase", sort=False)["rating"].mean()
    said = ", ".join(f"{PHASES[str(phase)]} {value:.1f}" for phase, value in overall.items())
    people = ratings["participant"].nunique()
    return keep(
        figure, folder, number, f"{prefix}intuitiveness", "How intuitive the images seem",
        f"A method's images compared with {_baseline()}, from −100 (not intuitive) to 100, rated before the trials, "
        "and after them if asked. Thin: participants, means over units; thick: mean of all; no intervals; "
        f"n = {people} participants, {len(ratings)} ratings.",
        f"Intuitiveness. Mean rating {said} the trials.", formatting.listing(table),
    )  # fmt: skip


def _baseline() -> str:
    baseline = style.conditions().baseline
    return "natural ones" if baseline == "natural" else f"those of {style.label(baseline)}"


def show_units(effects: pd.DataFrame, folder: Path, number: int, prefix: str = "") -> list[PageFigure]:
    """Draw the difficulty of units from EFFECTS, one figure for each observer with units that differ."""
    units = effects[effects["grouping"] == "unit"]
    varied = units.groupby("observer")["std_error"].max()  # NaN: no unit differs from another
    shown: list[PageFigure] = []
    for observer in style.ordered_observers(varied.index[varied > 0]):
        own = units[units["observer"] == observer]
        with style.typography():
            figure = by_unit(own, observer).get_figure(root=True)
        assert figure is not None
        name = f"{prefix}difficulty_of_units_{observer}"
        title = f"Difficulty of units, by {observer}"
        table = formatting.listing(own, EFFECT_COLUMNS)
        means = own.groupby("condition", sort=False)["accuracy"].agg(["min", "max"])
        said = "; ".join(f"{style.label(str(c))} {low:.2f} to {high:.2f}" for c, (low, high) in means.iterrows())
        caption = (
            "Probability of a right answer for each unit, averaged over participants, from the mixed model: shrunken "
            "towards the condition's mean, the more the fewer the answers; 95 % intervals, given the model. Open "
            f"markers: hand-picked units; horizontal lines: means of a layer. {related(own)}"
            f"n = {own['name'].nunique()} units, {trials(own['n_trials'])} per unit and condition."
        )
        alt = f"{title}. Least to most probable unit: {said}."
        shown.append(keep(figure, folder, number + len(shown), name, title, caption, alt, table))
    return shown


EFFECT_COLUMNS = (
    "name", "layer", "branch", "selection", "condition", "accuracy", "accuracy_low", "accuracy_high", "observed",
    "n_trials", "margin", "note",
)  # fmt: skip


def related(units: pd.DataFrame) -> str:
    """Rank correlations of units' accuracy with depth and with the margin of their pictures, in a sentence."""
    layers = {name: place for place, name in enumerate(sorted(set(units["layer"]), key=style.natural_key))}
    said = []
    for what, values in (("depth", units["layer"].map(layers)), ("the margin of the pictures", units["margin"])):
        known = units.assign(by=values.astype(float)).dropna(subset=["by"])
        found = [
            f"{style.label(condition)} {pages.number(own['accuracy'].rank().corr(own['by'].rank()))}"
            for condition in style.ordered(known["condition"])
            for own in [known[known["condition"] == condition]]
            if own["by"].nunique() > 1 and len(own) > MANY_ENOUGH
        ]
        said += [f"with {what}: {', '.join(found)}"] * bool(found)
    return f"Spearman's correlation {'; '.join(said)} (exploratory). " if said else ""


MANY_ENOUGH = 9  # units for a rank correlation


def trials(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return pages.count(low, "trial") if low == high else f"{low} to {pages.count(high, 'trial')}"


def keep(
    figure: Figure, folder: Path, number: int, name: str, title: str, caption: str, alt: str, table: formatting.Listing
) -> PageFigure:
    """Save a figure as PNG and SVG in the folder and prepare it for the page."""
    image, width = drawn(figure, folder, name)
    return PageFigure(number, name, title, caption, image, alt, width, LEAST, table)


def drawn(figure: Figure, folder: Path, name: str) -> tuple[str, int]:
    """Save a figure as PNG and SVG in the folder: its data URI, and the CSS px at which its text is as the page's."""
    _, svg = figures.save(figure, folder, name)
    return pages.data_uri(svg.read_bytes(), "image/svg+xml"), round(figure.get_figwidth() * PIXELS)


def _described(rows: pd.DataFrame, most: int = 6) -> str:
    """The first values in words, for readers who do not see the figure."""
    known = rows[rows["estimate"].notna()].head(most)
    said = [f"{_named(row)}: {row.estimate:.3f}" for row in known.itertuples()]
    return "; ".join(said) + (". The table below has all values." if len(rows) > most else ".")


def _named(row: Any) -> str:
    group = [] if row.group in ("", "all") else [row.group]
    return ", ".join([row.observer, style.label(row.condition), *group])


@dataclass
class Pictures:
    """Small copies of the pictures in a study folder; the lossless originals are not changed."""

    folder: Path
    missing: list[str] = field(default_factory=list)  # files that could not be read; the report names them
    _packed: dict[tuple[str, int], str] = field(default_factory=dict)

    def uri(self, path: str, size: int) -> str:
        """`data:image/webp;base64,…`, at most `size` px per side; empty if the file is missing or broken."""
        key = (path, size)
        if key not in self._packed:
            self._packed[key] = self._pack(path, size)
        return self._packed[key]

    @property
    def bytes(self) -> int:
        return sum(len(uri) for uri in self._packed.values())

    def _pack(self, path: str, size: int) -> str:
        try:
            with Image.open(self.folder / path) as image:
                small = image.convert("RGB")
        except (OSError, ValueError):
            if path not in self.missing:
                self.missing.append(path)
            return ""
        return pages.embedded(small, size)
