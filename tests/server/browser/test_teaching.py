"""The task is taught: worked examples with remarks, blocks without references explained, and a check."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from building import axe_faults
from exemplum.server.storage.schema import SessionRow, StepRecord
from server.browser.conftest import walked
from server.browser.person import Person

OVERFLOW = "document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight"
AGAIN = {"en": "Let us look at the task once more", "de": "Sehen wir uns die Aufgabe noch einmal an"}
PAGES = {  # headings, in their order; the examples come after the first
    "en": ["Your task", "Blocks without images to compare with", "How to answer", "What happens next"],
    "de": ["Ihre Aufgabe", "Blöcke ohne Vergleichsbilder", "So antworten Sie", "So geht es weiter"],
}
EXAMPLES = {
    "en": {"natural": "An example: Natural images", "synthetic": "An example: Computer-made images"},
    "de": {"natural": "Ein Beispiel: Natürliche Bilder", "synthetic": "Ein Beispiel: Computererzeugte Bilder"},
}


@pytest.mark.parametrize(
    ("language", "window"),
    [
        ("en", {"width": 1280, "height": 720}),
        pytest.param("de", {"width": 810, "height": 1080}, marks=pytest.mark.slow),
    ],
)
def test_the_instructions_explain_and_the_check_brings_them_back(host, chromium, language, window):
    """Oracle: the solution that the server holds. No page scrolls."""
    running = host(main=2, toml="[server]\ncomprehension = true\nminutes = 7\n")
    context = chromium.new_context(viewport=window, locale=language)
    walked(running, context, lambda step: step["kind"] == "instructions")
    with running.experiment.database.read() as orm:
        step = next(s for s in orm.scalars(select(SessionRow.steps)).one() if s["kind"] == "instructions")
    page = context.new_page()
    page.goto(running.url)
    page.locator('body[data-kind="instructions"]').wait_for()
    headings, overflows = [], []

    def look(what):
        headings.append(page.locator("h1").first.inner_text())
        if page.evaluate(OVERFLOW):
            overflows.append(headings[-1])
        if what == "example":
            solved = headings.count(headings[-1]) % 2 == 0  # each stands first without its solution, then with it
            example = next(e for e in step["examples"] if EXAMPLES[language][e["condition"]] == headings[-1])
            check_example(page, example, solved)
            check_words(page, running.experiment.texts[language], example["condition"], solved, window)

    person = Person(page, running.experiment, lambda _trial: ("top", 1), language=language)
    person.look = look
    person.instructions()
    first, *rest = PAGES[language]
    assert headings == [first, *(EXAMPLES[language][e["condition"]] for e in step["examples"] for _ in range(2)), *rest]
    expect(page.locator("body")).to_have_attribute("data-kind", "comprehension")
    person.comprehension(image_to_choose="liked")
    expect(page.locator("h1")).to_have_text(AGAIN[language])
    expect(page.locator(".points li")).to_have_count(1)
    assert axe_faults(page) == []  # of all other pages: test_accessibility.py
    person.instructions()
    expect(page.locator("body")).to_have_attribute("data-kind", "comprehension")
    person.comprehension()
    expect(page.locator("body")).to_have_attribute("data-kind", "intuitiveness")
    assert overflows == []
    with running.experiment.database.read() as orm:
        assert len(orm.scalars(select(StepRecord).where(StepRecord.kind == "comprehension")).all()) == 2
    context.close()


PAID = """[server]
minutes = 7
[server.pay]
amount = 4.5
bonus = "accuracy"
bonus_amount = 1
"""


def test_consent_says_how_long_it_takes_and_what_it_pays(host, context):
    page = context.new_page()
    page.goto(host(main=1, toml=PAID).url)
    for words in ("about 7 minutes", "£4.50", "up to £1.00", "above 50 % correct"):
        expect(page.locator("article")).to_contain_text(words)
    page.get_by_role("button", name="Deutsch").click()
    for words in ("etwa 7 Minuten", "4,50"):
        expect(page.locator("article")).to_contain_text(words)


def check_words(page, texts, condition, solved, window):
    """What to look for depends on the kind of images, and where the queries are on how the window is held."""
    kind = "condition.synthetic.{}" if condition == "synthetic" else "instructions.example.{}"
    said = texts[kind.format("common" if solved else "look" if condition == "synthetic" else "right")]
    remark = page.locator('.remarks [data-place="right"] > span')
    expect(remark.nth(0)).to_have_text(f"{texts['trial.right.title']}:")  # heard, not seen
    expect(remark.nth(1)).to_have_text(said.format(number=9))
    for width, height in (window["height"], window["width"]), (window["width"], window["height"]):
        page.set_viewport_size({"width": width, "height": height})
        asked = texts["trial.question_upright" if width < height else "trial.question"]
        expect(page.locator(".question")).to_have_text(asked)


def check_example(page, example, solved):
    """Three numbered remarks, and with the solution arrows to both queries and a frame around the correct one."""
    expect(page.locator(".remarks li")).to_have_count(3)
    expect(page.locator(".marks .number")).to_have_text(["1", "2", "3"])
    expect(page.locator(".marks .arrow")).to_have_count(2 if solved else 0)
    solutions = page.locator(".query[data-solution]")
    expect(solutions).to_have_count(1 if solved else 0)
    if solved:
        expect(solutions).to_have_attribute("data-side", example["solution"])
