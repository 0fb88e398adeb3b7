"""The report's section on people and machines: its words, tables and figure say what the tables say."""

from dataclasses import replace

import numpy as np
import pytest

from exemplum.analysis.machines.predictions import predictions
from exemplum.report.formatting import Tables
from exemplum.report.prediction import Prediction, prediction

from .predicted_study import study


@pytest.fixture(scope="module")
def tables() -> Tables:
    made = study(people=14, units=20, scored=300)
    found = predictions(made.responses, made.machines, seed=1, resamples=300)
    return Tables(
        estimates=found.estimates, comparisons=found.comparisons, models=found.models,
        people_and_machines=found.people_and_machines,
    )  # fmt: skip


@pytest.fixture(scope="module")
def section(tables, tmp_path_factory) -> Prediction:
    return prediction(tables, tmp_path_factory.mktemp("figures"), 7)


def test_the_best_machine_is_named_and_tested_against_the_next(tables, section) -> None:
    assert section.sentences[0].startswith("Similarity predicts people best: r = 0.")
    row = tables.comparisons.query("test == 'jackknife' and group == ''").iloc[0]
    assert (
        f"better than the next, luminance, whose r, by its score over its own tasks, is {row['difference']:.2f} lower"
        in section.sentences[1]
    )


def test_every_machine_and_condition_has_its_row_but_those_that_check_the_study(section) -> None:
    assert [row[:2] for row in section.agreement.rows] == [
        [machine, condition]
        for machine in ("similarity", "luminance")
        for condition in ("all", "natural", "synthetic")
    ]  # fmt: skip
    assert all(len(row) == len(section.agreement.columns) for row in section.agreement.rows)


def test_the_gain_is_shown_beside_both_intervals(tables, section) -> None:
    rows = [row for row in section.gains.rows if row[:2] == ["similarity", "synthetic"]]
    own = tables.estimates.query("group == 'similarity' and condition == 'synthetic'").set_index("measure")
    assert rows[0][5] == f"{own.loc['effective_units', 'estimate']:.1f}"
    alone, powered = (row for _, row in own.loc["accuracy"].sort_values("interval", ascending=False).iterrows())
    assert rows[0][2].startswith(f"{100 * alone['estimate']:.1f}")
    assert rows[0][3].startswith(f"{100 * powered['estimate']:.1f}")
    assert [row[1] for row in section.gains.rows].count("natural − synthetic") == 2


def test_the_figure_has_a_panel_for_each_machine_and_every_unit_in_its_table(section) -> None:
    (figure,) = section.figures
    assert (figure.number, figure.name) == (7, "people_and_machines")
    assert "20 units" in figure.caption
    assert len(figure.table.rows) == 2 * 20 * 2  # without the machine that is always right
    assert "similarity" in figure.alt


def test_without_people_and_machines_there_is_no_section(tables, tmp_path) -> None:
    empty = replace(tables, people_and_machines=tables.people_and_machines[:0])
    assert prediction(empty, tmp_path, 1) == Prediction()
    checks = tables.people_and_machines.query("machine == 'ideal'")
    assert prediction(replace(tables, people_and_machines=checks), tmp_path, 1) == Prediction()
    assert list(tmp_path.iterdir()) == []


def test_undefined_correlations_are_said_to_be(tables, tmp_path) -> None:
    unknown = tables.estimates["measure"].str.startswith(("correlation", "disattenuated"))
    estimates = tables.estimates.assign(
        **{name: tables.estimates[name].mask(unknown, np.nan) for name in ("estimate", "low", "high")}
    )
    section = prediction(replace(tables, estimates=estimates), tmp_path, 1)
    assert section.sentences[0].startswith("No machine predicts people")
    assert section.agreement.rows[0][4] == "—"
