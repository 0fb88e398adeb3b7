"""The published study from its own trials: what was published comes out."""

import pandas as pd
import pytest

from exemplum.analysis import reproduce
from exemplum.tables import COMPARISONS, ESTIMATES


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


def test_ratings_are_estimated_before_and_after(estimates, comparisons):
    rows = estimates[(estimates["measure"] == "intuitiveness") & (estimates["interval"] == "sem2")]
    phases = rows[rows["by"] == "phase"].set_index(["experiment", "group"])
    assert phases["n_participants"].to_dict() == {("1", "pre"): 10, ("2", "post"): 23, ("2", "pre"): 23}
    assert phases["n_trials"].to_dict() == {("1", "pre"): 30, ("2", "post"): 69, ("2", "pre"): 69}
    change = comparisons[(comparisons["measure"] == "intuitiveness") & (comparisons["test"] == "paired_t")].iloc[0]
    before, after = phases.loc[("2", "pre"), "estimate"], phases.loc[("2", "post"), "estimate"]
    assert change["difference"] == pytest.approx(after - before)


def test_all_files_are_there(out):
    wanted = {"responses", "ratings", "estimates", "comparisons", "models"}
    assert {path.stem for path in out.glob("*.parquet")} >= wanted
    assert {path.stem for path in out.glob("*.csv")} >= wanted | {"findings", "published"}
