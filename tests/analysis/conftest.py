"""Small tables of answers whose every number can be counted by hand."""

import itertools
from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import settings

from exemplum.tables import RESPONSES

settings.register_profile("patient", deadline=None)  # on a busy machine the first example may take long
settings.load_profile("patient")

Answers = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def answers() -> Answers:
    """Makes RESPONSES from (participant, condition, "1101…"): right and wrong answers in a row."""

    def make(*runs: tuple[str, str, str], **columns: object) -> pd.DataFrame:
        numbers = itertools.count()
        rows = [
            {
                "experiment": "test", "observer": "participants", "observer_kind": "person", "participant": who,
                "expertise": "", "trial_id": f"{who}-{next(numbers)}", "trial": place, "block": place // 4,
                "trial_kind": "main", "condition": condition.partition("_")[0],
                "phase": condition.partition("_")[2] or "main",
                "scheme": "" if condition.startswith("none") else "Min-Max-9", "unit": f"mixed4a:{place}",
                "layer": "mixed4a" if place % 2 else "mixed3a", "channel": place,
                "branch": "1x1" if place % 3 else "pool",
                "selection": "hand_picked" if place % 5 == 0 else "random", "stimulus_set": "", "batch": 1,
                "max_side": "top", "choice": "top" if mark == "1" else "bottom", "correct": mark == "1",
                "confidence": 1 + place % 3, "rt_ms": 1000.0 + 100 * place, "repeats": "",
            } | columns
            for who, condition, marks in runs
            for place, mark in enumerate(marks)
        ]  # fmt: skip
        return RESPONSES.frame(rows)

    return make
