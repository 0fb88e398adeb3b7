"""axe has no finding of any kind on the participant's pages: both languages, a computer's window and a tablet's."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from building import axe_faults
from server.browser.conftest import PACED, WINDOW
from server.browser.person import Person
from server.browser.test_losses import OPEN, truthful

TABLET = {"width": 768, "height": 1024}
PHONE = {"width": 420, "height": 800}
LOCALES = {"en": "en-GB", "de": "de-DE"}
KINDS = {
    "consent", "form", "check", "instructions", "example", "comprehension", "intuitiveness", "block", "trial",
    "feedback", "break", "debrief", "finished",
}  # fmt: skip


class Inspector:
    """Runs axe on a page at both sizes, once per kind of page, and collects what it finds."""

    def __init__(self, page) -> None:
        self.page = page
        self.seen: set[str] = set()
        self.found: list[tuple[str, ...]] = []

    def look(self, kind: str) -> None:
        if kind in self.seen:
            return
        self.seen.add(kind)
        for size in (TABLET, WINDOW):
            self.page.set_viewport_size(size)
            self.found += [(kind, str(size["width"]), *finding) for finding in axe_faults(self.page)]
        if kind == "feedback":
            self.page.evaluate("window.pace = 0.2")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "de"])
def test_axe_finds_nothing_in_a_whole_session(host, chromium, language):
    context = chromium.new_context(locale=LOCALES[language], viewport=WINDOW)
    context.set_default_timeout(20_000)
    context.add_init_script(PACED)
    page = context.new_page()
    running = host(main=1, toml='[server]\ncontact = "lab@example.org"\ncomprehension = true\n')
    page.goto(running.url)
    page.evaluate("window.pace = 3")  # until the feedback has been inspected
    inspector = Inspector(page)
    person = Person(page, running.experiment, truthful, language=language)
    person.look = inspector.look
    person.session()
    page.locator(".code output").wait_for()
    inspector.look("finished")
    assert inspector.seen >= KINDS
    assert inspector.found == []
    context.close()


@pytest.mark.parametrize("language", ["en", pytest.param("de", marks=pytest.mark.slow)])
def test_axe_finds_nothing_where_a_session_does_not_go_on(at_block, host, chromium, language):
    """A window that is too small, a second tab, a lab's first page, a closed study, a screen that is too small."""
    context = chromium.new_context(locale=LOCALES[language], viewport=WINDOW)
    running, walker = at_block(main=1)
    kept = f'{{"key": "{walker.key}", "token": "{walker.token}", "link": "", "participant": ""}}'
    context.add_init_script(f"localStorage.setItem('exemplum.session', {kept!r})")
    found = []

    def inspect(page, what, url=None):
        if url:
            page.goto(url)
        page.locator("h1:visible").wait_for()
        found.extend((what, *finding) for finding in axe_faults(page))

    page = context.new_page()
    page.goto(running.url)
    page.locator(".primary:enabled").click()
    page.locator(OPEN).wait_for()
    page.set_viewport_size(PHONE)
    expect(page.locator(".covering h1")).to_be_visible()
    inspect(page, "covered")
    inspect(context.new_page(), "elsewhere", running.url)
    fresh = chromium.new_context(locale=LOCALES[language], viewport=WINDOW)
    inspect(fresh.new_page(), "bad link", f"{running.url}?resume=nobody")
    inspect(fresh.new_page(), "lab", host(main=1, lab=True).url)
    small = chromium.new_context(locale=LOCALES[language], viewport=PHONE, screen=PHONE)
    inspect(small.new_page(), "small screen", running.url)
    assert found == []
    for each in (context, fresh, small):
        each.close()
