"""The published study from its own trials: what was published comes out."""

import pandas as pd
import pytest

from exemplum.analysis import reproduce
from exemplum.tables import COMPARISONS, EFFECTS, ESTIMATES, MODELS


@pytest.fixture(scope="module")
def out(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduction")
    reproduce(shared_data / "borowski2021", folder, resamples=500)
    return folder


@pytest.fixture(scope="module")
def estimates(out):
    return ESTIMATES.read(out / "estimates.parquet")


@pytest.fixture(scope="module")
def comparisons(out):
    return COMPARISONS.read(out / "comparisons.parquet")


def means(estimates, **where):
    where = {"measure": "accuracy", "trial_kind": "main", "subset": "all", "aggregate": "participants",
             "interval": "sem2"} | where  # fmt: skip
    for column, value in where.items():
        estimates = estimates[estimates[column] == value]
    return estimates


def test_every_published_number_and_statement_agrees(out):
    table = pd.read_csv(out / "published.csv")
    assert table.loc[~table["agrees"], ["quantity", "published", "ours"]].to_dict("records") == []
    assert len(table) >= 50


def test_the_abstract(estimates):
    # Borowski et al. (2021): 92 ± 2 and 82 ± 4 %; with one maximal reference 73 ± 4 and 65 ± 5 %
    whole = means(estimates, experiment="1", by="all").set_index("condition")
    one = means(estimates, experiment="2", by="scheme", group="Max-1").set_index("condition")
    for table, condition, mean, half in ((whole, "natural", 92, 2), (whole, "synthetic", 82, 4),
                                         (one, "natural", 73, 4), (one, "synthetic", 65, 5)):  # fmt: skip
        row = table.loc[condition]
        assert round(100 * row["estimate"]) == mean
        assert round(50 * (row["high"] - row["low"])) == half


def test_without_references_people_are_below_one_half(estimates):
    none = means(estimates, experiment="1", by="all", condition="none").iloc[0]
    assert none["high"] < 0.5


def test_post_hoc_differences_of_experiment_1_are_significant(comparisons):
    rows = comparisons[(comparisons["test"] == "rm_anova_posthoc") & (comparisons["by"] == "all")]
    accuracy = rows[rows["measure"] == "accuracy"].set_index(["a", "b"])
    assert accuracy.loc[("natural", "synthetic"), "p"] == pytest.approx(0.005, abs=0.0005)  # Fig. 4A
    assert (accuracy["p_adjusted"] < 0.05).all()
    assert (accuracy["difference"] > 0).all()


def test_natural_wins_in_every_scheme_experts_are_no_better(comparisons):
    second = comparisons[(comparisons["experiment"] == "2") & (comparisons["measure"] == "accuracy")]
    schemes = second[(second["by"] == "scheme") & (second["test"] == "paired_t")]
    assert (schemes["p_adjusted"] < 0.05).all()
    assert len(schemes) == 4
    experts = second[(second["test"] == "mann_whitney") & (second["by"] == "condition")]
    assert (experts["p"] > 0.05).all()
    anova = second[second["test"] == "mixed_anova"].set_index("a")["p_adjusted"]
    assert (anova[["reference", "scheme"]] < 0.001).all()
    assert anova["expertise"] > 0.05


def test_hand_picked_units_against_random_ones_of_their_branch(comparisons):
    # the study's figure: within the pool branch, from which all hand-picked units are, synthetic + 8.9 points, p = .070
    rows = comparisons[(comparisons["by"] == "branch+condition") & (comparisons["test"] == "paired_t")]
    accuracy = rows[rows["measure"] == "accuracy"].set_index("group")
    assert set(accuracy.index) == {"pool|natural", "pool|synthetic", "pool|none"}
    synthetic = accuracy.loc["pool|synthetic"]
    assert (synthetic["a"], synthetic["b"]) == ("hand_picked", "random")
    assert synthetic["difference"] == pytest.approx(0.0889, abs=5e-5)
    assert synthetic["p"] == pytest.approx(0.070, abs=5e-4)
    assert synthetic["p_adjusted"] == pytest.approx(3 * synthetic["p"])  # the smallest of three


def test_for_units_like_these_the_slopes_model_holds(comparisons, out):
    # docs/explanation/reproduction.md
    # R: glmmTMB(correct ~ 0 + condition + (1 | participant) + (0 + h | participant) + (1 | unit)
    #    + (0 + h | unit), d, binomial) of Experiment II: means 0.824099142, 0.697972308, difference 0.126126834, se
    #    0.0201603476, logLik -1901.02212, AIC 3814.04424
    rows = comparisons[(comparisons["test"] == "glmm_slopes") & (comparisons["b"] == "synthetic")]
    ratios = rows[rows["by"] == "all"].set_index("experiment")[["effect", "effect_low", "effect_high"]]
    assert ratios.round(2).loc["1"].tolist() == [2.83, 1.63, 4.93]
    assert ratios.round(2).loc["2"].tolist() == [2.20, 1.73, 2.82]
    assert set(rows.loc[rows["by"] == "scheme", "group"]) == {"Max-1", "Max-9", "Min-Max-1", "Min-Max-9"}
    models = MODELS.read(out / "models.parquet")
    second = models[(models["experiment"] == "2") & (models["model"] == "glmm_slopes") & (models["by"] == "all")]
    by_term = second[second["kind"].isin(["probability", "difference", "fit"])].set_index("term")
    wanted = {"natural": 0.824099142, "synthetic": 0.697972308, "natural - synthetic": 0.126126834,
              "log_likelihood": -1901.02212, "aic": 3814.04424}  # fmt: skip
    for term, value in wanted.items():
        assert by_term.loc[term, "estimate"] == pytest.approx(value, abs=1e-4)
    assert by_term.loc["natural - synthetic", "std_error"] == pytest.approx(0.0201603476, abs=1e-5)


def test_units_are_as_difficult_as_their_answers_say(out):
    table = EFFECTS.read(out / "effects.parquet")
    units = table[table["grouping"] == "unit"]
    assert units.groupby("experiment")["name"].nunique().to_dict() == {"1": 45, "2": 80}
    for _, rows in units.groupby(["experiment", "condition"]):
        assert rows["accuracy"].corr(rows["observed"], method="spearman") > 0.85
        assert rows["accuracy"].std() < rows["observed"].std()
    assert (units["layer"] != "").all()
    assert set(table["note"]) == {""}


def test_ratings_are_estimated_before_and_after(estimates, comparisons):
    rows = estimates[(estimates["measure"] == "intuitiveness") & (estimates["interval"] == "sem2")]
    phases = rows[rows["by"] == "phase"].set_index(["experiment", "group"])
    assert phases["n_participants"].to_dict() == {("1", "pre"): 10, ("2", "post"): 23, ("2", "pre"): 23}
    assert phases["n_trials"].to_dict() == {("1", "pre"): 30, ("2", "post"): 69, ("2", "pre"): 69}
    change = comparisons[(comparisons["measure"] == "intuitiveness") & (comparisons["test"] == "paired_t")].iloc[0]
    before, after = phases.loc[("2", "pre"), "estimate"], phases.loc[("2", "post"), "estimate"]
    assert change["difference"] == pytest.approx(after - before)
    experts = comparisons[(comparisons["measure"] == "intuitiveness") & (comparisons["test"] == "mann_whitney")]
    assert len(experts) == 2  # before and after, one family
    assert experts["p_adjusted"].min() == pytest.approx(min(2 * experts["p"].min(), experts["p"].max()))


def test_all_files_are_there(out):
    wanted = {"responses", "ratings", "estimates", "comparisons", "models", "effects"}
    assert {path.stem for path in out.glob("*.parquet")} >= wanted
    assert {path.stem for path in out.glob("*.csv")} >= wanted | {"findings", "published"}
