"""Exemplars dealt into batches (Borowski, Zimmermann et al. 2021, A.1.2). Oracle: the rule itself, counted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from exemplum import tables
from exemplum.errors import UserError
from exemplum.index import ActivationIndex, UnitsSection
from exemplum.index.sample import Sample
from exemplum.queries import dealing, units
from exemplum.records import Pole, Unit

UNIT = Unit("mixed4a", 3)


def index_of(images: int, keep: int, groups=lambda row: "", dead: bool = False) -> ActivationIndex:
    """An index of one unit whose activation for image `row` is `row`, or 0 for all if it is dead."""
    rows = np.arange(images)
    facts = {"unit": str(UNIT), "layer": "mixed4a", "channel": 3, "branch": "1x1"}
    tops = {"max": rows[:keep] if dead else rows[::-1][:keep], "min": rows[:keep]}
    extremes = [
        facts
        | {
            "pole": pole,
            "rank": rank,
            "row": row,
            "image": f"i{row}",
            "group": groups(row),
            "activation": 0 if dead else row,
            **dict.fromkeys(["y", "x", "top", "left", "bottom", "right"], -1),
        }
        for pole, order in tops.items()
        for rank, row in enumerate(order)
    ]
    unit = facts | dict.fromkeys(
        ["mean", "std", "low", "high", "q01", "q05", "q25", "q50", "q75", "q95", "q99"], 1.0
    ) | {"count": images, "active": images, "dead": dead, "rare": False}  # fmt: skip
    broken = pd.DataFrame({"image": [], "reason": []})
    return ActivationIndex(
        tables.INDEX_UNITS.frame([unit]), tables.EXTREMES.frame(extremes), broken, Sample.of(rows[None])
    )


@pytest.fixture(scope="module")
def dealt():
    return dealing.exemplars(index_of(50_000, keep=300), UNIT, references=9, batches=20, seed=7)


def test_the_papers_numbers(dealt):
    # 200 highest and 200 lowest, 20 batches, one image of each of ten bins of 20 by rank
    frame = pd.DataFrame([vars(image) for image in dealt])
    assert len(frame) == 400
    assert frame.groupby(["pole", "batch"])["position"].apply(lambda p: sorted(p) == list(range(10))).all()
    highest = frame[frame["pole"] == Pole.MAX]
    assert sorted(highest["row"]) == list(range(49_800, 50_000))
    assert sorted(highest[highest["position"] == 9]["row"]) == list(range(49_980, 50_000))
    lowest = frame[frame["pole"] == Pole.MIN]
    assert sorted(lowest[lowest["position"] == 0]["row"]) == list(range(20))
    assert sorted(lowest[lowest["position"] == 9]["row"]) == list(range(180, 200))


def test_the_same_seed_deals_alike_and_another_does_not(dealt):
    index = index_of(50_000, keep=300)
    assert dealing.exemplars(index, UNIT, 9, 20, seed=7) == dealt
    assert dealing.exemplars(index, UNIT, 9, 20, seed=8) != dealt


def test_one_reference_a_pole_is_drawn_in_two_bins():
    dealt = dealing.exemplars(index_of(5000, keep=300), UNIT, references=1, batches=20, seed=0)
    queries = {image.row for image in dealt if image.pole is Pole.MAX and image.position == 1}
    assert queries == set(range(4980, 5000))
    assert {image.position for image in dealt} == {0, 1}


@given(st.integers(40, 400), st.integers(1, 60), st.integers(1, 20), st.integers(0, 5))
def test_no_two_images_of_a_group_or_pole_meet_in_a_batch(images, group_size, batches, seed):
    index = index_of(images, keep=300, groups=lambda row: f"g{row // group_size}" if row % 3 else "")
    try:
        dealt = dealing.exemplars(index, UNIT, 9, batches, seed)
    except UserError:
        return
    rows = [image.row for image in dealt]
    assert len(set(rows)) == len(rows)  # no image twice, of either pole
    frame = pd.DataFrame([vars(image) for image in dealt])
    assert (frame.groupby("batch").size() == 20).all()
    grouped = frame[frame["group"] != ""]
    assert not grouped.duplicated(["batch", "group"]).any()


def test_a_small_corpus_has_fewer_batches():
    dealt = dealing.exemplars(index_of(130, keep=300), UNIT, 9, 20, seed=0)
    assert {image.batch for image in dealt} == set(range(6))  # 130 // 20


def test_too_few_images_are_an_error():
    with pytest.raises(UserError, match="mixed4a:3 has too few images"):
        dealing.exemplars(index_of(19, keep=300), UNIT, 9, 20, seed=0)


def test_references_are_the_exemplars_but_the_most_extreme(dealt):
    references = dealing.references(index_of(50_000, keep=300), UNIT, batch=3, seed=7)
    positions = {pole: sorted(image.position for image in references if image.pole is pole) for pole in Pole}
    assert positions == {Pole.MAX: list(range(9)), Pole.MIN: list(range(1, 10))}
    assert set(references) < set(dealt)


def test_a_dead_unit_is_said_to_be_dead():
    dead = index_of(50, keep=15, dead=True)
    with pytest.raises(UserError, match="mixed4a:3 is dead: it has the same activation for every image"):
        dealing.exemplars(dead, UNIT, 9, 20, seed=0)


def test_images_for_which_a_sparse_feature_is_zero_do_not_stand_for_its_maximum():
    """35 of 100 images activate it, of the 60 highest that the index keeps: three batches of ten, not six."""
    whole = index_of(100, keep=60)
    activation = (whole.extremes["row"].to_numpy() - 64).clip(0)
    sparse = replace(whole, extremes=whole.extremes.assign(activation=activation))
    dealt = dealing.exemplars(sparse, UNIT, 9, 20, seed=0)
    assert {image.batch for image in dealt} == {0, 1, 2}
    assert min(image.activation for image in dealt if image.pole is Pole.MAX) == 6
    assert {image.activation for image in dealt if image.pole is Pole.MIN} == {0}


def test_a_dead_unit_cannot_be_hand_picked(model):
    section = UnitsSection(hand_picked=(str(UNIT),), choose="none")
    with pytest.raises(UserError, match=r"study.toml: \[units\] hand_picked: mixed4a:3 is dead"):
        units.choose(model, index_of(50, keep=15, dead=True), section, 0.3, np.random.default_rng(0))
