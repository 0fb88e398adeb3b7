"""Agreement against statsmodels, scikit-learn and counts by hand."""

import warnings
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import t
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
    found, _ = agreement.pairwise_cohen(item, person, answers.ravel().astype(float), 30, 5)
    assert found == pytest.approx(oracle, abs=1e-5)


def test_pairs_that_share_too_little_are_left_out() -> None:
    item, person = np.arange(8) % 4, np.repeat([0, 1], 4)
    assert np.isnan(agreement.pairwise_cohen(item, person, np.ones(8), 4, 2)[0])


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


def test_answers_without_unit_effects_do_not_agree_beyond_chance() -> None:
    rng = np.random.default_rng(6)
    frame = simulate.trials(60, 60, ["natural"], rng)
    trials = simulate.logistic(frame, {"natural": 1.0}, simulate.Spread(), rng)
    found = agreement.agreement_estimates(trials).set_index("measure")
    assert abs(found.loc["kappa_fleiss", "estimate"]) < 0.03
    assert abs(found.loc["kappa_cohen", "estimate"]) < 0.03


def test_interval_of_fleiss_kappa_is_the_jackknife_by_hand() -> None:
    """Leaving out each participant, item and answer in turn, counting again, in the log of the ratio of variances."""
    rng = np.random.default_rng(2)
    right = (rng.random((6, 9)) < rng.random(9)).astype(float)
    person, item = (index.ravel() for index in np.indices(right.shape))

    def kappa(keep: np.ndarray) -> float:
        kept = np.bincount(item[keep], right.ravel()[keep], 9), np.bincount(item[keep], minlength=9)
        return float(agreement.fleiss(*kept))

    spread = []
    for group in (person, item, np.arange(54)):
        without = np.array([kappa(group != g) for g in np.unique(group)])
        spread.append((len(without) - 1) / len(without) * ((without - without.mean()) ** 2).sum())
    total = max(spread[0] + spread[1] - spread[2], *spread[:2])
    df = total**2 / (spread[0] ** 2 / 5 + spread[1] ** 2 / 8 + spread[2] ** 2 / 40)
    reach = t.ppf(0.975, min(max(df, 1), 13)) * np.sqrt(total)
    trials = (
        simulate.trials(6, 9, ["natural"], rng)
        .sort_values(["participant", "channel"])
        .assign(correct=right.ravel() > 0)
    )
    row = agreement.agreement_estimates(trials).set_index("measure").loc["kappa_fleiss"]
    value = kappa(np.ones(54, dtype=bool))
    ratio = (1 + 5 * value) / (1 - value)
    ends = [f * np.exp(sign * reach * 6 / (1 + 5 * value) / (1 - value)) for f, sign in ((ratio, -1), (ratio, 1))]
    assert row["estimate"] == pytest.approx(value)
    assert (row["low"], row["high"]) == pytest.approx(tuple((end - 1) / (end + 5) for end in ends))


def test_mean_cohen_and_fleiss_have_about_the_same_interval() -> None:
    """With every item answered by everybody they estimate the same agreement."""
    rng = np.random.default_rng(4)
    frame = simulate.trials(15, 60, ["natural"], rng)
    trials = simulate.logistic(frame, {"natural": 0.5}, simulate.Spread(0.3, 1.5), rng)
    found = agreement.agreement_estimates(trials).set_index("measure")
    width = found["high"] - found["low"]
    assert width["kappa_cohen"] == pytest.approx(width["kappa_fleiss"], rel=0.1)
    assert found.loc["kappa_cohen", "estimate"] == pytest.approx(found.loc["kappa_fleiss", "estimate"], abs=0.02)


def test_ceilings_of_a_unit_that_all_answer_alike_are_not_certain() -> None:
    # R: binom.test(10, 10)$conf.int: 0.6915029 to 1, so a guess "right" is right at least so often
    low, high = agreement.ceiling_interval(np.array([10, 5]), np.array([10, 10]))
    assert (high[0][0], high[1][0]) == (pytest.approx(0.6915029), 1)
    assert low[0][0] < high[0][0]  # nine others may by chance have another majority
    assert low[1][0] == 1
    assert high[0][1] == 0.5  # half of ten: perhaps nothing can be predicted
    one = agreement.ceiling_interval(np.array([1]), np.array([1]))
    assert np.isnan(np.array(one)).all()


def test_perfect_agreement_is_not_certain_either(answers) -> None:
    people = answers(*((name, "natural", "110010101100") for name in "abcd"))
    found = agreement.agreement_estimates(people).query("by == 'all'").set_index("measure")
    for measure in ("kappa_fleiss", "kappa_cohen", "noise_ceiling_low", "noise_ceiling_high"):
        assert found.loc[measure, "estimate"] == 1
        assert found.loc[measure, "interval"] == "exact"
        assert found.loc[measure, "low"] < 1 == found.loc[measure, "high"]


def test_sessions_of_a_machine_are_not_raters(answers) -> None:
    machine = answers(*((f"s{k}", "natural", "1100") for k in range(3)), observer="ideal", observer_kind="machine")
    assert agreement.agreement_estimates(machine).empty


@pytest.mark.parametrize("marks", [("1",), ("1", "1"), ("111", "1"), ("000", "000")])
def test_agreement_of_next_to_nothing_is_quiet(answers, marks: tuple[str, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = agreement.agreement_estimates(answers(*((f"p{k}", "natural", m) for k, m in enumerate(marks))))
    assert (
        found["estimate"].isna() | found["estimate"].between(found["low"], found["high"]) | found["low"].isna()
    ).all()
