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
    units: int
    units_beat: float  # share of units with at least one such picture
    failed: int
    median_percentile: float


def strengths(stimuli: pd.DataFrame, units: pd.DataFrame) -> list[Strength]:
    """A row for each method other than natural and each pole, over the main units."""
    main = set(units.loc[units["role"] == "main", "unit"])
    made = stimuli[(stimuli["method"] != "natural") & stimuli["unit"].isin(main)].drop_duplicates("path")
    methods = style.ordered(made["method"])
    return [_strength(made[(made["method"] == m) & (made["pole"] == p)], m, p) for m in methods for p in ("max", "min")]


def _strength(rows: pd.DataFrame, method: str, pole: str) -> Strength:
    known = rows[rows["margin"].notna()]
    beats = known["margin"] > 0
    by_unit = beats.groupby(known["unit"]).any()
    return Strength(
        method=style.label(method),
        pole=pole,
        pictures=len(known),
        beat=float(beats.mean()) if len(known) else float("nan"),
        units=len(by_unit),
        units_beat=float(by_unit.mean()) if len(by_unit) else float("nan"),
        failed=int(known["failed"].sum()),
        median_percentile=float(known["percentile"].median()) if len(known) else float("nan"),
    )


def sentence(rows: list[Strength]) -> str:
    """The shares in words."""
    known = [row for row in rows if row.pictures]
    if not known:
        return "How strongly the pictures drive their units is not known: the study was made without a network."
    said = []
    for row in known:
        extreme = "highest" if row.pole == "max" else "lowest"
        said.append(
            f"{wording.percent(row.beat)} of {wording.count(row.pictures, 'picture')} made by {row.method} for the "
            f"{row.pole} pole drive their unit beyond the corpus's {extreme} image; at least one does for "
            f"{wording.percent(row.units_beat)} of {wording.count(row.units, 'unit')}"
        )
    failed = sum(row.failed for row in known)
    tail = f" {wording.count(failed, 'picture')} failed: no more extreme than the corpus's median image."
    return "; ".join(said) + "." + (tail if failed else " None failed.")
