"""Identify a folder's study in the database, and check that it is unchanged since people answered."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exemplum.design import stage as design_stage
from exemplum.errors import UserError, command
from exemplum.server.storage.schema import Answer, Participant, Secret, SessionRow, StudyRow, StudyVersion
from exemplum.server.storage.tables import missing
from exemplum.store import StoreError
from exemplum.study import Study, blinding, freezing

NAME = 200  # characters of a study's name that the database holds


class MismatchError(UserError):
    """The folder and the database belong to different studies; the message names both and says what to do."""


class AmbiguousStudyError(MismatchError):
    """Several studies in the database may be this folder's; its study.json must say which."""


def register(orm: Session, study: Study, design: str, where: str, own: bool) -> StudyRow:
    """The row of the folder's study, created or adopted, with its frozen state.

    `design` is the hash of the folder's design, `where` the database in words, `own` whether it is the file in the
    folder. Raises MismatchError if the database belongs to another study or lacks answers that the folder holds, and
    FrozenError if people answered another design or study.toml.
    """
    row = _row(orm, study, design, where, own)
    row.name = _name(study)
    orm.flush()
    if lost := missing(orm, study, row.id):
        names = _without_id(orm)
        told = AmbiguousStudyError if names else MismatchError
        raise told(f"{lost} that the database {where} does not have{_perhaps(study, names)}")
    _freeze(orm, study, row, design)
    return row


def secret_keys(orm: Session) -> dict[str, str]:
    """Secret keys shared by all processes of the server; each is created once."""
    keys = {}
    for key, make in (("secret", lambda: secrets.token_hex(32)), ("experimenter", lambda: secrets.token_urlsafe(24))):
        held = orm.get(Secret, key)
        if held is None:
            held = Secret(name=key, value=make())
            orm.add(held)
        keys[key] = held.value
    return keys


def real_answers(orm: Session, study_id: int) -> int:
    """The number of answers of participants who are not pilots."""
    return orm.scalar(
        select(func.count(Answer.id))
        .join(SessionRow, SessionRow.id == Answer.session_id)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(Participant.study_id == study_id, Participant.pilot.is_(False))
    ) or 0  # fmt: skip


def _row(orm: Session, study: Study, design: str, where: str, own: bool) -> StudyRow:
    row = orm.scalar(select(StudyRow).where(StudyRow.uid == study.id))
    if row is not None:
        return row
    legacy = orm.scalars(select(StudyRow).where(StudyRow.uid.is_(None)).order_by(StudyRow.id)).all()
    others = orm.scalars(select(StudyRow).where(StudyRow.uid.is_not(None)).order_by(StudyRow.id)).all()
    if own and others:
        raise MismatchError(
            f"{where} is the database of the study {others[0].name!r} ({others[0].uid}), not of this one ({study.id}); "
            f'put {{"id": "{others[0].uid}"}} into {study.folder / "study.json"} if they belong together, or move the '
            "database away"
        )
    row = _adopted(orm, study, legacy, design, where, own) or StudyRow()
    row.uid = study.id
    orm.add(row)
    return row


def _adopted(
    orm: Session, study: Study, legacy: Sequence[StudyRow], design: str, where: str, own: bool
) -> StudyRow | None:
    """This folder's row from before studies had ids."""
    wanted = study.identity.adopt
    if wanted:
        found = [row for row in legacy if row.name == wanted]
        if not found:
            raise MismatchError(
                f'{study.folder / "study.json"}: "adopt" names {wanted!r}, but {where} has no study of this name '
                "without an id"
            )
    elif own:  # the file has always been in this folder, whatever its name was
        found = [row for row in legacy if real_answers(orm, row.id)] or list(legacy[-1:])
    elif study.identity.older:  # a database of many studies: find it by its name, else by its design
        named = [row for row in legacy if row.name == _name(study)]
        found = named or [row for row in legacy if design in _designs(orm, row)]
    else:
        found = []
    if len(found) > 1:
        known = ", ".join(f"{row.name} ({real_answers(orm, row.id)} answers)" for row in found)
        raise AmbiguousStudyError(
            f"{where} holds several studies, and any of them may belong to this folder: {known}; choose the one to "
            f'continue, and write its name into {study.folder / "study.json"}, as in "adopt": "{found[0].name}"'
        )
    return found[0] if found else None


