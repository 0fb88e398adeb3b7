"""A study of several difficulties: methods ranked against the baseline, in the table, the words and the figures."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from ranked_study import LEVELS, METHODS, TOML, make

from exemplum import pages, tables
from exemplum.report import figures, findings, ranking, stage, style
from exemplum.report.figures import difficulty
from exemplum.report.formatting import Tables, pick
from exemplum.study.folder import Study


@pytest.fixture(scope="module")
def ranked(tmp_path_factory) -> Study:
    return make(tmp_path_factory.mktemp("ranked") / "study")


@pytest.fixture(scope="module")
def found(ranked) -> Tables:
    return stage.read(ranked)


@pytest.fixture(scope="module")
def page(ranked, parse):
    stage.run(ranked)
    return parse(ranked.folder / "report/index.html")


@pytest.fixture
def _said(ranked):
    with style.of_study(stage.conditions(ranked)):
        yield


@pytest.mark.usefixtures("_said")
def test_methods_are_sorted_by_their_difference_from_the_baseline(found):
    rankings = ranking.rankings(found)
    assert [one.observer for one in rankings] == ["participants", "similarity"]  # not those that check the study
    for one in rankings:
        judged = found.verdicts[(found.verdicts["observer"] == one.observer) & (found.verdicts["role"] == "primary")]
        gaps = judged.set_index("method")["difference"].to_dict() | {"natural": 0.0}
        assert [place.method for place in one.places] == sorted(gaps, key=lambda name: -gaps[name])
        assert one.columns == ("all difficulties", *LEVELS)
        assert {place.method: place.note for place in one.places if place.note} == {
            "natural": "baseline", "random": "null",
        }  # fmt: skip


@pytest.mark.usefixtures("_said")
def test_each_cell_is_the_tables(found):
    one = ranking.rankings(found)[0]
    place = next(place for place in one.places if place.method == "maco")
    rows = pick(found.estimates, "accuracy", by="difficulty", observer="participants")
    claims = found.verdicts[(found.verdicts["observer"] == "participants") & (found.verdicts["method"] == "maco")]
    for level, standing in zip(LEVELS, place.standings[1:], strict=True):
        row = rows[(rows["condition"] == "maco") & (rows["group"] == level)].iloc[0]
        claim = claims[claims["group"] == level].iloc[0]
        assert standing.accuracy == pages.percent(row["estimate"])
        assert standing.interval == pages.interval(row["low"], row["high"])
        assert standing.difference == pages.points(claim["difference"])
        assert (standing.verdict, standing.is_declared) == (claim["verdict"], True)
    whole = claims[claims["role"] == "primary"].iloc[0]
    assert place.standings[0].difference == pages.points(whole["difference"])
    assert place.standings[0].accuracy == ""


@pytest.mark.usefixtures("_said")
def test_a_null_says_whether_it_is_at_chance(found):
    one = ranking.rankings(found)[0]
    place = next(place for place in one.places if place.note == "null")
    rows = pick(found.estimates, "accuracy", by="difficulty", observer="participants")
    for level, standing in zip(LEVELS, place.standings[1:], strict=True):
        row = rows[(rows["condition"] == "random") & (rows["group"] == level)].iloc[0]
        inside = row["low"] <= 0.5 <= row["high"]
        assert standing.chance == ("chance is within its interval" if inside else "not at chance")
    assert not any(standing.chance for other in one.places if other is not place for standing in other.standings)


@pytest.mark.usefixtures("_said")
def test_what_is_exploratory_is_marked(found):
    claims = found.verdicts.assign(role=found.verdicts["role"].replace("secondary", "exploratory"))
    one = ranking.rankings(replace(found, verdicts=claims))[0]
    assert one.is_exploratory
    maco = next(place for place in one.places if place.method == "maco")
    assert [standing.is_declared for standing in maco.standings] == [True, False, False]


@pytest.mark.usefixtures("_said")
def test_the_primary_claims_rank(found):
    """As if study.toml declared the harder difficulty, at which the order is another."""
    own = found.verdicts[found.verdicts["observer"] == "participants"]
    hard = own["group"] == "0.95"
    gaps = {"crops": -0.3, "maco": 0.1, "random": -0.1}
    turned = own.assign(
        role=np.where(hard, "primary", "exploratory"), difference=own["difference"].mask(hard, own["method"].map(gaps))
    )
    one = ranking.rankings(replace(found, verdicts=turned))[0]
    assert [place.method for place in one.places] == ["maco", "natural", "random", "crops"]


@pytest.mark.usefixtures("_said")
def test_without_verdicts_accuracy_ranks(found):
    one = ranking.rankings(replace(found, verdicts=tables.VERDICTS.frame()))[0]
    assert one.for_whom == ""
    rest = [place.method for place in one.places if place.method != "natural"]
    means = pick(found.estimates, "accuracy", by="difficulty", observer="participants").groupby("condition")["estimate"]
    assert rest == [name for name in means.mean().sort_values(ascending=False).index if name != "natural"]


@pytest.mark.usefixtures("_said")
def test_the_sentence_has_the_baseline_the_best_the_worst_and_the_null(found):
    one = ranking.rankings(found)[0]
    said = ranking.sentence(one)
    assert said.startswith("Right at extreme on ")
    assert said.count("natural (the baseline)") == said.count("random (a null)") == 2
    assert "(the best" not in said  # of two others both are named
    assert {"crops", "maco"} <= set(re.findall(r"with (\w+)", said))
    many = replace(one, places=tuple(replace(place, note="") for place in one.places))
    assert ranking.sentence(many).count("(the best of 4)") == ranking.sentence(many).count("(the worst)") == 2


def test_one_difficulty_has_no_ranking(found):
    alone = found.estimates[~found.estimates["by"].isin(["difficulty"])]
    assert ranking.rankings(replace(found, estimates=alone)) == []


def test_the_page_ranks_before_it_draws(page):
    assert page.values("data-ranking") == ["participants", "similarity"]
    assert next(iter(page.values("data-table"))) == "accuracy_by_difficulty"
    text = page.text["result"]
    assert "Participants: methods ranked against natural" in text
    assert "18 declared claims in words" in text  # 3 methods, 2 observers: over all, and at each difficulty
    assert "Difficulties" in page.text["asked"]
    assert "compares queries with references by features of lite0" in page.text["answered"]


def test_trials_tell_their_difficulty_and_margin(page, ranked):
    text = page.text["trial"]
    assert "Natural, Max-9, difficulty extreme" in text
    assert "Natural, Max-9, difficulty 0.95" in text  # the baseline at each
    assert "Maco, Max-9, difficulty 0.95" in text
    assert "Maco, Max-9, difficulty extreme" not in text
    trials = tables.TRIALS.read(ranked.folder / "design/trials.parquet")
    margins = {f"a margin of {pages.number(margin, 1)} standard deviations" for margin in trials["margin"]}
    told = re.findall(r"a margin of [\d.]+ standard deviations", text)
    assert len(told) == 5
    assert set(told) <= margins


def test_exemplars_and_random_images_are_not_said_to_be_beyond_the_corpus(page):
    assert "Of 24\u00a0maco pictures" in page.text["strength"]
    assert "crops pictures" not in page.text["strength"]


@pytest.mark.usefixtures("_said")
def test_figures_by_difficulty_and_margin_show_what_the_table_says(found):
    ax = difficulty.by_condition(found.estimates, "participants")
    rows = pick(found.estimates, "accuracy", by="difficulty", observer="participants")
    drawn = sorted(round(float(line.get_xdata()[0]), 9) for line in ax.lines if line.get_marker() in "os")
    assert drawn == sorted(rows["estimate"].round(9))
    assert [label.get_text().split("\n")[0] for label in ax.get_yticklabels()][::-1] == difficulty.ranked(rows)
    assert {"natural\n(baseline)", "random\n(null)"} < {label.get_text() for label in ax.get_yticklabels()}
    ax = difficulty.by_margin(found.estimates, "participants")
    bins = [label.get_text() for label in ax.get_xticklabels()]
    assert bins == sorted(bins, key=style.margin_key)
    assert len(bins) > 2


def test_figures_by_difficulty_need_several(found):
    plots = {plot.name: plot for plot in figures.PLOTS}
    assert plots["accuracy_by_difficulty"].applies(found.estimates)
    one = found.estimates[found.estimates["group"] != "0.95"]
    assert not plots["accuracy_by_difficulty"].applies(one)
    assert plots["accuracy_by_difficulty"].observers(found.estimates) == ["participants", "similarity"]


def test_the_baseline_comes_first_and_nulls_after_other_methods():
    said = style.Conditions(baseline="maco", nulls=("a",), names=("natural", "maco", "a", "b"))
    with style.of_study(said):
        assert style.ordered(["none", "b", "a", "natural", "maco"]) == ["maco", "natural", "b", "a", "none"]
        assert style.looks(["maco"])["maco"] == style.looks(["b", "maco"])["maco"]  # in whatever figure
        assert style.looks(["a"])["a"] == style.NULL
    assert style.ordered(["b", "maco", "natural"]) == ["natural", "b", "maco"]


def test_twelve_methods_differ_in_marker_or_colour():
    looks = style.looks([f"m{k:02d}" for k in range(12)] + ["natural", "synthetic", "none"])
    assert len({(look.color, look.marker) for look in looks.values()}) == 15


def test_another_baseline(ranked, tmp_path, parse):
    folder = tmp_path / "study"
    shutil.copytree(ranked.folder, folder)
    (folder / "study.toml").write_text(TOML.replace("[explanations.natural]", '[explanations]\nbaseline = "random"\n'
                                                    "[explanations.natural]"))  # fmt: skip
    study = Study.open(folder)
    for name in ("design", "responses"):
        study.finish(name, "x", 1.0, {})
    found = stage.read(study)
    with style.of_study(stage.conditions(study)):
        assert "There is no verdict" in findings.unjudged(replace(
            found, verdicts=tables.VERDICTS.frame(), responses=found.responses[found.responses["condition"] != "random"]
        ))  # fmt: skip
        assert findings.unjudged(found) == ""
        assert style.ordered(METHODS)[0] == "random"


def test_many_conditions_get_the_whole_width(found):
    rows = found.estimates[found.estimates["condition"] == "maco"]
    many = tables.ESTIMATES.concat([found.estimates, *(rows.assign(condition=f"m{k}") for k in range(4))])
    plot = next(plot for plot in figures.PLOTS if plot.name == "accuracy_by_condition")
    assert plot.observers(found.estimates) == ["participants", "similarity", "ideal"]
    assert plot.observers(many) == ["participants", "similarity"]  # the table has all
    assert set(plot.rows(many)["observer"]) == {"participants", "similarity", "ideal"}
    columns = {round(ax.get_position().x0, 2) for ax in figures.figure(plot, many).axes}
    assert len(columns) == 1
    assert np.isfinite(figures.figure(plot, many).get_figheight())
