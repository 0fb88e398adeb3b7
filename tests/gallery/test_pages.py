"""The built gallery in Chromium, served as any host of files serves it."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from building import axe_faults
from exemplum.gallery.serving import server

MANY = 16_384
CANCELLED = "net::ERR_ABORTED"  # by the page or the test, which goes elsewhere or ends before an image has come
BLANK = """() => {
  const rows = [...document.querySelectorAll(".grid .row")].map((row) => row.getBoundingClientRect());
  const box = document.querySelector(".grid").getBoundingClientRect();
  return [60, 200, 400, 600, 719].filter((y) => y > box.top && y < box.bottom - 17 &&
    !rows.some((row) => row.top - 17 <= y && y <= row.bottom + 17)).length;
}"""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with serving(site) as found:
        yield found


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A folder, served within a `with`; its address."""
    with server(folder) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


@pytest.fixture
def shown(chromium: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """`shown("#/units", width=420)`: a page of the gallery. No other host is asked, and nothing goes wrong."""
    contexts, faults = [], []

    def show(where: str = "", width: int = 1280, at: str = address, **options: object) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 720}, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda asked: asked.url.startswith((at, "blob:")) or faults.append(asked.url))
        page.on("console", lambda said: said.type == "error" and faults.append(said.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "requestfailed", lambda asked: asked.failure == CANCELLED or faults.append(f"{asked.url}: {asked.failure}")
        )
        page.goto(at + where)
        page.wait_for_selector("main:not(.waiting) h1")
        return page

    yield show
    for context in contexts:
        context.close()
    assert not faults


@pytest.mark.parametrize(("width", "look"), [(420, "dark"), pytest.param(1280, "light", marks=pytest.mark.slow)])
def test_axe_finds_nothing(shown, width, look):
    page = shown("", width, color_scheme=look, reduced_motion="reduce")
    found = axe_faults(page)
    for where in (
        "#/units?sort=worst",
        "#/units?q=nothing+likes+this",
        "#/unit/mixed3a:5",
        "#/unit/sae:19",
        "#/unit/nowhere:1",
    ):
        page.evaluate(f"location.hash = {where!r}")
        page.wait_for_function("(title) => document.title.startsWith(title)", arg=TITLES[where])
        found += axe_faults(page)
        # a page is as wide as the window
        assert page.evaluate("document.documentElement.scrollWidth") == width, where
    page.evaluate("location.hash = '#/unit/mixed3a:5'")
    page.get_by_role("button", name="Highest image 1,").click()
    expect(page.locator("dialog code")).not_to_be_empty()
    found += axe_faults(page)
    assert not found


TITLES = {
    "#/units?sort=worst": "All units", "#/units?q=nothing+likes+this": "All units", "#/unit/mixed3a:5": "mixed3a:5",
    "#/unit/sae:19": "sae:19", "#/unit/nowhere:1": "No such unit",
}  # fmt: skip


def test_a_search_is_an_address_and_a_walk_follows_its_order(shown):
    page = shown("#/units?layer=mixed3b&sort=worst")
    page.keyboard.press("ArrowDown")
    first, second = (page.locator(f"[data-place='{place}'] b").text_content() for place in (0, 1))
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-place='1']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(second)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("heading", level=1)).to_have_text(first)
    page.keyboard.press("3")
    expect(page.get_by_role("button", name="heatmap")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".tiles canvas")).to_have_count(18)
    page.keyboard.press("g")
    expect(page.get_by_role("status")).to_have_text("240 units")
    expect(page.locator("[data-place='0']")).to_be_focused()  # the unit that was looked at
    page.keyboard.press("/")
    page.keyboard.type(":17")
    expect(page.get_by_role("status")).to_have_text("1 unit of 240")
    assert page.evaluate("location.hash") == "#/units?layer=mixed3b&q=%3A17&sort=worst"


