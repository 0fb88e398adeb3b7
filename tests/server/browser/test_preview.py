"""The experimenter's preview in a browser: the participant's page, to the pixel, and nothing that is sent or kept."""

import io

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from sqlalchemy import select

from building import axe_faults
from exemplum.design import texts
from exemplum.server.storage.schema import Audit, SessionRow, TrialRow
from server.browser.conftest import WINDOW
from server.browser.test_losses import OPEN

ROOM = {"width": 1440, "height": 960}  # for the toolbar and a frame of 1280 × 720
FRAMED = 24  # of 255: the browser draws the contents of a frame in layers of their own


@pytest.fixture
def watched(host, chromium):
    """`watched(running, query)`: the experimenter's preview, and what its page sent."""
    opened = []

    def look(running, **query):
        context = chromium.new_context(viewport=ROOM, locale="en-GB")
        context.set_default_timeout(10_000)
        opened.append(context)
        page, sent = context.new_page(), []
        page.on("request", lambda request: sent.append((request.method, request.url)))
        page.goto(f"{running.url}experimenter?token={running.experiment.token}")
        page.goto(f"{running.url}experimenter/preview?{'&'.join(f'{k}={v}' for k, v in query.items())}")
        expect(page.locator("#said")).to_contain_text("Page 1 of")
        return page, page.frame_locator("#frame"), sent

    yield look
    for context in opened:
        context.close()


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def settled(page):
    """The progress bar has moved to its place, and what lies on it is drawn again."""
    page.evaluate("Promise.all(document.getAnimations().map(animation => animation.finished))")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.mark.slow
def test_five_trials_look_as_the_session_shows_them(at_block, context, watched):
    """To the pixel, for both kinds of references; and nothing is sent but the questions for what is shown."""
    running, walker = at_block(number=5)
    participant, seen = context.new_page(), []
    walker.http = httpx.Client(base_url=running.url)
    for _ in range(5):
        step = walker.walk(until=lambda step: step["kind"] == "block")
        participant.goto(running.url)
        participant.locator(".primary:enabled").click()
        participant.locator(OPEN).wait_for()
        participant.mouse.move(640, 2)
        settled(participant)
        trial = step["trials"][step["answered"]]["trial"]
        seen.append((trial, step["condition"], pixels(participant.screenshot())))
        walker.answer(trial)
    walker.http.close()
    participant.close()
    assert {condition for _, condition, _ in seen} == {"natural", "synthetic"}
    with running.experiment.database.read() as orm:
        key = orm.scalars(select(SessionRow.image_ref)).one()
    page, frame, sent = watched(running, session=key)
    places = page.evaluate(
        "keys => keys.map(key => stops.findIndex(stop => stop.key === key))", [at for at, *_ in seen]
    )
    page.select_option("#stops", str(places[0]))
    frame.locator(OPEN).wait_for()
    settled(page.frames[1])
    framed = pixels(page.locator("#frame").screenshot()).astype(int)
    assert np.abs(framed - seen[0][2]).max() <= FRAMED  # edges that lie between two pixels
    page.set_viewport_size(WINDOW)
    page.goto(f"{running.url}preview?session={key}")
    for place, (_, _, was) in zip(places, seen, strict=True):
        page.evaluate("async place => { await exemplumPreview.ready; await exemplumPreview.go(place); }", place)
        settled(page)
        assert np.array_equal(pixels(page.screenshot()), was)
    assert {method for method, _ in sent} == {"GET"}
    assert {url.partition("/api/")[2] for _, url in sent if "/api/" in url} == {"config", "texts/en"}


KINDS = {
    "consent", "form", "check", "instructions", "example", "intuitiveness", "block", "practice", "trial", "break",
    "debrief", "finished", "refusal", "comprehension",
}  # fmt: skip


def test_every_kind_of_page_is_shown_and_arrow_keys_turn_them(host, watched):
    running = host(main=1, toml="[server]\ncomprehension = true\n")
    page, frame, _ = watched(running, place=2)
    assert axe_faults(page) == []
    kinds, headings = page.evaluate("stops.map(stop => stop.kind)"), []
    assert set(kinds) == KINDS
    for number in sorted({kinds.index(kind) for kind in KINDS} | {len(kinds) - 1}):
        page.select_option("#stops", str(number))
        page.evaluate("frame.contentWindow.exemplumPreview.go(at)")  # resolves when it stands
        headings.append(frame.locator("h1").last.inner_text())
    said = texts.load(running.folder, ["en"])["en"]
    assert headings[0] == said["page.title"]
    assert len(set(headings)) > 10
    assert headings[-1] == said["error.title.small_screen"]
    for key, number in (("ArrowLeft", -1), ("ArrowLeft", -2), ("ArrowRight", -1)):
        page.keyboard.press(key)
        expect(page.locator("#said")).to_contain_text(f"Page {len(kinds) + number} of {len(kinds)}")
    expect(frame.locator("h1")).to_have_text(said["error.title.unfilled_link"])
    page.keyboard.press("Home")
    expect(page.locator("#said")).to_contain_text("Page 1 of")
    page.select_option("#language", "de")
    expect(frame.get_by_role("button", name="Ich bin einverstanden")).to_be_visible()


def test_pages_turn_by_their_own_buttons_and_the_truth_is_behind_a_switch(at_block, watched):
    running, _ = at_block(number=2)
    with running.experiment.database.read() as orm:
        row = orm.scalars(select(SessionRow)).one()
        trial = orm.scalars(select(TrialRow).where(TrialRow.step == row.step)).first()
    page, frame, sent = watched(running, session=row.image_ref)
    expect(page.get_by_role("heading", name="Preview of P0001")).to_be_visible()
    for heading in ("About you", "Your screen"):
        frame.locator("button").last.click() if heading == "About you" else page.keyboard.press("ArrowRight")
        expect(frame.get_by_role("heading", name=heading)).to_be_visible()
    frame.locator(".primary").click()  # full screen is not entered
    assert page.evaluate("frame.contentDocument.fullscreenElement") is None
    expect(page.locator("#stops")).to_have_value("3")
    frame.locator(".primary").click()  # within the step
    expect(page.locator("#stops")).to_have_value("4")
    frame.get_by_role("button", name="Back").click()
    expect(page.locator("#stops")).to_have_value("3")
    page.select_option("#stops", str(page.evaluate("key => stops.findIndex(stop => stop.key === key)", trial.key)))
    frame.locator(OPEN).wait_for()
    assert frame.locator("[data-solution]").count() == 0
    assert "solution" not in page.locator("#said").inner_text()
    assert {method for method, _ in sent} == {"GET"}
    page.locator("#truth").check()
    expect(page.locator("#said")).to_contain_text(f"solution: {trial.max_side}")
    expect(frame.locator(f'[data-side="{trial.max_side}"][data-solution]')).to_be_visible()
    with running.experiment.database.read() as orm:
        assert [(line.action, line.detail) for line in orm.scalars(select(Audit))] == [("preview with truth", "P0001")]
    page.locator("#truth").uncheck()
    expect(frame.locator("[data-solution]")).to_have_count(0)
    page.route("**/i/*", lambda route: route.fulfill(status=404))
    page.select_option("#stops", str(page.evaluate("stops.length - 20")))  # of another block
    expect(frame.locator("#main")).to_contain_text("404")
    page.keyboard.press("Home")
    expect(frame.locator("h1")).to_have_text("Which image fits?")
