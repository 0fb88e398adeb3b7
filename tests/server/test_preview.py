"""The preview shows what a participant is sent, writes nothing, and keeps to the blinding."""

import json
import re

from sqlalchemy import select

from exemplum.server.storage.schema import Answer, Audit, SessionRow, TrialRow
from server.conftest import ON_SQLITE
from server.test_experimenter import TRIALS, let_in, once
from server.walk import Walker

pytestmark = ON_SQLITE
PLAN, TRUTH = "/experimenter/preview/plan", "/experimenter/preview/truth"
PAGES = ("/preview", "/experimenter/preview", PLAN)


def walked(client, until=lambda _step: False, **params):
    """A participant's session, with everything that its page was sent on the way."""
    walker, sent = Walker(client, choose=lambda _block, _trial: ("bottom", 1), **params), []
    walker.start()
    while True:
        state = walker.state()
        sent.append(state)
        if state["step"]["kind"] == "finished" or until(state["step"]):
            return walker, sent
        here = state["step"]["id"]
        walker.walk(until=lambda step, here=here: step["id"] != here)


def key_of(client, label="P0001"):
    return re.search(rf'href="session/([^"]+)">{label}<', client.get("/experimenter/").text)[1]


def content(server):
    """Every row of every table."""
    raw = server.experiment.database.writer._engine.raw_connection()
    dump = list(raw.iterdump())
    raw.close()
    return dump


def plain(state):
    """A state without the names that differ between sessions, and without what a person has answered."""
    text = re.sub(r'"i/[^"]{44}"', '"image"', json.dumps(state))
    step = json.loads(text)["step"]
    for trial in step["trials"] if step["kind"] == "block" else []:
        del trial["trial"]
    for item in step.get("items", []):
        del item["item"]
    for name in ("score", "images", "code"):
        step.pop(name, None)
    return step


def test_only_the_experimenter_may_look(serve):
    client = serve()
    for page in PAGES:
        assert client.get(page).status_code == 403
    assert client.post(TRUTH, data={"session": "x"}).status_code == 403
    assert client.get("/preview.html").status_code == 404


def test_a_place_is_shown_as_its_participant_would_be_sent_it(serve):
    """Oracle: what the server sent to a participant who then took this place."""
    client = let_in(serve('[server.codes]\ncompleted = "C0FFEE"\n'))
    plan = client.get(PLAN, params={"place": 1}).json()
    _, sent = walked(client)
    assert [plain(state) for state in plan["states"]] == [plain(state) for state in sent[:-1]]
    assert [state["progress"] for state in plan["states"][2:]] == [state["progress"] for state in sent[2:-1]]
    # a PDF of it is handed out, and with the code anyone could claim the pay
    codes = {state["step"]["outcome"]: state["step"]["code"] for state in plan["endings"]}
    assert (sent[-1]["step"]["code"], codes) == ("C0FFEE", {"completed": "EXAMPLE234", "no_consent": ""})
    blocks = [state["step"] for state in plan["states"] if state["step"]["kind"] == "block"]
    shown = [trial["trial"] for block in blocks for trial in block["trials"]]
    assert len(shown) == TRIALS
    assert plan["truth"].keys() == set(shown)


def test_a_participants_session_is_shown_with_the_very_images_that_were_sent(serve):
    client = let_in(serve())
    _, sent = walked(client)
    plan = client.get(PLAN, params={"session": key_of(client)}).json()
    assert len(plan["states"]) == len(sent)
    for shown, was in zip(plan["states"], sent, strict=True):
        if shown["step"]["kind"] == "block":
            assert shown["step"]["trials"] == was["step"]["trials"]
    assert plan["states"][-1]["step"]["code"] == sent[-1]["step"]["code"]
    image = plan["states"][-4]["step"]["trials"][0]["queries"]["top"]
    assert client.get(f"/{image}").headers["content-type"] == "image/jpeg"


def test_looking_writes_nothing(serve):
    client = let_in(serve())
    walked(client, until=lambda step: step["kind"] == "block" and step["number"] == 5)
    before, status = content(client), (client.experiment.study.folder / "server" / "status.json").read_bytes()
    key = key_of(client)
    for query in ({"place": 1}, {"place": 6, "lang": "de"}, {"session": key}, {"session": key, "lang": "de"}):
        assert client.get(PLAN, params=query).status_code == 200
        assert client.get("/experimenter/preview", params=query).status_code == 200
    assert client.get("/preview").status_code in (200, 404)  # where the pages are not built
    assert content(client) == before
    assert (client.experiment.study.folder / "server" / "status.json").read_bytes() == status
    assert len(before) > 20


def test_a_real_sessions_preview_tells_no_truth_and_no_score(serve):
    """The participant's own answers are all wrong; what is shown is the same for everybody."""
    client = let_in(serve())
    walked(client, until=lambda step: step["kind"] == "block" and step["number"] == 5)
    plan = client.get(PLAN, params={"session": key_of(client)}).json()
    assert plan["truth"] == {}
    scores = [state["step"]["score"] for state in plan["states"] if state["step"].get("score")]
    assert scores
    assert all(score["correct"] == round(0.8 * score["trials"]) for score in scores)
    with client.experiment.database.read() as orm:
        assert orm.scalars(select(Answer.correct)).all() != []
        kinds = set(orm.scalars(select(TrialRow.condition)))
    blocks = [state["step"]["number"] for state in plan["states"] if state["step"]["kind"] == "block"]
    assert plan["missing"] > 0  # repeated ones, whose trials are not chosen yet
    assert blocks == list(range(1, len(blocks) + 1))
    assert plan["states"][1]["progress"]["steps"] == len(plan["states"]) + 2 * plan["missing"]
    names = client.get("/experimenter/preview", params={"session": key_of(client)}).text
    assert not [kind for kind in kinds if kind in names]


def test_the_truth_of_a_session_is_sent_after_it_was_recorded(serve):
    client = let_in(serve())
    walked(client, until=lambda step: step["kind"] == "block" and step["number"] == 2)
    fields = {"session": key_of(client), "once": once(client)}
    assert client.post(TRUTH, data=fields | {"once": "guess"}).status_code == 403
    with client.experiment.database.read() as orm:
        assert orm.scalars(select(Audit)).all() == []
    truth = client.post(TRUTH, data=fields).json()
    with client.experiment.database.read() as orm:
        assert [(line.action, line.detail) for line in orm.scalars(select(Audit))] == [("preview with truth", "P0001")]
        stored = {trial.key: trial for trial in orm.scalars(select(TrialRow))}
        assert orm.scalar(select(SessionRow.status)) == "active"
    assert truth.keys() == stored.keys()
    for key, trial in stored.items():
        assert truth[key]["solution"] == trial.max_side
        assert truth[key]["condition"] == trial.condition
    assert client.post(TRUTH, data=fields | {"session": "nobody"}).status_code == 404


def test_before_consent_there_is_no_schedule_and_what_is_not_there_is_named(serve):
    client = let_in(serve())
    Walker(client).start()
    plan = client.get(PLAN, params={"session": key_of(client)}).json()
    assert [state["step"]["kind"] for state in plan["states"]] == ["consent", "form"]
    for query in ({"place": 0}, {"place": 7}, {"session": "nobody"}):
        refused = client.get(PLAN, params=query)
        assert refused.status_code == 404
        assert "there is no" in refused.json()["error"]["message"]
