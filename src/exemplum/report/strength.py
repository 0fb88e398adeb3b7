"""How strongly made pictures drive their units, against the best image of the corpus."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exemplum.report import style, wording


@dataclass(frozen=True)
class Strength:
    """One method and pole. Shares are of pictures whose activation is known."""

    method: str
    pole: str
    pictures: int  # with a known activation
    beat: float  # share of pictures beyond the corpus's most extreme image; NaN without pictures
    units: int  # and poles: a unit counts once for each pole
    units_beat: float  # share of these with at least one such picture
    failed: int
    median_percentile: float


def strengths(stimuli: pd.DataFrame, units: pd.DataFrame) -> list[Strength]:
    """For each method other than natural a row for both poles, then one for each, over the main units."""
    main = set(units.loc[units["role"] == "main", "unit"])
    made = stimuli[(stimuli["method"] != "natural") & stimuli["unit"].isin(main)].drop_duplicates("path")
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
        return "How strongly the pictures drive their units is not known: the study was made without a network."
    return " ".join(_said(row) for row in known)


def _said(row: Strength) -> str:
    failed = f"{row.failed:,} failed: no more extreme than the corpus's median image" if row.failed else "none failed"
    return (
        f"Of {wording.count(row.pictures, f'{row.method} picture')}, {wording.percent(row.beat)} drive their unit "
        "beyond its best natural exemplar, the most extreme image of the corpus. "
        f"At least one does for {wording.percent(row.units_beat)} of the {row.units:,} poles of the units; {failed}."
    )
