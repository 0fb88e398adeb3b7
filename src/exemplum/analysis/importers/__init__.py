"""Importers of other data. They report oddities in the data and correct nothing."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

SLOW_S = 60.0  # longer than a minute on one trial: a pause rather than a decision
FAST_S = 0.3  # shorter than it takes to see two images and press a button


@dataclass(frozen=True)
class Finding:
    """One thing found in the data, how often, and what was done about it."""

    experiment: str
    what: str
    count: int
    detail: str
    done: str


def as_table(findings: list[Finding]) -> pd.DataFrame:
    """Findings as a data frame, one row each: experiment, what, count, detail, done."""
    return pd.DataFrame([vars(finding) for finding in findings], columns=list(Finding.__annotations__))


def of_responses(responses: pd.DataFrame, experiment: str) -> list[Finding]:
    """Oddities of any table RESPONSES: impossible and extreme reaction times, sessions of different lengths."""
    seconds = responses["rt_ms"] / 1000
    sizes = responses.groupby("participant").size()
    return [
        Finding(experiment, "negative reaction times", int((seconds < 0).sum()), _where(responses, seconds < 0),
                "kept"),
        Finding(experiment, f"reaction times of 0 to {FAST_S:g} s", int(seconds.between(0, FAST_S).sum()),
                "faster than two images can be compared", "kept"),
        Finding(experiment, f"reaction times above {SLOW_S:g} s", int((seconds > SLOW_S).sum()),
                f"longest {seconds.max():.1f} s", "kept; medians are given beside the means"),
        Finding(experiment, "participants whose number of trials differs from most",
                int((sizes != sizes.mode().iloc[0]).sum()), f"most have {sizes.mode().iloc[0]}", "kept"),
    ]  # fmt: skip


def _where(responses: pd.DataFrame, which: pd.Series) -> str:
    rows = responses[which]
    return "; ".join(f"{row.participant} trial {row.trial}: {row.rt_ms / 1000:.3f} s" for row in rows.itertuples())
