"""`exemplum reproduce`."""

from pathlib import Path
from typing import Annotated

import typer

from exemplum.errors import UserError, did_you_mean
from exemplum.progress import console

STUDIES = ("borowski2021",)


def reproduce(
    study: Annotated[str, typer.Argument(help="Which published study: borowski2021.")],
    data: Annotated[Path, typer.Argument(help="Folder with the study's published CSV files.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for tables, figures and report.")],
) -> None:
    """Analyse a published study from its own trials, and set each published number beside ours."""
    from exemplum.analysis.reproduction import reproduce as analyse
    from exemplum.report import write_reproduction

    if study not in STUDIES:
        raise UserError(f"no published study {study!r} is known{did_you_mean(study, STUDIES)}")
    for name, value in (analyse(data, out) | write_reproduction(out)).items():
        console.print(f"{name}: {value}")
