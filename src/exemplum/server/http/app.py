"""The web application of an experiment: participant's pages, experimenter's pages, health."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from exemplum.errors import UserError
from exemplum.server.experiment import Experiment
from exemplum.server.http.experimenter_routes import preview_routes, routes as experimenter_routes
from exemplum.server.http.middleware import Buckets, ImageFiles, RequestMiddleware, route_path
from exemplum.server.http.participant_routes import public_routes, routes as participant_routes
from exemplum.server.http.preview_routes import PAGE as PREVIEW_PAGE, STATIC
from exemplum.server.live.machine import LOW_DISK
from exemplum.server.pages.templating import templates
from exemplum.server.requests import NO_JSON, ApiError, bad_request
from exemplum.server.sessions import summaries, watch, withdrawal
from exemplum.server.storage.publication import publish
from exemplum.server.storage.status import keep

log = logging.getLogger("exemplum.server")
# Seconds until a running thread yields. With Python's 5 ms the event loop waits for the writer: 150 answers at once
# took 140 ms instead of 105.
TURN_S = 0.0005
INDEX = "index.html"
PATIENCE_S = 2.0  # of the person who stops the server, until a line says what it does
STOPPING = (
    "stopping: the tables in responses/ are being completed; if this is killed nothing is lost, and the next start of "
    "the server completes them"
)
FAILING, WELL = "failing", "ok"


def create_app(experiment: Experiment) -> FastAPI:
    """The application. On shutdown it writes queued answers and closes the experiment."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        sys.setswitchinterval(TURN_S)
        await run_in_threadpool(keep, experiment)
        await run_in_threadpool(summaries.catch_up, experiment)
        tasks = [
            asyncio.create_task(work(experiment))
            for work in (_publish_what_ends, withdrawal.keep_trying, watch.keep_watching)
        ]
        try:
            yield
        finally:  # also where what runs the application was stopped
            for task in tasks:
                task.cancel()
            await run_in_threadpool(withdrawal.attempt, experiment, quiet=True, last=True)
            await run_in_threadpool(experiment.database.writer.stop)
            await _publish_at_the_end(experiment)
            experiment.close()

    app = FastAPI(title="exemplum", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    buckets = _prepared(app, experiment)
    app.include_router(participant_routes(experiment, buckets))
    app.include_router(experimenter_routes(experiment, buckets))
    _health(app, experiment)
    _static(app)
    return app


def create_preview_app(experiment: Experiment) -> FastAPI:
    """The application of a preview: nothing of it takes an answer, or does anything when it starts and ends."""
    app = FastAPI(title="exemplum", docs_url=None, redoc_url=None, openapi_url=None)
    buckets = _prepared(app, experiment)
    app.include_router(public_routes(experiment, buckets))
    app.include_router(preview_routes(experiment, buckets))
    _static(app, participants=False)
    return app


def _prepared(app: FastAPI, experiment: Experiment) -> Buckets:
    app.router.redirect_slashes = False  # such a redirect would follow the Host header
    app.state.experiment = experiment
    buckets = Buckets(experiment.settings.limits)
    app.add_middleware(ImageFiles, experiment=experiment, buckets=buckets)
    app.add_middleware(RequestMiddleware)
    ErrorResponses(experiment.texts).handle(app)
    return buckets


async def _publish_what_ends(experiment: Experiment) -> None:
    """Write responses/people.parquet soon after a session ends, with pauses so that it takes a small share of time."""
    experiment.ended.set()  # an earlier process may have stopped before it published
    while True:
        began = time.monotonic()
        if experiment.ended.is_set():
            await run_in_threadpool(_publish, experiment)
        await asyncio.sleep(max(2.0, 10 * (time.monotonic() - began)))


async def _publish_at_the_end(experiment: Experiment) -> None:
    last = asyncio.ensure_future(run_in_threadpool(_publish, experiment))
    await asyncio.wait({last}, timeout=PATIENCE_S)
    if not last.done():
        log.warning(STOPPING)
    await last


def _publish(experiment: Experiment) -> None:
    experiment.ended.clear()
    try:
        keep(experiment)
        publish(experiment)
    except UserError as error:  # a retry would not help
        log.error("responses/people.parquet was not written", extra={"cause": str(error)})
    except (
        Exception
    ):  # a full disk, for example: the database still has everything, and the next finished session tries again
        log.exception("responses/people.parquet could not be written")
        experiment.ended.set()


def _health(app: FastAPI, experiment: Experiment) -> None:
    @app.get("/health")
    def health() -> JSONResponse:
        return health_response(health_of(experiment))


def health_response(health: dict[str, Any]) -> JSONResponse:
    return JSONResponse(health, status_code=503 if health["status"] == FAILING else 200)


def health_of(experiment: Experiment) -> dict[str, Any]:
    """Whether the database answers, how many writes wait for it, and how much disk is free."""
    try:
        experiment.database.ping()
    except Exception:
        return {"status": FAILING, "database": "unreachable"}
    free = shutil.disk_usage(experiment.study.folder).free
    status = WELL if free > LOW_DISK else "low disk"
    waiting = experiment.database.writer.waiting
    return {"status": status, "database": "ok", "writes_waiting": waiting, "disk_free_mb": free >> 20}


def _static(app: FastAPI, participants: bool = True) -> None:
    """The built pages, with or without the participant's.

    Names in assets/ contain a hash of their content, so browsers may cache them.
    """

    @app.get("/{path:path}", include_in_schema=False)
    async def static(path: str) -> FileResponse:
        hidden = path == PREVIEW_PAGE or (not participants and path in ("", INDEX))
        file = None if hidden else _file(path or INDEX)
        if file is None:
            if not path and participants:
                raise ApiError("not_found", "the participant's pages are not built; run: npm --prefix web run build")
            raise ApiError("not_found", "no such page")
        kept = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
        return FileResponse(file, headers={"Cache-Control": kept})


def _file(path: str) -> Path | None:
    """A file of the built pages; None if there is no such file, or the name is impossible."""
    try:
        file = (STATIC / path).resolve()
        known = file.is_relative_to(STATIC.resolve()) and file.is_file() and not file.name.startswith(".")
    except (ValueError, OSError):  # a zero byte; a name that is too long
        return None
    return file if known else None


PROGRAMS = ("/api/", "/i/")  # requested by the pages' scripts
TITLES = {
    "forbidden": "This page is for the experimenter",
    "not_found": "There is no such page",
    "rate_limited": "Too many tries",
}
EXPERIMENTER = "/experimenter"
UNREADABLE = (
    "There was an error parsing the body"  # the framework's message for a body that is not text, or nested too deeply
)


class ErrorResponses:
    """Exception handlers of the application; `texts` are the participant's, by language."""

    def __init__(self, texts: Mapping[str, Mapping[str, str]]) -> None:
        self._texts = texts
        self._page = templates().get_template("problem.html")

    def handle(self, app: FastAPI) -> None:
        """Answer the errors of an application."""
        app.add_exception_handler(ApiError, self.api_error)
        app.add_exception_handler(RequestValidationError, self.bad_request)
        app.add_exception_handler(HTTPException, self.http_error)

    async def api_error(self, request: Request, error: Any) -> Response:
        return self.response(request, error)

    async def bad_request(self, request: Request, error: Any) -> Response:
        return self.response(request, bad_request(error.errors()[0]))

    async def http_error(self, request: Request, error: Any) -> Response:
        """Errors of the framework itself: an unknown address, a method that a route does not have."""
        code = {404: "not_found", 413: "too_large"}.get(error.status_code, "bad_request")
        refused = ApiError(code, NO_JSON if error.detail == UNREADABLE else str(error.detail))
        refused.status = error.status_code
        response = self.response(request, refused)
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        return response

    def response(self, request: Request, error: ApiError) -> Response:
        if not _by_a_person(request):
            return error.response()
        inside = route_path(request.scope).startswith(EXPERIMENTER)
        language = "en" if inside else self._language(request.headers.get("accept-language", ""))
        title, text = self._said(error, inside, language)
        style = f"{request.scope.get('root_path', '')}{EXPERIMENTER}/files/style.css"
        body = self._page.render(language=language, title=title, text=text, style=style)
        headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
        return HTMLResponse(body, status_code=error.status, headers=headers)

    def _said(self, error: ApiError, inside: bool, language: str) -> tuple[str, str]:
        words = self._texts.get(language, {})
        if not inside and error.code == "not_found":
            return words["error.title.not_found"], words["error.not_found"]
        return TITLES.get(error.code, "That did not work"), f"{str(error)[:1].upper()}{str(error)[1:]}."

    def _language(self, accepted: str) -> str:
        """The first of the browser's preferred languages that the study has, else the study's first."""
        wishes = [part.partition(";")[0].strip()[:2].lower() for part in accepted.split(",")]
        return next((wish for wish in wishes if wish in self._texts), next(iter(self._texts)))


def _by_a_person(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not route_path(request.scope).startswith(PROGRAMS)