def test_back_leads_to_where_one_was_and_a_link_to_the_top(shown):
    page = shown("#/units?layer=mixed3b")
    heading = page.get_by_role("heading", level=1)
    page.get_by_label("Order").select_option("selective")  # which changes the address of the grid
    page.locator(".grid .cell").first.wait_for()
    page.evaluate("scrollTo(0, 900)")
    page.locator("[data-place='36']").evaluate("(cell) => cell.click()")
    expect(heading).not_to_have_text("mixed3b")
    page.wait_for_function("() => scrollY === 0")
    unit = page.evaluate("location.hash")
    page.evaluate("scrollTo(0, 500)")
    page.go_back()
    expect(heading).to_have_text("mixed3b")
    page.wait_for_function("() => scrollY === 900")
    page.evaluate(f"location.hash = {unit!r}")  # as a link does, to a page that was seen before
    expect(heading).not_to_have_text("mixed3b")
    page.wait_for_function("() => scrollY === 0")
    page.evaluate(STILL)
    assert page.evaluate("scrollY") == 0


STILL = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"""


def test_keys_lead_back_to_the_unit_that_was_looked_at_far_down_a_grid(shown):
    page = shown("#/units?layer=mixed3b")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    expect(page.locator("[data-place='239']")).to_be_focused()
    for back in (lambda: page.keyboard.press("g"), page.go_back):
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("mixed3b:239")
        back()
        expect(page.locator("[data-place='239']")).to_be_focused()
        expect(page.locator("[data-place='239']")).to_be_in_viewport()


@pytest.mark.slow
def test_a_grid_that_is_printed_has_every_unit(shown):
    page = shown("#/units?layer=mixed3b")
    page.locator("[data-place='0']").wait_for()
    count = "document.querySelectorAll('.cell .thumb').length"
    before = page.evaluate(count)
    page.evaluate(f"() => addEventListener('beforeprint', () => {{ window.printed = {count}; }})")
    page.pdf(format="A4")
    assert page.evaluate("window.printed") == 4 * 240 > before == page.evaluate(count)


def test_cells_of_a_grid_lie_side_by_side_on_paper(shown):
    page = shown("#/units?layer=mixed3b")
    page.locator("[data-place='0']").wait_for()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1000})  # of A4 within its margins
    boxes = page.locator(".cell").evaluate_all("(all) => all.map((cell) => cell.getBoundingClientRect().toJSON())")
    assert all(box["left"] >= 0 and box["right"] <= 718 for box in boxes)
    assert len({(box["left"], box["top"]) for box in boxes}) == len(boxes) == 240


def test_very_small_numbers_and_a_layer_with_a_long_name_fit_a_phone(shown, site, tmp_path):
    folder = tmp_path / "odd"
    shutil.copytree(site, folder, ignore=shutil.ignore_patterns("cache"))
    data = folder / json.loads((folder / "gallery.json").read_text())["data"]
    network, units = (json.loads((data / name).read_text()) for name in ("network.json", "units/0.json"))
    network["layers"][0]["name"] = "stages.3/blocks.11 conv_pw"
    units[0] |= {"low": -2.53e-9, "high": 2.12e-9}
    (data / "network.json").write_text(json.dumps(network))
    (data / "units/0.json").write_text(json.dumps(units))
    with serving(folder) as address:
        page = shown("#/unit/stages.3%2Fblocks.11%20conv_pw:0", width=390, at=address)
        page.locator(".axis span").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        name = page.locator(".neighbours b").filter(has_text="conv_pw").first
        assert name.evaluate("""(name) => {
          const channel = document.createRange(), cell = name.closest(".cell").getBoundingClientRect();
          channel.selectNodeContents(name.lastChild);
          return channel.getBoundingClientRect().right <= cell.right && name.lastChild.data.startsWith(":");
        }""")
        page.wait_for_load_state("networkidle")  # the server ends before the page


def test_a_table_has_no_maps_and_no_crops(shown, pages, exemplum, tmp_path):
    names = [f"{number}.png" for number in range(12)]
    for number, name in enumerate(names):
        Image.new("RGB", (20, 20), (20 * number, 99, 99)).save(tmp_path / name)
    (tmp_path / "study").mkdir()
    rows = "".join(f"{name},{number}\n" for number, name in enumerate(names))
    (tmp_path / "study" / "cells.csv").write_text(f"image,it:0\n{rows}", encoding="utf-8")
    (tmp_path / "study" / "study.toml").write_text(
        '[model]\nload = "table:cells.csv"\ninput_size = 20\n[images]\nload = "folder:.."\n'
        '[explanations]\nmethods = ["natural"]\n', encoding="utf-8",
    )  # fmt: skip
    assert exemplum("gallery", str(tmp_path / "study")).returncode == 0
    with serving(tmp_path / "study" / "gallery") as address:
        page = shown("", at=address)
        expect(page.locator("footer")).to_contain_text("Activation: what the table says.")
        page.get_by_role("link", name="it:0").click()
        expect(page.get_by_role("button", name="Highest image 1,")).to_be_visible()
        expect(page.get_by_role("button", name="crop")).to_have_count(0)
        page.wait_for_load_state("networkidle")  # the server ends before the page


def test_a_unit_without_crops_leaves_the_readers_choice_of_crops_alone(shown):
    page = shown("#/unit/sae:1")
    page.get_by_role("button", name="crop").click()
    page.goto(page.url.replace("sae:1", "sae:3").replace("sae%3A1", "sae:3"))
    expect(page.locator(".flag")).to_have_text("dead")
    page.goto(page.url.replace("sae:3", "sae:1"))
    expect(page.get_by_role("button", name="crop")).to_have_attribute("aria-pressed", "true")


def test_a_dead_unit_has_a_page(shown):
    page = shown("#/unit/sae:3")
    expect(page.locator(".flag")).to_have_text("dead")
    expect(page.get_by_role("heading", name="All activations")).to_be_visible()


def test_a_heatmap_is_brightest_where_the_map_is_highest(shown, site):
    """The canvas is brighter than the image at the cell of the highest value, and darker at that of the lowest."""
    page = shown("#/unit/mixed3a:5")
    luminance = """(canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return Array.from({ length: data.length / 4 }, (_, k) => data[4 * k] + data[4 * k + 1] + data[4 * k + 2]);
    }"""
    page.keyboard.press("3")
    page.wait_for_function("document.querySelectorAll('.tiles canvas').length === 18")
    page.wait_for_load_state("networkidle")
    bright = page.locator(".max canvas").first.evaluate(luminance)
    page.keyboard.press("4")
    page.wait_for_load_state("networkidle")
    lit = page.locator(".max canvas").first.evaluate(luminance)
    strongest = [place for place, value in enumerate(bright) if value > 0.9 * max(bright)]
    mean = sum(lit) / len(lit)
    assert sum(lit[place] for place in strongest) / len(strongest) > mean


def test_a_layer_of_16384_units_scrolls_without_a_blank_row(shown, site, tmp_path):
    with serving(many(site, tmp_path / "many")) as address:
        page = shown("#/units?layer=mixed3a", at=address)
        expect(page.get_by_role("status")).to_have_text(f"{MANY:,} units")
        assert page.locator(".grid .cell").count() < 400
        for _ in range(30):
            assert page.evaluate("() => { scrollBy(0, 700); return new Promise((done) => requestAnimationFrame(() => "
                                 f"done(({BLANK})()))); }}") == 0  # fmt: skip
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.locator(f"[data-place='{MANY - 1}']").wait_for()
        page.get_by_label("Name, or what it likes").fill("mixed3a:16000")
        expect(page.get_by_role("status")).to_have_text(f"1 unit of {MANY:,}")


def many(site: Path, folder: Path) -> Path:
    """A gallery whose first layer has MANY units: those that it has, again and again."""
    shutil.copytree(site, folder, ignore=shutil.ignore_patterns("cache"))
    data = folder / json.loads((folder / "gallery.json").read_text())["data"]
    network = json.loads((data / "network.json").read_text())
    layer = network["layers"][0]
    for other in network["layers"][1:]:
        other["first"] += MANY - layer["units"]
    columns = json.loads((data / "layers/0.json").read_text())
    again = [place % layer["units"] for place in range(MANY)]
    for name, values in columns.items():
        if name == "scores":
            columns[name] = [{key: [of[place] for place in again] for key, of in view.items()} for view in values]
        elif values is not None:
            columns[name] = [values[place] for place in again]
    columns["channel"], layer["units"] = list(range(MANY)), MANY
    (data / "network.json").write_text(json.dumps(network))
    (data / "layers/0.json").write_text(json.dumps(columns))
    return folder
