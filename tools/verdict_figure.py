"""The figure of what a verdict can be, as SVG: an interval for each verdict, beside 0 and the margin.

`python -m tools.screenshots exemplum-demo figures` writes it to docs/pictures/verdicts.webp.
"""

from __future__ import annotations

from collections.abc import Iterator

from scipy import stats

WIDTH, HEIGHT = 900, 420
PAPER, INK, SOFT, LINE, BAND, MARK = "#ffffff", "#1d252d", "#55606b", "#c9d0d6", "#e8f1f6", "#1f6f9f"
MARGIN = 5.0  # points, the default of [analysis] margin
DF = 30
LEFT, PER_POINT, TOP, STEP = 570, 13.0, 92, 44  # px: where 0 is, a point, the first row, between rows
EXAMPLES = (  # difference and its standard error, in points
    (9.0, 2.6), (2.4, 0.9), (0.6, 2.1), (-1.8, 3.6), (4.6, 2.9), (-2.4, 0.9), (-10.2, 3.0),
)  # fmt: skip


def decided(difference: float, error: float) -> str:
    """The verdict on one claim alone, in points: without Holm's correction, and without skewness."""
    low, high = _interval(difference, error, 0.95)
    inner_low, inner_high = _interval(difference, error, 0.90)
    differs, equivalent = low > 0 or high < 0, inner_low > -MARGIN and inner_high < MARGIN
    if differs:
        return ("better" if difference > 0 else "worse") + (" within the margin" if equivalent else "")
    return "equivalent" if equivalent else "undecided"


def svg() -> str:
    """The figure, 900 × 420."""
    bottom = TOP + STEP * len(EXAMPLES) - 16
    band = f'x="{_at(-MARGIN)}" y="{TOP - 24}" width="{2 * MARGIN * PER_POINT}" height="{bottom - TOP + 24}"'
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="14" fill="{PAPER}"/>',
        f'<rect {band} fill="{BAND}"/>',
        f'<line x1="{LEFT}" x2="{LEFT}" y1="{TOP - 24}" y2="{bottom}" stroke="{INK}" stroke-width="1.5"/>',
        f'<text x="{LEFT}" y="34" font-size="17" text-anchor="middle">accuracy with the method − with the baseline, '
        "points</text>",
        f'<text x="{LEFT}" y="58" font-size="15" fill="{SOFT}" text-anchor="middle">within the margin: shaded</text>',
    ]
    for number, (difference, error) in enumerate(EXAMPLES):
        parts += _row(difference, error, TOP + STEP * number)
    for points in range(-15, 20, 5):
        said = f"{points:+d}".replace("-", "−") if points else "0"
        parts.append(
            f'<text x="{_at(points)}" y="{bottom + 22}" font-size="15" fill="{SOFT}" text-anchor="middle">{said}</text>'
        )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'{head} font-family="system-ui, sans-serif" fill="{INK}">{"".join(parts)}</svg>'


def _row(difference: float, error: float, y: int) -> Iterator[str]:
    yield f'<text x="36" y="{y + 6}" font-size="18" font-weight="600">{decided(difference, error)}</text>'
    for level, width in ((0.95, 2), (0.90, 7)):
        low, high = _interval(difference, error, level)
        yield (
            f'<line x1="{_at(low):.1f}" x2="{_at(high):.1f}" y1="{y}" y2="{y}" stroke="{MARK}" stroke-width="{width}"/>'
        )
    yield f'<circle cx="{_at(difference):.1f}" cy="{y}" r="7" fill="{PAPER}" stroke="{MARK}" stroke-width="3"/>'


def _interval(difference: float, error: float, level: float) -> tuple[float, float]:
    reach = float(stats.t.ppf((1 + level) / 2, DF)) * error
    return difference - reach, difference + reach


def _at(points: float) -> float:
    return LEFT + PER_POINT * points
