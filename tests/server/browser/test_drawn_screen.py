"""The trial screen that machines are shown is the one that people see."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from exemplum import store
from exemplum.design import screen, texts
from exemplum.server.sessions.schedule import trial_of
from server.browser.person import Person
from server.browser.test_losses import OPEN, truthful

BOXES = """() => [...document.images].map(image => image.getBoundingClientRect())
  .map(({left, top, right, bottom}) => [left, top, right, bottom])"""


@pytest.mark.parametrize(("asked", "number", "shown"), [
    ({}, 5, 20), ({"protocol": "borowski2021-2"}, 1, 3),
])  # fmt: skip
def test_each_image_is_drawn_where_the_browser_shows_it(at_block, context, asked, number, shown):
    running, _ = at_block(number=number, **asked)
    page = context.new_page()
    page.goto(running.url)
    person = Person(page, running.experiment, truthful)
    person.go_on()
    page.locator(OPEN).wait_for()
    boxes = np.round(page.evaluate(BOXES)).astype(int)
    assert len(boxes) == shown
    trial, words = trial_of(person.pending().spec), texts.load(running.folder, ["en"])["en"]
    drawn = screen.draw(trial, lambda path: store.read_png(running.folder / path), words)
    pictures = (Image.open(io.BytesIO(page.screenshot())), Image.fromarray(drawn))
    assert pictures[0].size == pictures[1].size
    # one of the two rounds to a whole pixel where the other does not, and they enlarge in different ways
    seen, drawn = (gaussian_filter(np.asarray(picture.convert("L"), float), 3) for picture in pictures)
    for left, top, right, bottom in boxes:
        pixels = [of[top:bottom, left:right].ravel() for of in (seen, drawn)]
        assert np.corrcoef(*pixels)[0, 1] > 0.9
    assert np.corrcoef(seen.ravel(), drawn.ravel())[0, 1] > 0.98  # the words too
