"""Links of a study from its database alone: for the command line, while a server may run or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exemplum.errors import UserError, command
from exemplum.server import ServerSection
from exemplum.server.panels.links import PANELS, link
from exemplum.server.sessions import invitations
from exemplum.server.sessions.entry import link_codes
from exemplum.server.storage import status
from exemplum.server.storage.database import Database
from exemplum.server.storage.registration import secret_keys
from exemplum.study import Study


@dataclass(frozen=True)
class StudyKeys:
    """What links are made from, as in a running experiment."""

    secret: bytes
    study_id: int
    config: ServerSection


def panel_links(study: Study, panel: str, address: str, url: str = "") -> list[tuple[str, str]]:
    """Names and links to give to a panel: one for participants, or one per group, and one for pilots.

    Before the first start of the server, which makes the database, only the link for participants is known.
    Raises UserError where a study of groups by link has not been served yet, and if the database cannot be opened.
    """
    by_group = study.config.server.groups == "link"
    codes: dict[str, str] = {}
    if url or status.is_served(study) or by_group:
        with _keys(study, url) as (keys, _):
            codes = link_codes(keys)
    named = [(name, link(PANELS[panel], address, code)) for name, code in codes.items()]
    return named if by_group else [("participants", link(PANELS[panel], address)), *named]


def issue_links(study: Study, name: str, size: int, group: str, address: str, url: str = "") -> list[str]:
    """Single-use links of a new batch. Raises UserError if the study has not been served yet, or cannot have it."""
    invitations.check_group(study.config.server, group)
    with _keys(study, url) as (keys, database):
        batch = database.writer.submit_sync(lambda orm: invitations.issue(orm, keys.study_id, name, size, group))
        return invitations.links(keys.secret, batch, address)


@contextmanager
def _keys(study: Study, url: str) -> Iterator[tuple[StudyKeys, Database]]:
    if not url and not status.is_served(study):
        raise UserError(
            f"{study.folder} has no database yet, from which codes of links are made; run: "
            f"{command('serve', study.folder)} once"
        )
    database = Database(status.own(study, url))
    try:
        secret, row = database.writer.submit_sync(
            lambda orm: (secret_keys(orm)["secret"], status.row_of(orm, study).id)
        )
        yield StudyKeys(bytes.fromhex(secret), row, study.config.server), database
    finally:
        database.close()
