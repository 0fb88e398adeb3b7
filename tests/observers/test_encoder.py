"""The rule by which vectors answer, and the cache of vectors."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from exemplum.observers import ObserverError, VectorCache, evidence, similarities
from exemplum.observers.encoder import encoded

RNG = np.random.default_rng(0)


def test_similarities_are_cosine_and_minus_the_squared_distance():
    """scipy: 1 - cdist(a, b, "cosine"), -cdist(a, b, "sqeuclidean")."""
    a, b = RNG.normal(size=(4, 7)) + 100, RNG.normal(size=(5, 7)) + 100
    np.testing.assert_allclose(similarities(a, b, "cosine"), 1 - cdist(a, b, "cosine"), atol=1e-12)
    np.testing.assert_allclose(similarities(a, b, "euclidean"), -cdist(a, b, "sqeuclidean"), rtol=1e-9)
    # small distances of large vectors survive float32
    found = similarities(a.astype(np.float32), b.astype(np.float32), "euclidean")
    np.testing.assert_allclose(found, -cdist(a, b, "sqeuclidean"), rtol=1e-4)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_tasks_are_answered_at_once_or_one_by_one(metric):
    queries, maximal, minimal = (RNG.normal(size=(6, n, 5)) for n in (2, 3, 4))
    together = evidence(queries, maximal, minimal, metric)
    assert together.shape == (6,)
    for k in range(6):
        s = [[similarities(q[None], of[k], metric).mean() for of in (maximal, minimal)] for q in queries[k]]
        assert together[k] == pytest.approx((s[0][0] - s[0][1]) - (s[1][0] - s[1][1]))


def test_a_pole_that_is_not_shown_drops_out():
    queries, maximal, none = RNG.normal(size=(2, 5)), RNG.normal(size=(3, 5)), np.zeros((0, 5))
    s = similarities(queries, maximal, "cosine").mean(1)
    assert evidence(queries, maximal, none, "cosine") == pytest.approx(s[0] - s[1])
    assert evidence(queries, none, maximal, "cosine") == pytest.approx(s[1] - s[0])
    assert evidence(queries, none, none, "cosine") == 0


def test_a_vector_of_length_0_is_like_nothing():
    assert similarities(np.zeros((1, 3)), np.ones((1, 3)), "cosine") == 0


class Counting:
    """The mean of each colour; counts the pictures that it is asked for."""

    name, metric = "mean/colour", "cosine"

    def __init__(self, fingerprint: str = "first") -> None:
        self.fingerprint, self.count = fingerprint, 0

    def encode(self, pictures):
        vectors = [picture.mean((0, 1)) for picture in pictures]
        self.count += len(vectors)
        return np.array(vectors, np.float32)


def test_each_picture_is_encoded_once_and_kept(tmp_path):
    pictures = {name: RNG.integers(0, 256, (4, 4, 3), np.uint8) for name in "abc"}
    first = Counting()
    vectors = VectorCache(tmp_path, first).vectors(list("abab"), pictures.__getitem__)
    assert first.count == 2
    np.testing.assert_allclose(vectors, [pictures[name].mean((0, 1)) for name in "abab"], rtol=1e-6)
    again = Counting()
    more = VectorCache(tmp_path, again).vectors(list("cba"), pictures.__getitem__)
    assert again.count == 1  # of c
    np.testing.assert_array_equal(more[[2, 1]], vectors[:2])
    assert [path.name for path in tmp_path.iterdir()] == ["mean_colour.npz"]


def test_vectors_of_another_encoder_and_broken_files_are_computed_again(tmp_path):
    pictures = {name: RNG.integers(0, 256, (4, 4, 3), np.uint8) for name in "ab"}
    VectorCache(tmp_path, Counting()).vectors(list("ab"), pictures.__getitem__)
    other = Counting("second")
    VectorCache(tmp_path, other).vectors(list("ab"), pictures.__getitem__)
    assert other.count == 2
    (tmp_path / "mean_colour.npz").write_bytes(b"PK\x03\x04 cut off")
    VectorCache(tmp_path, again := Counting("second")).vectors(list("ab"), pictures.__getitem__)
    assert again.count == 2


def test_vectors_of_a_wrong_number_are_refused():
    class Lost(Counting):
        def encode(self, pictures):
            return super().encode(pictures)[:1]

    with pytest.raises(ObserverError, match=r"encode of observer mean/colour returned shape \(1, 3\) for 2 pictures"):
        encoded(Lost(), ["a", "b"], lambda _key: np.zeros((4, 4, 3), np.uint8))
