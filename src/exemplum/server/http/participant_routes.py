"""The participant's routes, documented in docs/reference/server-api.md. A route parses, calls one function, returns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from exemplum import store
from exemplum.server.experiment import Experiment
from exemplum.server.http import middleware
from exemplum.server.http.middleware import Buckets
from exemplum.server.requests import ApiError, Body
from exemplum.server.sessions import answers, entry, recruitment, steps
from exemplum.server.sessions.entry import hashed, link_of
from exemplum.server.sessions.state import state
from exemplum.server.storage import status
from exemplum.server.storage.schema import SessionRow

API = 1


class ClientInfo(BaseModel):
    """Browser and screen, as the page sees them."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    user_agent: str = Field("", max_length=600)
    screen_width: float = 0
    screen_height: float = 0
    width: float = 0
    height: float = 0
    pixel_ratio: float = 0
    language: str = Field("", max_length=40)
    time_zone: str = Field("", max_length=60)
    touch: bool = False


class StartRequest(Body):
    """The request that begins or resumes a session."""

    key: str = Field(min_length=16, max_length=80)
    params: dict[str, str] = Field(default_factory=dict)
    participant: str = Field("", max_length=60)
    language: str = Field("", max_length=20)
    client: ClientInfo = Field(default_factory=ClientInfo)

    @field_validator("params")
    @classmethod
    def _few(cls, params: dict[str, str]) -> dict[str, str]:
        if len(params) > 20 or any(len(name) > 200 or len(value) > 200 for name, value in params.items()):
            raise ValueError("there may be at most 20 parameters, each of at most 200 characters")
        return params


def bearer(request: Request) -> str:
    """The session's token; "" if there is none."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def browser_store(experiment: Experiment) -> str:
    """Distinguishes what a browser keeps for this study from what it keeps for others of the same host."""
    return store.digest("browser", experiment.study.id)[:12]


def address(request: Request) -> str:
    return request.client.host if request.client else "-"


Token = Annotated[str, Depends(bearer)]


def routes(experiment: Experiment, buckets: Buckets) -> APIRouter:
    """All routes of the participant's pages except images and static files."""
    router = APIRouter()
    unknown = UnknownTokens(buckets)
    _add_public(router, experiment, buckets)
    _add_session(router, experiment, buckets, unknown)
    _add_answers(router, experiment, buckets, unknown)
    return router


@dataclass(frozen=True)
class UnknownTokens:
    """Requests with an unknown token: counted by address, so that tokens cannot be guessed."""

    buckets: Buckets

    def refused(self, request: Request) -> ApiError:
        """Count a request; returns its error."""
        self.buckets.take(middleware.UNKNOWN, address(request))
        return ApiError("no_session", "no session has this token")

    @contextmanager
    def counted(self, request: Request) -> Iterator[None]:
        """Within, requests with an unknown token are counted."""
        try:
            yield
        except ApiError as error:
            raise self.refused(request) if error.code == "no_session" else error from error


def public_routes(experiment: Experiment, buckets: Buckets) -> APIRouter:
    """The routes without a session."""
    router = APIRouter()
    _add_public(router, experiment, buckets)
    return router


def _add_public(router: APIRouter, experiment: Experiment, buckets: Buckets) -> None:
    """Routes without a session: configuration and texts."""
    database = experiment.database
    asset = store.digest(experiment.texts, experiment.design_hash)
    shown = [trial.references for trial in experiment.design.trials]
    most = max((len(side) for references in shown for side in (references.max, references.min)), default=0)
    stimuli = {"references": most, "side_px": experiment.pictures.side, "min_px": experiment.config.min_image_px}

    @router.get("/api/config")
    def config(request: Request, link: str = "") -> dict[str, Any]:
        buckets.take(middleware.PUBLIC, address(request))
        said = experiment.config
        group, pilot = link_of(experiment, link)
        with database.read() as orm:
            is_open = pilot or recruitment.is_open(orm, experiment, group)
        return {
            "api": API, "study": {"title": said.title, "contact": said.contact}, "languages": list(said.languages),
            "language": said.languages[0], "lab": experiment.settings.lab, "open": is_open, "pilot": pilot,
            "store": browser_store(experiment), "asset": asset, "stimuli": stimuli,
        }  # fmt: skip

    @router.get("/api/texts/{language}")
    async def texts(request: Request, language: str) -> dict[str, str]:
        buckets.take(middleware.PUBLIC, address(request))
        if language not in experiment.texts:
            raise ApiError("not_found", f"there are no texts in {language!r}; available: {', '.join(experiment.texts)}")
        return experiment.texts[language]


def _add_session(router: APIRouter, experiment: Experiment, buckets: Buckets, unknown: UnknownTokens) -> None:
    """Routes to begin a session, and for its state and steps."""
    database = experiment.database

    @router.post("/api/sessions", status_code=201)
    async def begin(request: Request, start: StartRequest, token: Token) -> dict[str, Any]:
        buckets.take(middleware.STARTS, address(request))
        wish = entry.EntryRequest(**start.model_dump(), token=token, replaced=start.replaced)
        begun = await database.writer.submit(lambda orm: entry.begin(orm, experiment, wish))
        now = await run_in_threadpool(_state_of, experiment, begun.session_id)
        return {"token": begun.token, "resumed": begun.resumed, "state": now}

    @router.get("/api/session")
    def session(request: Request, token: Token) -> dict[str, Any]:
        buckets.take(middleware.STEPS, hashed(token))
        with database.read() as orm:
            row = orm.scalar(select(SessionRow).where(SessionRow.token_hash == hashed(token)))
            if row is None:
                raise unknown.refused(request)
            return state(orm, experiment, row)

    @router.post("/api/steps/{step}")
    async def complete(request: Request, step: str, done: steps.StepResult, token: Token) -> dict[str, Any]:
        buckets.take(middleware.STEPS, hashed(token))
        with unknown.counted(request):
            job = database.writer.submit(lambda orm: steps.complete(orm, experiment, token, step, done))
            session_id = await job
        return {"state": await run_in_threadpool(_state_of, experiment, session_id)}


def _add_answers(router: APIRouter, experiment: Experiment, buckets: Buckets, unknown: UnknownTokens) -> None:
    """Answers and events."""
    database = experiment.database

    @router.post("/api/answers")
    async def answer(request: Request, given: answers.GivenAnswer, token: Token) -> dict[str, Any]:
        buckets.take(middleware.ANSWERS, hashed(token))
        with unknown.counted(request):
            said = await database.writer.submit(lambda orm: answers.record(orm, token, given), urgent=True)
        if not experiment.is_frozen:
            await run_in_threadpool(status.note_answer, experiment)
        return said

    @router.post("/api/events")
    async def happened(request: Request, given: answers.GivenEvents, token: Token) -> dict[str, Any]:
        buckets.take(middleware.EVENTS, hashed(token))
        with unknown.counted(request):
            return await database.writer.submit(lambda orm: answers.append(orm, token, given))


def _state_of(experiment: Experiment, session_id: int) -> dict[str, Any]:
    with experiment.database.read() as orm:
        return state(orm, experiment, orm.get_one(SessionRow, session_id))
