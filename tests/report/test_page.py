"""The page itself, parsed: what it shows, and that it needs nothing but itself."""

import base64
import io
import re
import tomllib
from xml.etree import ElementTree

import pandas as pd
import pytest
from PIL import Image

from exemplum import pages, tables
from exemplum.report import settings


@pytest.fixture(scope="module")
def page(written, parse):
    return parse(written / "index.html")


def test_nothing_is_fetched_from_anywhere(page, written):
    for name in ("src", "href", "data", "srcset", "poster", "action"):
        for value in page.values(name):
            assert not re.match(r"(?i)\s*(https?:|//|file:)", value), value
    text = (written / "index.html").read_text(encoding="utf-8")
    assert "@import" not in text
    assert "url(" not in text
    assert not page.all("script")


def test_every_picture_is_inside_and_decodes(page):
    images = page.all("img")
    assert len(images) > 100
    for image in images:
        head, _, body = image["src"].partition(";base64,")
        content = base64.b64decode(body, validate=True)
        if head == "data:image/svg+xml":
            ElementTree.fromstring(content)
        else:
            assert head == "data:image/webp"
            Image.open(io.BytesIO(content)).load()


def test_every_picture_has_words_for_those_who_do_not_see_it(page):
    assert all(len(image["alt"]) > 5 for image in page.all("img"))


def test_small_enough_to_be_sent(written):
    assert (written / "index.html").stat().st_size < 15e6


def test_every_figure_has_its_table_and_its_files(page, written):
    figures = [attrs["id"] for attrs in page.all("figure") if attrs.get("class") == "plot"]
    assert len(figures) >= 8
    assert figures == page.values("data-table")
    for name in figures:
        assert (written / "figures" / f"{name}.png").exists()
        assert (written / "figures" / f"{name}.svg").exists()


def test_every_caption_says_n_and_how_intervals_were_made(page):
    names = page.values("data-table")
    assert len(names) >= 8
    for name in names:
        assert re.search(r"n = \d", page.text[name]), name
        assert "interval" in page.text[name], name


def test_links_lead_somewhere(page, written):
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        target = link["href"]
        assert target[1:] in ids if target.startswith("#") else (written / target).exists(), target


def test_accuracies_in_the_text_are_those_of_the_table(page, study):
    rows = tables.ESTIMATES.read(study.folder / "analysis/estimates.parquet")
    rows = rows[(rows["measure"] == "accuracy") & (rows["by"] == "all") & (rows["trial_kind"] == "main")]
    assert len(rows) == 9
    for row in rows.itertuples():
        assert pages.percent(row.estimate) in page.text["result"]
        assert pages.interval(row.low, row.high) in page.text["result"]


def test_the_text_makes_no_claim_but_the_declared_ones(page, study):
    """The primary's sentence alone: p of the exploratory comparisons, .012 here, stays in their table."""
    verdicts = tables.VERDICTS.read(study.folder / "analysis/verdicts.parquet")
    primary, exploratory = (
        verdicts[verdicts["role"] == role]["sentence"].item() for role in ("primary", "exploratory")
    )
    assert primary in page.text["result"]
    assert exploratory not in page.text["result"]
    assert "p = .012" not in page.text["result"]


def test_tables_of_figures_hold_the_estimates(page, study):
    rows = tables.ESTIMATES.read(study.folder / "analysis/estimates.parquet")
    rows = rows[(rows["measure"] == "accuracy") & (rows["by"] == "layer")]
    assert len(rows)
    shown = page.text["accuracy_by_layer"]
    for row in rows.itertuples():
        assert f"{row.estimate:.3f}" in shown
        assert row.group in shown


def test_undefined_is_shown_as_a_dash(page):
    # nobody's reaction time is measured for machines, and the ideal observer is never wrong
    table = page.text["confidence_by_correctness"]
    assert "—" in table
    assert "nan" not in table.lower()


@pytest.mark.parametrize("name", ["asked", "result", "answered", "trial", "figures", "units", "run", "tables"])
def test_nothing_reads_nan_or_none(page, name):
    assert not re.search(r"\bnan\b|\bNone\b|\bNaN\b", page.text[name])


