"""Which comparisons are made, and how families of p values are adjusted."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from exemplum.analysis.tests.comparisons import comparisons, holm
from exemplum.tables import COMPARISONS, RESPONSES

PEOPLE = tuple(
    (f"p{i}", condition, marks)
    for i in range(6)
    for condition, marks in (
        ("natural", "1111110" + "01"[i % 2]),
        ("synthetic", "110100" + "01"[i < 3] + "0"),
        ("none_pre", "10" + "01"[i > 3]),
        ("none_post", "01" + "10"[i % 2]),
    )
)


def chosen(table: pd.DataFrame, **where: str) -> pd.DataFrame:
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def test_holm_matches_r():
    # R: p.adjust(c(.01, .04, .03, .2), "holm")
    assert holm(np.array([0.01, 0.04, 0.03, 0.2])) == pytest.approx([0.04, 0.09, 0.09, 0.20])


@pytest.mark.parametrize("size", [1, 2, 9])
def test_holm_matches_statsmodels(size):
    p = np.random.default_rng(size).random(size) / 5
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


@pytest.fixture(scope="module")
def compared(answers) -> pd.DataFrame:
    responses = answers(*PEOPLE)
    responses["expertise"] = np.where(responses["participant"].isin(["p0", "p1"]), "expert", "lay")
    return comparisons(responses, seed=1)


def test_every_pair_of_conditions_and_of_phases_is_compared(compared):
    whole = chosen(compared, measure="accuracy", by="all", test="paired_t")
    assert set(zip(whole["a"], whole["b"], strict=True)) == {
        ("natural", "synthetic"), ("natural", "none"), ("synthetic", "none"), ("none_pre", "none_post"),
    }  # fmt: skip
    assert (whole["n"] == 6).all()


def test_the_difference_is_that_of_participants_means(answers, compared):
    means = answers(*PEOPLE).groupby(["participant", "condition"])["correct"].mean().unstack()
    for test in ("paired_t", "wilcoxon", "permutation", "rm_anova_posthoc"):
        found = chosen(compared, measure="accuracy", by="all", a="natural", b="synthetic", test=test)
        assert found["difference"].tolist() == pytest.approx([(means["natural"] - means["synthetic"]).mean()])


def test_two_conditions_need_no_analysis_of_variance(answers):
    table = comparisons(answers(*(run for run in PEOPLE if not run[1].startswith("none"))), 1)
    assert not table["test"].isin(["rm_anova", "rm_anova_posthoc", "mixed_anova", "mann_whitney"]).any()


def test_experts_and_lay_people_are_compared_in_each_condition(compared):
    found = chosen(compared, measure="accuracy", test="mann_whitney", by="condition")
    assert set(found["group"]) == {"natural", "synthetic", "none", "none_pre", "none_post"}
    assert set(found["a"] + found["b"]) == {"expertlay"}


def test_schemes_are_crossed_with_references_and_expertise(answers):
    runs = [run for run in PEOPLE if not run[1].startswith("none")]
    rng = np.random.default_rng(1)
    parts = [
        answers(*((w, c, "".join(rng.choice(["0", "1"], 12))) for w, c, _ in runs), scheme=s)
        for s in ("Max-1", "Max-9")
    ]
    responses = pd.concat(parts, ignore_index=True)
    responses["expertise"] = np.where(responses["participant"] < "p3", "expert", "lay")
    found = chosen(comparisons(responses, 1), measure="accuracy", test="mixed_anova")
    assert set(found["a"]) == {
        "expertise", "reference", "reference:expertise", "scheme", "scheme:expertise", "reference:scheme",
        "reference:scheme:expertise",
    }  # fmt: skip
    assert found["df"].tolist() == ["1,4"] * 7
    assert found["p"].between(0, 1).all()


@pytest.mark.parametrize("mark", ["1", "0"])
def test_all_right_or_all_wrong_gives_no_p_from_variances(answers, mark):
    table = comparisons(answers(*((w, c, mark * 6) for w, c, _ in PEOPLE)), 1)
    accuracy = chosen(table, measure="accuracy")
    assert (accuracy["difference"].dropna() == 0).all()
    undecided = accuracy[accuracy["test"] != "permutation"]
    assert undecided["p"].isna().all()
    assert (accuracy.loc[accuracy["test"] == "permutation", "p"] == 1).all()


def test_one_participant_gives_nan_with_n(answers):
    table = comparisons(answers(*PEOPLE[:4]), 1)
    assert (table["n"] <= 1).all()
    assert table[["p", "effect", "statistic"]].isna().all(axis=None)


def test_a_condition_nobody_saw_is_not_compared(answers):
    table = comparisons(answers(("p1", "natural", "110"), ("p2", "natural", "111")), 1)
    assert "synthetic" not in set(table["a"]) | set(table["b"])


def test_only_main_trials_are_compared(answers):
    assert len(comparisons(answers(*PEOPLE, trial_kind="catch"), 1)) == 0
    assert list(comparisons(RESPONSES.frame(), 1)) == list(COMPARISONS.columns)
