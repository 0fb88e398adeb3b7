"""Fair studies are rarely accused: the rate of false alarms, simulated; and the exact tests against plain counts."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest, wilcoxon

from exemplum.checks.chance import CERTAIN, FALSE_ALARM, flip_signs, toss


def test_p_is_the_share_of_flips_that_reach_as_much():
    """Oracle: every flip, tried in a loop."""
    rng = np.random.default_rng(3)
    given = rng.normal(0.4, 1, (7, 3))
    found = flip_signs(given, two_sided=True, seed=0)
    scaled = given / np.sqrt((given**2).sum(0))
    largest = [np.abs(np.array(signs) @ scaled).max() for signs in itertools.product((1, -1), repeat=7)]
    for test in range(3):
        expected = np.mean(np.array(largest) >= abs(scaled[:, test].sum()) - 1e-12)
        assert found.p[test] == pytest.approx(expected)
    np.testing.assert_allclose(found.mean, given.mean(0))


def test_one_test_of_signed_ranks_is_wilcoxons():
    """With ranks in place of values and one test, flipping signs is the signed-rank test. Oracle: SciPy."""
    signs = np.array([1, 1, 1, -1, 1, 1, 1, 1, -1, 1])
    ranks = np.arange(1, 11) * signs
    found = flip_signs(ranks[:, None].astype(float), two_sided=True, seed=0)
    assert found.p[0] == pytest.approx(wilcoxon(ranks, mode="exact").pvalue)


def test_what_chance_allows_is_where_p_reaches_the_rate():
    """The range that is shown and the p value never disagree."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        given = rng.choice([-0.5, 0.0, 0.5], (int(rng.integers(5, 25)), 4)) + rng.choice([0, 0.3])
        for two_sided in (True, False):
            found = flip_signs(given, two_sided=two_sided, seed=1, alpha=0.05)
            mean = np.abs(found.mean) if two_sided else found.mean
            np.testing.assert_array_equal(mean > found.allowed * (1 + 1e-9), found.p <= 0.05)


def test_a_unit_without_a_value_does_not_count():
    given = np.array([[0.5, np.nan]] * 3 + [[0.5, 0.5]] * 9)
    found = flip_signs(given, two_sided=False, seed=0)
    assert found.units.tolist() == [12, 9]
    np.testing.assert_allclose(found.mean, 0.5)
    assert found.can_tell.all()
    assert not flip_signs(given[:8], two_sided=False, seed=0).can_tell.any()


def test_nothing_measured_is_no_finding():
    found = flip_signs(np.full((4, 2), np.nan), two_sided=True, seed=0)
    assert np.isnan(found.mean).all()
    assert (found.p == 1).all()
    assert flip_signs(np.zeros((0, 0)), two_sided=True, seed=0).p.size == 0


def test_tosses_are_binomial_tests():
    """Oracle: SciPy's exact binomial test."""
    found = toss([40, 90, 60], [100, 100, 100])
    for p, count in zip(found.p, (40, 90, 60), strict=True):
        assert p == pytest.approx(min(1, 3 * binomtest(count, 100).pvalue))
    assert found.low[0] == pytest.approx(1 - found.high[0])
    inside = [binomtest(count, 100).pvalue > FALSE_ALARM / 3 for count in range(101)]
    assert [found.low[0] * 100 <= count <= found.high[0] * 100 for count in range(101)] == inside


