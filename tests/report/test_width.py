"""The page at any width, in the system's Chromium: nothing is cut off, and what scrolls can be scrolled by keyboard."""

import pytest

from building import axe_faults

WIDTHS = (400, 768, 1100, 1920)
# what sticks out of the window, outside of a frame that scrolls; and frames that scroll without focus or name
MEASURE = """() => {
  const width = document.documentElement.clientWidth;
  const inside = element => element.closest('.scroll, pre');
  const out = [...document.querySelectorAll('body *')].filter(e =>
    e.getBoundingClientRect().right > width + 1 && !inside(e) ||
    ['hidden', 'clip'].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1);
  const frames = [...document.querySelectorAll('.scroll, pre')].filter(e => e.scrollWidth > e.clientWidth);
  const dumb = frames.filter(e => e.tabIndex < 0 || !e.getAttribute('aria-label'));
  return {page: [document.documentElement.scrollWidth, width], frames: frames.length,
          wrong: [...out, ...dumb].map(e => e.outerHTML.slice(0, 120))};
}"""


@pytest.fixture(scope="module")
def opened(chromium, written):
    found = chromium.new_page()
    found.goto((written / "index.html").as_uri())
    found.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    yield found
    found.close()


@pytest.fixture
def page(opened):
    """The report on a screen, with everything open."""
    opened.emulate_media(media="screen", color_scheme="light")
    return opened


def test_nothing_is_cut_off_at_any_width(page):
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found = page.evaluate(MEASURE)
        assert found["page"] == [width, width]
        assert found["wrong"] == []
        assert found["frames"] or width > WIDTHS[0]


def test_people_and_machines_are_apart_in_every_table(page):
    """A group of rows, or a table, is of people or of machines; machines come after people."""
    mixed = """() => [...document.querySelectorAll('tbody')].map(body => {
      const names = [...body.querySelectorAll('tr:not(.kind)')].map(row => row.cells[0].textContent.trim());
      return [names.includes('participants'), names.some(name => ['similarity', 'ideal'].includes(name))];
    })"""
    found = page.evaluate(mixed)
    assert any(people for people, _ in found)
    assert any(machines for _, machines in found)
    assert not [one for one in found if all(one)]
    titles = page.locator("#answered h3").all_text_contents()
    assert titles == ["People", "Machines"]


@pytest.mark.slow  # twenty seconds
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1100])
def test_axe_finds_no_fault(page, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    assert axe_faults(page) == []


def test_nothing_is_cut_off_on_paper(page):
    """A4 without its margins is some 700 CSS px wide."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 900})
    wide = "[...document.querySelectorAll('table')].filter(one => one.offsetWidth > 702).map(one => one.innerText)"
    assert page.evaluate(wide) == []
