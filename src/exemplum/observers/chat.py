"""A chat-completions endpoint as OpenAI's, and as vLLM, Ollama, LM Studio and others offer it."""

from __future__ import annotations

import base64
import email.utils
import io
import math
import os
import random
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

import httpx
import numpy as np
from PIL import Image

from exemplum.errors import one_line
from exemplum.observers import VlmTable
from exemplum.observers.observer import ObserverError

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0  # between two attempts; doubled after each
LONGEST_ASKED_S = 600.0  # that a server may ask for
# Azure's and OpenAI's codes of a request that was not passed on to the model because of its content
FILTERED = ("content_filter", "content_policy_violation")


@dataclass(frozen=True)
class Reply:
    """What a model replied to one request."""

    text: str  # empty if it refused
    refused: bool
    finish: str = ""  # why it stopped, as the endpoint says it: stop, length, content_filter
    model: str = ""  # as the endpoint names it, often with a date
    tokens_in: int = 0  # 0 if the endpoint does not count
    tokens_out: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class _TryAgainError(Exception):
    """A failure that may pass; with the seconds that the endpoint asks to wait, or NaN."""

    def __init__(self, reason: str, wait_s: float = math.nan) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class StoppedError(ObserverError):
    """Another request failed in a way that does not pass, so this one was not made."""


class Endpoint:
    """Asks a model about pictures. Several threads may ask at once."""

    def __init__(self, table: VlmTable, *, first_wait_s: float = FIRST_WAIT_S) -> None:
        """The key is read from the environment, and is in no message and no file; without one none is sent."""
        self.table, self.first_wait_s = table, first_wait_s
        self.stopped = threading.Event()  # set when one request fails for good, or the run is stopped
        self._key = os.environ.get(table.key_variable, "").strip()
        self._client = httpx.Client(
            timeout=httpx.Timeout(table.timeout_s),
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            limits=httpx.Limits(max_connections=table.concurrency),
        )

    def ask(self, words: str, picture: np.ndarray) -> Reply:
        """The model's reply to these words and this picture, uint8 (h, w, 3).

        Failures that may pass (no connection, a timeout, status 408, 409, 429 or 5xx, a body that is no completion) are
        tried again `attempts` times in all, after 1, 2, 4 … s up to a minute, or after as long as the endpoint asks
        for. Raises ObserverError in one line if none succeeds, or at once for other errors; then every other request
        that waits raises StoppedError.
        """
        body = self._body(words, picture)
        for attempt in range(1, self.table.attempts + 1):
            if self.stopped.is_set():
                break
            try:
                return self._attempt(body)
            except _TryAgainError as failure:
                if attempt == self.table.attempts:
                    times = "" if attempt == 1 else f", {attempt} times"
                    raise self._failed(f"{failure}{times}; answers so far are kept: run again to continue") from None
                self.stopped.wait(self._wait_s(attempt, failure.wait_s))
        raise StoppedError(f"{self.table.url}: stopped")

    def _body(self, words: str, picture: np.ndarray) -> dict[str, Any]:
        file = io.BytesIO()
        # of a screen of photographs this takes half of the default level's time, and the file is no larger
        Image.fromarray(picture).save(file, format="PNG", compress_level=3)
        url = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
        content = [{"type": "text", "text": words}, {"type": "image_url", "image_url": {"url": url}}]
        return {**self.table.settings, "model": self.table.model, "messages": [{"role": "user", "content": content}]}

    def _attempt(self, body: dict[str, Any]) -> Reply:
        try:
            response = self._client.post(f"{self.table.url.rstrip('/')}/chat/completions", json=body)
        except httpx.TimeoutException:
            raise _TryAgainError(f"no reply within {self.table.timeout_s:g} s") from None
        except httpx.RequestError as error:
            raise _TryAgainError(f"no connection ({str(error) or type(error).__name__})") from None
        if response.status_code in (408, 409, 429) or response.status_code >= 500:
            raise _TryAgainError(_said(response), _asked_wait(response))
        if response.status_code >= 300:
            if _code(response) in FILTERED:
                return Reply("", refused=True, finish="content_filter")
            hint = ""
            if response.status_code in (401, 403):
                known = "is read from" if self._key else "is missing: set"
                hint = f"; the key {known} the environment variable {self.table.key_variable}"
            raise self._failed(f"{_said(response)}{hint}")
        try:
            return _reply(response.json())
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise _TryAgainError(f"the reply is no chat completion: {response.text[:80]!r}") from None

    def _wait_s(self, attempt: int, asked_s: float) -> float:
        if not math.isnan(asked_s):
            return min(asked_s, LONGEST_ASKED_S)
        # spread, so that requests that failed together do not come back together
        return min(LONGEST_WAIT_S, self.first_wait_s * 2 ** (attempt - 1)) * random.uniform(0.5, 1.5)

    def _failed(self, reason: str) -> ObserverError:
        """The error with this reason, in which an endpoint may have repeated the key. Stops the other requests."""
        self.stopped.set()
        told = reason.replace(self._key, "…") if self._key else reason
        return ObserverError(f"{self.table.url}, model {self.table.model}: {one_line(told)}")


def _reply(completion: Any) -> Reply:
    """The reply in the body of a completion. Raises one of several exceptions if it is none."""
    choice = completion["choices"][0]
    message, usage = choice["message"], completion.get("usage") or {}
    content = message.get("content")
    if isinstance(content, list):  # of parts
        content = "".join(part.get("text", "") for part in content)
    finish = str(choice.get("finish_reason") or "")
    refused = bool(message.get("refusal")) or finish == "content_filter"
    return Reply(
        str(content or ""), refused, finish, str(completion.get("model") or ""),
        int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0),
    )  # fmt: skip


def _said(response: httpx.Response) -> str:
    """Status and message of a failure."""
    error = _error_of(response)
    message = error.get("message") if isinstance(error, dict) else error
    told = str(message or response.text)[:200]
    return f"status {response.status_code} {response.reason_phrase}{': ' if told else ''}{told}"


def _code(response: httpx.Response) -> str:
    error = _error_of(response)
    return str(error.get("code")) if isinstance(error, dict) else ""


def _error_of(response: httpx.Response) -> Any:
    try:
        body = response.json()
    except ValueError:
        return None
    return body.get("error") if isinstance(body, dict) else None


def _asked_wait(response: httpx.Response) -> float:
    """Seconds that the endpoint asks to wait (RFC 9110: a number or a date); NaN if it asks for none."""
    asked = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    except (TypeError, ValueError):
        return math.nan
