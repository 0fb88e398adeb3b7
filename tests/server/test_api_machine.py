"""The whole API in any order, with good and broken input: never a 5xx, no answer lost or doubled, no truth too early.

Oracle: a model of what was acknowledged, held against the database after each step.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from starlette.testclient import TestClient

from exemplum.server import Experiment, Settings, create_app
from exemplum.server.sessions.entry import link_code
from exemplum.server.storage.schema import Answer, Participant, SessionRow, TrialRow
from server import made
from server.walk import TIMES, usual

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)  # half pairs and U+0000 too
NUMBER = st.integers() | st.floats() | st.just(10**400) | st.just(-1)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
PEOPLE = st.sampled_from(["anna", "bert", "=1+1", "half \ud83d", "{{%PROLIFIC_PID%}}", "<b>", "x" * 200, "", "\0"])
PANELS = st.sampled_from(["PROLIFIC_PID", "workerId", "survey_code", "participant", "id", "resume", "link", "other"])
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
PAGES = ("", "results", "downloads", "audit", "session/none", "session/9999999999999999999999", "nowhere", "files/%00")
SECRETS = {"max_side", "correct", "solution", "verdict", "spec", "query_max", "query_min", "unit", "pole"}
MAY_TELL = {"instructions", "break", "debrief"}  # a worked example; scores of what was answered
STEPS = 45  # of one course; whole blocks are single steps


class Browser:
    """One session that was begun, and what the server acknowledged of it."""

    def __init__(self, key: str, token: str) -> None:
        self.key, self.token = key, token
        self.answered: dict[str, dict[str, Any]] = {}  # by trial: the first response
        self.sent: list[dict[str, Any]] = []
        self.gone = False  # withdrawn, or handed to another browser

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class Api(RuleBasedStateMachine):
    base: Path  # a study with its design
    browsers = Bundle("browsers")

    @initialize(target=browsers, steps=st.integers(4, 30))
    def open_server(self, steps: int) -> Any:
        """A server, and somebody who is under way."""
        self.folder = Path(tempfile.mkdtemp(prefix="exemplum-api-"))
        made.like(self.base, self.folder / "study", "[exclusions]\ncatch_accuracy = 0.5\n")
        self.experiment = Experiment.open(Settings(self.folder / "study", limits=False))
        self.client = TestClient(create_app(self.experiment), client=("10.0.0.1", 1))
        self.client.__enter__()
        self.known: list[Browser] = []
        self.recruitment = "open"
        self.ask(self.client, "GET", "/experimenter", params={"token": self.experiment.token})
        self.once = re.search(r'name="once" value="([^"]+)"', self.client.get("/experimenter/").text)[1]
        browser = self.begin("PROLIFIC_PID", "early", False, {})
        self.go_on(browser, steps)
        return browser

    def teardown(self) -> None:
        if hasattr(self, "client"):
            self.client.__exit__(None, None, None)
            shutil.rmtree(self.folder)

    def ask(self, client: TestClient, method: str, path: str, **request: Any) -> Any:
        """Every request goes through here: what holds of every response."""
        response = client.request(method, path, **request)
        assert response.status_code < 500, (method, path, response.text)
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert self.experiment.secret.hex() not in response.text
        if not path.startswith("/experimenter"):
            self.tells_no_truth(response)
        return response

    def post(self, path: str, body: Any, browser: Browser | None = None) -> Any:
        """As a browser does: JSON with escapes."""
        headers = {"Content-Type": "application/json"} | (browser.headers if browser else {})
        return self.ask(self.client, "POST", path, content=json.dumps(body).encode("ascii"), headers=headers)

    def tells_no_truth(self, response: Any) -> None:
        """What may decide a trial is in no response but the verdict of one that was answered."""
        if not (response.content and response.headers.get("content-type", "").startswith("application/json")):
            return
        said = response.json()
        if "/api/texts/" in str(response.url) or not isinstance(said, dict):
            return
        if "/api/answers" in str(response.url) and ("verdict" in said or "answer" in said):
            return  # the rule that sent the answer looks at it
        step = (said.get("state") or said).get("step") or {}
        if step.get("kind") not in MAY_TELL:
            assert not SECRETS & set(names(said)), said
        for trial in step.get("trials", []):
            assert set(trial) == {"trial", "references", "queries"}

    def state(self, browser: Browser) -> dict[str, Any] | None:
        response = self.ask(self.client, "GET", "/api/session", headers=browser.headers)
        assert response.status_code == (401 if browser.gone else 200)
        return response.json() if response.status_code == 200 else None

    # Participants

    @rule(
        target=browsers,
        name=PANELS,
        person=PEOPLE,
        pilot=st.booleans(),
        more=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2),
    )
    def begin(self, name: str, person: str, pilot: bool, more: dict[str, str]) -> Any:
        key = str(uuid.uuid4())
        params = more | {name: person} | ({"link": link_code(self.experiment, "pilot")} if pilot else {})
        response = self.post("/api/sessions", {"key": key, "params": params})
        assert response.status_code in (201, 403, 409)
        if response.status_code != 201:
            return Browser(key, "none" + key)
        assert response.json()["resumed"] is False
        assert pilot == response.json()["state"]["pilot"]
        assert pilot or self.recruitment == "open"
        browser = Browser(key, response.json()["token"])
        self.known.append(browser)
        return browser

    @rule(browser=browsers, person=PEOPLE)
    def begin_again(self, browser: Browser, person: str) -> None:
        """The same key gives the same session, whatever comes with it."""
        if browser in self.known and not browser.gone:
            response = self.post("/api/sessions", {"key": browser.key, "params": {"participant": person}}, browser)
            assert response.json()["token"] == browser.token

    @rule(body=ANY_JSON | st.fixed_dictionaries({"key": ANY_TEXT, "params": ANY_JSON, "client": ANY_JSON}))
    def begin_broken(self, body: Any) -> None:
        assert self.post("/api/sessions", body).status_code in (400, 422)

    @rule(browser=browsers, steps=st.integers(1, 12))
    def go_on(self, browser: Browser, steps: int) -> None:
        """What comes next, done well: pages, and the rest of blocks."""
        for _ in range(steps):
            if browser not in self.known or (state := self.state(browser)) is None:
                return
            step = state["step"]
            if step["kind"] == "block":
                for trial in step["trials"][step["answered"] :]:
                    self.answer(browser, trial["trial"], "top")
            elif step["kind"] != "finished":
                done = self.post(f"/api/steps/{step['id']}", TIMES | {"data": usual(step)}, browser)
                assert done.status_code == 200

    @rule(browser=browsers, n=st.integers(0, 30), choice=st.sampled_from(["top", "bottom"]))
    def one_answer(self, browser: Browser, n: int, choice: str) -> None:
        """An answer to any trial of the block: the next, one to come, or one that has its answer."""
        if browser not in self.known or (state := self.state(browser)) is None or state["step"]["kind"] != "block":
            return
        trials = state["step"]["trials"]
        self.answer(browser, trials[n % len(trials)]["trial"], choice)

    def answer(self, browser: Browser, trial: str, choice: str) -> None:
        before = browser.answered.get(trial)
        body = {"trial": trial, "key": str(uuid.uuid4()), "choice": choice, "confidence": 2, "rt_ms": 1500.0,
                "shown_at": TIMES["shown_at"]}  # fmt: skip
        response = self.post("/api/answers", body, browser)
        said = response.json()
        if response.status_code == 200:
            assert before is None
            assert (said["trial"], said["choice"]) == (trial, choice)
            assert said["progress"]["answered"] == len(browser.answered) + 1
            browser.answered[trial] = said
            browser.sent.append(body)
        elif before is not None:
            assert (response.status_code, said["answer"]) == (409, before)
        else:
            assert said["error"]["code"] == "out_of_order"
            assert set(said) == {"error"}

    @rule(browser=browsers, n=st.integers(0, 1000))
    def replay(self, browser: Browser, n: int) -> None:
        """A request whose response was lost, sent again as it was."""
        if browser.sent:
            body = browser.sent[n % len(browser.sent)]
            response = self.post("/api/answers", body, browser)
            if browser.gone:
                assert response.status_code == 401
            else:
                assert (response.status_code, response.json()) == (200, browser.answered[body["trial"]])

    @rule(
        browser=browsers,
        field=st.sampled_from(["trial", "key", "choice", "confidence", "rt_ms", "shown_at", "blurs", "input", "more"]),
        value=ANY_JSON,
    )
    def broken_answer(self, browser: Browser, field: str, value: Any) -> None:
        body = {"trial": "k" * 22, "key": "k" * 20, "choice": "top", "confidence": 2, "rt_ms": 1.0, "shown_at": 1.0}
        assert self.post("/api/answers", body | {field: value}, browser).status_code in (400, 401, 409, 422)

    @rule(
        browser=browsers, data=ANY_JSON, step=st.sampled_from(["now", "s00", "s01", "s99", "end", "%00", "%ED%A0%80"])
    )
    def any_step(self, browser: Browser, data: Any, step: str) -> None:
        state = self.state(browser) if browser in self.known else None
        name = state["step"]["id"] if state and step == "now" else step
        response = self.post(f"/api/steps/{name}", TIMES | {"data": data}, browser)
        assert response.status_code in (200, 400, 401, 409, 422)

    @rule(browser=browsers, field=st.sampled_from(["age", "gender", "comment", "accepted", "ratings"]), value=ANY_JSON)
    def any_entry(self, browser: Browser, field: str, value: Any) -> None:
        """What stands on the page, with one entry broken."""
        if browser not in self.known or (state := self.state(browser)) is None:
            return
        step = state["step"]
        response = self.post(f"/api/steps/{step['id']}", TIMES | {"data": usual(step) | {field: value}}, browser)
        assert response.status_code in (200, 400, 409)

    @rule(
        browser=browsers,
        seq=st.integers(0, 5) | st.just(-1),
        kind=st.sampled_from(["error", "press", "focus", "Error", "half \ud83d"]),
        at=st.sampled_from([1.0, 1e12, -1.0, 1e300]),
        data=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2) | ANY_JSON,
    )
    def event(self, browser: Browser, seq: int, kind: str, at: float, data: Any) -> None:
        body = {"page": "page-load-1", "events": [{"seq": seq, "at": at, "kind": kind, "trial": "", "data": data}]}
        response = self.post("/api/events", body, browser)
        assert response.status_code in (200, 400, 401, 422)

    @rule(link=ANY_TEXT, language=st.sampled_from(["en", "de", "xx", "..%2fen", "%00"]), image=ANY_TEXT)
    def without_a_token(self, link: str, language: str, image: str) -> None:
        opened = self.ask(self.client, "GET", "/api/config", params={"link": link.encode("utf-8", "replace")}).json()
        assert opened["open"] is (self.recruitment == "open")
        self.ask(self.client, "GET", f"/api/texts/{language}")
        self.ask(self.client, "GET", "/i/" + "".join(f"%{byte:02x}" for byte in image.encode("utf-8", "replace")))

    @rule(
        data=st.data(),
        method=METHODS,
        raw=st.binary(max_size=40),
        kind=st.sampled_from(["application/json", "text/x", ""]),
    )
    def any_route(self, data: st.DataObject, method: str, raw: bytes, kind: str) -> None:
        """Every route of the application's own OpenAPI schema with any method and any bytes, inside and outside."""
        template = data.draw(st.sampled_from(sorted(self.client.app.openapi()["paths"])))
        segment = data.draw(st.binary(min_size=1, max_size=8))
        path = re.sub(r"\{[^}]*\}", "".join(f"%{byte:02x}" for byte in segment), template)
        client = data.draw(st.sampled_from([self.client, TestClient(self.client.app)]))
        headers = {
            "Content-Type": kind,
            "Authorization": data.draw(st.sampled_from(["", "Bearer", "Bearer x", "\xff"])),
        }
        self.ask(client, method, path, content=raw, headers={k: v.encode("latin-1") for k, v in headers.items()})

    # The experimenter

    @rule(page=st.sampled_from(PAGES), token=st.sampled_from(["", "?token=wrong", "?token=%00", "?resume=%ED%A0%80"]))
    def pages(self, page: str, token: str) -> None:
        self.ask(self.client, "GET", f"/experimenter/{page}{token}")
        if not page.startswith("files"):
            assert self.ask(TestClient(self.client.app), "GET", f"/experimenter/{page}{token}").status_code in (
                403,
                404,
            )

    @rule(form=st.sampled_from(["csv", "parquet", "json", "xls"]), kind=st.sampled_from(["full", "anonymous", "other"]))
    def download(self, form: str, kind: str) -> None:
        response = self.ask(self.client, "GET", f"/experimenter/download/{kind}-{form}.zip")
        assert response.status_code == (404 if form == "xls" or kind == "other" else 200)

    def press(self, path: str, good: bool = True, **fields: str) -> Any:
        sent = fields | {"once": self.once if good else "wrong"}
        return self.ask(self.client, "POST", f"/experimenter/{path}", data=sent, follow_redirects=False)

    @rule(state=st.sampled_from(["open", "paused", "closed", "ajar", ""]), good=st.booleans())
    def recruit(self, state: str, good: bool) -> None:
        response = self.press("recruitment", good, state=state)
        if good and state in ("open", "paused", "closed"):
            assert response.status_code == 303
            self.recruitment = state
        else:
            assert response.status_code == (400 if good else 403)

    @rule(
        reason=st.sampled_from(["", "a look", "\ud83d".encode("utf-8", "surrogatepass").decode("latin-1"), "x" * 900])
    )
    def look(self, reason: str) -> None:
        response = self.press("results", reason=reason)
        assert response.status_code == (200 if reason or self.recruitment == "closed" else 400)

    @rule(browser=browsers)
    def hand_over(self, browser: Browser) -> None:
        """To another browser, which is locked out of nothing; the one before is."""
        if (key := self.key_of(browser)) is None:
            return
        code = self.press(f"session/{key}/resume").headers["location"].partition("resume=")[2]
        page = self.ask(self.client, "GET", f"/experimenter/session/{key}?resume={code}")
        assert page.status_code == 200
        other = str(uuid.uuid4())
        begun = self.post("/api/sessions", {"key": other, "params": {"resume": code}})
        assert begun.status_code == 201
        assert self.ask(self.client, "GET", "/api/session", headers=browser.headers).status_code == 401
        browser.key, browser.token = other, begun.json()["token"]

    @rule(browser=browsers, sure=st.booleans())
    def withdraw(self, browser: Browser, sure: bool) -> None:
        if (key := self.key_of(browser)) is None:
            return
        assert self.press(f"session/{key}/withdraw", **({"sure": "yes"} if sure else {})).status_code == (
            303 if sure else 400
        )
        if sure:
            browser.gone = True
            assert self.press(f"session/{key}/withdraw", sure="yes").status_code == 404  # the form once more

    @rule(browser=consumes(browsers))
    def leave(self, browser: Browser) -> None:
        """Somebody does not come back."""

    def key_of(self, browser: Browser) -> str | None:
        if browser not in self.known or browser.gone:
            return None
        with self.experiment.database.read() as orm:
            return orm.scalar(select(SessionRow.image_ref).where(SessionRow.token_hash == hashed(browser.token)))

    @invariant()
    def what_was_acknowledged_is_stored_once(self) -> None:
        if not hasattr(self, "client"):
            return
        with self.experiment.database.read() as orm:
            held = orm.execute(
                select(SessionRow.token_hash, TrialRow.key, Answer.choice, Answer.confidence, TrialRow.max_side)
                .join(TrialRow, TrialRow.id == Answer.trial_id)
                .join(SessionRow, SessionRow.id == Answer.session_id)
            ).all()
            real = orm.scalars(
                select(Participant.external_id).where(Participant.pilot.is_(False), Participant.withdrawn_at.is_(None))
            ).all()
        stored = {
            (token, trial): (choice, confidence, choice == side) for token, trial, choice, confidence, side in held
        }
        assert len(stored) == len(held)
        acknowledged = {
            (hashed(browser.token), trial): (said["choice"], said["confidence"], said["verdict"]["correct"])
            for browser in self.known
            if not browser.gone
            for trial, said in browser.answered.items()
        }
        assert stored == acknowledged
        assert len(real) == len(set(real))


def hashed(token: str) -> str:
    from exemplum.server.sessions.entry import hashed

    return hashed(token)


def names(value: Any) -> list[str]:
    """All keys in a JSON value."""
    if isinstance(value, dict):
        return [*value, *(name for item in value.values() for name in names(item))]
    return [name for item in value for name in names(item)] if isinstance(value, list) else []


def test_no_order_of_requests_breaks_the_server(base_study: Any) -> None:
    Api.base = base_study(participants=2)
    run_state_machine_as_test(
        Api,
        settings=settings(
            max_examples=12, stateful_step_count=STEPS, derandomize=True, deadline=None, print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.slow
def test_no_order_of_requests_breaks_the_server_long(base_study: Any) -> None:
    Api.base = base_study(participants=2)
    many = settings(max_examples=600, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Api, settings=many)
