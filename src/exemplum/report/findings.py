"""The main result and the declared claims in words, and who answered: people and machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from exemplum import pages
from exemplum.observers import SAME_NETWORK
from exemplum.report import formatting, style
from exemplum.report.formatting import Tables, pick
from exemplum.report.ranking import Ranking, sentence


@dataclass(frozen=True)
class Share:
    """Accuracy in one condition as text."""

    condition: str
    value: str
    interval: str
    n: str


@dataclass(frozen=True)
class Finding:
    """The results of one observer. `experiment` is empty if the tables hold only one."""

    observer: str
    experiment: str
    sentence: str
    shares: dict[str, Share]  # by condition
    check: str  # the expected result of an observer that checks the experiment; else empty


def ranked(found: list[Finding], rankings: list[Ranking]) -> list[Finding]:
    """The findings, in words of each difficulty for the observers that `rankings` are of."""
    said = {(ranking.experiment, ranking.observer): sentence(ranking) for ranking in rankings}
    return [replace(one, sentence=said.get((one.experiment, one.observer), one.sentence)) for one in found]


@dataclass(frozen=True)
class Verdict:
    """The conclusion about a method compared with the baseline."""

    title: str
    text: str
    kind: str  # People or Machines, who judged
    observer: str


def findings(tables: Tables) -> list[Finding]:
    """One finding per experiment and observer with main trials, people first."""
    rows = pick(tables.estimates, "accuracy").dropna(subset=["estimate"])
    several = rows["experiment"].nunique() > 1
    return [
        _finding(tables, own, observer, str(experiment) if several else "")
        for experiment, of_experiment in rows.groupby("experiment")
        for observer in style.ordered_observers(of_experiment["observer"])
        for own in [of_experiment[of_experiment["observer"] == observer]]
    ]


def declared_verdicts(table: pd.DataFrame) -> list[Verdict]:
    """The claims of VERDICTS that were declared, primary before secondary, people first. No other is told in words."""
    rows = table[table["role"] != "exploratory"].sort_values(["experiment", "role"], kind="stable")
    several = rows["experiment"].nunique() > 1
    return [
        Verdict(f"Experiment {row['experiment']}: " * several + _title(row, observer), row["sentence"], kind, observer)
        for kind, observers in style.apart(rows["observer"]).items()
        for observer in observers
        for _, row in rows[rows["observer"] == observer].iterrows()
        if observer not in style.CHECKS
    ]


def unjudged(tables: Tables) -> str:
    """Why there is no verdict although several methods were answered, in words; empty if there is one."""
    baseline = style.conditions().baseline
    main = tables.responses[tables.responses["trial_kind"] == "main"]
    methods = set(main["condition"]) - {"none"}
    if len(tables.verdicts) or len(methods) < 2 or baseline in methods:
        return ""
    return (
        f"There is no verdict: no main trial shows {style.label(baseline)}, the baseline. To compare with another "
        "method, name it in study.toml: [explanations] baseline."
    )


def _title(row: pd.Series, observer: str) -> str:
    group = f" {'at' if row['by'] == 'difficulty' else 'in'} {row['group']}" if row["group"] else ""
    role = "" if row["role"] == "primary" else f" ({row['role']} claim)"
    return f"{style.label(row['method'])}{group}, by {observer}: {row['verdict']}{role}"


def apart(found: list[Finding]) -> dict[str, list[Finding]]:
    """The findings of people and those of machines; of kinds that are there."""
    kinds = style.apart(finding.observer for finding in found)
    return {kind: [finding for finding in found if finding.observer in names] for kind, names in kinds.items()}


def conditions(found: list[Finding]) -> list[str]:
    """All conditions of these findings in the report's order."""
    return style.ordered(condition for finding in found for condition in finding.shares)


def _finding(tables: Tables, rows: pd.DataFrame, observer: str, experiment: str) -> Finding:
    order = style.ordered(rows["condition"])
    shares = {c: _share(rows[rows["condition"] == c].iloc[0]) for c in order}
    answers = tables.responses[tables.responses["observer"] == observer]
    one = "unit" if (answers["observer_kind"] == "machine").any() else "participant"
    said = _sentence(shares, pages.count(int(rows["n_participants"].max()), one))
    return Finding(observer, experiment, said, shares, style.CHECKS.get(observer, ""))


def _sentence(shares: dict[str, Share], participants: str) -> str:
    parts = [f"{share.value} {_shown(share.condition)}" for share in shares.values()]
    return f"Right on {pages.listed(parts)} (main trials, {participants})."


def _share(row: pd.Series) -> Share:
    return Share(
        condition=str(row["condition"]),
        value=pages.percent(row["estimate"]),
        interval=pages.interval(row["low"], row["high"]),
        n=f"{int(row['n_trials']):,}",
    )


