"""Near-duplicates among many images. Oracle: every two of them compared."""

import numpy as np
import pytest

from exemplum.images import identical, near_duplicates, thumbnail


@pytest.fixture(scope="module")
def thumbnails(corpus) -> np.ndarray:
    """Of photographs and drawings, with copies: brighter by 3 grey levels, noisy, mirrored."""
    rng = np.random.default_rng(0)
    pictures = [corpus.decode(row) for row in range(len(corpus))]
    copies = [np.clip(picture.astype(int) + 3, 0, 255).astype(np.uint8) for picture in pictures[:8]]
    copies += [np.clip(p + rng.normal(0, 4, p.shape), 0, 255).astype(np.uint8) for p in pictures[8:16]]
    copies += [picture[:, ::-1] for picture in pictures[16:24]]
    return np.stack([thumbnail(np.ascontiguousarray(picture)) for picture in [*pictures, *copies]])


def test_classes_are_those_of_all_pairs(thumbnails):
    pairs = np.argwhere(np.triu(identical(list(thumbnails), list(thumbnails)), 1))
    assert len(pairs) >= 24
    classes = near_duplicates(thumbnails)
    together = classes[:, None] == classes[None]
    reached = np.eye(len(thumbnails), dtype=bool)
    reached[pairs[:, 0], pairs[:, 1]] = reached[pairs[:, 1], pairs[:, 0]] = True
    for _ in range(8):  # transitive closure
        reached = (reached.astype(int) @ reached.astype(int)) > 0
    assert np.array_equal(together, reached)


def test_groups_join_what_does_not_look_the_same(thumbnails):
    groups = [""] * len(thumbnails)
    groups[0] = groups[30] = groups[40] = "one photograph"
    classes = near_duplicates(thumbnails, groups)
    assert classes[0] == classes[30] == classes[40]
    assert classes[0] != classes[31]


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one(count):
    assert near_duplicates(np.zeros((count, 16, 16, 3), np.uint8)).tolist() == list(range(count))
