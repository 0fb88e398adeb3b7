"""How often the study's own trials can be answered by what needs no semantics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from exemplum.checks.chance import flip_signs
from exemplum.checks.cues import advice, judge, per_unit
from exemplum.checks.finding import Finding
from exemplum.checks.shown import ShownPictures, Stimulus
from exemplum.observers import comparable, evidence

if TYPE_CHECKING:
    from exemplum.observers import Encoder

Cell = tuple[str, str]  # method and difficulty
LEAST = 0.25  # above one half: the usual threshold of a two-alternative forced choice
AS_GOOD = 0.9  # of what features reach above one half (of one half, if features are not known)


def low_level(
    stimuli: Sequence[Stimulus], pictures: ShownPictures, vectors: Mapping[str, tuple[Encoder, np.ndarray]],
    semantic: Mapping[Cell, float], seed: int,
) -> Iterator[Finding]:  # fmt: skip
    """The accuracy of each low-level observer with each method at each difficulty, over units.

    vectors: the encoder and its vectors of the distinct pictures, (pictures, d), by observer. semantic: the accuracy of
    an observer of features, by method and difficulty, to compare with.
    """
    cells: list[Cell] = list(dict.fromkeys((s.condition, s.difficulty) for s in stimuli if any(s.references)))
    tables = [
        per_unit({where: right - 0.5 for where, right in accuracies(stimuli, pictures, *given).items()}, cells)
        for given in vectors.values()
    ]
    if not (cells and tables):
        return
    flipped = flip_signs(np.concatenate(tables, axis=1), two_sided=False, seed=seed)
    for place, observer in enumerate(vectors):
        for number, cell in enumerate(cells):
            at = place * len(cells) + number
            apart, allowed, units = float(flipped.mean[at]), float(flipped.allowed[at]), int(flipped.units[at])
            features = semantic.get(cell)
            least = max(LEAST, AS_GOOD * ((features or 1.0) - 0.5))
            verdict = judge(max(apart, 0.0), allowed, bool(flipped.can_tell[at]), (least, np.inf))
            beside = "" if features is None else f", by the features of a network {features:.0%}"
            yield Finding(
                "low_level", observer, verdict, 0.5 + apart, 0.5, 0.0, 0.5 + allowed, units, "units",
                f"{0.5 + apart:.0%} right by {observer} alone{beside}",
                advice(verdict, ADVICE, units),
                condition=cell[0], difficulty=cell[1], p=float(flipped.p[at]),
            )  # fmt: skip


ADVICE = (
    "hardly more can be reached with semantics, so accuracy on these trials says little about it: take harder queries, "
    "or queries that are matched in this cue"
)


def accuracies(
    stimuli: Iterable[Stimulus], pictures: ShownPictures, encoder: Encoder, vectors: np.ndarray
) -> dict[tuple[str, Cell], float]:
    """The share of stimuli on which an encoder is right, by unit and cell; a tie counts half."""
    found: dict[tuple[str, Cell], list[float]] = {}
    for s in stimuli:
        if any(s.references):
            queries, most, least = (
                comparable(encoder, vectors[pictures.rows(paths)], s.layer).astype(np.float64)
                for paths in ((s.query_max, s.query_min), s.references.max, s.references.min)
            )
            delta = float(evidence(queries, most, least, encoder.metric))
            found.setdefault((s.unit, (s.condition, s.difficulty)), []).append((np.sign(delta) + 1) / 2)
    return {where: float(np.mean(right)) for where, right in found.items()}
