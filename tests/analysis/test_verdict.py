"""Verdicts against R's t tests and on data whose answer is plain."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from exemplum.analysis import simulate, verdict
from exemplum.analysis.simulate import Spread

A = np.array([0.80, 0.75, 0.90, 0.85, 0.70, 0.95, 0.88, 0.79])
B = np.array([0.82, 0.80, 0.88, 0.86, 0.75, 0.93, 0.90, 0.84])
MANY = (np.full(8, 100.0), np.full(8, 100.0))


def judged(d_prime: tuple[float, float], people: int, seed: int = 1, units: int = 45) -> pd.Series:
    rng = np.random.default_rng(seed)
    frame = simulate.trials(people, units, ["natural", "synthetic", "none"], rng)
    truth = {"natural": d_prime[0], "synthetic": d_prime[1], "none": 0.0}
    found = verdict.verdicts(simulate.detection(frame, truth, Spread(0.2, 0.2), rng), margin=0.05)
    assert len(found) == 1  # none is no method
    return found.iloc[0]


def test_evidence_is_that_of_r() -> None:
    found = verdict.judge(A, B, MANY, margin=0.05)
    # R: t.test(a, b, paired = TRUE): p-value = 0.09461769, -0.044476186 to 0.004476186
    assert found.p == pytest.approx(0.09461769, abs=1e-7)
    assert (found.low, found.high) == (pytest.approx(-0.044476186, abs=1e-8), pytest.approx(0.004476186, abs=1e-8))
    # R: max of t.test(a - b, mu = -.05, alternative = "greater")$p.value and (mu = .05, "less"): 0.01152127
    assert found.p_equivalence == pytest.approx(0.01152127, abs=1e-7)
    assert found.verdict == "equivalent"
    assert verdict.judge(A, B, MANY, margin=0.03).verdict == "undecided"


def test_power_of_the_paired_test_is_that_of_r() -> None:
    # R: power.t.test(n = 30, delta = .05, sd = .1, type = "paired", strict = TRUE): 0.7539647
    assert verdict.power_of_difference(0.05, 0.1, 30) == pytest.approx(0.7539647, abs=1e-7)


def test_power_of_equivalence_is_that_of_simulated_studies() -> None:
    rng = np.random.default_rng(5)
    n, sd, margin = 40, 0.1, 0.05
    found = []
    for differences in rng.normal(0.01, sd, size=(1500, n)):
        found.append(verdict.judge(differences, np.zeros(n), (np.ones(n), np.ones(n)), margin).p_equivalence < 0.05)
    assert verdict.power_of_equivalence(0.01, sd, margin, n) == pytest.approx(np.mean(found), abs=0.035)


def test_plain_cases_get_plain_verdicts() -> None:
    assert judged((2.0, 1.0), people=10)["verdict"] == "worse"
    assert judged((1.0, 2.0), people=10)["verdict"] == "better"
    assert judged((1.5, 1.5), people=150)["verdict"] == "equivalent"
    open_ = judged((1.5, 1.5), people=4, units=12)
    assert open_["verdict"] == "undecided"
    assert open_["more_participants"] > 0


def test_sentence_says_who_what_and_how_sure() -> None:
    row = judged((2.0, 1.0), people=10)
    assert row["sentence"].startswith("Synthetic is worse than natural: accuracy ")
    for part in ("10 participants", "45 units", "95 % CI", f"{100 * row['difference']:.1f}".replace("-", "−")):
        assert part in row["sentence"]
    undecided = judged((1.5, 1.5), people=4, units=12)["sentence"]
    assert "more participants would decide" in undecided


def test_participants_all_alike_are_no_proof() -> None:
    """Two machines that are always right in 3 trials each do not show equivalence within 5 points."""
    two, three = np.ones(2), (np.full(2, 3.0), np.full(2, 3.0))
    assert verdict.judge(two, two, three, margin=0.05).verdict == "undecided"
    hundred, many = np.ones(100), (np.full(100, 45.0), np.full(100, 45.0))
    assert verdict.judge(hundred, hundred, many, margin=0.05).verdict == "equivalent"


def test_one_participant_decides_nothing(answers) -> None:
    found = verdict.verdicts(answers(("a", "natural", "1101"), ("a", "synthetic", "1001")), margin=0.05).iloc[0]
    assert found["verdict"] == "undecided"
    assert np.isnan(found["p"])
    assert found["sentence"] == "Undecided whether synthetic differs from natural: 1 participant answered both."


def test_without_natural_images_there_is_no_verdict(answers) -> None:
    assert verdict.verdicts(answers(("a", "synthetic", "1101"), ("a", "none", "1001")), margin=0.05).empty
    assert verdict.verdicts(answers(("a", "natural", "1"))[:0], margin=0.05).empty


def test_nobody_who_answered_both_gives_n_zero(answers) -> None:
    apart = answers(("a", "natural", "1101"), ("b", "synthetic", "1001"))
    found = verdict.verdicts(apart, margin=0.05).iloc[0]
    assert found["n_participants"] == 0
    assert found["verdict"] == "undecided"
    assert np.isnan(found["difference"])


SHARES = st.lists(st.integers(0, 20), min_size=2, max_size=12)


@given(SHARES, st.randoms(use_true_random=False))
def test_swapping_the_methods_turns_the_verdict(counts: list[int], random) -> None:
    a = np.array(counts) / 20
    b = np.array([random.randint(0, 20) for _ in counts]) / 20
    trials = (np.full(len(a), 20.0), np.full(len(a), 20.0))
    one, other = verdict.judge(a, b, trials, 0.05), verdict.judge(b, a, trials, 0.05)
    turned = {"better": "worse", "worse": "better"}
    assert other.verdict == turned.get(one.verdict, one.verdict)
    assert one.p == pytest.approx(other.p)
    assert one.difference == pytest.approx(-other.difference)
    assert one.more_participants == pytest.approx(other.more_participants)


@given(st.floats(0.0, 0.3), st.floats(0.01, 0.4), st.floats(0.01, 0.2))
def test_as_many_as_needed_are_just_enough(difference: float, sd: float, margin: float) -> None:
    n = verdict.needed(difference, sd, margin)
    if np.isfinite(n):

        def best(m: int) -> float:
            return max(
                verdict.power_of_difference(difference, sd, m), verdict.power_of_equivalence(difference, sd, margin, m)
            )

        assert best(int(n)) >= 0.8
        assert n <= 2 or best(int(n) - 1) < 0.8