def _designs(orm: Session, row: StudyRow) -> set[str]:
    return set(orm.scalars(select(StudyVersion.design_hash).where(StudyVersion.study_id == row.id)))


def _without_id(orm: Session) -> Sequence[str]:
    return orm.scalars(select(StudyRow.name).where(StudyRow.uid.is_(None)).order_by(StudyRow.id)).all()


def _perhaps(study: Study, names: Sequence[str]) -> str:
    if names:
        return (
            f"; if the folder was renamed, write its name in the database ({', '.join(names)}) into "
            f'{study.folder / "study.json"}, as in "adopt": "{names[0]}"'
        )
    return "; serve it with the database that has them, or if there is none any more keep responses/ elsewhere"


def _freeze(orm: Session, study: Study, row: StudyRow, design: str) -> None:
    answers = real_answers(orm, row.id)
    _looked_at_by_stages(study, row)
    if not answers:
        refuse_stale(study)
        row.frozen = freezing.snapshot(study, design)
        return
    if row.frozen is None:  # served before studies were frozen: the design is all that is known
        answered = _answered_designs(orm, row)
        row.frozen = freezing.snapshot(study, design if design in answered else answered[0])
    if row.frozen["design"] != design:
        raise freezing.FrozenError(
            f"{study.stage('design')} is not the design of the {answers} answers that people gave ({design} instead "
            f"of {row.frozen['design']}); restore that design, or {freezing.way_on(study)}"
        )
    freezing.refuse(study, row.frozen, answers, row.unblinded_at is not None)
    if row.unblinded_at is None:
        row.frozen = freezing.with_rules_of(row.frozen, study)


def refuse_stale(study: Study) -> None:
    """Raise UserError for a design that does not match study.toml any more, or that is being rewritten."""
    made, explained = study.record("design"), study.record("explanations")
    if not made and not explained:  # saved by a program, without the line's stages
        return
    if not made or not explained:
        raise UserError(
            f"the design or the explanations of {study.folder} are not complete: a run was stopped or is under way; "
            f"run: {command('design', study.folder)}"
        )
    if made["fingerprint"] != design_stage.fingerprint(study):
        raise UserError(
            f"{study.stage('design')} is out of date: since it was made, study.toml, the explanations or the "
            f"version of Exemplum has changed; run: {command('design', study.folder)}"
        )


def _looked_at_by_stages(study: Study, row: StudyRow) -> None:
    """Record looks on the command line while no server ran: from the first look the rules are frozen."""
    try:
        found = blinding.read_status(study)
    except StoreError:  # broken: it is rewritten in a moment, and looks from the command line are in the database
        return
    if found and found.id == row.uid and found.unblinded_at is not None and row.unblinded_at is None:
        row.unblinded_at = found.unblinded_at
        if row.frozen and found.frozen:
            row.frozen = found.frozen


def _answered_designs(orm: Session, row: StudyRow) -> list[str]:
    """Hashes of the designs with answers that are not pilots', the first first."""
    found = orm.execute(
        select(StudyVersion.design_hash, func.min(Answer.id))
        .join(SessionRow, SessionRow.version_id == StudyVersion.id)
        .join(Answer, Answer.session_id == SessionRow.id)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .where(Participant.study_id == row.id, Participant.pilot.is_(False))
        .group_by(StudyVersion.design_hash)
        .order_by(func.min(Answer.id))
    )
    return [design for design, _ in found]


def _name(study: Study) -> str:
    return study.folder.resolve().name[:NAME]
