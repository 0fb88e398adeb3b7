"""Verdicts: is a method better than, worse than or equivalent to the baseline, or is it undecided, and for whom?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from exemplum import tables
from exemplum.analysis import AnalysisSection
from exemplum.analysis.estimates import cells
from exemplum.analysis.models.fits import parts
from exemplum.analysis.models.mixed import grouped
from exemplum.analysis.tests.comparisons import holm
from exemplum.analysis.tests.difference import Difference, apart, crossed, of_one_sample
from exemplum.records import easiest_first

Array = np.ndarray
ALPHA, POWER = 0.05, 0.80
MOST = 10_000  # participants or units of a new study; larger numbers are not computed
POPULATIONS = {  # what is said of each population
    "new_units": "for new participants and new units",
    "these_units": "for new participants and these units only",
    "machine": "for new units, judged by this one machine",
}
ASIDE = ("difficulties", "groups", "p_tests")  # of a row: for its sentence alone


def verdicts(responses: pd.DataFrame, settings: AnalysisSection, baseline: str = cells.BASELINE) -> pd.DataFrame:
    """Judge every method of the main trials against the baseline: table VERDICTS.

    For each experiment and observer with the baseline and another method (`none` is not one), a row per method and
    claim: over all trials for both populations, and in each scheme and at each difficulty where there are several.
    Claims are primary, secondary or exploratory as `settings` declares; p values are corrected by Holm over the primary
    claims, which are one per method, and over the secondary ones together, but not those of exploratory claims.

    >>> from exemplum.analysis import Spread, simulate
    >>> rng = np.random.default_rng(1)
    >>> trials = simulate.trials(8, 12, ["natural", "synthetic"], rng)  # participants, units
    >>> answers = simulate.logistic(trials, {"natural": 2.2, "synthetic": 0.8}, Spread(unit=0.5), rng)
    >>> found = verdicts(answers, AnalysisSection())
    >>> found[["population", "role", "difference", "verdict"]].round(3).values.tolist()
    [['new_units', 'primary', -0.115, 'undecided'], ['these_units', 'exploratory', -0.115, 'undecided']]
    """
    rows: list[dict[str, Any]] = []
    kinds = parts(responses[(responses["trial_kind"] == "main") & (responses["condition"] != "none")])
    several = {by: set(answers["experiment"]) for by, answers in kinds}
    for by, answers in kinds:
        for (experiment, observer, group), own in grouped(answers, by):
            concerned = settings.concerns(by, group, experiment in several["difficulty"])
            where = {"experiment": experiment, "observer": observer, "by": by, "group": group}
            rows += [where | row for row in _claims(own, by, concerned, settings, baseline)]
    families = defaultdict(list)
    for row in rows:
        families[row["experiment"], row["observer"], row["role"]].append(row)
    for family in families.values():
        _decide(family)
    told = [{name: value for name, value in row.items() if name not in ASIDE} for row in rows]
    return tables.VERDICTS.frame([row | {"sentence": sentence(full)} for row, full in zip(told, rows, strict=True)])


def difference_of_people(
    answers: pd.DataFrame, method: str, population: str, baseline: str = cells.BASELINE
) -> Difference:
    """The accuracy with `method` minus that with the baseline, of RESPONSES of people to both, for that population.

    `new_units`: participants and units are samples, see `crossed`. `these_units`: participants alone, by a paired t.
    Where nobody answered both, because the protocol gives participants one method each, see `apart`.
    """
    means = paired_means(answers, method, baseline, machine=False)
    participant, unit, difficulty = (pd.factorize(answers[name])[0] for name in ("participant", "unit", "difficulty"))
    single = answers["correct"].to_numpy(), participant, unit, (answers["condition"] == method).to_numpy(), difficulty
    if means.empty:
        return apart(*single, new_units=population == "new_units")
    if population == "new_units":
        return crossed(*single)
    seen = pd.MultiIndex.from_frame(answers[list(means.index.names)]).isin(means.index)
    return _of_sample(means, method, baseline, participants=None, units=answers.loc[seen, "unit"].nunique())


def difference_of_machine(answers: pd.DataFrame, method: str, baseline: str = cells.BASELINE) -> Difference:
    """The same of RESPONSES of one machine: units are the sample."""
    return _of_sample(paired_means(answers, method, baseline, machine=True), method, baseline, participants=1)


def _of_sample(
    means: pd.DataFrame, method: str, baseline: str, participants: int | None, units: int | None = None
) -> Difference:
    """The difference of `paired_means`, whose participants, or units, are the sample; None for their number."""
    differences = (means[method] - means[baseline]).unstack("difficulty")
    n = len(differences)
    return of_one_sample(
        differences.to_numpy(), n if participants is None else participants, n if units is None else units
    )


def paired_means(answers: pd.DataFrame, method: str, baseline: str, machine: bool) -> pd.DataFrame:
    """The rows of `means_by_condition` of participants, or units, with both conditions."""
    return means_by_condition(answers, method, baseline, machine).dropna()


def means_by_condition(answers: pd.DataFrame, method: str, baseline: str, machine: bool) -> pd.DataFrame:
    """Accuracy with `method` and with the baseline of each participant, or of a machine of each unit.

    Rows are participants (units) and difficulties, NaN for a condition without answers. A machine's is the mean over a
    unit's stimuli: a stimulus is a batch of a unit in a condition, scheme and difficulty. Answers to one stimulus, in
    whatever session, are one: a machine that is asked again says nothing new.
    """
    sample = "unit" if machine else "participant"
    each = answers.groupby(cells.STIMULUS)["correct"].mean() if machine else answers.set_index(
        [sample, "difficulty", "condition"])["correct"]  # fmt: skip
    means = each.groupby([sample, "difficulty", "condition"]).mean().unstack()
    return means.reindex(columns=[method, baseline]).astype(float)


def of_new_study(found: Difference, margin: float) -> tuple[float, float]:
    """Participants, and units, that a new study would need to find a difference of `margin` with 80 % power.

    Each number for as many of the others as this study has; infinite if no number suffices, NaN if the parts of the
    variance are not known. The parts are taken as this study estimates them, and the noncentral t as a shifted one;
    `exemplum power` simulates it.
    """
    people, units = found.n_participants, found.n_units
    if not np.isfinite(found.parts).all():
        return np.nan, np.nan
    over_people, over_units, left = (
        float(part) * times for part, times in zip(found.parts, (people, units, people * units), strict=True)
    )

    def suffices(n: int, m: int) -> bool:
        a, b, c = over_people / n, over_units / m, left / (n * m)
        of_people = (a + c) ** 2 / (n - 1) if over_people else 0.0
        of_units = (b + c) ** 2 / (m - 1) if over_units else 0.0
        df = (a + b + c) ** 2 / (of_people + of_units) if of_people + of_units else float(n * m)
        reach = stats.t.ppf(1 - ALPHA / 2, df) + stats.t.ppf(POWER, df)
        return bool(reach * np.sqrt(a + b + c) <= margin)

    return (
        _smallest(lambda n: suffices(n, units)) if over_people or left else np.nan,
        _smallest(lambda m: suffices(people, m)) if over_units or left else np.nan,
    )


def _smallest(enough: Callable[[int], bool]) -> float:
    """The smallest number from 2 to MOST for which `enough` holds, and holds above; inf if there is none."""
    if not enough(MOST):
        return np.inf
    below, above = 1, MOST
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if enough(middle) else (middle, above)
    return float(above)


def _claims(
    answers: pd.DataFrame, by: str, concerned: bool, settings: AnalysisSection, baseline: str
) -> Iterator[dict[str, Any]]:
    """The claims of one observer's answers; `concerned`: whether the primary claims are about these trials."""
    if not (answers["condition"] == baseline).any():
        return
    machine = cells.sampled(answers) == "unit"
    populations = ("machine",) if machine else ("new_units", "these_units") if concerned else (settings.primary,)
    for method in cells.order(answers["condition"].unique(), baseline):
        for population in populations if method != baseline else ():
            shown = answers[answers["condition"].isin([method, baseline])]
            found = (
                difference_of_machine(shown, method, baseline) if machine
                else difference_of_people(shown, method, population, baseline)
            )  # fmt: skip
            role = settings.role(by, settings.primary if machine else population, concerned)
            yield _row(shown, method, baseline, population, found, settings.margin) | {"role": role}


