"""All that goes beyond the published study's own statistics, in one call: responses in, tables out."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exemplum import tables
from exemplum.analysis import (
    agreement,
    calibration,
    detection,
    exclusions,
    gee,
    glmm,
    learning,
    lmm,
    order,
    reliability,
    verdict,
)
from exemplum.study import ExclusionsSection

MANY = 20_000  # main trials above which models with random slopes would take minutes, and are left out


@dataclass(frozen=True)
class Beyond:
    """Rows to be added to estimates and comparisons, and the tables of their own."""

    estimates: pd.DataFrame
    comparisons: pd.DataFrame
    models: pd.DataFrame
    verdicts: pd.DataFrame
    exclusions: pd.DataFrame


def analyze(
    responses: pd.DataFrame,
    seed: int,
    margin: float,
    rules: ExclusionsSection | None = None,
    sessions: pd.DataFrame | None = None,
) -> Beyond:
    """Signal detection, calibration, learning, reliability, agreement, exclusions, order, models and verdicts.

    `responses`: RESPONSES of everybody. Those whom a declared rule excludes are left out of all but the rows
    by = exclusion, which show the result under each rule; `sessions` as in `exclusions.check`. `margin`: differences in
    accuracy below it count as equivalent. Models and verdicts are made in all and, with several schemes, in each.
    """
    rules = rules or ExclusionsSection()
    kept, excluded = exclusions.apply(responses, rules, sessions)
    estimates = [
        detection.estimates(kept),
        calibration.estimates(kept, seed),
        learning.estimates(kept),
        reliability.estimates(kept, seed),
        agreement.estimates(kept, seed),
        exclusions.estimates(responses, rules, sessions),
    ]
    parts = [("all", kept), ("scheme", _with_schemes(kept))]
    fitted = [model for by, answers in parts for model in _models(answers, by)]
    comparisons = [order.comparisons(kept), *(found for _, found in fitted)]
    return Beyond(
        tables.ESTIMATES.frame(_joined(estimates)),
        tables.COMPARISONS.frame(_joined(comparisons)),
        tables.MODELS.frame(_joined([models for models, _ in fitted])),
        tables.VERDICTS.frame(_joined([verdict.verdicts(answers, margin, by) for by, answers in parts])),
        excluded,
    )


def _with_schemes(responses: pd.DataFrame) -> pd.DataFrame:
    """The answers of experiments with several schemes."""
    schemes = responses[responses["scheme"] != ""].groupby("experiment")["scheme"].nunique()
    return responses[responses["experiment"].isin(schemes.index[schemes > 1])]


def _models(responses: pd.DataFrame, by: str) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    fitted = [glmm.compare(responses, by), gee.compare(responses, by), lmm.compare(responses, by)]
    if by == "all":
        fitted += [lmm.compare(responses, by, subset) for subset in ("correct", "wrong")]
        if (responses["trial_kind"] == "main").sum() <= MANY:
            fitted += [glmm.compare(responses, by, slopes=True), lmm.compare(responses, by, slopes=True)]
    return fitted


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]
