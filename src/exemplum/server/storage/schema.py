"""The database of the web experiment: study version → participant → session → trials → answers, and events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Named constraints, so that migrations can name them on both databases.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
# Without this SQLite reuses the largest id once its row is deleted, and a label would name two people.
ONCE = {"sqlite_autoincrement": True}
# SQLite numbers rows by itself only where the key is INTEGER; PostgreSQL needs 8 bytes for events.
Key = BigInteger().with_variant(Integer, "sqlite")


def now_ms() -> int:
    """Milliseconds since 1970, the server's clock."""
    return int(datetime.now(UTC).timestamp() * 1000)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    __table_args__: Any = ONCE
    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON, int: Key}  # noqa: RUF012 — SQLAlchemy's declaration


class Secret(Base):
    """Secret keys shared by all processes of the server."""

    __tablename__ = "secrets"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(120))


class StudyRow(Base):
    """A study, and whether it takes new participants."""

    __tablename__ = "studies"
    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str | None] = mapped_column(String(32), unique=True)  # of study.json; none: not served since 0002
    name: Mapped[str] = mapped_column(String(200))  # of the folder when it was last served: a label, no more
    recruitment: Mapped[str] = mapped_column(String(10), default="open")  # open, paused or closed
    unblinded_at: Mapped[int | None]  # when the accuracy by condition was first asked for
    frozen: Mapped[dict[str, Any] | None]  # exemplum.study.freezing: kept at each start until somebody has answered
    # audit id: withdrawals up to it are out of SQLite's files
    scrubbed_to: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[int] = mapped_column(default=now_ms)


class StudyVersion(Base):
    """The state of a study when sessions began: design, images and questions, identified by their hash."""

    __tablename__ = "study_versions"
    __table_args__ = (UniqueConstraint("study_id", "hash"), ONCE)
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    hash: Mapped[str] = mapped_column(String(64))
    design_hash: Mapped[str] = mapped_column(String(64))  # places of the design mean the same where this is the same
    manifest: Mapped[dict[str, Any]]  # protocol, seed, images' size and padded length, questions, rules
    created_at: Mapped[int] = mapped_column(default=now_ms)


class Participant(Base):
    """One person in one study; the same person as a pilot is a separate row."""

    __tablename__ = "participants"
    __table_args__ = (UniqueConstraint("study_id", "external_id", "pilot"), ONCE)
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    external_id: Mapped[str] = mapped_column(String(250))  # after withdrawal a keyed hash of it
    source: Mapped[str] = mapped_column(
        String(20)
    )  # prolific, mturk, sona, cloudresearch, link, invitation, lab, anonymous
    group: Mapped[str] = mapped_column(String(40), default="")  # expert, lay or another of the study
    pilot: Mapped[bool] = mapped_column(default=False)
    batch_id: Mapped[int | None]  # of the single-use link
    withdrawn_at: Mapped[int | None]
    created_at: Mapped[int] = mapped_column(default=now_ms)


class Batch(Base):
    """Single-use links that were issued together."""

    __tablename__ = "batches"
    __table_args__ = (UniqueConstraint("study_id", "name"), ONCE)
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    name: Mapped[str] = mapped_column(String(40))
    group: Mapped[str] = mapped_column(String(40), default="")  # of everyone who enters by them
    size: Mapped[int]  # links; numbered from 1
    created_at: Mapped[int] = mapped_column(default=now_ms)


