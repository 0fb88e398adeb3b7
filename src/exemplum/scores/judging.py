"""How an observer of pictures answers tasks: right or wrong, how surely, and by how much evidence.

With s(q, E) the mean similarity of a query to the references of a pole, the evidence of a task is

    Δ = [s(q⁺, E⁺) − s(q⁺, E⁻)] − [s(q⁻, E⁺) − s(q⁻, E⁻)]

and the answer is right if Δ > 0 (Zimmermann, Klein & Brendel 2024). The score of a task is σ(Δ / sd), with sd the
standard deviation of the task's 2 × 2K similarities: it needs no parameter, and has no unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from exemplum.observers import Metric, similarities

WHOLE = 8192  # images up to which all similarities are held, 256 MB
AT_ONCE = 2**21  # similarities that are looked up at a time


@dataclass(frozen=True)
class Outcomes:
    """Of tasks, in arrays of one shape."""

    correct: np.ndarray  # 1 right, 0 wrong, 0.5 without any evidence
    score: np.ndarray  # 0 to 1
    evidence: np.ndarray  # Δ


class Similarities:
    """Similarities between vectors of pictures, looked up for many tasks at a time."""

    def __init__(self, vectors: np.ndarray, metric: Metric, *, whole: int = WHOLE) -> None:
        self.vectors, self.metric = vectors, metric
        self.matrix = similarities(vectors, vectors, metric) if len(vectors) <= whole else None

    def judge(self, queries: np.ndarray, references: np.ndarray) -> Outcomes:
        """The outcomes of tasks: places of queries (tasks, 2) and of references (tasks, 2, references)."""
        size = max(1, AT_ONCE // max(1, 2 * references[:1].size))
        parts = [
            outcomes(self._of(queries[start : start + size], references[start : start + size]))
            for start in range(0, len(queries), size)
        ] or [outcomes(np.empty((0, 2, 2, references.shape[-1]), np.float32))]
        return Outcomes(*(np.concatenate([getattr(part, name) for part in parts])
                          for name in ("correct", "score", "evidence")))  # fmt: skip

    def _of(self, queries: np.ndarray, references: np.ndarray) -> np.ndarray:
        """(tasks, 2 queries, 2 poles, references)."""
        flat = references.reshape(len(references), -1)
        if self.matrix is not None:
            found = self.matrix[queries[:, :, None], flat[:, None, :]]
        else:
            found = np.stack([
                similarities(self.vectors[asked], self.vectors[shown], self.metric)
                for asked, shown in zip(queries, flat, strict=True)
            ])  # fmt: skip
        return found.reshape(len(queries), 2, *references.shape[1:])


def outcomes(found: np.ndarray) -> Outcomes:
    """Outcomes of tasks by their similarities, (tasks, 2 queries, 2 poles, references); the right query is the first.

    >>> task = [[[1.0, 0.8], [0.1, 0.1]], [[0.2, 0.2], [0.9, 0.7]]]
    >>> of = outcomes(np.array([task]))
    >>> of.correct.tolist(), of.evidence.round(2).tolist(), of.score.round(2).tolist()
    ([1.0], [1.4], [0.98])
    """
    of_query = found[:, :, 0].mean(-1, dtype=np.float64) - found[:, :, 1].mean(-1, dtype=np.float64)
    evidence = of_query[:, 0] - of_query[:, 1]
    spread = found.std(axis=(1, 2, 3), dtype=np.float64)
    standardized = np.divide(evidence, spread, out=np.zeros_like(evidence), where=spread > 0)
    return Outcomes((np.sign(evidence) + 1) / 2, expit(standardized), evidence)
