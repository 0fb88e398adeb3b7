"""The edge of the server: limits, headers, health, what it logs, what it needs."""

import asyncio
import json
import logging
import subprocess
import sys

import pytest

from exemplum.design import texts
from exemplum.errors import UserError
from exemplum.server import Experiment, Settings
from exemplum.server.http import middleware
from exemplum.server.http.middleware import Buckets, JsonLines, Limit, RequestMiddleware
from exemplum.server.requests import ApiError
from exemplum.server.storage.database import Database, DatabaseError
from exemplum.study.folder import Study
from server.conftest import ON_SQLITE
from server.walk import Walker

WITHOUT_TORCH = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import exemplum.server, exemplum.cli.verbs, exemplum.responses.exclusions
print("fine")
"""


@pytest.mark.parametrize(
    "url", ["nonsense", "oracle://x", "sqlite:////nowhere/at/all.sqlite", "postgresql://127.0.0.1:1/x"]
)
def test_a_database_that_cannot_be_opened_is_said_in_one_line(url):
    with pytest.raises(DatabaseError) as error:
        Database(url)
    assert "\n" not in str(error.value)


def test_the_server_runs_without_torch():
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "fine", done.stderr


def test_a_study_without_a_design_is_told_what_to_do(tmp_path):
    (tmp_path / "study.toml").write_text("")
    with pytest.raises(UserError, match="has no design yet; run: exemplum run "):
        Experiment.open(Settings(tmp_path))


@ON_SQLITE
def test_every_response_has_the_security_headers(serve):
    client = serve()
    for path in ("/", "/api/config", "/i/none", "/health", "/experimenter/", "/nowhere"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "http" not in policy  # no other host
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


@ON_SQLITE
def test_no_file_outside_the_built_pages_is_served(serve):
    client = serve()
    for path in ("/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "//etc/passwd", "/assets/../../app.py"):
        assert "create_app" not in client.get(path).text


@ON_SQLITE
def test_a_request_that_is_too_large_is_refused(serve):
    client = serve()
    walker = Walker(client)
    walker.start()
    refused = client.post("/api/events", content=b"x" * 70_000, headers=walker.headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_large")


@ON_SQLITE
def test_unknown_fields_are_named(serve):
    refused = serve().post("/api/sessions", json={"key": "k" * 20, "partcipant": "3"})
    assert refused.status_code == 400
    assert refused.json()["error"]["field"] == "partcipant"


def test_events_are_added_once(serve):
    client = serve()
    walker = Walker(client)
    walker.start()
    batch = {"page": "page-load-1", "events": [
        {"seq": n, "at": 1.5, "kind": "visibility", "trial": "", "data": {"state": "hidden"}} for n in range(3)
    ]}  # fmt: skip
    send = lambda body: client.post("/api/events", json=body, headers=walker.headers)  # noqa: E731
    assert send(batch).json() == {"stored": 3, "full": False}
    assert send(batch).json() == {"stored": 0, "full": False}
    assert send(batch | {"events": [*batch["events"], batch["events"][0] | {"seq": 3}]}).json() == {
        "stored": 1,
        "full": False,
    }
    assert send({"page": "page-load-1", "events": []}).json() == {"stored": 0, "full": False}
    too_much = batch["events"][0] | {"seq": 9, "data": {"text": "x" * 3000}}
    assert send(batch | {"events": [too_much]}).status_code == 400


@ON_SQLITE
def test_guessing_tokens_is_slowed_down(serve):
    client = serve(limits=True)
    codes = [
        client.get("/api/session", headers={"Authorization": f"Bearer {n:043d}"}).status_code
        for n in range(middleware.UNKNOWN.burst + 5)
    ]
    assert codes[0] == 401
    assert codes[-1] == 429
    refused = client.get("/api/session", headers={"Authorization": "Bearer guess"})
    assert int(refused.headers["retry-after"]) >= 1


@ON_SQLITE
def test_a_person_who_answers_is_never_slowed_down(serve):
    client = serve(limits=True)
    walker = Walker(client)
    walker.start()
    assert walker.walk()["outcome"] == "completed"


def test_a_bucket_refills(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("exemplum.server.http.middleware.time.monotonic", lambda: clock[0])
    buckets, limit = Buckets(), Limit(rate=2.0, burst=3)
    for _ in range(3):
        buckets.take(limit, "a")
    with pytest.raises(ApiError):
        buckets.take(limit, "a")
    buckets.take(limit, "b")  # another caller
    clock[0] = 0.6
    buckets.take(limit, "a")


def test_health_says_what_a_monitor_wants_to_know(serve):
    said = serve().get("/health")
    assert said.status_code == 200
    assert said.json()["status"] in ("ok", "low disk")


@ON_SQLITE
def test_logs_are_json_lines_and_name_routes_instead_of_secrets(serve, caplog):
    client = serve()
    walker = Walker(client)
    with caplog.at_level(logging.DEBUG, "exemplum.server"):
        walker.start()
        block = walker.walk(until=lambda step: step["kind"] == "block")
        client.get(f"/{block['images'][0]}")
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == "exemplum.server"]
    assert {"/i/{name}", "/api/sessions"} <= {line.get("route") for line in lines}
    text = json.dumps(lines)
    assert walker.token not in text
    assert block["images"][0][2:] not in text


def test_shipped_languages_have_the_same_texts_and_placeholders():
    import re

    found = texts.load(texts.SHIPPED, ("en", "de"))
    english, german = (texts.read(texts.SHIPPED / f"{language}.toml") for language in ("en", "de"))
    assert set(english) == set(german)
    for key, text in english.items():
        assert sorted(set(re.findall(r"\{\w+\}", text))) == sorted(set(re.findall(r"\{\w+\}", german[key]))), key
    assert set(found["de"]) == set(english)


def test_a_study_may_change_texts_and_bring_a_language(study_folder):
    folder = study_folder('[server]\nlanguages = ["en", "fr"]\n')
    (folder / "texts").mkdir()
    (folder / "texts" / "en.toml").write_text('[consent]\naccept = "Sure"\n')
    (folder / "texts" / "fr.toml").write_text('[consent]\naccept = "D\'accord"\n', encoding="utf-8")
    found = texts.load(folder, Study.open(folder).config.server.languages)
    assert found["en"]["consent.accept"] == "Sure"
    assert found["fr"]["consent.accept"] == "D'accord"
    assert found["fr"]["consent.decline"] == found["en"]["consent.decline"]  # what it lacks is English
    with pytest.raises(texts.TextsError, match=r"xx\.toml"):
        texts.load(folder, ["xx"])


def test_who_writes_a_text_anew_need_not_know_of_its_special_cases(study_folder):
    folder = study_folder()
    (folder / "texts").mkdir()
    assert (
        texts.load(folder, ["en"])["en"]["trial.question_upright"] != texts.load(folder, ["en"])["en"]["trial.question"]
    )
    (folder / "texts" / "en.toml").write_text('[trial]\nquestion = "Which one?"\n')
    (folder / "texts" / "fr.toml").write_text(
        '[trial]\nquestion = "Laquelle\u202f?"\nquestion_upright = "En bas\u202f?"\n', encoding="utf-8"
    )
    found = texts.load(folder, ["en", "fr"])
    assert (found["en"]["trial.question_upright"], found["fr"]["trial.question_upright"]) == (
        "Which one?",
        "En bas\u202f?",
    )


def test_a_broken_image_is_named(study_folder, tmp_path):
    import shutil

    folder = study_folder()
    images = (folder / "explanations").resolve()
    (folder / "explanations").unlink()
    shutil.copytree(images, folder / "explanations")
    broken = next((folder / "explanations").rglob("max_0.png"))
    broken.write_bytes(b"not an image")
    with pytest.raises(UserError, match=broken.name):
        Experiment.open(Settings(folder))


def test_a_request_that_a_stop_waits_for_no_longer_is_told_to_ask_again():
    sent = []

    async def endless(_scope, _receive, _send):
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    async def cut():
        scope = {"type": "http", "method": "POST", "path": "/api/answers", "headers": []}
        request = asyncio.create_task(RequestMiddleware(endless)(scope, None, send))
        await asyncio.sleep(0)
        request.cancel()
        await request

    asyncio.run(cut())
    assert sent[0]["status"] == 503
    assert json.loads(sent[1]["body"])["error"]["code"] == "unavailable"
