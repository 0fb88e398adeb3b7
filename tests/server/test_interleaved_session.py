"""A session of the protocol quick, whose conditions change from trial to trial, from entry to the tables."""

import json
from collections import Counter

import pytest
from sqlalchemy import select

from exemplum.server.pages import monitor
from exemplum.server.storage.schema import TrialRow
from exemplum.server.storage.tables import members, responses
from server.conftest import ON_SQLITE
from server.made import METHODS
from server.walk import Walker

QUICK = {"protocol": "quick"}
pytestmark = ON_SQLITE


def rows(client) -> list[TrialRow]:
    with client.experiment.database.read() as orm:
        return list(orm.scalars(select(TrialRow).order_by(TrialRow.position)))


@pytest.fixture
def walked(serve):
    """A client of a finished session, its steps, and the confidence of each answer."""
    client, steps, confidence = serve(base=QUICK), [], {}

    def choose(block, trial):
        confidence[trial["trial"]] = (2, 2, 1, 3)[len(confidence) % 4]
        return "top", confidence[trial["trial"]]

    walker = Walker(client, choose)
    walker.start()
    end = walker.walk(until=lambda step: steps.append(step))
    assert end["outcome"] == "completed"
    return client, steps, confidence


def test_a_session_is_practice_main_and_repeated_blocks_without_ratings(walked):
    client, steps, _ = walked
    assert [step["kind"] for step in steps] == [
        "consent", "form", "check", "instructions", *["block", "break"] * 3, "debrief", "finished",
    ]  # fmt: skip
    assert [len(step["trials"]) for step in steps if step["kind"] == "block"] == [2, 4 * 2 + 2, 2]
    session = client.experiment.design.sessions[0]
    assert steps[-1]["answered"] == len(session.trials) + session.blocks[-1].repeats == 14


def test_a_block_names_no_condition_and_a_trial_no_more_than_its_images(walked):
    _, steps, _ = walked
    for block in (step for step in steps if step["kind"] == "block"):
        assert block["condition"] == ""
        assert {frozenset(trial) for trial in block["trials"]} == {frozenset({"trial", "references", "queries"})}
        assert not any(word in json.dumps(block) for word in (*METHODS, "extreme", "0.95", "catch"))


def test_the_debrief_says_of_no_block_what_kind_of_images_it_showed(walked):
    """In such a session no block shows one kind alone, and in others all kinds may be natural."""
    client, _, _ = walked
    for language, words in (("en", ("block", "natural images explained")), ("de", ("Block", "haben natürliche"))):
        said = client.get(f"/api/texts/{language}").json()["debrief.text"]
        assert not any(word in said for word in words)


def test_two_worked_examples_are_shown_whatever_the_number_of_methods(walked):
    _, steps, _ = walked
    shown = next(step for step in steps if step["kind"] == "instructions")
    assert len(shown["examples"]) == 2
    assert len({example["condition"] for example in shown["examples"]}) == 2


def test_every_block_has_its_score(walked):
    client, steps, _ = walked
    right = [row.max_side == "top" for row in rows(client)]
    scores = [step["score"] for step in steps if step["kind"] == "break"]
    assert [score["trials"] for score in scores] == [2, 10, 2]
    assert [score["correct"] for score in scores] == [sum(right[:2]), sum(right[2:12]), sum(right[12:])]
    (whole,) = [step["score"] for step in steps if step["kind"] == "debrief"]
    assert whole == {"correct": sum(right[2:]), "trials": 12}  # practice does not count


def test_repeated_trials_are_the_least_and_most_confident_of_all_conditions_together(walked):
    client, _, confidence = walked
    by_id = {row.trial_id: row for row in rows(client)}
    again = [row for row in by_id.values() if row.kind == "repeated"]
    of_mains = [confidence[row.key] for row in by_id.values() if row.kind == "main"]
    first = [by_id[row.spec["repeats"]] for row in again]
    assert sorted(confidence[row.key] for row in first) == [min(of_mains), max(of_mains)]
    assert all((a.condition, a.spec["difficulty"]) == (b.condition, b.spec["difficulty"])
               for a, b in zip(again, first, strict=True))  # fmt: skip


def test_the_tables_of_answers_have_condition_and_difficulty_of_every_trial(walked):
    client, _, _ = walked
    with client.experiment.database.read() as orm:
        table = responses(orm, members(orm, client.experiment.study_id))
        counted = monitor.accuracy(orm, client.experiment)
    design = {trial.trial_id: trial for trial in client.experiment.design.sessions[0].trials}
    main = table[table["trial_kind"] == "main"]
    assert len(main) == 8
    for row in table[table["trial_kind"] != "repeated"].itertuples():
        trial = design[row.trial_id]
        assert (row.condition, row.difficulty, row.unit) == (trial.condition, trial.difficulty, str(trial.unit.unit))
    assert main["margin"].tolist() == [{"extreme": 4.0, "0.95": 3.0}[name] for name in main["difficulty"]]
    assert {row["condition"]: row["trials"] for row in counted} == Counter(main["condition"])


def test_practice_of_several_conditions_is_shown_again(serve):
    client = serve("[server]\npractice_pass = 1.0\npractice_rounds = 2\n", base=QUICK)

    def choose(block, trial):
        side = next(row.max_side for row in rows(client) if row.key == trial["trial"])
        return {"top": "bottom", "bottom": "top"}[side] if block["practice"] and block["round"] == 1 else side, 2

    walker = Walker(client, choose)
    walker.start()
    assert walker.walk()["outcome"] == "completed"
    practice = [row for row in rows(client) if row.kind == "practice"]
    assert [row.round for row in practice] == [1, 1, 2, 2]
    assert [row.condition for row in practice[:2]] == [row.condition for row in practice[2:]]
