"""Commands that parse, call one function and return: one per stage but the report, run, units, serve, reproduce."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from exemplum.cli import outcome
from exemplum.cli.arguments import DatabaseUrl, Force, Ray, StudyFolder, Unblind, open_study, run_until
from exemplum.errors import STOPPED, UserError, did_you_mean
from exemplum.runtime import console, output
from exemplum.study import Study, pipeline

if TYPE_CHECKING:
    from exemplum.models import Model


def run(
    study: StudyFolder, force: Force = False, ray: Ray = None, unblind: Unblind = None, database: DatabaseUrl = ""
) -> None:
    """Run every stage whose inputs have changed. Continues where a stopped run left off.

    The stages are index, queries, explanations, design, responses, scores (if study.toml has a section [scores]),
    analysis and report.
    """
    opened = open_study(study, ray, unblind, database, before=lambda study: pipeline.refuse(study, force=force))
    pipeline.run(opened, force=force)
    outcome.tell(opened)


def index(study: StudyFolder, force: Force = False, ray: Ray = None) -> None:
    """Measure every unit on every image. Continues where a stopped run left off.

    Keeps, for each unit, the images with the highest and lowest activations, the mean and quantiles.
    """
    run_until(study, "index", force, ray)


def query(study: StudyFolder, force: Force = False) -> None:
    """Choose units, and the pairs of images that test each of them. Continues where a stopped run left off."""
    run_until(study, "queries", force)


def explain(study: StudyFolder, force: Force = False, ray: Ray = None) -> None:
    """Make the units' reference pictures with every method. Continues where a stopped run left off."""
    run_until(study, "explanations", force, ray)


def design(study: StudyFolder, force: Force = False) -> None:
    """Generate the schedule of every session from the study's seed, and check the design's invariants."""
    run_until(study, "design", force)


def observe(
    study: StudyFolder,
    force: Force = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how often vision–language models would be asked.")
    ] = False,
) -> None:
    """Have the machine observers answer every trial of the design."""
    if not dry_run:
        run_until(study, "responses", force)
        return
    from exemplum.observers import planned_calls

    planned = planned_calls(open_study(study), force=force)
    for name, said in planned.items():
        output.print(f"{name}: {said}", soft_wrap=True)
    if not planned:
        output.print("no calls: study.toml: [observers] run names no vision–language model", soft_wrap=True)


def score(study: StudyFolder, force: Force = False, ray: Ray = None) -> None:
    """Score every unit by machine observers, beside nulls. Continues where a stopped run left off.

    Needs no design: the tasks are drawn from the index. Methods that make pictures are scored for the units of the
    study.
    """
    run_until(study, "scores", force, ray)
    outcome.point_to_network_page(Study.open(study))


def analyze(study: StudyFolder, force: Force = False, unblind: Unblind = None, database: DatabaseUrl = "") -> None:
    """Compute estimates, comparisons and verdicts from the answers, as tables."""
    opened = open_study(study, unblind=unblind, database=database, before=partial(pipeline.refuse, only=["analysis"]))
    pipeline.run_stage(opened, "analysis", force)


def units(
    model: Annotated[
        str,
        typer.Argument(
            help="The model: embedded, efficientnet-lite0, torchvision:NAME, timm:NAME, package.module:factory or "
            "table:FILE. Or a study's folder: its model with its dictionaries."
        ),
    ],
    weights: Annotated[
        str | None, typer.Option(help="A file, or DEFAULT for the published weights (torchvision, timm).")
    ] = None,
    all_layers: Annotated[bool, typer.Option("--all", help="List every layer, not only the default layers.")] = False,
) -> None:
    """List the layers, channels and branches of a model: the units that a study can test."""
    from exemplum import models

    loaded = _model_of(Path(model)) if Path(model, "study.toml").is_file() else models.load(model, weights=weights)
    rows = models.table(loaded)
    shown = rows if all_layers else rows[rows["layer"].isin(loaded.default_layers)]
    table = Table(title=f"{loaded.name}, {loaded.input_size} px")
    for name in shown.columns:
        header = 'relu = "before" reads' if name == "reads" else name
        table.add_column(header, justify="left" if name in ("layer", "branch", "reads") else "right")
    for row in shown.itertuples(index=False):
        table.add_row(*(str(value) for value in row))
    output.print(table)
    if len(shown) < len(rows):
        output.print(f"{rows['layer'].nunique() - shown['layer'].nunique()} more layers with --all")


def _model_of(folder: Path) -> Model:
    from exemplum.index import stage

    study = Study.open(folder)
    with study.setting(""):
        return stage.load_model(study)


def serve(
    studies: Annotated[
        list[Path],
        typer.Argument(help="The study's folder, which holds study.toml. Several studies are served side by side."),
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen on. Use 0.0.0.0 to accept connections from other machines.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on. Use 0 for any free port.")] = 8000,
    database: DatabaseUrl = "",
    lab: Annotated[
        bool, typer.Option("--lab", help="Run in the laboratory, where the experimenter types the participant number.")
    ] = False,
    pilot: Annotated[bool, typer.Option("--pilot", help="Mark all data as pilot data.")] = False,
    address: Annotated[
        str, typer.Option(help="Public address to use in links, such as https://study.example.org.")
    ] = "",
    workers: Annotated[
        int, typer.Option(min=1, help="Number of server processes. More than one requires PostgreSQL.")
    ] = 1,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="Read participants' addresses from the X-Forwarded-For header.")
    ] = False,
    log_level: Annotated[str, typer.Option(help="Log level: debug, info, warning or error.")] = "warning",
) -> None:
    """Run the study with people, in the browser; several studies each at a path of its own, as in /mystudy/.

    Ctrl-C stops the server without losing data; run the same command to continue.
    """
    from exemplum.server import Settings, run  # late: the other commands need no web server

    settings = Settings(studies[0], database, lab, pilot, log_level=log_level)
    try:
        run(settings, host, port, others=studies[1:], address=address, workers=workers, behind_proxy=behind_proxy)
    except KeyboardInterrupt:  # all is written and closed; Python would wait for a download that is still being made
        print(STOPPED, file=sys.stderr, flush=True)
        os._exit(128 + signal.SIGINT)


STUDIES = ("borowski2021",)


def reproduce(
    study: Annotated[str, typer.Argument(help="The published study; only borowski2021 is available.")],
    data: Annotated[Path, typer.Argument(help="Folder of the study's published files, or a clone of its repository.")],
    out: Annotated[Path, typer.Option("--out", help="Output folder for tables, figures and the report.")],
) -> None:
    """Recompute a published study from its data, and compare the results with the published numbers."""
    from exemplum.analysis import reproduce as analyse
    from exemplum.report import write_reproduction

    if study not in STUDIES:
        raise UserError(f"there is no published study {study!r}{did_you_mean(study, STUDIES)}")
    for name, value in (analyse(data, out) | write_reproduction(out)).items():
        console.print(f"{name}: {value}")
