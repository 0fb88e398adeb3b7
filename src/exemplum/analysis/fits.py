"""Which models are fitted to which answers: all, scheme by scheme, and with random slopes where that is cheap."""

from __future__ import annotations

import pandas as pd

from exemplum.analysis import gee, glmm, lmm

MANY = 20_000  # main trials above which random slopes and subsets would take minutes, and are left out

Tables = tuple[pd.DataFrame, pd.DataFrame]


def fits(responses: pd.DataFrame) -> list[Tables]:
    """(MODELS, COMPARISONS) of every model of RESPONSES, by experiment and observer.

    `glmm`, `gee` and `lmm` over all main trials and, in experiments with several schemes, in each scheme. Up to 20,000
    main trials also `lmm` of right and of wrong answers by themselves, and `glmm_slopes` and `lmm_slopes`.
    """
    found = [model for by, answers in parts(responses) for model in _of(answers, by)]
    if (responses["trial_kind"] == "main").sum() <= MANY:
        found += [lmm.compare(responses, subset=subset) for subset in ("correct", "wrong")]
        found += [glmm.compare(responses, slopes=True), lmm.compare(responses, slopes=True)]
    return found


def parts(responses: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """What models and verdicts are made by: all, and scheme for the answers of experiments with several schemes."""
    schemes = responses[responses["scheme"] != ""].groupby("experiment")["scheme"].nunique()
    several = responses[responses["experiment"].isin(schemes.index[schemes > 1])]
    return [("all", responses), ("scheme", several)]


def _of(responses: pd.DataFrame, by: str) -> list[Tables]:
    return [model.compare(responses, by) for model in (glmm, gee, lmm)]
