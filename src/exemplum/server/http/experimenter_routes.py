"""The experimenter's pages, behind a token: sessions, recruitment, results, downloads."""

from __future__ import annotations

import hmac
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from sqlalchemy import select
from sqlalchemy.orm import Session as Orm
from starlette.concurrency import run_in_threadpool

from exemplum.server import live
from exemplum.server.experiment import Experiment
from exemplum.server.http.gate import COOKIE, Gate
from exemplum.server.http.middleware import Buckets
from exemplum.server.http.panel_routes import add_panels
from exemplum.server.http.participant_routes import browser_store
from exemplum.server.http.preview_routes import add_preview
from exemplum.server.pages import distributions, monitor, session_lines, session_search
from exemplum.server.pages.images import opaque
from exemplum.server.pages.session_search import Search
from exemplum.server.pages.templating import templates
from exemplum.server.requests import ApiError, well_formed
from exemplum.server.sessions import entry, invitations, recruitment, watch, withdrawal
from exemplum.server.sessions.preview import row_of
from exemplum.server.storage import export, status
from exemplum.server.storage.schema import Audit, StudyRow
from exemplum.tables import EXCLUSIONS, RATINGS

HERE = Path(__file__).parents[1] / "pages"
FILES = {
    "style.css": "text/css", "live.js": "text/javascript", "copy.js": "text/javascript", "preview.css": "text/css",
    "preview.js": "text/javascript",
}  # fmt: skip
FORMS = ("csv", "parquet", "json")
MOST_AUDIT = 1000  # lines of the audit on its page, the newest first


def routes(experiment: Experiment, buckets: Buckets) -> APIRouter:
    """All routes below /experimenter."""
    desk = Desk(experiment, buckets)
    outside, inside = APIRouter(), APIRouter(prefix="/experimenter", dependencies=[Depends(desk.gate.known)])
    _add_entrance(outside, desk)
    _add_pages(inside, desk)
    _add_downloads(inside, desk)
    _add_actions(inside, desk)
    add_panels(inside, desk)
    add_preview(outside, inside, desk)
    outside.include_router(inside)
    return outside


def preview_routes(experiment: Experiment, buckets: Buckets) -> APIRouter:
    """The preview alone, where the experimenter's link leads to it."""
    desk = Desk(experiment, buckets, is_preview=True)
    outside, inside = APIRouter(), APIRouter(prefix="/experimenter", dependencies=[Depends(desk.gate.known)])
    _add_entrance(outside, desk)
    add_preview(outside, inside, desk)

    @inside.get("/")
    def start(place: int = 1) -> Response:
        return RedirectResponse(f"preview?place={place}", status_code=303)

    outside.include_router(inside)
    return outside


class Desk:
    """Access to the experimenter's pages, protection of their forms, and rendering."""

    def __init__(self, experiment: Experiment, buckets: Buckets, is_preview: bool = False) -> None:
        self.experiment, self.buckets, self.database = experiment, buckets, experiment.database
        self.is_preview = is_preview  # there are no other pages
        self.templates = templates()
        self.templates.filters["when"] = _when
        self.templates.filters["spoken"] = _spoken
        proof = opaque(experiment.secret, "experimenter", experiment.token)
        cookie = f"{COOKIE}_{browser_store(experiment)}"
        self.gate = Gate(experiment.token, cookie, proof, buckets, "the experimenter's link")
        self.once = opaque(experiment.secret, "form", proof)  # in every form, since another site cannot know it

    async def form(self, request: Request) -> dict[str, str]:
        """The fields of a form of this page."""
        self.gate.known(request)
        sent = {k: well_formed(v) for k, v in parse_qsl((await request.body()).decode("utf-8", "replace"))}
        if not hmac.compare_digest(sent.get("once", "").encode(), self.once.encode()):
            raise ApiError("forbidden", "this form is out of date; reload the page")
        return sent

    def page(self, name: str, orm: Orm, root: str = "", **values: Any) -> HTMLResponse:
        """`root` leads from the page to /experimenter/: addresses are relative, for proxies with a prefix."""
        study = orm.get_one(StudyRow, self.experiment.study_id)
        common = {
            "study": study, "experiment": self.experiment, "once": self.once,
            "is_open": recruitment.is_open(orm, self.experiment),
            "pending": withdrawal.pending(orm, self.experiment),
            "outdated": withdrawal.outdated(self.experiment.study, withdrawal.last_withdrawal(orm, study.id)),
        }  # fmt: skip
        return HTMLResponse(self.templates.get_template(name).render(**common, **values, root=root))


