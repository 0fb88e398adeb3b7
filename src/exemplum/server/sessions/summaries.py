"""Summaries of sessions: what lists of sessions and the files for panels need, without reading answers each time."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import partial
from itertools import pairwise
from math import nan
from statistics import median
from typing import Any

from sqlalchemy import Row, or_, select
from sqlalchemy.orm import Session as Orm

from exemplum.records import Side, TrialKind
from exemplum.responses import ExclusionsSection
from exemplum.server.experiment import Experiment
from exemplum.server.sessions import durations
from exemplum.server.storage.schema import Answer, Participant, SessionRow, StepRecord, Summary, TrialRow

FAST_MS = 500  # nobody can look at two pictures, choose and press in less
EDGES_MS = tuple(round(250 * 2 ** (n / 2)) for n in range(17))  # of the bins of reaction times: 250 ms … 64 s
AT_ONCE = 50  # sessions summarized in one transaction when the server starts
CHOSEN = select(
    TrialRow.kind, Answer.choice, Answer.correct, Answer.rt_ms, Answer.shown_at, Answer.hidden_ms, Answer.blurs,
    Answer.received_at, Answer.query_px, Answer.reference_px, Answer.pixel_ratio, Answer.frame_ms,
).join(TrialRow, TrialRow.id == Answer.trial_id)  # fmt: skip


def keep(orm: Orm, row: SessionRow) -> Summary:
    """Write the summary of a session as it is now. Runs in the caller's transaction."""
    summary = orm.merge(Summary(session_id=row.id, **_made(orm, row)))
    orm.flush()
    return summary


def catch_up(experiment: Experiment) -> None:
    """Summarize sessions of earlier versions, and those whose last answers no step followed before a stop."""
    after: int | None = 0
    while after is not None:
        after = experiment.database.writer.submit_sync(partial(_some, experiment=experiment, after=after))


def _some(orm: Orm, experiment: Experiment, after: int) -> int | None:
    """Summarize some sessions that need it, with ids above `after`; returns the last id, None if there are no more."""
    behind = orm.scalars(
        select(SessionRow)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .outerjoin(Summary, Summary.session_id == SessionRow.id)
        .where(
            Participant.study_id == experiment.study_id,
            SessionRow.id > after,
            or_(Summary.session_id.is_(None), Summary.answers != SessionRow.answered),
        )
        .order_by(SessionRow.id)
        .limit(AT_ONCE)
    ).all()
    for row in behind:
        keep(orm, row)
    return behind[-1].id if behind else None


def _made(orm: Orm, row: SessionRow) -> dict[str, Any]:
    """The columns of the summary, as docs/reference/tables.md and exclusion rules define them for PEOPLE."""
    given = orm.execute(CHOSEN.where(Answer.session_id == row.id).order_by(TrialRow.position)).all()
    main = [answer for answer in given if answer.kind == TrialKind.MAIN.value]
    catch = [answer for answer in given if answer.kind == TrialKind.CATCH.value]
    steps = orm.scalars(
        select(StepRecord).where(StepRecord.session_id == row.id, StepRecord.kind.in_(("check", "instructions")))
    ).all()
    check = next((step.data for step in steps if step.kind == "check"), {})
    began, ended = durations.span((answer.shown_at, answer.rt_ms) for answer in given) or (None, None)
    received = [answer.received_at for answer in given]
    return {
        "answers": row.answered,
        "main_answers": len(main),
        "main_correct": sum(answer.correct for answer in main),
        "main_top": sum(answer.choice == Side.TOP.value for answer in main),
        "catch_answers": len(catch),
        "catch_correct": sum(answer.correct for answer in catch),
        "fast": sum(answer.rt_ms < FAST_MS for answer in given),
        "rts": histogram(answer.rt_ms for answer in given),
        "median_rt_ms": median(answer.rt_ms for answer in given) if given else None,
        "longest_gap_ms": max((later - earlier for earlier, later in pairwise(received)), default=0),
        "hidden_ms": sum(answer.hidden_ms for answer in main),
        "blurs": sum(answer.blurs for answer in main),
        "image_px": min(_known(px for answer in main for px in (answer.query_px, answer.reference_px)), default=None),
        "pixel_ratio": min(_known(answer.pixel_ratio for answer in main), default=None),
        "frame_ms": median(frames) if (frames := _known(answer.frame_ms for answer in main)) else None,
        "began_at": began,
        "ended_at": ended,
        "instructions_ms": durations.instructed_ms(steps),
        "practice_rounds": durations.practice_rounds(row.steps),
        **_browser(row.client | check),
    }  # fmt: skip


