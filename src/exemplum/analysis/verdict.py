"""Verdicts: is a method better than, worse than or equivalent to natural images, or is it undecided?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from exemplum import tables
from exemplum.analysis.estimates.cells import order
from exemplum.analysis.models.mixed import grouped
from exemplum.analysis.tests.two_samples import is_constant

Array = np.ndarray
BASELINE = "natural"
ALPHA, POWER = 0.05, 0.80
MOST = 100_000  # participants; larger numbers are not computed


@dataclass(frozen=True)
class Judgement:
    """A difference between two methods, tested against 0 and against the margin."""

    verdict: str  # better, worse, equivalent or undecided
    difference: float
    low: float
    high: float
    p: float
    p_equivalence: float
    sd: float
    n_participants: int
    more_participants: float


def verdicts(responses: pd.DataFrame, margin: float, by: str = "all") -> pd.DataFrame:
    """Judge every method of the main trials against natural images: table VERDICTS.

    `margin`: differences in accuracy below it count as equivalent (0.05 is five points). `by`: all, or scheme. For each
    experiment, observer and group with natural images and another method, one row per method; `none` is not a method.
    The sample is the participants who answered both; `p_units` tests the same over units.
    """
    rows: list[dict[str, Any]] = []
    main = responses[(responses["trial_kind"] == "main") & (responses["condition"] != "none")]
    for (experiment, observer, name), answers in grouped(main, by):
        for method in order(answers["condition"].unique()):
            if method != BASELINE and (answers["condition"] == BASELINE).any():
                where = {"experiment": experiment, "observer": observer, "by": by, "group": name}
                rows.append(where | _row(answers, method, margin))
    return tables.VERDICTS.frame(rows)


def judge(a: Array, b: Array, trials: tuple[Array, Array], margin: float) -> Judgement:
    """Judge participants' accuracies with method `a` against baseline `b`, (n,) each, from `trials` trials each.

    Equivalent: two one-sided t tests both reject a difference of ± margin at 5 % (Schuirmann 1987, J. Pharmacokin.
    Biopharm. 15), which is that the 90 % interval lies within the margin. Otherwise better or worse if the paired t
    test is significant at 5 %. Otherwise undecided. If all differences are equal, their standard error is computed from
    the trials, with one right and one wrong answer added to each mean (Agresti & Caffo 2000, Am. Stat. 54): identical
    participants do not prove that there is no variance. Fewer than two participants decide nothing.
    """
    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    n = len(difference)
    mean = float(difference.mean()) if n else np.nan
    if n < 2:
        unknown = np.nan
        return Judgement("undecided", mean, unknown, unknown, unknown, unknown, unknown, n, unknown)
    sd = float(difference.std(ddof=1))
    if is_constant(difference):
        sd = float(np.sqrt(np.mean(_binomial_variance(a, trials[0]) + _binomial_variance(b, trials[1]))))
    error = sd / np.sqrt(n)
    reach = stats.t.ppf(1 - ALPHA / 2, n - 1) * error
    p = float(2 * stats.t.sf(abs(mean) / error, n - 1))
    p_equivalence = float(stats.t.sf((margin - abs(mean)) / error, n - 1))
    verdict = "undecided"
    if p_equivalence < ALPHA:
        verdict = "equivalent"
    elif p < ALPHA:
        verdict = "better" if mean > 0 else "worse"
    more = max(needed(mean, sd, margin) - n, 1.0) if verdict == "undecided" else 0.0
    low, high = max(mean - reach, -1.0), min(mean + reach, 1.0)
    return Judgement(verdict, mean, float(low), float(high), p, p_equivalence, sd, n, float(more))


def needed(difference: float, sd: float, margin: float) -> float:
    """Participants needed for either test to decide with 80 % power, at this difference and sd; inf above 100,000."""

    def decides(n: int) -> bool:
        return max(power_of_difference(difference, sd, n), power_of_equivalence(difference, sd, margin, n)) >= POWER

    if not decides(MOST):
        return np.inf
    below, enough = 1, MOST
    while enough - below > 1:
        middle = (below + enough) // 2
        below, enough = (below, middle) if decides(middle) else (middle, enough)
    return float(enough)


def power_of_difference(difference: float, sd: float, n: int) -> float:
    """Power of the two-sided paired t test at 5 %; R: power.t.test(type = "paired", strict = TRUE)."""
    if n < 2:
        return 0.0
    cut, shift = stats.t.ppf(1 - ALPHA / 2, n - 1), abs(difference) / sd * np.sqrt(n)
    if shift > 30:  # the noncentral distribution's series fails here, and the power is 1
        return 1.0
    # SciPy's far tail is NaN for large shifts, where it is 0 to 7 digits
    far = stats.nct.cdf(-cut, n - 1, shift) if shift < 5 else 0.0
    return float(stats.nct.sf(cut, n - 1, shift) + far)


def power_of_equivalence(difference: float, sd: float, margin: float, n: int) -> float:
    """Power of the two one-sided t tests at 5 % each, by central t's (Chow, Shao & Wang 2008, ch. 3.1.2)."""
    if n < 2:
        return 0.0
    error, cut = sd / np.sqrt(n), stats.t.ppf(1 - ALPHA, n - 1)
    low, high = ((margin + sign * difference) / error - cut for sign in (1, -1))
    return float(max(stats.t.cdf(low, n - 1) + stats.t.cdf(high, n - 1) - 1, 0.0))


