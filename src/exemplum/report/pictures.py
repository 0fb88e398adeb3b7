"""Pictures in the report: unit cards, how strongly pictures activate their units, example trials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from exemplum import pages
from exemplum.records import easiest_first
from exemplum.report import style
from exemplum.report.formatting import Tables
from exemplum.report.page import Pictures

SIZE, STRIP = 96, 64  # px of the embedded copies
BUDGET = 2200  # pictures on all cards together: about 8 MB
PER_POLE = (9, 4, 1)  # pictures per pole; the first that the budget allows
MOST_CARDS = 400  # the tables beside the report have every unit
POLES = ("min", "max")  # left and right, as on the screen

CHOSEN = {"random": "drawn at random", "hand_picked": "hand-picked"}  # how a unit was


@dataclass(frozen=True)
class PageImage:
    """A picture as the page shows it: its embedded copy and the words beside it."""

    uri: str  # data: URI
    alt: str
    title: str
    failed: bool  # no more extreme than the corpus's median image
    beats: bool  # more extreme than every image of the corpus


@dataclass(frozen=True)
class Group:
    """The pictures of one method and pole of a unit."""

    method: str
    pole: str
    pictures: list[PageImage]
    summary: str


@dataclass(frozen=True)
class Card:
    unit: str
    layer: str
    note: str
    poles: dict[str, list[Group]]
    scores: dict[str, list[tuple[str, list[str]]]]  # of people and machines: observer, its score for each condition
    conditions: list[str]
    filmstrips: dict[str, list[PageImage]]


def make_cards(tables: Tables, pictures: Pictures, budget: int = BUDGET) -> list[Card]:
    """A card for each main unit, by layer; with many units fewer pictures each, and at most MOST_CARDS cards."""
    units = tables.units[tables.units["role"] == "main"].drop_duplicates("unit")
    units = units.loc[sorted(units.index, key=lambda i: style.natural_key(units.loc[i, "unit"]))].head(MOST_CARDS)
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
    parts = [f"branch {row['branch']}" if row["branch"] else "", CHOSEN.get(row["selection"], row["selection"])]
    parts.append(f"stimulus set {row['stimulus_set']}" if row["stimulus_set"] else "")
    methods = style.ordered(stimuli["method"])
    poles = {pole: [_group(row["unit"], m, pole, stimuli, pictures, most) for m in methods] for pole in POLES}
    return Card(
        unit=row["unit"],
        layer=row["layer"],
        note=" · ".join(part for part in parts if part),
        poles={pole: [group for group in groups if group.pictures] for pole, groups in poles.items()},
        scores={
            kind: [(observer, _scores(answers, observer, conditions)) for observer in observers]
            for kind, observers in style.apart(answers["observer"]).items()
        },
        conditions=[style.label(c) for c in conditions],
        filmstrips={pole: filmstrip(row["unit"], pole, stimuli, pictures) for pole in POLES} if most > 1 else {},
    )


def _scores(answers: pd.DataFrame, observer: str, conditions: list[str]) -> list[str]:
    own = answers[answers["observer"] == observer]
    by_condition = own.groupby("condition")["correct"].agg(["sum", "count"])
    return [
        f"{int(by_condition.loc[c, 'sum'])}/{int(by_condition.loc[c, 'count'])}" if c in by_condition.index else "—"
        for c in conditions
    ]


def _group(unit: str, method: str, pole: str, stimuli: pd.DataFrame, pictures: Pictures, most: int) -> Group:
    own = stimuli[stimuli["pole"] == pole]
    baseline = most_extreme(own[own["method"] == style.conditions().baseline], pole)
    rows = _paired(most_extreme(own[own["method"] == method], pole), baseline).head(most)
    shown = [_picture(row, unit, pictures) for _, row in rows.iterrows()]
    return Group(style.label(method), pole, shown, summary(rows, pole))


def _paired(rows: pd.DataFrame, baseline: pd.DataFrame) -> pd.DataFrame:
    """Pictures made from images that the baseline shows, in the baseline's order: each below its image."""
    places = {image: place for place, image in enumerate(baseline["image"]) if image}
    order = rows["image"].map(places)
    return rows if order.isna().any() else rows.iloc[order.to_numpy(int).argsort(kind="stable")]


def filmstrip(unit: str, pole: str, stimuli: pd.DataFrame, pictures: Pictures) -> list[PageImage]:
    """Snapshots of the strongest picture that is no exemplar, step by step; empty if none were saved."""
    made = most_extreme(stimuli[~_of_corpus(stimuli) & (stimuli["pole"] == pole)], pole)
    if made.empty:
        return []
    path = PurePosixPath(made.iloc[0]["path"])
    steps = pictures.folder / path.parent / "steps"
    frames = sorted(steps.glob(f"{path.stem}_step*.png"))
    shown = [(int(frame.stem.rpartition("step")[2]), f"{path.parent}/steps/{frame.name}") for frame in frames]
    strip = [
        PageImage(pictures.uri(at, STRIP), f"{unit}, {path.stem} after step {step}", f"step {step:,}", False, False)
        for step, at in shown
    ]
    last = PageImage(pictures.uri(str(path), STRIP), f"{unit}, {path.stem} at the end", "end", False, False)
    return [*strip, last] if strip else []


