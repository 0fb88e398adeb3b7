"""The command `preview`: a session as its participant sees it, in the browser or as a PDF."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from exemplum.cli.arguments import StudyFolder
from exemplum.errors import UserError, shown
from exemplum.runtime import console

SMALLEST, LARGEST = 300, 5000  # CSS pixels of a window's sides


def preview(
    study: StudyFolder,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Write every kind of page as a PDF with captions, and end. Needs Chromium.")
    ] = False,
    language: Annotated[str, typer.Option(help="Language of the pages. Default: the study's first.")] = "",
    size: Annotated[
        str, typer.Option(help="Width and height of the participant's window, in CSS pixels.")
    ] = "1280x720",
    place: Annotated[int, typer.Option(min=1, help="Number of the schedule of the design that is shown.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="The PDF file. Default: preview-LANGUAGE.pdf in the study's folder.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port to listen on. Use 0 for any free port.")] = 8000,
) -> None:
    """Look at every page of a session as its participant sees it. Nothing is stored.

    Needs a design. Sessions of participants are previewed on the pages of exemplum serve.
    """
    from exemplum.server import Settings, open_preview, run_preview  # late: other commands need no web server

    window = _window(size)
    with tempfile.TemporaryDirectory(prefix="exemplum-preview-") as scratch:
        experiment, app = open_preview(Settings(study), Path(scratch))
        try:
            languages, places = experiment.config.languages, len(experiment.design.sessions)
            if language and language not in languages:
                has = ", ".join(languages)
                raise UserError(
                    f"the study has no pages in {shown(language)}; study.toml: [server] languages has {has}"
                )
            if place > places:
                raise UserError(f"--place must be a schedule of the design, 1 to {places} (got {place})")
            if not pdf:
                run_preview(experiment, app, port, place)
                return
            from exemplum.server import write_pdf  # late: not on every system

            language = language or languages[0]
            file = out or study / f"preview-{language}.pdf"
            pictures = write_pdf(experiment, app, file, language, window, place)
            console.print(f"{file}: {pictures} pages", highlight=False, markup=False, soft_wrap=True)
        finally:
            experiment.close()


def _window(size: str) -> tuple[int, int]:
    """Width and height in CSS pixels. Raises UserError."""
    found = re.fullmatch(r"(\d+)\D(\d+)", size)
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(SMALLEST <= side <= LARGEST for side in sides):
        raise UserError(
            f"--size must be WIDTHxHEIGHT, as in 1280x720, each from {SMALLEST} to {LARGEST} (got {shown(size)})"
        )
    return sides
