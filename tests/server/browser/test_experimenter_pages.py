"""The experimenter's pages fit their window, whatever ids and texts people bring, and axe finds no fault in them."""

import httpx
import pytest
from playwright.sync_api import expect

from building import axe_faults
from exemplum.server.sessions import invitations
from server.walk import Walker

PAGES = ("", "?flag=any&q=x", "results", "links", "payment", "audit", "downloads", "ready")
# How far the page, and each frame that could scroll, are wider than the room that they have
OVER = """() =>
    [document.documentElement, ...document.querySelectorAll(".wide")].map(e => e.scrollWidth - e.clientWidth)"""


@pytest.mark.parametrize("width", [420, 1280])
def test_the_experimenters_pages_fit_the_window(host, context, width):
    toml, named = '[server]\ngroups = "question"\nquotas = {expert = 3}\n', "a_long_name_" * 5
    running = host(main=1, toml=toml, name=named, address=f"http://{named.replace('_', '-')}.example.org")
    experiment = running.experiment
    experiment.database.writer.submit_sync(lambda orm: invitations.issue(orm, experiment.study_id, "a" * 40, 9))
    with httpx.Client(base_url=running.url) as http:
        Walker(http, PROLIFIC_PID="Long" * 30).start()
        Walker(http, PROLIFIC_PID="short").start()
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 720})
    page.goto(f"{running.url}experimenter?token={experiment.token}")
    session = page.locator("a[href^=session]").first.get_attribute("href")
    for name in (*PAGES, session):
        page.goto(f"{running.url}experimenter/{name}")
        over, *frames = page.evaluate(OVER)
        assert over == 0, name
        assert not any(frames) or (width < 1000 and name == "links"), name  # a narrow window scrolls that table
        assert axe_faults(page) == [], name


def test_the_list_is_searched_sorted_and_stays_as_it_was_left(host, context):
    running = host(main=1)
    with httpx.Client(base_url=running.url) as http:
        for number in range(3):
            Walker(http, PROLIFIC_PID=f"person-{number}").start()
    page = context.new_page()
    page.goto(f"{running.url}experimenter?token={running.experiment.token}")
    seen = page.locator("a[href^=session]")
    page.get_by_role("link", name="Participant").click()
    expect(seen).to_have_text(["P0001", "P0002", "P0003"])
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Participant ▲")
    page.get_by_role("link", name="Participant").click()
    expect(seen).to_have_text(["P0003", "P0002", "P0001"])
    page.get_by_role("searchbox").fill("person-1")
    page.get_by_role("button", name="Show").click()
    expect(seen).to_have_text(["P0002"])
    page.get_by_text("Way from link to completion").click()
    page.wait_for_function(
        "Object.values(localStorage).includes('closed')"
    )  # the browser tells the page a moment later
    page.get_by_role("link", name="Show all").click()
    expect(seen).to_have_count(3)
    expect(page.locator(".charts")).to_be_hidden()
