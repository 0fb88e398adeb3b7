"""`exemplum demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exemplum import new as studies
from exemplum import pipeline
from exemplum.study import Study


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to put the study.")] = Path("exemplum-demo"),
) -> None:
    """Run the whole line on the embedded network and images, in minutes and offline. Run again, it resumes."""
    if not (folder / "study.toml").exists():
        studies.create(folder, studies.DEMO)
    study = Study.open(folder)
    pipeline.run(study)
    pipeline.point_to_report(study)
