"""All checks before a study begins."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from exemplum.checks import Verdict
from exemplum.server.live.check import LiveCheck, Situation
from exemplum.server.live.declared import declared, made
from exemplum.server.live.links import links
from exemplum.server.live.machine import machine
from exemplum.server.live.pilots import pilots
from exemplum.server.storage.database import Database, is_current, of_study, sqlite_url
from exemplum.server.storage.schema import StudyRow
from exemplum.study import DATABASE, Study, blinding


def live_checks(situation: Situation) -> list[LiveCheck]:
    """Whether the study may begin: every check with its verdict. Changes nothing."""
    parts = (declared, made, links, pilots, machine, _recruitment)
    return [check for part in parts for check in part(situation)]


def is_for_people(study: Study) -> bool:
    """Whether anything says that people are to take part: a section [server], texts, or a server's status."""
    served = (study.folder / blinding.STATUS_FILE).exists()
    return served or "server" in study.config.model_fields_set or (study.folder / "texts").exists()


def opened(study: Study, url: str = "") -> Database | None:
    """The study's database: at `url`, or the file in its folder.

    None if it was never served, or not since the schema has changed: looking at a study does not change it.
    """
    where = of_study(url, study.folder) or sqlite_url(study.folder / DATABASE)
    return Database(where) if is_current(where) else None


def _recruitment(situation: Situation) -> Iterator[LiveCheck]:
    if situation.pilot:
        yield LiveCheck(
            "recruitment", Verdict.WRONG, "this server marks all sessions as pilots", "serve without --pilot"
        )
        return
    state = "open"
    if situation.database is not None:
        with situation.database.read() as orm:
            state = orm.scalar(select(StudyRow.recruitment).where(StudyRow.uid == situation.study.id)) or "open"
    if state == "open":
        yield LiveCheck("recruitment", Verdict.FINE, "open: the participants' link works")
    else:
        yield LiveCheck("recruitment", Verdict.LOOK, f"{state}", "open it on the page Sessions when you begin")
