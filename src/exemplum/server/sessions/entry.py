"""Entry by a panel's link or ours: start a new session, resume one, or refuse."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote

from sqlalchemy import select
from sqlalchemy.orm import Session as Orm

from exemplum.server import ServerSection
from exemplum.server.experiment import Experiment
from exemplum.server.pages.images import opaque
from exemplum.server.requests import ApiError
from exemplum.server.sessions import invitations, summaries
from exemplum.server.sessions.recruitment import is_open
from exemplum.server.sessions.schedule import steps_before
from exemplum.server.storage.schema import Participant, SessionRow, now_ms


@dataclass(frozen=True)
class EntryRequest:
    """The request that begins or resumes a session."""

    key: str
    params: dict[str, str]
    participant: str
    language: str
    client: dict[str, Any]
    token: str  # kept by the browser from an earlier visit; "" for none
    replaced: int = 0  # characters of the request that could not be stored


@dataclass(frozen=True)
class EnteredSession:
    token: str
    resumed: bool
    session_id: int


def begin(orm: Orm, experiment: Experiment, entry: EntryRequest) -> EnteredSession:
    """Find or create the session.

    Raises ApiError: closed, already_done, already_started, bad_link, preview, bad_request.
    """
    row = orm.scalar(select(SessionRow).where(SessionRow.start_key == entry.key))
    if row is not None:  # the first response was lost, or the page was loaded again
        row.language = _language(experiment, entry, row.language)
        return _begun(experiment, row, resumed=False)
    if code := entry.params.get("resume"):
        return _handed_over(orm, experiment, code, entry.key)
    identity = _invited(orm, experiment, entry.params) or identify(experiment, entry.params, entry.participant)
    row = _kept(orm, experiment, entry.token, identity)
    if row is not None:
        return _resumed(experiment, row, entry)
    participant = _known(orm, experiment, identity)
    if participant is not None:
        return _second_entry(orm, experiment, participant, entry)
    _refuse_if_closed(orm, experiment, identity)
    return _begun(experiment, _new(orm, experiment, identity, entry), resumed=False)


def resume_link(orm: Orm, row: SessionRow) -> str:
    """A code that moves a session to the browser that opens it first; the earlier browser is locked out."""
    code = secrets.token_urlsafe(24)
    row.resume_hash = hashed(code)
    orm.flush()
    return code


def _kept(orm: Orm, experiment: Experiment, token: str, identity: Identity) -> SessionRow | None:
    """The session of the kept token, unless the link names another participant."""
    if not token:
        return None
    row = orm.scalar(select(SessionRow).where(SessionRow.token_hash == hashed(token)))
    if row is None:
        return None
    participant = orm.get_one(Participant, row.participant_id)
    same = identity.is_anonymous or identity.external_id == participant.external_id
    return row if same and participant.study_id == experiment.study_id else None


def _known(orm: Orm, experiment: Experiment, identity: Identity) -> Participant | None:
    ids = (identity.external_id, hashed_id(experiment.secret, identity.external_id))
    return orm.scalar(
        select(Participant).where(
            Participant.study_id == experiment.study_id,
            Participant.external_id.in_(ids),
            Participant.pilot == identity.pilot,
        )
    )


def _second_entry(orm: Orm, experiment: Experiment, participant: Participant, entry: EntryRequest) -> EnteredSession:
    if participant.batch_id is not None:  # a link that was passed on must not tell how its first user went on
        raise ApiError("used_link", "this link works once, and has been used")
    row = orm.scalar(select(SessionRow).where(SessionRow.participant_id == participant.id))
    if row is None or row.status != "active":
        raise ApiError("already_done", "this participant has taken part already")
    if not (experiment.settings.lab or experiment.config.resume == "anywhere"):
        raise ApiError("already_started", "this participant began in another browser and can go on there")
    return _resumed(experiment, row, entry)


def _resumed(experiment: Experiment, row: SessionRow, entry: EntryRequest) -> EnteredSession:
    row.seen_at = now_ms()
    row.language = _language(experiment, entry, row.language)  # switch to the page's current language
    return _begun(experiment, row, resumed=True)


def _language(experiment: Experiment, entry: EntryRequest, otherwise: str) -> str:
    return entry.language if entry.language in experiment.config.languages else otherwise


def _handed_over(orm: Orm, experiment: Experiment, code: str, key: str) -> EnteredSession:
    row = orm.scalar(select(SessionRow).where(SessionRow.resume_hash == hashed(code)))
    if row is None:
        raise ApiError("bad_link", "this link was used already, or belongs to another study")
    row.resume_hash, row.start_key, row.seen_at = "", key, now_ms()
    row.token_version += 1
    row.token_hash = hashed(token_of(experiment.secret, row.image_ref, row.token_version))
    orm.flush()
    return _begun(experiment, row, resumed=True)


def _refuse_if_closed(orm: Orm, experiment: Experiment, identity: Identity) -> None:
    if not identity.pilot and not is_open(orm, experiment, identity.group):
        raise ApiError("closed", "the study takes no new participants at present")


def _new(orm: Orm, experiment: Experiment, identity: Identity, entry: EntryRequest) -> SessionRow:
    participant = Participant(
        study_id=experiment.study_id, external_id=identity.external_id, source=identity.source,
        group=identity.group, pilot=identity.pilot, batch_id=identity.batch_id,
    )  # fmt: skip
    orm.add(participant)
    orm.flush()
    image_ref = secrets.token_urlsafe(16)
    first = experiment.design.sessions[0]
    row = SessionRow(
        participant_id=participant.id, version_id=experiment.version_id, start_key=entry.key, image_ref=image_ref,
        token_hash=hashed(token_of(experiment.secret, image_ref, 0)), token_version=0,
        seed=secrets.randbits(62), slot=None, status="active", step=0, answered=0,
        steps=steps_before(experiment.form_fields()),
        total=len(first.trials) + sum(block.repeats for block in first.blocks),  # until its own is known
        language=_language(experiment, entry, experiment.config.languages[0]),
        params=entry.params, client=entry.client, replaced=entry.replaced,
    )  # fmt: skip
    orm.add(row)
    orm.flush()
    summaries.keep(orm, row)
    return row


def _begun(experiment: Experiment, row: SessionRow, resumed: bool) -> EnteredSession:
    return EnteredSession(token_of(experiment.secret, row.image_ref, row.token_version), resumed, row.id)


CODE = 12  # characters of a link's code
PILOT = "pilot"
# Placeholders that panels fill in: {{%PROLIFIC_PID%}}, ${workerId}, %SURVEY_CODE%, {participant}, …
PLACEHOLDER = re.compile(r"\{\{.*\}\}|\$?\{.*\}|%[^%]*%|\[%?\w+%?\]|<\w+>", re.DOTALL)
PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"  # sent by MTurk while a worker previews the HIT


@dataclass(frozen=True)
class Identity:
    external_id: str
    source: str  # prolific, mturk, sona, cloudresearch, link, invitation, lab or anonymous
    group: str
    pilot: bool
    batch_id: int | None = None

    @property
    def is_anonymous(self) -> bool:
        return self.source == "anonymous"


def identify(experiment: Experiment, params: Mapping[str, str], typed: str) -> Identity:
    """Read a link's parameters, and in lab mode the participant number. Raises ApiError."""
    group, pilot = _link(experiment, params.get("link", ""))
    if params.get("assignmentId") == PREVIEW:
        raise ApiError("preview", "accept the HIT first")
    if experiment.settings.lab:
        if not (typed.isascii() and typed.isdecimal() and 0 < int(typed) < 10**6):
            raise ApiError("bad_request", f"{typed!r} is not a participant number", field="participant")
        return Identity(str(int(typed)), "lab", group, pilot)
    for source, name in (("prolific", "PROLIFIC_PID"), ("mturk", "workerId"), ("sona", "survey_code"), ("sona", "id"),
                         ("cloudresearch", "participantId"), ("link", "participant")):  # fmt: skip
        if external_id := params.get(name, "").strip():
            if PLACEHOLDER.fullmatch(unquote(unquote(external_id))):  # encoded once more by a page or a program between
                raise ApiError("unfilled_link", f"{name} is {external_id!r}: the panel did not fill in its link")
            return Identity(external_id, source, group, pilot)
    return Identity("anonymous-" + secrets.token_hex(8), "anonymous", group, pilot)


