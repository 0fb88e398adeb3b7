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

VERSION = 2  # of the drawing
WIDTH, HEIGHT = 1280, 720
GROUND, PAPER, INK, SOFT, EDGE = "#f4f4f1", "#ffffff", "#1d252d", "#55606b", "#77828a"
REM = 15  # px: the pages' font size in this window
GAP, TITLE_HEIGHT, CHOICES_HEIGHT, MIDDLE_HEIGHT = 0.4 * REM, 1.875 * REM, 4 * REM, 1.2 * REM
QUESTION_PX, TITLE_PX, SMALL_PX, NUMBER_PX, KEY_PX = 18, 16.5, 13.5, 17, 10.8
QUESTION_Y, HINT_Y = 28, 702
STAGE_X, STAGE_Y, STAGE_WIDTH, STAGE_HEIGHT = 15, 48, 1250, 638.25
BUTTON_WIDTH, BUTTON_HEIGHT = 46.5, 43.5
BUTTONS_WIDTH = 3 * BUTTON_WIDTH + 2 * GAP
# as in geometry.ts
LEAST_TEXT = 7
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
    _write(pen, WIDTH / 2, QUESTION_Y, asked, INK, QUESTION_PX, STAGE_WIDTH, bold=True)
    _write(pen, WIDTH / 2, HINT_Y, texts["trial.keys"], SOFT, SMALL_PX, STAGE_WIDTH)
    queries = {side: picture(path) for side, path in trial.queries.items()}
    query, reference = sizes(
        queries[Side.TOP].shape[1], max((len(paths) for paths in references_by_pole(trial)), default=0)
    )
    _draw_queries(canvas, queries, query, texts)
    inner = WIDTH / 2 - max(query, BUTTONS_WIDTH) / 2 - 4 * GAP  # where the left panel ends
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


def sizes(natural: int, references: int) -> tuple[int, int]:
    """Sides in px of a query and of a reference, of images of `natural` px; as `arrange` in geometry.ts.

    >>> sizes(224, 9)
    (238, 156)
    """
    most = max(MAGNIFIED * natural, VISIBLE * STAGE_HEIGHT)
    by_height = (STAGE_HEIGHT - 2 * CHOICES_HEIGHT - MIDDLE_HEIGHT - 4 * GAP) / 2
    query = int(min(most, by_height, STAGE_WIDTH * QUERY_SHARE))
    side = min((STAGE_WIDTH - max(query, BUTTONS_WIDTH)) / 2 - 4 * GAP, STAGE_HEIGHT - TITLE_HEIGHT)
    columns = max(1, math.ceil(math.sqrt(references)))
    alone = ALONE * query if references == 1 else math.inf
    return query, int(min(most, max(LEAST, min((side - (columns - 1) * GAP) / columns, alone))))


def _draw_queries(canvas: Image.Image, queries: Mapping[Side, np.ndarray], size: int, texts: Texts) -> None:
    """The upper query with its buttons below, the lower one with its buttons above."""
    top = STAGE_Y + (STAGE_HEIGHT - 2 * size - 2 * CHOICES_HEIGHT - MIDDLE_HEIGHT) / 2
    middle = top + size + CHOICES_HEIGHT
    below = middle + MIDDLE_HEIGHT + CHOICES_HEIGHT
    pen = ImageDraw.Draw(canvas)
    for side, y, row, keys in (
        (Side.TOP, top, top + size, "QWE"), (Side.BOTTOM, below, below - CHOICES_HEIGHT, "ASD"),
    ):  # fmt: skip
        _paste(canvas, queries[side], (WIDTH - size) / 2, y, size)
        _draw_choices(pen, row, keys)
    width = max(size, BUTTONS_WIDTH)
    _write(pen, WIDTH / 2, middle + MIDDLE_HEIGHT / 2, texts["trial.more_confident"], SOFT, SMALL_PX, width)


def _draw_choices(pen: ImageDraw.ImageDraw, y: float, keys: str) -> None:
    x, top = (WIDTH - BUTTONS_WIDTH) / 2, y + (CHOICES_HEIGHT - BUTTON_HEIGHT) / 2
    for place, key in enumerate(keys):
        left = x + place * (BUTTON_WIDTH + GAP)
        box: Box = (left, top, left + BUTTON_WIDTH, top + BUTTON_HEIGHT)
        pen.rounded_rectangle(box, 7, PAPER, EDGE)
        middle = (left + BUTTON_WIDTH / 2, top + BUTTON_HEIGHT / 2)
        pen.text(middle, str(place + 1), INK, font(NUMBER_PX, bold=True), "mm")
        pen.text((left + BUTTON_WIDTH - 4, top + BUTTON_HEIGHT - 3), key, SOFT, font(KEY_PX), "rs")


def _draw_panel(
    canvas: Image.Image, pictures: Sequence[np.ndarray], size: int, title: str, place: str, edge: float
) -> None:
    """A title above a grid of references; `edge` is the side of the panel that is next to the queries."""
    columns = max(1, math.ceil(math.sqrt(len(pictures))))
    rows = math.ceil(len(pictures) / columns)
    width, height = (count * (size + GAP) - GAP for count in (columns, rows))
    x = edge - width if place == "left" else edge
    y = STAGE_Y + (STAGE_HEIGHT - height - TITLE_HEIGHT) / 2
    room = max(width, 12 * REM)
    _write(ImageDraw.Draw(canvas), x + width / 2, y + TITLE_PX * 0.6, title, INK, TITLE_PX, room, bold=True)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        _paste(canvas, picture, x + column * (size + GAP), y + TITLE_HEIGHT + row * (size + GAP), size)


def _write(
    pen: ImageDraw.ImageDraw, x: float, y: float, text: str, colour: str, size: float, room: float, bold: bool = False
) -> None:
    """A line of text around a point, smaller where it is longer than the room; as fitting.ts."""
    while size > LEAST_TEXT and font(size, bold).getlength(text) > room:
        size *= 0.95
    pen.text((x, y), text, colour, font(size, bold), "mm")


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
