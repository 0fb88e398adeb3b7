"""Errors of requests: a status, a code that the page has a text for, and an English message for developers."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

STATUS = {
    "bad_request": 400,
    "no_session": 401,
    "no_consent": 403,
    "closed": 403,
    "preview": 403,
    "bad_link": 403,
    "unfilled_link": 403,
    "forbidden": 403,
    "not_found": 404,
    "already_done": 409,
    "already_started": 409,
    "out_of_order": 409,
    "already_answered": 409,
    "ended": 409,
    "too_large": 413,
    "rate_limited": 429,
    "storage_full": 503,
    "unavailable": 503,
}


class ApiError(Exception):
    """A request that cannot be done. `code` is one of STATUS; `extra` is laid beside `error` in the body."""

    def __init__(self, code: str, message: str, *, field: str = "", extra: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = STATUS[code]
        self.field = field
        self.extra = extra or {}
        self.retry_after = 0  # seconds; for rate_limited

    def response(self) -> JSONResponse:
        error = {"code": self.code, "message": str(self)} | ({"field": self.field} if self.field else {})
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
        return JSONResponse({"error": error} | self.extra, status_code=self.status, headers=headers)
