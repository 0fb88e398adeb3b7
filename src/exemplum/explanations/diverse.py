"""Choose exemplars that differ from one another: the most extreme one of each cluster in a network's features."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from exemplum.models import Model

BATCH = 32  # images per forward pass
STARTS = 10  # of k-means; the tightest clusters are kept


def features(model: Model, images: np.ndarray) -> np.ndarray:
    """Features of images, uint8 (n, size, size, 3): spatial means of the model's last default layer, (n, channels).

    They are after the ReLU, if the layer ends in one, and of unit length.
    """
    from exemplum.index import Measurer  # late: torch takes seconds to import

    measurer = Measurer(model, model.default_layers[-1:], "after", "channel")
    values = np.concatenate([measurer.images(images[start : start + BATCH]) for start in range(0, len(images), BATCH)])
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def spread(found: np.ndarray, count: int, seed: int) -> list[int]:
    """`count` of the rows of features, (n ≥ count, channels): the first of each of so many clusters, in their order.

    Clusters are those of k-means (Lloyd 1982) from seeded starts (Arthur & Vassilvitskii 2007). If fewer rows differ,
    the earliest others are added.

    >>> spread(np.array([[0.0], [0.1], [5.0], [5.1], [0.2]]), 2, seed=0)
    [0, 2]
    """
    from sklearn.cluster import KMeans  # late: it takes a second
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of rows that are equal
        clusters = KMeans(count, n_init=STARTS, random_state=seed).fit_predict(found)
    first = np.unique(clusters, return_index=True)[1].tolist()
    others = [row for row in range(len(found)) if row not in first]
    return sorted([*first, *others[: count - len(first)]])
