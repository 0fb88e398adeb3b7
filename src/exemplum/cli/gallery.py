"""`exemplum gallery`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exemplum.cli.arguments import DatabaseUrl, StudyFolder, Unblind, open_study
from exemplum.runtime import console


def gallery(
    study: StudyFolder,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to. Default: STUDY/gallery.")] = None,
    show: Annotated[
        bool, typer.Option("--open", help="Serve the gallery on this machine and open it in the browser.")
    ] = False,
    unblind: Unblind = None,
    database: DatabaseUrl = "",
) -> None:
    """Build a site to look at every unit: images, distribution, scores, neighbours, and how people did.

    Any web host can serve the folder. Continues where a stopped build left off.
    """
    from exemplum.gallery import build, serve  # late: torch takes seconds to import

    page = build(open_study(study, unblind=unblind, database=database), out)
    console.print(f"gallery: {page}")
    if show:
        serve(page)