def _add_entrance(outside: APIRouter, desk: Desk) -> None:
    """The link with the token, and the files that pages load."""

    @outside.get("/experimenter")
    def enter(request: Request, token: str = "", place: int = 0) -> Response:
        return desk.gate.enter(request, token, f"?place={place}" if place and desk.is_preview else "")

    outside.get("/experimenter/files/{name}")(file_response)


def file_response(name: str) -> FileResponse:
    """A file that the experimenter's pages load."""
    if name not in FILES:
        raise ApiError("not_found", "no such file")
    return FileResponse(HERE / "experimenter" / name, media_type=FILES[name], headers={"Cache-Control": "no-cache"})


def _add_pages(inside: APIRouter, desk: Desk) -> None:
    """Pages to read."""
    experiment, database = desk.experiment, desk.database

    @inside.get("/")
    def sessions(request: Request) -> HTMLResponse:
        search = Search.of({name: well_formed(value) for name, value in request.query_params.items()})
        with database.read() as orm:
            of = session_lines.lines(orm, experiment)
            issued = sum(count.batch.size for count in invitations.counts(orm, experiment.study_id))
            return desk.page(
                "sessions.html", orm, search=search, page=session_search.page(search.found(of), search.page),
                choices=session_search.choices(of), flags=session_lines.FLAGS, state=watch.state(orm, experiment),
                **distributions.everything(of, issued),
            )  # fmt: skip

    @inside.get("/session/{key}")
    def session(request: Request, key: str) -> HTMLResponse:
        with database.read() as orm:
            row = row_of(orm, experiment, key)
            [line] = session_lines.lines(orm, experiment, key)
            resume = request.query_params.get("resume", "")
            link = f"{experiment.settings.address}/?resume={resume}" if resume else ""
            details = monitor.details(orm, row)
            return desk.page(
                "session.html", orm, "../", line=line, details=details, link=link, flags=session_lines.FLAGS
            )

    @inside.get("/results")
    def results() -> HTMLResponse:
        with database.read() as orm:
            study = orm.get_one(StudyRow, experiment.study_id)
            seen = study.recruitment == "closed" and study.unblinded_at is not None
            return desk.page("results.html", orm, accuracy=monitor.accuracy(orm, experiment) if seen else None)

    @inside.get("/ready")
    def ready() -> HTMLResponse:
        settings = experiment.settings
        here = live.Situation(experiment.study, database, settings.address, lab=settings.lab, pilot=settings.pilot)
        found = live.live_checks(here)
        with database.read() as orm:
            return desk.page("ready.html", orm, checks=found, conclusion=live.conclusion(found))

    @inside.get("/downloads")
    def downloads() -> HTMLResponse:
        with database.read() as orm:
            tables = [export.DETAILED, export.SESSIONS, RATINGS, EXCLUSIONS, export.EVENTS]
            return desk.page("downloads.html", orm, forms=FORMS, tables=tables, anonymous=[export.ANONYMOUS])

    @inside.get("/audit")
    def audit() -> HTMLResponse:
        with database.read() as orm:
            done = orm.scalars(
                select(Audit).where(Audit.study_id == experiment.study_id).order_by(Audit.id.desc()).limit(MOST_AUDIT)
            ).all()
            return desk.page("audit.html", orm, done=done)


