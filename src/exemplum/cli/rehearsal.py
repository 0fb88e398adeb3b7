"""A rehearsal, from a copy of the study to its report, and what it comes to; it continues where it was stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from exemplum import store
from exemplum.observers import PEOPLE
from exemplum.report import formatting
from exemplum.responses import FINISHED
from exemplum.server import PaySection, refuse_stale, simulated
from exemplum.study import Study, locks, pipeline, stamped, versions

STATE = "rehearsal.json"  # in the copy


def rehearse(study: Study, crowd: simulated.Crowd, force: bool = False) -> tuple[Study, list[simulated.SimulatedVisit]]:
    """Send the crowd through a stamped copy of the study, and make its report: (the copy, the visits).

    A rehearsal that was stopped is continued, and one that is done only gets its report made again if it is stale,
    unless the study or the crowd has changed. `force` begins it again. Raises UserError for a study without a design
    or with one that is out of date.
    """
    with locks.alone(study.folder):
        refuse_stale(study)
        copy = _copy(study, crowd, force)
        state = store.read_json(copy.folder / STATE)
        if "visits" not in state:
            state["visits"] = [asdict(visit) for visit in simulated.visits(copy, crowd, state["began_ms"])]
            store.write_json(copy.folder / STATE, state)
        pipeline.run_stage(copy, "report", force=False)
    return copy, [simulated.SimulatedVisit(**visit | {"broken": tuple(visit["broken"])}) for visit in state["visits"]]


def _copy(study: Study, crowd: simulated.Crowd, force: bool) -> Study:
    """The copy of an earlier run of the same rehearsal, or a new one."""
    folder = stamped.prepare(study, stamped.REHEARSAL)
    of = _fingerprint(study, crowd)
    if not force and (folder / STATE).exists() and store.read_json(folder / STATE)["of"] == of:
        return Study.open(folder)
    copy = stamped.make(study, stamped.REHEARSAL)
    store.write_json(folder / STATE, {"of": of, "crowd": asdict(crowd), "began_ms": simulated.began_ms(crowd)})
    return copy


def _fingerprint(study: Study, crowd: simulated.Crowd) -> str:
    """A hash of the crowd, and of what the study shows and how it is analysed."""
    machines = [path for path in store.listing(study.stage("responses")) if path[0].endswith((".parquet", ".json"))]
    held = [store.listing(study.folder / name) for name in ("texts", "design", "explanations", "queries")]
    text = (study.folder / "study.toml").read_text(encoding="utf-8")
    return store.digest(asdict(crowd), text, held, machines, versions().get("exemplum"))


@dataclass(frozen=True)
class Durations:
    """Minutes of a session from the link to its end, of those who answered every trial; NaN without any."""

    median: float
    most: float  # of nine in ten
    on_trials: float  # median share of the time
    n: int


def durations(of: Sequence[simulated.SimulatedVisit]) -> Durations:
    """How long a person takes; careless people, who hurry, are left out."""
    whole = [visit for visit in of if visit.outcome in FINISHED and visit.manner != simulated.Manner.CARELESS]
    if not whole:
        return Durations(np.nan, np.nan, np.nan, 0)
    minutes = [visit.minutes for visit in whole]
    on_trials = [visit.trial_minutes / visit.minutes for visit in whole]
    most = float(np.quantile(minutes, 0.9))
    return Durations(float(np.median(minutes)), most, float(np.median(on_trials)), len(whole))


def outcomes(of: Sequence[simulated.SimulatedVisit]) -> pd.DataFrame:
    """Numbers of people by how they took part and how it ended: manner, outcome, people, excluded by a rule."""
    rows = [(visit.manner, visit.outcome.replace("_", " "), bool(visit.broken)) for visit in of]
    frame = pd.DataFrame(rows, columns=["manner", "outcome", "excluded"])
    return frame.groupby(["outcome", "manner"], sort=False)["excluded"].agg(people="size", excluded="sum").reset_index()


def recovered(copy: Study, crowd: simulated.Crowd) -> pd.DataFrame:
    """The accuracies that were given, lapses included, beside those of the report.

    One row per condition: condition, given, found, low, high (the report's 95 % interval), trials, people.
    """
    rows = formatting.pick(copy.tables.estimates, "accuracy", observer=PEOPLE)
    rows = rows[rows["condition"].isin(set(crowd.accuracy) - {simulated.CATCH})]
    found = rows[["condition", "estimate", "low", "high", "n_trials", "n_participants"]]
    found.columns = pd.Index(["condition", "found", "low", "high", "trials", "people"])
    found.insert(1, "given", [crowd.expected(name) for name in found["condition"]])
    return found.reset_index(drop=True)


def cost(of: Sequence[simulated.SimulatedVisit], pay: PaySection) -> float | None:
    """What these people are paid, without a panel's fee; None if study.toml: [server.pay] declares no amount."""
    return None if pay.amount is None else sum(visit.paid for visit in of)
