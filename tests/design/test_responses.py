"""Answers as rows: the truth is the trial's."""

import math
from dataclasses import fields

import pytest

from design.made import stimuli, units
from exemplum.design import DesignError, make, repeated_trials
from exemplum.records import Response, Side, Viewing
from exemplum.responses import rows
from exemplum.tables import RESPONSES

OF = units(6, 3)
SESSION = make("borowski2021-1", OF, stimuli(OF, batches=5), 1, seed=3).sessions[0]
VIEWING = [field.name for field in fields(Viewing)]
LABELS = {"experiment": "borowski2021-1", "observer_kind": "machine", "participant": "01"}


def test_correct_means_the_maximal_query_was_chosen():
    answers = [Response(t.trial_id, "always top", Side.TOP, 2) for t in SESSION.trials]
    table = rows(SESSION.trials, answers, **LABELS)
    assert table["correct"].tolist() == [t.max_side is Side.TOP for t in SESSION.trials]
    assert (table["correct"] == (table["choice"] == table["max_side"])).all()


def test_columns_are_those_of_the_schema_and_say_what_was_asked():
    trial = next(t for t in SESSION.trials if t.kind == "catch")
    table = rows([trial], [Response(trial.trial_id, "x", Side.TOP, 3, 812.5)], **LABELS, expertise="lay")
    assert list(table) == list(RESPONSES.columns)
    row = table.iloc[0]
    assert (row.trial_kind, row.condition, row.scheme, row.unit) == (
        "catch", trial.condition, "Min-Max-9", str(trial.unit.unit),
    )  # fmt: skip
    assert (row.confidence, row.rt_ms, row.expertise, row.observer) == (3, 812.5, "lay", "x")
    assert row[VIEWING].isna().all()


def test_how_a_person_was_shown_the_trial_stands_beside_the_answer():
    trial, viewing = SESSION.trials[0], Viewing(238.0, 156.0, 2.0, 16.7, frames_late=3, hidden_ms=0.0, blurs=1)
    table = rows([trial], [Response(trial.trial_id, "x", Side.TOP, 3, 812.5, viewing)], **LABELS)
    assert table[VIEWING].iloc[0].tolist() == [238.0, 156.0, 2.0, 16.7, 3, 0.0, 1]


def test_rows_stand_in_the_order_of_the_session_and_link_repeats():
    answers = [Response(t.trial_id, "x", Side.BOTTOM, 1) for t in SESSION.trials]
    again = repeated_trials(SESSION, answers, 3)
    answers = [Response(t.trial_id, "x", Side.BOTTOM, 1) for t in again] + answers
    table = rows([*SESSION.trials, *again], answers, **LABELS)
    assert table["trial"].tolist() == list(range(len(SESSION.trials) + len(again)))
    assert set(table.loc[table["repeats"] != "", "trial_kind"]) == {"repeated"}
    assert set(table.loc[table["repeats"] != "", "repeats"]) <= set(table["trial_id"])


def test_no_answer_gives_no_row_and_no_reaction_time_gives_nan():
    first = SESSION.trials[0]
    table = rows(SESSION.trials, [Response(first.trial_id, "x", Side.TOP, 1)], **LABELS)
    assert len(table) == 1
    assert math.isnan(table["rt_ms"][0])
    assert len(rows(SESSION.trials, [], **LABELS)) == 0


def test_an_answer_to_no_trial_and_a_second_answer_are_errors():
    answer = Response(SESSION.trials[0].trial_id, "x", Side.TOP, 1)
    with pytest.raises(DesignError, match="x answered p09-b00-t00, which is not a trial"):
        rows(SESSION.trials, [Response("p09-b00-t00", "x", Side.TOP, 1)], **LABELS)
    with pytest.raises(DesignError, match="twice"):
        rows(SESSION.trials, [answer, answer], **LABELS)
