"""The screen of a trial as a picture: what participants see in a window of 1280 × 720 CSS pixels.

Sizes are those of the participant's pages (web/src/style.css, web/src/geometry.ts) at this window.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from exemplum.records import Side, Trial

VERSION = 1  # of the drawing
WIDTH, HEIGHT = 1280, 720
GROUND, PAPER, INK, SOFT, EDGE = "#f4f4f1", "#ffffff", "#1d252d", "#55606b", "#77828a"
REM = 15  # px: the pages' font size in this window
GAP = 0.4 * REM
QUESTION_Y, QUESTION_PX, TITLE_PX, SMALL_PX, NUMBER_PX, KEY_PX = 28, 18, 16.5, 13.5, 17, 10.8
STAGE_X, STAGE_Y, STAGE_WIDTH, STAGE_HEIGHT = 15, 48, 1250, 638
TITLE_HEIGHT, CHOICES_HEIGHT = 28, 60
BUTTON_WIDTH, BUTTON_HEIGHT = 46, 44
HINT_Y = 702
# as in geometry.ts
LEAST, ALONE, MAGNIFIED, VISIBLE, QUERY_SHARE = 48, 1.5, 3, 0.27, 0.25

Texts = Mapping[str, str]  # by key, as `texts.load` gives them for one language
Box = tuple[float, float, float, float]


def draw(trial: Trial, picture: Callable[[str], np.ndarray], texts: Texts) -> np.ndarray:
    """Draw the screen of a trial before it is answered: uint8 (720, 1280, 3).

    The minimal references stand on the left, the maximal ones on the right, the queries one above the other at the
    centre with three buttons each. `picture` gives the image of a path, uint8 (h, w, 3).

    >>> from exemplum.design import texts
    >>> from exemplum.records import make_trial
    >>> trial = make_trial("mixed4a:30", max=["a"], min=["b"], queries=("c", "d"))
    >>> draw(trial, lambda path: np.zeros((96, 96, 3), np.uint8), texts.load(Path(), ["en"])["en"]).shape
    (720, 1280, 3)
    """
    canvas = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    pen = ImageDraw.Draw(canvas)
    asked = texts[texts_of(trial)[0]]
    pen.text((WIDTH / 2, QUESTION_Y), asked, INK, font(QUESTION_PX, bold=True), "mm")
    pen.text((WIDTH / 2, HINT_Y), texts["trial.keys"], SOFT, font(SMALL_PX), "mm")
    queries = {side: picture(path) for side, path in trial.queries.items()}
    centre = _choices_width(texts["trial.more_confident"])
    shown = [len(paths) for paths in references_by_pole(trial) if paths]
    query, reference = sizes(queries[Side.TOP].shape[1], len(shown), max(shown, default=0), centre)
    _draw_queries(canvas, queries, query, texts)
    inner = WIDTH / 2 - max(query, centre) / 2 - 4 * GAP  # where the left panel ends
    for paths, key, edge in zip(references_by_pole(trial), ("left", "right"), (inner, WIDTH - inner), strict=True):
        if paths:
            _draw_panel(canvas, [picture(path) for path in paths], reference, texts[f"trial.{key}.title"], key, edge)
    return np.asarray(canvas)


def texts_of(trial: Trial) -> list[str]:
    """The keys of the texts that are drawn."""
    left, right = references_by_pole(trial)
    titles = [f"trial.{key}.title" for key, paths in (("left", left), ("right", right)) if paths]
    question = "trial.question" if any(trial.references) else "trial.question_none"
    return [question, *titles, "trial.more_confident", "trial.keys"]


def references_by_pole(trial: Trial) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The references on the left and on the right."""
    return trial.references.min, trial.references.max


