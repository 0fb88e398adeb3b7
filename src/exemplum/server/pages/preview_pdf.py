"""Every kind of page of a study as a PDF with captions, as an ethics board asks for it."""

from __future__ import annotations

import base64
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import uvicorn

from exemplum import __version__
from exemplum.records import Side
from exemplum.server.experiment import Experiment
from exemplum.server.pages.chromium import Chromium, chromium
from exemplum.server.pages.templating import templates

SCALE = 2.0  # device pixels per CSS pixel: a page printed on A4 then has some 220 per inch
Stop = dict[str, Any]  # a page as the preview names it: kind, name, step, practice, condition, …
LIGHT = """exemplumPreview.ready.then(stops => stops.map((stop, at) => ({
  at, kind: stop.kind, name: stop.name, key: stop.key, condition: stop.condition, block: stop.state?.step.id ?? "",
  of: stop.state?.step.condition ?? "", practice: stop.state?.step.practice ?? false,
  last: stop.state?.step.last ?? false, again: stop.state?.step.again ?? false,
  references: stop.trial >= 0 ? stop.state.step.layout.left + stop.state.step.layout.right : 0,
})))"""
CAPTIONS = {
    "consent": "The first page. Somebody who does not agree is asked nothing and sees the last page at once.",
    "form": "Questions about the participant.",
    "check": "The window is checked, and fills the screen if the study asks for that.",
    "instructions": "The task is explained.",
    "example": "A worked example, made from the study's own images.",
    "comprehension": "Two questions on the task. The instructions come again if one is not answered correctly.",
    "intuitiveness": "The participant says how intuitive two kinds of pictures are.",
    "block": "Announces a block of trials. It begins when the participant presses the button.",
    "practice": "A practice trial. Its answer is not analysed.",
    "trial": "A trial. The participant chooses one of the two images at the centre, and how confident the choice is.",
    "judged": "The same trial after an answer: black frames the image that was chosen, green the correct one.",
    "break": "After a block, with the number of correct answers (here an example). The participant ends it.",
    "debrief": "After the last trial: what the study is about, and room for a comment.",
    "finished": "The last page, for those who ended in this way.",
    "refusal": "Instead of the first page, for somebody who cannot take part.",
}


@dataclass(frozen=True)
class Shot:
    """One page of the study as a picture."""

    name: str
    caption: str
    times: int  # how many pages of this kind the session has
    image: str  # data: address


def write_pdf(experiment: Experiment, app: Any, out: Path, language: str, size: tuple[int, int], place: int) -> int:
    """Write the PDF of the session with a place in the design; returns its number of pictures.

    `experiment` and `app` are the preview's (`open_preview`), `size` the window's in CSS pixels. Raises UserError if
    there is no Chromium.
    """
    with chromium() as browser, running(app) as base:
        browser.resize(*size, SCALE)
        browser.open(f"{base}/experimenter?token={experiment.token}")
        browser.open(f"{base}/preview?place={place}&lang={language}")
        stops = browser.evaluate(LIGHT)
        shots = list(_shots(browser, stops))
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(browser.print(_document(experiment, shots, stops, language, size, place)))
    return len(shots)


@contextmanager
def running(app: Any) -> Iterator[str]:
    """A server of the application on a free port of this machine; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the server of the preview did not start")
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def chosen(stops: Sequence[Stop]) -> list[Stop]:
    """One page of every kind: announcements and trials for each condition, breaks of each sort.

    >>> trials = [{"kind": "trial", "of": of, "references": 9, "at": at} for at, of in enumerate("aab")]
    >>> [stop["at"] for stop in chosen([{"kind": "consent", "at": 9}, *trials])]
    [9, 0, 2]
    """
    first: dict[tuple[Any, ...], Stop] = {}
    for stop in stops:
        first.setdefault(_sort(stop), stop)
    return list(first.values())


def _sort(stop: Stop) -> tuple[Any, ...]:
    """What makes pages of one kind look alike."""
    kind = stop["kind"]
    match kind:
        case "block":
            return kind, stop["practice"], stop["condition"]
        case "practice" | "trial":
            return kind, stop["of"], stop["references"]
        case "break":
            return kind, stop["practice"], stop["last"], stop["again"]
        case "intuitiveness":
            return kind, stop["block"]
    return kind, stop["at"]


def _shots(browser: Chromium, stops: Sequence[Stop]) -> Iterator[Shot]:
    times = Counter(stop["kind"] for stop in stops)
    picked = chosen(stops)
    trials = [stop for stop in picked if stop["kind"] == "trial"]
    judged = next((stop for stop in trials if stop["references"]), trials[0] if trials else None)
    for stop in picked:
        kind = stop["kind"]
        yield _shot(browser, stop, stop["name"], kind, times[kind], "")
        if stop is judged:
            correct = Side(browser.evaluate(f"exemplumPreview.truth()[{stop['key']!r}].solution"))
            yield _shot(browser, stop, f"{stop['name']}, answered", "judged", times[kind], correct.other.value)


def _shot(browser: Chromium, stop: Stop, name: str, kind: str, times: int, answer: str) -> Shot:
    browser.evaluate(f"exemplumPreview.go({stop['at']}{f', {answer!r}' if answer else ''})")
    browser.evaluate("Promise.all(document.getAnimations().map(animation => animation.finished))")  # the progress bar's
    image = base64.b64encode(browser.screenshot()).decode()
    return Shot(name, CAPTIONS.get(kind, ""), times, f"data:image/jpeg;base64,{image}")


def _document(
    experiment: Experiment, shots: Sequence[Shot], stops: Sequence[Stop], language: str, size: tuple[int, int],
    place: int,
) -> str:  # fmt: skip
    kinds = Counter(stop["kind"] for stop in stops)
    facts = {
        **({"Note": experiment.stamp} if experiment.stamp else {}),
        "Study": experiment.study.folder.resolve().name, "Protocol": experiment.design.protocol,
        "Language": language, "Window": f"{size[0]} × {size[1]} CSS pixels",
        "Session": f"schedule {place} of {len(experiment.design.sessions)}: {kinds['block']} blocks, "
        f"{kinds['trial']} trials and {kinds['practice']} for practice",
        "Made": f"{date.today().isoformat()} with Exemplum {__version__}",
    }  # fmt: skip
    title = experiment.config.title or experiment.texts[language]["page.title"]
    return (
        templates()
        .get_template("preview_pdf.html")
        .render(title=title, facts=facts, shots=shots, tall=size[1] > size[0])
    )
