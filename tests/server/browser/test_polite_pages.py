"""Those who cannot take part are told so, politely, and in their language."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from sqlalchemy import select, update

from exemplum.server.schema import SessionRow, StudyRow


def heading(page):
    return page.locator("h1")


def test_a_second_entry_under_the_same_id_is_refused(host, chromium):
    running = host(main=1)
    for expected in (re.compile("Which image fits"), "You have already begun"):
        context = chromium.new_context(locale="en-GB")
        page = context.new_page()
        page.goto(f"{running.url}?PROLIFIC_PID=5f0e")
        expect(heading(page)).to_have_text(expected)
        context.close()


def test_a_closed_study_says_so_and_makes_no_session(host, context):
    running = host(main=1, toml='[server]\ncontact = "lab@example.org"\n')
    running.experiment.database.writer.submit_sync(
        lambda orm: orm.execute(update(StudyRow).values(recruitment="paused"))
    )
    page = context.new_page()
    page.goto(running.url)
    expect(heading(page)).to_have_text("The study is closed")
    expect(page.locator("#main")).to_contain_text("lab@example.org")
    with running.experiment.database.read() as orm:
        assert orm.scalars(select(SessionRow)).all() == []


def test_who_does_not_consent_is_thanked(host, context):
    running = host(main=1)
    page = context.new_page()
    page.goto(running.url)
    page.get_by_role("button", name="I do not agree").click()
    expect(heading(page)).to_have_text("Thank you all the same")
    page.reload()
    expect(heading(page)).to_have_text("Thank you all the same")


def test_pages_speak_the_browsers_language_and_change_it(host, chromium):
    running = host(main=1)
    context = chromium.new_context(locale="de-DE")
    page = context.new_page()
    page.goto(running.url)
    expect(page.get_by_role("button", name="Ich bin einverstanden")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "de"
    page.get_by_role("button", name="English").click()
    page.get_by_role("button", name="I agree", exact=True).click()
    expect(heading(page)).to_have_text("About you")
    with running.experiment.database.read() as orm:
        assert orm.scalars(select(SessionRow.language)).all() == ["en"]  # one session, and what was read is known
    context.close()


def test_in_the_lab_the_experimenter_types_the_number(host, context):
    running = host(main=1, lab=True)
    page = context.new_page()
    page.goto(running.url)
    page.get_by_label("Participant number").fill("3")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="I agree", exact=True).click()
    expect(heading(page)).to_have_text("About you")
    page.reload()
    expect(heading(page)).to_have_text("Participant 3 has not finished")
    page.get_by_role("button", name="Continue").click()
    expect(heading(page)).to_have_text("About you")


def test_a_wrong_link_is_named(host, context):
    running = host(main=1)
    page = context.new_page()
    page.goto(f"{running.url}?resume=nobody")
    expect(heading(page)).to_have_text("This link does not work")