def sizes(natural: int, panels: int, references: int, centre: float) -> tuple[int, int]:
    """Sides in px of a query and of a reference, of images of `natural` px; as `fit` in geometry.ts."""
    columns = max(1, math.ceil(math.sqrt(references)))
    by_height = (STAGE_HEIGHT - 2 * CHOICES_HEIGHT - 7 * GAP) / 2
    query = min(by_height, max(220, STAGE_WIDTH * QUERY_SHARE) if panels else STAGE_WIDTH)
    side = (STAGE_WIDTH - max(query, centre)) / 2 - 4 * GAP
    inner = (columns - 1) * GAP
    alone = ALONE * query if references == 1 else math.inf
    reference = max(LEAST, min((side - inner) / columns, (STAGE_HEIGHT - TITLE_HEIGHT - inner) / columns, alone))
    most = max(MAGNIFIED * natural, VISIBLE * STAGE_HEIGHT)
    return int(min(most, max(LEAST, query))), int(min(most, reference)) if panels else 0


def _draw_queries(canvas: Image.Image, queries: Mapping[Side, np.ndarray], size: int, texts: Texts) -> None:
    """The upper query with its buttons below, the lower one with its buttons above."""
    top = STAGE_Y + (STAGE_HEIGHT - 2 * size - 2 * CHOICES_HEIGHT - 3 * GAP) / 2
    below = top + size + 2 * CHOICES_HEIGHT + 3 * GAP
    for side, y, row in (
        (Side.TOP, top, top + size), (Side.BOTTOM, below, below - CHOICES_HEIGHT),
    ):  # fmt: skip
        _paste(canvas, queries[side], (WIDTH - size) / 2, y, size)
        _draw_choices(ImageDraw.Draw(canvas), row, "QWE" if side is Side.TOP else "ASD", texts["trial.more_confident"])


def _choices_width(more_confident: str) -> float:
    return 3 * (BUTTON_WIDTH + GAP) + font(SMALL_PX).getlength(more_confident)


def _draw_choices(pen: ImageDraw.ImageDraw, y: float, keys: str, more_confident: str) -> None:
    x, top = (WIDTH - _choices_width(more_confident)) / 2, y + (CHOICES_HEIGHT - BUTTON_HEIGHT) / 2
    for place, key in enumerate(keys):
        left = x + place * (BUTTON_WIDTH + GAP)
        box: Box = (left, top, left + BUTTON_WIDTH, top + BUTTON_HEIGHT)
        pen.rounded_rectangle(box, 7, PAPER, EDGE)
        middle = (left + BUTTON_WIDTH / 2, top + BUTTON_HEIGHT / 2)
        pen.text(middle, str(place + 1), INK, font(NUMBER_PX, bold=True), "mm")
        pen.text((left + BUTTON_WIDTH - 4, top + BUTTON_HEIGHT - 3), key, SOFT, font(KEY_PX), "rs")
    pen.text((x + 3 * (BUTTON_WIDTH + GAP), y + CHOICES_HEIGHT / 2), more_confident, SOFT, font(SMALL_PX), "lm")


def _draw_panel(
    canvas: Image.Image, pictures: Sequence[np.ndarray], size: int, title: str, place: str, edge: float
) -> None:
    """A title above a grid of references; `edge` is the side of the panel that is next to the queries."""
    columns = max(1, math.ceil(math.sqrt(len(pictures))))
    rows = math.ceil(len(pictures) / columns)
    width, height = (count * (size + GAP) - GAP for count in (columns, rows))
    pen = ImageDraw.Draw(canvas)
    panel = max(width, font(TITLE_PX, bold=True).getlength(title))
    x = edge - panel if place == "left" else edge
    y = STAGE_Y + (STAGE_HEIGHT - height - TITLE_HEIGHT) / 2
    pen.text((x + panel / 2, y + TITLE_PX * 0.6), title, INK, font(TITLE_PX, bold=True), "mm")
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        _paste(canvas, picture, x + column * (size + GAP), y + TITLE_HEIGHT + row * (size + GAP), size)


def _paste(canvas: Image.Image, picture: np.ndarray, x: float, y: float, size: int) -> None:
    """The whole picture in a square of this size, as `object-fit: contain`."""
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(picture).resize(shape, Image.Resampling.BICUBIC)
    canvas.paste(image, (round(x + (size - shape[0]) / 2), round(y + (size - shape[1]) / 2)))


@cache
def font(size: float, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and has the letters of Latin, Greek and Cyrillic scripts."""
    import matplotlib as mpl

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(mpl.get_data_path(), "fonts", "ttf", name), size)
