"""The trials in which a unit appeared, and how people and machines answered them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exemplum.gallery.pictures import Shown
from exemplum.records import NONE

SAME = ["unit", "kind", "condition", "difficulty", "scheme", "query_max", "query_min"]  # one task, for all participants
PERSON = "person"
NOT_COMPARED = ("ideal", "chance", "simulated")  # machines that do not look at pictures


@dataclass(frozen=True)
class UnitAnswers:
    """Main trials of a unit with references that explain it: how often people and a machine were correct."""

    people: tuple[int, int]  # answers, correct ones
    machine: tuple[int, int]  # of the same trials


def tasks(trials: pd.DataFrame, responses: pd.DataFrame, shown: Mapping[str, Shown]) -> dict[str, list[dict[str, Any]]]:
    """Unit → its different tasks, each with the answers per observer: [answers, correct ones]."""
    if not len(trials):
        return {}
    numbered = trials.assign(task=trials.groupby(SAME, sort=False).ngroup())
    answers = responses.merge(numbered[["trial_id", "task"]], on="trial_id")
    counted = answers.groupby(["task", "observer"], sort=False)["correct"].agg(["size", "sum"])
    by_task: dict[int, dict[str, list[int]]] = {}
    for (task, observer), size, right in zip(counted.index, counted["size"], counted["sum"], strict=True):
        by_task.setdefault(int(task), {})[str(observer)] = [int(size), int(right)]
    found: dict[str, list[dict[str, Any]]] = {}
    for row in numbered.drop_duplicates("task").itertuples(index=False):
        found.setdefault(str(row.unit), []).append({
            "kind": row.kind, "condition": row.condition, "difficulty": row.difficulty, "scheme": row.scheme,
            "queries": [shown[str(row.query_max)], shown[str(row.query_min)]],
            "margin": None if np.isnan(row.margin) else round(float(row.margin), 2),
            "answers": by_task.get(int(row.task), {}),
        })  # fmt: skip
    return found


def people_by_unit(responses: pd.DataFrame, uninformative: set[str]) -> dict[str, UnitAnswers]:
    """Unit → how people and the first machine that looks at pictures answered its main trials.

    Conditions that explain nothing (`uninformative`, and none) do not count. Without people it is empty.
    """
    main = responses[(responses["trial_kind"] == "main") & ~responses["condition"].isin({*uninformative, NONE})]
    is_person = main["observer_kind"] == PERSON
    people = main[is_person]
    if not len(people):
        return {}
    machines = main[~is_person & ~main["observer"].isin(NOT_COMPARED)]
    first = machines[machines["observer"] == machines["observer"].iloc[0]] if len(machines) else machines
    same = first[first["trial_id"].isin(people["trial_id"])]
    by_machine = {str(unit): (len(of), int(of["correct"].sum())) for unit, of in same.groupby("unit")}
    return {
        str(unit): UnitAnswers((len(of), int(of["correct"].sum())), by_machine.get(str(unit), (0, 0)))
        for unit, of in people.groupby("unit")
    }


def observers(responses: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """The observers that answered, with their kind: people first."""
    kinds = responses.drop_duplicates("observer")[["observer", "observer_kind"]]
    ordered = sorted(kinds.itertuples(index=False), key=lambda row: row.observer_kind != PERSON)
    yield from ((str(row.observer), str(row.observer_kind)) for row in ordered)
