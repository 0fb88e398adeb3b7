"""Split halves and repeats against closed forms and simulated truth."""

import warnings
from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from exemplum.analysis import kappa, reliability


def test_spearman_brown_of_a_half() -> None:
    assert reliability.spearman_brown(0.5) == pytest.approx(2 / 3)
    assert reliability.spearman_brown(-0.9) == pytest.approx(-18)  # not cut at −1


def test_split_half_recovers_the_share_of_true_variance() -> None:
    """Reliability of m trials is var(p) / (var(p) + E[p(1 − p)]/m): the share of variance that is not sampling."""
    rng = np.random.default_rng(2)
    people, m = 3000, 40
    p = rng.beta(8, 3, people)
    code = np.repeat(np.arange(people), m)
    correct = (rng.random(people * m) < p[code]).astype(float)
    true = 8 * 3 / (11**2 * 12)
    noise = 8 * 3 / (11 * 12) / m
    half = reliability.split_half(code, correct, rng)
    assert reliability.spearman_brown(half) == pytest.approx(true / (true + noise), abs=0.02)


def test_answers_are_unreliable_if_people_do_not_differ() -> None:
    rng = np.random.default_rng(4)
    code = np.repeat(np.arange(2000), 20)
    assert abs(reliability.split_half(code, (rng.random(40_000) < 0.8).astype(float), rng)) < 0.05


def test_undefined_with_few_people_or_all_right() -> None:
    rng = np.random.default_rng(0)
    assert np.isnan(reliability.split_half(np.repeat(np.arange(3), 10), np.ones(30), rng))
    assert np.isnan(reliability.split_half(np.repeat(np.arange(9), 10), np.ones(90), rng))


def test_repeats_are_matched_to_their_first_showing(answers) -> None:
    first = answers(("a", "natural", "110100"), ("b", "natural", "011011"))
    again = first.assign(
        trial_kind="repeated", repeats=first["trial_id"], trial_id="r" + first["trial_id"],
        correct=[True, False, False, True, False, True, False, True, True, True, True, True],
    )  # fmt: skip
    both = pd.concat([first, again], ignore_index=True)
    found = reliability.reliability_estimates(both, seed=1)
    kappa = found[found["measure"] == "repeat_kappa"].iloc[0]
    assert kappa["estimate"] == pytest.approx(cohen_kappa_score(first["correct"], again["correct"]))
    assert kappa["n_trials"] == 12
    unlinked = both.assign(repeats=both["repeats"].where(both["repeats"] == "", "elsewhere"))
    assert "repeat_kappa" not in set(reliability.reliability_estimates(unlinked, seed=1)["measure"])


def test_kappa_of_any_small_table_is_quiet_and_as_sklearns() -> None:
    """Variances that a small table leaves undefined are NaN, and no warning on the user's console."""
    cells = [np.array(counts) for counts in product(range(4), repeat=4) if sum(counts) > 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [kappa.cohen(counts.reshape(2, 2))[0] for counts in cells]
    for counts, value in zip(cells, found, strict=True):
        if max(counts) == sum(counts):
            assert np.isnan(value)
            continue
        first, second = np.repeat([0, 0, 1, 1], counts), np.repeat([0, 1, 0, 1], counts)
        assert value == pytest.approx(cohen_kappa_score(first, second))


def test_people_whose_halves_contradict_each_other_are_not_cut_at_minus_one(answers) -> None:
    """Two trials each, one right: the halves are opposite, r = −1, and the full length is far below −1."""
    found = reliability.reliability_estimates(answers(*((name, "natural", "10") for name in "abcdef")), seed=1)
    row = found[found["measure"] == "split_half_participants"].iloc[0]
    assert row["estimate"] < -100
    assert row["low"] < row["estimate"] < row["high"] < 1
    assert (row["interval"], row["n_trials"], row["n_participants"]) == ("fisher", 12, 6)


def test_people_who_repeat_every_choice_have_an_exact_interval(answers) -> None:
    first = answers(*((name, "natural", "110100") for name in "abc"))
    again = first.assign(trial_kind="repeated", repeats=first["trial_id"], trial_id="r" + first["trial_id"])
    found = reliability.reliability_estimates(pd.concat([first, again], ignore_index=True), seed=1)
    row = found[found["measure"] == "repeat_kappa"].iloc[0]
    assert (row["estimate"], row["interval"]) == (1, "exact")
    assert row["low"] < row["high"] == 1


def test_a_machine_is_reliable_over_its_distinct_stimuli(answers) -> None:
    """Four sessions of the same stimuli would make every unit perfectly reliable; each counts once."""
    once = answers(("s1", "natural", "1101001011010011"), observer="ideal", observer_kind="machine")
    once = once.assign(unit=[f"a:{k % 8}" for k in range(16)], batch=[k // 8 for k in range(16)])
    four = pd.concat([once.assign(participant=f"s{k}", trial_id=once["trial_id"] + str(k)) for k in range(4)])
    found = [reliability.reliability_estimates(trials, seed=1) for trials in (once, four)]
    pd.testing.assert_frame_equal(*found)
    assert found[0]["measure"].tolist() == ["split_half_units"]