def _shown(condition: str) -> str:
    return "without references" if condition == "none" else f"with {style.label(condition)} references"


ABOUT = {
    "ideal": "reads the tested unit's own activations: must be right on every main trial",
    "chance": "guesses: must be right on about half",
    "similarity": "compares queries with references by features of a network",
    "simulated": "draws answers at random with a given accuracy",
    style.PEOPLE: "people in the browser",
}


@dataclass(frozen=True)
class Respondent:
    observer: str
    about: str
    kind: str
    participants: int
    trials: int
    main: int
    catch: str
    median_rt: str
    mean_confidence: str


def who_answered(responses: pd.DataFrame, told: Mapping[str, str] | None = None) -> list[Respondent]:
    """One row per observer, people first. Without answers the list is empty.

    told: observer → what it does, of observers that the study names.
    """
    return [
        _respondent(observer, responses[responses["observer"] == observer], (told or {}).get(observer, ""))
        for observer in style.ordered_observers(responses["observer"])
    ]


def _about(observer: str, told: str) -> str:
    """What an observer does; "" if that is not known."""
    judges_itself = ": no independent evidence" if observer.endswith(SAME_NETWORK) else ""
    return f"{told}{judges_itself}" if told else ABOUT.get(observer, "")


def _respondent(observer: str, rows: pd.DataFrame, told: str) -> Respondent:
    main = rows[rows["trial_kind"] == "main"]
    catch = rows[rows["trial_kind"] == "catch"]
    kind = "people" if (rows["observer_kind"] == "person").all() else "machine"
    return Respondent(
        observer=observer,
        about=_about(observer, told) or ("people" if kind == "people" else "a machine observer"),
        kind=kind,
        participants=rows["participant"].nunique(),
        trials=len(rows),
        main=len(main),
        catch=f"{pages.percent(float(catch['correct'].mean()))} of {len(catch):,}" if len(catch) else "— (n = 0)",
        median_rt=_by_condition(
            main.dropna(subset=["rt_ms"]), lambda of: formatting.seconds(of["rt_ms"].median() / 1000)
        ),
        mean_confidence=_by_condition(main, lambda of: pages.number(of["confidence"].mean())),
    )


def _by_condition(main: pd.DataFrame, said: Callable[[pd.DataFrame], str]) -> str:
    """A number for each condition. Conditions are never pooled: trials without references are guesses."""
    named = [
        f"{style.label(condition)}{pages.SPACE}{said(main[main['condition'] == condition])}"
        for condition in style.ordered(main["condition"])
    ]
    return ", ".join(named) or "—"


HYPHENATED = {"non_binary": "non-binary"}


def people_sentence(table: pd.DataFrame) -> str:
    """PEOPLE in a sentence: number, ages, gender and handedness as answered, time; empty without people."""
    if table.empty:
        return ""
    return "; ".join([f"{pages.count(len(table), 'person', 'people')} finished", *people_facts(table)]) + "."


def people_facts(table: pd.DataFrame) -> list[str]:
    """What is known of PEOPLE: ages, gender and handedness as answered, time."""
    said = []
    ages = table["age"].dropna()
    if len(ages):
        said.append(f"aged {ages.min():.0f} to {ages.max():.0f} (median {ages.median():.0f}, n = {len(ages)})")
    for column in ("expertise", "gender", "handedness", "visual_aid"):
        given = table.loc[table[column] != "", column].value_counts()
        if len(given):
            said.append(
                f"{column.replace('_', ' ')}: "
                + ", ".join(f"{HYPHENATED.get(name, name.replace('_', ' '))} {n}" for name, n in given.items())
            )
    times = table["total_time_s"].dropna()
    if len(times):
        said.append(f"median time {formatting.seconds(float(times.median()))}")
    return said


def exclusion_sentences(table: pd.DataFrame) -> list[str]:
    """EXCLUSIONS in words: one sentence per observer on who was excluded and why; none without rules."""
    said = []
    for observer in style.ordered_observers(table["observer"]):
        own = table[table["observer"] == observer]
        out = own[own["verdict"] == "excluded"]
        people = pages.count(own["participant"].nunique(), "participant")
        rules = pages.listed([f"{rule.replace('_', ' ')} ({limit:g})" for rule, limit in _rules(own)])
        said.append(f"{observer.capitalize()}: {people} checked by {rules}; {_left_out(out)}")
    return said


def _rules(rows: pd.DataFrame) -> list[tuple[str, float]]:
    pairs = rows[["rule", "limit"]].drop_duplicates()
    return list(pairs.itertuples(index=False, name=None))


def _left_out(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "none was excluded."
    reasons = "; ".join(f"{row.participant}: {row.reason}" for row in rows.itertuples())
    return f"{rows['participant'].nunique()} excluded ({reasons})."
