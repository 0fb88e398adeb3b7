"""The figures of a report in order: what each shows, from which rows of the estimates, and when it applies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from exemplum.report import style
from exemplum.report.figures import accuracy, difficulty, ratings
from exemplum.report.formatting import how, pick, sizes

COLUMNS = {1: 1, 2: 2, 4: 2}  # panels side by side, by the number of panels; 3 otherwise
MOST_NAMES = 6  # in one line of a legend above all panels
WIDTHS = {1: 4.7, 2: 7.0, 3: 7.6}  # inches of the figure, by the panels side by side


@dataclass(frozen=True)
class Plot:
    """One figure: one panel per observer, or a single panel if `draw_all` is given."""

    name: str  # of the files, and the anchor in the report
    title: str
    says: str  # the caption, before n and how the intervals were made
    queries: tuple[dict[str, Any], ...]  # which estimates are drawn; the caption describes the first
    draw: Callable[[pd.DataFrame, str, Axes], Axes] | None = None
    draw_all: Callable[[pd.DataFrame, Axes], Axes] | None = None
    groups: int = 1  # draw it only if there are at least this many groups to compare
    conditions: tuple[str, ...] = ()  # only these, if given
    least: int = 1  # draw it only if there are at least this many conditions
    intervals: bool = True  # whether the figure draws them; the table has them in any case
    checks: bool = True  # whether observers whose result is known in advance have a panel beside others
    stacked: bool = False  # up to two panels one above the other, as wide as one
    height: Callable[[pd.DataFrame], float] = lambda rows: style.HEIGHT  # noqa: ARG005

    def rows(self, estimates: pd.DataFrame) -> pd.DataFrame:
        """The rows of ESTIMATES that the figure shows, for its table."""
        found = [pick(estimates, **query) for query in self.queries]
        rows = pd.concat(found, ignore_index=True).drop_duplicates(ignore_index=True)
        return rows[rows["condition"].isin(self.conditions)] if self.conditions else rows

    def applies(self, estimates: pd.DataFrame) -> bool:
        rows = self.rows(estimates).dropna(subset=["estimate"])
        groups = rows["group"].replace("", pd.NA).nunique()
        enough = self.groups == 1 or groups >= self.groups
        return enough and rows["condition"].nunique() >= self.least and (not self.draw_all or self._compares(rows))

    @staticmethod
    def _compares(rows: pd.DataFrame) -> bool:
        return rows["observer"].nunique() > 1

    def caption(self, estimates: pd.DataFrame) -> str:
        """What is shown, how estimates and intervals were computed, and n."""
        rows = pick(estimates, **self.queries[0])
        rows = rows[rows["observer"].isin(self.observers(estimates))] if self.draw else rows
        rows = rows[rows["condition"].isin(self.conditions)] if self.conditions else rows
        made = how(rows if self.intervals else rows.assign(interval="none"))
        return f"{self.says} {made[:1].upper()}{made[1:]}{'; ' if made else ''}{sizes(rows)}."

    def observers(self, estimates: pd.DataFrame) -> list[str]:
        """Observers with a value to show; one panel each. With many conditions, without those that check the study."""
        rows = self.rows(estimates).dropna(subset=["estimate"])
        found = style.ordered_observers(rows["observer"])
        checks = self.checks and not has_many(rows)
        return found if checks else [name for name in found if name not in style.CHECKS] or found


def has_many(rows: pd.DataFrame) -> bool:
    """Whether there are so many conditions that a panel needs the page's whole width."""
    return bool(rows["condition"].nunique() > style.MANY)


def figure(plot: Plot, estimates: pd.DataFrame) -> Figure:
    """Draw the figure: one panel per observer, two per row; without data, axes that say so."""
    with style.typography():
        rows = plot.rows(estimates)
        height = plot.height(rows)
        if plot.draw_all is not None:
            ax = style.new(2 * style.WIDTH, height)
            plot.draw_all(estimates, ax)
            return ax.get_figure(root=True) or Figure()
        return _panels(plot, estimates, plot.observers(estimates) or [""], height, has_many(rows))


