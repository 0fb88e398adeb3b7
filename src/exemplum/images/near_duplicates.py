"""Which of many images are near-duplicates: found without comparing every two of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from exemplum.images.copies import SAME, identical

DIRECTIONS = 24  # of the projection in which candidates are searched for: 500 among 4,238 photographs


def near_duplicates(thumbnails: np.ndarray, groups: Sequence[str] = ()) -> np.ndarray:
    """A class per image, the same for near-duplicates: int64 (images,).

    thumbnails: as `images.thumbnail` makes them, uint8 (images, 16, 16, 3). groups: the corpus's name of a group of
    copies per image, or "".

    Two images are in one class if `images.identical` says that they look the same or if they
    are in one group, directly or by way of others.

    >>> from exemplum.images import photograph, thumbnail
    >>> cat, coffee = (thumbnail(np.asarray(photograph(name))) for name in ("chelsea", "coffee"))
    >>> near_duplicates(np.stack([cat, coffee, cat[:, ::-1]])).tolist()
    [0, 1, 0]
    """
    known = {group: place for place, group in enumerate(groups) if group}
    named = [(place, known[group]) for place, group in enumerate(groups) if group and known[group] != place]
    first, second = np.concatenate([np.array(named, np.int64).reshape(-1, 2), _alike(thumbnails)]).T
    linked = coo_array((np.ones(len(first)), (first, second)), shape=(len(thumbnails),) * 2)
    return connected_components(linked, directed=False)[1].astype(np.int64)


def _alike(thumbnails: np.ndarray) -> np.ndarray:
    """Pairs that look the same, (pairs, 2). A projection makes no distance longer, so that it misses none."""
    if len(thumbnails) < 2:
        return np.empty((0, 2), np.int64)
    pictures = thumbnails.astype(np.float32)
    # the same for an image and its mirror image, and never farther apart than the nearer of the two is
    even = ((pictures + pictures[:, :, ::-1]) / 2).reshape(len(pictures), -1)
    _, axes = np.linalg.eigh(np.cov(even.T))
    projected = even @ axes[:, -DIRECTIONS:]
    candidates = cKDTree(projected).query_pairs(SAME * even.shape[1] ** 0.5, output_type="ndarray")
    candidates = candidates[np.argsort(candidates[:, 0], kind="stable")]
    firsts, starts = np.unique(candidates[:, 0], return_index=True)
    found = [np.empty((0, 2), np.int64)]
    for one, others in zip(firsts, np.split(candidates[:, 1], starts[1:]), strict=True) if len(firsts) else ():
        same = others[identical([thumbnails[one]], list(thumbnails[others]))[0]]
        found.append(np.stack([np.full(len(same), one), same], 1))
    return np.concatenate(found)
