"""`exemplum power`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from exemplum.cli.arguments import DatabaseUrl, Unblind, open_study


def power(
    difference: Annotated[
        float, typer.Option(help="Difference in accuracy to detect; 0.05 means five percentage points.")
    ],
    study: Annotated[
        Path | None, typer.Option(help="Estimate baseline and standard deviations from this study's answers.")
    ] = None,
    observer: Annotated[str, typer.Option(help="With --study: the observer whose answers are used.")] = "participants",
    method: Annotated[
        str, typer.Option(help="With --study: the method that is compared with the baseline.")
    ] = "synthetic",
    baseline: Annotated[
        float | None, typer.Option(help="Accuracy with the baseline. Default: estimated with --study, else 0.85.")
    ] = None,
    participants: Annotated[str, typer.Option(help="Numbers of participants, separated by commas.")] = "5,10,20,40,80",
    units: Annotated[
        str, typer.Option(help="Numbers of units, separated by commas. Default: the protocol's number.")
    ] = "",
    sd_participant: Annotated[
        float | None,
        typer.Option(
            help="How much participants differ in accuracy over all methods: SD in log odds. Default: from --study, "
            "else 0."
        ),
    ] = None,
    sd_unit: Annotated[
        float | None,
        typer.Option(
            help="How much units differ in accuracy over all methods: SD in log odds. Default: from --study, else 0.9."
        ),
    ] = None,
    slope_participant: Annotated[
        float | None,
        typer.Option(
            help="How much the effect of a method differs between participants: SD in log odds (random slope). "
            "Default: from --study, else 0.25."
        ),
    ] = None,
    slope_unit: Annotated[
        float | None,
        typer.Option(
            help="How much the effect of a method differs between units: SD in log odds (random slope). "
            "Default: from --study, else 0.5."
        ),
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(
            help="Protocol that defines counterbalancing and stimulus sets. Default: that of --study, else "
            "borowski2021-1."
        ),
    ] = "",
    test: Annotated[
        str,
        typer.Option(
            help="new_units: generalizes to new participants and new units. these_units: to new participants, but "
            "only for the units of this study. glmm: Wald test of the mixed model (slow). ppi: as new_units, with a "
            "machine that has scored more units than people judge. Default: the primary claim that --study declares, "
            "else new_units; ppi with the two options of a machine."
        ),
    ] = "",
    machine_correlation: Annotated[
        float | None,
        typer.Option(
            min=-1,
            max=1,
            help="For --test ppi: correlation over units of the machine's difference in score between the two methods "
            "with people's true difference.",
        ),
    ] = None,
    scored_units: Annotated[
        int | None, typer.Option(min=2, help="For --test ppi: units that the machine has scored with both methods.")
    ] = None,
    part: Annotated[
        str,
        typer.Option(
            help="Trials to plan for, if the protocol has several schemes or difficulties. all: the main trials of all "
            "of them, as in the primary analysis. scheme: the main trials of one scheme. difficulty: those of one "
            "difficulty, in quick and imi2023."
        ),
    ] = "all",
    methods: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="In quick and imi2023, methods that share the main trials, baseline included. Default: those of "
            "--study, else 2.",
        ),
    ] = None,
    difficulties: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="In quick and imi2023, difficulties that share the main trials. Default: those of --study, else 1.",
        ),
    ] = None,
    simulations: Annotated[int, typer.Option(min=10, help="Number of simulated studies per sample size.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the simulations.")] = 2021,
    unblind: Unblind = None,
    database: DatabaseUrl = "",
    out: Annotated[Path, typer.Option(help="Output folder for power.csv, power.png and power.svg.")] = Path("power"),
) -> None:
    """Simulate how many participants and units are needed to detect a difference between two methods."""
    from exemplum.cli import planning  # late: the other commands need no statistics

    given = (sd_participant, sd_unit, slope_participant, slope_unit)
    opened = None if study is None else open_study(study, unblind=unblind, database=database)
    said = None if opened is None else opened.config
    protocol = protocol or (said.design.protocol if said else "borowski2021-1")
    helped = machine_correlation is not None or scored_units is not None
    test = test or ("ppi" if helped else said.analysis.primary if said else "new_units")
    scenario = planning.assumed(difference, baseline, given, opened, observer, method)
    scenario = replace(scenario, machine=planning.machine(machine_correlation, scored_units, test))
    structure = planning.structure(protocol, said, methods, difficulties)
    planning.plan(scenario, participants, units, protocol, structure, test, part, simulations, seed, out)
