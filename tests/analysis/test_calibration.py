"""Type-2 ROC against pROC, Mann and Whitney's U, and trials counted by hand."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import mannwhitneyu

from exemplum.analysis.estimates import detection


def table(right: list[int], wrong: list[int]) -> np.ndarray:
    return np.array([[wrong.count(k) for k in (1, 2, 3)], [right.count(k) for k in (1, 2, 3)]], dtype=float)


def test_area_is_that_of_r() -> None:
    # R: pROC::auc(c(rep(1, 10), rep(0, 6)), c(3,3,3,3,2,2,2,2,1,1, 3,2,2,1,1,1)): 0.6833333
    found = detection.area(table([3, 3, 3, 3, 2, 2, 2, 2, 1, 1], [3, 2, 2, 1, 1, 1]))
    assert found == pytest.approx(0.6833333, abs=1e-7)


RATINGS = st.lists(st.integers(1, 3), min_size=1, max_size=30)


@given(RATINGS, RATINGS)
def test_area_is_the_chance_that_a_right_answer_is_rated_higher(right: list[int], wrong: list[int]) -> None:
    u = mannwhitneyu(right, wrong).statistic
    assert detection.area(table(right, wrong)) == pytest.approx(u / (len(right) * len(wrong)))


def test_only_right_answers_have_no_area(answers) -> None:
    found = detection.calibration_estimates(answers(("a", "natural", "111"), ("b", "natural", "1111")))
    area = found[found["measure"] == "type2_auc"]
    assert area["estimate"].isna().all()
    assert area["n_trials"].tolist() == [7, 7]
    assert area["n_participants"].tolist() == [2, 0]


def test_confidence_that_follows_correctness_has_area_one(answers) -> None:
    trials = answers(("a", "natural", "1100"), ("b", "natural", "1010"))
    trials = trials.assign(confidence=np.where(trials["correct"], 3, 1))
    found = detection.calibration_estimates(trials)
    assert (found.loc[found["measure"] == "type2_auc", "estimate"] == 1).all()
    hits = found[found["measure"] == "type2_hit"].set_index("group")["estimate"]
    false = found[found["measure"] == "type2_false_alarm"].set_index("group")["estimate"]
    assert hits.to_dict() == {"1": 1, "2": 1, "3": 1}
    assert false.to_dict() == {"1": 1, "2": 0, "3": 0}


def test_same_seed_same_interval(answers) -> None:
    trials = answers(("a", "natural", "110100"), ("b", "natural", "101101"), ("c", "natural", "010110"))
    assert detection.calibration_estimates(trials).equals(detection.calibration_estimates(trials))
