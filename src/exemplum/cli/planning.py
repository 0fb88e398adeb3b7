"""`exemplum power` after its arguments are parsed: set assumptions, simulate, print and draw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.table import Table

from exemplum import design, store
from exemplum.analysis import Machine, Spread, power as planning, structure as protocols
from exemplum.errors import UserError
from exemplum.report import save_power
from exemplum.responses import files, read
from exemplum.runtime import console, output, track
from exemplum.store import csv_text
from exemplum.study import Config, Study, blinding

# log odds; `planning.fitted` for Experiment I of Borowski et al. (2021) gives 0, 0.88, 0.24 and 0.47
TYPICAL = Spread(participant=0.0, unit=0.9, participant_condition=0.25, unit_condition=0.5)
BASELINE = 0.85


def assumed(
    difference: float,
    baseline: float | None,
    deviations: tuple[float | None, ...],
    study: Study | None,
    observer: str,
    method: str,
) -> planning.Scenario:
    """The assumptions: those given, else those fitted to a study's answers, else typical ones. Sizes are set later."""
    found, spread = (None, TYPICAL) if study is None else _of_study(study, observer, method)
    kept = (spread.participant, spread.unit, spread.participant_condition, spread.unit_condition)
    spread = Spread(*(old if new is None else new for new, old in zip(deviations, kept, strict=True)))
    level = baseline if baseline is not None else found if found is not None else BASELINE
    return planning.Scenario(level, difference, spread, participants=2, units=2)


def machine(correlation: float | None, scored: int | None, test: str) -> Machine | None:
    """The machine that would score the units, for the test ppi."""
    if correlation is None and scored is None:
        return None
    if correlation is None or scored is None or test != "ppi":
        raise UserError(
            "--machine-correlation and --scored-units belong together, and to --test ppi; give all three, or none"
        )
    return Machine(correlation, scored)


def structure(
    protocol: str, config: Config | None, methods: int | None, difficulties: int | None
) -> protocols.Structure:
    """The protocol's, for as many methods and difficulties as are given, or else as the study has."""
    if config is not None:
        methods = methods or len(config.explanations.uses)
        difficulties = difficulties or len(config.queries.uses)
    section = None if config is None or config.design.protocol != protocol else config.design
    main, between = (None, None) if section is None else (section.main, section.between)
    return protocols.structure(protocol, methods or 2, difficulties or 1, main, between)


def plan(
    scenario: planning.Scenario,
    participants: str,
    units: str,
    protocol: str,
    structure: protocols.Structure,
    test: str,
    part: str,
    simulations: int,
    seed: int,
    out: Path,
) -> None:
    """Simulate studies of all sizes, print the power of each, and write a table and a figure into `out`."""
    scenario, mixed = replace(scenario, interleaved=structure.interleaved), structure.interleaved
    sizes = sorted({structure.whole(n) for n in _numbers(participants, "--participants")})
    totals = _numbers(units, "--units") if units else [structure.units]
    for total in totals:
        structure.check(total)
    with track("power", len(sizes) * len(totals) * simulations, "studies") as advance:
        result = planning.table(scenario, sizes, totals, test, simulations, seed, advance, structure.sets, part)
    store.write_text(out / "power.csv", csv_text(result))
    save_power(result, out)
    _show(result, scenario.baseline, scenario.spread)
    if scenario.machine is not None:
        said = scenario.machine
        output.print(
            f"a machine has scored {said.scored} units; its difference in score correlates with people's true one by "
            f"{said.correlation:g}"
        )
    if structure.sets > 1:
        planned = f"all {structure.sets} schemes together" if part == "all" else f"one of {structure.sets} schemes"
        other = "--part scheme plans for one of them" if part == "all" else "--part all plans for all together"
        output.print(f"{protocol}: counted are the main trials of {planned}; {other}")
    if mixed is not None:
        several = mixed.difficulties > 1
        asked = f"{mixed.difficulties} difficulties together" if part == "all" and several else "one difficulty"
        levels = f"{mixed.methods} methods and {f'{mixed.difficulties} difficulties' if several else 'one difficulty'}"
        one = f", one {' and '.join(mixed.between)} per participant" if mixed.between else ""
        part_of = f"; of these, power is by those of two methods and {asked}" if mixed.methods > 2 or several else ""
        output.print(f"{protocol}: {mixed.main} main trials per participant, for {levels}{one}{part_of}")
    console.print(f"wrote {out / 'power.csv'}, {out / 'power.png'}, {out / 'power.svg'}")


def _of_study(study: Study, observer: str, method: str) -> tuple[float, Spread]:
    if not files(study.stage("responses"), "responses"):
        design.load(study)  # says so if there is none yet
    responses = read(study.stage("responses"))
    blinding.refuse(study, responses, observer)
    said, chosen = study.config, responses[responses["observer"] == observer]
    if said.analysis.difficulty in set(chosen["difficulty"]):  # the trials that the verdict is about
        chosen = chosen[chosen["difficulty"] == said.analysis.difficulty]
    return planning.fitted(chosen, said.explanations.baseline, method)


def _numbers(text: str, option: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UserError(f"{option} {text!r} is not a list of numbers; write it as in {option} 10,20,40")
    return [int(part) for part in parts]


def _show(result: pd.DataFrame, level: float, spread: Spread) -> None:
    table = Table(
        title=f"Baseline {level:.1%}. SD in log odds: of participants {spread.participant:.2g}, "
        f"of units {spread.unit:.2g}; of the effect over participants {spread.participant_condition:.2g}, over units "
        f"{spread.unit_condition:.2g}"
    )
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
    output.print(table)
    for row in planning.smallest(result).itertuples():
        output.print(f"{row.units} units: {row.participants} participants are enough for 80 % power")
    if not len(planning.smallest(result)):
        output.print("none of these sizes reaches 80 % power")