def most_extreme(rows: pd.DataFrame, pole: str) -> pd.DataFrame:
    """Pictures of one method and pole, the most extreme first, without duplicates; by rank without activations."""
    if rows.empty:
        return rows
    largest = rows[rows["references"] == rows["references"].max()]
    rising = pole == "min"
    by = ["activation"] if largest["activation"].notna().any() else ["batch", "position"]
    ascending = [rising] if len(by) == 1 else [True, True]
    rows = largest.sort_values(by, ascending=ascending, kind="stable")
    named = rows["image"].where(rows["image"] != "", rows["path"])
    return rows[~named.duplicated()]


def summary(rows: pd.DataFrame, pole: str) -> str:
    """Activation, percentile and margin of these pictures in words; empty without activations."""
    if rows.empty or rows["activation"].isna().all():
        return ""
    median = pages.number(float(rows["activation"].median()))
    said = [f"median activation {median}"]
    if rows["percentile"].notna().any():
        said.append(f"median percentile {pages.number(float(rows['percentile'].median()), 1)}")
    if not _of_corpus(rows).all() and rows["margin"].notna().any():
        extreme = "highest" if pole == "max" else "lowest"
        said.append(f"{int((rows['margin'] > 0).sum())} of {len(rows)} beyond the corpus's {extreme} image")
        if rows["failed"].any():
            said.append(f"{int(rows['failed'].sum())} failed")
    return ", ".join(said)


def _of_corpus(stimuli: pd.DataFrame) -> pd.Series:
    """Which pictures are images of the corpus, or parts of them, and so beyond none of it."""
    return stimuli["method"].isin(style.conditions().exemplars)


def _picture(row: pd.Series, unit: str, pictures: Pictures) -> PageImage:
    made = row["method"] not in style.conditions().exemplars
    said = []
    if not pages.undefined(float(row["activation"])):
        said.append(f"activation {pages.number(row['activation'])}")
    if not pages.undefined(float(row["percentile"])):
        said.append(f"percentile {pages.number(row['percentile'], 1)}")
    if row["failed"]:
        said.append("failed")
    name = f"{style.label(row['method'])} {row['pole']} {row['position']}"
    return PageImage(
        uri=pictures.uri(row["path"], SIZE),
        alt=f"{unit}, {name}",
        title=", ".join([name, *said]),
        failed=bool(row["failed"]),
        beats=bool(made and row["margin"] > 0),
    )


@dataclass(frozen=True)
class Strength:
    """How strongly the pictures of one method and pole activate their units, among pictures with known activation."""

    method: str
    pole: str
    pictures: int  # with a known activation
    beat: float  # share of pictures beyond the corpus's most extreme image; NaN without pictures
    units: int  # units × poles: a unit counts once for each pole
    units_beat: float  # share of units × poles with at least one picture beyond the corpus
    failed: int
    median_percentile: float


def strengths(stimuli: pd.DataFrame, units: pd.DataFrame) -> list[Strength]:
    """For each method but exemplars one row for both poles together and one for each, over the main units."""
    main = set(units.loc[units["role"] == "main", "unit"])
    made = stimuli[~_of_corpus(stimuli) & stimuli["unit"].isin(main)].drop_duplicates("path")
    return [
        _strength(made[(made["method"] == method) & made["pole"].isin(poles)], method, name)
        for method in style.ordered(made["method"])
        for name, poles in (("both", ["max", "min"]), ("max", ["max"]), ("min", ["min"]))
    ]


def _strength(rows: pd.DataFrame, method: str, pole: str) -> Strength:
    known = rows[rows["margin"].notna()]
    beats = known["margin"] > 0
    by_unit = beats.groupby([known["unit"], known["pole"]]).any()
    return Strength(
        method=style.label(method),
        pole=pole,
        pictures=len(known),
        beat=float(beats.mean()) if len(known) else float("nan"),
        units=len(by_unit),
        units_beat=float(by_unit.mean()) if len(by_unit) else float("nan"),
        failed=int(known["failed"].sum()),
        median_percentile=float(known["percentile"].median()) if len(known) and pole != "both" else float("nan"),
    )


def sentence(rows: list[Strength]) -> str:
    """The shares in words."""
    known = [row for row in rows if row.pictures and row.pole == "both"]
    if not known:
        return "How strongly the pictures activate their units is unknown: the study was made without a network."
    return " ".join(_said(row) for row in known)


