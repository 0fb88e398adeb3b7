"""The preview without a study's server: pages to look at, on this machine, beside a database that is thrown away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from exemplum.errors import UserError
from exemplum.server.experiment import Experiment, Settings
from exemplum.server.http.app import create_preview_app
from exemplum.server.http.preview_routes import PAGE, STATIC
from exemplum.server.http.run import bind

HOST = "127.0.0.1"


def open_preview(settings: Settings, scratch: Path) -> tuple[Experiment, FastAPI]:
    """A study to look at, and the application that shows it; its database is a new one in the folder `scratch`.

    Of the study's folder only the store of encoded images is written, which the server needs too. A server of the
    study may run. Raises UserError if there is no design, a broken image, or no built page.
    """
    if not (STATIC / PAGE).is_file():
        raise UserError("the pages that participants see are not built; run: npm --prefix web run build")
    experiment = Experiment.open_for_preview(settings, scratch)
    return experiment, create_preview_app(experiment)


def run_preview(experiment: Experiment, app: FastAPI, port: int, place: int = 1) -> None:
    """Show the preview until it is stopped (Ctrl-C). Raises UserError for a port in use."""
    bound = bind(HOST, port)
    base = f"http://{HOST}:{bound.getsockname()[1]}"
    experiment.settings = replace(experiment.settings, address=base)
    print(f"preview        {base}/experimenter?token={experiment.token}&place={place}   (Ctrl-C ends it)", flush=True)
    uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning", access_log=False)).run(sockets=[bound])
