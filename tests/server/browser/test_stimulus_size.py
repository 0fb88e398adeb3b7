"""The stimulus is under control: its size follows from the window alone, is never too small, and is stored."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from exemplum.design import screen
from exemplum.server.storage import tables
from exemplum.server.storage.schema import Answer, SessionRow
from server.browser.conftest import WINDOW
from server.browser.person import Person
from server.browser.test_losses import OPEN, truthful

NINE, ONE = ({}, 5), pytest.param({"protocol": "borowski2021-2"}, 1, marks=pytest.mark.slow)  # for `at_block`
WINDOWS = ((1280, 720), (768, 1024))  # web/tests/geometry.test.ts has more
PHONE = {"width": 420, "height": 800}
BOXES = """() => [...document.querySelectorAll(".trial img, .trial button")]
  .map(element => element.getBoundingClientRect()).map(({left, top, right, bottom}) => [left, top, right, bottom])"""
OUT = "() => [...document.querySelectorAll('.question, .panel h2, .more, .hint')]" + (
    ".filter(e => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1).map(e => e.textContent)"
)


def boxes_by_window(page, url):
    """Where images and buttons stand, by size of the window; nothing overlaps, and no word is cut."""
    page.set_viewport_size(WINDOW)
    page.goto(url)
    page.locator(".primary:enabled").click()
    page.locator(OPEN).wait_for()
    found = {}
    for width, height in WINDOWS:
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        boxes = np.array(page.evaluate(BOXES))
        assert (boxes >= 0).all()
        assert (boxes[:, 2:] <= (width, height)).all()
        apart = (boxes[:, None, :2] >= boxes[None, :, 2:]) | (boxes[None, :, :2] >= boxes[:, None, 2:])
        assert (apart.any(axis=2) | np.eye(len(boxes), dtype=bool)).all()
        assert page.evaluate(OUT) == []
        found[width, height] = boxes.tolist()
    return found


@pytest.mark.parametrize(("asked", "number"), [NINE, ONE])
def test_sizes_and_places_do_not_depend_on_the_words(at_block, context, asked, number):
    """English, German, and a language whose words are twice as long; at sizes of computers and tablets."""
    running, _ = at_block(number=number, **asked)
    page = context.new_page()
    english = boxes_by_window(page, f"{running.url}?lang=en")
    german = boxes_by_window(page, f"{running.url}?lang=de")

    def wordy(route):
        texts = route.fetch().json()
        route.fulfill(json={key: f"{text} {text}" for key, text in texts.items()})

    page.route("**/api/texts/*", wordy)
    long = boxes_by_window(page, f"{running.url}?lang=en")
    assert english == german == long


def test_a_trial_waits_for_a_window_that_is_large_enough(at_block, context):
    """In a window of a phone's size nothing is shown and nothing can be answered, before the trial and during it."""
    running, _ = at_block()
    page = context.new_page()
    page.goto(running.url)
    person = Person(page, running.experiment, truthful)
    covered, image = page.locator(".covering h1"), page.locator(".trial img").first
    page.set_viewport_size(PHONE)
    person.go_on()
    expect(covered).to_have_text("The window is too small")
    expect(page.locator(".covering .size")).to_contain_text("At least 100 are needed")
    expect(image).to_be_hidden()
    page.keyboard.press("q")
    page.set_viewport_size({"width": 768, "height": 1024})
    page.locator(OPEN).wait_for()
    expect(image).to_be_visible()
    page.set_viewport_size(PHONE)
    expect(covered).to_be_visible()
    page.keyboard.press("q")
    page.wait_for_timeout(300)
    page.set_viewport_size(WINDOW)
    expect(covered).to_have_count(0)
    trial = person.trial()
    with running.experiment.database.read() as orm:
        answer = orm.scalars(select(Answer).order_by(Answer.id.desc())).first()
        last = tables.responses(orm, tables.members(orm, running.experiment.study_id)).iloc[-1]
    assert (answer.trial_id, answer.choice) == (trial.id, trial.max_side)  # none of the keys counted
    assert 300 <= answer.hidden_ms <= answer.rt_ms
    # in the answer, in the table, and where the screen is drawn for machines
    assert (answer.query_px, answer.reference_px, answer.pixel_ratio) == (*screen.sizes(64, 9), 1)
    assert (last["query_px"], last["reference_px"], last["pixel_ratio"]) == (*screen.sizes(64, 9), 1)
    assert (last["blurs"], last["hidden_ms"]) == (0, answer.hidden_ms)


def test_a_screen_that_is_too_small_makes_no_session(host, chromium):
    """A phone's screen cannot be enlarged; the participant may come on another device, in which the session begins."""
    running = host(main=1)
    for language, said in (("en-GB", "on a computer or a larger tablet"), ("de-DE", "auf einem größeren Tablet")):
        context = chromium.new_context(locale=language, viewport=PHONE, screen=PHONE)
        page = context.new_page()
        page.goto(running.url)
        expect(page.locator("#main")).to_contain_text(said)
        context.close()
    with running.experiment.database.read() as orm:
        assert orm.scalars(select(SessionRow)).all() == []


@pytest.mark.parametrize(("toml", "enough"), [
    ("", False), pytest.param("[server]\nmin_image_px = 40\n", True, marks=pytest.mark.slow),
])  # fmt: skip
def test_the_check_waits_for_a_window_that_is_large_enough(host, chromium, toml, enough):
    running = host(main=1, toml=toml)
    context = chromium.new_context(locale="en-GB", viewport=WINDOW, screen=WINDOW)
    page = context.new_page()
    page.goto(running.url)
    Person(page, running.experiment, truthful).session(until="check")
    page.set_viewport_size(PHONE)
    page.evaluate("document.documentElement.requestFullscreen = undefined")  # or this window would fill the screen
    page.locator(".primary").click()
    expect(page.locator("h1")).to_have_text("The window is rather small" if enough else "The window is too small")
    button = page.locator(".primary")
    expect(button).to_be_enabled(enabled=enough)
    page.set_viewport_size({"width": 768, "height": 1024})
    expect(button).to_be_enabled()
    expect(page.locator("h1")).to_have_text("The window is rather small" if enough else "The window is large enough")
    button.click()
    expect(page.locator("body")).to_have_attribute("data-kind", "instructions")
    context.close()
