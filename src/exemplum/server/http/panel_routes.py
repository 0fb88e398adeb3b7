"""The experimenter's pages for panels: links to give out, single-use links, and files to approve, reject and pay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from sqlalchemy.orm import Session as Orm
from starlette.concurrency import run_in_threadpool

from exemplum.errors import UserError
from exemplum.server.experiment import Experiment
from exemplum.server.pages import session_lines
from exemplum.server.panels import files
from exemplum.server.panels.decisions import KINDS, STRANGE_ID, Decision, decisions, totals
from exemplum.server.panels.links import PANELS, link, link_doubts
from exemplum.server.requests import ApiError
from exemplum.server.sessions import invitations
from exemplum.server.sessions.entry import PILOT, link_codes
from exemplum.server.storage.schema import Audit
from exemplum.store import csv_text

if TYPE_CHECKING:
    from exemplum.server.http.experimenter_routes import Desk


def add_panels(inside: APIRouter, desk: Desk) -> None:
    """Routes below /experimenter/links and /experimenter/payment."""
    _add_links(inside, desk)
    _add_payment(inside, desk)


def _add_links(inside: APIRouter, desk: Desk) -> None:
    experiment, database, writer = desk.experiment, desk.database, desk.database.writer
    sealed = Depends(desk.form)

    @inside.get("/links")
    def links() -> HTMLResponse:
        with database.read() as orm:
            batches = invitations.counts(orm, experiment.study_id)
            return desk.page("links.html", orm, **_links(experiment), batches=batches, most=invitations.MOST)

    @inside.post("/links")
    async def issue(sent: dict[str, str] = sealed) -> Response:
        await writer.submit(lambda orm: _issue(orm, experiment, sent))
        return RedirectResponse("links", status_code=303)

    @inside.get("/links/{name}.csv")
    def batch(name: str) -> Response:
        with database.read() as orm:
            found = invitations.find(orm, experiment.study_id, name)
        if found is None:
            raise ApiError("not_found", "there is no such batch of links")
        of = invitations.links(experiment.secret, found, experiment.settings.address)
        return _file(f"{name}.csv", csv_text(invitations.numbered(of)))


def _add_payment(inside: APIRouter, desk: Desk) -> None:
    experiment, database, writer = desk.experiment, desk.database, desk.database.writer

    @inside.get("/payment")
    def payment() -> HTMLResponse:
        with database.read() as orm:
            of = decisions(orm, experiment, session_lines.lines(orm, experiment))
            shown = [_source(source, of[source]) for source in files.FILES if of[source] or source in PANELS]
            return desk.page("payment.html", orm, sources=sorted(shown, key=lambda one: -one["people"]), kinds=KINDS)

    @inside.get("/payment/{source}/{name}")
    async def file(source: str, name: str) -> Response:
        if source not in files.FILES or (name != files.OVERVIEW and name not in files.FILES[source]):
            raise ApiError("not_found", "no such file")
        content = await run_in_threadpool(_content, experiment, source, name)
        await writer.submit(lambda orm: _note(orm, experiment, f"payment: {source} {name}"))
        return _file(f"{source}-{name}", content)


def _links(experiment: Experiment) -> dict[str, Any]:
    """Links of every panel, and those without a panel; for groups by link one per group."""
    base = experiment.settings.address
    codes = link_codes(experiment)
    groups = [name for name in codes if name.partition(".")[0] != PILOT]
    own = [(name, codes[name]) for name in groups] or [("participants", "")]
    return {
        "panels": [(panel, [(name, link(panel, base, code)) for name, code in own]) for panel in PANELS.values()],
        "plain": [(name, f"{base}/?link={code}" if code else f"{base}/") for name, code in own],
        "pilots": [(name, f"{base}/?link={code}") for name, code in codes.items() if name not in groups],
        "doubts": link_doubts(base), "groups": groups,
    }  # fmt: skip


def _issue(orm: Orm, experiment: Experiment, sent: dict[str, str]) -> None:
    size, group = sent.get("size", ""), sent.get("group", "")
    if not (size.isascii() and size.isdecimal() and len(size) < 7):
        raise ApiError("bad_request", "the number of links must be a whole number", field="size")
    try:
        invitations.check_group(experiment.config, group)
        invitations.issue(orm, experiment.study_id, sent.get("name", "").strip(), int(size), group)
    except UserError as error:
        raise ApiError("bad_request", str(error)) from error


def _source(source: str, found: Sequence[Decision]) -> dict[str, Any]:
    """What the page shows of a source: sums, files, and whom to look at before they are rejected."""
    named = [(name, words) for name, (words, _) in files.FILES[source].items()]
    return {
        "source": source, "title": PANELS[source].title if source in PANELS else source, "people": len(found),
        "totals": totals(found), "files": [*named, (files.OVERVIEW, "everybody, for the record")],
        "rejected": [decision for decision in found if decision.kind == "reject"],
        "strange": [one for one in found if one.reason == STRANGE_ID],
    }  # fmt: skip


def _content(experiment: Experiment, source: str, name: str) -> str:
    with experiment.database.read() as orm:
        of = decisions(orm, experiment, session_lines.lines(orm, experiment))
        return files.written(name, of[source], source, experiment)


def _note(orm: Orm, experiment: Experiment, detail: str) -> None:
    orm.add(Audit(study_id=experiment.study_id, action="download", detail=detail))


def _file(name: str, content: str) -> Response:
    kind = "text/csv" if name.endswith(".csv") else "text/plain"
    return PlainTextResponse(
        content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
