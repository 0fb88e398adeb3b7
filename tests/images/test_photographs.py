"""Patches of photographs: where they lie, and which are near-duplicates."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from exemplum.images import embedded
from exemplum.images.embedded import BLACK, MOST, OVERLAP, SOURCES, Patch, overlap


@pytest.fixture(scope="module")
def patches() -> tuple[Patch, ...]:
    return embedded.patches()


def test_every_photograph_gives_patches_and_none_gives_most(patches):
    count = Counter(patch.source for patch in patches)
    assert set(count) == set(SOURCES)
    assert max(count.values()) <= MOST
    assert len(patches) >= 950


def test_patches_lie_within_their_photographs(patches):
    for patch in patches:
        width, height = embedded.photograph(patch.source).size
        assert 0 <= patch.x <= width - patch.side
        assert 0 <= patch.y <= height - patch.side


def test_two_patches_share_a_group_exactly_when_they_overlap(patches):
    for source in SOURCES:
        for a, b in combinations([patch for patch in patches if patch.source == source], 2):
            assert (a.record().group == b.record().group) == (overlap(a, b) > OVERLAP)


def test_groups_are_small(patches):
    assert max(Counter(patch.record().group for patch in patches).values()) <= 6


def test_overlap_is_intersection_over_union():
    a = Patch("moon", 0, 0, 100, 0)
    assert overlap(a, a) == 1
    assert overlap(a, Patch("moon", 50, 0, 100, 0)) == pytest.approx(1 / 3)  # 5,000 of 15,000 pixels
    assert overlap(a, Patch("moon", 100, 0, 100, 0)) == 0
    assert overlap(a, Patch("brick", 0, 0, 100, 0)) == 0


def test_ids_are_unique(patches):
    assert len({patch.record().image_id for patch in patches}) == len(patches)


def test_a_patch_is_where_its_labels_say_in_the_photograph(patches):
    """Oracle: the mean colour of the same square of the original pixels."""
    for patch in patches[::40]:
        labels = patch.record().labels
        x, y, size = int(labels["x"]), int(labels["y"]), int(labels["size"])
        square = np.asarray(embedded.photograph(str(labels["source"])))[y : y + size, x : x + size]
        decoded = patch.decode()
        assert decoded.shape == (128, 128, 3)
        assert decoded.mean(axis=(0, 1)) == pytest.approx(square.mean(axis=(0, 1)), abs=3)


def test_no_patch_is_nearly_empty(patches):
    for patch in patches:
        grey = np.asarray(Image.fromarray(patch.decode()).convert("L"), dtype=float)
        assert grey.std() > 5  # the cut asks for 10 at full size; smoothing takes some of a fine texture
        assert (grey < BLACK).mean() < 0.5


def test_every_prefix_of_two_rounds_holds_all_photographs(patches):
    assert {patch.source for patch in patches[: len(SOURCES)]} == set(SOURCES)


def test_several_scales_of_most_photographs(patches):
    sides = {source: {patch.side for patch in patches if patch.source == source} for source in SOURCES}
    assert sum(len(found) >= 3 for found in sides.values()) >= 15


def test_patches_are_the_same_every_time(patches):
    assert embedded.patches.__wrapped__() == patches  # made once more
