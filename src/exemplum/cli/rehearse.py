"""`exemplum rehearse`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from exemplum.cli.arguments import StudyFolder
from exemplum.pages import count, interval, percent
from exemplum.runtime import output
from exemplum.study import Study, pipeline

if TYPE_CHECKING:
    from exemplum.server import simulated


def rehearse(
    study: StudyFolder,
    participants: Annotated[
        int | None,
        typer.Option(min=1, help="Number of simulated people who come. Default: [server] recruit, or the schedules."),
    ] = None,
    accuracy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SHARE",
            help="Accuracy in a condition, as in natural=0.9, or on catch trials, as in catch=0.95; may be repeated. "
            "Default: [observers.simulated] accuracy, else natural=0.92, synthetic=0.82, random=0.5, none=0.5, "
            "other methods 0.85, catch=0.98.",
        ),
    ] = None,
    lapse: Annotated[float, typer.Option(min=0, max=1, help="Share of trials answered at random.")] = 0.02,
    dropouts: Annotated[float, typer.Option(min=0, max=1, help="Share of people who leave halfway.")] = 0.05,
    careless: Annotated[
        float, typer.Option(min=0, max=1, help="Share of people who press at random, at once, and read nothing.")
    ] = 0.05,
    refusals: Annotated[float, typer.Option(min=0, max=1, help="Share of people who do not consent.")] = 0.02,
    seed: Annotated[int | None, typer.Option(min=0, help="Random seed. Default: the study's.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Begin again, even if nothing has changed.")] = False,
) -> None:
    """Try the study out with simulated people: the real server, schedule, exclusions, analysis and report.

    Everything is made in STUDY/rehearsal, a copy with an id and a database of its own, whose pages are stamped. Says
    how long a person takes and what the study costs. Continues where a stopped rehearsal left off.
    """
    from exemplum import design as designs  # late: the other commands need no web server
    from exemplum.cli import rehearsal
    from exemplum.server import simulated

    opened = Study.open(study)
    design = designs.load(opened)
    conditions = list(dict.fromkeys(trial.condition for trial in design.trials))
    crowd = simulated.Crowd(
        people=participants or opened.config.server.recruit or len(design.sessions),
        seed=opened.config.seed if seed is None else seed,
        accuracy=simulated.accuracies(opened, conditions, accuracy or []),
        lapse=lapse, dropouts=dropouts, careless=careless, refusals=refusals,
    )  # fmt: skip
    copy, visits = rehearsal.rehearse(opened, crowd, force)
    show(copy, crowd, visits)


def show(copy: Study, crowd: simulated.Crowd, visits: list[simulated.SimulatedVisit]) -> None:
    """Print what a rehearsal comes to."""
    from exemplum.cli import rehearsal

    came = Table(title=f"Rehearsal: {count(len(visits), 'simulated person', 'simulated people')}, seed {crowd.seed}")
    for name in ("ended", "who", "people", "excluded by a rule"):
        came.add_column(name, justify="left" if name in ("ended", "who") else "right")
    for row in rehearsal.outcomes(visits).itertuples():
        came.add_row(row.outcome, row.manner, str(row.people), str(row.excluded) if row.excluded else "")
    output.print(came)
    found = Table(title="Accuracy on main trials: what was given, and what the report says")
    for name in ("condition", "given", "report", "95 % interval", "trials", "people"):
        found.add_column(name, justify="left" if name == "condition" else "right")
    for row in rehearsal.recovered(copy, crowd).itertuples():
        found.add_row(
            row.condition, percent(row.given), percent(row.found), interval(row.low, row.high), f"{row.trials:,}",
            str(row.people),
        )  # fmt: skip
    output.print(found)
    for line in sentences(copy, visits):
        output.print(line, soft_wrap=True)
    pipeline.point_to_report(copy)


def sentences(copy: Study, visits: list[simulated.SimulatedVisit]) -> list[str]:
    """How long a person takes, and what the study costs."""
    from exemplum.cli import rehearsal

    took, pay = rehearsal.durations(visits), copy.config.server.pay
    said = _rules(visits)
    if not took.n:
        return [*said, "Nobody answered every trial, so nothing is known about the duration."]
    said += [
        f"A person takes {took.median:.0f} min (median; nine of ten at most {took.most:.0f} min), "
        f"{percent(took.on_trials, 0)} of it on trials: simulated from published reaction times, the words on the "
        "pages and usual breaks. Pilots know better."
    ]
    whole = rehearsal.cost(visits, pay)
    if whole is None or pay.amount is None:
        return [*said, "Cost: not known, since study.toml: [server.pay] amount is not set."]
    hourly = pay.amount / (took.median / 60)
    return [*said, f"These people cost {whole:,.2f} {pay.currency}, without a panel's fee: {pay.amount:,.2f} "
                   f"{pay.currency} each is {hourly:,.2f} {pay.currency} per hour at the median."]  # fmt: skip


def _rules(visits: list[simulated.SimulatedVisit]) -> list[str]:
    """Whom the exclusion rules miss, and whom they should have spared."""
    counted = [visit for visit in visits if visit.manner == "careless" and visit.outcome == "completed"]
    missed = sum(not visit.broken for visit in counted)
    spared = sum(bool(visit.broken) for visit in visits if visit.manner == "attentive")
    said = []
    if missed:
        said.append(
            f"{count(missed, 'careless person counts', 'careless people count')} in the result: no exclusion rule of "
            "study.toml leaves them out."
        )
    if spared:
        said.append(
            f"{count(spared, 'attentive person is', 'attentive people are')} excluded: the rules may be too strict."
        )
    return said