def cue_alarms(units: int, images: int, studies: int, rng: np.random.Generator) -> int:
    """Fair studies with a finding: each picture has seven related cues, three methods share queries, two difficulties.

    Images are drawn from a small corpus, so that units share them; all pairs of a unit are tested with the same
    references of one method. Which picture is the right one has nothing to do with its cues.
    """
    alarms = 0
    mixing = rng.normal(size=(7, 7))  # cues of one picture are related
    for _ in range(studies):
        corpus = rng.normal(size=(images, 7)) @ mixing
        differences = []
        for _method in range(3):
            shared = corpus[rng.integers(images, size=(units, 1, 2))]  # references that serve every batch
            for _difficulty in range(2):
                queries = corpus[rng.integers(images, size=(units, 4, 2))]
                apart = np.abs(queries[:, :, None] - shared[:, :, :, None])  # (units, batches, reference, query, cue)
                evidence = (apart[:, :, 1] - apart[:, :, 0])[:, :, 0] - (apart[:, :, 1] - apart[:, :, 0])[:, :, 1]
                differences.append(np.sign(evidence).mean(1) / 2)
        found = flip_signs(np.concatenate(differences, axis=1), two_sided=False, seed=0)
        alarms += bool((found.p <= FALSE_ALARM).any())
    return alarms


def share_found(units: int, batches: int, share: float, studies: int) -> float:
    """Of studies in which the right query is brighter in this share of pairs, those in which it is found.

    Nine other tests beside it (five cues, two difficulties) are fair.
    """
    rng, found = np.random.default_rng(5), 0
    for _ in range(studies):
        apart = (rng.random((units, batches, 10)) < 0.5).mean(1) - 0.5
        apart[:, 0] = (rng.random((units, batches)) < share).mean(1) - 0.5
        found += flip_signs(apart, two_sided=True, seed=0).p[0] <= FALSE_ALARM
    return found / studies


def side_alarms(studies: int, rng: np.random.Generator) -> int:
    """Fair studies with a finding: 20 participants × 60 trials, by participant, unit, condition and all together."""
    who, what = np.repeat(np.arange(20), 60), np.tile(np.arange(30), 40)
    groups = [who == n for n in range(20)] + [what == n for n in range(30)]
    groups += [np.arange(1200) % 3 == n for n in range(3)] + [np.ones(1200, bool)]
    sizes = [int(group.sum()) for group in groups]
    tops = np.stack(groups).astype(int) @ (rng.random((1200, studies)) < 0.5)
    return sum(bool((toss(counts, sizes).p <= FALSE_ALARM).any()) for counts in tops.T)


def no_more_than(alarms: int, studies: int, rate: float) -> bool:
    """Whether so many alarms are compatible with the rate: exact binomial test, p ≥ .001."""
    return binomtest(alarms, studies, rate, alternative="greater").pvalue >= 0.001


def test_a_fair_study_is_rarely_accused():
    rng = np.random.default_rng(11)
    assert no_more_than(cue_alarms(12, 40, 300, rng), 300, FALSE_ALARM)
    assert no_more_than(side_alarms(60, rng), 60, FALSE_ALARM)


def test_a_leak_is_found():
    assert share_found(16, 4, 0.9, 20) == 1


@pytest.mark.slow
def test_how_often_a_leak_is_found():
    """The figures of docs/reference/checks.md."""
    for units, batches in ((16, 1), (16, 4), (32, 1), (32, 4), (64, 4)):
        shares = [share_found(units, batches, share, 100) for share in (0.7, 0.8, 0.9)]
        print(units, "units", batches, "batches", shares)
        assert shares == sorted(shares)


@pytest.mark.slow
@pytest.mark.parametrize(("units", "images"), [(10, 30), (12, 4000), (32, 60), (100, 1000)])
def test_the_rate_of_false_alarms_about_cues_is_as_stated(units, images):
    studies = 4000 if units <= 13 else 400
    alarms = cue_alarms(units, images, studies, np.random.default_rng(units))
    print(f"{alarms} of {studies} fair studies of {units} units and {images} images")
    assert no_more_than(alarms, studies, FALSE_ALARM)


@pytest.mark.slow
def test_the_rate_of_false_alarms_about_sides_is_as_stated():
    alarms = side_alarms(2000, np.random.default_rng(7))
    print(f"{alarms} of 2000 fair studies")
    assert no_more_than(alarms, 2000, FALSE_ALARM)


def test_a_finding_that_is_certain_is_rarer_still():
    assert CERTAIN < FALSE_ALARM / 1000
    assert toss([230], [300]).p[0] < CERTAIN
