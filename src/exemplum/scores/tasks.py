"""The forced choices that a machine makes about a unit: which images of the corpus are queries and references of each.

Of a unit's ranking, from the most extreme image of each pole on:

- `extreme`: with N tasks and K references per pole the N most extreme images are the queries; the next N · K are cut by
  rank into K bins, and every task has one image per bin as its references (Zimmermann, Klein & Brendel 2024).
- a percentile, as 0.95: the N images nearest to the 95th and the 5th percentile are the queries. The references are the
  same as above; where the window lies among them, only those that are more extreme than every query, several times.

An image, or a near-duplicate of it, is only once in a unit's tasks of one difficulty, but for references of small
corpora that several tasks share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exemplum.index import ActivationIndex
from exemplum.records import EXTREME, Pole, Unit

POLES = (Pole.MAX, Pole.MIN)


@dataclass(frozen=True)
class Tasks:
    """The tasks of one unit at one difficulty, as rows of the corpus; the right query is always the first."""

    queries: np.ndarray  # int64 (tasks, 2): the maximal and the minimal query
    references: np.ndarray  # int64 (tasks, 2, references): of the poles max and min

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def rows(self) -> np.ndarray:
        """All rows of the corpus that they show."""
        return np.unique(np.concatenate([self.queries.ravel(), self.references.ravel()]))


def none(references: int) -> Tasks:
    return Tasks(np.empty((0, 2), np.int64), np.empty((0, 2, references), np.int64))


@dataclass(frozen=True)
class Ranking:
    """A unit's images: the ends of its ranking, and where known all of it. Near-duplicates have one class."""

    unit: Unit
    ends: tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]  # per pole rows and activations
    whole: tuple[np.ndarray, np.ndarray]  # rows and activations of the sample, highest first
    classes: np.ndarray | None  # of every row of the corpus; None: all images are different

    @classmethod
    def of(cls, index: ActivationIndex, unit: Unit, classes: np.ndarray | None = None) -> Ranking:
        """The unit's ranking. An image stands for its nearer pole, and of near-duplicates only the first is kept.

        Images that activate the unit no more than the least activating one do not stand for the pole max, as most
        images of a sparse feature, which are 0 for it; and the other way round.
        """
        (high, up), (low, down) = (index.extreme(unit, pole) for pole in POLES)
        if not len(high) or up[0] == down[0]:  # dead
            empty = np.empty(0, np.int64), np.empty(0, np.float32)
            return cls(unit, (empty, empty), empty, classes)
        keep_high, keep_low = up != down[0], down != up[0]
        rows = np.concatenate([high[keep_high], low[keep_low]])
        ranks = np.concatenate([2 * np.flatnonzero(keep_high), 2 * np.flatnonzero(keep_low) + 1])
        order = np.argsort(ranks)
        same = rows if classes is None else classes[rows]
        first = np.zeros(len(rows), bool)
        first[order[np.unique(same[order], return_index=True)[1]]] = True
        split = int(keep_high.sum())
        ends = (
            (high[keep_high][first[:split]], up[keep_high][first[:split]]),
            (low[keep_low][first[split:]], down[keep_low][first[split:]]),
        )
        return cls(unit, ends, index.ranked(unit), classes)

    def tasks(self, difficulty: str, count: int, references: int, seed: int) -> Tasks:
        """At most `count` tasks: fewer if the corpus or the index is too small, none if there are not enough for one.

        difficulty: `extreme`, or a percentile above 0.5 and below 1, as in 0.95.
        """
        if not len(self.ends[0][0]):
            return none(references)
        rng = np.random.default_rng([seed, references, self.unit.channel, *f"{self.unit.layer} {difficulty}".encode()])
        if difficulty == EXTREME:
            count = min(count, *(len(rows) // (references + 1) for rows, _ in self.ends))
            asked = [rows[:count] for rows, _ in self.ends]
            pools = [rows[count:] for rows, _ in self.ends]
        else:
            asked, pools = self._window(float(difficulty), count, references)
            count = len(asked[0])
        if not count:
            return none(references)
        shown = [_binned(pool, count, references, rng) for pool in pools]
        return Tasks(
            np.stack([rng.permutation(rows) for rows in asked], 1),
            np.stack(shown, 1),
        )

    def _window(self, percentile: float, count: int, references: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Queries at a percentile, and per pole the references beyond them that the most extreme tasks leave."""
        for tasks in range(count, 0, -1):
            asked = self._nearest(percentile, tasks)
            if not asked:
                continue
            pools = [self._beyond(place, asked, tasks) for place in (0, 1)]
            if all(len(pool) >= references for pool in pools):
                return [rows for rows, _ in asked], pools
        return [np.empty(0, np.int64)] * 2, [np.empty(0, np.int64)] * 2

    def _nearest(self, percentile: float, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows and activations of `count` images per pole nearest to the percentile; nothing if there are too few."""
        rows, activations = self.whole
        positions = np.arange(len(rows))
        found, taken = [], np.empty(0, np.int64)
        for pole in POLES:
            share = 1 - percentile if pole is Pole.MAX else percentile
            own = positions[positions < len(rows) / 2 if pole is Pole.MAX else positions >= len(rows) / 2]
            near = own[np.argsort(np.abs(own + 0.5 - share * len(rows)), kind="stable")][: 4 * count + 20]
            same = rows[near] if self.classes is None else self.classes[rows[near]]
            first = np.zeros(len(near), bool)
            first[np.unique(same, return_index=True)[1]] = True
            near = near[first & ~np.isin(same, taken)][:count]
            if len(near) < count:
                return []
            taken = np.concatenate([taken, rows[near] if self.classes is None else self.classes[rows[near]]])
            found.append((rows[near], activations[near]))
        return found

    def _beyond(self, place: int, asked: Sequence[tuple[np.ndarray, np.ndarray]], tasks: int) -> np.ndarray:
        """The references of a pole: more extreme than its queries, and less than the queries of `extreme`."""
        rows, activations = self.ends[place]
        limit = asked[place][1].max() if place == 0 else asked[place][1].min()
        beyond = activations > limit if place == 0 else activations < limit
        queries = np.concatenate([queried for queried, _ in asked])
        shared = np.isin(rows, queries) if self.classes is None else np.isin(self.classes[rows], self.classes[queries])
        beyond = beyond & ~shared
        beyond[:tasks] = False
        return rows[beyond]


def _binned(pool: np.ndarray, count: int, references: int, rng: np.random.Generator) -> np.ndarray:
    """One image of each rank bin per task: (count, references). Small bins are used again, each image as often."""
    size = min(count, len(pool) // references)
    bins = pool[: size * references].reshape(references, size)
    places = rng.permuted(np.resize(np.arange(size), (references, count)), axis=1)
    return np.take_along_axis(bins, places, axis=1).T


def shuffled(tasks: Tasks, pool: np.ndarray, rng: np.random.Generator) -> Tasks:
    """The tasks of a unit with its images' ranks permuted: every image replaced by another of `pool`, at random.

    pool: different images, rows of the corpus. An observer must be at chance: nothing connects references and queries.
    """
    rows = tasks.rows
    others = rng.choice(pool, len(rows), replace=False) if len(rows) <= len(pool) else rng.choice(pool, len(rows))
    return Tasks(
        others[np.searchsorted(rows, tasks.queries)],
        others[np.searchsorted(rows, tasks.references)],
    )


def with_random_references(tasks: Tasks, pool: np.ndarray, rng: np.random.Generator) -> Tasks:
    """The tasks with references drawn from `pool`, different ones within a task and none of them a query of the unit.

    None if there are too few.
    """
    free = pool[~np.isin(pool, tasks.queries)]
    count = tasks.references[0].size if len(tasks) else 0
    if len(free) < count:
        return none(tasks.references.shape[-1])
    if len(free) >= tasks.references.size:
        return Tasks(tasks.queries, rng.permutation(free)[: tasks.references.size].reshape(tasks.references.shape))
    drawn = [rng.choice(free, count, replace=False) for _ in range(len(tasks))]
    return Tasks(tasks.queries, np.stack(drawn).reshape(tasks.references.shape))
