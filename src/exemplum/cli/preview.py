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


def preview(
    study: StudyFolder,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Write every kind of page as a PDF with captions, and end. Needs Chromium.")
    ] = False,
    language: Annotated[str, typer.Option(help="Language of the pages. Default: the study's first.")] = "",
    size: Annotated[str, typer.Option(help="Size of the participant's window in CSS pixels.")] = "1280x720",
    place: Annotated[int, typer.Option(min=1, help="The schedule of the design that is shown.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="The PDF file. Default: preview-LANGUAGE.pdf in the study's folder.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port to listen on. Use 0 for any free port.")] = 8000,
) -> None:
    """Look at every page of a session as its participant sees it. Nothing is stored.

    Needs a design. Sessions of participants are previewed on the pages of exemplum serve.
    """
    from exemplum.server import Settings, open_preview, run_preview, write_pdf  # late: others need no web server

    window = re.fullmatch(r"([1-9]\d{2,4})\D([1-9]\d{2,4})", size)
    if window is None:
        raise UserError(f"--size must be WIDTHxHEIGHT, as in 1280x720 (got {shown(size)})")
    with tempfile.TemporaryDirectory(prefix="exemplum-preview-") as scratch:
        experiment, app = open_preview(Settings(study), Path(scratch))
        try:
            languages = experiment.config.languages
            if language and language not in languages:
                raise UserError(f"the study has no {shown(language)}; study.toml: [server] languages = {languages}")
            if not pdf:
                run_preview(experiment, app, port, place)
                return
            language = language or languages[0]
            file = out or study / f"preview-{language}.pdf"
            pictures = write_pdf(experiment, app, file, language, (int(window[1]), int(window[2])), place)
            console.print(f"{file}: {pictures} pages", highlight=False, markup=False, soft_wrap=True)
        finally:
            experiment.close()
