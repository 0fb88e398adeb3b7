"""Answers: one a trial, in order, never changed, safe to send again."""

import math
import uuid

import pytest
from sqlalchemy import func, select

from exemplum.server.storage import tables
from exemplum.server.storage.schema import Answer, SessionRow, TrialRow
from server.conftest import ON_SQLITE
from server.walk import Walker


@pytest.fixture
def at_first_block(serve):
    client = serve()
    walker = Walker(client)
    walker.start()
    return walker, walker.walk(until=lambda step: step["kind"] == "block")


def count(walker, table=Answer):
    with walker.http.experiment.database.read() as orm:
        return orm.scalar(select(func.count()).select_from(table))


def truth(walker, trial):
    with walker.http.experiment.database.read() as orm:
        return orm.scalar(select(TrialRow.max_side).where(TrialRow.key == trial))


def test_the_verdict_is_that_of_the_design(at_first_block):
    walker, block = at_first_block
    trial = block["trials"][0]["trial"]
    said = walker.answer(trial, "top").json()
    assert said["verdict"] == {"solution": truth(walker, trial), "correct": truth(walker, trial) == "top"}
    assert said["progress"]["answered"] == 1
    assert said["block_done"] is False


def test_an_answer_sent_again_is_stored_once_and_told_the_same(at_first_block):
    walker, block = at_first_block
    trial, key = block["trials"][0]["trial"], str(uuid.uuid4())
    first = walker.answer(trial, "top", key=key)
    walker.answer(block["trials"][1]["trial"])
    again = walker.answer(trial, "top", key=key, attempt=2)
    assert again.status_code == 200
    assert again.json() == first.json()
    assert count(walker) == 2


def test_how_a_trial_was_shown_is_stored_with_its_answer(at_first_block):
    """As the page measured it; a page from before this was asked says nothing of sizes, and sends 0 for no frames."""
    walker, block = at_first_block
    shown = {"query_px": 238.5, "reference_px": None, "pixel_ratio": 1.25, "blurs": 2, "frames_late": 1}
    assert walker.answer(block["trials"][0]["trial"], reference_px=0).status_code == 400
    assert walker.answer(block["trials"][0]["trial"], **shown).status_code == 200
    assert walker.answer(block["trials"][1]["trial"], frame_ms=0.0).status_code == 200
    experiment = walker.http.experiment
    with experiment.database.read() as orm:
        table = tables.responses(orm, tables.members(orm, experiment.study_id))
    measured = table[["query_px", "reference_px", "pixel_ratio", "frame_ms", "frames_late", "hidden_ms", "blurs"]]
    unknown = math.nan
    assert measured.iloc[0].tolist() == pytest.approx([238.5, unknown, 1.25, 16.7, 1, 0, 2], nan_ok=True)
    assert measured.iloc[1].tolist() == pytest.approx([unknown, unknown, unknown, unknown, 0, 0, 0], nan_ok=True)


def test_an_answer_stays_whatever_another_window_sends(at_first_block):
    walker, block = at_first_block
    trial = block["trials"][0]["trial"]
    first = walker.answer(trial, "top", confidence=3).json()
    other = walker.answer(trial, "bottom", confidence=1)
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "already_answered"
    assert other.json()["answer"] == first
    with walker.http.experiment.database.read() as orm:
        assert orm.execute(select(Answer.choice, Answer.confidence)).all() == [("top", 3)]


def test_the_same_key_with_another_choice_changes_nothing(at_first_block):
    walker, block = at_first_block
    trial, key = block["trials"][0]["trial"], str(uuid.uuid4())
    walker.answer(trial, "top", key=key)
    assert walker.answer(trial, "bottom", key=key).json()["choice"] == "top"


def test_only_the_next_trial_can_be_answered(at_first_block):
    walker, block = at_first_block
    refused = walker.answer(block["trials"][1]["trial"])
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "out_of_order")
    assert "verdict" not in refused.text
    assert count(walker) == 0


def test_a_trial_of_another_session_is_none_of_this(at_first_block):
    walker, _block = at_first_block
    other = Walker(walker.http)
    other.start()
    foreign = other.walk(until=lambda step: step["kind"] == "block")["trials"][0]["trial"]
    assert walker.answer(foreign).json()["error"]["code"] == "out_of_order"
    assert count(walker) == 0


def test_no_answer_without_a_session(at_first_block):
    walker, block = at_first_block
    walker.token = "x" * 43
    refused = walker.answer(block["trials"][0]["trial"])
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "no_session")


@pytest.mark.parametrize(
    "wrong",
    [
        {"choice": "left"}, {"choice": None}, {"confidence": 0}, {"confidence": 4}, {"rt_ms": -1}, {"rt_ms": "NaN"},
        {"key": "short"}, {"correct": True}, {"shown_at": None}, {"input": "telepathy"},
    ],
)  # fmt: skip
@ON_SQLITE
def test_a_malformed_answer_is_refused_with_its_field(at_first_block, wrong):
    walker, block = at_first_block
    refused = walker.answer(block["trials"][0]["trial"], **wrong)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_request")
    assert refused.json()["error"]["field"].split(".")[-1] == next(iter(wrong))
    assert count(walker) == 0


def test_a_block_is_left_by_its_last_answer_alone(at_first_block):
    walker, block = at_first_block
    assert walker.do(block, {}).json()["error"]["code"] == "out_of_order"
    walker.do_block(block)
    assert walker.given[-1]["block_done"] is True
    assert [said["block_done"] for said in walker.given[:-1]] == [False] * (len(walker.given) - 1)
    step = walker.step()
    assert step["kind"] == "break"
    assert step["score"]["trials"] == len(block["trials"])
    assert step["score"]["correct"] == sum(said["verdict"]["correct"] for said in walker.given)


def test_a_reload_in_a_block_goes_on_with_the_next_trial(at_first_block):
    walker, block = at_first_block
    walker.answer(block["trials"][0]["trial"])
    again = walker.step()
    assert again["answered"] == 1
    assert again["trials"] == block["trials"]
    left = {url for trial in block["trials"][1:] for url in trial["queries"].values()}
    answered = set(block["trials"][0]["queries"].values())
    assert left <= set(again["images"])
    assert not answered & set(again["images"])


def test_an_old_answer_is_confirmed_after_the_session_too(serve):
    walker = Walker(serve())
    walker.start()
    keys = {}
    send = walker.answer

    def answer(trial, *args, **more):
        keys[trial] = str(uuid.uuid4())
        return send(trial, *args, key=keys[trial], **more)

    walker.answer = answer
    assert walker.walk()["outcome"] == "completed"
    trial, key = next(iter(keys.items()))
    assert send(trial, key=key).status_code == 200
    assert send("k" * 22).json()["error"]["code"] == "ended"
    with walker.http.experiment.database.read() as orm:
        row = orm.scalar(select(SessionRow))
        assert row.answered == row.total == orm.scalar(select(func.count()).select_from(Answer))
