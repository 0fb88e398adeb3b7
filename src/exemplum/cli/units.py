"""`exemplum units`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from exemplum.progress import output


def units(
    model: Annotated[str, typer.Argument(help="embedded, torchvision:NAME, timm:NAME or package.module:factory.")],
    weights: Annotated[str | None, typer.Option(help="DEFAULT, or a file of weights.")] = None,
    all_layers: Annotated[bool, typer.Option("--all", help="Every layer, not only the usual ones.")] = False,
) -> None:
    """List a model's layers, channels and branches: the units that a study can test."""
    from exemplum import models

    loaded = models.load(model, weights=weights)
    rows = models.table(loaded)
    shown = rows if all_layers else rows[rows["layer"].isin(loaded.default_layers)]
    table = Table(title=f"{loaded.name}, {loaded.input_size} px")
    for name in shown.columns:
        table.add_column(name, justify="left" if name in ("layer", "branch") else "right")
    for row in shown.itertuples(index=False):
        table.add_row(*(str(value) for value in row))
    output.print(table)
    if len(shown) < len(rows):
        output.print(f"{rows['layer'].nunique() - shown['layer'].nunique()} more layers: --all")
