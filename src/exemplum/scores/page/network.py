"""The network page: from SCORES to one HTML file that needs nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from exemplum import pages, store
from exemplum.index import ActivationIndex
from exemplum.records import easiest_first
from exemplum.scores import summary
from exemplum.scores.means_table import NULL_NAMES, overview
from exemplum.scores.page import figures, ranked, thumbnails
from exemplum.scores.page.labels import label
from exemplum.scores.page.ranked import View, unit_scores
from exemplum.scores.page.thumbnails import Pictures
from exemplum.scores.populations import NULLS, RANDOM, UNTRAINED

TEMPLATE = "network.html.j2"
KNOWN = ("natural", "synthetic")  # methods with a look of their own


@dataclass(frozen=True)
class About:
    """What the page says of the network that is scored."""

    network: str
    images: str
    baseline: str = "natural"  # the method that the others are compared with
    uninformative: tuple[str, ...] = (RANDOM,)  # methods whose references explain nothing
    seed: int | None = None


@dataclass(frozen=True)
class Found:
    """The tables of scores, and what the page shows first."""

    scores: pd.DataFrame  # SCORES
    summaries: pd.DataFrame  # SCORE_SUMMARIES
    differences: pd.DataFrame  # SCORE_DIFFERENCES
    about: About

    @property
    def view(self) -> View:
        """The first observer and number of references, and the method that has nulls, or else the baseline."""
        methods = list(self.scores["method"].unique())
        with_nulls = self.scores.loc[self.scores["null"] != "", "method"]
        baseline = self.about.baseline if self.about.baseline in methods else methods[0]
        method = str(with_nulls.iloc[0]) if len(with_nulls) else baseline
        return View(str(self.scores["observer"].iloc[0]), method, int(self.scores["references"].iloc[0]))

    @property
    def rivals(self) -> list[View]:
        """Other methods by the same observer, then other observers of the same method."""
        view, own = self.view, self.scores[self.scores["null"] == ""]
        methods = [str(name) for name in own["method"].unique() if name not in (view.method, *self.about.uninformative)]
        observers = [str(name) for name in own["observer"].unique() if name != view.observer]
        return [
            *(View(view.observer, method, view.references) for method in methods),
            *(View(observer, view.method, view.references) for observer in observers),
        ]

    @cached_property
    def accuracies(self) -> dict[str, pd.DataFrame]:
        """Of the view and its rivals, by the name of what is different: accuracy by unit and difficulty."""
        view, found = self.view, {}
        has_methods = any(rival.method != view.method for rival in self.rivals)
        for seen in (view, *self.rivals):
            name = seen.method if seen.method != view.method else seen.observer
            if seen == view and has_methods:
                name = f"{view.method}, {view.observer}"
            found[name] = seen.rows(self.scores).pivot(index="unit", columns="difficulty", values="accuracy")
        return found

    @cached_property
    def means(self) -> pd.Series:
        """The view's mean score over the difficulties, by unit."""
        return unit_scores(self.scores, self.view)

    @cached_property
    def difficulties(self) -> list[str]:
        return easiest_first(self.scores["difficulty"].unique())


def write(path: Path, found: Found, index: ActivationIndex | None = None) -> None:
    """Write the page."""
    view, rivals = found.view, found.rivals
    lists = ranked.lists(found.scores, view, rivals)
    scatters = figures.scatters(found.scores, view, rivals)
    points = list(dict.fromkeys(name for one in scatters for name in one.units))
    listed = list(dict.fromkeys([*lists.best, *lists.worst, *lists.disputed]))
    images = thumbnails.pictures(index, listed, points)
    difficulties, rows = overview(found.summaries, view.observer)
    own = view.rows(found.scores)
    text = pages.render(
        "exemplum.scores", TEMPLATE, {"percent": pages.percent, "label": label},
        title=f"Scores of {own['unit'].nunique():,} units of {found.about.network}",
        about=found.about,
        view=view,
        lead=_lead(found),
        said=_said(found),
        difficulties=difficulties,
        overview=rows,
        curves=figures.curve_panels(found.summaries, view.references, found.difficulties),
        marks=_marks(found.scores, found.about),
        null_names=NULL_NAMES,
        layers=[
            (observer, figures.layers(found.scores, found.summaries, View(observer, view.method, view.references)))
            for observer in map(str, found.scores["observer"].unique())
        ],
        scatters=scatters,
        data=figures.data(scatters, images),
        images=images,
        groups=_groups(found, lists, images),
        luck=ranked.luck(found.scores, view),
        facts=_facts(found),
        nulls=[null for null in NULLS if (found.scores["null"] == null).any()],
    )  # fmt: skip
    store.write_text(path, text)


