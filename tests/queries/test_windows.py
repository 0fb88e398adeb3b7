"""Harder queries from windows of the ranking (Zimmermann, Klein & Brendel 2023). Oracle: the ranks, counted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from exemplum import tables
from exemplum.errors import UserError
from exemplum.images import ImageRecord
from exemplum.index import ActivationIndex
from exemplum.index.sample import Sample
from exemplum.queries import is_query, windows
from exemplum.records import Pole, Unit

UNIT = Unit("mixed4a", 3)


def index_of(images: int, keep: int = 300, group=lambda row: "") -> ActivationIndex:
    """An index of one unit whose activation for image `row` is `row`: its rank from below is the row."""
    rows = np.arange(images)
    facts = {"unit": str(UNIT), "layer": "mixed4a", "channel": 3, "branch": "1x1"}
    tops = {"max": rows[::-1][:keep], "min": rows[:keep]}
    extremes = [
        facts | {"pole": pole, "rank": rank, "row": row, "image": f"i{row}", "group": group(row), "activation": row}
        for pole, order in tops.items() for rank, row in enumerate(order)
    ]  # fmt: skip
    unit = facts | dict.fromkeys(tables.INDEX_UNITS.columns, 0.0) | facts
    unit |= {"count": images, "active": images, "dead": False, "rare": False}
    frame = pd.DataFrame(extremes)
    missing = {name: -1 for name in tables.EXTREMES.columns if name not in frame}
    return ActivationIndex(
        tables.INDEX_UNITS.frame([unit]), tables.EXTREMES.frame(frame.assign(**missing)),
        pd.DataFrame({"image": [], "reason": []}), Sample.of(rows[None]),
    )  # fmt: skip


def deal_of(images: int, percentiles=(0.95,), references=(9,), batches=20, group=lambda row: "", seed=0):
    index = index_of(images, group=group)
    return windows.deal(
        index, UNIT, references, batches, seed, percentiles, lambda row: ImageRecord(f"i{row}", group(row))
    )


def test_queries_are_the_images_nearest_to_the_percentile():
    deal = deal_of(10_000)
    for pole, centre in ((Pole.MAX, 9500), (Pole.MIN, 500)):
        rows = sorted(image.row for image in deal.windows[0.95] if image.pole is pole)
        assert rows == list(range(centre - 10, centre + 10))
    assert {image.batch for image in deal.windows[0.95]} == set(range(20))


def test_batches_are_cut_until_every_reference_is_more_extreme_than_every_query():
    """With 1,000 images 4 × 10 ranks of a pole fit before the window at 0.95, whose first rank is 48; 5 × 10 do not."""
    deal = deal_of(1000)
    assert len({image.batch for image in deal.exemplars[9]}) == 4
    assert len(deal.windows[0.95]) == 2 * 4
    assert len({image.batch for image in deal_of(1000, (0.85,)).exemplars[9]}) == 14


def check_rule(deal):
    asked = {image.row for image in deal.queries}
    for k, images in deal.exemplars.items():
        shown = [image for image in images if not is_query(image, k)]
        assert not asked & {image.row for image in shown}
        for queries in deal.windows.values():
            assert not {i.group for i in queries if i.group} & {i.group for i in shown if i.group}
            for pole, sign in ((Pole.MAX, 1), (Pole.MIN, -1)):
                weakest = min(sign * image.activation for image in shown if image.pole is pole)
                assert weakest > max(sign * image.activation for image in queries if image.pole is pole)


@given(
    images=st.integers(120, 3000),
    percentiles=st.lists(st.sampled_from([0.95, 0.9, 0.85, 0.75, 0.65]), min_size=1, max_size=3, unique=True),
    references=st.sampled_from([(9,), (1, 9), (3,)]),
    batches=st.integers(1, 20),
    near=st.integers(1, 4),
    seed=st.integers(0, 5),
)
def test_no_query_is_a_reference_and_every_reference_is_more_extreme(
    images, percentiles, references, batches, near, seed
):
    def group(row):
        return f"g{row // near}" if near > 1 else ""

    try:
        deal = deal_of(images, tuple(percentiles), references, batches, group, seed)
    except UserError:
        assert images * (1 - max(percentiles)) < near * (max(references) + 2)  # refused only where images are few
        return
    check_rule(deal)
    for pairs in deal.windows.values():
        by_batch = windows.pairs(pairs)
        assert set(by_batch) == set(range(len(by_batch)))
        assert all(set(poles) == set(Pole) for poles in by_batch.values())


def test_a_corpus_that_is_too_small_is_refused_with_the_size_that_suffices():
    with pytest.raises(UserError, match=r"use at least 200 images per batch") as error:
        deal_of(190)
    assert "the queries at 0.95" in str(error.value)
    assert len(deal_of(200).windows[0.95]) == 2
    with pytest.raises(UserError, match=r"use at least 1,000 images"):
        deal_of(990, (0.99,))


def test_without_windows_the_deal_is_that_of_the_paper():
    deal = deal_of(5000, ())
    assert deal.windows == {}
    assert len(deal.exemplars[9]) == 400
    assert len(deal.queries) == 40