def measured(summary: Summary | Row[Any]) -> dict[str, float]:
    """What exclusion rules are about, under the names of their columns; NaN for what is not known."""
    began, ended = summary.began_at, summary.ended_at
    return {
        "catch_accuracy": summary.catch_correct / summary.catch_answers if summary.catch_answers else nan,
        "answers_each_side": float(min(summary.main_top, summary.main_answers - summary.main_top)),
        "instruction_time_s": nan if summary.instructions_ms is None else summary.instructions_ms / 1000,
        "practice_attempts": float(summary.practice_rounds),
        "total_time_s": nan if began is None or ended is None else (ended - began) / 1000,
        "image_px": nan if summary.image_px is None else summary.image_px,
        "pixel_ratio": nan if summary.pixel_ratio is None else summary.pixel_ratio,
        "frame_ms": nan if summary.frame_ms is None else summary.frame_ms,
        "blurs": float(summary.blurs) if summary.main_answers else nan,
        "hidden_s": summary.hidden_ms / 1000 if summary.main_answers else nan,
    }


def broken(summary: Summary | Row[Any], rules: ExclusionsSection, finished: bool) -> dict[str, str]:
    """The declared rules that a session breaks, each with the reason in words; `finished`: it gets no more answers."""
    if rules == ExclusionsSection():
        return {}
    from exemplum.responses import exclusions  # late: it imports pandas, and most studies have no rules at their start

    values, found = measured(summary), {}
    for rule in exclusions.declared(rules):
        value, limit = values[exclusions.RULES[rule].column], float(getattr(rules, rule))
        verdict, reason = exclusions.judge(rule, value, limit, finished)
        if verdict == "excluded":
            found[rule] = reason
    return found


def _known(values: Iterable[float | None]) -> list[float]:
    """The values that were measured: neither None nor 0."""
    return [value for value in values if value]


def histogram(rts_ms: Iterable[float]) -> list[int]:
    """Reaction times per bin: below the first edge, between two edges, from the last one on.

    >>> sum(histogram([200.0, 300.0, 90_000.0])), histogram([200.0])[0], histogram([90_000.0])[-1]
    (3, 1, 1)
    """
    counts = [0] * (len(EDGES_MS) + 1)
    for rt in rts_ms:
        counts[bisect_right(EDGES_MS, rt)] += 1
    return counts


def _browser(client: dict[str, Any]) -> dict[str, Any]:
    """Window, device and browser from what the page said of itself, which may be anything."""
    agent = str(client.get("user_agent", ""))
    touch = client.get("touch") is True
    return {
        "width": _pixels(client.get("width")), "height": _pixels(client.get("height")),
        "device": device(agent, touch), "browser": browser(agent),
    }  # fmt: skip


def _pixels(value: Any) -> int | None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 100_000
    return round(value) if number else None


# In this order: Edge and Opera name Chrome too, and Chrome names Safari.
BROWSERS = (
    ("Edge", "Edg(?:e|A|iOS)?/"), ("Opera", "OPR/"), ("Samsung Internet", "SamsungBrowser/"),
    ("Firefox", "(?:Firefox|FxiOS)/"), ("Chrome", "(?:Chrome|CriOS)/"),
    ("Safari", "Safari/"),
)  # fmt: skip


def browser(agent: str) -> str:
    """The browser's name by its user agent; "other", or "" for none.

    >>> browser("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36 Edg/131.0")
    'Edge'
    """
    return next((name for name, pattern in BROWSERS if re.search(pattern, agent)), "other" if agent else "")


def device(agent: str, touch: bool) -> str:
    """computer, tablet or phone; "" if the user agent is not known. iPads call themselves Macintosh.

    >>> device("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148", True)
    'phone'
    """
    if not agent:
        return ""
    if "iPad" in agent or ("Macintosh" in agent and touch) or ("Android" in agent and "Mobile" not in agent):
        return "tablet"
    return "phone" if "Mobi" in agent or "Android" in agent else "computer"