def _said(row: Strength) -> str:
    failed = f"{row.failed:,} failed: no more extreme than the corpus's median image" if row.failed else "none failed"
    return (
        f"Of {pages.count(row.pictures, f'{row.method} picture')}, {pages.percent(row.beat)} activate their "
        "unit beyond its best natural exemplar, the most extreme image of the corpus. "
        f"At least one does for {pages.percent(row.units_beat)} of the {row.units:,} unit × pole pairs; {failed}."
    )


SIZES = {"query": 160, "many": 88, "one": 200}  # px of the embedded copies
MOST_SCREENS = 12


@dataclass(frozen=True)
class Screen:
    """One trial, drawn. Images are data URIs; references are in the order of the screen, row by row."""

    title: str
    trial_id: str
    unit: str
    minimal: list[str]
    maximal: list[str]
    queries: tuple[str, str]  # top, bottom
    right: str  # top or bottom; shown only on request, below the screen
    evidence: str  # activations of the two queries
    answers: str  # how observers answered this trial


def example_screens(tables: Tables, pictures: Pictures) -> list[Screen]:
    """An example for each condition and scheme of the design's main trials, in the report's order of conditions.

    Where queries are of several difficulties, the baseline has an example of each, and other conditions of the hardest.
    """
    main = tables.trials[tables.trials["kind"] == "main"]
    several = main["difficulty"].nunique() > 1
    return [_screen(trial, tables, pictures, several) for trial in _examples(main)[:MOST_SCREENS]]


def _examples(main: pd.DataFrame) -> list[pd.Series]:
    if main.empty:
        return []
    shown = main.groupby("unit")["condition"].nunique()
    candidates = shown[shown == shown.max()].index
    # A unit from the middle of the network: early ones are too simple, late ones hard to see at this size.
    unit = sorted(candidates, key=style.natural_key)[len(candidates) // 2]
    examples, levels = [], easiest_first(main["difficulty"])
    for condition in style.ordered(main["condition"]):
        own = main[main["condition"] == condition]
        wanted = levels if condition == style.conditions().baseline else levels[-1:]
        shown = own[own["difficulty"].isin(wanted)]
        for (_, _), rows in sorted(
            shown.groupby(["scheme", "difficulty"]),
            key=lambda part: (style.natural_key(part[0][0]), levels.index(part[0][1])),
        ):
            same = rows[rows["unit"] == unit]
            examples.append((same if len(same) else rows).sort_values("trial_id").iloc[0])
    return examples


def _screen(trial: pd.Series, tables: Tables, pictures: Pictures, several: bool) -> Screen:
    def small(paths: tuple[str, ...]) -> list[str]:
        return [pictures.uri(path, SIZES["one" if len(paths) == 1 else "many"]) for path in paths]

    queries = {trial["max_side"]: trial["query_max"]}
    queries["bottom" if trial["max_side"] == "top" else "top"] = trial["query_min"]
    scheme = f", {trial['scheme']}" if trial["scheme"] else ""
    difficulty = f", difficulty {trial['difficulty']}" if several and trial["difficulty"] else ""
    return Screen(
        title=f"{_heading(trial['condition'])}{scheme}{difficulty}",
        trial_id=trial["trial_id"],
        unit=trial["unit"],
        minimal=small(trial["min_references"]),
        maximal=small(trial["max_references"]),
        queries=(pictures.uri(queries["top"], SIZES["query"]), pictures.uri(queries["bottom"], SIZES["query"])),
        right=trial["max_side"],
        evidence=_evidence(trial, tables.queries),
        answers=_answers(trial, tables.responses),
    )


def _heading(condition: str) -> str:
    return "Without references" if condition == "none" else style.label(condition).capitalize()


def _evidence(trial: pd.Series, queries: pd.DataFrame) -> str:
    known = pd.concat([
        queries[[f"query_{pole}", f"activation_{pole}"]].set_axis(["path", "activation"], axis=1)
        for pole in ("max", "min")
    ]).drop_duplicates("path").set_index("path")["activation"]  # fmt: skip
    best, least = (float(known.get(trial[query], np.nan)) for query in ("query_max", "query_min"))
    if pages.undefined(best) or pages.undefined(least):
        return "The unit's activations for the two images are unknown: the study was made from finished stimuli."
    apart = float(trial["margin"])
    margin = "" if pages.undefined(apart) else f": a margin of {pages.number(apart, 1)} standard deviations"
    values = f"{pages.number(best)} for it and {pages.number(least)} for the other"
    return f"The unit's activation is {values}{margin}."


def _answers(trial: pd.Series, responses: pd.DataFrame) -> str:
    rows = responses[responses["trial_id"] == trial["trial_id"]]
    said = []
    for kind, observers in style.apart(rows["observer"]).items():
        correct = {name: rows.loc[rows["observer"] == name, "correct"] for name in observers}
        said.append(f"{kind}: {', '.join(f'{name} {int(own.sum())} of {len(own)}' for name, own in correct.items())}.")
    return f"Right answers to this trial. {' '.join(said)}" if said else "Nobody answered this trial."
