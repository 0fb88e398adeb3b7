"""Errors of requests: a status, a code that the page has a text for, and an English message for developers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from exemplum.server.text import MOST_DEPTH

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
NO_JSON = f"the body must be JSON in UTF-8, with lists and objects at most {MOST_DEPTH} deep"


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


def bad_request(problem: Mapping[str, Any]) -> ApiError:
    """What pydantic found wrong with a request, in plain words and with the field that it is about."""
    if problem["type"] == "json_invalid":
        return ApiError("bad_request", NO_JSON)
    where = ".".join(str(part) for part in problem["loc"] if part != "body")
    said = problem["msg"].removeprefix("Value error, ")  # pydantic's own words before ours
    return ApiError("bad_request", f"{where}: {said}" if where else said, field=where)
