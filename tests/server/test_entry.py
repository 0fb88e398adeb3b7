"""Who may come in: once, again, from elsewhere, by which link."""

import pytest
from sqlalchemy import select

from exemplum.server.sessions.entry import link_code
from exemplum.server.storage.schema import Participant, SessionRow
from server.conftest import ON_SQLITE
from server.test_experimenter import let_in
from server.walk import Walker


def code(response):
    return response.status_code, response.json()["error"]["code"]


def person(client):
    with client.experiment.database.read() as orm:
        return orm.scalars(select(Participant).order_by(Participant.id.desc())).first()


def test_a_lost_first_response_makes_no_second_session(serve):
    walker = Walker(serve())
    first = walker.start().json()
    walker.token = ""
    again = walker.start().json()
    assert again["token"] == first["token"]
    with walker.http.experiment.database.read() as orm:
        assert len(orm.scalars(select(SessionRow)).all()) == 1


@pytest.mark.parametrize(
    ("params", "source", "external_id"),
    [
        ({"PROLIFIC_PID": "5f1", "STUDY_ID": "s", "SESSION_ID": "x"}, "prolific", "5f1"),
        ({"workerId": "A2", "assignmentId": "3", "hitId": "h"}, "mturk", "A2"),
        ({"survey_code": "881"}, "sona", "881"),
        ({"id": "882"}, "sona", "882"),
        ({"participant": "anna"}, "link", "anna"),
    ],
)
@ON_SQLITE
def test_panels_name_their_participants(serve, params, source, external_id):
    client = serve()
    assert Walker(client, **params).start().status_code == 201
    assert (person(client).source, person(client).external_id) == (source, external_id)


def test_who_comes_back_in_the_same_browser_goes_on(serve):
    walker = Walker(serve(), PROLIFIC_PID="p1")
    walker.start()
    block = walker.walk(until=lambda step: step["kind"] == "block")
    walker.answer(block["trials"][0]["trial"])
    walker.key = "another page load, another key"
    back = walker.start().json()
    assert back["resumed"] is True
    assert back["state"]["step"]["answered"] == 1


def test_an_unfinished_session_is_not_handed_to_another_browser(serve):
    client = serve()
    Walker(client, PROLIFIC_PID="p1").start()
    assert code(Walker(client, PROLIFIC_PID="p1").start()) == (409, "already_started")


def test_a_study_may_let_people_go_on_anywhere(serve):
    client = serve('[server]\nresume = "anywhere"\n')
    first = Walker(client, PROLIFIC_PID="p1")
    first.start()
    assert Walker(client, PROLIFIC_PID="p1").start().json() == {**first.start().json(), "resumed": True}


def test_who_has_finished_is_refused_politely(serve):
    client = serve()
    walker = Walker(client, PROLIFIC_PID="p1")
    walker.start()
    walker.walk()
    assert code(Walker(client, PROLIFIC_PID="p1").start()) == (409, "already_done")
    assert code(Walker(client, workerId="p1").start()) == (409, "already_done")  # whatever panel it comes by


def test_the_next_person_at_a_computer_gets_another_session(serve):
    client = serve()
    walker = Walker(client, PROLIFIC_PID="p1")
    first = walker.start().json()["token"]
    second = Walker(client, PROLIFIC_PID="p2")
    second.token = first
    assert second.start().json()["token"] != first


@ON_SQLITE
def test_a_preview_on_mturk_begins_nothing(serve):
    refused = Walker(serve(), workerId="A", assignmentId="ASSIGNMENT_ID_NOT_AVAILABLE").start()
    assert code(refused) == (403, "preview")


def test_the_pilot_link_marks_its_data_and_cannot_be_guessed(serve):
    client = serve()
    pilot = Walker(client, link=link_code(client.experiment, "pilot"), PROLIFIC_PID="p1")
    assert pilot.start().json()["state"]["pilot"] is True
    assert person(client).pilot is True
    assert code(Walker(client, link="pilot").start()) == (403, "bad_link")
    assert code(Walker(client, link="pilot-000000000000").start()) == (403, "bad_link")
    assert Walker(client, PROLIFIC_PID="p1").start().status_code == 201  # not a second entry


