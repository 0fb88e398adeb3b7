"""The experimenter's pages: closed to others, true to the data, and blinded until asked for."""

import csv
import io
import json
import re
import zipfile
from urllib.parse import unquote

import pandas as pd
import pytest
from sqlalchemy import func, select

from exemplum.responses import Entered, read_entered
from exemplum.server.storage.schema import Answer, Audit, Event, Participant, SessionRow, StepRecord, TrialRow
from exemplum.store import restored
from exemplum.tables import RESPONSES
from server.conftest import ON_SQLITE, stop
from server.walk import Walker


def let_in(client):
    """The client with the experimenter's cookie."""
    token = client.experiment.token
    assert client.get("/experimenter", params={"token": token}).status_code == 200
    return client


def once(client, page="/experimenter/"):
    return re.search(r'name="once" value="([^"]+)"', client.get(page).text)[1]


def press(client, path, **fields):
    return client.post(path, data={"once": once(client)} | fields)


def session_page(client, label="P0001"):
    """Address of a session's page, as the list has it."""
    link = re.search(rf'href="(session/[^"]+)">{label}<', client.get("/experimenter/").text)
    return f"/experimenter/{link[1]}"


def counts(client):
    with client.experiment.database.read() as orm:
        return {t.__tablename__: orm.scalar(select(func.count()).select_from(t))
                for t in (SessionRow, TrialRow, Answer, StepRecord, Event)}  # fmt: skip


TRIALS = 28  # of the small study: 6 practice, 12 main, 4 catch, 6 repeated
PAGES = (
    "/",
    "/session/1",
    "/results",
    "/downloads",
    "/audit",
    "/download/full-csv.zip",
    "/download/anonymous-json.zip",
)


@pytest.mark.parametrize("page", PAGES)
@ON_SQLITE
def test_nothing_is_shown_without_the_token(serve, page):
    client = serve()
    Walker(client, PROLIFIC_PID="secret-person").start()
    for attempt in (client.get(f"/experimenter{page}"), client.get(f"/experimenter{page}?token=guess")):
        assert attempt.status_code == 403
        assert "secret-person" not in attempt.text
    assert client.get("/experimenter?token=guess").status_code == 403


def test_forms_of_another_site_do_nothing(serve):
    client = let_in(serve())
    for fields in ({"state": "closed"}, {"state": "closed", "once": "guess"}):
        assert client.post("/experimenter/recruitment", data=fields).status_code == 403
    assert client.get("/api/config").json()["open"] is True


def test_recruitment_is_paused_and_opened_again(serve):
    client = let_in(serve())
    begun = Walker(client)
    begun.start()
    assert press(client, "/experimenter/recruitment", state="paused").status_code == 200
    assert client.get("/api/config").json()["open"] is False
    assert Walker(client).start().json()["error"]["code"] == "closed"
    assert begun.walk()["outcome"] == "completed"
    press(client, "/experimenter/recruitment", state="open")
    assert Walker(client).start().status_code == 201


def test_the_list_shows_progress_and_attention(serve):
    client = let_in(serve("[exclusions]\ncatch_accuracy = 1.0\n"))
    walker = Walker(client, PROLIFIC_PID="person-7")
    walker.start()
    walker.walk(until=lambda step: step["kind"] == "block" and step["number"] == 7)
    page = client.get("/experimenter/").text
    assert "person-7" in page
    assert f"{len(walker.given)}/{TRIALS}" in re.sub(r"\s+", "", page)
    with client.experiment.database.read() as orm:
        caught = orm.execute(
            select(Answer.correct).join(TrialRow, TrialRow.id == Answer.trial_id).where(TrialRow.kind == "catch")
        ).scalars().all()  # fmt: skip
    if caught:
        assert f"{sum(caught)}/{len(caught)}" in page
        assert ("at least 1.00 wanted" in page) == (not all(caught))


