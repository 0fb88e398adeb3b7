"""Order and side effects against R, and on simulated people who have them or not."""

import numpy as np
import pandas as pd
import pytest

from exemplum.analysis import simulate
from exemplum.analysis.stage import analyse
from exemplum.analysis.tests import comparisons
from exemplum.analysis.tests.comparisons import welch


def test_welch_and_hedges_are_those_of_r() -> None:
    a = np.array([0.1, 0.3, 0.25, -0.05, 0.2, 0.15])
    b = np.array([0.05, -0.1, 0.02, 0.12, 0, 0.08, -0.03])
    found = welch(a, b)
    # R: t.test(a, b): t = 2.3984318, df = 7.8153595, p-value = 0.04398708
    assert found.statistic == pytest.approx(2.3984318, abs=1e-6)
    assert float(found.df) == pytest.approx(7.8153595, abs=1e-6)
    assert found.p == pytest.approx(0.04398708, abs=1e-7)
    # R: effectsize::hedges_g(a, b): 1.293024 [0.124362, 2.416300]; it corrects by the gamma function exactly
    assert found.effect.value == pytest.approx(1.293024, rel=1e-3)
    assert (found.effect.low, found.effect.high) == (pytest.approx(0.124362, rel=2e-3), pytest.approx(2.4163, rel=2e-3))


def test_a_lean_to_the_top_is_found() -> None:
    rng = np.random.default_rng(1)
    frame = simulate.trials(20, 60, ["natural", "synthetic"], rng)
    trials = simulate.detection(frame, {"natural": 1.0, "synthetic": 1.0}, simulate.Spread(), rng, criterion=-0.5)
    sides = comparisons.order_comparisons(trials).query("by == 'side'")
    assert sides["group"].tolist() == ["natural", "synthetic"]
    assert (sides["difference"] > 0.15).all()
    assert (sides["p"] < 0.001).all()
    np.testing.assert_allclose(sides["p_adjusted"], comparisons.holm(sides["p"].to_numpy()))  # two conditions


def test_a_carry_over_is_found_by_which_condition_came_first(answers) -> None:
    def person(name: str, first: str, second: str, marks: tuple[str, str]) -> pd.DataFrame:
        own = answers((name, first, marks[0]), (name, second, marks[1]))
        return own.assign(trial=range(len(own)))

    # whoever begins with natural is worse at it than whoever ends with it
    early = [person(f"e{i}", "natural", "synthetic", ("110" + "10"[i % 2], "1110")) for i in range(6)]
    late = [person(f"l{i}", "synthetic", "natural", ("1110", "11111"[: 4 + i % 2])) for i in range(6)]
    found = comparisons.order_comparisons(pd.concat(early + late, ignore_index=True)).query("by == 'order'").iloc[0]
    assert (found["a"], found["b"], found["test"]) == ("natural_first", "synthetic_first", "welch_t")
    assert found["difference"] < 0
    assert found["p"] < 0.05
    assert found["n"] == 12


def test_one_order_only_gives_nan_with_n(answers) -> None:
    trials = answers(("a", "natural", "1101"), ("a", "synthetic", "1001"), ("b", "natural", "1111"),
                     ("b", "synthetic", "1011"))  # fmt: skip
    trials = trials.assign(trial=range(len(trials)))
    found = comparisons.order_comparisons(trials)
    row = found[found["by"] == "order"].iloc[0]
    assert np.isnan(row["p"])
    assert row["n"] == 2
    assert comparisons.order_comparisons(trials[:0]).empty


@pytest.mark.parametrize("who", [("a",), ("a", "b", "c")])
def test_sessions_with_all_answers_on_one_side_give_nan_with_n(answers, who) -> None:
    """Sides are coins: all of a cell's answers may be on top. Nobody is dropped, and nothing fails."""
    marks = {"a": "1101", "b": "1001", "c": "0111"}
    trials = answers(*((name, condition, run) for name, run in marks.items() for condition in ("natural", "synthetic")))
    trials = trials.assign(trial=trials.groupby("participant").cumcount())
    sides = trials["max_side"].where(trials["participant"].isin(who) | (trials["trial"] % 2 == 0), "bottom")
    trials = trials.assign(max_side=sides)
    trials = trials.assign(choice=sides.where(trials["correct"], sides.map({"top": "bottom", "bottom": "top"})))
    found = analyse(trials, seed=1)
    each = found["estimates"].query("measure == 'd_prime' and by == 'participant' and condition == 'natural'")
    assert each["group"].tolist() == ["a", "b", "c"]
    assert each["estimate"].isna().tolist() == [name in who for name in "abc"]
    assert (each["n_trials"] == 4).all()
    side = found["comparisons"].query("by == 'side'")
    assert (side["n"] == 3 - len(who)).all()
    assert np.isnan(side["p"]).all() == (len(who) == 3)
    accuracy = found["estimates"].query("measure == 'accuracy' and by == 'participant'")
    assert accuracy["estimate"].notna().any()
