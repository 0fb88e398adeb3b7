"""Whatever happens to the browser or the line: an answer is stored once, as it was first given."""

from __future__ import annotations

import json
import shutil

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from browsing import CHROMIUM
from exemplum.server.storage.schema import Answer, SessionRow, TrialRow
from server.browser.person import Person

OPEN = '.trial[data-state="open"]'
ANSWERED = '.trial[data-state="answered"]'
JUDGED = '.trial[data-state="judged"]'


def truthful(trial):
    return trial.max_side, 3


def answers(running, trial):
    with running.experiment.database.read() as orm:
        return orm.scalars(select(Answer).where(Answer.trial_id == trial.id)).all()


@pytest.fixture
def shown(at_block, context):
    """A person before the first trial of a block of natural or synthetic images: server, page, person."""
    running, _ = at_block()
    page = context.new_page()
    page.goto(running.url)
    person = Person(page, running.experiment, truthful)
    person.go_on()
    page.locator(OPEN).wait_for()
    return running, page, person


def test_an_answer_is_locked_when_it_is_given(shown):
    """Regression: earlier code for this task let the answer be changed after feedback."""
    running, page, person = shown
    posted = []
    page.on("request", lambda request: posted.append(request) if request.url.endswith("api/answers") else None)
    trial = person.pending()
    person.button("top", 1).click()
    for state in (ANSWERED, JUDGED):
        page.locator(state).wait_for()
        for side in ("bottom", "top"):
            expect(person.button(side, 3)).to_be_disabled()
            person.button(side, 3).dispatch_event("click")
            page.locator(f'.query[data-side="{side}"] img').dispatch_event("click")
        page.keyboard.press("d")
        page.keyboard.press("e")
    assert page.locator(".query[data-chosen]").get_attribute("data-side") == "top"
    assert page.locator(".query[data-solution]").get_attribute("data-side") == trial.max_side
    expect(page.locator(JUDGED)).to_have_count(0)
    assert [(a.choice, a.confidence) for a in answers(running, trial)] == [("top", 1)]
    assert len(posted) == 1


def test_a_reload_in_the_middle_of_a_trial_shows_it_again(shown):
    running, page, person = shown
    before = person.pending()
    page.reload()
    expect(page.locator("article")).to_contain_text("Welcome back")
    person.go_on()
    assert person.trial().key == before.key
    assert len(answers(running, before)) == 1


def test_an_answer_given_offline_arrives_when_the_line_is_back(shown, context):
    running, page, person = shown
    trial = person.pending()
    context.set_offline(True)
    person.press(trial.max_side, 2)
    expect(page.locator(".query[data-chosen]")).to_have_attribute("data-side", trial.max_side)
    expect(page.locator("#status")).to_contain_text("No connection")
    expect(page.locator(".hint")).to_contain_text("Saving")
    expect(page.locator(".query[data-solution]")).to_have_count(0)
    assert answers(running, trial) == []
    context.set_offline(False)
    expect(page.locator(".query[data-solution]")).to_have_attribute("data-side", trial.max_side)
    expect(page.locator("#status")).to_have_text("")
    stored = answers(running, trial)
    assert [(a.choice, a.confidence) for a in stored] == [(trial.max_side, 2)]
    assert stored[0].attempt > 1


def test_a_server_that_cannot_store_has_the_answer_later(shown):
    """A writer that has ended refuses as it does when the server shuts down or the disk is full: 503."""
    running, page, person = shown
    trial = person.pending()
    running.experiment.database.writer.stop()
    person.press(trial.max_side, 2)
    expect(page.locator("#status")).to_contain_text("server cannot take your answers")
    assert answers(running, trial) == []
    running.stop()
    running.restart()
    page.locator(JUDGED).wait_for()
    expect(page.locator("#status")).to_have_text("")
    assert [(a.choice, a.confidence) for a in answers(running, trial)] == [(trial.max_side, 2)]


def test_a_response_lost_after_the_commit_makes_no_second_answer(shown):
    running, page, person = shown
    trial = person.pending()
    bodies = []

    def lose(route):
        bodies.append(json.loads(route.request.post_data))
        if len(bodies) == 1:
            assert route.fetch().status == 200  # on disk, but the page never hears of it
            route.abort()
        else:
            route.continue_()

    page.route("**/api/answers", lose)
    person.press(trial.max_side, 2)
    page.locator(JUDGED).wait_for()
    assert len(bodies) == 2
    assert len({body["key"] for body in bodies}) == 1
    assert len(answers(running, trial)) == 1


def test_an_answer_outlives_closed_browser_and_stopped_server(shown, context):
    running, page, person = shown
    trial = person.pending()
    running.stop()
    person.press(trial.max_side, 3)
    expect(page.locator("#status")).to_contain_text("No connection")
    page.close()
    running.restart()
    page = context.new_page()
    page.goto(running.url)
    expect(page.locator("article")).to_contain_text("Welcome back")
    stored = answers(running, trial)
    assert [(a.choice, a.confidence, a.correct) for a in stored] == [(trial.max_side, 3, True)]
    person = Person(page, running.experiment, truthful)
    person.go_on()
    assert person.trial().position == trial.position + 1