@ON_SQLITE
def test_a_session_shows_what_was_entered_but_not_as_markup(serve):
    client = let_in(serve())
    walker = Walker(client)
    walker.start()
    walker.do(walker.walk(until=lambda step: step["kind"] == "debrief"), {"comment": "images <b>too</b> small"})
    page = client.get(session_page(client)).text
    assert "images &lt;b&gt;too&lt;/b&gt; small" in page
    assert "contact lenses" not in page
    assert '<th scope="row">visual aid</th><td class="text">none</td>' in page


def test_a_foreign_id_cannot_put_markup_into_the_page(serve):
    client = let_in(serve())
    Walker(client, PROLIFIC_PID="<script>alert(1)</script>").start()
    page = client.get("/experimenter/")
    assert "<script>alert" not in page.text
    assert "unsafe-inline" not in page.headers["content-security-policy"]


def test_accuracy_is_hidden_until_asked_for_which_is_noted(serve):
    client = let_in(serve())
    walker = Walker(client)
    walker.start()
    walker.walk()
    hidden = client.get("/experimenter/results").text
    assert "synthetic" not in hidden
    assert press(client, "/experimenter/results").status_code == 400  # no reason is given while the study recruits
    shown = press(client, "/experimenter/results", reason="planned <b>look</b>").text
    with client.experiment.database.read() as orm:
        right = dict(
            orm.execute(
                select(TrialRow.condition, func.count())
                .join(Answer, Answer.trial_id == TrialRow.id)
                .where(TrialRow.kind == "main", Answer.correct)
                .group_by(TrialRow.condition)
            ).all()
        )
        actions = orm.scalars(select(Audit.action)).all()
    for condition in ("natural", "synthetic", "none"):
        assert f'{condition}</th><td class="number">{right.get(condition, 0) / 4:.3f}' in shown
    assert actions == ["unblind"]
    assert "planned &lt;b&gt;look&lt;/b&gt;" in client.get("/experimenter/audit").text


def test_after_recruitment_a_look_needs_no_reason_and_is_noted(serve):
    client = let_in(serve())
    press(client, "/experimenter/recruitment", state="closed")
    assert press(client, "/experimenter/results").status_code == 200
    page = client.get("/experimenter/audit").text
    assert page.index("recruitment is closed: results page") < page.index("<td>recruitment</td>")  # the newest first


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_the_pilot_link_enters_whatever_recruitment_is(serve, state):
    client = let_in(serve())
    press(client, "/experimenter/recruitment", state=state)
    link = pilot_link(client)
    assert client.get("/api/config").json() | {"open": False, "pilot": False} == client.get("/api/config").json()
    for_pilots = client.get("/api/config", params={"link": link}).json()
    assert (for_pilots["open"], for_pilots["pilot"]) == (True, True)
    assert client.get("/api/config", params={"link": "pilot-guessed"}).json()["open"] is False
    assert Walker(client, link=link).start().json()["state"]["pilot"] is True


@ON_SQLITE
def test_pilot_and_real_are_told_apart_on_every_page(serve):
    client = let_in(serve())
    Walker(client).start()
    Walker(client, link=pilot_link(client)).start()
    assert ">real<" in client.get(session_page(client, "P0001")).text
    assert ">pilot<" in client.get(session_page(client, "P0002")).text
    rows = re.findall(r"<tr .*?</tr>", client.get("/experimenter/").text, re.DOTALL)
    marked = {label: ">pilot<" in row for row in rows if (label := "".join(re.findall(r">(P\d{4})<", row)))}
    assert marked == {"P0001": False, "P0002": True}


@ON_SQLITE
@pytest.mark.parametrize("path", ["", "results", "downloads", "audit"])
def test_a_pilot_server_says_so_on_every_page(serve, path):
    assert "Pilot server" in let_in(serve(pilot=True)).get(f"/experimenter/{path}").text