def _add_downloads(inside: APIRouter, desk: Desk) -> None:
    """Archives of all tables."""
    experiment, writer = desk.experiment, desk.database.writer

    @inside.get("/download/{kind}-{form}.zip")
    async def download(kind: str, form: str) -> Response:
        if kind not in ("full", "anonymous") or form not in FORMS:
            raise ApiError("not_found", "no such download")
        await writer.submit(lambda orm: _note(orm, experiment, "download", f"{kind} {form}"))
        data = await run_in_threadpool(_archive, experiment, form, kind == "anonymous")
        name = f"{experiment.study.folder.resolve().name}-{kind}-{form}.zip"
        return Response(data, media_type="application/zip", headers={"Content-Disposition": _attachment(name)})


def _add_actions(inside: APIRouter, desk: Desk) -> None:
    """Forms: recruitment, a look at results, a link to resume, withdrawal."""
    experiment, database, writer = desk.experiment, desk.database, desk.database.writer
    sealed = Depends(desk.form)

    @inside.post("/recruitment")
    async def recruit(sent: dict[str, str] = sealed) -> Response:
        state = sent.get("state", "")
        if state not in ("open", "paused", "closed"):
            raise ApiError("bad_request", "recruitment must be open, paused or closed", field="state")
        await writer.submit(lambda orm: _recruit(orm, experiment, state))
        await run_in_threadpool(status.keep, experiment)
        return RedirectResponse("./", status_code=303)

    @inside.post("/results")
    async def unblind(sent: dict[str, str] = sealed) -> Response:
        await writer.submit(lambda orm: _unblind(orm, experiment, sent.get("reason", "").strip()))
        await run_in_threadpool(status.keep, experiment)
        # shown only in the response to the form, not at its address: while the study recruits each look needs a reason
        return await run_in_threadpool(_looked)

    def _looked() -> Response:
        with database.read() as orm:
            return desk.page("results.html", orm, accuracy=monitor.accuracy(orm, experiment))

    @inside.post("/session/{key}/resume")
    async def resume(key: str, _sent: dict[str, str] = sealed) -> Response:
        code = await writer.submit(lambda orm: entry.resume_link(orm, row_of(orm, experiment, key)))
        return RedirectResponse(f"../{key}?resume={code}", status_code=303)

    @inside.post("/session/{key}/withdraw")
    async def withdraw(key: str, sent: dict[str, str] = sealed) -> Response:
        if sent.get("sure") != "yes":
            raise ApiError("bad_request", "tick the box: deletion cannot be undone", field="sure")
        if not await writer.submit(lambda orm: withdrawal.withdraw(orm, experiment, key)):
            raise ApiError("not_found", withdrawal.GONE)
        await run_in_threadpool(
            withdrawal.attempt, experiment
        )  # done at once, unless a reader of the database prevents it
        return RedirectResponse("../../", status_code=303)


def _archive(experiment: Experiment, form: str, anonymous: bool) -> bytes:
    with experiment.database.read() as orm:
        return export.archive(orm, experiment, form, anonymous)


def _recruit(orm: Orm, experiment: Experiment, state: str) -> None:
    orm.get_one(StudyRow, experiment.study_id).recruitment = state
    _note(orm, experiment, "recruitment", state)


def _unblind(orm: Orm, experiment: Experiment, reason: str) -> None:
    study = orm.get_one(StudyRow, experiment.study_id)
    if not reason and study.recruitment != "closed":
        raise ApiError("bad_request", "give the reason for looking while the study recruits", field="reason")
    status.mark(orm, study, reason or "recruitment is closed: results page")


def _note(orm: Orm, experiment: Experiment, action: str, detail: str) -> None:
    orm.add(Audit(study_id=experiment.study_id, action=action, detail=detail))


def _attachment(name: str) -> str:
    """The Content-Disposition header of a download; a folder's name may contain quotes and line breaks."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(os.fsencode(name), safe='')}"


def _spoken(minutes: float) -> str:
    """A duration as people say it: 48 s, 31 min, 2 h 05, 3 days."""
    if minutes < 2:
        return f"{minutes * 60:.0f} s"
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes // 60:.0f} h {minutes % 60:02.0f}" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"


def _when(ms: int | None) -> str:
    return "" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
