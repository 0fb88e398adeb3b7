"""The report's section on people and machines: which machine predicts people, and what that saves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from exemplum import pages
from exemplum.records import ALL
from exemplum.report import formatting, page, style
from exemplum.report.figures import prediction as drawing
from exemplum.report.formatting import Listing, Tables
from exemplum.report.page import PageFigure

MOST = 9  # panels; the tables have every machine
PREDICTORS = ("score", "evidence", "answers")  # the finest that a machine has is shown
ROW = ["observer", "group", "condition", "measure"]


@dataclass(frozen=True)
class Prediction:
    """What is told of people and machines; nothing without both."""

    sentences: list[str] = field(default_factory=list)
    agreement: Listing = field(default_factory=lambda: Listing([], [], []))
    gains: Listing = field(default_factory=lambda: Listing([], [], []))
    figures: list[PageFigure] = field(default_factory=list)


@dataclass(frozen=True)
class Machine:
    """A machine with its finest prediction, and how that correlates with people's accuracy over all units."""

    name: str
    predictor: str
    correlation: float


def prediction(tables: Tables, folder: Path, number: int, experiment: str = "") -> Prediction:
    """The section, with its figure drawn into the folder. Of several experiments the first, if none is named."""
    units = tables.people_and_machines
    if units.empty:
        return Prediction()
    experiment = experiment or str(units["experiment"].iloc[0])
    found = _Found(tables, experiment, str(units["observer"].iloc[0]))
    machines = found.machines()
    if not machines:
        return Prediction()
    shown = machines[:MOST]
    own = units[(units["experiment"] == experiment) & units["machine"].isin([one.name for one in shown])]
    drawn = drawing.panels(own, [(one.name, one.predictor, one.correlation) for one in shown])
    caption = (
        "Each point is a unit in one condition; vertical lines: Wilson intervals over people's trials. r is over "
        f"{'the conditions together' if found.whole == ALL else 'units'}, with errors of measurement. "
        f"n = {own['unit'].nunique()} units, {page.trials(own['n_trials'])} per unit and condition."
    )
    alt = "People's accuracy against machines' predictions. Correlations: " + ", ".join(
        f"{one.name} {pages.number(one.correlation)}" for one in shown
    )
    table = formatting.listing(own, FIGURE_COLUMNS)
    figure = page.keep(
        drawn, folder, number, "people_and_machines", "People against machines, by unit", caption, f"{alt}.", table
    )
    return Prediction(list(found.sentences(machines)), found.agreement(machines), found.gains(machines), [figure])


FIGURE_COLUMNS = (
    "machine", "unit", "condition", "accuracy", "accuracy_low", "accuracy_high", "n_trials", "answers", "evidence",
    "score", "task_accuracy", "n_tasks",
)  # fmt: skip


