"""`exemplum power`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exemplum.cli.arguments import DatabaseUrl, Unblind, open_study


def power(
    difference: Annotated[
        float, typer.Option(help="Difference in accuracy to detect: 0.05 is five percentage points.")
    ],
    study: Annotated[
        Path | None, typer.Option(help="Estimate baseline and standard deviations from this study's answers.")
    ] = None,
    observer: Annotated[str, typer.Option(help="With --study: whose answers to use.")] = "participants",
    method: Annotated[str, typer.Option(help="With --study: the method to compare with natural.")] = "synthetic",
    baseline: Annotated[float | None, typer.Option(help="Accuracy with natural images; 0.85 if not given.")] = None,
    participants: Annotated[str, typer.Option(help="Numbers of participants, separated by commas.")] = "5,10,20,40,80",
    units: Annotated[str, typer.Option(help="Numbers of units, separated by commas; the protocol's if empty.")] = "",
    sd_participant: Annotated[
        float | None, typer.Option(help="Standard deviation of participants, in log odds.")
    ] = None,
    sd_unit: Annotated[float | None, typer.Option(help="Standard deviation of units, in log odds.")] = None,
    sd_participant_condition: Annotated[
        float | None, typer.Option(help="Standard deviation of participants' deviations by method, in log odds.")
    ] = None,
    sd_unit_condition: Annotated[
        float | None, typer.Option(help="Standard deviation of units' deviations by method, in log odds.")
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="The protocol whose counterbalancing and stimulus sets are used.")
    ] = "borowski2021-1",
    test: Annotated[str, typer.Option(help="participants, both (participants and units), or glmm (slow).")] = "both",
    simulations: Annotated[int, typer.Option(min=10, help="Number of simulated studies per size.")] = 1000,
    seed: Annotated[int, typer.Option(min=0)] = 2021,
    unblind: Unblind = None,
    database: DatabaseUrl = "",
    out: Annotated[Path, typer.Option(help="Folder for power.csv, power.png and power.svg.")] = Path("power"),
) -> None:
    """Simulate how many participants and units are needed to detect a difference between two methods."""
    from exemplum.cli import planning  # late: the other verbs need no statistics

    given = (sd_participant, sd_unit, sd_participant_condition, sd_unit_condition)
    opened = None if study is None else open_study(study, unblind=unblind, database=database)
    scenario = planning.assumed(difference, baseline, given, opened, observer, method)
    planning.plan(scenario, participants, units, protocol, test, simulations, seed, out)
