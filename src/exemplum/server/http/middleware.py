"""Middleware for every request: limits on size, rate and duration, security headers, one line in the log."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from exemplum.server.experiment import Experiment
from exemplum.server.pages.images import picture_of
from exemplum.server.requests import ApiError

MOST_BODY = 64 * 1024  # bytes of a request
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
# The experimenter's pages have forms, but no style attributes.
EXPERIMENTER_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-src 'self'; frame-ancestors 'none'"
)
# The participant's page in the frame of the experimenter's preview
PREVIEW = "/preview"
PREVIEW_POLICY = PAGE_POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), fullscreen=(self)"),
)
log = logging.getLogger("exemplum.server")


class RequestMiddleware:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, received, started = time.perf_counter(), 500, 0, False

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > MOST_BODY:
                    raise HTTPException(413, f"a request must have at most {MOST_BODY} bytes")
            return message

        async def headed(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                message["headers"] = [*message["headers"], *HEADERS, *_policy(scope, message)]
            await send(message)

        try:
            await self.app(scope, limited, headed)
        except asyncio.CancelledError:  # the server is stopped and waits no longer; uvicorn closes the connection
            if not started:
                stopped = ApiError("unavailable", "the server was stopped before it could answer; ask again")
                await stopped.response()(scope, limited, headed)
        except Exception:
            # error pages of the framework need the headers too, or another site could frame them
            log.exception("a request failed", extra={"route": getattr(scope.get("route"), "path", "-")})
            if (
                started
            ):  # the status is already sent: uvicorn closes the connection, so that a part is not taken for the whole
                raise
            await _failed(scope)(scope, limited, headed)
        finally:
            _log(scope, status, began)


def route_path(scope: Scope) -> str:
    """The path below the study's own: a study beside others has /NAME in front."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def _failed(scope: Scope) -> Response:
    said = "The server failed. Please try again."
    if route_path(scope).startswith("/api/"):
        return JSONResponse({"error": {"code": "other", "message": said}}, status_code=500)
    return PlainTextResponse(said, status_code=500)


def _policy(scope: Scope, message: Message) -> list[tuple[bytes, bytes]]:
    present = {name for name, _ in message["headers"]}
    path = route_path(scope)
    policy = EXPERIMENTER_POLICY if path.startswith("/experimenter") else PAGE_POLICY
    framed = path == PREVIEW
    added = [
        (b"content-security-policy", (PREVIEW_POLICY if framed else policy).encode()),
        (b"x-frame-options", b"SAMEORIGIN" if framed else b"DENY"),
    ]
    if b"cache-control" not in present:
        added.append((b"cache-control", b"no-store"))
    return added


def _log(scope: Scope, status: int, began: float) -> None:
    """The route, not the path: names of images and tokens in links are secrets."""
    route: Any = scope.get("route")
    ordinary = isinstance(route, ImageFiles) and status == 200  # hundreds per block
    log.log(
        logging.DEBUG if ordinary else logging.INFO,
        "request",
        extra={
            "method": scope["method"], "route": getattr(route, "path", "-"), "status": status,
            "ms": round((time.perf_counter() - began) * 1000, 1),
        },
    )  # fmt: skip


MOST_CALLERS = 20_000  # with more, the one not seen for longest is dropped


@dataclass(frozen=True)
class Limit:
    """`burst` requests at once, and `rate` per second in the long run."""

    rate: float
    burst: int


# By address: a whole laboratory or university may share one. By session: one person.
STARTS = Limit(2.0, 200)
UNKNOWN = Limit(0.5, 60)  # requests with a wrong token or image name: guessing
STRANGER = Limit(0.2, 10)  # wrong tokens of the experimenter's pages
PUBLIC = Limit(20.0, 400)  # config and texts
ANSWERS = Limit(5.0, 40)
STEPS = Limit(5.0, 60)
EVENTS = Limit(2.0, 60)


