"""Two studies on one server, in one browser: neither takes over what is the other's."""

import re
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import expect
from sqlalchemy import select

from building import axe_faults
from exemplum.server import Settings
from exemplum.server.http.studies import create_server, opened, overview_token, settings_of
from exemplum.server.storage.schema import SessionRow
from server import made
from server.browser.conftest import TINY
from serving import free_port


@pytest.fixture
def two(pages, tiny, tmp_path):
    base, port = tiny(1, "borowski2021-1", tuple(TINY.items())), free_port()
    folders = [
        made.like(base, tmp_path / name, f'[server]\ntitle = "The {name}"\n').folder for name in ("first", "second")
    ]
    url = f"http://127.0.0.1:{port}/"
    with opened(settings_of(Settings(Path(), address=url[:-1]), folders)) as experiments:
        server = uvicorn.Server(uvicorn.Config(create_server(experiments), port=port, log_config=None))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield url, experiments
        server.should_exit = True
        thread.join(10)


@pytest.mark.slow  # tests/server/test_studies_side_by_side.py has what the server does
def test_two_studies_in_one_browser_do_not_mix(two, context):
    url, experiments = two
    tabs = {name: context.new_page() for name in experiments}
    for name, page in tabs.items():  # without the last slash, as it is easily typed
        page.goto(f"{url}{name}?PROLIFIC_PID=same")
        expect(page.locator("h1")).to_have_text(f"The {name}")
        page.locator(".primary").click()
        expect(page.locator("h1")).to_have_text("About you")
    for name, page in tabs.items():
        page.reload()
        expect(page.locator("h1")).to_have_text("About you")  # not "open elsewhere", and not from the beginning
        with experiments[name].database.read() as orm:
            assert orm.scalars(select(SessionRow.step)).all() == [1]
    kept = tabs["first"].evaluate("Object.keys(localStorage).filter(key => key.startsWith('exemplum.session'))")
    assert len(kept) == 2
    page = context.new_page()
    page.goto(url)
    assert not re.search("first|second", page.content())
    page.goto(f"{url}experimenter?token={overview_token(experiments)}")
    for width in (420, 1280):
        page.set_viewport_size({"width": width, "height": 720})
        assert axe_faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.get_by_role("link", name="second").click()
    expect(page.get_by_role("link", name="Preview")).to_be_visible()
    page.goto(f"{url}experimenter/")
    page.get_by_role("link", name="first").click()
    page.goto(f"{url}second/experimenter/")  # still let in
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