def _lead(found: Found) -> str:
    """The main result in words: the method and its untrained null by the first observer, at each difficulty."""
    view = found.view
    difficulties, rows = overview(found.summaries, view.observer)
    said = {}
    for row in rows:
        parts = [f"{cell.accuracy} at {name}" for name, cell in zip(difficulties, row.cells, strict=True) if cell.units]
        if row.method == view.method and row.references == view.references and parts:
            said[row.null] = pages.listed(parts)
    if "" not in said:
        return "No unit has tasks: there is no result (n = 0)."
    text = (
        f"Of the tasks with {label(view.method)} images as references, {label(view.observer)} answers {said['']} "
        "correctly"
    )
    return f"{text}; of an untrained network's, {said[UNTRAINED]}." if UNTRAINED in said else f"{text}."


def _said(found: Found) -> list[tuple[str, list[str]]]:
    """By difficulty, what the differences say of the network and its nulls."""
    view = found.view
    own = found.differences[found.differences["references"] == view.references]
    said = [(name, summary.said_against_nulls(own, view.method, view.observer, name)) for name in found.difficulties]
    signed = [(name, [re.sub(r"-(?=\d)", "−", sentence) for sentence in sentences]) for name, sentences in said]
    return [(name, sentences) for name, sentences in signed if sentences]


@dataclass(frozen=True)
class Mark:
    """How a method or a null is drawn: its class in the style, and whether it is a null."""

    name: str
    look: str
    null: str


def _marks(scores: pd.DataFrame, about: About) -> dict[tuple[str, str], Mark]:
    """The look of each method and of each null of a method."""
    found, others = {}, 0
    for method in map(str, scores["method"].unique()):
        look = RANDOM if method in about.uninformative else method if method in KNOWN else f"other{others % 4}"
        others += look.startswith("other")
        found[method, ""] = Mark(method, look, "")
    for method, null in scores.loc[scores["null"] != "", ["method", "null"]].drop_duplicates().itertuples(index=False):
        found[str(method), str(null)] = Mark(NULL_NAMES[str(null)], str(null), str(null))
    return found


@dataclass(frozen=True)
class Card:
    """A unit of a list."""

    unit: str
    note: str
    score: str
    minimal: list[str]  # data URIs
    maximal: list[str]
    rows: list[tuple[str, list[str]]]  # observer or method, and its accuracy at each difficulty


@dataclass(frozen=True)
class CardGroup:
    name: str
    title: str
    text: str
    cards: list[Card]


def _groups(found: Found, lists: ranked.Lists, images: Pictures) -> list[CardGroup]:
    view, most = found.view, f"mean score by {found.view.observer} over the difficulties"
    disputed = "observers" if all(one.observer != view.observer for one in found.rivals) else "observers or methods"
    return [
        CardGroup(name, title, text, [
            _card(found, unit, images, lists.disputes[unit] if name == "disputed" else "") for unit in units
        ])
        for name, title, text, units in (
            ("best", "Best", f"Highest {most}.", lists.best),
            ("worst", "Worst", f"Lowest {most}.", lists.worst),
            ("disputed", "Most disputed", f"Where {disputed} differ most in a unit's percentile among all units.",
             lists.disputed),
        ) if units
    ]  # fmt: skip


def _card(found: Found, unit: str, images: Pictures, note: str) -> Card:
    rows = []
    for name, accuracies in found.accuracies.items():
        if unit in accuracies.index:
            own = accuracies.loc[unit]
            rows.append((
                name, [pages.percent(own.get(level), 0).replace(pages.SPACE, "") for level in found.difficulties]
            ))  # fmt: skip
    large, mean = images.large, found.means.get(unit)
    return Card(unit, note, pages.number(mean), large.get((unit, "min"), []), large.get((unit, "max"), []), rows)


def _facts(found: Found) -> list[tuple[str, str]]:
    """How the page was made: what was scored, how often, and how many units could not be."""
    view, scores = found.view, found.scores
    own = view.rows(scores)
    listed = len(found.means)
    counts = own.loc[own["n_tasks"] > 0].groupby("difficulty")["n_tasks"].agg(["min", "max", "size"])
    tasks = [
        f"{name}: {_range(row['min'], row['max'])} per unit, {int(row['size']):,} units"
        for name in found.difficulties if name in counts.index for row in [counts.loc[name]]
    ]  # fmt: skip
    every = scores[scores["null"] == ""]
    said = [
        ("Network", found.about.network),
        ("Images", found.about.images),
        ("Units", f"{own['unit'].nunique():,} in {own['layer'].nunique()} layers: "
                  f"{', '.join(map(str, own['layer'].unique()))}"),
        ("Tasks", "; ".join(tasks) or "none"),
        ("References", f"{', '.join(map(str, every['references'].unique()))} per pole"),
        ("Observers", f"{', '.join(map(str, every['observer'].unique()))}; each machine is one observer"),
        ("Lists", f"of the {listed:,} units that have tasks at every difficulty"),
    ]  # fmt: skip
    return said + ([("Seed", str(found.about.seed))] if found.about.seed is not None else [])


def _range(low: Any, high: Any) -> str:
    return f"{int(low)} tasks" if low == high else f"{int(low)} to {int(high)} tasks"
