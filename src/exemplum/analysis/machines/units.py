"""People's accuracy and machines' scores of the same units, side by side, with their errors of measurement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exemplum.analysis.estimates import cells, intervals
from exemplum.records import NONE
from exemplum.tables import PEOPLE_AND_MACHINES

Array = np.ndarray
PREDICTORS = ("score", "task_accuracy", "evidence", "answers")  # of a machine, from the finest
ITEM = ["unit", "condition"]


@dataclass(frozen=True)
class Error:
    """Errors of measurement of two means of each item: their variances and their covariance, each (items,)."""

    people: Array
    machine: Array
    both: Array


@dataclass(frozen=True)
class Items:
    """Units in conditions that people answered, with one machine's predictions: columns of PEOPLE_AND_MACHINES."""

    where: dict[str, Any]  # experiment, observer and machine
    table: pd.DataFrame
    errors: dict[str, Error]  # by predictor

    def known(self, predictor: str, condition: str | None = None) -> Array:
        """Which items, (items,), have a value of the predictor, in one condition or in all."""
        found = self.table[predictor].notna().to_numpy()
        return found if condition is None else found & (self.table["condition"] == condition).to_numpy()


def table(found: list[Items]) -> pd.DataFrame:
    """PEOPLE_AND_MACHINES of all pairs of people and a machine."""
    return PEOPLE_AND_MACHINES.concat(PEOPLE_AND_MACHINES.frame(items.table.assign(**items.where)) for items in found)


