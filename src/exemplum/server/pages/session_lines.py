"""The list of sessions: one line each, blind to conditions, from the summaries that the server keeps."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session as Orm

from exemplum.responses import FINISHED, ExclusionsSection
from exemplum.server.experiment import Experiment
from exemplum.server.sessions.recruitment import alive_since
from exemplum.server.storage.schema import Batch, Participant, SessionRow, Summary
from exemplum.server.storage.tables import label_of

# Reasons to look at a session: name → words. All from times and sides, none from conditions.
FLAGS = {
    "fast": "too fast", "pause": "long pause", "focus": "focus lost", "side": "one side only", "catch": "catch failed",
}  # fmt: skip
FEW = 10  # answers below which nothing can be said about speed or sides
FAST_SHARE = 0.2  # of the answers
PAUSE_MS = 10 * 60_000
HIDDEN_MS, BLURS = 10_000, 3
SIDE_SHARE = 0.1  # of the main answers on the side chosen less often
CATCH = 0.8  # share right, where study.toml declares none


@dataclass(frozen=True)
class SessionLine:
    """One session."""

    id: int
    key: str  # of the session, in addresses and forms; never used again and impossible to guess
    label: str
    external_id: str
    source: str
    batch: str
    group: str
    pilot: bool
    place: int | None
    status: str  # active, away (no recent request: its place is assigned again), or its outcome
    step: int
    answered: int
    total: int
    began: int  # ms since 1970, by the server's clock
    seen_at: int
    minutes: float  # from the first page to the last request, or to the end
    device: str
    browser: str
    window: str  # width × height
    width: int
    image_px: float | None  # side of the smallest image of a main trial
    catch_right: int
    catch_trials: int
    median_rt_s: float | None
    rts: list[int]
    code: str
    broken: dict[str, str]  # exclusion rules that the session breaks → why, in words
    flags: tuple[str, ...]

    @property
    def excluded(self) -> list[str]:
        return list(self.broken.values())


def lines(orm: Orm, experiment: Experiment, key: str = "") -> list[SessionLine]:
    """All sessions, or the one of a `key`, in the order of entry."""
    rules = experiment.study.config.exclusions
    alive = alive_since(experiment)
    chosen = CHOSEN.where(Participant.study_id == experiment.study_id).order_by(SessionRow.id)
    if key:
        chosen = chosen.where(SessionRow.image_ref == key)
    return [_line(row, rules, alive) for row in orm.execute(chosen)]


def _chosen() -> Select[Any]:
    """Narrow columns only: those of JSON take longer to read than everything else."""
    row, person, summary = SessionRow.__table__.c, Participant.__table__.c, Summary.__table__.c
    kept = [column.label(f"sum_{column.name}") for column in summary if column.name != "session_id"]
    return (
        select(
            row.id, row.image_ref, row.slot, row.status, row.outcome, row.code, row.step, row.answered, row.total,
            row.created_at, row.seen_at, row.finished_at, person.external_id, person.source, person["group"],
            person.pilot, Batch.name.label("batch"), *kept,
        )
        .select_from(SessionRow)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .outerjoin(Summary, Summary.session_id == SessionRow.id)
        .outerjoin(Batch, Batch.id == Participant.batch_id)
    )  # fmt: skip


CHOSEN = _chosen()


def _line(row: Row[Any], rules: ExclusionsSection, alive: float) -> SessionLine:
    broken = _broken(row, rules)
    rt = row.sum_median_rt_ms
    return SessionLine(
        id=row.id, key=row.image_ref, label=label_of(row.id), external_id=row.external_id, source=row.source,
        batch=row.batch or "", group=row.group, pilot=row.pilot, place=row.slot,
        status=row.outcome or ("active" if row.seen_at > alive else "away"), step=row.step,
        answered=row.answered, total=row.total, began=row.created_at, seen_at=row.seen_at,
        minutes=((row.finished_at or row.seen_at) - row.created_at) / 60_000,
        device=row.sum_device or "", browser=row.sum_browser or "",
        window=f"{row.sum_width} × {row.sum_height}" if row.sum_width and row.sum_height else "",
        width=row.sum_width or 0, image_px=row.sum_image_px,
        catch_right=row.sum_catch_correct or 0, catch_trials=row.sum_catch_answers or 0,
        median_rt_s=None if rt is None else rt / 1000, rts=row.sum_rts or [], code=row.code, broken=broken,
        flags=_flags(row, rules),
    )  # fmt: skip


def measured(row: Row[Any]) -> dict[str, float]:
    """What exclusion rules are about, under the names of their columns; NaN for what is not known."""
    known = row.sum_began_at is not None
    return {
        "catch_accuracy": row.sum_catch_correct / row.sum_catch_answers if row.sum_catch_answers else nan,
        "answers_each_side": float(min(row.sum_main_top, row.sum_main_answers - row.sum_main_top)),
        "instruction_time_s": nan if row.sum_instructions_ms is None else row.sum_instructions_ms / 1000,
        "practice_attempts": float(row.sum_practice_rounds),
        "total_time_s": (row.sum_ended_at - row.sum_began_at) / 1000 if known else nan,
        "image_px": nan if row.sum_image_px is None else row.sum_image_px,
        "pixel_ratio": nan if row.sum_pixel_ratio is None else row.sum_pixel_ratio,
        "frame_ms": nan if row.sum_frame_ms is None else row.sum_frame_ms,
        "blurs": float(row.sum_blurs) if row.sum_main_answers else nan,
        "hidden_s": row.sum_hidden_ms / 1000 if row.sum_main_answers else nan,
    }


def _broken(row: Row[Any], rules: ExclusionsSection) -> dict[str, str]:
    """Rules that the session breaks; those who gave no consent, or were screened out, can break none."""
    if row.sum_answers is None or (row.outcome and row.outcome not in FINISHED) or rules == ExclusionsSection():
        return {}
    from exemplum.responses import exclusions  # late: most studies have no rules at their start

    values, finished = measured(row), row.status == "finished"
    found = {}
    for rule in exclusions.declared(rules):
        value = values.get(exclusions.RULES[rule].column, nan)
        verdict, reason = exclusions.judge(rule, value, float(getattr(rules, rule)), finished)
        if verdict == "excluded":
            found[rule] = reason
    return found


def _flags(row: Row[Any], rules: ExclusionsSection) -> tuple[str, ...]:
    if row.sum_answers is None:
        return ()
    answers, main, top = sum(row.sum_rts), row.sum_main_answers, row.sum_main_top
    limit = CATCH if rules.catch_accuracy is None else rules.catch_accuracy
    raised = {
        "fast": answers >= FEW and row.sum_fast >= FAST_SHARE * answers,
        "pause": row.sum_longest_gap_ms >= PAUSE_MS,
        "focus": row.sum_blurs >= BLURS or row.sum_hidden_ms >= HIDDEN_MS,
        "side": main >= FEW and min(top, main - top) < SIDE_SHARE * main,
        "catch": row.sum_catch_answers > 0 and row.sum_catch_correct < limit * row.sum_catch_answers,
    }
    return tuple(name for name, is_raised in raised.items() if is_raised)
