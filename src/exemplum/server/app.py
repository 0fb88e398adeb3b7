"""The web application, made of an experiment: participant's pages, experimenter's pages, health."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from exemplum.errors import UserError
from exemplum.server import scrubbing, status_file
from exemplum.server.boundary import Boundary
from exemplum.server.error_responses import ErrorResponses
from exemplum.server.errors import ApiError
from exemplum.server.experiment import Experiment, Settings
from exemplum.server.experimenter_routes import routes as experimenter_routes
from exemplum.server.export import publish
from exemplum.server.image_files import ImageFiles
from exemplum.server.limits import Buckets
from exemplum.server.logs import configure
from exemplum.server.participant_routes import routes as participant_routes

STATIC = Path(__file__).parent / "static"
ENVIRONMENT = "EXEMPLUM_SERVE"  # settings as JSON, for the processes that uvicorn starts
log = logging.getLogger("exemplum.server")
# s until a thread that computes gives way. With Python's 5 ms the event loop waits for the writer: 150 answers at once
# took 140 ms instead of 105.
TURN_S = 0.0005
LOW_DISK = 256 * 1024**2  # bytes free below which health warns


def create_app(experiment: Experiment) -> FastAPI:
    """The application. It closes the experiment when it shuts down: queued answers are written first."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        sys.setswitchinterval(TURN_S)
        await run_in_threadpool(status_file.keep, experiment)
        tasks = [asyncio.create_task(work(experiment)) for work in (_publish_what_ends, scrubbing.keep_trying)]
        yield
        for task in tasks:
            task.cancel()
        await run_in_threadpool(scrubbing.attempt, experiment, quiet=True)
        await run_in_threadpool(experiment.database.writer.stop)
        await run_in_threadpool(_publish, experiment)
        experiment.close()

    app = FastAPI(title="exemplum", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.redirect_slashes = False  # such a redirect would follow the Host header
    app.state.experiment = experiment
    buckets = Buckets(experiment.settings.limits)
    app.add_middleware(ImageFiles, experiment=experiment, buckets=buckets)
    app.add_middleware(Boundary)
    errors = ErrorResponses(experiment.texts)
    app.add_exception_handler(ApiError, errors.api_error)
    app.add_exception_handler(RequestValidationError, errors.bad_request)
    app.add_exception_handler(HTTPException, errors.http_error)
    app.include_router(participant_routes(experiment, buckets))
    app.include_router(experimenter_routes(experiment, buckets))
    _health(app, experiment)
    _static(app)
    return app


def from_environment() -> FastAPI:
    """The application of one of several processes; `serve` leaves the settings in the environment."""
    said = json.loads(os.environ[ENVIRONMENT])
    settings = Settings(**said | {"folder": Path(said["folder"])})
    configure(settings.log_level)
    return create_app(Experiment.open(settings))


async def _publish_what_ends(experiment: Experiment) -> None:
    """Keep responses/people.parquet up to date: soon after a session ends, but never most of the time."""
    experiment.ended.set()  # what an earlier process did not come to
    while True:
        began = time.monotonic()
        if experiment.ended.is_set():
            await run_in_threadpool(_publish, experiment)
        await asyncio.sleep(max(2.0, 10 * (time.monotonic() - began)))


def _publish(experiment: Experiment) -> None:
    experiment.ended.clear()
    try:
        status_file.keep(experiment)
        publish(experiment)
    except UserError as error:  # it will not go away by trying again
        log.error("responses/people.parquet was not written", extra={"cause": str(error)})
    except Exception:  # a full disk, say: the database still has everything, and the next end tries again
        log.exception("responses/people.parquet could not be written")
        experiment.ended.set()


def _health(app: FastAPI, experiment: Experiment) -> None:
    @app.get("/health")
    def health() -> JSONResponse:
        try:
            experiment.database.ping()
        except Exception:
            return JSONResponse({"status": "failing", "database": "unreachable"}, status_code=503)
        free = shutil.disk_usage(experiment.study.folder).free
        status = "ok" if free > LOW_DISK else "low disk"
        waiting = experiment.database.writer.waiting
        return JSONResponse({"status": status, "database": "ok", "writes_waiting": waiting, "disk_free_mb": free >> 20})


def _static(app: FastAPI) -> None:
    """The built pages. Names in assets/ carry a hash of their content, so browsers may keep them."""

    @app.get("/{path:path}", include_in_schema=False)
    async def static(path: str) -> FileResponse:
        file = _file(path or "index.html")
        if file is None:
            if not path:
                raise ApiError("not_found", "the participant's pages are not built; run: npm --prefix web run build")
            raise ApiError("not_found", "no such page")
        kept = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
        return FileResponse(file, headers={"Cache-Control": kept})


def _file(path: str) -> Path | None:
    """A file of the built pages; None for what is none of them, and for names that no file can have."""
    try:
        file = (STATIC / path).resolve()
        known = file.is_relative_to(STATIC.resolve()) and file.is_file() and not file.name.startswith(".")
    except (ValueError, OSError):  # a zero byte; a name that is too long
        return None
    return file if known else None