def test_withdrawal_deletes_all_and_refuses_a_second_entry(serve):
    client = let_in(serve())
    staying, leaving = Walker(client, PROLIFIC_PID="stays"), Walker(client, PROLIFIC_PID="leaves")
    staying.start()
    staying.walk()
    only = counts(client)
    leaving.start()
    block = leaving.walk(until=lambda step: step["kind"] == "block")
    leaving.do_block(block)
    page = session_page(client, "P0002")
    assert press(client, f"{page}/withdraw").status_code == 400  # the box is not ticked
    assert press(client, f"{page}/withdraw", sure="yes").status_code == 200
    assert counts(client) == only
    assert client.get("/api/session", headers=leaving.headers).status_code == 401
    assert "leaves" not in client.get("/experimenter/").text
    with client.experiment.database.read() as orm:
        assert "leaves" not in orm.scalars(select(Participant.external_id)).all()
    assert Walker(client, PROLIFIC_PID="leaves").start().json()["error"]["code"] == "already_done"
    if client.experiment.database.is_sqlite:  # not in the file either
        assert "Deletion pending" not in client.get("/experimenter/").text
        folder = client.experiment.study.folder / "server"
        assert not any(b"leaves" in file.read_bytes() for file in folder.glob("experiment.sqlite*"))


def test_a_link_hands_the_session_to_another_browser_once(serve):
    client = let_in(serve())
    lost = Walker(client, PROLIFIC_PID="p")
    lost.start()
    page = press(client, f"{session_page(client)}/resume").text
    code = re.search(r"\?resume=([\w-]+)", page)[1]
    found = Walker(client, resume=code)
    assert found.start().json()["resumed"] is True
    assert found.start().json()["token"] == found.token  # its response may be lost, too
    assert lost.http.get("/api/session", headers=lost.headers).status_code == 401
    assert Walker(client, resume=code).start().json()["error"]["code"] == "bad_link"
    assert found.walk()["outcome"] == "completed"


@pytest.mark.parametrize("form", ["csv", "parquet", "json"])
def test_downloads_hold_every_answer_and_say_what_each_column_is(serve, form):
    client = let_in(serve())
    walker = Walker(client, PROLIFIC_PID="5f-person")
    walker.start()
    walker.walk()
    events = [{"seq": n, "at": 1.0, "kind": "focus", "trial": "", "data": {"state": "lost"}} for n in range(3)]
    client.post("/api/events", json={"page": "page-load-1", "events": events}, headers=walker.headers)
    full = unpacked(client, f"full-{form}.zip")
    anonymous = unpacked(client, f"anonymous-{form}.zip")
    assert set(full) == {f"{name}.{form}" for name in ("responses", "sessions", "ratings", "exclusions", "events")} | {
        "dictionary.csv"
    }
    answers, sessions = table(full, "responses", form), table(full, "sessions", form)
    assert len(answers) == len(walker.given) == TRIALS
    assert list(answers["correct"]) == [said["verdict"]["correct"] for said in walker.given]
    assert list(answers["rt_ms"].unique()) == [1500.5]
    assert sessions["external_id"].tolist() == ["5f-person"]
    assert len(table(full, "events", form)) == 3
    described = {(row["table"], row["column"]) for row in csv.DictReader(io.StringIO(full["dictionary.csv"].decode()))}
    assert {("responses", column) for column in answers} | {("sessions", column) for column in sessions} <= described
    assert not any(b"5f-person" in content for content in anonymous.values())
    assert len(table(anonymous, "responses", form)) == TRIALS
    assert table(anonymous, "sessions", form)["age_group"].tolist() == ["30–39"]


@ON_SQLITE  # test_dashboard.py judges sessions in both
def test_rules_judge_nobody_who_gave_no_answers(serve):
    """Someone without consent has no answer on either side, which would break the rule."""
    client = let_in(serve("[exclusions]\nanswers_each_side = 1\n"))
    for accepted in (False, True):
        walker = Walker(client)
        walker.start()
        walker.do(walker.walk(until=lambda step: step["kind"] == "consent"), {"accepted": accepted})
    walker.walk()
    pack = unpacked(client, "full-csv.zip")
    assert table(pack, "sessions", "csv")["outcome"].tolist() == ["no_consent", "completed"]
    assert table(pack, "exclusions", "csv")["participant"].tolist() == ["P0002"]


