"""The default corpus: photographs and drawings, mixed."""

import pickle
from collections import Counter

import numpy as np
import pytest

from exemplum import images


@pytest.fixture(scope="module")
def corpus() -> images.Corpus:
    return images.open_corpus("embedded")


@pytest.fixture(scope="module")
def records(corpus) -> list[images.ImageRecord]:
    return [corpus.record(row) for row in range(len(corpus))]


def test_it_has_at_least_four_thousand_images_in_two_parts(records):
    parts = Counter(record.labels["part"] for record in records)
    assert len(records) >= 4000
    assert parts["photograph"] >= 950
    assert parts["drawing"] >= 2800


def test_ids_are_unique(records):
    assert len({record.image_id for record in records}) == len(records)


def test_only_photographs_have_groups(records):
    assert all(bool(record.group) == (record.labels["part"] == "photograph") for record in records)


def test_every_family_has_as_many_drawings(records):
    families = Counter(record.labels["family"] for record in records if record.labels["part"] == "drawing")
    assert len(set(families.values())) == 1


@pytest.mark.parametrize("prefix", [200, 500, 1500])
def test_every_prefix_is_balanced(records, prefix):
    whole = np.mean([record.labels["part"] == "photograph" for record in records])
    part = np.mean([record.labels["part"] == "photograph" for record in records[:prefix]])
    assert part == pytest.approx(whole, abs=1 / prefix)
    families = Counter(record.labels["family"] for record in records[:prefix] if record.labels["part"] == "drawing")
    assert max(families.values()) - min(families.values()) <= 1
    assert len(families) == len({record.labels.get("family") for record in records}) - 1


def test_the_seed_changes_drawings_but_not_photographs(corpus, records):
    other = images.open_corpus("embedded", seed=1)
    assert other.fingerprint != corpus.fingerprint
    for row in range(0, 60, 3):
        same = (other.decode(row) == corpus.decode(row)).all()
        assert same == (records[row].labels["part"] == "photograph")


def test_a_pickled_corpus_gives_the_same_images(corpus):
    copy = pickle.loads(pickle.dumps(corpus))
    assert copy.fingerprint == corpus.fingerprint
    for row in range(0, len(corpus), 400):
        assert copy.record(row) == corpus.record(row)
        assert (copy.decode(row) == corpus.decode(row)).all()


def test_rows_can_be_decoded_in_any_order(corpus):
    rows = np.random.default_rng(0).integers(len(corpus), size=30)
    forward = [corpus.decode(int(row)) for row in rows]
    backward = [corpus.decode(int(row)) for row in rows[::-1]][::-1]
    assert all((a == b).all() for a, b in zip(forward, backward, strict=True))


def test_a_row_outside_is_an_index_error(corpus):
    for row in (-1, len(corpus)):
        with pytest.raises(IndexError):
            corpus.record(row)
