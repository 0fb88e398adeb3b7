"""How sessions end: the code and the way back for each outcome, and practice that comes again."""

from __future__ import annotations

import json

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from exemplum.server.storage.schema import Participant, SessionRow, TrialRow
from server.walk import Walker

PANEL = "https://panel.example/complete"
ENDS = f"""
[exclusions]
catch_accuracy = 0.9
[server.codes]
completed = "DONE"
failed_attention = "INATTENTIVE"
no_consent = "DECLINED"
[server.redirects]
completed = "{PANEL}?cc=DONE&of={{STUDY_ID}}"
failed_attention = "{PANEL}?cc=INATTENTIVE"
"""
OTHER = {"top": "bottom", "bottom": "top"}


@pytest.fixture
def at_end(host, context):
    """`at_end(attentive)`: a server, and this browser at the debrief of a session that came from a panel."""

    def go(attentive: bool):
        running = host(main=1, toml=ENDS)

        def choose(_block, shown):
            with running.experiment.database.read() as orm:
                trial = orm.scalars(select(TrialRow).where(TrialRow.key == shown["trial"])).one()
            right = attentive or trial.kind != "catch"
            return (trial.max_side if right else OTHER[trial.max_side]), 2

        with httpx.Client(base_url=running.url) as http:
            walker = Walker(http, choose, PROLIFIC_PID="p1", STUDY_ID="s 1", SESSION_ID="x")
            walker.start()
            walker.walk(until=lambda step: step["kind"] == "debrief")
        kept = json.dumps({"key": walker.key, "token": walker.token, "link": "", "participant": ""})
        context.add_init_script(f"localStorage.setItem('exemplum.session', {kept!r})")
        context.route("https://panel.example/**", lambda route: route.fulfill(body="the panel"))
        return running

    return go


def test_who_finished_gets_the_code_and_the_way_to_the_panel(at_end, context):
    running = at_end(attentive=True)
    page = context.new_page()
    page.goto(running.url)
    page.get_by_label("Is there anything").fill("fine")
    page.get_by_role("button", name="Finish").click()
    expect(page.locator(".code output")).to_have_text("DONE")
    page.wait_for_url(f"{PANEL}?cc=DONE&of=s%201")  # by itself, after five seconds
    with running.experiment.database.read() as orm:
        assert orm.scalars(select(SessionRow.outcome)).one() == "completed"
        assert orm.scalars(select(Participant.external_id)).one() == "p1"


def test_who_failed_the_attention_trials_gets_another_code(at_end, context):
    running = at_end(attentive=False)
    page = context.new_page()
    page.goto(running.url)
    page.get_by_role("button", name="Finish").click()
    expect(page.locator("h1")).to_have_text("The study ends here")
    expect(page.locator(".code output")).to_have_text("INATTENTIVE")
    page.get_by_role("link", name="Go there now").click()
    page.wait_for_url(f"{PANEL}?cc=INATTENTIVE")


def test_who_does_not_consent_gets_a_code_of_its_own(host, context):
    running = host(main=1, toml=ENDS)
    page = context.new_page()
    page.goto(f"{running.url}?PROLIFIC_PID=p2")
    page.get_by_role("button", name="I do not agree").click()
    expect(page.locator("h1")).to_have_text("Thank you all the same")
    expect(page.locator(".code output")).to_have_text("DECLINED")
    page.reload()
    expect(page.locator(".code output")).to_have_text("DECLINED")


def test_the_panels_id_is_kept_when_the_address_is_lost(host, context):
    """Typed anew without its parameters: the browser's token leads back to the same session."""
    running = host(main=1)
    page = context.new_page()
    page.goto(f"{running.url}?PROLIFIC_PID=p3&STUDY_ID=s&SESSION_ID=x")
    page.get_by_role("button", name="I agree", exact=True).click()
    expect(page.locator("h1")).to_have_text("About you")
    page.goto(running.url)
    expect(page.locator("h1")).to_have_text("About you")
    with running.experiment.database.read() as orm:
        person = orm.scalars(select(Participant)).one()
        assert (person.external_id, person.source) == ("p3", "prolific")
        assert orm.scalars(select(SessionRow.params)).one()["STUDY_ID"] == "s"


def test_practice_that_comes_again_says_why_in_both_languages(at_block, context):
    running, walker = at_block(number=1, main=1, toml="[server]\npractice_pass = 1.0\n")
    with running.experiment.database.read() as orm:
        right = {t.key: t.max_side for t in orm.scalars(select(TrialRow))}
    with httpx.Client(base_url=running.url) as walker.http:
        for trial in walker.step()["trials"]:
            walker.answer(trial["trial"], OTHER[right[trial["trial"]]])
    page = context.new_page()
    again = {"de": "kommen dieselben Durchgänge noch einmal", "en": "here are the same trials once more"}
    for language, why in again.items():
        page.goto(f"{running.url}?lang={language}")
        expect(page.locator("article")).to_contain_text(why)
    page.locator(".primary").click()
    for language, round_, lead in (("en", "Round 2", "same trials as before"), ("de", "Runde 2", "wie zuvor")):
        page.goto(f"{running.url}?lang={language}")
        expect(page.locator(".eyebrow")).to_contain_text(round_)
        expect(page.locator("article")).to_contain_text(lead)
