"""All tables about machines that predict people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from exemplum.analysis.estimates import cells
from exemplum.analysis.machines import calibration, consistency, correlation, prediction_powered, units
from exemplum.responses import Calibration
from exemplum.tables import COMPARISONS, ESTIMATES


@dataclass(frozen=True)
class Machines:
    """What machines say besides their answers; None for what there is not."""

    evidence: pd.DataFrame | None = None  # EVIDENCE, of trials
    scores: pd.DataFrame | None = None  # SCORES, of all units
    branches: pd.Series | None = None  # of each unit, by its name
    encoders: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # fingerprint and metric by observer


@dataclass(frozen=True)
class Predictions:
    """Rows of the tables of the analysis, by their names, and what other studies can use."""

    estimates: pd.DataFrame
    comparisons: pd.DataFrame
    models: pd.DataFrame
    people_and_machines: pd.DataFrame
    calibrations: list[Calibration]


def predictions(
    responses: pd.DataFrame, machines: Machines, seed: int, resamples: int, baseline: str = cells.BASELINE
) -> Predictions:
    """What each machine of RESPONSES, EVIDENCE and SCORES says of people: empty for a study without people."""
    found = units.side_by_side(responses, machines.evidence, machines.scores)
    models, calibrations = calibration.calibrate(responses, machines.evidence, machines.encoders)
    powered = prediction_powered.powered_estimates(responses, machines.scores, machines.branches, baseline)
    return Predictions(
        ESTIMATES.concat([
            consistency.consistency_estimates(responses),
            correlation.correlation_estimates(found, seed, resamples),
            powered[0],
        ]),
        COMPARISONS.concat([correlation.prediction_comparisons(found), powered[1]]),
        models,
        units.table(found),
        calibrations,
    )  # fmt: skip
