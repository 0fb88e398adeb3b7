"""Those who cannot take part are told so, politely, and in their language."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from exemplum.server.sessions import answers
from exemplum.server.sessions.entry import link_code
from exemplum.server.storage.schema import Event, SessionRow, StudyRow


def heading(page):
    return page.locator("h1")


def test_a_second_entry_under_the_same_id_is_refused(host, chromium):
    running = host(main=1)
    for expected in (re.compile("Which image fits"), "You have already started"):
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


def pause(running):
    running.experiment.database.writer.submit_sync(
        lambda orm: orm.execute(update(StudyRow).values(recruitment="paused"))
    )


def test_a_pilot_enters_a_paused_study_and_sees_that_it_is_one(host, chromium):
    running = host(main=1)
    pause(running)
    link = f"{running.url}?link={link_code(running.experiment, 'pilot')}"
    for language, badge in (("en-GB", "Pilot: these answers do not count"), ("de-DE", "Probelauf")):
        context = chromium.new_context(locale=language, viewport={"width": 1280, "height": 720})
        page = context.new_page()
        page.goto(link)
        expect(page.locator("body")).to_have_attribute("data-kind", "consent")
        for kind in ("consent", "form"):
            expect(page.locator("body")).to_have_attribute("data-kind", kind)
            expect(page.locator("#pilot")).to_be_visible()
            expect(page.locator("#pilot")).to_contain_text(badge)
            if kind == "consent":
                page.locator(".primary").click()
        context.close()


def test_real_participants_see_no_badge(host, context):
    running = host(main=1)
    page = context.new_page()
    page.goto(running.url)
    expect(page.locator("body")).to_have_attribute("data-kind", "consent")
    expect(page.locator("#pilot")).to_be_hidden()


def test_a_link_that_was_not_filled_in_is_explained(host, context):
    running = host(main=1)
    page = context.new_page()
    page.goto(f"{running.url}?PROLIFIC_PID={{{{%PROLIFIC_PID%}}}}&STUDY_ID={{{{%STUDY_ID%}}}}")
    expect(heading(page)).to_have_text("This link is not complete")
    expect(page.locator("#main")).to_contain_text("copied")


@pytest.mark.parametrize(("toml", "code"), [("", ""), ('[server.codes]\nno_consent = "NOPE12"\n', "NOPE12")])
def test_who_refuses_consent_gets_no_completion_code(host, context, toml, code):
    running = host(main=1, toml=toml)
    page = context.new_page()
    page.goto(running.url)
    page.get_by_role("button", name="I do not agree").click()
    expect(heading(page)).to_have_text("Thank you all the same")
    expect(page.locator("#main")).not_to_contain_text("completion")
    expect(page.locator("output")).to_have_count(1 if code else 0)
    if code:
        expect(page.locator("output")).to_have_text(code)


def raise_error(page, message):
    page.evaluate("message => dispatchEvent(new ErrorEvent('error', {message}))", message)


def test_a_long_message_is_cut_between_characters(host, context):
    running = host(main=1)
    page = context.new_page()
    page.goto(running.url)
    expect(page.locator("body")).to_have_attribute("data-kind", "consent")
    raise_error(page, "x" * 499 + "\U0001f600" * 3)
    with page.expect_response(lambda response: "api/events" in response.url):
        for _ in range(60):
            page.evaluate("dispatchEvent(new Event('blur'))")
    with running.experiment.database.read() as orm:
        stored = orm.scalars(select(Event.data).where(Event.kind == "error")).all()
        assert stored == [{"message": "x" * 499 + "\U0001f600"}]
        assert orm.scalar(select(SessionRow.replaced)) == 0


def test_a_full_log_is_sent_no_more(host, context, monkeypatch):
    monkeypatch.setattr(answers, "MOST_ROWS", 3)
    running = host(main=1)
    page = context.new_page()
    sent = []
    page.on("request", lambda request: sent.append(request) if "api/events" in request.url else None)
    page.goto(running.url)
    expect(page.locator("body")).to_have_attribute("data-kind", "consent")
    flood = "() => { for (let n = 0; n < 60; n++) dispatchEvent(new Event('blur')); }"
    with page.expect_response(lambda response: "api/events" in response.url) as answered:
        page.evaluate(flood)
    assert answered.value.json() == {"stored": 0, "full": True}
    page.wait_for_timeout(200)
    known = len(sent)
    for _ in range(3):
        page.evaluate(flood)
        page.wait_for_timeout(200)
    assert len(sent) == known
