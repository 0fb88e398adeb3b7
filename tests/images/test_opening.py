"""Corpora by name, subsets and sheets."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st

from exemplum import images
from exemplum.images import CorpusError


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("embeded", "did you mean embedded"),
        ("foldr:/tmp", "did you mean folder:"),
        ("torchvison:CIFAR10", "did you mean torchvision:"),
        ("folder:", "write folder:PATH"),
        ("torchvision", "write torchvision:NAME"),
        ("", "known: embedded"),
    ],
)
def test_an_unknown_name_is_one_line_with_close_matches(spec, said):
    with pytest.raises(CorpusError) as caught:
        images.open_corpus(spec)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bare_path_is_told_how_to_be_written(tmp_path):
    with pytest.raises(CorpusError, match=f"write folder:{tmp_path}"):
        images.open_corpus(str(tmp_path))


def test_the_room_needs_no_torch():
    use = "import sys, exemplum.images as i; i.open_corpus('embedded').decode(0)"
    code = use + "; assert not {'torch', 'torchvision'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@given(n=st.integers(1, 5000), seed=st.integers(0, 2**31))
def test_a_subset_has_n_different_images_in_order(n, seed):
    corpus = CORPUS
    part = images.subset(corpus, n, np.random.default_rng(seed))
    assert len(part) == min(n, len(corpus))
    if n < len(corpus):
        assert (np.diff(part.rows) > 0).all()
        assert part.record(0) == corpus.record(int(part.rows[0]))
    again = images.subset(corpus, n, np.random.default_rng(seed))
    assert again.fingerprint == part.fingerprint


def test_other_draws_and_sizes_have_other_fingerprints():
    parts = [images.subset(CORPUS, n, np.random.default_rng(seed)) for n, seed in ((50, 0), (50, 1), (51, 0))]
    assert len({part.fingerprint for part in parts} | {CORPUS.fingerprint}) == 4


def test_a_subset_needs_an_image():
    with pytest.raises(ValueError, match="at least one"):
        images.subset(CORPUS, 0, np.random.default_rng(0))


def test_a_sheet_shows_the_images_in_rows():
    page = images.sheet(CORPUS, 2, 3, size=32, first=4)
    assert page.shape == (2 * 34 + 2, 3 * 34 + 2, 3)
    shown = page[2:34, 36:68].astype(float)  # the second place of the first row: row 5
    assert shown.mean(axis=(0, 1)) == pytest.approx(CORPUS.decode(5).mean(axis=(0, 1)), abs=2)


CORPUS = images.open_corpus("embedded")
