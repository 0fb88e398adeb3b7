"""Which row of the estimates is shown where several hold the same number."""

import numpy as np

from exemplum import tables
from exemplum.report import formatting
from exemplum.report.formatting import how, pick, sizes

ROW = {
    "experiment": "1", "observer": "participants", "measure": "accuracy", "trial_kind": "main", "condition": "natural",
    "by": "all", "group": "", "subset": "all", "aggregate": "pooled", "estimate": 0.9, "interval": "wilson", "low": 0.8,
    "high": 0.95, "n_trials": 100, "n_participants": 10,
}  # fmt: skip


def estimates(*changes):
    return tables.ESTIMATES.frame([ROW | change for change in changes])


def test_intervals_over_participants_go_before_those_of_trials():
    rows = estimates(
        {}, {"aggregate": "participants", "interval": "bca"}, {"aggregate": "participants", "interval": "sem2"}
    )
    assert pick(rows, "accuracy")["interval"].tolist() == ["bca"]


def test_the_interval_that_holds_in_small_samples_goes_first():
    names = ("sem2", "bca", "percentile", "wilson_t")
    rows = estimates({}, *({"aggregate": "participants", "interval": name} for name in names))
    assert pick(rows, "accuracy")["interval"].tolist() == ["wilson_t"]


def test_a_machine_is_shown_over_its_units():
    whole = {"aggregate": "units", "interval": "exact", "n_trials": 90, "n_participants": 45}
    rows = estimates({}, whole).assign(observer="similarity")
    shown = pick(rows, "accuracy")
    assert how(shown) == "mean of units' means, 95 % exact interval, since all are equal"
    assert sizes(shown) == "n = 45\u00a0units, 90\u00a0stimuli per value"
    assert "units" in sizes(rows.head(1))  # pooled, as of a single session
    assert formatting.listing(rows, formatting.ESTIMATE_COLUMNS).columns[-2:] == ["n stimuli", "n units"]
    people = formatting.listing(estimates({}, {}), formatting.ESTIMATE_COLUMNS)
    assert people.columns[-2:] == ["n trials", "n participants"]


def test_an_undefined_interval_gives_way_to_a_defined_one():
    bca = {"aggregate": "participants", "interval": "bca", "low": np.nan, "high": np.nan}
    assert pick(estimates(bca, {}), "accuracy")["interval"].tolist() == ["wilson"]


def test_an_interval_without_width_gives_way_to_one_over_trials():
    alike = {"aggregate": "participants", "interval": "percentile", "estimate": 1.0, "low": 1.0, "high": 1.0}
    assert pick(estimates(alike, {"estimate": 1.0, "high": 1.0}), "accuracy")["interval"].tolist() == ["wilson"]


def test_main_trials_never_contain_others():
    rows = estimates({}, {"trial_kind": "catch", "condition": "synthetic"}, {"by": "layer", "group": "mixed3a"})
    assert pick(rows, "accuracy")["condition"].tolist() == ["natural"]


def test_trials_without_references_are_counted_once():
    rows = estimates({"condition": "none"}, {"condition": "none_pre"}, {"condition": "none_post"})
    assert pick(rows, "accuracy")["condition"].tolist() == ["none"]
    assert len(pick(rows, "accuracy", phases=True)) == 3


def test_nothing_is_found_in_nothing():
    empty = pick(tables.ESTIMATES.frame(), "accuracy")
    assert empty.empty
    assert how(empty) == ""
    assert sizes(empty) == "n = 0"


def test_a_condition_without_trials_has_n_0():
    row = estimates({"estimate": np.nan, "low": np.nan, "high": np.nan, "n_trials": 0, "n_participants": 0})
    assert sizes(pick(row, "accuracy")) == "n = 0"


def test_how_names_the_preferred_way_first():
    rows = estimates({"group": "a"}, {"group": "b"}, {"aggregate": "participants", "interval": "sem2"})
    assert how(rows) == (
        "mean of participants' means, ± 2 standard errors over participants; or, where that is undefined or has width "
        "0, all trials pooled, 95 % Wilson interval over trials"
    )
