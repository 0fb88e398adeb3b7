"""`exemplum links`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from exemplum.cli.arguments import DatabaseUrl, StudyFolder
from exemplum.errors import UserError
from exemplum.runtime import console, output
from exemplum.study import Study

PanelName = Literal["prolific", "mturk", "sona", "cloudresearch"]


def links(
    study: StudyFolder,
    panel: Annotated[PanelName | None, typer.Option(help="The panel whose placeholders the links have.")] = None,
    address: Annotated[
        str, typer.Option(help="Public address of the server, such as https://study.example.org.")
    ] = "http://127.0.0.1:8000",
    single_use: Annotated[
        int | None,
        typer.Option("--single-use", min=1, help="Make this many links, at most 10,000; each admits one person."),
    ] = None,
    batch: Annotated[
        str, typer.Option(help="Name of the batch, which --single-use needs: up to 40 letters, digits and _.")
    ] = "",
    group: Annotated[str, typer.Option(help='Group of the single-use links, with groups = "link".')] = "",
    database: DatabaseUrl = "",
) -> None:
    """Print links to give out: for a panel, or single-use ones.

    The server may run meanwhile. The experimenter's pages have the same links, with buttons to copy them.
    """
    from exemplum.server import (  # late: others need no web server
        PANELS,
        base_of,
        issue_links,
        link_doubts,
        panel_links,
    )

    opened, base = Study.open(study), base_of(address)
    if (single_use is None) == (panel is None):
        raise UserError("give either --panel or --single-use (with --batch NAME)")
    if doubt := link_doubts(base):
        console.print(f"note: {doubt}", highlight=False, soft_wrap=True)
    if single_use is not None:
        for link in issue_links(opened, batch, single_use, group, base, database):
            print(link)
        return
    assert panel is not None
    for name, link in panel_links(opened, panel, base, database):
        output.print(f"{name:<14} {link}", soft_wrap=True, markup=False, highlight=False)
    console.print(
        f"use: {PANELS[panel].use}\nback: {PANELS[panel].back}", highlight=False, soft_wrap=True, markup=False
    )
