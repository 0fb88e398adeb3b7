"""The list of sessions: one line each, blind to conditions, from the summaries that the server keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session as Orm

from exemplum.responses import FINISHED, ExclusionsSection
from exemplum.server.experiment import Experiment
from exemplum.server.sessions import summaries
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
    kept = [column for column in summary if column.name != "session_id"]
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
    rt = row.median_rt_ms
    # those who gave no consent, or were screened out, can break none
    may_break = row.answers is not None and (not row.outcome or row.outcome in FINISHED)
    broken = summaries.broken(row, rules, row.status == "finished") if may_break else {}
    return SessionLine(
        id=row.id, key=row.image_ref, label=label_of(row.id), external_id=row.external_id, source=row.source,
        batch=row.batch or "", group=row.group, pilot=row.pilot, place=row.slot,
        status=row.outcome or ("active" if row.seen_at > alive else "away"), step=row.step,
        answered=row.answered, total=row.total, began=row.created_at, seen_at=row.seen_at,
        minutes=((row.finished_at or row.seen_at) - row.created_at) / 60_000,
        device=row.device or "", browser=row.browser or "",
        window=f"{row.width} × {row.height}" if row.width and row.height else "",
        width=row.width or 0, image_px=row.image_px,
        catch_right=row.catch_correct or 0, catch_trials=row.catch_answers or 0,
        median_rt_s=None if rt is None else rt / 1000, rts=row.rts or [], code=row.code, broken=broken,
        flags=_flags(row, rules),
    )  # fmt: skip


def _flags(row: Row[Any], rules: ExclusionsSection) -> tuple[str, ...]:
    if row.answers is None:
        return ()
    answers, main, top = sum(row.rts), row.main_answers, row.main_top
    limit = CATCH if rules.catch_accuracy is None else rules.catch_accuracy
    raised = {
        "fast": answers >= FEW and row.fast >= FAST_SHARE * answers,
        "pause": row.longest_gap_ms >= PAUSE_MS,
        "focus": row.blurs >= BLURS or row.hidden_ms >= HIDDEN_MS,
        "side": main >= FEW and min(top, main - top) < SIDE_SHARE * main,
        "catch": row.catch_answers > 0 and row.catch_correct < limit * row.catch_answers,
    }
    return tuple(name for name, is_raised in raised.items() if is_raised)
