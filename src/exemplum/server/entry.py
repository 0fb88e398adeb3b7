"""Entry: a new session, the same one again, or a polite no."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Orm

from exemplum.server.errors import ApiError
from exemplum.server.experiment import Experiment
from exemplum.server.identity import Identity, hashed, identify, token_of, veiled
from exemplum.server.schedule import steps_before
from exemplum.server.schema import Participant, SessionRow, StudyRow, now_ms


@dataclass(frozen=True)
class Wish:
    """What the page sends to begin."""

    key: str
    params: dict[str, str]
    participant: str
    language: str
    client: dict[str, Any]
    token: str  # kept from before; "" for none
    replaced: int = 0  # characters of the request that could not be stored


@dataclass(frozen=True)
class Begun:
    token: str
    resumed: bool
    session_id: int


def begin(orm: Orm, experiment: Experiment, wish: Wish) -> Begun:
    """Find or make the session.

    Raises ApiError: closed, already_done, already_started, bad_link, preview, bad_request.
    """
    row = orm.scalar(select(SessionRow).where(SessionRow.start_key == wish.key))
    if row is not None:  # the first response was lost, or the page was loaded again
        row.language = _language(experiment, wish, row.language)
        return _begun(experiment, row, resumed=False)
    if code := wish.params.get("resume"):
        return _handed_over(orm, experiment, code, wish.key)
    identity = identify(experiment, wish.params, wish.participant)
    row = _kept(orm, experiment, wish.token, identity)
    if row is not None:
        return _resumed(experiment, row, wish)
    participant = _known(orm, experiment, identity)
    if participant is not None:
        return _second_entry(orm, experiment, participant, wish)
    _refuse_if_closed(orm, experiment, identity)
    return _begun(experiment, _new(orm, experiment, identity, wish), resumed=False)


def resume_link(orm: Orm, row: SessionRow) -> str:
    """A code that hands a session to the browser that opens it first; the browser before it is locked out."""
    code = secrets.token_urlsafe(24)
    row.resume_hash = hashed(code)
    orm.flush()
    return code


def is_open(orm: Orm, experiment: Experiment) -> bool:
    """Whether new participants are taken."""
    study = orm.get_one(StudyRow, experiment.study_id)
    if study.recruitment != "open":
        return False
    most = experiment.config.recruit
    return most is None or completed(orm, experiment) < most


def completed(orm: Orm, experiment: Experiment) -> int:
    """Participants who finished and are not excluded, without pilots."""
    return orm.scalar(
        select(func.count())
        .select_from(SessionRow)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(
            Participant.study_id == experiment.study_id,
            Participant.pilot.is_(False),
            SessionRow.outcome == "completed",
            SessionRow.excluded.is_(False),
        )
    ) or 0  # fmt: skip


def _kept(orm: Orm, experiment: Experiment, token: str, identity: Identity) -> SessionRow | None:
    """The session of the kept token, unless the link names somebody else."""
    if not token:
        return None
    row = orm.scalar(select(SessionRow).where(SessionRow.token_hash == hashed(token)))
    if row is None:
        return None
    participant = orm.get_one(Participant, row.participant_id)
    same = identity.is_anonymous or identity.external_id == participant.external_id
    return row if same and participant.study_id == experiment.study_id else None


def _known(orm: Orm, experiment: Experiment, identity: Identity) -> Participant | None:
    ids = (identity.external_id, veiled(experiment.secret, identity.external_id))
    return orm.scalar(
        select(Participant).where(
            Participant.study_id == experiment.study_id,
            Participant.external_id.in_(ids),
            Participant.pilot == identity.pilot,
        )
    )


def _second_entry(orm: Orm, experiment: Experiment, participant: Participant, wish: Wish) -> Begun:
    row = orm.scalar(select(SessionRow).where(SessionRow.participant_id == participant.id))
    if row is None or row.status != "active":
        raise ApiError("already_done", "this participant has taken part already")
    if not (experiment.settings.lab or experiment.config.resume == "anywhere"):
        raise ApiError("already_started", "this participant began in another browser and can go on there")
    return _resumed(experiment, row, wish)


def _resumed(experiment: Experiment, row: SessionRow, wish: Wish) -> Begun:
    row.seen_at = now_ms()
    row.language = _language(experiment, wish, row.language)  # the page speaks the one that is wished for now
    return _begun(experiment, row, resumed=True)


def _language(experiment: Experiment, wish: Wish, otherwise: str) -> str:
    return wish.language if wish.language in experiment.config.languages else otherwise


def _handed_over(orm: Orm, experiment: Experiment, code: str, key: str) -> Begun:
    row = orm.scalar(select(SessionRow).where(SessionRow.resume_hash == hashed(code)))
    if row is None:
        raise ApiError("bad_link", "this link was used already, or is none of this study")
    row.resume_hash, row.start_key, row.seen_at = "", key, now_ms()
    row.token_version += 1
    row.token_hash = hashed(token_of(experiment.secret, row.image_ref, row.token_version))
    orm.flush()
    return _begun(experiment, row, resumed=True)


def _refuse_if_closed(orm: Orm, experiment: Experiment, identity: Identity) -> None:
    if not identity.pilot and not is_open(orm, experiment):
        raise ApiError("closed", "the study takes no new participants now")


def _new(orm: Orm, experiment: Experiment, identity: Identity, wish: Wish) -> SessionRow:
    participant = Participant(
        study_id=experiment.study_id, external_id=identity.external_id, source=identity.source,
        group=identity.group, pilot=identity.pilot,
    )  # fmt: skip
    orm.add(participant)
    orm.flush()
    image_ref = secrets.token_urlsafe(16)
    first = experiment.design.sessions[0]
    row = SessionRow(
        participant_id=participant.id, version_id=experiment.version_id, start_key=wish.key, image_ref=image_ref,
        token_hash=hashed(token_of(experiment.secret, image_ref, 0)), token_version=0,
        seed=secrets.randbits(62), slot=None, status="active", step=0, answered=0,
        steps=steps_before(experiment.form_fields()),
        total=len(first.trials) + sum(block.repeats for block in first.blocks),  # until its own is known
        language=_language(experiment, wish, experiment.config.languages[0]),
        params=wish.params, client=wish.client, replaced=wish.replaced,
    )  # fmt: skip
    orm.add(row)
    orm.flush()
    return row


def _begun(experiment: Experiment, row: SessionRow, resumed: bool) -> Begun:
    return Begun(token_of(experiment.secret, row.image_ref, row.token_version), resumed, row.id)
