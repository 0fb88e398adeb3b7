"""Whole sessions, from consent to code, in the real browser."""

from __future__ import annotations

from urllib.parse import urlsplit

import numpy as np
import pytest
from sqlalchemy import select

from exemplum.analysis.estimates import measures
from exemplum.server.storage import tables
from exemplum.server.storage.schema import Answer, Event, SessionRow, StepRecord
from server.browser.conftest import PACED
from server.browser.person import Person


def truthful(trial):
    return trial.max_side, 3


@pytest.mark.slow
def test_a_session_by_mouse(host, context):
    """Every step is done, every answer stored as given, and no other host is asked."""
    running = host(main=2)
    page = context.new_page()
    hosts, errors, given = set(), [], []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)

    def choose(trial):
        given.append((trial.key, ("top", "bottom")[len(given) % 2], 1 + len(given) % 3))
        return given[-1][1:]

    page.goto(running.url)
    person = Person(page, running.experiment, choose)
    person.session()
    with running.experiment.database.read() as orm:
        stored = orm.scalars(select(Answer).order_by(Answer.id)).all()
        session = orm.scalars(select(SessionRow)).one()
        events = {event.kind for event in orm.scalars(select(Event))}
    assert {"load", "preload", "trial_shown", "press"} <= events
    assert page.locator(".code output").inner_text() == session.code
    assert [(a.choice, a.confidence) for a in stored] == [answer[1:] for answer in given]
    assert all(a.input == "mouse" and 0 < a.rt_ms < 20_000 and 5 < a.frame_ms < 100 and a.attempt == 1 for a in stored)
    assert session.total == len(stored) == 14  # the design's own number
    assert person.seen[:5] == ["consent", "form", "check", "instructions", "intuitiveness"]
    assert hosts == {urlsplit(running.url).netloc, ""}  # "": images held in memory
    assert errors == []


def test_a_session_by_keyboard_alone(host, context):
    running = host(main=1)
    context.add_init_script(PACED)
    page = context.new_page()
    page.goto(running.url)
    Person(page, running.experiment, truthful, keyboard=True).session()
    with running.experiment.database.read() as orm:
        stored = orm.scalars(select(Answer)).all()
        form = orm.scalars(select(StepRecord).where(StepRecord.kind == "form")).one()
    assert len(stored) == 8
    assert all(a.correct and a.confidence == 3 and a.input == "keyboard" for a in stored)
    assert form.data["age"] == 31


@pytest.mark.slow
def test_simulated_observers_of_known_accuracy_are_recovered(host, context):
    """Data simulated in the browser with accuracy .8: the analysis finds the observer's own count and covers .8."""
    running = host(main=12, pilot=True, sizes={"catch": 0, "repeated": 0})
    rng, page = np.random.default_rng(3), context.new_page()
    answers = {}

    def observer(key):
        with running.experiment.database.read() as orm:
            trial = orm.scalars(select(tables.TrialRow).where(tables.TrialRow.key == key)).one()
        right = bool(rng.random() < 0.8)
        answers[key] = (trial.kind, right)
        wrong_side = "bottom" if trial.max_side == "top" else "top"
        return {"choice": trial.max_side if right else wrong_side, "confidence": 2, "rt": 900}

    page.expose_function("exemplumObserver", observer)
    page.goto(f"{running.url}?simulate=data-only")
    page.locator('body[data-kind="finished"] .code').wait_for(timeout=90_000)
    with running.experiment.database.read() as orm:
        table = tables.responses(orm, tables.members(orm, running.experiment.study_id, pilot=True, finished=True))
    main = [right for kind, right in answers.values() if kind == "main"]
    assert (table["rt_ms"] == 900).all()
    found = measures.estimates(table, seed=1, resamples=100)
    accuracy = found.query("measure == 'accuracy' and trial_kind == 'main' and by == 'all' and subset == 'all'")
    of_condition = accuracy[accuracy["condition"].isin(["natural", "synthetic", "none"])]
    pooled = of_condition.query("aggregate == 'pooled' and interval == 'wilson'")
    assert pooled["n_trials"].sum() == len(main) >= 30
    assert np.isclose((pooled["estimate"] * pooled["n_trials"]).sum(), sum(main))
    assert (pooled["low"] <= 0.8).all()
    assert (pooled["high"] >= 0.8).all()


@pytest.mark.slow  # test_full_size.py has all of its trials
def test_the_second_experiment_in_the_browser(host, context):
    """All four schemes are shown, and intuitiveness is asked before and after."""
    running = host(main=1, protocol="borowski2021-2", pilot=True)
    page = context.new_page()
    page.goto(f"{running.url}?simulate=data-only")
    page.locator('body[data-kind="finished"] .code').wait_for(timeout=60_000)
    with running.experiment.database.read() as orm:
        table = tables.responses(orm, tables.members(orm, running.experiment.study_id, pilot=True, finished=True))
        asked = [record.kind for record in orm.scalars(select(StepRecord).order_by(StepRecord.id))]
    assert set(table["scheme"]) == {"Max-1", "Min-Max-1", "Max-9", "Min-Max-9"}
    assert set(table["confidence"]) <= {1, 2, 3}
    assert (table["rt_ms"] > 0).all()
    assert asked.count("intuitiveness") == 2