def trials(
    responses: pd.DataFrame, evidence: pd.DataFrame | None = None
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """People's main trials with references, beside each machine's answer to the same trial.

    `evidence` is EVIDENCE. Yields experiment, observer and machine, and RESPONSES of people with the columns `answers`
    (whether the machine was right) and `evidence` (its Δ in favour of the maximal query); NaN where it has none.
    """
    main = responses[(responses["trial_kind"] == "main") & (responses["condition"] != NONE)]
    people, machines = (main[main["observer_kind"] == kind] for kind in ("person", "machine"))
    same = ["trial_id", "condition", "unit"]
    felt = None if evidence is None else evidence.drop_duplicates(["observer", "trial_id"])
    for (experiment, observer), own in people.groupby(["experiment", "observer"], sort=True):
        answered = machines[machines["experiment"] == experiment].drop_duplicates(["observer", *same])
        for machine in _machines(answered, felt):
            right = answered.loc[answered["observer"] == machine, [*same, "correct"]]
            both = own.merge(right.rename(columns={"correct": "answers"}), on=same, how="left")
            both["answers"] = both["answers"].astype(float)
            values = pd.Series(dtype=float)
            if felt is not None:
                values = felt[felt["observer"] == machine].set_index("trial_id")["evidence"]
            both["evidence"] = both["trial_id"].map(values).astype(float)
            yield {"experiment": experiment, "observer": observer, "machine": machine}, both


def _machines(answered: pd.DataFrame, evidence: pd.DataFrame | None) -> list[str]:
    return sorted({*answered["observer"], *([] if evidence is None else evidence["observer"])})


def side_by_side(
    responses: pd.DataFrame, evidence: pd.DataFrame | None = None, scores: pd.DataFrame | None = None
) -> list[Items]:
    """Every pair of people and a machine that has answered, or scored, units that people judged.

    RESPONSES of people and machines, EVIDENCE, and SCORES of all units. What a machine answered is compared on the
    trials that people answered, SCORES by unit, method and, where the study has several, the mean over difficulties.
    """
    found = []
    scored = None if scores is None else _of_items(scores, responses)
    for where, answered in _with_scorers(responses, evidence, scored):
        if answered["answers"].notna().any():  # only the trials that the machine has answered too
            answered = answered[answered["answers"].notna()]
        own = None if scored is None else scored[scored["observer"] == where["machine"]]
        table, errors = _joined(_items(answered), own)
        if table[list(PREDICTORS)].notna().to_numpy().any():
            found.append(Items(where, table, errors))
    return found


def _with_scorers(
    responses: pd.DataFrame, evidence: pd.DataFrame | None, scored: pd.DataFrame | None
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """What `trials` gives, and people's trials beside each machine that has scored units but answered no trials."""
    named: set[tuple[str, str, str]] = set()
    for where, answered in trials(responses, evidence):
        named.add(tuple(where.values()))
        yield where, answered
    people = responses[(responses["trial_kind"] == "main") & (responses["observer_kind"] == "person")]
    people = people[people["condition"] != NONE]
    for (experiment, observer), own in people.groupby(["experiment", "observer"], sort=True):
        for machine in [] if scored is None else sorted(scored["observer"].unique()):
            if (experiment, observer, machine) not in named:
                yield (
                    {"experiment": experiment, "observer": observer, "machine": machine},
                    own.assign(answers=np.nan, evidence=np.nan),
                )


def of_conditions(scores: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    """SCORES of units in the conditions and at the difficulties of the main trials.

    Columns condition, difficulty, observer, unit, layer, score: without the nulls, of as many references as the trials
    show if there are such tasks, else the mean over all. A difficulty that the tasks do not have gets the mean over
    those that they have: any prediction is allowed, only its correlation is lower.
    """
    keys = ["condition", "difficulty", "observer", "unit", "layer"]
    return _asked(scores, responses).groupby(keys)["score"].mean().reset_index()


def _asked(scores: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    """For each condition and difficulty of the main trials the rows of SCORES that stand for it, numbered by `row`."""
    main = responses[(responses["trial_kind"] == "main") & (responses["condition"] != NONE)]
    asked = main[["condition", "scheme", "difficulty"]].drop_duplicates()
    asked = asked.assign(references=pd.to_numeric(asked["scheme"].str.rpartition("-")[2], errors="coerce"))
    tasks = scores[scores["null"] == ""]
    tasks = tasks.assign(row=np.arange(len(tasks)))
    parts = [tasks.iloc[:0].assign(condition="")]
    for (condition, difficulty), group in asked.groupby(["condition", "difficulty"]):
        own = tasks[tasks["method"] == condition]
        for column, wanted in (("references", group["references"]), ("difficulty", [difficulty])):
            if own[column].isin(wanted).any():
                own = own[own[column].isin(wanted)]
        parts.append(own.assign(condition=condition, difficulty=difficulty))
    return pd.concat(parts, ignore_index=True)


def _of_items(scores: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    """SCORES of units in the conditions of the main trials, the mean over their difficulties, all of one weight.

    Columns observer, unit, condition, score, score_error (the variance of its error), task_accuracy, n_tasks. The error
    is Σ w² sd² / n over rows of SCORES with weights w: one that stands for several difficulties is one measurement.
    """
    key = ["observer", *ITEM]
    found = _asked(scores, responses).dropna(subset=["score"])
    of_cell = found.groupby([*key, "difficulty"])["score"].transform("size")
    weight = 1 / (of_cell * found.groupby(key)["difficulty"].transform("nunique"))
    rows = found.assign(weight=weight.groupby([*(found[name] for name in key), found["row"]]).transform("sum"))
    rows = rows.drop_duplicates([*key, "row"])
    error = rows["weight"] ** 2 * rows["score_sd"] ** 2 / rows["n_tasks"]
    parts = rows[[*key, "n_tasks"]].assign(
        score=rows["weight"] * rows["score"], score_error=error, task_accuracy=rows["weight"] * rows["accuracy"]
    )
    sums = parts.groupby(key).sum()
    unknown = error.isna().groupby([rows[name] for name in key]).any()
    return sums.assign(score_error=sums["score_error"].mask(unknown)).reset_index()


def _items(answered: pd.DataFrame) -> tuple[pd.DataFrame, Array]:
    """One row per unit and condition, with the covariance of the errors of its three means, (items, 3, 3)."""
    code, names = pd.factorize(pd.MultiIndex.from_frame(answered[ITEM]), sort=True)
    values = np.column_stack([answered["correct"].astype(float), answered["answers"], answered["evidence"]])
    stimulus = answered.groupby(cells.STIMULUS, sort=False).ngroup().to_numpy()
    kinds = np.bincount(np.unique(np.stack([code, stimulus]), axis=1)[0], minlength=len(names))
    # the answers to one stimulus depend on each other; of a single stimulus there are only its answers
    cluster = np.where(kinds[code] > 1, stimulus, len(answered) + np.arange(len(answered)))
    mean, error = means(values, code, cluster)
    size = np.bincount(code)
    low, high = intervals.wilson(mean[:, 0] * size, size)
    layers = answered.groupby("unit")["layer"].first()
    table = pd.DataFrame(list(names), columns=ITEM).assign(
        accuracy=mean[:, 0],
        accuracy_low=low,
        accuracy_high=high,
        n_trials=size,
        answers=mean[:, 1],
        evidence=mean[:, 2],
    )
    return table.assign(layer=table["unit"].map(layers)), error


def means(values: Array, item: Array, cluster: Array) -> tuple[Array, Array]:
    """The mean of the values (n, k) of each item, (items, k), and the covariance of its errors, (items, k, k).

    From the sums of each cluster's distances from the mean of the item: S / (S − 1) Σ d dᵀ / T², of S clusters and T
    values. NaN for an item of one cluster, and where values are NaN.

    >>> mean, error = means(np.array([[1.0], [1.0], [0.0], [1.0]]), np.zeros(4, int), np.arange(4))
    >>> mean.tolist(), error.round(4).ravel().tolist()  # 0.75 · 0.25 / 3
    ([[0.75]], [0.0625])
    """
    size = np.bincount(item)
    mean = np.stack([np.bincount(item, column) for column in values.T], axis=1) / size[:, None]
    pair, place = np.unique(np.stack([item, cluster]), axis=1, return_inverse=True)
    apart = values - mean[item]
    sums = np.stack([np.bincount(place.ravel(), column) for column in apart.T], axis=1)
    clusters = np.bincount(pair[0], minlength=len(size))
    products = sums[:, :, None] * sums[:, None, :]
    total = np.zeros((len(size), *products.shape[1:]))
    np.add.at(total, pair[0], products)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(clusters > 1, clusters / (clusters - 1) / size**2, np.nan)
    return mean, total * scale[:, None, None]


def _joined(items: tuple[pd.DataFrame, Array], scored: pd.DataFrame | None) -> tuple[pd.DataFrame, dict[str, Error]]:
    """The items with the machine's scores, and the errors of each of its predictions."""
    table, error = items
    columns = {"score": np.nan, "score_error": np.nan, "task_accuracy": np.nan, "n_tasks": 0}
    if scored is None or scored.empty:
        table = table.assign(**columns)
    else:
        table = table.merge(scored.drop(columns="observer"), on=ITEM, how="left").fillna({"n_tasks": 0})
    share, count = table["task_accuracy"].to_numpy(dtype=float), table["n_tasks"].to_numpy(dtype=float)
    binomial = share * (1 - share) / np.where(count > 1, count - 1, np.nan)
    people, none = error[:, 0, 0], np.zeros(len(table))  # tasks are of other pictures than trials
    errors = {
        "answers": Error(people, error[:, 1, 1], error[:, 0, 1]),
        "evidence": Error(people, error[:, 2, 2], error[:, 0, 2]),
        "task_accuracy": Error(people, binomial, none),
        "score": Error(people, table["score_error"].to_numpy(dtype=float), none),
    }
    table = table.drop(columns="score_error")
    spread = {"accuracy_error": people, "answers_error": error[:, 1, 1], "evidence_error": error[:, 2, 2]}
    return table.assign(**{name: np.sqrt(value) for name, value in spread.items()}), errors
