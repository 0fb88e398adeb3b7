"""Figures show what the tables say, whatever the tables hold."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from exemplum import tables
from exemplum.report import figures
from exemplum.report.figures import accuracy
from exemplum.report.figures.ratings import before_after, by_condition, calibration, distribution, mean
from exemplum.report.formatting import pick

EMPTY = tables.ESTIMATES.frame()
DRAWN = (
    accuracy.by_condition, accuracy.of_none, accuracy.by_layer, accuracy.by_branch, accuracy.by_selection,
    accuracy.by_participant, distribution, calibration, mean,
    by_condition, accuracy.by_scheme, accuracy.by_expertise,
)  # fmt: skip


@pytest.fixture(scope="module")
def estimates(study):
    return tables.ESTIMATES.read(study.folder / "analysis/estimates.parquet")


@pytest.mark.parametrize("draw", DRAWN)
def test_without_data_the_axes_say_so(draw):
    ax = draw(EMPTY, "participants")
    assert "nothing to show" in " ".join(text.get_text() for text in ax.texts).replace("\n", " ")


@pytest.mark.parametrize("plot", figures.PLOTS, ids=lambda plot: plot.name)
@pytest.mark.parametrize("change", ["none", "undefined", "one observer", "one participant", "one condition"])
def test_every_figure_renders_for_degenerate_tables(plot, change, estimates):
    drawn = figures.figure(plot, degenerate(estimates, change))
    drawn.draw_without_rendering()
    assert plot.caption(degenerate(estimates, change)).endswith(".")


def degenerate(estimates, change):
    if change == "none":
        return EMPTY
    if change == "undefined":
        return estimates.assign(estimate=np.nan, low=np.nan, high=np.nan, n_trials=0, n_participants=0)
    if change == "one observer":
        return estimates[estimates["observer"] == "ideal"]
    if change == "one participant":
        rows = estimates[(estimates["by"] != "participant") | (estimates["group"] == "p01")]
        return rows.assign(n_participants=1, low=np.nan, high=np.nan)
    return estimates[estimates["condition"] == "natural"]


def test_forty_layers_still_have_names(estimates):
    layers = estimates[estimates["by"] == "layer"]
    many = [layers.assign(group=layers["group"] + f".block{k}") for k in range(14)]
    frame = tables.ESTIMATES.frame([row for part in many for row in part.to_dict("records")])
    ax = accuracy.by_layer(frame, "participants")
    assert len(ax.get_xticklabels()) == 42


def test_a_study_with_one_layer_has_no_figure_by_layer(estimates):
    by_layer = next(plot for plot in figures.PLOTS if plot.name == "accuracy_by_layer")
    assert by_layer.applies(estimates)
    assert not by_layer.applies(estimates[(estimates["by"] != "layer") | (estimates["group"] == "mixed3a")])


def test_means_are_drawn_where_the_table_says(estimates):
    ax = accuracy.by_condition(estimates, "participants")
    rows = pick(estimates, "accuracy", observer="participants").set_index("condition")["estimate"]
    marked = [line.get_ydata()[0] for line in ax.lines if line.get_marker() in ("o", "s", "D")]
    assert marked == [rows["natural"], rows["synthetic"], rows["none"]]


def test_intervals_are_drawn_where_the_table_says(estimates):
    ax = accuracy.by_condition(estimates, "similarity")
    row = pick(estimates, "accuracy", observer="similarity").set_index("condition").loc["synthetic"]
    drawn = [tuple(line.get_ydata()) for line in ax.lines]
    assert (row["low"], row["high"]) in drawn


def test_bars_of_ratings_fill_the_whole(estimates):
    ax = distribution(estimates, "participants")
    heights = [patch.get_height() for patch in ax.patches]
    assert len(heights) == 9
    assert sum(heights) == pytest.approx(3)


def test_more_conditions_than_colours_still_draw(estimates):
    rows = estimates[estimates["condition"] == "natural"]
    many = [rows.assign(condition=f"method{k}") for k in range(9)]
    frame = tables.ESTIMATES.frame([row for part in many for row in part.to_dict("records")])
    ax = accuracy.by_layer(frame, "participants")
    assert len(ax.get_legend().get_texts()) == 9


def test_the_same_tables_give_the_same_files(tmp_path, estimates):
    first, second = (figures.save(figures.figure(figures.PLOTS[0], estimates), tmp_path, n) for n in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_figure_is_saved_as_png_and_svg(tmp_path, estimates):
    png, svg = figures.save(figures.figure(figures.PLOTS[0], estimates), tmp_path, "one")
    with Image.open(io.BytesIO(png.read_bytes())) as image:
        assert image.width >= 900
    assert ElementTree.fromstring(svg.read_bytes()).tag.endswith("svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "one.svg"]


def test_intuitiveness_joins_before_and_after():
    row = {"experiment": "2", "observer": "participants", "expertise": "", "condition": "synthetic",
           "unit": "mixed3a:1", "trial": 0, "rt_ms": np.nan}  # fmt: skip
    ratings = tables.RATINGS.frame(
        [row | {"participant": p, "phase": phase, "rating": value}
         for p, before, after in (("p01", -40.0, 20.0), ("p02", 0.0, 60.0))
         for phase, value in (("pre", before), ("post", after))]
    )  # fmt: skip
    ax = before_after(ratings)
    assert list(ax.lines[2].get_ydata()) == [-20.0, 40.0]
    assert before_after(tables.RATINGS.frame()).texts
