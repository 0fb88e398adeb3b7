"""Make the docs' pictures of pages: report, network page, participant's trials, experimenter's pages, gallery.

    python -m exemplum demo exemplum-demo
    python -m exemplum rehearse exemplum-demo --participants 24    # for the group experimenter
    python -m exemplum gallery exemplum-demo                       # for the group gallery
    python -m tools.screenshots exemplum-demo [GROUP …]            # all groups but network and people

The group people is asked for by name, with the study of docs/tutorials/people.md after its rehearsal:

    python -m tools.screenshots crops people

The group network is asked for by name, with a copy of the demo whose study.toml has in [scores] one more difficulty,
0.95, the null directions and the observer colour_histogram, after `exemplum score COPY`.

Every picture is a WebP of at most 150 kB in docs/pictures/, taken by the system's Chromium at two device pixels per CSS
pixel. `--to FOLDER` writes elsewhere. docs/start/demo.md and other pages use them.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, ViewportSize, sync_playwright
from tools import idea_figure, population_figure, verdict_figure

from exemplum import design as designs
from exemplum.errors import UserError
from exemplum.gallery.serving import server
from exemplum.server import Experiment, Settings, create_app, open_preview
from exemplum.server.pages.chromium import find_chromium
from exemplum.server.pages.preview_pdf import LIGHT, running
from exemplum.study import Study

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --force-color-profile=srgb"
)
MOST_BYTES = 150_000
QUALITIES = (92, 86, 80, 74)
PADDING = 12  # CSS pixels of background around what is taken of a page
# Trials of the demo's first schedule; docs/start/what-it-is.md gives the solutions
TRIAL = "p01-b02-t00"
TO_TRY = {"try-natural": "p01-b01-t07", "try-synthetic": "p01-b01-t08", "try-harder": "p01-b02-t03"}
UPRIGHT: ViewportSize = {"width": 700, "height": 880}  # references above the queries: large on a phone's page too
SETTLED = "Promise.all(document.getAnimations().map(animation => animation.finished))"
Shots = Iterator[tuple[str, Image.Image]]


def report(browser: Browser, study: Path) -> Shots:
    """The parts of the report, as docs/start/demo.md explains them."""
    page = _page(browser, 860, 900)
    page.goto(_existing(study / "report" / "index.html", f"exemplum run {study}").as_uri())
    yield "report-asked", _taken(page, "#asked")
    yield "report-result", _taken(page, "#result", "#result .ranking + p")
    yield "report-figure", _taken(page, "#result figure")
    yield "report-observers", _taken(page, "#answered")
    yield "report-trial", _taken(page, "#trial h2", "#trial h3 >> nth=1", includes_last=False)
    yield "report-claims", _taken(page, "#comparisons", until=560)
    yield "report-scores", _taken(page, "#scores")
    yield "report-strength", _taken(page, "#strength")
    yield "report-unit", _taken(page, "#units .card >> nth=2")
    yield "report-run", _taken(page, "#run", until=480)
    page.close()


def network(browser: Browser, study: Path) -> Shots:
    """Two parts of the network page side by side."""
    page = _page(browser, 1000, 1000)
    page.goto(_existing(study / "scores" / "index.html", f"exemplum score {study}").as_uri())
    if not page.locator("#against").count():
        raise UserError(f"{study} has scores by one observer; add colour_histogram to study.toml: [scores] observers")
    layers = _taken(page, "#layers figure >> nth=0")
    field = page.locator("#against .field >> nth=0")
    field.scroll_into_view_if_needed()
    field.focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    yield "network-page", _beside(layers, _taken(page, "#against figure >> nth=0"))
    page.close()


def figures(browser: Browser, study: Path) -> Shots:
    """What is drawn as SVG: the whole idea, with a trial of the study, whom a claim is about, what a verdict can be."""
    opened = Study.open(study)
    trial = next(trial for trial in designs.load(opened).trials if trial.trial_id == TRIAL)
    for name, figure, svg in (
        ("idea", idea_figure, idea_figure.svg(opened, trial)),
        ("populations", population_figure, population_figure.svg()),
        ("verdicts", verdict_figure, verdict_figure.svg()),
    ):
        page = _page(browser, figure.WIDTH, figure.HEIGHT)
        page.set_content(f'<body style="margin: 0">{svg}</body>')
        yield name, _image(page.screenshot())
        page.close()


def participant(browser: Browser, study: Path) -> Shots:
    """Pages of a session as a participant sees them, from the preview of the design's first schedule."""
    with tempfile.TemporaryDirectory(prefix="exemplum-screenshots-") as scratch:
        experiment, app = open_preview(Settings(study), Path(scratch))
        try:
            with running(app) as base:
                yield from _pages_of_session(browser, experiment, base)
        finally:
            experiment.close()


def experimenter(browser: Browser, study: Path) -> Shots:
    """The experimenter's list of sessions, of the study's rehearsal: its people are simulated, as the page says."""
    folder = _existing(study / "rehearsal", f"exemplum rehearse {study} --participants 24")
    opened = Experiment.open(Settings(folder))
    try:
        with running(create_app(opened)) as base:
            page = _page(browser, 1280, 860)
            page.goto(f"{base}/experimenter?token={opened.token}")
            page.evaluate(SETTLED)
            yield "experimenter", _image(page.screenshot())
            page.close()
    finally:
        opened.close()