def _row(
    shown: pd.DataFrame, method: str, baseline: str, population: str, found: Difference, margin: float
) -> dict[str, Any]:
    low, high = found.interval()
    means = means_by_condition(shown, method, baseline, population == "machine")
    both = means.dropna()
    means = means if both.empty else both
    each = means.groupby("difficulty").mean().dropna()  # difficulties of both conditions
    levels = each.mean()
    return {
        "method": method, "baseline": baseline, "population": population, "difference": found.estimate,
        "low": low, "high": high, "std_error": found.std_error, "df": found.df, "p": found.p,
        "p_equivalence": found.p_equivalence(margin), "margin": margin, "n_participants": found.n_participants,
        "n_units": found.n_units, "accuracy": float(levels[method]), "baseline_accuracy": float(levels[baseline]),
        "difficulties": easiest_first(each.index),
        "groups": tuple(means.notna().groupby(level=0).any().sum()) if both.empty else (),
        **dict(zip(("new_participants", "new_units"), of_new_study(found, margin), strict=True)),
    }  # fmt: skip


def _decide(family: list[dict[str, Any]]) -> None:
    """Correct the p values of a family of claims by Holm, unless it is exploratory, and say what they decide."""
    for name in ("p", "p_equivalence"):
        tested = [row for row in family if not np.isnan(row[name]) and row["role"] != "exploratory"]
        corrected = dict(zip(map(id, tested), holm(np.array([row[name] for row in tested])), strict=True))
        for row in family:
            row[f"{name}_adjusted"] = float(corrected.get(id(row), np.nan))
    tests = sum(not np.isnan(row["p"]) for row in family)
    for row in family:
        row["p_tests"] = tests  # of an equivalence as many: both p are undefined together
        differs, equivalent = (_deciding(row, name) < ALPHA for name in ("p", "p_equivalence"))
        row["verdict"] = word(differs, equivalent, row["difference"])