def test_the_screen_of_a_trial(page):
    shown = page.text["trial"]
    assert shown.count("Minimally activating") == shown.count("Maximally activating") == 2  # natural and synthetic
    assert shown.count("Which of the two images at the center") == 3  # and none
    assert shown.count("more confident →") == 6  # below the upper and above the lower query
    references = [image["alt"] for image in page.all("img") if "reference" in image["alt"]]
    assert len(references) == 2 * 2 * 9


def test_which_query_is_right_is_told_only_below_the_screen(written, study):
    html = (written / "index.html").read_text(encoding="utf-8")
    screens = re.findall(r'<div class="screen".*?<details>', html, flags=re.S)
    assert len(screens) == 3
    for screen in screens:
        words = re.sub(r'src="[^"]*"', "", screen)
        assert not re.search(r"max_\d|min_\d|query_max|right|correct", words)
    trials = tables.TRIALS.read(study.folder / "design/trials.parquet").set_index("trial_id")
    told = re.findall(r'aria-label="Trial (\S+) as.*?<p>The (upper|lower) image\.', html, flags=re.S)
    sides = {"top": "upper", "bottom": "lower"}
    assert told
    assert all(side == sides[trials.loc[trial, "max_side"]] for trial, side in told)
    assert len(re.findall(r"People: participants \d of \d\. Machines: similarity \d of \d, ideal", html)) == 3


def test_cards_count_right_answers(page, study):
    responses = pd.concat([tables.RESPONSES.read(path) for path in (study.folder / "responses").glob("*.parquet")])
    main = responses[(responses["trial_kind"] == "main") & (responses["observer"] == "participants")]
    assert main["unit"].nunique() > 1
    for unit, rows in main.groupby("unit"):
        own = rows[rows["condition"] == "natural"]["correct"]
        assert f"{own.sum()}/{len(own)}" in page.text[f"unit-{unit}"]


def test_what_was_run_is_written_down(page, study):
    shown = page.text["run"]
    assert "torn.jpg: truncated" in shown
    assert study.config.model_dump(mode="json")["design"]["protocol"] in shown
    for name in ("index", "explanations", "design", "responses", "analysis"):
        assert study.record(name)["fingerprint"] in shown
    assert "participants = 4" in shown  # study.toml


def test_codes_that_pay_the_reward_are_not_shown(page, written):
    assert "C0FFEE" not in (written / "index.html").read_text(encoding="utf-8")
    assert 'completed = "(not shown)" # pays the reward' in " ".join(page.text["run"].split())
    assert '"completed": "(not shown)", "failed_attention": ""' in " ".join(page.text["run"].split())


@pytest.mark.parametrize("toml", [
    '[server.codes]\ncompleted="C1F"\n# no_consent = "C1F"\n[server.pay]\nscreened_out = 0.25\n',
    "[server]\ntitle = 'A'\ncodes = { completed = 'C1F', \"no_consent\" = \"\\\"C1F\" }\n",
    'server.redirects.completed = """\nhttps://panel.org/?cc=C1F"""\n',
    '[server.codes]\n"complet\\u0065d" = "C1F"\n',
    '[server]\ntitle = "completed = \'C1F\'"\ncodes.completed = "C1F"\n',
    '[server]\nbackup = "C1F"\n',
])  # fmt: skip
def test_a_code_is_not_shown_however_it_is_written(toml):
    """What is shown has all else, or nothing of the file: the fourth and the fifth."""
    assert "C1F" in str(tomllib.loads(toml))
    shown = settings.covered(toml)
    assert "C1F" not in shown
    assert shown.startswith("(not shown)") or tomllib.loads(shown).keys() == tomllib.loads(toml).keys()


def test_notes_of_the_design_are_shown(page):
    assert "3 units, 45 in the protocol" in page.text["asked"]


@pytest.mark.parametrize("name", ["estimates", "comparisons", "responses", "trials", "stimuli", "units"])
def test_tables_lie_beside_the_page(written, name):
    csv = pd.read_csv(written / "tables" / f"{name}.csv")
    parquet = pd.read_parquet(written / "tables" / f"{name}.parquet")
    assert len(csv) == len(parquet) > 0
    assert list(csv) == list(parquet)