def test_finished_sessions_are_published_without_pilots(serve):
    client = serve()
    done, pilot = Walker(client), Walker(client, link=pilot_link(client))
    half = Walker(client)
    for walker in (done, pilot, half):
        walker.start()
    done.walk()
    pilot.walk()
    half.walk(until=lambda step: step["kind"] == "break")
    Walker(client).start()
    stop(client)
    counts = read_entered(client.experiment.study)
    assert counts == Entered(3, withdrawn=0, not_begun=1, outcomes={"completed": 1, "unfinished": 2})
    folder = client.experiment.study.stage("responses")
    people = RESPONSES.read(folder / "people.parquet")
    assert people["participant"].unique().tolist() == ["P0001"]
    assert people["correct"].tolist() == [said["verdict"]["correct"] for said in done.given]
    assert len(pd.read_parquet(folder / "ratings" / "people.parquet")) == 3


def pilot_link(client):
    from exemplum.server.sessions.entry import link_code

    return link_code(client.experiment, "pilot")


def unpacked(client, name):
    response = client.get(f"/experimenter/download/{name}")
    assert response.status_code == 200
    with zipfile.ZipFile(io.BytesIO(response.content)) as pack:
        return {file: pack.read(file) for file in pack.namelist()}


def table(pack, name, form):
    content = io.BytesIO(pack[f"{name}.{form}"])
    if form == "json":
        return pd.DataFrame(json.load(content))
    return pd.read_parquet(content) if form == "parquet" else pd.read_csv(content)


FORMULA = '=HYPERLINK("http://x","y")'


@ON_SQLITE
def test_no_text_of_a_participant_becomes_a_formula(serve):
    client = let_in(serve('[[server.fields]]\nname = "job"\nrequired = true\n'))
    walker = Walker(client, PROLIFIC_PID=FORMULA, note="+1+1")
    walker.start()
    form = walker.walk(until=lambda step: step["kind"] == "form")
    asked = {"age": 30, "gender": "female", "handedness": "left", "visual_aid": "none", "job": "@SUM(A1)"}
    assert walker.do(form, asked).status_code == 200
    walker.walk()
    packs = {form: unpacked(client, f"full-{form}.zip") for form in ("csv", "parquet", "json")}
    for content in (text for pack in packs.values() for name, text in pack.items() if name.endswith(".csv")):
        rows = csv.reader(io.StringIO(content.decode(), newline=""))
        assert not [cell for row in rows for cell in row if cell[:1] in set("=+@") or re.match(r"-\D", cell)]
    sessions = {form: table(pack, "sessions", form) for form, pack in packs.items()}
    assert sessions["csv"]["external_id"].tolist() == ["'" + FORMULA]
    assert sessions["parquet"]["external_id"].tolist() == sessions["json"]["external_id"].tolist() == [FORMULA]
    assert restored(sessions["csv"])["external_id"].tolist() == [FORMULA]


@pytest.mark.parametrize("name", ['a "study"', "two\nlines", "naïve 名", "=1", "x;filename=y.exe"])
@ON_SQLITE
def test_downloads_work_whatever_the_folders_name(serve, study_folder, name):
    client = let_in(serve(folder=study_folder(name=name)))
    said = client.get("/experimenter/download/full-csv.zip").headers["content-disposition"]
    plain, exact = re.fullmatch(r"attachment; filename=\"([\w. -]+)\"; filename\*=UTF-8''([\w.%~-]+)", said).groups()
    assert plain.isascii()
    assert unquote(exact) == f"{name}-full-csv.zip"


def test_each_look_while_recruiting_has_a_reason_of_its_own(serve):
    client = let_in(serve())
    walker = Walker(client)
    walker.start()
    walker.walk()
    assert "synthetic" in press(client, "/experimenter/results", reason="a planned look").text
    assert "synthetic" not in client.get("/experimenter/results").text
    press(client, "/experimenter/recruitment", state="closed")
    assert "synthetic" in client.get("/experimenter/results").text
    press(client, "/experimenter/recruitment", state="open")  # again
    assert "synthetic" not in client.get("/experimenter/results").text
    assert press(client, "/experimenter/results").status_code == 400
