"""A part of a corpus, drawn by chance."""

from __future__ import annotations

import numpy as np

from exemplum.images.corpus import Corpus, ImageRecord
from exemplum.store import digest


class SubsetCorpus:
    """Some rows of another corpus, in its order."""

    def __init__(self, corpus: Corpus, rows: np.ndarray) -> None:
        self.corpus = corpus
        self.rows = np.asarray(rows, dtype=np.int64)
        self.name = f"{corpus.name} ({len(self.rows):,} of {len(corpus):,} images)"
        self.fingerprint = digest(corpus.fingerprint, hash_of(self.rows))

    def __len__(self) -> int:
        return len(self.rows)

    def record(self, row: int) -> ImageRecord:
        return self.corpus.record(int(self.rows[row]))

    def decode(self, row: int) -> np.ndarray:
        return self.corpus.decode(int(self.rows[row]))


def subset(corpus: Corpus, n: int, rng: np.random.Generator) -> Corpus:
    """`n` images drawn without replacement, in the corpus's order; the corpus itself if it has no more than `n`.

    Raises ValueError if `n` is not positive.
    """
    if n < 1:
        raise ValueError(f"a subset has at least one image, got {n}")
    if n >= len(corpus):
        return corpus
    return SubsetCorpus(corpus, np.sort(rng.choice(len(corpus), size=n, replace=False)))


def hash_of(rows: np.ndarray) -> str:
    return digest(rows.tobytes().hex())
