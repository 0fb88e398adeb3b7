"""What every request passes: a limit on its size, security headers on its response, one line in the log."""

from __future__ import annotations

import logging
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exemplum.server.image_files import ImageFiles

MOST_BODY = 64 * 1024  # bytes of a request
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
# The experimenter's pages have forms, and no style attributes.
EXPERIMENTER_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), fullscreen=(self)"),
)
log = logging.getLogger("exemplum.server")


class Boundary:
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
                    raise HTTPException(413, f"a request has at most {MOST_BODY} bytes")
            return message

        async def headed(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                message["headers"] = [*message["headers"], *HEADERS, *_policy(scope, message)]
            await send(message)

        try:
            await self.app(scope, limited, headed)
        except Exception:
            # Without the headers a page of the framework's would be the one that another site may frame.
            log.exception("a request failed", extra={"route": getattr(scope.get("route"), "path", "-")})
            if started:  # the status is gone already: uvicorn cuts the connection, so that no half passes as a whole
                raise
            await _failed(scope)(scope, limited, headed)
        finally:
            _log(scope, status, began)


def _failed(scope: Scope) -> Response:
    said = "The server failed. Please try again."
    if scope["path"].startswith("/api/"):
        return JSONResponse({"error": {"code": "other", "message": said}}, status_code=500)
    return PlainTextResponse(said, status_code=500)


def _policy(scope: Scope, message: Message) -> list[tuple[bytes, bytes]]:
    present = {name for name, _ in message["headers"]}
    inside = scope["path"].startswith("/experimenter")
    policy = EXPERIMENTER_POLICY if inside else PAGE_POLICY
    added = [(b"content-security-policy", policy.encode())]
    if b"cache-control" not in present:
        added.append((b"cache-control", b"no-store"))
    return added


def _log(scope: Scope, status: int, began: float) -> None:
    """The route, not the path: names of images and tokens in links are secrets."""
    route: Any = scope.get("route")
    ordinary = isinstance(route, ImageFiles) and status == 200  # hundreds a block
    log.log(
        logging.DEBUG if ordinary else logging.INFO,
        "request",
        extra={
            "method": scope["method"], "route": getattr(route, "path", "-"), "status": status,
            "ms": round((time.perf_counter() - began) * 1000, 1),
        },
    )  # fmt: skip