class Buckets:
    """Counts requests in this process; several processes allow several times as many."""

    def __init__(self, enabled: bool = True) -> None:
        self._enabled = enabled
        self._held: OrderedDict[tuple[Limit, str], tuple[float, float]] = OrderedDict()

    def take(self, limit: Limit, caller: str) -> None:
        """Count a request. Raises ApiError rate_limited, with the seconds to wait, when the bucket is empty."""
        if not self._enabled:
            return
        now = time.monotonic()
        left, at = self._held.pop((limit, caller), (float(limit.burst), now))
        left = min(limit.burst, left + (now - at) * limit.rate)
        self._held[limit, caller] = (max(left - 1, 0.0), now)
        while len(self._held) > MOST_CALLERS:
            self._held.popitem(last=False)
        if left < 1:
            error = ApiError("rate_limited", "too many requests; wait and try again")
            error.retry_after = max(1, round((1 - left) / limit.rate))
            raise error


RECEIVE_S = 30.0  # for a whole request of at most 64 KiB: 20 kbit/s are fast enough
READ_S = 60.0  # for a client to read 48 KiB of a response
MOST_HEAD = 64 * 1024  # bytes of a request's line and headers


class TimedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a time limit from the first byte of a request, or the connection's start, to its last."""

    receive_s, read_s = RECEIVE_S, READ_S
    _receiving: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None
    _head: int | None = 0  # bytes of a request's line and headers so far; None when they are complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._request_is_whole()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.cycle is None or self.cycle.response_complete:  # else the next request waits for this one's response
            self._wait_for_request()
        if self._head is not None:
            self._head += len(data)
            if self._head > MOST_HEAD:
                self.transport.abort()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait_for_request()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._head = None

    def on_message_complete(self) -> None:
        self._request_is_whole()
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing = self.loop.call_later(self.read_s, self.transport.abort)

    def resume_writing(self) -> None:
        if self._writing:
            self._writing.cancel()
            self._writing = None
        super().resume_writing()

    def _wait_for_request(self) -> None:
        if self._receiving is None:
            self._receiving = self.loop.call_later(self.receive_s, self._too_slow)

    def _request_is_whole(self) -> None:
        self._head = 0
        if self._receiving:
            self._receiving.cancel()
            self._receiving = None

    def _too_slow(self) -> None:
        self._receiving = None
        self.transport.abort()


STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


def configure(level: str) -> None:
    """Log `exemplum.server` and uvicorn as JSON; the server logs requests itself."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("exemplum.server", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], name == "uvicorn.error"
        logger.setLevel(level.upper())
    for name in ("exemplum.server", "uvicorn"):
        logging.getLogger(name).handlers = [handler]
        logging.getLogger(name).propagate = False
    logging.getLogger("uvicorn.access").handlers = []
    logging.getLogger("uvicorn.access").propagate = False


class JsonLines(logging.Formatter):
    """Format a log record and its `extra` fields as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **{key: value for key, value in record.__dict__.items() if key not in STANDARD},
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


PREFIX = "/i/"


class ImageFiles:
    """ASGI middleware that answers `GET /i/NAME` and lets everything else pass."""

    path = "/i/{name}"  # the route's name in the log

    def __init__(self, app: ASGIApp, experiment: Experiment, buckets: Buckets) -> None:
        self.app = app
        self._experiment = experiment
        self._buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = route_path(scope) if scope["type"] == "http" else ""
        if not path.startswith(PREFIX) or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        scope["route"] = self
        name = path.removeprefix(PREFIX)
        picture = picture_of(self._experiment.secret, name)
        try:
            if picture is None:
                raise FileNotFoundError
            body = self._experiment.pictures.sent(picture, name)
        except FileNotFoundError:
            await self._refuse(scope, receive, send)
            return
        headers = [
            (b"content-type", b"image/" + picture.rpartition(".")[2].encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"private, max-age=604800, immutable"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = ApiError("not_found", "no such image")
        caller = scope["client"][0] if scope.get("client") else "-"
        try:
            self._buckets.take(UNKNOWN, caller)
        except ApiError as limited:
            error = limited
        await error.response()(scope, receive, send)