class SessionRow(Base):
    """One participant's session in a study version, with its seed and schedule."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_version_slot", "version_id", "slot"), ONCE)
    id: Mapped[int] = mapped_column(primary_key=True)
    participant_id: Mapped[int] = mapped_column(ForeignKey("participants.id", ondelete="CASCADE"), unique=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("study_versions.id"))
    start_key: Mapped[str] = mapped_column(String(80), unique=True)  # of the request that made it
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of the browser's token
    token_version: Mapped[int] = mapped_column(default=0)
    resume_hash: Mapped[str] = mapped_column(
        String(64), default=""
    )  # of a link that moves the session to another browser
    image_ref: Mapped[str] = mapped_column(String(22), unique=True)  # what names of its images are made from
    seed: Mapped[int]
    slot: Mapped[int | None]  # participant of the design, from 1; none before consent
    status: Mapped[str] = mapped_column(String(12), default="active")  # active or finished
    outcome: Mapped[str] = mapped_column(
        String(20), default=""
    )  # completed, failed_attention, no_consent, screened_out
    code: Mapped[str] = mapped_column(String(400), default="")
    excluded: Mapped[bool] = mapped_column(default=False)  # by a rule, at the end; its place is given again
    step: Mapped[int] = mapped_column(default=0)  # position in steps
    steps: Mapped[list[Any]]
    answered: Mapped[int] = mapped_column(default=0)  # trials answered, practice included
    total: Mapped[int] = mapped_column(default=0)
    language: Mapped[str] = mapped_column(String(20))
    params: Mapped[dict[str, Any]]  # of the link
    client: Mapped[dict[str, Any]]  # browser and screen
    created_at: Mapped[int] = mapped_column(default=now_ms)
    assigned_at: Mapped[int | None]
    seen_at: Mapped[int] = mapped_column(default=now_ms)  # last answer or step
    finished_at: Mapped[int | None]
    # characters sent that were not valid Unicode and became U+FFFD
    replaced: Mapped[int] = mapped_column(default=0, server_default="0")
    event_rows: Mapped[int] = mapped_column(default=0, server_default="0")  # stored, against the quota of a session
    event_bytes: Mapped[int] = mapped_column(default=0, server_default="0")


class StepRecord(Base):
    """The result of one page (consent, questions, ratings), with times."""

    __tablename__ = "steps"
    __table_args__ = (UniqueConstraint("session_id", "position"), ONCE)
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    data: Mapped[dict[str, Any]]
    shown_at: Mapped[float]  # milliseconds since 1970, the browser's clock
    ms: Mapped[float]
    visible_ms: Mapped[float]
    received_at: Mapped[int] = mapped_column(default=now_ms)


class Summary(Base):
    """Counts and times of a session, so that lists of sessions read no answers; kept at entry and after each step."""

    __tablename__ = "summaries"
    __table_args__ = ()
    session_id: Mapped[int] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    answers: Mapped[int] = mapped_column(default=0)  # that it counts; those since the last step are not in it
    main_answers: Mapped[int] = mapped_column(default=0)
    main_correct: Mapped[int] = mapped_column(default=0)
    main_top: Mapped[int] = mapped_column(default=0)  # main answers that chose the upper query
    catch_answers: Mapped[int] = mapped_column(default=0)
    catch_correct: Mapped[int] = mapped_column(default=0)
    fast: Mapped[int] = mapped_column(default=0)  # answers faster than anyone can look and choose
    rts: Mapped[list[Any]]  # answers per bin of reaction time
    median_rt_ms: Mapped[float | None]
    longest_gap_ms: Mapped[int] = mapped_column(default=0)  # between two answers, breaks included
    hidden_ms: Mapped[float] = mapped_column(default=0.0)  # while main trials were shown, as the next four
    blurs: Mapped[int] = mapped_column(default=0)
    image_px: Mapped[float | None]  # the smallest image
    pixel_ratio: Mapped[float | None]  # the smallest
    frame_ms: Mapped[float | None]  # the median
    began_at: Mapped[float | None]  # first trial shown, and last answered, by the browser's clock
    ended_at: Mapped[float | None]
    instructions_ms: Mapped[float | None]  # visible
    practice_rounds: Mapped[int] = mapped_column(default=0)
    width: Mapped[int | None]  # of the window, CSS pixels
    height: Mapped[int | None]
    device: Mapped[str] = mapped_column(String(10), default="")  # computer, tablet or phone
    browser: Mapped[str] = mapped_column(String(20), default="")


class TrialRow(Base):
    """One trial of one session, with all that is shown and the truth."""

    __tablename__ = "trials"
    __table_args__ = (UniqueConstraint("session_id", "position"), UniqueConstraint("session_id", "key"), ONCE)
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    position: Mapped[int]  # from 0, within the session, as shown
    step: Mapped[int]  # position in the session's steps of the block it belongs to
    last: Mapped[bool]  # of its block
    key: Mapped[str] = mapped_column(String(22))  # its name in the browser
    trial_id: Mapped[str] = mapped_column(String(60))
    round: Mapped[int] = mapped_column(default=1)  # from 1; a practice block may be shown again
    kind: Mapped[str] = mapped_column(String(10))
    condition: Mapped[str] = mapped_column(String(250))
    max_side: Mapped[str] = mapped_column(String(6))  # the right answer
    spec: Mapped[dict[str, Any]]  # the whole records.Trial
    pictures: Mapped[dict[str, Any]]  # left, right: lists; top, bottom: names of encoded images


class Answer(Base):
    """The answer to a trial: one, and never changed."""

    __tablename__ = "answers"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    trial_id: Mapped[int] = mapped_column(ForeignKey("trials.id", ondelete="CASCADE"), unique=True)
    key: Mapped[str] = mapped_column(String(80))  # idempotency key of the request
    choice: Mapped[str] = mapped_column(String(6))
    correct: Mapped[bool]
    confidence: Mapped[int]
    rt_ms: Mapped[float]
    shown_at: Mapped[float]
    frame_ms: Mapped[float]
    frames_late: Mapped[int]
    hidden_ms: Mapped[float]
    blurs: Mapped[int]
    query_px: Mapped[float | None]  # None: answered before 0004
    reference_px: Mapped[float | None]  # None too without references
    pixel_ratio: Mapped[float | None]
    input: Mapped[str] = mapped_column(String(12))
    attempt: Mapped[int]
    received_at: Mapped[int]


class Event(Base):
    """An event in the browser other than an answer; rows are only added."""

    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("session_id", "page", "seq"), ONCE)
    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    page: Mapped[str] = mapped_column(String(80))
    seq: Mapped[int]
    at: Mapped[float]
    kind: Mapped[str] = mapped_column(String(20))
    trial: Mapped[str] = mapped_column(String(22))
    data: Mapped[dict[str, Any]]
    received_at: Mapped[int] = mapped_column(default=now_ms)


class Audit(Base):
    """An action of an experimenter: recruitment, a look at results, a withdrawal, a download."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    action: Mapped[str] = mapped_column(String(40))
    detail: Mapped[str] = mapped_column(String(400), default="")
    at: Mapped[int] = mapped_column(default=now_ms)