def test_a_second_tab_asks_before_it_takes_over(shown, context):
    running, first, _ = shown
    second = context.new_page()
    second.goto(running.url)
    expect(second.locator("h1")).to_have_text("The study is open in another window")
    expect(first.locator(OPEN)).to_have_count(1)
    second.locator(".primary").click()
    expect(second.locator("article")).to_contain_text("Welcome back")
    expect(first.locator("h1")).to_have_text("You are continuing in another window")


@pytest.mark.slow  # tests/server/test_answers.py has what the server does
def test_a_trial_answered_on_another_device_counts_once(shown, chromium, context):
    """Windows of one browser see each other; two devices do not, and the server decides."""
    running, page, person = shown
    trial = person.pending()
    other = chromium.new_context(storage_state=context.storage_state(), locale="en-GB")
    elsewhere = Person(other.new_page(), running.experiment, truthful)
    elsewhere.page.goto(running.url)
    elsewhere.go_on()
    assert elsewhere.trial().key == trial.key
    other.close()
    person.press("bottom" if trial.max_side == "top" else "top", 1)
    expect(page.locator("h1")).to_have_text("This trial has already been answered")
    page.locator(".primary").click()
    expect(page.locator("article")).to_contain_text("Welcome back")
    assert [(a.choice, a.confidence) for a in answers(running, trial)] == [(trial.max_side, 3)]


def test_images_are_loaded_before_the_block_and_tell_nothing(at_block, context):
    """Every image of the block is asked for once, in the server's shuffled order, all before the first trial."""
    running, _ = at_block()
    page = context.new_page()
    asked, answered = [], []
    page.on("request", lambda request: asked.append(request.url) if "/i/" in request.url else None)
    page.on("response", lambda response: answered.append(response) if "/i/" in response.url else None)
    with page.expect_response("**/api/sessions") as began:
        page.goto(running.url)
    step = began.value.json()["state"]["step"]
    person = Person(page, running.experiment, truthful)
    page.locator(".primary:enabled").wait_for()
    assert [url.removeprefix(running.url) for url in asked] == step["images"]
    assert len(set(asked)) == len(asked) == 20 * len(step["trials"])
    headers = [{k: v for k, v in r.headers.items() if k not in ("date", "etag")} for r in answered]
    assert all(header == headers[0] for header in headers)
    person.go_on()
    page.locator(OPEN).wait_for()
    html = page.locator("#main").inner_html()
    person.press(person.pending().max_side, 3)
    page.locator(JUDGED).wait_for()
    assert len(asked) == 20 * len(step["trials"])
    with running.experiment.database.read() as orm:
        secrets = {
            word for t in orm.scalars(select(TrialRow)) for word in (t.trial_id, t.spec["unit"]["unit"]["layer"])
        }
    assert not [word for word in (*secrets, "max_", "min_", "catch", "solution=", ".png", "/i/") if word in html]


def test_a_double_click_answers_one_trial(shown):
    running, page, person = shown
    trial = person.pending()
    person.button("top", 2).dblclick()
    page.locator(JUDGED).wait_for()
    expect(page.locator(JUDGED)).to_have_count(0)
    page.locator(OPEN).wait_for()
    assert [(a.choice, a.confidence) for a in answers(running, trial)] == [("top", 2)]
    assert person.pending().position == trial.position + 1


@pytest.mark.slow  # the test of a stopped server has the same outbox
def test_an_unsent_answer_is_sent_when_opened_the_next_day(at_block, chromium, tmp_path):
    """A profile on disk: what the browser keeps is all that is left, and the server has given the place away."""
    running, walker = at_block()
    program = chromium.browser_type
    options = {"executable_path": shutil.which("chromium"), "args": CHROMIUM.split(), "locale": "en-GB"}
    profile = program.launch_persistent_context(tmp_path / "profile", **options)
    page = profile.new_page()
    page.goto(f"{running.url}favicon.svg")
    page.evaluate("([key, token]) => localStorage.setItem('exemplum.session',"
                  " JSON.stringify({key, token, link: '', participant: ''}))", [walker.key, walker.token])  # fmt: skip
    page.goto(running.url)
    person = Person(page, running.experiment, truthful)
    person.go_on()
    page.locator(OPEN).wait_for()
    trial = person.pending()
    running.stop()
    person.press(trial.max_side, 3)
    expect(page.locator("#status")).to_contain_text("No connection")
    profile.close()
    running.restart()
    yesterday = update(SessionRow).values(seen_at=SessionRow.seen_at - 86_400_000)
    running.experiment.database.writer.submit_sync(lambda orm: orm.execute(yesterday))
    profile = program.launch_persistent_context(tmp_path / "profile", **options)
    page = profile.new_page()
    page.goto(running.url)
    expect(page.locator("article")).to_contain_text("Welcome back")
    assert [(a.choice, a.confidence) for a in answers(running, trial)] == [(trial.max_side, 3)]
    person = Person(page, running.experiment, truthful)
    person.go_on()
    assert person.trial().position == trial.position + 1
    profile.close()
