"""Agreement against statsmodels, scikit-learn and counts by hand."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa

from exemplum.analysis import agreement, simulate


def test_fleiss_is_that_of_statsmodels() -> None:
    right = np.array([3, 2, 0, 2, 1, 3, 3, 1, 2, 3])
    oracle = fleiss_kappa(np.column_stack([right, 3 - right]))
    assert agreement.fleiss(right, np.full(10, 3)) == pytest.approx(oracle)


def test_items_with_one_rater_say_nothing() -> None:
    right, n = np.array([3, 2, 0, 2, 1]), np.full(5, 4)
    assert agreement.fleiss(np.append(right, 1), np.append(n, 1)) == pytest.approx(agreement.fleiss(right, n))


def test_unanimity_and_its_opposite() -> None:
    assert agreement.fleiss(np.array([4, 0, 4]), np.full(3, 4)) == pytest.approx(1)
    assert agreement.fleiss(np.array([1, 1]), np.full(2, 2)) == pytest.approx(-1)
    assert np.isnan(agreement.fleiss(np.array([4, 4]), np.full(2, 4)))


def test_pairwise_cohen_is_the_mean_over_pairs() -> None:
    rng = np.random.default_rng(1)
    answers = rng.random((30, 5)) < rng.random(30)[:, None]
    item, person = (index.ravel() for index in np.indices(answers.shape))
    oracle = np.mean([cohen_kappa_score(answers[:, a], answers[:, b]) for a, b in combinations(range(5), 2)])
    found = agreement.pairwise_cohen(item, person, answers.ravel().astype(float), 30, 5)
    assert found == pytest.approx(oracle, abs=1e-5)


def test_pairs_that_share_too_little_are_left_out() -> None:
    item, person = np.arange(8) % 4, np.repeat([0, 1], 4)
    assert np.isnan(agreement.pairwise_cohen(item, person, np.ones(8), 4, 2))


@pytest.mark.parametrize(("right", "n"), [(3, 4), (2, 4), (4, 4), (0, 3), (2, 3), (1, 2)])
def test_noise_ceiling_is_what_a_majority_predicts(right: int, n: int) -> None:
    """By hand: leave one answer out, guess it from the others' majority, a tie counting half."""
    answers = [1] * right + [0] * (n - right)
    met = []
    for place, answer in enumerate(answers):
        share = np.mean(answers[:place] + answers[place + 1 :])
        met.append(0.5 if share == 0.5 else float((share > 0.5) == answer))
    low, high = agreement.noise_ceiling(np.array([right]), np.array([n]))
    assert low[0] == pytest.approx(np.mean(met))
    assert high[0] == max(right, n - right) / n
    assert np.isnan(agreement.noise_ceiling(np.array([1]), np.array([1]))[0][0])


def test_observers_are_compared_on_the_same_trials(answers) -> None:
    people = answers(("a", "natural", "1101001110"))
    machine = people.assign(observer="similarity", observer_kind="machine", participant="m")
    machine["correct"] = [True, False, False, True, False, True, True, True, True, True]
    both = pd.concat([people, machine], ignore_index=True)
    found = agreement.agreement_estimates(both, seed=1)
    row = found[found["by"] == "observer"].iloc[0]
    assert (row["observer"], row["group"], row["n_trials"]) == ("participants", "similarity", 10)
    assert row["estimate"] == pytest.approx(cohen_kappa_score(people["correct"], machine["correct"]))


def test_answers_without_unit_effects_do_not_agree_beyond_chance() -> None:
    rng = np.random.default_rng(6)
    frame = simulate.trials(60, 60, ["natural"], rng)
    trials = simulate.logistic(frame, {"natural": 1.0}, simulate.Spread(), rng)
    found = agreement.agreement_estimates(trials, seed=1).set_index("measure")
    assert abs(found.loc["kappa_fleiss", "estimate"]) < 0.03
    assert abs(found.loc["kappa_cohen", "estimate"]) < 0.03
