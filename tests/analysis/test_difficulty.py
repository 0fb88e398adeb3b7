"""Queries of several difficulties: estimates, comparisons, verdicts and agreement of each, and of all together."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exemplum.analysis import AnalysisSection, simulate, verdict
from exemplum.analysis.agreement import agreement_estimates
from exemplum.analysis.estimates.measures import estimates
from exemplum.analysis.simulate import Spread
from exemplum.analysis.stage import analyse
from exemplum.analysis.tests.comparisons import comparisons
from exemplum.analysis.tests.difference import crossed, of_one_sample
from exemplum.records import easiest_first

BOTH = ("extreme", "0.95")


def answered(people: int = 12, units: int = 20, seed: int = 1, **log_odds: float) -> pd.DataFrame:
    """People's answers, each unit once per condition; the window is harder by one log odd."""
    log_odds = log_odds or {"natural": 2.4, "crops": 1.8, "maco": 1.2}
    rng = np.random.default_rng(seed)
    frame = simulate.trials(people, units, list(log_odds), rng, difficulties=BOTH, catch=2)
    return simulate.logistic(frame, log_odds, Spread(0.2, 0.5, 0.2, 0.4), rng, harder={"0.95": 1.0})


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    return answered()


def machine(units: int = 10, batches: int = 4, sessions: int = 40, seed: int = 3) -> pd.DataFrame:
    """A deterministic machine, whose stimuli are batch × unit × condition × difficulty."""
    rng = np.random.default_rng(seed)
    frame = simulate.trials(sessions, units, ["natural", "maco"], rng, difficulties=BOTH)
    session = frame["participant"].str.removeprefix("s").astype(int) - 1
    batch, hard = session // 2 % batches, (frame["difficulty"] == "0.95").astype(int)
    right = np.random.default_rng(seed).random((units, batches, 2, 2)) < np.array([[0.95, 0.8], [0.8, 0.5]])
    correct = right[frame["channel"], batch, (frame["condition"] == "maco").astype(int), hard]
    return frame.assign(observer_kind="machine", observer="similarity", batch=batch, correct=correct)


def test_a_trial_is_of_one_difficulty_and_everyone_meets_all_of_them(trials) -> None:
    main = trials[trials["trial_kind"] == "main"]
    assert (main.groupby(["participant", "unit", "condition"]).size() == 1).all()
    assert (main.groupby(["participant", "condition", "difficulty"]).size() == 10).all()
    assert set(trials.loc[trials["trial_kind"] == "catch", "difficulty"]) == {""}


def test_accuracy_at_each_difficulty_is_the_mean_of_participants(trials) -> None:
    found = estimates(trials, 0, 100)
    rows = found[(found["by"] == "difficulty") & (found["measure"] == "accuracy") & (found["interval"] == "wilson_t")]
    main = trials[trials["trial_kind"] == "main"]
    means = main.groupby(["condition", "difficulty", "participant"])["correct"].mean()
    wanted = means.groupby(["condition", "difficulty"]).mean()
    for row in rows.itertuples():
        assert row.estimate == pytest.approx(wanted[row.condition, row.group])
        assert row.low < row.estimate < row.high
        assert (row.n_trials, row.n_participants) == (120, 12)
    assert len(rows) == 6
    assert "scheme+difficulty" not in set(found["by"])  # one scheme only
    assert set(found.loc[found["by"] == "difficulty", "trial_kind"]) == {"main"}


def test_one_difficulty_has_no_rows_of_its_own() -> None:
    """All tables of a study with one difficulty, even if it is declared, are those of a study that knows none."""
    trials = answered(5, 6, natural=1.0, maco=0.5)
    one, none = (analyse(trials.assign(difficulty=level), settings=AnalysisSection(bootstrap=20, difficulty=wanted))
                 for level, wanted in (("extreme", "extreme"), ("", "all")))  # fmt: skip
    for table in one.tables:
        pd.testing.assert_frame_equal(one[table], none[table])
    assert not {"difficulty", "scheme+difficulty"} & set(one["estimates"]["by"])
    assert set(one["verdicts"]["by"]) == {"all"}


def test_schemes_and_difficulties_together(trials) -> None:
    schemes = trials.assign(scheme=np.where(trials["channel"] % 2, "Max-1", "Max-9"))
    found = estimates(schemes, 0, 20)
    groups = set(found.loc[found["by"] == "scheme+difficulty", "group"])
    assert groups == {f"{scheme}|{level}" for scheme in ("Max-1", "Max-9") for level in BOTH}


def test_accuracy_by_margin(trials) -> None:
    main = trials["trial_kind"] == "main"
    known = trials.assign(margin=np.where(main, np.where(trials["difficulty"] == "0.95", 1.5, 5.0), np.nan))
    found = estimates(known, 0, 20)
    rows = found[(found["by"] == "margin") & (found["aggregate"] == "participants")]
    assert set(rows["group"]) == {"1 to 2", "4 to 6"}
    assert set(rows["measure"]) == {"accuracy"}
    hard = found[(found["by"] == "difficulty") & (found["group"] == "0.95") & (found["measure"] == "accuracy")]
    same = hard[hard["interval"] == "wilson_t"].set_index("condition")["estimate"]
    margin = rows[(rows["group"] == "1 to 2") & (rows["interval"] == "wilson_t")].set_index("condition")["estimate"]
    pd.testing.assert_series_equal(margin, same)
    assert "margin" not in set(estimates(trials, 0, 20)["by"])  # of unknown margins


