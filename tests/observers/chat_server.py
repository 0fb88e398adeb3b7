"""A server that speaks the protocol of chat completions on a port of this machine. Its model looks at the picture."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

# Where the model looks, as shares of the screen: the queries at the centre, the references at the sides
PLACES = {"upper": (0.47, 0.53, 0.25, 0.35), "lower": (0.47, 0.53, 0.68, 0.78)}
SIDES = {"left": (0.27, 0.37, 0.45, 0.6), "right": (0.63, 0.73, 0.45, 0.6)}


@dataclass
class Asked:
    """One request that reached the server."""

    words: str
    picture: np.ndarray  # uint8 (h, w, 3)
    body: dict[str, Any]
    headers: dict[str, str]


Answer = tuple[int, Any, dict[str, str]]  # status, body (JSON or text), headers


@dataclass
class ChatServer:
    """Answers with `behave`, which gets what was asked and the number of the request, from 1."""

    behave: Callable[[Asked, int], Answer]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            number = len(self.asked)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return self.behave(asked, number)
        finally:
            with self._lock:
                self._now -= 1


@contextmanager
def serving(behave: Callable[[Asked, int], Answer]) -> Iterator[ChatServer]:
    server = ChatServer(behave)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path == "/v1/chat/completions"
            status, given, headers = server.take(_asked(body, dict(self.headers)))
            if status == 0:  # hangs up
                self.close_connection = True
                return
            content = (given if isinstance(given, str) else json.dumps(given)).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked may have given up
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


def _asked(body: dict[str, Any], headers: dict[str, str]) -> Asked:
    """What a server of the protocol reads in the body of a request."""
    (message,) = body["messages"]
    assert message["role"] == "user"
    text, image = message["content"]
    assert (text["type"], image["type"]) == ("text", "image_url")
    head, _, data = image["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    return Asked(text["text"], picture, body, headers)


def completion(content: str | None, finish: str = "stop", **message: Any) -> Answer:
    """The body of a completion, as in the reference of the protocol."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "eyes-2026-11-01"}
    return 200, {**body, "choices": [choice], "usage": usage}, {}


def failure(status: int, message: str, code: str | None = None, **headers: str) -> Answer:
    body = {"error": {"message": message, "type": "error", "param": None, "code": code}}
    return status, body, {name.replace("_", "-"): value for name, value in headers.items()}


def good(asked: Asked, _number: int) -> Answer:
    """Chooses the query whose red is nearer to that of the right side and farther from that of the left."""
    queries = {name: _red(asked.picture, place) for name, place in PLACES.items()}
    sides = {name: _red(asked.picture, place) for name, place in SIDES.items()}
    middle = (sides["left"] + sides["right"]) / 2
    tells = (queries["upper"] - queries["lower"]) * (sides["right"] - middle)
    image = "upper" if tells > 0 else "lower"
    return completion(f'The right side is redder.\n```json\n{{"image": "{image}", "confidence": 3}}\n```')


def _red(picture: np.ndarray, place: tuple[float, float, float, float]) -> float:
    height, width = picture.shape[:2]
    left, right, top, bottom = place
    region = picture[int(top * height) : int(bottom * height), int(left * width) : int(right * width)]
    return float(region[..., 0].mean())


def slow(asked: Asked, number: int) -> Answer:
    time.sleep(0.2)
    return good(asked, number)
