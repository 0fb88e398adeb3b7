"""How close the queries of a trial are to the references beside them, by the features of a network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from exemplum.checks.finding import Finding, Verdict
from exemplum.checks.shown import ShownPictures, Stimulus
from exemplum.design import StimulusIdentity
from exemplum.observers import similarities
from exemplum.records import Pole

# cosine of centred features; of 79,800 pairs of ImageNet photographs the highest is .755 (docs/reference/checks.md)
CLOSE = 0.85
CLOSER = 0.2  # in Fisher's z: how much closer than pictures of the unit that are not shown together
ADVICE = "look at the two pictures: they may be of one photograph, or of one scene"


@dataclass(frozen=True)
class Closest:
    """A query and the reference beside it that is most like it."""

    likeness: float
    unit: str
    query: str
    reference: str


def features(
    stimuli: Iterable[Stimulus], pictures: ShownPictures, vectors: np.ndarray, known: Mapping[str, StimulusIdentity],
    of_corpus: Collection[str], network: str,
) -> Iterator[Finding]:  # fmt: skip
    """The query and the reference beside it that are closest by the features of a network, for each method.

    vectors: features of the distinct pictures, (pictures, d). Their mean is subtracted, since all pictures share it.
    known: image and group of every picture. of_corpus: the methods whose references are images of the corpus.

    Likeness is a cosine. The limit is CLOSE, or more where two images of the corpus for one unit and pole, which no
    trial shows together, are as close: in some corpora many are.
    """
    stimuli, centred = list(stimuli), vectors - vectors.mean(0)
    apart = _closest_apart(stimuli, pictures, centred, known, of_corpus)
    limit = float(np.tanh(max(np.arctanh(CLOSE), np.arctanh(min(apart, 0.999)) + CLOSER)))
    pairs: dict[str, list[Closest]] = defaultdict(list)
    for s in dict.fromkeys(stimuli):
        if references := tuple(s.references):
            queries = (s.query_max, s.query_min)
            alike = similarities(centred[pictures.rows(queries)], centred[pictures.rows(references)], "cosine")
            query, reference = np.unravel_index(alike.argmax(), alike.shape)
            pairs[s.condition].append(Closest(float(alike.max()), s.unit, queries[query], references[reference]))
    for method, found in pairs.items():
        most = max(found, key=lambda pair: pair.likeness)
        near = {pair for pair in found if pair.likeness >= limit}
        more = f"; {len(near)} pairs are above {limit:.2f}" if len(near) > 1 else ""
        yield Finding(
            "features", network, Verdict.LOOK if near else Verdict.FINE, most.likeness, 0.0, -1.0, limit, len(found),
            "stimuli", f"{most.unit}: {most.reference} is {most.likeness:.2f} like {most.query}{more}",
            ADVICE if near else "", condition=method,
        )  # fmt: skip


def _closest_apart(
    stimuli: Iterable[Stimulus], pictures: ShownPictures, centred: np.ndarray, known: Mapping[str, StimulusIdentity],
    of_corpus: Collection[str],
) -> float:  # fmt: skip
    """The highest likeness of two images of the corpus for one unit and pole that are not query and reference."""
    images: dict[tuple[str, Pole], set[str]] = defaultdict(set)
    beside: set[tuple[int, int]] = set()
    for s in stimuli:
        for pole, query, references in (
            (Pole.MAX, s.query_max, s.references.max), (Pole.MIN, s.query_min, s.references.min),
        ):  # fmt: skip
            shown = references if s.condition in of_corpus else ()
            images[s.unit, pole] |= {query, *shown}
            beside |= {(pictures.row(query), pictures.row(path)) for path in shown}
    highest = -1.0
    for paths in images.values():
        distinct = {pictures.row(path): path for path in sorted(paths)}
        rows = np.array(list(distinct))
        alike = similarities(centred[rows], centred[rows], "cosine")
        some, others = np.triu_indices(len(rows), 1)
        for at in np.argsort(-alike[some, others], kind="stable"):
            place, other = some[at], others[at]
            if alike[place, other] <= highest:
                break
            pair = int(rows[place]), int(rows[other])
            one, two = (known[distinct[row]] for row in pair)
            if pair not in beside and pair[::-1] not in beside and not one.shared(two):
                highest = float(alike[place, other])
                break
    return highest
