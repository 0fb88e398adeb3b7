"""What is measured on a trial is the trial: not the line, not another window, and preloading survives a bad line."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from exemplum.server.storage.schema import Answer
from server.browser.person import Person
from server.browser.test_losses import OPEN, truthful

BUTTON = ".primary"


def stored(running):
    with running.experiment.database.read() as orm:
        return orm.scalars(select(Answer).order_by(Answer.id.desc())).first()


@pytest.fixture
def beginning(at_block, context):
    """A person where a block of references begins; its images are loading."""
    running, _ = at_block()
    page = context.new_page()
    return running, page, Person(page, running.experiment, truthful)


WATCH = f"""
window.told = [];
new MutationObserver(() => {{
  const told = document.querySelector(".loading"), button = document.querySelector({BUTTON!r});
  if (told && button) window.told.push([told.textContent, button.disabled]);
}}).observe(document, {{ subtree: true, childList: true, characterData: true, attributes: true }});
"""


@pytest.mark.slow  # waits for a slow line
def test_a_slow_line_delays_the_block_and_no_reaction_time(beginning, context):
    """0.3 s of latency, 400 kB/s: the block waits for images, the feedback for the server, the trial for nothing."""
    running, page, person = beginning
    page.goto(running.url)
    page.locator(BUTTON).wait_for()
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    slow = {"offline": False, "latency": 300, "downloadThroughput": 400_000, "uploadThroughput": 100_000}
    wire.send("Network.emulateNetworkConditions", slow)
    page.add_init_script(WATCH)  # what the page told meanwhile, however slow this process is
    page.reload()
    person.go_on()
    assert any("Loading images" in told and disabled for told, disabled in page.evaluate("window.told"))
    page.locator(OPEN).wait_for()
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth)")
    trial = person.pending()
    page.wait_for_timeout(400)
    person.press(trial.max_side, 3)
    page.locator('.trial[data-state="judged"]').wait_for()
    judged_at = page.evaluate("performance.timeOrigin + performance.now()")
    answer = stored(running)
    assert (answer.trial_id, answer.correct, answer.attempt) == (trial.id, True, 1)
    assert answer.rt_ms >= 400
    assert answer.shown_at + answer.rt_ms < judged_at - 300  # the line's share is not in it


def test_images_are_loaded_a_few_at_once_until_they_are_there(beginning, context):
    running, page, person = beginning
    failed: set[str] = set()
    now = most = 0

    def fail_thrice(route):
        if len(failed) < 3 and route.request.url not in failed:
            failed.add(route.request.url)
            route.abort()
        else:
            route.continue_()

    def count(by):
        def seen(request):
            nonlocal now, most
            now += by if "/i/" in request.url else 0
            most = max(most, now)

        return seen

    page.route("**/i/*", fail_thrice)
    for event, by in (("request", 1), ("requestfinished", -1), ("requestfailed", -1)):
        page.on(event, count(by))
    with page.expect_request("**/api/events") as logged:
        page.goto(running.url)
        person.go_on()
        page.locator(OPEN).wait_for()
        page.evaluate("dispatchEvent(new Event('pagehide'))")  # sends what is logged
    assert len(failed) == 3
    assert 1 < most <= 6
    loaded = [event for event in logged.value.post_data_json["events"] if event["kind"] == "preload"]
    assert [event["data"]["retries"] for event in loaded] == [3]


def test_disturbances_are_stored_with_the_answer(beginning):
    """Half a second in another tab and one loss of focus, as the browser tells the page of them."""
    running, page, person = beginning
    page.goto(running.url)
    person.go_on()
    page.locator(OPEN).wait_for()
    hide = "v => { Object.defineProperty(document, 'hidden', {value: v, configurable: true});"
    hide += " document.dispatchEvent(new Event('visibilitychange')) }"
    page.evaluate(hide, True)
    page.wait_for_timeout(500)
    page.evaluate(hide, False)
    page.evaluate("dispatchEvent(new Event('blur'))")
    person.trial()
    answer = stored(running)
    assert 450 <= answer.hidden_ms <= answer.rt_ms
    assert answer.blurs == 1
    assert 5 < answer.frame_ms < 100


def test_the_reaction_time_ends_with_the_press_itself(beginning):
    """A page that is busy when the button is pressed stores the time of the press."""
    running, page, person = beginning
    page.goto(running.url)
    person.go_on()
    page.locator(OPEN).wait_for()
    busy = """window.addEventListener("click", event => {
        window.pressed = performance.timeOrigin + event.timeStamp;
        for (const began = performance.now(); performance.now() - began < 500;);
    }, {capture: true, once: true})"""
    page.evaluate(f"() => {{ {busy} }}")
    person.press(person.pending().max_side, 2)
    page.locator('.trial[data-state="judged"]').wait_for()
    answer = stored(running)
    assert answer.shown_at + answer.rt_ms == pytest.approx(page.evaluate("window.pressed"), abs=1)
