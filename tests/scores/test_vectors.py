"""Vectors of the corpus's images: kept on the disk shard by shard, and the same on a cluster."""

import numpy as np
import pytest

import exemplum as ex
from exemplum.errors import UserError
from exemplum.images import ArrayCorpus
from exemplum.observers import cue, network_encoder
from exemplum.scores import vectors
from exemplum.scores.vectors import embed

ROWS = np.arange(3, 60, 2)


@pytest.fixture(scope="module")
def encoders(model):
    return [network_encoder("auto", model, input_size=64), cue("mean_colour")]


def same(first: vectors.Vectors, second: vectors.Vectors) -> None:
    assert np.array_equal(first.rows, second.rows)
    assert np.array_equal(first.thumbnails, second.thumbnails)
    for name in first.of:
        assert np.allclose(first.of[name], second.of[name], atol=1e-5)


def test_vectors_are_those_of_the_encoder(model, corpus, encoders):
    found = embed(corpus, model.preprocessing, ROWS[::-1], encoders, workers=0)
    assert found.rows.tolist() == ROWS.tolist()
    pictures = [model.crop(corpus.decode(row)) for row in ROWS.tolist()]
    for encoder in encoders:
        assert np.allclose(found.of[encoder.name], encoder.encode(pictures), atol=1e-5)
    assert found.places(np.array([[5, 3], [59, 7]])).tolist() == [[1, 0], [28, 2]]


def test_what_was_computed_is_read_and_the_rest_computed(model, corpus, encoders, tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "SHARD", 10)
    monkeypatch.setattr(vectors, "BATCH", 5)
    whole = embed(corpus, model.preprocessing, ROWS, encoders, workers=0)
    embed(corpus, model.preprocessing, ROWS, encoders[1:], tmp_path, workers=0)
    written = {path: path.stat().st_ino for path in tmp_path.rglob("*.npy")}
    assert len(written) == 2 * 3  # of three shards, colours and thumbnails
    lost = next(iter(written))
    with lost.open("rb"):  # while it is open, no other file gets its inode
        lost.unlink()  # as after a run that was killed
        found = embed(corpus, model.preprocessing, ROWS, encoders, tmp_path, workers=0)
    same(whole, found)
    kept = [path for path, made in written.items() if path.stat().st_ino == made]
    assert len(kept) == 5
    other = ArrayCorpus([corpus.decode(row)[::-1] for row in range(60)])
    assert not np.allclose(
        embed(other, model.preprocessing, ROWS, encoders[1:], tmp_path, workers=0).thumbnails, whole.thumbnails
    )


@pytest.mark.slow
def test_a_cluster_computes_the_same(model, corpus, encoders, cluster, monkeypatch):
    monkeypatch.setattr(vectors, "SHARD", 16)
    monkeypatch.setattr(vectors, "BATCH", 8)
    here = embed(corpus, model.preprocessing, ROWS, encoders, workers=0)
    same(here, embed(corpus, model.preprocessing, ROWS, encoders, cluster=cluster))


def test_an_image_that_can_no_longer_be_read_is_named(model, tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"")
    corpus = ex.open_images(f"folder:{tmp_path}")
    with pytest.raises(UserError, match=r"image .*0.png of .* cannot any more .*; restore it, or make the index again"):
        embed(corpus, model.preprocessing, np.arange(3), [cue("luminance")], workers=0)
