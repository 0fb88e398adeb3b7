"""Profile-likelihood intervals: where twice the log likelihood lost reaches the 95 % quantile of χ² with one df."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

DROP = float(chi2.ppf(0.95, 1))
FLAT = 0.75  # standard error of ln sd beyond which its likelihood is too skewed for a normal interval
FAR = 20  # standard errors, or log odds for a standard deviation, beyond which no end is looked for

Loss = Callable[[float], float]


def ends(loss: Loss, estimate: float, error: float) -> tuple[float, float]:
    """The interval of a parameter from the loss at its values; NaN for an end that is not within FAR errors."""
    return _end(loss, estimate, -error), _end(loss, estimate, error)


def ends_of_sd(loss: Loss, estimate: float) -> tuple[float, float]:
    """The interval of a standard deviation: from 0 where 0 is not ruled out; NaN above FAR."""
    above = max(2 * estimate, 0.25)
    while loss(above) < DROP:
        above *= 2
        if above > FAR:
            break
    high = (
        float(brentq(lambda value: loss(value) - DROP, estimate, above, xtol=1e-3, rtol=1e-3))
        if above <= FAR
        else np.nan
    )
    if estimate == 0 or loss(0.0) < DROP:
        return 0.0, high
    return float(brentq(lambda value: loss(value) - DROP, 0.0, estimate, xtol=1e-3, rtol=1e-3)), high


def _end(loss: Loss, estimate: float, step: float) -> float:
    inner, outer = estimate, estimate + 1.5 * step
    while loss(outer) < DROP:
        inner, outer = outer, outer + step
        if abs(outer - estimate) > FAR * abs(step):
            return float("nan")
    return float(brentq(lambda value: loss(value) - DROP, inner, outer, xtol=abs(step) * 1e-4))
