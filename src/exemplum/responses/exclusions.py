"""Exclusion of participants from the main result by declared rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exemplum import tables
from exemplum.errors import UserError
from exemplum.responses import ExclusionsSection

PERSON = ["experiment", "observer", "participant"]
SESSION = ("instruction_time_s", "practice_attempts", "total_time_s")  # known only to the server


def apply(
    responses: pd.DataFrame, rules: ExclusionsSection, sessions: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave out participants whom a rule excludes: (the other answers, table EXCLUSIONS)."""
    table = check(responses, rules, sessions)
    return kept(responses, table), table


def kept(frame: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a frame about people whom no rule excludes in a table EXCLUSIONS."""
    out = pd.MultiIndex.from_frame(table.loc[table["verdict"] == "excluded", PERSON])
    return frame[~pd.MultiIndex.from_frame(frame[PERSON]).isin(out)]


def check(responses: pd.DataFrame, rules: ExclusionsSection, sessions: pd.DataFrame | None = None) -> pd.DataFrame:
    """Check every participant by every declared rule: table EXCLUSIONS, empty if no rule is declared.

    `responses` may be the answers so far of a running session: a rule that cannot be decided yet is `unknown`, and
    excludes nobody; a rule that more answers may still meet (answers on each side) is unknown until it is met, unless
    `sessions` says that the session is finished. `sessions` has the columns experiment, observer, participant and any
    of instruction_time_s, practice_attempts, total_time_s (seconds from first to last trial), finished (bool; without
    this column all of `sessions` are, as those of PEOPLE). Without it, rules about these are unknown. Rules about how
    trials were shown look at the columns of `records.Viewing`; where `responses` lacks them, or they are NaN, these
    rules are unknown. Machines are never excluded.

    Raises UserError if a column is missing.
    """
    needed = [*PERSON, "observer_kind", "trial_kind", "correct", "choice"]
    if missing := [name for name in needed if name not in responses]:
        raise UserError(f"the responses lack the columns {', '.join(missing)}; exclusion rules cannot be checked")
    people = responses[responses["observer_kind"] == "person"]
    who = people[PERSON].drop_duplicates()
    if sessions is not None:
        if missing := [name for name in PERSON if name not in sessions]:
            raise UserError(f"the sessions lack the columns {', '.join(missing)}")
        who = pd.concat([who, sessions[PERSON]]).drop_duplicates()
    measured = _measured(people, who, sessions, rules)
    return tables.EXCLUSIONS.frame([row for rule in declared(rules) for row in _verdicts(rule, rules, measured)])


def declared(rules: ExclusionsSection) -> list[str]:
    """The rules that study.toml sets."""
    return [name for name in type(rules).model_fields if getattr(rules, name) is not None]


def _measured(
    people: pd.DataFrame, who: pd.DataFrame, sessions: pd.DataFrame | None, rules: ExclusionsSection
) -> pd.DataFrame:
    """The values that rules are about, one row per participant; NaN if unknown."""
    table = who.set_index(PERSON).sort_index()
    catch = people[people["trial_kind"] == "catch"]
    table["catch_accuracy"] = catch.groupby(PERSON)["correct"].mean().reindex(table.index).astype(float)
    main = people[people["trial_kind"] == "main"]
    sides = [(main["choice"] == side).groupby([main[name] for name in PERSON]).sum() for side in ("top", "bottom")]
    table["answers_each_side"] = np.minimum(*(side.reindex(table.index).fillna(0).astype(float) for side in sides))
    shown = _shown(main, rules)
    for name in shown:
        table[name] = shown[name].reindex(table.index).astype(float)
    known = sessions.set_index(PERSON) if sessions is not None else pd.DataFrame(index=table.index)
    for name in SESSION:
        table[name] = known[name].reindex(table.index).astype(float) if name in known else np.nan
    finished = known["finished"] if "finished" in known else pd.Series(True, index=known.index)
    table["finished"] = finished.reindex(table.index, fill_value=False).astype(bool)
    return table


def _shown(main: pd.DataFrame, rules: ExclusionsSection) -> pd.DataFrame:
    """How the main trials were shown, as far as rules look at it, one row per participant; NaN if not measured."""
    absent = {name: np.nan for rule in declared(rules) for name in RULES[rule].viewing if name not in main}
    measured = main.assign(**absent).groupby(PERSON)
    worst = {
        "image_px": lambda: measured[["query_px", "reference_px"]].min().min(axis=1),  # without references the query's
        "pixel_ratio": lambda: measured["pixel_ratio"].min(),
        "frame_ms": lambda: measured["frame_ms"].median(),
        "blurs": lambda: measured["blurs"].sum(min_count=1),
        "hidden_s": lambda: measured["hidden_ms"].sum(min_count=1) / 1000,
    }
    wanted = [RULES[name].column for name in declared(rules) if RULES[name].column in worst]
    return pd.DataFrame({name: worst[name]() for name in wanted})


def _at_least(value: float, limit: float) -> bool:
    return value >= limit


def _at_most(value: float, limit: float) -> bool:
    return value <= limit


@dataclass(frozen=True)
class Rule:
    """How one key of [exclusions] is checked."""

    column: str  # of the measured values
    met: Callable[[float, float], bool]
    words: str
    at_end: bool = False  # more answers may still meet it
    viewing: tuple[str, ...] = ()  # columns of records.Viewing that it looks at, of main trials


RULES = {
    "catch_accuracy": Rule("catch_accuracy", _at_least, "catch accuracy {0:.2f}, at least {1:.2f} wanted"),
    "answers_each_side": Rule("answers_each_side", _at_least, "{0:.0f} on one side, at least {1:.0f} wanted", True),
    "instruction_time_s": Rule("instruction_time_s", _at_least, "{0:.0f} s on instructions, at least {1:.0f} s wanted"),
    "practice_attempts": Rule("practice_attempts", _at_most, "{0:.0f} rounds of practice, at most {1:.0f} allowed"),
    "total_time_s_min": Rule("total_time_s", _at_least, "{0:.0f} s in total, at least {1:.0f} s wanted", True),
    "total_time_s_max": Rule("total_time_s", _at_most, "{0:.0f} s in total, at most {1:.0f} s allowed"),
    "image_px_min": Rule("image_px", _at_least, "an image of {0:.0f} px, at least {1:.0f} px wanted",
                         viewing=("query_px", "reference_px")),
    "pixel_ratio_min": Rule("pixel_ratio", _at_least, "pixel ratio {0:.2f}, at least {1:.2f} wanted",
                            viewing=("pixel_ratio",)),
    "frame_ms_max": Rule("frame_ms", _at_most, "{0:.1f} ms between frames, at most {1:.1f} ms allowed",
                         viewing=("frame_ms",)),
    "blurs_max": Rule("blurs", _at_most, "the window lost the focus {0:.0f} times, at most {1:.0f} allowed",
                      viewing=("blurs",)),
    "hidden_s_max": Rule("hidden_s", _at_most, "hidden for {0:.1f} s, at most {1:.1f} s allowed",
                         viewing=("hidden_ms",)),
}  # fmt: skip


def judge(name: str, value: float, limit: float, finished: bool) -> tuple[str, str]:
    """The verdict of one rule about one participant's value, NaN if it is not known, and the reason in words.

    >>> judge("catch_accuracy", 0.5, 0.8, finished=True)
    ('excluded', 'catch accuracy 0.50, at least 0.80 wanted')
    """
    rule = RULES[name]
    met = rule.met(value, limit)
    open_still = np.isnan(value) or (rule.at_end and not finished and not met)
    verdict = "unknown" if open_still else "kept" if met else "excluded"
    return verdict, f"{name} not known" if np.isnan(value) else rule.words.format(value, limit)


def _verdicts(name: str, rules: ExclusionsSection, measured: pd.DataFrame) -> list[dict[str, Any]]:
    limit = float(getattr(rules, name))
    rows = []
    for person, value, finished in zip(measured.index, measured[RULES[name].column], measured["finished"], strict=True):
        verdict, reason = judge(name, value, limit, finished)
        rows.append(
            dict(zip(PERSON, person, strict=True))
            | {"rule": name, "value": value, "limit": limit, "verdict": verdict, "reason": reason}
        )
    return rows
