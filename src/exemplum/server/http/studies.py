"""Several studies on one server: each below a path of its own, as in /mystudy/, with a database of its own.

A single study answers at the root of the server too, where its links have always led. With several, the root says
nothing of them: only the experimenter's overview, whose link the server prints, lists the studies.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exemplum import store
from exemplum.design import texts
from exemplum.errors import UserError
from exemplum.server.experiment import Experiment, Settings
from exemplum.server.http.app import FAILING, WELL, ErrorResponses, create_app, health_of, health_response
from exemplum.server.http.experimenter_routes import file_response
from exemplum.server.http.gate import COOKIE, Gate
from exemplum.server.http.middleware import Buckets, RequestMiddleware, configure
from exemplum.server.pages import overview
from exemplum.server.pages.images import opaque
from exemplum.server.pages.templating import templates
from exemplum.server.storage.database import PLACEHOLDER, of_study, path_name

ENVIRONMENT = "EXEMPLUM_SERVE"  # settings as JSON, for the processes that uvicorn starts
# Paths of a study's own pages, which a study at the root has too
RESERVED = frozenset({"api", "assets", "experimenter", "favicon.svg", "health", "i", "index.html", "preview"})


def settings_of(settings: Settings, folders: Sequence[Path]) -> dict[str, Settings]:
    """Settings for each study's folder by the name in its path; `settings` are those that all share.

    The name is the folder's, with - for everything but letters, digits, dots, - and _. Raises UserError for names that
    are equal or reserved, and for a database that is not said for each study.

    >>> from pathlib import Path
    >>> shared = Settings(Path(), database="postgresql://host/exemplum_{study}", address="https://lab.example")
    >>> of = settings_of(shared, [Path("/studies/mine"), Path("/studies/second (2027)")])
    >>> list(of), of["mine"].database, of["second-2027"].address
    (['mine', 'second-2027'], 'postgresql://host/exemplum_mine', 'https://lab.example/second-2027')
    """
    named: dict[str, Path] = {}
    for folder in folders:
        if folder.resolve() in {other.resolve() for other in named.values()}:
            raise UserError(f"{folder} is given twice")
        name = path_name(folder)
        taken = next((other for other in named if other.lower() == name.lower()), None)
        if taken is not None:
            raise UserError(
                f"{named[taken]} and {folder} would both be at the path /{taken}/; rename the folder of one of them"
            )
        if len(folders) > 1 and name.lower() in RESERVED:
            raise UserError(f"{folder} would be at the path /{name}/, which the server uses itself; rename the folder")
        named[name] = folder
    if len(folders) > 1 and settings.database and PLACEHOLDER not in settings.database:
        raise UserError(
            "several studies need a database each: write {study} in --database where the name of the study's path "
            f"stands, as in postgresql://USER:PASSWORD@HOST/exemplum_{{study}}, for {', '.join(named)}"
        )
    return {
        name: replace(
            settings, folder=folder, database=of_study(settings.database, folder),
            address=f"{settings.address}/{name}" if len(folders) > 1 else settings.address,
        )
        for name, folder in named.items()
    }  # fmt: skip


@contextmanager
def opened(settings: Mapping[str, Settings]) -> Iterator[dict[str, Experiment]]:
    """The experiments by name; all are closed if one cannot be opened, and at the end of the block if it raises."""
    experiments: dict[str, Experiment] = {}
    try:
        for name, said in settings.items():
            experiments[name] = Experiment.open(said)
            same = [other for other, one in experiments.items() if one.study.id == experiments[name].study.id]
            if len(same) > 1:
                raise UserError(
                    f"{settings[same[0]].folder} and {said.folder} are the same study: their study.json have one id; "
                    "make a version of its own with exemplum new --from"
                )
        yield experiments
    except BaseException:
        for experiment in experiments.values():
            experiment.close()
        raise


def create_server(experiments: Mapping[str, Experiment]) -> ASGIApp:
    """The application of one study, at the root and below its path, or of several, each below its path."""
    apps = {name: create_app(experiment) for name, experiment in experiments.items()}
    if len(apps) > 1:
        return StudyPaths(apps, _front(experiments, apps))
    ((name, app),) = apps.items()
    return StudyPaths({} if name.lower() in RESERVED else apps, app)


class StudyPaths:
    """ASGI application that sends requests for /NAME/… to the study of this name, and all others to `root`."""

    def __init__(self, apps: Mapping[str, ASGIApp], root: ASGIApp) -> None:
        self.apps, self.root = apps, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # a request for the whole server, OPTIONS *, has a path without a slash
        name, *rest = str(scope.get("path", "")).removeprefix("/").split("/") if scope["type"] == "http" else ("",)
        app = self.apps.get(name)
        if app is None:
            await self.root(scope, receive, send)
        elif not rest:  # addresses in pages are relative, so the path must end with /
            query = scope["query_string"].decode("latin-1")
            redirect = RedirectResponse(f"{name}/{'?' if query else ''}{query}", status_code=307)
            await RequestMiddleware(redirect)(scope, receive, send)
        else:
            await app({**scope, "root_path": f"{scope.get('root_path', '')}/{name}"}, receive, send)


def from_environment() -> ASGIApp:
    """The application in one of several processes; `run` passes the settings in the environment."""
    # Ctrl-C reaches every process of the terminal; the first of them tells the others to stop, once
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    said: dict[str, dict[str, Any]] = json.loads(os.environ[ENVIRONMENT])
    settings = {name: Settings(**one | {"folder": Path(one["folder"])}) for name, one in said.items()}
    configure(next(iter(settings.values())).log_level)
    with opened(settings) as experiments:
        return create_server(experiments)


def in_environment(settings: Mapping[str, Settings]) -> str:
    """What `from_environment` reads."""
    return json.dumps({name: asdict(said) | {"folder": str(said.folder)} for name, said in settings.items()})


def overview_token(experiments: Mapping[str, Experiment]) -> str:
    """The token of the overview: the same in all processes and after a restart, and new where a study is added."""
    together = hashlib.sha256(b"".join(sorted(one.secret for one in experiments.values()))).digest()
    return opaque(together, "studies", *sorted(one.study.id for one in experiments.values()))


def _front(experiments: Mapping[str, Experiment], apps: Mapping[str, FastAPI]) -> FastAPI:
    """What is at the root beside several studies."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in apps.values():
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    front = FastAPI(title="exemplum", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    front.router.redirect_slashes = False
    front.add_middleware(RequestMiddleware)
    ErrorResponses({"en": texts.shipped()["en"], **texts.shipped()}).handle(front)
    _add_overview(front, experiments)

    @front.get("/health")
    def health() -> JSONResponse:
        found = [health_of(experiment) for experiment in experiments.values()]
        worst = min(found, key=lambda one: (one["status"] != FAILING, one["status"] == WELL))
        return health_response(worst)

    return front


def _add_overview(front: FastAPI, experiments: Mapping[str, Experiment]) -> None:
    """The page that leads to all studies, behind a token of its own."""
    token = overview_token(experiments)
    proof, cookie = opaque(token.encode(), "proof"), f"{COOKIE}_{store.digest(token)[:12]}"
    buckets = Buckets(all(experiment.settings.limits for experiment in experiments.values()))
    gate = Gate(token, cookie, proof, buckets, "the overview's link")
    page = templates().get_template("studies.html")

    @front.get("/experimenter")
    def enter(request: Request) -> Response:
        return gate.enter(request, request.query_params.get("token", ""))

    @front.get("/experimenter/")
    def studies(request: Request) -> HTMLResponse:
        gate.known(request)
        lines = [overview.line(name, experiment) for name, experiment in experiments.items()]
        return HTMLResponse(page.render(lines=lines))

    front.get("/experimenter/files/{name}")(file_response)
