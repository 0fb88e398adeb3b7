"""The figure of the whole idea as SVG: network, pictures of a unit, trial, observers, verdict.

`python -m tools.screenshots exemplum-demo figures` writes it to docs/pictures/idea.webp.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from exemplum import queries
from exemplum.pages import data_uri
from exemplum.records import Trial
from exemplum.study import Study

WIDTH, HEIGHT = 760, 950
PAPER, PANEL, INK, SOFT, LINE, BLUE, ORANGE, GREEN = (
    "#ffffff", "#f4f4f1", "#1d252d", "#55606b", "#c9ced3", "#1f6f9f", "#c8561b", "#157f3d",
)  # fmt: skip
# Borowski et al. (2021), Experiment I, as docs/explanation/inference.md has them: shares right, and twice their SE
PUBLISHED = (("natural", 0.922, 0.017, BLUE), ("synthetic", 0.820, 0.040, ORANGE))
VERDICT = "worse, by 10 points (4 to 16)"
CENTRAL = 'text-anchor="middle"'


def svg(study: Study, trial: Trial) -> str:
    """The figure, 760 × 950; the pictures are those of the trial and of its unit."""
    stimuli, _ = queries.load(study)
    own = stimuli[stimuli["unit"] == str(trial.unit.unit)]
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="14" fill="{PAPER}"/>',
        *_network(study, stimuli),
        *_pictures(study, own),
        *_trial(study, trial),
        *_observers(),
        *_verdict(),
        _arrow("M 352 160 H 378"),
        _arrow("M 570 306 V 332"),
        _arrow("M 190 662 V 688"),
        _arrow("M 352 810 H 378"),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'{head} font-family="system-ui, sans-serif" fill="{INK}">{"".join(parts)}</svg>'


def _network(study: Study, stimuli: pd.DataFrame) -> Iterable[str]:
    yield _panel(16, 16, 330, 284, "1", "A network, its images")
    for at in range(5):
        height = 96 - 12 * at
        x, top = 46 + 58 * at, 134 - height / 2
        box = f'<rect x="{x}" y="{top}" width="26" height="{height}" rx="4"'
        yield f'{box} fill="#fff" stroke="{LINE}" stroke-width="2"/>'
        for cell in range(4):
            chosen = (at, cell) == (3, 1)
            y = top + height * (cell + 0.5) / 4
            yield f'<circle cx="{x + 13}" cy="{y}" r="{6.5 if chosen else 4}" fill="{ORANGE if chosen else LINE}"/>'
    yield f'<text x="233" y="80" font-size="17" fill="{ORANGE}" {CENTRAL}>one unit</text>'
    random = stimuli[stimuli["method"] == "random"].drop_duplicates("image")["path"].iloc[:12:2]
    yield from _row(study, list(random), 34, 204, 44, 6)
    yield f'<text x="181" y="270" font-size="17" fill="{SOFT}" {CENTRAL}>How strongly does each</text>'
    yield f'<text x="181" y="290" font-size="17" fill="{SOFT}" {CENTRAL}>image activate the unit?</text>'


def _pictures(study: Study, own: pd.DataFrame) -> Iterable[str]:
    yield _panel(384, 16, 360, 284, "2", "Pictures said to explain it")
    for x, method, title in ((398, "natural", "natural images"), (572, "synthetic", "synthetic pictures")):
        yield f'<text x="{x + 79}" y="78" font-size="17" {CENTRAL}>{title}</text>'
        for y, pole in ((90, "max"), (190, "min")):
            shown = own[(own["method"] == method) & (own["pole"] == pole)].sort_values(["batch", "position"])
            yield from _row(study, list(shown["path"].drop_duplicates()[:2]), x, y, 76, 2)
    for y, words in ((184, "that activate it most"), (284, "… and least")):
        yield f'<text x="564" y="{y}" font-size="15" fill="{SOFT}" {CENTRAL}>{words}</text>'


def _trial(study: Study, trial: Trial) -> Iterable[str]:
    yield _panel(16, 338, 728, 320, "3", "A trial: which of the two at the centre also activates the unit?")
    for x, paths, words in (
        (34, trial.references.min, "Minimally activating"),
        (500, trial.references.max, "Maximally activating"),
    ):
        yield f'<text x="{x + 113}" y="410" font-size="17" font-weight="600" {CENTRAL}>{words}</text>'
        for row in range(3):
            yield from _row(study, list(paths[3 * row : 3 * row + 3]), x, 422 + 76 * row, 74, 3)
    for y, path in zip((392, 524), trial.queries.values(), strict=True):
        yield _image(study, path, 318, y, 124)


def _observers() -> Iterable[str]:
    yield _panel(16, 694, 330, 240, "4", "People and machines")
    for at in range(3):
        x = 62 + 50 * at
        yield f'<circle cx="{x}" cy="782" r="14" fill="{BLUE}"/>'
        yield f'<path d="M {x - 22} 834 a 22 26 0 0 1 44 0 z" fill="{BLUE}"/>'
    yield f'<rect x="234" y="768" width="84" height="58" rx="6" fill="none" stroke="{SOFT}" stroke-width="4"/>'
    yield f'<path d="M 226 838 H 326" stroke="{SOFT}" stroke-width="6" stroke-linecap="round"/>'
    yield f'<text x="276" y="804" font-size="18" fill="{SOFT}" {CENTRAL}>Δ &gt; 0 ?</text>'
    for y, words in ((878, "answer the same trials;"), (902, "their answers are one table")):
        yield f'<text x="181" y="{y}" font-size="17" fill="{SOFT}" {CENTRAL}>{words}</text>'


def _verdict() -> Iterable[str]:
    yield _panel(384, 694, 360, 240, "5", "The verdict")
    left, right = 500, 720  # half right, all right

    def at(share: float) -> float:
        return left + (right - left) * (share - 0.5) / 0.5

    yield f'<path d="M {left} 752 V 852 M {left} 852 H {right}" stroke="{LINE}" stroke-width="2" fill="none"/>'
    for y, (name, share, error, colour) in zip((774, 820), PUBLISHED, strict=True):
        yield f'<text x="488" y="{y + 6}" font-size="17" text-anchor="end">{name}</text>'
        ends = [f"{at(share + sign * error):.1f}" for sign in (-1, 1)]
        span = f"M {ends[0]} {y} H {ends[1]} M {ends[0]} {y - 6} v 12 M {ends[1]} {y - 6} v 12"
        yield f'<path d="{span}" stroke="{colour}" stroke-width="3"/>'
        yield f'<circle cx="{at(share):.1f}" cy="{y}" r="6" fill="{colour}"/>'
        yield f'<text x="{at(share):.1f}" y="{y - 14}" font-size="16" {CENTRAL}>{share:.0%}</text>'
    yield f'<text x="{left}" y="872" font-size="15" fill="{SOFT}" {CENTRAL}>50 %</text>'
    yield f'<text x="{right}" y="872" font-size="15" fill="{SOFT}" {CENTRAL}>100 %</text>'
    yield f'<text x="564" y="896" font-size="18" font-weight="600" {CENTRAL}>{VERDICT}</text>'
    yield f'<text x="564" y="919" font-size="15" fill="{SOFT}" {CENTRAL}>for new people and new units</text>'


def _panel(x: int, y: int, width: int, height: int, number: str, title: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" fill="{PANEL}"/>'
        f'<circle cx="{x + 24}" cy="{y + 25}" r="14" fill="{INK}"/>'
        f'<text x="{x + 24}" y="{y + 31}" font-size="17" font-weight="700" fill="#fff" {CENTRAL}>{number}</text>'
        f'<text x="{x + 46}" y="{y + 32}" font-size="19" font-weight="700">{title}</text>'
    )


def _arrow(path: str) -> str:
    """A line with a head at its end; lines go right or down."""
    *_, end = path.split()
    if "H" in path:
        y = path.split()[2]
        head = f"M {int(end) - 8} {int(y) - 7} L {end} {y} L {int(end) - 8} {int(y) + 7}"
    else:
        x = path.split()[1]
        head = f"M {int(x) - 7} {int(end) - 8} L {x} {end} L {int(x) + 7} {int(end) - 8}"
    return f'<path d="{path} {head}" stroke="{INK}" stroke-width="3" fill="none" stroke-linecap="round"/>'


def _row(study: Study, paths: Sequence[str], x: float, y: float, side: int, across: int) -> Iterable[str]:
    for at, path in enumerate(paths[:across]):
        yield _image(study, path, x + at * (side + 4), y, side)


def _image(study: Study, path: str, x: float, y: float, side: int) -> str:
    held = data_uri((study.folder / path).read_bytes(), "image/png")
    return f'<image x="{x}" y="{y}" width="{side}" height="{side}" href="{held}"/>'
