"""`exemplum serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from exemplum.cli.arguments import DatabaseUrl, StudyFolder


def serve(
    study: StudyFolder,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for other machines.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any that is free.")] = 8000,
    database: DatabaseUrl = "",
    lab: Annotated[bool, typer.Option("--lab", help="In the laboratory: participant numbers are typed.")] = False,
    pilot: Annotated[bool, typer.Option("--pilot", help="Mark all data as pilot data.")] = False,
    address: Annotated[
        str, typer.Option(help="What participants reach the server by, for the links: https://study.example.org")
    ] = "",
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one needs PostgreSQL.")] = 1,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="Take participants' addresses from X-Forwarded-For.")
    ] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "warning",
) -> None:
    """Run the study with people, in the browser. Ctrl-C stops it; nothing is lost, and the same command goes on."""
    from exemplum.server import Settings, serving  # late: the other verbs need no web server

    settings = Settings(study, database, lab, pilot, log_level=log_level)
    serving.run(settings, host, port, address=address, workers=workers, behind_proxy=behind_proxy)