def _row(answers: pd.DataFrame, method: str, margin: float) -> dict[str, Any]:
    shown = answers[answers["condition"].isin([method, BASELINE])]
    people = _means(shown, "participant", method)
    units = _means(shown, "unit", method)
    found = judge(
        people["mean", method].to_numpy(),
        people["mean", BASELINE].to_numpy(),
        (people["size", method].to_numpy(), people["size", BASELINE].to_numpy()),
        margin,
    )
    by_unit = (units["mean", method] - units["mean", BASELINE]).to_numpy()
    p_units = np.nan
    if len(by_unit) > 1 and not is_constant(by_unit):
        p_units = float(stats.ttest_1samp(by_unit, 0.0).pvalue)
    row = {"method": method, "baseline": BASELINE, **asdict(found), "margin": margin, "p_units": p_units}
    row["n_units"] = len(by_unit)
    levels = people["mean", method].mean(), people["mean", BASELINE].mean()
    return row | {"sentence": sentence(row, *map(float, levels))}


def sentence(row: dict[str, Any], level: float, baseline_level: float) -> str:
    """The verdict and its evidence in plain English, from a row of VERDICTS and the two accuracies."""
    method, baseline, margin = row["method"], row["baseline"], 100 * row["margin"]
    n, units = row["n_participants"], row["n_units"]
    if n < 2:
        return f"Undecided whether {method} differs from {baseline}: {n} participant{'s' * (n != 1)} answered both."
    evidence = (
        f"accuracy {100 * level:.1f} % against {100 * baseline_level:.1f} %, a difference of "
        f"{_points(row['difference'])} points (95 % CI {_points(row['low'])} to {_points(row['high'])}, "
        f"{_p(row['p'])}, {n} participants, {units} unit{'s' * (units != 1)})"
    )
    if row["verdict"] == "equivalent":
        text = (
            f"{method} and {baseline} are equivalent within {margin:g} points ({_p(row['p_equivalence'])}): {evidence}."
        )
        return _capital(text) + (" The small difference is significant." if row["p"] < ALPHA else "")
    if row["verdict"] == "undecided":
        more = row["more_participants"]
        people = f"about {more:,.0f} more participant{'s' * (more != 1)}"
        advice = f"{people} would decide it with 80 % power, if difference and spread stay the same"
        if not np.isfinite(more):
            advice = f"more than {MOST:,} participants would be needed"
        return f"Undecided whether {method} differs from {baseline}: {evidence}; {advice}."
    text = _capital(f"{method} is {row['verdict']} than {baseline}: {evidence}.")
    if not row["p_units"] < ALPHA:
        text += f" Over units the difference is not significant ({_p(row['p_units'])}): other units might not show it."
    return text


def _means(answers: pd.DataFrame, level: str, method: str) -> pd.DataFrame:
    """Accuracy and trials by participant or unit in both conditions, for those with both."""
    table = answers.groupby([level, "condition"])["correct"].agg(["mean", "size"]).unstack()
    wanted = pd.MultiIndex.from_product([["mean", "size"], [method, BASELINE]])
    return table.reindex(columns=wanted).dropna().astype(float)


def _binomial_variance(share: Array, n: Array) -> Array:
    smoothed = (np.asarray(share) * n + 1) / (np.asarray(n) + 2)
    return smoothed * (1 - smoothed) / (np.asarray(n) + 2)


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _p(p: float) -> str:
    return "p undefined" if np.isnan(p) else "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