def test_conditions_are_compared_at_each_difficulty_and_difficulties_within_each_condition(trials) -> None:
    found = comparisons(trials.assign(layer="", rt_ms=np.nan), 0)
    main = trials[trials["trial_kind"] == "main"]
    means = main.groupby(["participant", "condition", "difficulty"])["correct"].mean().unstack([1, 2])
    at = found[(found["by"] == "difficulty") & (found["test"] == "paired_t") & (found["measure"] == "accuracy")]
    assert len(at) == 6
    row = at[(at["group"] == "0.95") & (at["b"] == "maco") & (at["a"] == "natural")].iloc[0]
    wanted = stats.ttest_rel(means["natural", "0.95"], means["maco", "0.95"])  # scipy
    assert (row["statistic"], row["p"]) == pytest.approx((wanted.statistic, wanted.pvalue))
    within = found[(found["by"] == "condition") & (found["test"] == "paired_t") & (found["measure"] == "accuracy")]
    row = within[within["group"] == "crops"].iloc[0]
    wanted = stats.ttest_rel(means["crops", "extreme"], means["crops", "0.95"])
    assert (row["a"], row["b"], row["p"]) == ("extreme", "0.95", pytest.approx(wanted.pvalue))


def test_an_analysis_of_variance_of_reference_and_difficulty(trials) -> None:
    """Oracle: the interaction of two factors with two levels is the paired t of the differences, squared."""
    two = trials[trials["condition"] != "crops"]
    found = comparisons(two.assign(layer="", rt_ms=np.nan), 0)
    anova = found[(found["test"] == "mixed_anova") & (found["measure"] == "accuracy")].set_index("a")
    assert list(anova.index) == ["reference", "difficulty", "reference:difficulty"]
    means = two[two["trial_kind"] == "main"].groupby(["participant", "condition", "difficulty"])["correct"].mean()
    wide = means.unstack([1, 2])
    gap = [wide["natural", level] - wide["maco", level] for level in BOTH]
    t = stats.ttest_rel(*gap)
    assert anova.loc["reference:difficulty", "statistic"] == pytest.approx(t.statistic**2)
    assert anova.loc["reference:difficulty", "p"] == pytest.approx(t.pvalue)


def test_the_verdict_is_over_all_difficulties_with_equal_weight(trials) -> None:
    found = verdict.verdicts(trials, AnalysisSection())
    main = trials[(trials["trial_kind"] == "main")]
    means = main.groupby(["difficulty", "condition", "participant"])["correct"].mean().unstack(1)
    gaps = (means["maco"] - means["natural"]).groupby("difficulty").mean()
    row = found[(found["method"] == "maco") & (found["role"] == "primary")].iloc[0]
    assert (row["by"], row["population"]) == ("all", "new_units")
    assert row["difference"] == pytest.approx(gaps.mean())
    assert row["accuracy"] - row["baseline_accuracy"] == pytest.approx(row["difference"])
    assert "natural over difficulties extreme and 0.95 for new participants and new units" in row["sentence"]
    each = found[found["by"] == "difficulty"]
    assert set(each["role"]) == {"exploratory"}
    assert set(each["population"]) == {"new_units"}
    row = each[(each["method"] == "maco") & (each["group"] == "0.95")].iloc[0]
    assert row["difference"] == pytest.approx(gaps["0.95"])
    assert "natural at difficulty 0.95 for " in row["sentence"]


def test_one_difficulty_can_be_declared(trials) -> None:
    declared = AnalysisSection(difficulty=0.95, secondary=("difficulty", "these_units"))
    found = verdict.verdicts(trials, declared).set_index(["by", "group", "population"]).sort_index()
    roles = found.groupby(level=[0, 1, 2])["role"].agg(lambda of: "+".join(sorted(set(of)))).to_dict()
    assert roles == {
        ("all", "", "new_units"): "exploratory",
        ("difficulty", "0.95", "new_units"): "primary", ("difficulty", "0.95", "these_units"): "secondary",
        ("difficulty", "extreme", "new_units"): "secondary",
    }  # fmt: skip
    primary = found[found["role"] == "primary"].set_index("method")
    p = primary["p"].sort_values()
    # R: p.adjust(p, "holm") over the two methods at that difficulty
    adjusted = np.minimum(1, [2 * p.iloc[0], max(2 * p.iloc[0], p.iloc[1])])
    np.testing.assert_allclose(primary.loc[p.index, "p_adjusted"], adjusted)


def test_each_difficulty_can_be_secondary(trials) -> None:
    found = verdict.verdicts(trials, AnalysisSection(secondary=("difficulty",)))
    assert found[found["by"] == "difficulty"]["role"].eq("secondary").all()
    secondary = found[found["role"] == "secondary"].sort_values("p")
    assert secondary["p_adjusted"].iloc[0] == pytest.approx(min(1, 4 * secondary["p"].iloc[0]))  # 2 methods × 2


