"""The network page: what it shows is what the tables hold, it needs nothing but itself, and it works in a browser."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from building import axe_faults
from exemplum.scores import Scores, summary
from exemplum.scores.page import ranked
from exemplum.scores.page.ranked import View
from exemplum.tables import SCORES


@pytest.fixture(scope="module")
def path(study) -> Path:
    return study.folder / "scores" / "index.html"


@pytest.fixture(scope="module")
def html(path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.fixture
def page(chromium, path):
    """Opens the page at a width; fails if the page asks for anything, or its script does."""
    context = chromium.new_context(viewport={"width": 1100, "height": 900}, locale="en-GB")
    found = context.new_page()
    asked, wrong = [], []
    found.on("request", lambda request: asked.append(request.url))
    found.on("console", lambda message: wrong.append(message.text))
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.goto(path.as_uri())
    yield found
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert not wrong
    context.close()


def test_the_page_fits_a_desk_and_a_telephone(page):
    for width in (1100, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0 && image.alt)")


@pytest.mark.parametrize("width", [400, pytest.param(1100, marks=pytest.mark.slow)])
def test_axe_finds_no_fault(page, width):
    """Tables of units scroll in a narrow window, and are reached by keyboard."""
    page.set_viewport_size({"width": width, "height": 900})
    assert page.locator(".card .scroll[tabindex='0']").count() == page.locator(".card .scroll").count() > 0
    assert axe_faults(page) == []


def test_a_point_shows_its_unit_with_pictures_to_the_pointer_and_to_the_keyboard(page):
    held = json.loads(page.text_content("#data"))
    one = held["scatters"][0]
    field, told = page.locator("#scatter0"), page.locator("#scatter0 .told")
    field.scroll_into_view_if_needed()
    page.wait_for_timeout(600)  # smooth scrolling
    assert told.is_hidden()
    box = page.locator("#scatter0 svg").bounding_box()
    x, y = one["at"][5]
    scale = box["width"] / 440
    page.mouse.move(box["x"] + x * scale, box["y"] + y * scale)
    near = [held["units"][unit] for unit, at in zip(one["unit"], one["at"], strict=True) if at == one["at"][5]]
    assert told.locator("b").inner_text() in near
    assert told.locator(".sheet i").count() == 4
    assert "luminance" in told.inner_text()
    page.mouse.move(0, 0)
    field.focus()
    page.keyboard.press("End")
    values = [at[0] for at in one["at"]]
    rightmost = {held["units"][one["unit"][k]] for k in np.flatnonzero(np.array(values) == max(values))}
    assert told.locator("b").inner_text() in rightmost
    page.keyboard.press("Escape")
    assert told.is_hidden()


def test_without_scripts_all_but_the_pointing_is_there(chromium, path):
    context = chromium.new_context(java_script_enabled=False)
    found = context.new_page()
    found.goto(path.as_uri())
    assert found.locator("#best .card").count() == 9
    assert found.locator("#best .card img").first.bounding_box()["width"] > 20
    assert found.locator("#scatter0 svg path").count() > 10
    context.close()


def test_the_lists_are_those_of_the_table(study, html):
    """Computed by hand: mean score over both difficulties, of units that have tasks at both."""
    table = study.tables.scores.query("observer == 'luminance' and method == 'natural' and null == ''")
    sums: dict[str, list[float]] = {}
    for row in table[table["n_tasks"] > 0].itertuples():
        sums.setdefault(row.unit, []).append(row.score)
    means = {unit: sum(values) / 2 for unit, values in sums.items() if len(values) == 2}
    for name, falling in (("best", True), ("worst", False)):
        part = html.split(f'<section id="{name}">')[1].split("</section>")[0]
        shown = re.findall(r"<h3><code>(.*?)</code>", part)
        order = sorted(means.values(), reverse=falling)
        assert [means[unit] for unit in shown] == pytest.approx(order[:9])
        assert re.findall(r"mean score (\d\.\d\d)", part.split('class="cards"')[1]) == [f"{m:.2f}" for m in order[:9]]
        assert part.count("least activating image") == part.count("most activating image") == 9 * 4


def test_every_interval_is_over_units_and_there_is_no_p_value(study, html):
    """A machine is one observer. Each interval is one of the tables' intervals over units, or of a correlation."""
    text = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", html, flags=re.S).replace("\u00a0", " ")
    assert not re.search(r"\bp\s*[=<]", text)
    means, gaps = study.tables.score_summaries, study.tables.score_differences
    known = {f"{100 * low:.1f} to {100 * high:.1f} %" for low, high in means[["low", "high"]].to_numpy()}
    known |= {f"{low:+.3f} to {high:+.3f}".replace("-", "−") for low, high in gaps[["low", "high"]].to_numpy()}
    shown = re.findall(r"[\d.]+ to [\d.]+ %|[+−][\d.]+ to [+−][\d.]+", text)
    assert len(shown) > 20
    assert set(shown) <= known
    units = study.tables.scores.query("layer == 'mixed5b' and null == '' and method == 'natural'")
    own = units.query("observer == 'luminance' and difficulty == 'extreme' and n_tasks > 0")
    low, high = summary.interval(own["accuracy"].to_numpy(), own["n_tasks"].to_numpy())
    assert f"{100 * low:.1f} to {100 * high:.1f} %" in shown


