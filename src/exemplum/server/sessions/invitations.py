"""Single-use links: issued in batches, each admits one person, who may come back in the same browser."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session as Orm

from exemplum.errors import UserError, shown
from exemplum.server import ServerSection
from exemplum.server.pages.images import opaque
from exemplum.server.storage.schema import Audit, Batch, Participant, SessionRow

PARAMETER = "invite"  # of the link
SOURCE = "invitation"  # of participants who entered by one
MOST = 10_000  # links of one batch
CODE = 12  # characters of a link that cannot be guessed; the number of the link and its batch's name stand before it
NAME = re.compile(r"[A-Za-z0-9_]{1,40}")
INVITATION = re.compile(rf"({NAME.pattern})-([1-9][0-9]{{0,4}})-[\w-]{{1,{CODE}}}", re.ASCII)


class BatchError(UserError):
    """A batch of links cannot be issued; the message says why."""


@dataclass(frozen=True)
class BatchCount:
    """A batch with how many of its links were used, and how many of those people have completed."""

    batch: Batch
    used: int
    completed: int

    @property
    def unused(self) -> int:
        return self.batch.size - self.used


def issue(orm: Orm, study_id: int, name: str, size: int, group: str = "") -> Batch:
    """Add a batch of `size` links, which is recorded in the audit. Raises BatchError for a name that is taken."""
    if not NAME.fullmatch(name):
        raise BatchError(f"a batch's name must have 1 to 40 letters, digits and _ (got {shown(name)})")
    if not 1 <= size <= MOST:
        raise BatchError(f"a batch must have from 1 to {MOST:,} links (got {size:,})")
    if find(orm, study_id, name):
        raise BatchError(f"there is a batch named {shown(name)} already; choose another name")
    batch = Batch(study_id=study_id, name=name, size=size, group=group)
    orm.add(batch)
    orm.add(
        Audit(study_id=study_id, action="single-use links", detail=f"{name}: {size}{f', {group}' if group else ''}")
    )
    orm.flush()
    return batch


def find(orm: Orm, study_id: int, name: str) -> Batch | None:
    return orm.scalar(select(Batch).where(Batch.study_id == study_id, Batch.name == name))


def invitation(secret: bytes, batch: Batch, number: int) -> str:
    """What a link of the batch has as its parameter `invite`."""
    return f"{batch.name}-{number}-{_code(secret, batch, number)}"


def links(secret: bytes, batch: Batch, base: str) -> list[str]:
    """All links of a batch, by number; `base` is the server's address, without a slash at its end."""
    return [f"{base}/?{PARAMETER}={invitation(secret, batch, number)}" for number in range(1, batch.size + 1)]


def numbered(of: list[str]) -> pd.DataFrame:
    """Links as a table: number, link."""
    return pd.DataFrame({"number": range(1, len(of) + 1), "link": of})


def check_group(config: ServerSection, group: str) -> None:
    """Raise BatchError unless a batch needs this group: one of group_names with groups = "link", else none."""
    if config.groups == "link" and group not in config.group_names:
        raise BatchError(f"choose the group of the links: {', '.join(config.group_names)} (got {shown(group)})")
    if config.groups != "link" and group:
        raise BatchError(f'links give a group only with study.toml: [server] groups = "link" (got {shown(group)})')


def issued(orm: Orm, secret: bytes, study_id: int, given: str) -> tuple[Batch, str] | None:
    """The batch of an invitation that this study has issued, and the whole invitation; None for any other text.

    It may lack `-` or `_` at its end, which some programs for mail leave out when they make a text a link.
    """
    found = INVITATION.fullmatch(given)
    batch = find(orm, study_id, found[1]) if found else None
    if found is None or batch is None or int(found[2]) > batch.size:
        return None
    whole = invitation(secret, batch, int(found[2]))
    return (batch, whole) if hmac.compare_digest(shortened(given), shortened(whole)) else None


def shortened(code: str) -> str:
    """What is left of a link's code by such a program."""
    return code.rstrip("-_")


def counts(orm: Orm, study_id: int) -> list[BatchCount]:
    """All batches, the newest first. Links of participants who withdrew count as used."""
    of_study = (Participant.study_id == study_id, Participant.batch_id.is_not(None))
    used = select(Participant.batch_id, func.count()).where(*of_study).group_by(Participant.batch_id)
    done = used.join(SessionRow, SessionRow.participant_id == Participant.id).where(SessionRow.outcome == "completed")
    numbers = [{row[0]: row[1] for row in orm.execute(chosen)} for chosen in (used, done)]
    batches = orm.scalars(select(Batch).where(Batch.study_id == study_id).order_by(Batch.id.desc()))
    return [BatchCount(batch, *(of.get(batch.id, 0) for of in numbers)) for batch in batches]


def _code(secret: bytes, batch: Batch, number: int) -> str:
    return opaque(secret, "invitation", batch.study_id, batch.id, number)[:CODE]