def _invited(orm: Orm, experiment: Experiment, params: Mapping[str, str]) -> Identity | None:
    """The identity of a single-use link; None for other links. Raises ApiError bad_link for one of another study."""
    given = params.get(invitations.PARAMETER, "").strip()
    if not given or experiment.settings.lab:
        return None
    found = invitations.issued(orm, experiment.secret, experiment.study_id, given)
    if found is None:
        raise ApiError("bad_link", "this single-use link belongs to another study")
    batch, whole = found
    return Identity(whole, invitations.SOURCE, batch.group, experiment.settings.pilot, batch.id)


class LinkKeys(Protocol):
    """What links are made from: an experiment, or a study's database without its server."""

    @property
    def secret(self) -> bytes: ...
    @property
    def study_id(self) -> int: ...
    @property
    def config(self) -> ServerSection: ...


def link_codes(keys: LinkKeys) -> dict[str, str]:
    """The additional links, name → code: `pilot`, and one per group if the link gives the group."""
    groups = keys.config.group_names if keys.config.groups == "link" else ()
    names = [*groups, *(f"{PILOT}.{group}" for group in groups)] if groups else [PILOT]
    return {name: link_code(keys, name) for name in names}


def link_code(keys: LinkKeys, name: str) -> str:
    """The parameter `link` of a link: its name with a code that cannot be guessed."""
    return f"{name}-{opaque(keys.secret, 'link', keys.study_id, name)[:CODE]}"


def link_of(experiment: Experiment, code: str) -> tuple[str, bool]:
    """The group of a link, and whether its data are pilot data; ("", False) for a link of another study."""
    try:
        return _link(experiment, code)
    except ApiError:
        return "", experiment.settings.pilot


def _link(experiment: Experiment, code: str) -> tuple[str, bool]:
    """Group and pilot that a link stands for."""
    by_link = experiment.config.groups == "link"
    if not code:
        if by_link and not experiment.settings.lab:
            raise ApiError("bad_link", "this study can only be entered by the link of a group")
        return "", experiment.settings.pilot
    for name, known in link_codes(experiment).items():
        if hmac.compare_digest(invitations.shortened(code).encode(), invitations.shortened(known).encode()):
            parts = name.split(".")
            return (parts[-1] if by_link else ""), experiment.settings.pilot or parts[0] == PILOT
    raise ApiError("bad_link", "this link belongs to another study")


def token_of(secret: bytes, image_ref: str, version: int) -> str:
    """A session's token, 43 characters, always the same for the same session and version."""
    digest = hmac.digest(secret, f"token|{image_ref}|{version}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def hashed(token: str) -> str:
    """The hash of a token, which the database keeps."""
    return hashlib.sha256(token.encode()).hexdigest()


def hashed_id(secret: bytes, external_id: str) -> str:
    """A keyed hash of the external id of a participant who withdrew: enough to refuse a second entry, no more."""
    return "withdrawn:" + opaque(secret, "withdrawn", external_id)
