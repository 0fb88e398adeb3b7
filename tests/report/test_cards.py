"""Unit cards and the strength of made pictures."""

import numpy as np
import pytest

from exemplum import store, tables
from exemplum.report import pictures
from exemplum.report.formatting import Tables
from exemplum.report.page import Pictures

ROW = {
    "unit": "mixed4a:17", "layer": "mixed4a", "channel": 17, "branch": "", "path": "", "method": "synthetic",
    "pole": "max", "references": 9, "batch": -1, "position": 0, "image": "", "group": "", "activation": np.nan,
    "percentile": np.nan, "margin": np.nan, "failed": False,
}  # fmt: skip
UNIT = {"unit": "mixed4a:17", "layer": "mixed4a", "channel": 17, "branch": "", "selection": "random", "role": "main",
        "stimulus_set": ""}  # fmt: skip


def stimuli(*changes):
    return tables.STIMULI.frame([ROW | {"path": f"{k}.png"} | change for k, change in enumerate(changes)])


@pytest.mark.parametrize(("pole", "expected"), [("max", [5.0, 2.0, -1.0]), ("min", [-1.0, 2.0, 5.0])])
def test_the_most_extreme_picture_comes_first(pole, expected):
    rows = stimuli({"activation": 2.0}, {"activation": 5.0}, {"activation": -1.0})
    assert pictures.most_extreme(rows, pole)["activation"].tolist() == expected


def test_without_activations_the_rank_in_the_first_batch_decides():
    rows = stimuli(*({"batch": batch, "position": k, "image": f"{batch}-{k}"} for batch in (1, 0) for k in (0, 9, 4)))
    first = pictures.most_extreme(rows, "max").head(3)
    assert first["batch"].tolist() == [0, 0, 0]
    assert first["position"].tolist() == [0, 4, 9]


def test_an_image_dealt_into_two_sets_is_shown_once():
    rows = stimuli({"activation": 3.0, "image": "cat"}, {"activation": 3.0, "image": "cat"}, {"activation": 1.0})
    assert len(pictures.most_extreme(rows, "max")) == 2


def test_many_units_get_fewer_pictures_each(tmp_path):
    store.write_png(tmp_path / "p.png", np.zeros((8, 8, 3), np.uint8))
    units = [UNIT | {"unit": f"a:{k}", "layer": "a", "channel": k} for k in range(6)]
    rows = [
        ROW | {"unit": unit["unit"], "layer": "a", "channel": unit["channel"], "path": "p.png", "pole": pole,
               "activation": float(k), "image": str(k)}
        for unit in units for pole in ("max", "min") for k in range(9)
    ]  # fmt: skip
    found = Tables(units=tables.STUDY_UNITS.frame(units), stimuli=tables.STIMULI.frame(rows))
    shown = pictures.make_cards(found, Pictures(tmp_path), budget=50)
    counts = [len(group.pictures) for card in shown for groups in card.poles.values() for group in groups]
    assert counts == [4] * 12  # 9 a pole would be 108


def test_snapshots_are_shown_in_order_of_their_steps(tmp_path):
    for step in (48, 0, 4, 2048):
        store.write_png(
            tmp_path / f"explanations/synthetic/u/steps/max_0_step{step:05d}.png", np.zeros((8, 8, 3), np.uint8)
        )
    rows = stimuli({"path": "explanations/synthetic/u/max_0.png", "activation": 1.0})
    strip = pictures.filmstrip("mixed4a:17", "max", rows, Pictures(tmp_path))
    assert [frame.title for frame in strip] == ["step 0", "step 4", "step 48", "step 2,048", "end"]


def test_shares_beyond_the_corpus_are_counted_by_hand():
    units = tables.STUDY_UNITS.frame([UNIT, UNIT | {"unit": "mixed4a:3", "channel": 3}])
    other = {"unit": "mixed4a:3", "channel": 3}
    rows = stimuli(
        {"margin": 0.5}, {"margin": -0.1}, {"margin": 0.2, "pole": "min"}, {"margin": -1.0, **other},
        {"margin": -2.0, "failed": True, **other}, {"method": "natural", "margin": 9.0},
    )  # fmt: skip
    both, high, low = pictures.strengths(rows, units)
    assert (both.pictures, both.beat, both.units, both.units_beat, both.failed) == (5, 2 / 5, 3, 2 / 3, 1)
    assert (high.pictures, high.beat, high.units_beat) == (4, 1 / 4, 1 / 2)
    assert (low.pictures, low.beat, low.units_beat) == (1, 1.0, 1.0)
    assert "40.0\u00a0% activate their unit" in pictures.sentence([both, high, low])


def test_practice_units_are_not_counted():
    units = tables.STUDY_UNITS.frame([UNIT | {"role": "practice"}])
    assert pictures.strengths(stimuli({"margin": 1.0}), units) == []


def test_without_a_network_the_share_is_unknown_and_not_zero():
    units = tables.STUDY_UNITS.frame([UNIT])
    both = pictures.strengths(stimuli({}), units)[0]
    assert both.pictures == 0
    assert np.isnan(both.beat)
    assert "is unknown" in pictures.sentence([both])