def _panels(plot: Plot, estimates: pd.DataFrame, observers: list[str], height: float, many: bool) -> Figure:
    assert plot.draw is not None
    columns = 1 if many else COLUMNS.get(len(observers), 3)
    if plot.stacked:
        columns = 1 if len(observers) < 3 else 2
    lines = -(-len(observers) // columns)
    width = WIDTHS[2] if many and not plot.stacked else WIDTHS[columns]
    drawn = Figure(figsize=(width, height * lines), layout="constrained", dpi=100)
    grid = drawn.subplots(lines, columns, squeeze=False).flatten()
    for ax, observer in zip(grid, observers, strict=False):
        plot.draw(estimates, observer, ax)
        if len(observers) > 1:
            ax.set_title(observer, loc="left")
    for ax in grid[len(observers) :]:
        ax.set_visible(False)
    if len(observers) > 1:
        _share_legend(drawn)
    return drawn


def _share_legend(drawn: Figure) -> None:
    """One legend above all panels: that of the panel with the most conditions."""
    legends = [legend for ax in drawn.axes if (legend := ax.get_legend())]
    if not legends:
        return
    fullest = max(legends, key=lambda legend: len(legend.get_texts()))
    handles, names = fullest.legend_handles, [text.get_text() for text in fullest.get_texts()]
    title = fullest.get_title().get_text() or None
    for legend in legends:
        legend.remove()
    most = 4 if len(names) > MOST_NAMES else len(names)
    drawn.legend([h for h in handles if h], names, loc="outside upper center", ncols=most, title=title)


def _participants_height(rows: pd.DataFrame) -> float:
    most = int(rows.groupby("observer")["group"].nunique().max()) if len(rows) else 0
    return max(2.2, 1.0 + 0.17 * min(most, accuracy.NAMED))


def _accuracy(by: str) -> dict[str, Any]:
    return {"measure": "accuracy", "by": by}


DASHED = "The dashed line is chance."
PLOTS = (
    Plot(
        "accuracy_by_difficulty", "Accuracy by condition and difficulty",
        "Share of main trials in which the maximally activating query was chosen, for queries of each difficulty: the "
        "mean with its interval. Conditions are ranked by their mean over difficulties. Dotted lines are the baseline. "
        f"{DASHED}",
        (_accuracy("difficulty"),), draw=difficulty.by_condition, groups=2, checks=False, stacked=True,
        height=difficulty.height,
    ),
    Plot(
        "accuracy_by_condition", "Accuracy by condition",
        "Share of main trials in which the maximally activating query was chosen. Large markers: the mean with its "
        f"interval; dots: participants, or sessions of a machine. {DASHED}",
        (_accuracy("all"), _accuracy("participant")), draw=accuracy.by_condition,
    ),
    Plot(
        "accuracy_by_observer", "Accuracy by observer",
        f"The same accuracy, all observers side by side. {DASHED}",
        (_accuracy("all"),), draw_all=accuracy.by_observer,
    ),
    Plot(
        "accuracy_by_layer", "Accuracy by layer",
        f"Accuracy on main trials by the layer of the unit, from early to late. {DASHED}",
        (_accuracy("layer"),), draw=accuracy.by_layer, groups=2,
    ),
    Plot(
        "accuracy_by_branch", "Accuracy by branch",
        f"Accuracy on main trials by the branch of the Inception layer that the unit belongs to. {DASHED}",
        (_accuracy("branch"),), draw=accuracy.by_branch, groups=2,
    ),
    Plot(
        "accuracy_by_selection", "Hand-picked against randomly picked units",
        f"Accuracy on main trials for units that the experimenter chose, and for units drawn at random. {DASHED}",
        (_accuracy("selection"),), draw=accuracy.by_selection, groups=2,
    ),
    Plot(
        "accuracy_by_scheme", "Accuracy by presentation scheme",
        f"Accuracy on main trials by how many references were shown, and of which poles. {DASHED}",
        (_accuracy("scheme"),), draw=accuracy.by_scheme, groups=2,
    ),
    Plot(
        "accuracy_by_scheme_and_expertise", "Schemes and expertise",
        f"Accuracy on main trials by scheme, for expert and lay participants. {DASHED}",
        (_accuracy("scheme+expertise"),), draw=accuracy.by_expertise, groups=2,
    ),
    Plot(
        "accuracy_by_margin", "Accuracy by margin",
        "Accuracy on main trials by how much the two queries' activations differ, in standard deviations of the unit "
        f"over the corpus. {DASHED}",
        (_accuracy("margin"),), draw=difficulty.by_margin, groups=2,
    ),
    Plot(
        "participants_by_condition", "Participants and conditions",
        f"Accuracy of each participant (for a machine: each run over a session) in each condition. {DASHED}",
        (_accuracy("participant"),), draw=accuracy.by_participant, groups=2, height=_participants_height,
        intervals=False,
    ),
    Plot(
        "accuracy_without_references", "Accuracy without references",
        "Accuracy on main trials without references: overall, before and after the trials with references. It need not "
        f"be chance: the most extreme queries can mislead. {DASHED}",
        (_accuracy("all") | {"phases": True},), draw=accuracy.of_none, conditions=style.LAST, least=2,
    ),
    Plot(
        "confidence_distribution", "Confidence ratings",
        "Shares of the ratings 1 (not confident) to 3 (very confident) on main trials; darker means more confident.",
        tuple({"measure": f"confidence_{r}"} for r in ratings.RATINGS), draw=ratings.distribution,
        intervals=False,
    ),
    Plot(
        "confidence_by_correctness", "Confidence when right and when wrong",
        "Mean confidence on main trials.",
        tuple({"measure": "confidence", "subset": s} for s in ("all", "correct", "wrong")), draw=ratings.mean,
    ),
    Plot(
        "confidence_calibration", "Confidence calibration",
        "Accuracy of the main trials with each rating; a larger marker means more trials. "
        f"{DASHED}",
        (_accuracy("confidence"),), draw=ratings.calibration, groups=2,
    ),
    Plot(
        "reaction_time", "Reaction time",
        "Reaction time on main trials, for all, correct and wrong answers.",
        tuple({"measure": m, "subset": s} for m in ("rt_s", "rt_median_s") for s in ("all", "correct", "wrong")),
        draw=ratings.by_condition,
    ),
)  # fmt: skip
