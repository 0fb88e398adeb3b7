"""A participant as a program: does each step that the state names, as the pages do."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from exemplum.server.sessions.comprehension import SOLUTIONS

TIMES = {"shown_at": 1_795_305_600_000.0, "ms": 30_000.0, "visible_ms": 30_000.0}
Chooser = Callable[[dict[str, Any], dict[str, Any]], tuple[str, int]]  # block, trial → choice, confidence


class Walker:
    """One browser with its token. `http` is any client with `get` and `post` (TestClient, httpx.Client)."""

    def __init__(self, http: Any, choose: Chooser | None = None, **params: str) -> None:
        self.http = http
        self.key = str(uuid.uuid4())
        self.params = params
        self.token = ""
        self.choose = choose or (lambda _block, _trial: ("top", 2))
        self.given: list[dict[str, Any]] = []
        self.at = TIMES["shown_at"]

    def start(self, participant: str = "", language: str = "en") -> Any:
        body = {"key": self.key, "params": self.params, "participant": participant, "language": language}
        response = self.http.post("/api/sessions", json=body, headers=self.headers)
        if response.status_code == 201:
            self.token = response.json()["token"]
        return response

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def state(self) -> dict[str, Any]:
        response = self.http.get("/api/session", headers=self.headers)
        assert response.status_code == 200, response.text
        return response.json()

    def step(self) -> dict[str, Any]:
        return self.state()["step"]

    def do(self, step: dict[str, Any], data: dict[str, Any] | None = None, **times: float) -> Any:
        body = TIMES | times | {"data": usual(step) if data is None else data}
        return self.http.post(f"/api/steps/{step['id']}", json=body, headers=self.headers)

    def answer(self, trial: str, choice: str = "top", confidence: int = 2, key: str = "", **more: Any) -> Any:
        self.at += 4000
        body = {
            "trial": trial, "key": key or str(uuid.uuid4()), "choice": choice, "confidence": confidence,
            "rt_ms": 1500.5, "shown_at": self.at, "frame_ms": 16.7, "frames_late": 0, "hidden_ms": 0.0, "blurs": 0,
            "input": "simulated", "attempt": 1,
        }  # fmt: skip
        return self.http.post("/api/answers", json=body | more, headers=self.headers)

    def do_block(self, step: dict[str, Any]) -> None:
        for trial in step["trials"][step["answered"] :]:
            choice, confidence = self.choose(step, trial)
            response = self.answer(trial["trial"], choice, confidence)
            assert response.status_code == 200, response.text
            self.given.append(response.json())

    def walk(self, until: Callable[[dict[str, Any]], bool] = lambda _step: False) -> dict[str, Any]:
        """Go on until a step for which `until` holds, or the end; returns that step."""
        while True:
            step = self.step()
            if until(step) or step["kind"] == "finished":
                return step
            if step["kind"] == "block":
                self.do_block(step)
            else:
                response = self.do(step)
                assert response.status_code == 200, response.text


def usual(step: dict[str, Any]) -> dict[str, Any]:
    """What most people would enter."""
    match step["kind"]:
        case "consent":
            return {"accepted": True}
        case "form" | "debrief":
            return {field["name"]: _entry(field) for field in step["fields"]}
        case "comprehension":
            return dict(SOLUTIONS)
        case "check":
            return {"width": 1280, "height": 720, "fullscreen": True}
        case "intuitiveness":
            return {"ratings": [{"item": item["item"], "rating": 35, "ms": 900.0} for item in step["items"]]}
    return {}


def _entry(field: dict[str, Any]) -> Any:
    return {"integer": 30, "choice": (field["options"] or [""])[0], "text": None}[field["type"]]