def test_the_words_about_nulls_are_the_summarys(study, html):
    for level in ("extreme", "0.8"):
        for sentence in summary.said_against_nulls(study.tables.score_differences, "natural", "luminance", level):
            assert re.sub(r"-(?=\d)", "−", sentence) in html


def small_table() -> pd.DataFrame:
    """Five units by two observers at two difficulties; the last has no tasks at the harder one."""
    scores = {"a": (0.9, 0.8), "b": (0.7, 0.6), "c": (0.5, 0.4), "d": (0.3, 0.2), "e": (1.0, math.nan)}
    other = {"a": (0.1, 0.1), "b": (0.2, 0.2), "c": (0.9, 0.9), "d": (0.3, 0.3), "e": (0.5, 0.5)}
    rows = [
        {
            "unit": f"layer:{'abcde'.index(unit)}", "layer": "layer", "method": "natural", "references": 9,
            "difficulty": difficulty, "observer": observer, "null": "", "accuracy": value, "score": value,
            "score_sd": 0.2, "evidence": value, "predicted": math.nan, "n_tasks": 0 if math.isnan(value) else 20,
            "low": value, "high": value,
        }
        for observer, of in (("one", scores), ("two", other)) for unit, values in of.items()
        for difficulty, value in zip(("extreme", "0.9"), values, strict=True)
    ]  # fmt: skip
    return SCORES.frame(pd.DataFrame(rows))


def test_lists_of_a_small_table_by_hand():
    """Of a, b, c, d (means .85 .65 .45 .25; e lacks tasks) the ranks by the other observer are 1, 2, 4, 3."""
    one, two = View("one", "natural", 9), View("two", "natural", 9)
    found = ranked.lists(small_table(), one, [two])
    assert found.best == ["layer:0", "layer:1"]
    assert found.worst == ["layer:3", "layer:2"]
    assert found.disputed == ["layer:0", "layer:2", "layer:3", "layer:1"]  # gaps 100, 67, 67, 33 percentiles
    assert found.disputes["layer:0"] == "percentile 100 by one, 0 by two"
    assert found.disputes["layer:2"] == "percentile 33 by one, 100 by two"
    assert ranked.lists(small_table(), one, [two], most=1).best == ["layer:0"]
    assert ranked.luck(small_table(), one) == ""


def test_scores_without_images_have_a_page_without_pictures(tmp_path):
    html = Scores(small_table()).page(tmp_path / "page.html").read_text(encoding="utf-8")
    assert html.count('<article class="card"') == 2 + 2 + 4
    assert "<img" not in html
    assert "url(" not in html
    assert "1 reference" not in html


def test_one_observer_has_neither_scatter_nor_disputes(tmp_path):
    table = small_table().query("observer == 'one'")
    html = Scores(table).page(tmp_path / "page.html").read_text(encoding="utf-8")
    assert 'id="against"' not in html
    assert 'id="disputed"' not in html
    assert "<script" not in html


def test_a_table_without_any_task_says_so(tmp_path):
    table = small_table().assign(n_tasks=0, accuracy=math.nan, score=math.nan)
    html = Scores(table).page(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "there is no result (n = 0)" in html
    assert "nan" not in re.sub(r"<style>.*?</style>", "", html, flags=re.S)


def test_the_sheet_has_the_image_that_activates_a_unit_most(study, html):
    """Of the corpus, cut as the network sees it: the tile is the mean colour of that image."""
    from exemplum.index import stage

    index = stage.load(study).attached(stage.load_model(study), stage.open_corpus(study))
    held = json.loads(re.search(r'id="data">(.*?)</script>', html).group(1))
    sheet = decoded(re.search(r"url\((data:image/webp;base64,.*?)\)", html).group(1))
    for place in (0, 17, 101):
        tile = held["pictures"][place][0][0]
        down, across = divmod(tile, held["across"])
        side = held["side"]
        shown = sheet[down * side : (down + 1) * side, across * side : (across + 1) * side]
        real = index.exemplars(held["units"][place], k=1).images[0]
        assert np.abs(shown.mean((0, 1)) - real.mean((0, 1))).max() < 8


def decoded(uri: str) -> np.ndarray:
    import base64
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"), float)
