"""`exemplum power`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from exemplum import store
from exemplum.analysis import checks
from exemplum.analysis import power as planning
from exemplum.analysis.simulate import Spread
from exemplum.errors import UserError
from exemplum.progress import console, track
from exemplum.report.figures import save
from exemplum.report.figures.power import power as draw
from exemplum.report.style import typography

# log odds; `planning.fitted` for Experiment I of Borowski et al. (2021) gives 0, 0.88, 0.24 and 0.47
TYPICAL = Spread(participant=0.0, unit=0.9, participant_condition=0.25, unit_condition=0.5)


def power(
    difference: Annotated[float, typer.Option(help="Difference in accuracy to find: 0.05 is five points.")],
    study: Annotated[Path | None, typer.Option(help="Take baseline and spread from this study's answers.")] = None,
    observer: Annotated[str, typer.Option(help="Whose answers, with --study.")] = "participants",
    method: Annotated[str, typer.Option(help="Method against natural, with --study.")] = "synthetic",
    baseline: Annotated[float | None, typer.Option(help="Accuracy with natural images; 0.85 if not given.")] = None,
    participants: Annotated[str, typer.Option(help="Numbers of participants, with commas.")] = "5,10,20,40,80",
    units: Annotated[str, typer.Option(help="Numbers of units; the protocol's own if empty.")] = "",
    sd_participant: Annotated[float | None, typer.Option(help="Spread of participants, log odds.")] = None,
    sd_unit: Annotated[float | None, typer.Option(help="Spread of units, log odds.")] = None,
    sd_participant_condition: Annotated[float | None, typer.Option(help="The same, of each method by itself.")] = None,
    sd_unit_condition: Annotated[float | None, typer.Option(help="The same, of each method by itself.")] = None,
    protocol: Annotated[str, typer.Option(help="Whose counterbalancing holds.")] = "borowski2021-1",
    test: Annotated[str, typer.Option(help="participants, both (participants and units), or glmm (slow).")] = "both",
    simulations: Annotated[int, typer.Option(min=10, help="Simulated studies for each size.")] = 1000,
    seed: Annotated[int, typer.Option(min=0)] = 2021,
    out: Annotated[Path, typer.Option(help="Folder for power.csv, power.png and power.svg.")] = Path("power"),
) -> None:
    """How many participants and units it takes to find a difference between two methods, by simulation."""
    found, spread = (None, TYPICAL) if study is None else _of_study(study, observer, method)
    given = (sd_participant, sd_unit, sd_participant_condition, sd_unit_condition)
    kept = (spread.participant, spread.unit, spread.participant_condition, spread.unit_condition)
    spread = Spread(*(old if new is None else new for new, old in zip(given, kept, strict=True)))
    structure = planning.structure(protocol)
    sizes = sorted({structure.whole(n) for n in _numbers(participants, "--participants")})
    totals = _numbers(units, "--units") if units else [structure.units]
    level = baseline if baseline is not None else found if found is not None else 0.85
    for total in totals:
        structure.check(total)
    scenario = planning.Scenario(level, difference, spread, sizes[0], totals[0])
    with track("power", len(sizes) * len(totals) * simulations, "studies") as advance:
        result = planning.table(scenario, sizes, totals, test, simulations, seed, advance, structure.sets)
    store.write_text(out / "power.csv", result.to_csv(index=False))
    with typography():
        figure = Figure(figsize=(4.5, 3.2), layout="constrained")
        draw(result, figure.add_subplot())
    save(figure, out, "power")
    _show(result, level, spread)
    console.print(f"written: {out / 'power.csv'}, {out / 'power.png'}, {out / 'power.svg'}")


def _of_study(folder: Path, observer: str, method: str) -> tuple[float, Spread]:
    responses = checks.read(folder / "responses")
    return planning.fitted(responses[responses["observer"] == observer], "natural", method)


def _numbers(text: str, option: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UserError(f"{option} {text!r} is not a list of numbers; write it as in {option} 10,20,40")
    return [int(part) for part in parts]


def _show(result: pd.DataFrame, level: float, spread: Spread) -> None:
    table = Table(title=f"Baseline {level:.3f}, spread in log odds: {spread}")
    for name in ("participants", "units", "trials each", "power", "95 % interval"):
        table.add_column(name, justify="right")
    for row in result.itertuples():
        table.add_row(
            str(row.participants),
            str(row.units),
            str(row.trials),
            f"{row.power:.2f}",
            f"{row.low:.2f} – {row.high:.2f}",
        )
    out = Console()
    out.print(table)
    for row in planning.smallest(result).itertuples():
        out.print(f"{row.units} units: {row.participants} participants are enough for 80 % power")
    if not len(planning.smallest(result)):
        out.print("none of these sizes reaches 80 % power")