def test_groups_by_link(serve):
    client = serve('[server]\ngroups = "link"\n')
    assert code(Walker(client).start()) == (403, "bad_link")
    Walker(client, link=link_code(client.experiment, "expert")).start()
    assert (person(client).group, person(client).pilot) == ("expert", False)
    Walker(client, link=link_code(client.experiment, "pilot.lay")).start()
    assert (person(client).group, person(client).pilot) == ("lay", True)


def test_groups_by_question(serve):
    client = serve('[server]\ngroups = "question"\n')
    walker = Walker(client)
    walker.start()
    form = walker.walk(until=lambda step: step["kind"] == "form")
    assert form["fields"][-1]["name"] == "expertise"
    data = {"age": 30, "gender": "female", "handedness": "left", "visual_aid": "none", "expertise": "lay"}
    assert walker.do(form, data).status_code == 200
    assert person(client).group == "lay"


def test_in_the_lab_the_number_is_the_participant_of_the_design(serve):
    client = serve(lab=True)
    walker = Walker(client)
    assert code(walker.start(participant="")) == (400, "bad_request")
    assert code(walker.start(participant="two")) == (400, "bad_request")
    walker.start(participant="4")
    walker.walk(until=lambda step: step["kind"] == "check")
    with client.experiment.database.read() as orm:
        assert orm.scalar(select(SessionRow.slot)) == 4
    assert Walker(client).start(participant="04").json()["resumed"] is True


def test_lab_numbers_beyond_the_design_begin_again(serve):
    client = serve(lab=True)
    walker = Walker(client)
    walker.start(participant="8")
    walker.walk(until=lambda step: step["kind"] == "check")
    with client.experiment.database.read() as orm:
        assert orm.scalar(select(SessionRow.slot)) == 2  # of 6


def test_nobody_new_comes_in_when_enough_have_completed(serve):
    client = serve("[server]\nrecruit = 1\n")
    early, first = Walker(client), Walker(client)
    early.start()
    first.start()
    assert client.get("/api/config").json()["open"] is True
    first.walk()
    assert client.get("/api/config").json()["open"] is False
    assert code(Walker(client).start()) == (403, "closed")
    assert early.walk()["outcome"] == "completed"  # who is under way may finish
    # results stay hidden until somebody closes recruitment, so the page must not say that it is closed
    assert ">full</span>" in let_in(client).get("/experimenter/").text


def test_without_consent_nothing_is_assigned_and_it_ends(serve):
    client = serve('[server.codes]\nno_consent = "NOPE"\n')
    walker = Walker(client, survey_code="7")
    consent = walker.start().json()["state"]["step"]
    end = walker.do(consent, {"accepted": False}).json()["state"]["step"]
    assert (end["kind"], end["outcome"], end["code"]) == ("finished", "no_consent", "NOPE")
    assert code(Walker(client, survey_code="7").start()) == (409, "already_done")  # a refusal is not taken back
    with client.experiment.database.read() as orm:
        row = orm.scalar(select(SessionRow))
        assert (row.slot, row.answered) == (None, 0)


@ON_SQLITE
def test_the_redirect_is_filled_from_the_link(serve):
    client = serve('[server.redirects]\ncompleted = "https://panel.example/done?code={survey_code}"\n')
    walker = Walker(client, survey_code="88123")
    walker.start()
    assert walker.walk()["redirect"] == "https://panel.example/done?code=88123"


@ON_SQLITE
def test_a_language_that_the_study_does_not_offer_falls_back(serve):
    client = serve('[server]\nlanguages = ["de"]\n')
    walker = Walker(client)
    assert walker.start(language="fr").json()["state"]["language"] == "de"
    assert client.get("/api/texts/fr").status_code == 404


@ON_SQLITE
def test_a_name_in_the_redirect_stays_within_its_parameter(serve):
    client = serve('[server.redirects]\ncompleted = "https://panel.example/done?code={survey_code}"\n')
    walker = Walker(client, survey_code="1&role=admin#x")
    walker.start()
    assert walker.walk()["redirect"] == "https://panel.example/done?code=1%26role%3Dadmin%23x"
