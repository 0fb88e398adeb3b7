"""Unit cards: natural exemplars beside the pictures of the other methods for both poles, and the unit's scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from exemplum.report import style, wording
from exemplum.report.embedding import Pictures
from exemplum.report.select import Tables

SIZE, STRIP = 96, 64  # px of the embedded copies
BUDGET = 2200  # pictures on all cards: about 8 MB
PER_POLE = (9, 4, 1)  # as many as the budget allows
MOST = 400  # cards; the tables beside the report have every unit
POLES = ("min", "max")  # left and right, as on the screen


@dataclass(frozen=True)
class Picture:
    uri: str
    alt: str
    title: str
    failed: bool
    beats: bool


@dataclass(frozen=True)
class Group:
    """The pictures of one method and pole of a unit."""

    method: str
    pole: str
    pictures: list[Picture]
    summary: str


@dataclass(frozen=True)
class Card:
    unit: str
    layer: str
    note: str
    poles: dict[str, list[Group]]
    scores: list[tuple[str, list[str]]]  # observer, and its score for each condition
    conditions: list[str]
    filmstrips: dict[str, list[Picture]]


def cards(tables: Tables, pictures: Pictures, budget: int = BUDGET) -> list[Card]:
    """A card for each main unit, by layer; with many units fewer pictures each, and at most MOST cards."""
    units = tables.units[tables.units["role"] == "main"].drop_duplicates("unit")
    units = units.loc[sorted(units.index, key=lambda i: style.natural_key(units.loc[i, "unit"]))].head(MOST)
    main = tables.responses[tables.responses["trial_kind"] == "main"]
    conditions = style.ordered(main["condition"])
    groups = max(len(units) * 2 * tables.stimuli["method"].nunique(), 1)
    most = next((k for k in PER_POLE if groups * k <= budget), PER_POLE[-1])
    stimuli = dict(tuple(tables.stimuli.groupby("unit")))
    answers = dict(tuple(main.groupby("unit")))
    return [
        _card(row, stimuli.get(row["unit"], tables.stimuli.iloc[:0]), answers.get(row["unit"], main.iloc[:0]),
              conditions, pictures, most)
        for _, row in units.iterrows()
    ]  # fmt: skip


def _card(
    row: pd.Series, stimuli: pd.DataFrame, answers: pd.DataFrame, conditions: list[str], pictures: Pictures, most: int
) -> Card:
    parts = [f"branch {row['branch']}" if row["branch"] else "", row["selection"].replace("_", "-")]
    parts.append(f"stimulus set {row['stimulus_set']}" if row["stimulus_set"] else "")
    methods = style.ordered(stimuli["method"])
    poles = {pole: [_group(row["unit"], m, pole, stimuli, pictures, most) for m in methods] for pole in POLES}
    return Card(
        unit=row["unit"],
        layer=row["layer"],
        note=" · ".join(part for part in parts if part),
        poles={pole: [group for group in groups if group.pictures] for pole, groups in poles.items()},
        scores=[(observer, _scores(answers, observer, conditions)) for observer in observers(answers)],
        conditions=[style.label(c) for c in conditions],
        filmstrips={pole: filmstrip(row["unit"], pole, stimuli, pictures) for pole in POLES} if most > 1 else {},
    )


def observers(answers: pd.DataFrame) -> list[str]:
    return style.ordered_observers(answers["observer"])


def _scores(answers: pd.DataFrame, observer: str, conditions: list[str]) -> list[str]:
    own = answers[answers["observer"] == observer]
    by_condition = own.groupby("condition")["correct"].agg(["sum", "count"])
    return [
        f"{int(by_condition.loc[c, 'sum'])}/{int(by_condition.loc[c, 'count'])}" if c in by_condition.index else "—"
        for c in conditions
    ]


def _group(unit: str, method: str, pole: str, stimuli: pd.DataFrame, pictures: Pictures, most: int) -> Group:
    rows = most_extreme(stimuli[(stimuli["method"] == method) & (stimuli["pole"] == pole)], pole).head(most)
    shown = [_picture(row, unit, pictures) for _, row in rows.iterrows()]
    return Group(style.label(method), pole, shown, summary(rows, pole))


def filmstrip(unit: str, pole: str, stimuli: pd.DataFrame, pictures: Pictures) -> list[Picture]:
    """How the strongest made picture came about: the snapshots beside it, step by step; empty if none were kept."""
    made = most_extreme(stimuli[(stimuli["method"] != "natural") & (stimuli["pole"] == pole)], pole)
    if made.empty:
        return []
    path = PurePosixPath(made.iloc[0]["path"])
    steps = pictures.folder / path.parent / "steps"
    frames = sorted(steps.glob(f"{path.stem}_step*.png"))
    shown = [(int(frame.stem.rpartition("step")[2]), f"{path.parent}/steps/{frame.name}") for frame in frames]
    strip = [
        Picture(pictures.uri(at, STRIP), f"{unit}, {path.stem} after step {step}", f"step {step:,}", False, False)
        for step, at in shown
    ]
    last = Picture(pictures.uri(str(path), STRIP), f"{unit}, {path.stem} at the end", "end", False, False)
    return [*strip, last] if strip else []


def most_extreme(rows: pd.DataFrame, pole: str) -> pd.DataFrame:
    """Pictures of one method and pole, the most extreme first, no picture twice; by rank where nothing was measured."""
    if rows.empty:
        return rows
    largest = rows[rows["references"] == rows["references"].max()]
    rising = pole == "min"
    by = ["activation"] if largest["activation"].notna().any() else ["batch", "position"]
    ascending = [rising] if len(by) == 1 else [True, rising]
    rows = largest.sort_values(by, ascending=ascending, kind="stable")
    named = rows["image"].where(rows["image"] != "", rows["path"])
    return rows[~named.duplicated()]


def summary(rows: pd.DataFrame, pole: str) -> str:
    """Activation, percentile and margin of these pictures in words; empty where nothing was measured."""
    if rows.empty or rows["activation"].isna().all():
        return ""
    median = wording.number(float(rows["activation"].median()))
    said = [f"median activation {median}"]
    if rows["percentile"].notna().any():
        said.append(f"median percentile {wording.number(float(rows['percentile'].median()), 1)}")
    if (rows["method"] != "natural").any() and rows["margin"].notna().any():
        extreme = "highest" if pole == "max" else "lowest"
        said.append(f"{int((rows['margin'] > 0).sum())} of {len(rows)} beyond the corpus's {extreme} image")
        if rows["failed"].any():
            said.append(f"{int(rows['failed'].sum())} failed")
    return ", ".join(said)


def _picture(row: pd.Series, unit: str, pictures: Pictures) -> Picture:
    made = row["method"] != "natural"
    said = []
    if not wording.undefined(float(row["activation"])):
        said.append(f"activation {wording.number(row['activation'])}")
    if not wording.undefined(float(row["percentile"])):
        said.append(f"percentile {wording.number(row['percentile'], 1)}")
    if row["failed"]:
        said.append("failed")
    name = f"{style.label(row['method'])} {row['pole']} {row['position']}"
    return Picture(
        uri=pictures.uri(row["path"], SIZE),
        alt=f"{unit}, {name}",
        title=", ".join([name, *said]),
        failed=bool(row["failed"]),
        beats=bool(made and row["margin"] > 0),
    )
