"""The comprehension check: after the instructions, again until it is passed, and counted."""

import math

import pytest
from sqlalchemy import select

from exemplum.server.sessions.comprehension import MOST_ROUNDS, OPTIONS, SOLUTIONS
from exemplum.server.storage.schema import StepRecord, Summary, TrialRow
from exemplum.server.storage.tables import members, people
from server.conftest import ON_SQLITE
from server.walk import TIMES, Walker

ASKED = "[server]\ncomprehension = true\n"
WRONG = SOLUTIONS | {"image_to_choose": "liked"}


def is_check(step):
    return step["kind"] == "comprehension"


def table(client):
    with client.experiment.database.read() as orm:
        return people(orm, members(orm, client.experiment.study_id))


def test_a_missed_question_is_explained_and_asked_again_and_the_session_stays_whole(serve):
    client = serve(ASKED)
    walker = Walker(client)
    walker.start()
    check = walker.walk(until=is_check)
    assert check["round"] == 1
    assert {field["name"]: tuple(field["options"]) for field in check["fields"]} == OPTIONS
    again = walker.do(check, WRONG).json()["state"]["step"]
    assert (again["kind"], again["round"], again["missed"]) == ("instructions", 2, ["image_to_choose"])
    assert walker.do(check, SOLUTIONS).json()["state"]["step"] == again  # sent again, the first one counts
    assert walker.do(again).json()["state"]["step"]["round"] == 2
    assert walker.walk()["outcome"] == "completed"
    session = client.experiment.design.sessions[0]
    assert len(walker.given) == len(session.trials) + sum(block.repeats for block in session.blocks)
    row = table(client).iloc[0]
    assert (row["comprehension_attempts"], row["comprehension_first"]) == (2, 1)
    assert row["instruction_time_s"] == 2 * TIMES["visible_ms"] / 1000  # both times that they were read
    with client.experiment.database.read() as orm:
        assert orm.scalars(select(Summary.instructions_ms)).all() == [2 * TIMES["visible_ms"]]
        answers = orm.scalars(select(StepRecord.data).where(StepRecord.kind == "comprehension").order_by(StepRecord.id))
        assert answers.all() == [WRONG, dict(SOLUTIONS)]


@ON_SQLITE
def test_who_understands_at_once_goes_on(serve):
    client = serve(ASKED)
    walker = Walker(client)
    walker.start()
    assert walker.walk(until=lambda step: step["kind"] == "block")["number"] == 1
    assert table(client)[["comprehension_attempts", "comprehension_first"]].to_numpy().tolist() == [[1, 2]]


@ON_SQLITE
@pytest.mark.parametrize("data", [{}, {"image_to_choose": "liked"}, dict(SOLUTIONS) | {"more": 1},
                                  dict(SOLUTIONS) | {"image_to_choose": "blue"}])  # fmt: skip
def test_an_answer_that_is_no_option_is_refused(serve, data):
    walker = Walker(serve(ASKED))
    walker.start()
    check = walker.walk(until=is_check)
    assert walker.do(check, data).status_code == 400
    assert walker.step() == check


@ON_SQLITE
def test_nobody_is_kept_for_ever(serve):
    client = serve(ASKED)
    walker = Walker(client)
    walker.start()
    for _ in range(MOST_ROUNDS):
        walker.do(walker.walk(until=is_check), WRONG)
    block = walker.walk(until=lambda step: step["kind"] == "block")
    with client.experiment.database.read() as orm:
        first = orm.scalars(select(TrialRow).order_by(TrialRow.position)).first()
    assert block["trials"][0]["trial"] == first.key
    assert table(client)["comprehension_attempts"].tolist() == [MOST_ROUNDS]


@ON_SQLITE
def test_a_study_that_does_not_ask_has_no_counts(serve):
    client = serve()
    walker = Walker(client)
    walker.start()
    seen = []
    walker.walk(until=lambda step: seen.append(step["kind"]) or step["kind"] == "block")
    assert "comprehension" not in seen
    assert all(math.isnan(count) for count in table(client).iloc[0][["comprehension_attempts", "comprehension_first"]])
