"""The experimenter's pages fit their window, whatever ids and texts people bring."""

import httpx
import pytest

from server.walk import Walker

PAGES = ("", "results", "audit", "downloads")
# How far the page, and the table of sessions in its frame, are wider than the room that they have
OVER = """() =>
    ["html", ".wide"].map(name => document.querySelector(name)).map(e => e ? e.scrollWidth - e.clientWidth : 0)"""


@pytest.mark.parametrize("width", [420, 1280])
def test_the_experimenters_pages_fit_the_window(host, context, width):
    running = host(main=1)
    with httpx.Client(base_url=running.url) as http:
        Walker(http, PROLIFIC_PID="Long" * 30).start()
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 720})
    page.goto(f"{running.url}experimenter?token={running.experiment.token}")
    session = page.locator("a[href^=session]").get_attribute("href")
    for name in (*PAGES, session):
        page.goto(f"{running.url}experimenter/{name}")
        over, table = page.evaluate(OVER)
        assert over == 0, name
        assert table == 0 or width < 1000, name  # a narrow window scrolls the table
