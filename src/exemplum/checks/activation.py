"""Whether the queries' activations are what the study says: the right query activates the unit more, and clearly so."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from exemplum.checks.finding import Finding, Verdict
from exemplum.checks.shown import Stimulus
from exemplum.queries import WINDOW
from exemplum.records import EXTREME

RANKED = (EXTREME, WINDOW)  # sources whose maximal queries are all to activate a unit more than all its minimal ones
CLOSE = 0.1  # standard deviations of the unit over the corpus
MOST_TOLD = 20  # units


def activations(stimuli: Iterable[Stimulus], queries: pd.DataFrame) -> Iterator[Finding]:
    """Units whose queries overlap in activation, by difficulty, and a finding for each such unit.

    `wrong`: the minimal query of a pair activates the unit as much as the maximal one, or more. `look`: the two differ
    by less than CLOSE; or, for extremes and windows, the minimal query of one batch activates the unit more than the
    maximal query of another. `unknown` for finished stimuli, whose activations nobody has measured.
    """
    shown = {(s.unit, s.difficulty, s.query_max, s.query_min) for s in stimuli}
    keys = queries[["unit", "difficulty", "query_max", "query_min"]].itertuples(index=False, name=None)
    own = queries[[key in shown for key in keys]].drop_duplicates(["unit", "difficulty", "query_max", "query_min"])
    for difficulty, of_difficulty in own.groupby("difficulty", sort=False):
        faults = {unit: fault for unit, rows in of_difficulty.groupby("unit", sort=False) if (fault := _fault(rows))}
        units = of_difficulty["unit"].nunique()
        known = of_difficulty["activation_max"].notna() & of_difficulty["activation_min"].notna()
        yield _finding(str(difficulty), faults, units, known=bool(known.any()))
        for unit, (verdict, told) in itertools.islice(faults.items(), MOST_TOLD):
            yield Finding(
                "activation", "activation", verdict, 1.0, 0.0, 0.0, 0.0, int((of_difficulty["unit"] == unit).sum()),
                "pairs of queries", told, ADVICE[verdict], difficulty=str(difficulty), scope=str(unit),
            )  # fmt: skip


ADVICE = {
    Verdict.FINE: "",
    Verdict.WRONG: "make the queries again (exemplum query --force): the answer that counts as right is not",
    Verdict.LOOK: "leave the unit out, or choose a percentile farther from the median: right and wrong hardly differ",
    Verdict.UNKNOWN: "finished stimuli come without activations: ask for those of the queries where they were made",
}


def _finding(difficulty: str, faults: dict[str, tuple[Verdict, str]], units: int, *, known: bool) -> Finding:
    verdicts = {verdict for verdict, _ in faults.values()}
    worst = next((verdict for verdict in (Verdict.WRONG, Verdict.LOOK) if verdict in verdicts), Verdict.FINE)
    verdict = worst if known else Verdict.UNKNOWN
    return Finding(
        "activation", "activation", verdict, len(faults) / units if known else np.nan, 0.0, 0.0, 0.0, units, "units",
        f"queries of {len(faults)} of {units} units overlap or hardly differ in activation" if known else
        "activations of the queries are not known",
        ADVICE[verdict], difficulty=difficulty,
    )  # fmt: skip


def _fault(rows: pd.DataFrame) -> tuple[Verdict, str] | None:
    """What is wrong with the pairs of one unit at one difficulty."""
    most, least = rows["activation_max"].to_numpy(), rows["activation_min"].to_numpy()
    if reversed_ := int((most <= least).sum()):
        place = int(np.argmin(most - least))
        return Verdict.WRONG, (
            f"{reversed_} of {len(rows)} pairs: {rows['query_max'].iloc[place]} activates it no more than "
            f"{rows['query_min'].iloc[place]} ({most[place]:.3g} and {least[place]:.3g})"
        )
    if set(rows["source"]) <= set(RANKED) and np.nanmin(most, initial=np.inf) <= np.nanmax(least, initial=-np.inf):
        return Verdict.LOOK, f"a minimal query activates it {np.nanmax(least):.3g}, a maximal one {np.nanmin(most):.3g}"
    if close := int((rows["margin"] < CLOSE).sum()):
        return Verdict.LOOK, (
            f"{close} of {len(rows)} pairs differ by less than {CLOSE} standard deviations (least "
            f"{rows['margin'].min():.2g})"
        )
    return None
