"""Request bodies with well-formed text, and API errors with a status, a code and a message.

A browser may send half of a surrogate pair (a text cut through an emoji) as `"\\ud83d"`. It is valid JSON but not
valid UTF-8: SQLite, PostgreSQL, CSV and Parquet refuse it. PostgreSQL refuses U+0000 too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, PrivateAttr, model_validator
from pydantic.functional_validators import ModelWrapValidatorHandler
from starlette.responses import JSONResponse

REPLACEMENT = "\ufffd"
UNSTORABLE = re.compile("[\ud800-\udfff\0]")
STORED = json.JSONDecoder(parse_constant=lambda _name: None)
MOST_DEPTH = 20  # levels of lists and objects in a request; the pages send 4


class Body(BaseModel):
    """A request body: unknown fields, NaN and Infinity are errors, texts are made well-formed."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    _replaced: int = PrivateAttr(0)

    @model_validator(mode="wrap")
    @classmethod
    def _well_formed(cls, given: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        cleaned, replaced = clean(given)
        if not is_finite(cleaned):
            raise ValueError("NaN and Infinity are not JSON numbers")
        body = handler(cleaned)
        body._replaced = replaced
        return body

    @property
    def replaced(self) -> int:
        """The number of characters of the request that could not be stored and became U+FFFD."""
        return self._replaced


def well_formed(text: str) -> str:
    """The text with U+FFFD in place of lone surrogates and of U+0000."""
    return text if _is_clean(text) else UNSTORABLE.sub(REPLACEMENT, text)


def clean(value: Any, depth: int = MOST_DEPTH) -> tuple[Any, int]:
    """A JSON value with all its texts, including keys, made well-formed; and the number of replaced characters.

    Raises ValueError for a value of more than `depth` levels.
    """
    if isinstance(value, str):
        return (value, 0) if _is_clean(value) else UNSTORABLE.subn(REPLACEMENT, value)
    if not isinstance(value, (dict, list)):
        return value, 0
    if depth == 0:
        raise ValueError("lists and objects are nested too deeply")
    if isinstance(value, list):
        parts = [clean(item, depth - 1) for item in value]
        return [item for item, _ in parts], sum(count for _, count in parts)
    pairs = [(clean(key), clean(item, depth - 1)) for key, item in value.items()]
    return {key: item for (key, _), (item, _) in pairs}, sum(one + other for (_, one), (_, other) in pairs)


def is_finite(value: Any) -> bool:
    """Whether no number in a JSON value is NaN or infinite, which JSON does not have."""
    if isinstance(value, dict):
        return all(is_finite(item) for item in value.values())
    if isinstance(value, list):
        return all(is_finite(item) for item in value)
    return not isinstance(value, float) or math.isfinite(value)


def from_stored(text: str | bytes) -> Any:
    """JSON of the database. Rows of older versions may hold lone surrogates, and NaN (read as None)."""
    if isinstance(text, bytes):  # psycopg's
        text = text.decode()
    value = STORED.decode(text)
    return value if _is_clean(text) and "\\u" not in text else clean(value, depth=1000)[0]


def to_stored(value: Any) -> str:
    """JSON for the database. Raises ValueError for NaN, which PostgreSQL would refuse."""
    return json.dumps(value, allow_nan=False)


def _is_clean(text: str) -> bool:
    return UNSTORABLE.search(text) is None


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
    "used_link": 409,
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
    """A refused request. `code` is one of STATUS; `extra` is added beside `error` in the body."""

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
    """The first problem that pydantic found in a request, with the field's name."""
    if problem["type"] == "json_invalid":
        return ApiError("bad_request", NO_JSON)
    where = ".".join(str(part) for part in problem["loc"] if part != "body")
    said = problem["msg"].removeprefix("Value error, ")  # pydantic's own words before ours
    return ApiError("bad_request", f"{where}: {said}" if where else said, field=where)