def test_a_difficulty_seen_more_often_does_not_weigh_more(trials) -> None:
    """Half of the harder trials of the method are lost at random: its accuracy does not rise."""
    lost = (trials["condition"] == "maco") & (trials["difficulty"] == "0.95") & (trials["channel"] < 12)
    whole, part = (verdict.verdicts(frame, AnalysisSection()) for frame in (trials, trials[~lost]))
    rows = [found[(found["method"] == "maco") & (found["role"] == "primary")].iloc[0] for found in (whole, part)]
    pooled = trials[~lost].groupby("condition")["correct"].mean()
    assert abs(rows[1]["difference"] - rows[0]["difference"]) < 0.06
    main = trials[~lost & (trials["trial_kind"] == "main")]
    levels = main[main["condition"] == "maco"].groupby(["participant", "difficulty"])["correct"].mean()
    assert rows[1]["accuracy"] == pytest.approx(levels.groupby("difficulty").mean().mean())
    assert pooled["maco"] > rows[1]["accuracy"]


def test_complete_difficulties_are_those_of_the_means() -> None:
    """With every participant at every unit and difficulty, the estimate and its variance are of the mean answers."""
    rng = np.random.default_rng(2)
    who, what, which, level = (index.ravel() for index in np.indices((9, 7, 2, 2)))
    right = rng.random(len(who)) < 0.6
    found = crossed(right, who, what, which == 1, level)
    mean = right.reshape(9, 7, 2, 2).mean(axis=3).ravel()
    keep = level == 0
    wanted = crossed(mean, who[keep], what[keep], which[keep] == 1)
    assert found.estimate == pytest.approx(wanted.estimate)
    # the levels are of each difficulty, so a participant's shares differ by a constant that sums to 0 over difficulties
    assert (found.std_error, found.df) == (pytest.approx(wanted.std_error), pytest.approx(wanted.df))


def test_differences_at_several_difficulties_without_gaps_are_a_t_test_of_their_means() -> None:
    differences = np.random.default_rng(3).normal(0.1, 1, (15, 3))
    found, wanted = of_one_sample(differences, 15, 9), stats.ttest_1samp(differences.mean(axis=1), 0)  # scipy
    assert found.estimate == pytest.approx(differences.mean())
    assert found.p == pytest.approx(wanted.pvalue)
    gaps = differences.copy()
    gaps[:4, 0] = np.nan
    assert of_one_sample(gaps, 15, 9).estimate == pytest.approx(np.nanmean(gaps, axis=0).mean())
    assert np.isnan(of_one_sample(differences[:1], 1, 1).p)
    assert np.isnan(of_one_sample(np.empty((0, 0)), 0, 0).estimate)


def test_more_sessions_of_a_machine_at_two_difficulties_say_nothing_new() -> None:
    found = [verdict.verdicts(machine(sessions=sessions), AnalysisSection()) for sessions in (8, 16, 40)]
    for other in found[1:]:
        pd.testing.assert_frame_equal(found[0], other)
    tables = [estimates(machine(sessions=sessions), 0, 20) for sessions in (8, 40)]
    kept = [table[table["by"].isin(["all", "difficulty"])].reset_index(drop=True) for table in tables]
    pd.testing.assert_frame_equal(*kept)


def test_a_machines_stimulus_has_a_difficulty() -> None:
    answers = machine()
    stimuli = answers.drop_duplicates(["unit", "batch", "condition", "difficulty"])
    row = verdict.verdicts(answers, AnalysisSection()).iloc[0]
    each = stimuli.groupby(["unit", "difficulty", "condition"])["correct"].mean().unstack()
    gaps = (each["maco"] - each["natural"]).unstack()
    wanted = stats.ttest_1samp(gaps.mean(axis=1), 0)
    assert (row["difference"], row["p"]) == (pytest.approx(gaps.to_numpy().mean()), pytest.approx(wanted.pvalue))
    assert (row["population"], row["n_units"]) == ("machine", 10)
    found = estimates(answers, 0, 20)
    whole = found[(found["by"] == "all") & (found["measure"] == "accuracy") & (found["aggregate"] == "units")]
    assert set(whole["n_trials"]) == {80}  # 10 units × 4 batches × 2 difficulties


def test_items_of_agreement_have_a_difficulty(trials) -> None:
    """As if the units at each difficulty were other units."""
    found = agreement_estimates(trials)
    apart = agreement_estimates(trials.assign(unit=trials["unit"] + trials["difficulty"], difficulty=""))
    columns = ["condition", "estimate", "low", "high"]
    kappa = [table.loc[table["measure"] == "kappa_fleiss", columns].reset_index(drop=True) for table in (found, apart)]
    pd.testing.assert_frame_equal(*kappa)


def test_the_easiest_is_first() -> None:
    assert easiest_first(["0.65", "mine", "0.95", "extreme", "0.99", "0.95"]) == [
        "extreme", "0.99", "0.95", "0.65", "mine",
    ]  # fmt: skip
