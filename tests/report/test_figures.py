"""Figures show what the tables say, whatever the tables hold."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from exemplum import tables
from exemplum.report import figures, page
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


def effects(units: int, conditions=("natural", "synthetic"), layers: int = 3):
    """EFFECTS of units whose accuracy falls with their number, and one participant."""
    unit = {"experiment": "1", "observer": "participants", "model": "glmm_slopes", "grouping": "unit",
            "std_error": 0.3, "observed": 0.8, "n_trials": 10, "branch": "", "note": ""}  # fmt: skip
    rows = [
        unit | {"name": f"mixed{3 + k % layers}a:{k}", "layer": f"mixed{3 + k % layers}a", "condition": condition,
                "estimate": -0.01 * k, "low": -0.01 * k - 0.6, "high": -0.01 * k + 0.6,
                "accuracy": 0.9 - k / units / 3, "accuracy_low": 0.9 - k / units / 2, "accuracy_high": 0.95,
                "selection": "hand_picked" if k == 0 else "random", "margin": float(k)}
        for k in range(units) for condition in conditions
    ]  # fmt: skip
    person = rows[0] | {"grouping": "participant", "name": "p01", "layer": "", "selection": ""}
    return tables.EFFECTS.frame([*rows, person])


def test_units_stand_by_layer_and_the_most_difficult_first():
    ax = accuracy.by_unit(effects(12, ("natural",)), "participants")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["mixed3a", "mixed4a", "mixed5a"]
    assert ax.get_xticks().tolist() == [1.5, 5.5, 9.5]
    drawn = sorted(tuple(at) for points in ax.collections[1:] for at in points.get_offsets())
    assert len(drawn) == 12  # units without participants
    shown = np.array([share for _, share in drawn]).reshape(3, 4)
    assert (np.diff(shown, axis=1) > 0).all()


def test_many_units_are_drawn_without_intervals_and_none_at_all_is_said():
    few, many = (accuracy.by_unit(effects(n, ("natural",)), "participants") for n in (120, 121))
    assert len(few.collections) == len(many.collections) + 1
    ax = accuracy.by_unit(tables.EFFECTS.frame(), "participants")
    assert "nothing to show" in " ".join(text.get_text() for text in ax.texts).replace("\n", " ")


def test_units_page_tells_the_relation_to_depth_and_margin(tmp_path):
    (shown,) = page.show_units(effects(12), tmp_path, 7)
    # accuracy falls with k: by rank with the margin −1, with depth (k modulo 3) −1/3 or so
    assert "with the margin of the pictures: natural −1.00, synthetic −1.00" in shown.caption
    assert "with depth: natural −0.2" in shown.caption
    assert "n = 12 units, 10\u00a0trials per unit and condition." in shown.caption
    assert (shown.number, len(shown.table.rows)) == (7, 24)
    alike = effects(12).assign(std_error=np.nan)
    assert page.show_units(alike, tmp_path, 7) == []


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