def people(browser: Browser, study: Path) -> Shots:
    """What the report of a rehearsal says of its people, and the participant flow for a paper."""
    folder = _existing(study / "rehearsal" / "report", f"exemplum rehearse {study} --participants 20")
    page = _page(browser, 860, 900)
    page.goto((folder / "index.html").as_uri())
    yield "people-result", _taken(page, "#result figure")
    flow = Image.open(folder / "paper" / "participant_flow.png").convert("RGB")
    yield "people-flow", flow
    page.close()


def gallery(browser: Browser, study: Path) -> Shots:
    """The grid of a layer, and the page of a unit."""
    folder = _existing(study / "gallery" / "index.html", f"exemplum gallery {study}").parent
    with server(folder) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        try:
            page = _page(browser, 1280, 720)
            for name, where in (("gallery", "#/units?layer=mixed4c"), ("gallery-unit", "#/unit/mixed4c:5")):
                page.goto(f"http://127.0.0.1:{site.server_port}/{where}")
                page.wait_for_load_state("networkidle")
                page.evaluate(SETTLED)
                yield name, _image(page.screenshot())
            page.close()
        finally:
            site.shutdown()


GROUPS: dict[str, Callable[[Browser, Path], Shots]] = {
    "figures": figures, "report": report, "network": network,
    "participant": participant, "experimenter": experimenter, "gallery": gallery, "people": people,
}  # fmt: skip


def webp(image: Image.Image) -> bytes:
    """At the best quality, and then the largest size, that fits into MOST_BYTES."""
    while True:
        for quality in QUALITIES:
            held = io.BytesIO()
            image.convert("RGB").save(held, "webp", quality=quality, method=6)
            if held.tell() <= MOST_BYTES:
                return held.getvalue()
        image = image.resize((round(image.width * 0.9), round(image.height * 0.9)), Image.Resampling.LANCZOS)


def _pages_of_session(browser: Browser, experiment: Experiment, base: str) -> Shots:
    page = _page(browser, 1280, 720)
    page.goto(f"{base}/experimenter?token={experiment.token}")
    page.goto(f"{base}/preview?place=1&lang=en")
    stops: list[dict[str, Any]] = page.evaluate(LIGHT)
    shown = [stop for stop in stops if stop["kind"] in ("practice", "trial")]
    trials = [trial for block in experiment.design.sessions[0].blocks for trial in block.trials]
    by_id = dict(zip((trial.trial_id for trial in trials), shown, strict=False))  # repeated trials come last

    def taken(stop: dict[str, Any], answer: str = "") -> Image.Image:
        page.evaluate(f"exemplumPreview.go({stop['at']}{f', {answer!r}' if answer else ''})")
        page.evaluate(SETTLED)
        return _image(page.screenshot())

    def first(kind: str, number: int = 0) -> dict[str, Any]:
        return [stop for stop in stops if stop["kind"] == kind][number]

    yield "consent", taken(first("consent"))
    yield "worked-example", taken(first("example", 1))  # the first example's solution
    yield "trial", taken(by_id[TRIAL])
    solution = page.evaluate(f"exemplumPreview.truth()[{by_id[TRIAL]['key']!r}].solution")
    yield "trial-answered", taken(by_id[TRIAL], "bottom" if solution == "top" else "top")
    page.set_viewport_size(UPRIGHT)
    for name, trial in TO_TRY.items():
        yield name, taken(by_id[trial])
    page.close()


def _page(browser: Browser, width: int, height: int) -> Page:
    return browser.new_page(
        viewport={"width": width, "height": height}, device_scale_factor=2, locale="en-GB", color_scheme="light"
    )


def _existing(path: Path, command: str) -> Path:
    if not path.exists():
        raise UserError(f"{path} is missing; run: {command}")
    return path.resolve()


def _taken(
    page: Page, selector: str, last: str = "", includes_last: bool = True, until: float = float("inf")
) -> Image.Image:
    """What a page shows from one element to another, with a margin; at most `until` CSS pixels high."""
    first = _box(page.locator(selector).first)
    end = _box(page.locator(last).first) if last else first
    bottom = end["y"] + (end["height"] if includes_last or not last else -PADDING)
    left, right = first["x"] - PADDING, max(first["x"] + first["width"], end["x"] + end["width"]) + PADDING
    top, bottom = first["y"], min(bottom + PADDING, first["y"] + until)
    clip = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return _image(page.screenshot(full_page=True, clip=clip))  # type: ignore[arg-type]


def _box(locator: Locator) -> dict[str, float]:
    """Where an element is, from the top of the page in CSS pixels."""
    box: dict[str, float] = locator.evaluate(
        "e => { const r = e.getBoundingClientRect(); "
        "return {x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height}; }"
    )
    return box


def _image(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def _beside(*images: Image.Image) -> Image.Image:
    """Images next to each other on white, at the height of the lowest."""
    height = min(image.height for image in images)
    scaled = [image.resize((round(image.width * height / image.height), height)) for image in images]
    sheet = Image.new("RGB", (sum(image.width for image in scaled), height), "white")
    at = 0
    for image in scaled:
        sheet.paste(image, (at, 0))
        at += image.width
    return sheet


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=OPTIONS.split())
        try:
            yield browser
        finally:
            browser.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots", description="Make the pictures of pages.")
    parser.add_argument("study", type=Path)
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--to", type=Path, default=FOLDER)
    asked = parser.parse_args(arguments)
    with _chromium() as browser:
        for group in asked.groups or [name for name in GROUPS if name not in ("network", "people")]:
            for name, image in GROUPS[group](browser, asked.study):
                data = webp(image)
                (asked.to / f"{name}.webp").write_bytes(data)
                print(f"{asked.to / name}.webp  {image.width} × {image.height}, {len(data) // 1000} kB")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