def _deciding(row: dict[str, Any], name: str) -> float:
    """The corrected p of a claim, or of an exploratory one p itself."""
    return float(row[name] if row["role"] == "exploratory" else row[f"{name}_adjusted"])


def word(differs: bool, equivalent: bool, difference: float) -> str:
    """better, worse, equivalent, undecided, or `better within the margin`: significant, and yet equivalent.

    >>> word(differs=True, equivalent=False, difference=-0.102)
    'worse'
    >>> word(differs=False, equivalent=False, difference=0.02)
    'undecided'
    """
    if differs:
        return ("better" if difference > 0 else "worse") + (" within the margin" if equivalent else "")
    return "equivalent" if equivalent else "undecided"


def sentence(row: dict[str, Any]) -> str:
    """The verdict and its evidence in plain English, from a row of VERDICTS.

    With the names of its `difficulties`, the sizes of its `groups` if participants saw one condition each, and how
    many tests its p was corrected for (`p_tests`).
    """
    method, baseline, whom = row["method"], row["baseline"], _over(row) + POPULATIONS[row["population"]]
    if np.isnan(row["p"]):
        asked = "answered either" if row["groups"] and min(row["groups"]) else "answered both"
        return f"Undecided whether {method} differs from {baseline} {whom}: {_sizes(row)} {asked}, too few."
    margin = f"{100 * row['margin']:g} points"
    said = {
        "better": f"{method} is better than {baseline} {whom}",
        "worse": f"{method} is worse than {baseline} {whom}",
        "better within the margin": f"{method} is better than {baseline}, by less than {margin}, {whom}",
        "worse within the margin": f"{method} is worse than {baseline}, by less than {margin}, {whom}",
        "equivalent": f"{method} and {baseline} are equivalent within {margin} {whom}",
        "undecided": f"undecided whether {method} differs from {baseline} {whom}",
    }[row["verdict"]]
    names = {"p": "difference", "p_equivalence": "equivalence"}
    told = [name for name in names if name == "p" or "margin" in row["verdict"] or row["verdict"] == "equivalent"]
    ps = ", ".join(
        f"{_p(_deciding(row, name))}{f' for {names[name]}' if len(told) > 1 or name != 'p' else ''}" for name in told
    )
    if row["role"] != "exploratory" and (tests := row["p_tests"]) > 1:
        ps += f" after Holm's correction for {tests} comparisons"
    evidence = (
        f"accuracy {100 * row['accuracy']:.1f} % against {100 * row['baseline_accuracy']:.1f} %, a difference of "
        f"{_points(row['difference'])} points (95 % CI {_points(row['low'])} to {_points(row['high'])}, {ps}, "
        f"{_sizes(row)})"
    )
    return f"{_capital(said)}: {evidence}.{_plan(row)}"


def _over(row: dict[str, Any]) -> str:
    """The difficulties that a claim is about, in words, if its study has several of them."""
    names = row["difficulties"]
    if row["by"] == "difficulty":
        return f"at difficulty {row['group']} "
    return f"over difficulties {', '.join(names[:-1])} and {names[-1]} " if len(names) > 1 else ""


def _plan(row: dict[str, Any]) -> str:
    """Of what is undecided, what a new study would need. This one cannot grow until it decides."""
    if row["verdict"] != "undecided" or row["role"] == "exploratory":
        return ""
    people, units = row["new_participants"], row["new_units"]
    ways = [] if row["population"] == "machine" or np.isnan(people) else [
        _way(people, "participants", f"the same number of units ({row['n_units']})"
             if row["population"] == "new_units" else "these units")]  # fmt: skip
    if row["population"] != "these_units" and not np.isnan(units):
        others = "" if row["population"] == "machine" else f"the same number of participants ({row['n_participants']})"
        ways.append(_way(units, "units", others))
    found = f"to find a difference of {100 * row['margin']:g} points with 80 % power, a new study"
    how = "" if row["population"] == "machine" else "; plan it with exemplum power"  # which simulates people
    return f" {_capital(found)} would need {', or '.join(ways)}{how}." if ways else ""


def _way(number: float, what: str, others: str) -> str:
    amount = f"about {number:,.0f}" if np.isfinite(number) else f"more than {MOST:,}"
    return f"{amount} {what}{f' with {others}' if others else ''}"


def _sizes(row: dict[str, Any]) -> str:
    people, units = row["n_participants"], row["n_units"]
    counted = f"{units} unit{'s' * (units != 1)}"
    if row["population"] == "machine":
        return counted
    groups = " and ".join(map(str, row["groups"])) if row["groups"] and min(row["groups"]) else people
    return f"{groups} participant{'s' * (people != 1)}, {counted}"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _p(p: float) -> str:
    return "p undefined" if np.isnan(p) else "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
