"""`exemplum new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exemplum import new as studies
from exemplum.errors import command
from exemplum.progress import console


def new(
    folder: Annotated[Path, typer.Argument(help="Where the study will live; must not hold a study yet.")],
    model: Annotated[
        str, typer.Option(help="embedded, torchvision:NAME, timm:NAME or package.module:factory.")
    ] = "embedded",
    weights: Annotated[str | None, typer.Option(help="DEFAULT, or a file of weights. Without: random weights.")] = None,
    images: Annotated[str, typer.Option(help="embedded, folder:PATH or torchvision:NAME.")] = "embedded",
    stimuli: Annotated[
        str | None, typer.Option(help="folder:PATH of finished pictures, instead of model and images.")
    ] = None,
    protocol: Annotated[str, typer.Option(help="borowski2021-1 or borowski2021-2.")] = "borowski2021-1",
    participants: Annotated[int | None, typer.Option(help="How many; the protocol's number if not given.")] = None,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 2021,
    version_of: Annotated[
        Path | None,
        typer.Option("--from", metavar="STUDY", help="A new version of this study: all but its design and answers."),
    ] = None,
) -> None:
    """Make a study folder with a study.toml to edit; `exemplum run FOLDER` then does the rest."""
    if version_of:
        path = studies.version(folder, version_of)
        console.print(f"{path} written; edit it, then: {command('run', folder)}", highlight=False, soft_wrap=True)
        return
    path = studies.create(folder, studies.text(model, weights, images, stimuli, protocol, participants, seed))
    console.print(f"{path} written; edit it if you like, then: {command('run', folder)}")