class _Found:
    """The rows of the tables that are about one group of people and machines."""

    def __init__(self, tables: Tables, experiment: str, observer: str) -> None:
        def own(frame: pd.DataFrame) -> pd.DataFrame:
            return frame[(frame["experiment"] == experiment) & (frame["observer"] == observer)]

        by_observer = own(tables.estimates[tables.estimates["by"] == "observer"])
        powered = by_observer["interval"].isin(["ppi", "t"]) & (by_observer["measure"] == "accuracy")
        self.estimates = by_observer[~powered].drop_duplicates(ROW).set_index(ROW[1:])
        self.powered = by_observer[powered].set_index(["group", "condition", "interval"])
        self.comparisons = own(tables.comparisons[tables.comparisons["by"] == "observer"])
        self.models = own(tables.models[tables.models["model"] == "calibration"]).set_index(["group", "term"])
        units = own(tables.people_and_machines)
        self.conditions = style.ordered(units["condition"])
        self.whole = ALL if len(self.conditions) > 1 else self.conditions[0]
        self.names = [name for name in units["machine"].unique() if name not in style.CHECKS]

    def machines(self) -> list[Machine]:
        """Those that do not check the study, from the best predictor of people to the worst."""
        found = [Machine(name, *finest) for name in self.names if (finest := self._finest(name, self.whole))]
        return sorted(found, key=lambda one: (math.isnan(one.correlation), -one.correlation, one.name))

    def _finest(self, machine: str, condition: str) -> tuple[str, float] | None:
        for predictor in PREDICTORS:
            if (row := self._row(machine, condition, f"correlation_{predictor}")) is not None:
                return predictor, float(row["estimate"])
        return None

    def _row(self, machine: str, condition: str, measure: str) -> pd.Series | None:
        key = (machine, condition, measure)
        return self.estimates.loc[key] if key in self.estimates.index else None

    def _said(self, machine: str, condition: str, measure: str) -> str:
        return _with_interval(self._row(machine, condition, measure))

    def sentences(self, machines: list[Machine]) -> Iterator[str]:
        best = machines[0]
        if math.isnan(best.correlation):
            yield "No machine predicts people: neither its scores nor people's accuracy vary enough over units."
            return
        row = self._row(best.name, self.whole, f"correlation_{best.predictor}")
        where = "units in all conditions together" if self.whole == ALL else "units"
        yield (
            f"{best.name.capitalize()} predicts people best: r = {_with_interval(row)} between its "
            f"{drawing.NAMES[best.predictor]} and people's accuracy, over "
            f"{int(row['n_participants']) if row is not None else 0} {where}."
        )
        yield from self._against_next(machines)
        people = self._row(best.name, self.whole, "reliability_people")
        if people is not None:
            yield (
                f"The reliability of people's accuracy for a unit is {_with_interval(people)}; true correlations are "
                "what would be left without errors of measurement."
            )

    def _against_next(self, machines: list[Machine]) -> Iterator[str]:
        group = "" if self.whole == ALL else self.whole
        own = self.comparisons[
            self.comparisons["measure"].str.startswith("correlation") & (self.comparisons["group"] == group)
        ]
        best = machines[0].name
        for other in machines[1:2]:
            pair = own[own[["a", "b"]].isin([best, other.name]).all(axis=1)]
            for _, row in pair.iterrows():
                better = row["p_adjusted"] < 0.05 and row["a"] == best
                gap = row["difference"] if row["a"] == best else -row["difference"]
                name = drawing.NAMES[str(row["measure"]).removeprefix("correlation_")]
                yield (
                    f"It predicts them {'' if better else 'not significantly '}better than the next, {other.name}, "
                    f"whose r, by its {name}, is {pages.number(abs(gap))} {'lower' if gap >= 0 else 'higher'} "
                    f"({formatting.p_value(row['p_adjusted'])} with Holm's correction, exploratory)."
                )

    def agreement(self, machines: list[Machine]) -> Listing:
        """One row for each machine and condition."""
        columns = ["machine", "condition", "units", "by its", "correlation", "true correlation", "κ", "κ at most", "α"]
        rows = []
        for one in machines:
            for condition in dict.fromkeys([self.whole, *self.conditions]):
                finest = self._finest(one.name, condition)
                predictor = finest[0] if finest else one.predictor
                row = self._row(one.name, condition, f"correlation_{predictor}")
                most = self._row(one.name, condition, "kappa_limit")
                term = "evidence" if condition == self.whole else f"evidence|{condition}"
                alpha = self.models.loc[(one.name, term)] if (one.name, term) in self.models.index else None
                rows.append([
                    one.name, "all" if condition == ALL else style.label(condition),
                    f"{int(row['n_participants'])}" if row is not None else "0", predictor.replace("_", " "),
                    _with_interval(row), self._said(one.name, condition, f"disattenuated_{predictor}"),
                    self._said(one.name, condition, "kappa_cohen"),
                    pages.number(None if most is None else float(most["estimate"])), _significant(alpha),
                ])  # fmt: skip
        return Listing(columns, [False, False, True, False, False, False, False, True, False], rows)

    def gains(self, machines: list[Machine]) -> Listing:
        """Accuracies and differences with and without a machine's scores of all units."""
        columns = ["machine", "of", "people alone", "with the machine", "units judged", "as good as judging", "λ"]
        rows = []
        for one in machines:
            for condition in self.conditions:
                keys = [(one.name, condition, interval) for interval in ("t", "ppi")]
                if keys[0] not in self.powered.index:
                    continue
                alone, powered = (self.powered.loc[key] for key in keys)
                effective, weight = (
                    self._row(one.name, condition, measure) for measure in ("effective_units", "ppi_weight")
                )
                rows.append([
                    one.name, style.label(condition), _share(alone), _share(powered),
                    f"{int(alone['n_participants'])}", _number(effective, 1), _number(weight),
                ])  # fmt: skip
            rows += self._differences(one.name)
        return Listing(columns, [False, False, False, False, True, True, True], rows)

    def _differences(self, machine: str) -> Iterator[list[str]]:
        own = self.comparisons[(self.comparisons["group"] == machine) & (self.comparisons["measure"] == "accuracy")]
        for (a, b), pair in own.groupby(["a", "b"], sort=False):
            alone, powered = (pair[pair["test"] == test].iloc[0] for test in ("crossed", "ppi"))
            width = [float(row["effect_high"] - row["effect_low"]) for row in (alone, powered)]
            effective = float(alone["n"]) * (width[0] / width[1]) ** 2 if width[1] else math.nan
            name = f"{style.label(str(a))} − {style.label(str(b))}"
            yield [machine, name, *map(_points, (alone, powered)), f"{int(alone['n'])}",
                   pages.number(effective, 1), pages.UNDEFINED]  # fmt: skip


def _with_interval(row: pd.Series | None) -> str:
    """`.68 (.51 to .83)`; `—` if undefined."""
    if row is None or pages.undefined(float(row["estimate"])):
        return pages.UNDEFINED
    ends = pages.interval(float(row["low"]), float(row["high"]), share=False, digits=2)
    return pages.number(float(row["estimate"])) + (f" ({ends})" if ends != pages.UNDEFINED else "")


def _significant(row: pd.Series | None) -> str:
    """As `_with_interval`, with three significant digits: α may have any size."""
    if row is None or pages.undefined(float(row["estimate"])):
        return pages.UNDEFINED
    value, low, high = (f"{float(row[name]):.3g}".replace("-", "−") for name in ("estimate", "low", "high"))
    return f"{value} ({low} to {high})"


def _share(row: pd.Series) -> str:
    return f"{pages.percent(row['estimate'])} ({pages.interval(row['low'], row['high'])})"


def _points(row: pd.Series) -> str:
    ends = f"{pages.points(row['effect_low'])} to {pages.points(row['effect_high'])}"
    return f"{pages.points(row['difference'])} points ({ends})"


def _number(row: pd.Series | None, digits: int = 2) -> str:
    return pages.number(None if row is None else float(row["estimate"]), digits)
