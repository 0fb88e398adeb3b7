"""Collect the sample of a pass, shard by shard, without a dense matrix of images × units where most values are zero."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from exemplum.index.sample import Sample

MOST_ZEROS = 0.5  # a unit is kept sparsely from this share of zeros on: a value and its place take twice a value


class SampleCollector:
    """Activations of some rows of the corpus, as far as they were measured."""

    def __init__(self, rows: np.ndarray, units: int, is_sparse: np.ndarray | None = None) -> None:
        """`rows`: of the sample, ascending. `is_sparse`: which units are kept sparsely; if not given, the first images
        that are added decide.
        """
        self.rows, self.units, self.is_sparse = rows, units, is_sparse
        self.seen: list[np.ndarray] = []  # rows
        self.dense: list[np.ndarray] = []  # float32 (images, dense units)
        self.sparse: list[sparse.csr_array] = []  # float32 (images, sparse units)

    def add(self, values: np.ndarray, rows: np.ndarray) -> None:
        """Take the activations, float32 (images, units), of those of the `rows` that are in the sample."""
        if self.is_sparse is None and len(rows):
            self.is_sparse = (values == 0).mean(0) >= MOST_ZEROS
        # an image for which a unit is NaN has no place in a ranking
        chosen = np.isin(rows, self.rows) & ~np.isnan(values).any(1)
        if self.is_sparse is not None and chosen.any():
            self.seen.append(rows[chosen])
            self.dense.append(values[np.ix_(chosen, ~self.is_sparse)])
            self.sparse.append(sparse.csr_array(values[np.ix_(chosen, self.is_sparse)]))

    def state(self) -> dict[str, np.ndarray]:
        """All that was added, as arrays."""
        rows, dense, kept = self._joined()
        return {
            "sample_rows": rows, "sample_dense": dense,
            "sample_is_sparse": np.empty(0, bool) if self.is_sparse is None else self.is_sparse,
            "sample_data": kept.data, "sample_places": kept.indices, "sample_starts": kept.indptr,
        }  # fmt: skip

    def resume(self, state: dict[str, np.ndarray]) -> None:
        """Continue from a state."""
        rows, is_sparse = state["sample_rows"], state["sample_is_sparse"]
        self.is_sparse = is_sparse if len(is_sparse) else None
        if len(rows):
            arrays = tuple(state[f"sample_{name}"] for name in ("data", "places", "starts"))
            self.seen, self.dense = [rows], [state["sample_dense"]]
            self.sparse = [sparse.csr_array(arrays, shape=(len(rows), int(is_sparse.sum())))]

    def sample(self, exact: SampleCollector | None = None) -> Sample:
        """The sample, with the values of `exact` in place of its own where there are any."""
        rows, dense, kept = self._joined()
        if exact is not None and exact.seen:
            again, better, better_kept = exact._joined()
            rest = ~np.isin(rows, again)
            rows = np.concatenate([rows[rest], again])
            dense, kept = np.concatenate([dense[rest], better]), sparse.vstack([kept[rest], better_kept], format="csr")
            order = np.argsort(rows)
            rows, dense, kept = rows[order], dense[order], kept[order]
        columns = kept.tocsc()
        columns.sort_indices()
        return Sample(
            rows, self._is_sparse, np.ascontiguousarray(dense.T), columns.data,
            columns.indices.astype(np.int32), columns.indptr.astype(np.int64),
        )  # fmt: skip

    @property
    def _is_sparse(self) -> np.ndarray:
        return np.zeros(self.units, bool) if self.is_sparse is None else self.is_sparse

    def _joined(self) -> tuple[np.ndarray, np.ndarray, sparse.csr_array]:
        if len(self.seen) > 1:
            self.seen, self.dense = [np.concatenate(self.seen)], [np.concatenate(self.dense)]
            self.sparse = [sparse.vstack(self.sparse, format="csr")]
        if not self.seen:
            features = int(self._is_sparse.sum())
            nothing = sparse.csr_array((0, features), dtype=np.float32)
            return np.empty(0, np.int64), np.empty((0, self.units - features), np.float32), nothing
        return self.seen[0], self.dense[0], self.sparse[0]
