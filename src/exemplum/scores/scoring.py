"""Score units: draw their tasks, embed the images that these show, and let every observer answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from statsmodels.stats.proportion import proportion_confint

from exemplum.images import Corpus, near_duplicates
from exemplum.models import Preprocessing
from exemplum.observers import Encoder, comparable, encoded
from exemplum.records import EXTREME, Picture, Unit
from exemplum.runtime import Cluster, track
from exemplum.scores.judging import Similarities
from exemplum.scores.methods import places, sets
from exemplum.scores.populations import RANDOM, SHUFFLED, Population
from exemplum.scores.tasks import Ranking, Tasks, shuffled, with_random_references
from exemplum.scores.vectors import Vectors, embed
from exemplum.tables import SCORES

NATURAL = "natural"
Key = tuple[str, int, str]  # of tasks: unit, references, difficulty
Places = tuple[np.ndarray, np.ndarray]  # of queries (tasks, 2) and references (tasks, 2, k) among vectors


@dataclass(frozen=True)
class Plan:
    """What is asked of every unit."""

    tasks: int = 20
    references: tuple[int, ...] = (9,)  # per pole
    difficulties: tuple[str, ...] = (EXTREME,)
    seed: int = 0

    def draw(self, population: Population, classes: np.ndarray | None) -> dict[Key, Tasks]:
        """The tasks of every unit; `classes` as in `Ranking`."""
        found = {}
        with track(f"tasks {population.null}".strip(), len(population.units), "units") as advance:
            for unit, name in zip(population.units, population.names, strict=True):
                ranking = Ranking.of(population.index, unit, classes)
                for k in self.references:
                    for difficulty in self.difficulties:
                        found[str(name), k, difficulty] = ranking.tasks(difficulty, self.tasks, k, self.seed)
                advance(1)
        return found


@dataclass(frozen=True)
class Drawn:
    """The tasks of units, and the images that they show."""

    plan: Plan
    corpus: Corpus
    tasks: Mapping[str, Mapping[Key, Tasks]]  # by the null of the population; "" is the network's own units
    vectors: Vectors  # of all images that are shown
    classes: np.ndarray  # of the rows of the corpus, as in `Ranking`


def draw_and_embed(
    populations: Sequence[Population], plan: Plan, corpus: Corpus, preprocessing: Preprocessing,
    encoders: Sequence[Encoder], folder: Path | None = None, *, workers: int | None = None,
    cluster: Cluster | None = None,
) -> Drawn:  # fmt: skip
    """Draw the tasks of each population, and embed the images.

    Near-duplicates are found among the images that are shown, and tasks drawn again without them, until there are no
    new images.
    """
    classes, vectors = None, embed(corpus, preprocessing, np.empty(0, np.int64), encoders)
    while True:
        tasks = {population.null: plan.draw(population, classes) for population in populations}
        shown = [of_unit.rows for of in tasks.values() for of_unit in of.values()]
        rows = np.unique(np.concatenate([np.empty(0, np.int64), *shown]))
        if classes is not None and np.isin(rows, vectors.rows).all():
            return Drawn(plan, corpus, tasks, vectors, classes)
        rows = np.union1d(rows, vectors.rows)
        vectors = embed(corpus, preprocessing, rows, encoders, folder, workers=workers, cluster=cluster)
        # a class per row: for rows that are not shown the row itself, and numbers beyond these for the others
        classes = np.arange(len(corpus))
        groups = [corpus.record(row).group for row in rows.tolist()]
        classes[rows] = len(corpus) + near_duplicates(vectors.thumbnails, groups)


@dataclass
class Judge:
    """Lets one observer answer tasks."""

    encoder: Encoder
    vectors: np.ndarray  # of the images of the corpus, and after them of a method's pictures
    alpha: float = math.nan  # of people's accuracy σ(α Δ); NaN if it is not known
    _of_layer: dict[str, Similarities] = field(default_factory=dict)

    def rows(self, tasks: Mapping[Key, Places], about: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
        """SCORES rows of tasks, given as places of their queries and references among the vectors."""
        groups: dict[tuple[str, int, str], dict[str, Places]] = {}
        for (unit, k, difficulty), of_unit in tasks.items():
            layer = Unit.parse(unit).layer if getattr(self.encoder, "tested_layers", None) else ""
            groups.setdefault((layer, k, difficulty), {})[unit] = of_unit
        for (layer, k, difficulty), of in groups.items():
            yield self._scored(layer, of).assign(
                references=k, difficulty=difficulty, observer=self.encoder.name, **about
            )

    def _scored(self, layer: str, tasks: Mapping[str, Places]) -> pd.DataFrame:
        counts = np.array([len(queries) for queries, _ in tasks.values()])
        found = self._similarities(layer).judge(
            np.concatenate([queries for queries, _ in tasks.values()]),
            np.concatenate([references for _, references in tasks.values()]),
        )
        of_unit = np.repeat(np.arange(len(counts)), counts)
        table = pd.DataFrame({"unit": list(tasks), "n_tasks": counts})
        table["layer"] = [Unit.parse(name).layer for name in tasks]
        columns = {
            "accuracy": found.correct, "score": found.score, "evidence": found.evidence,
            "predicted": expit(self.alpha * found.evidence),
        }  # fmt: skip
        for column, values in columns.items():
            table[column] = _mean(values, of_unit, counts)
        apart = found.score - table["score"].to_numpy()[of_unit]
        table["score_sd"] = np.sqrt(_mean(apart**2, of_unit, counts, counts - 1))
        return table

    def _similarities(self, layer: str) -> Similarities:
        if layer not in self._of_layer:
            self._of_layer.clear()  # one matrix at a time
            vectors = comparable(self.encoder, self.vectors, layer) if layer else self.vectors
            self._of_layer[layer] = Similarities(vectors, self.encoder.metric)
        return self._of_layer[layer]


def _mean(values: np.ndarray, of_unit: np.ndarray, counts: np.ndarray, per: np.ndarray | None = None) -> np.ndarray:
    """The mean of each unit's values, or their sum `per` another number; NaN per 0."""
    sums, by = np.bincount(of_unit, values, len(counts)), counts if per is None else per
    return np.divide(sums, by, out=np.full(len(counts), np.nan), where=by > 0)


def image_of(picture: Picture) -> np.ndarray:
    """The image of a picture that is not stored."""
    assert picture.image is not None  # or its method would not be one
    return picture.image


def scored(
    drawn: Drawn, encoders: Sequence[Encoder], *, rows: Mapping[str, str],
    pictures: Mapping[str, Sequence[Picture]] | None = None, read: Callable[[Picture], np.ndarray] = image_of,
    nulls: Sequence[str] = (), alphas: Mapping[str, float] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The SCORES table.

    rows: the methods whose pictures are whole images of the corpus, by name: `natural` or `random`. pictures: those of
    other methods, by name; `read` gives the image of one, and equal paths of a unit are one picture. nulls: `shuffled`
    and `random`, of the first method that is `natural`, as are the other populations. alphas: by observer, of people's
    accuracy σ(α Δ), where it is known.
    """
    embedded = _Pictures(drawn, read)
    own = drawn.tasks[""]
    asked: list[tuple[str, str, dict[Key, Places]]] = []
    for name, kind in rows.items():
        tasks = own if kind == NATURAL else _varied(RANDOM, drawn)
        asked.append((name, "", _placed(tasks, drawn.vectors)))
    if first := next((name for name, kind in rows.items() if kind == NATURAL), ""):
        varied = {null: _varied(null, drawn) for null in nulls}
        varied |= {null: tasks for null, tasks in drawn.tasks.items() if null}
        asked += [(first, null, _placed(tasks, drawn.vectors)) for null, tasks in varied.items()]
    for name, of_method in (pictures or {}).items():
        asked.append((name, "", embedded.tasks(of_method)))
    tables: list[pd.DataFrame] = []
    with track("scoring", len(encoders) * len(asked), "sets of tasks") as advance:
        for encoder in encoders:
            judge = Judge(encoder, embedded.vectors(encoder), (alphas or {}).get(encoder.name, math.nan))
            for method, null, placed in asked:
                tables += judge.rows(placed, {"method": method, "null": null})
                advance(1)
    return finished(pd.concat(tables, ignore_index=True) if tables else SCORES.frame())


def finished(table: pd.DataFrame) -> pd.DataFrame:
    """With the interval of each unit's accuracy over its tasks: Wilson's, at 95 %."""
    low, high = proportion_confint(
        table["accuracy"].fillna(0) * table["n_tasks"], table["n_tasks"].clip(lower=1), method="wilson"
    )
    there = table["n_tasks"] > 0
    return SCORES.frame(table.assign(low=low.where(there), high=high.where(there)))


def _placed(tasks: Mapping[Key, Tasks], vectors: Vectors) -> dict[Key, Places]:
    return {key: (vectors.places(of.queries), vectors.places(of.references)) for key, of in tasks.items()}


def _varied(null: str, drawn: Drawn) -> Mapping[Key, Tasks]:
    """Tasks of a null of the same units: with other images, drawn among those that are embedded."""
    vary = {SHUFFLED: shuffled, RANDOM: with_random_references}[null]
    rows = drawn.vectors.rows
    pool = rows[np.unique(drawn.classes[rows], return_index=True)[1]]
    found = {}
    for (unit, k, difficulty), of in drawn.tasks[""].items():
        rng = np.random.default_rng([drawn.plan.seed, k, *f"{null} {difficulty} {unit}".encode()])
        found[unit, k, difficulty] = vary(of, pool, rng)
    return found


class _Pictures:
    """Pictures of methods, embedded after the images of the corpus."""

    def __init__(self, drawn: Drawn, read: Callable[[Picture], np.ndarray]) -> None:
        self.drawn, self.read = drawn, read
        self.places: dict[tuple[Unit, str], int] = {}
        self.pictures: list[Picture] = []

    def tasks(self, pictures: Sequence[Picture]) -> dict[Key, Places]:
        """Tasks of the units that have pictures."""
        by_unit: dict[str, list[Picture]] = {}
        for picture in pictures:
            by_unit.setdefault(str(picture.unit), []).append(picture)
        found = {}
        for (unit, k, difficulty), tasks in self.drawn.tasks[""].items():
            if unit in by_unit:
                queries, shown = places(tasks, sets(by_unit[unit], k), self._place, self._images)
                found[unit, k, difficulty] = self.drawn.vectors.places(queries), shown
        return found

    def vectors(self, encoder: Encoder) -> np.ndarray:
        """The encoder's vectors of the images of the corpus, then of the pictures."""
        own = self.drawn.vectors.of[encoder.name]
        if not self.pictures:
            return own
        return np.concatenate([own, encoded(encoder, self.pictures, self.read)])

    def _place(self, picture: Picture) -> int:
        key = picture.unit, picture.path
        if key not in self.places:
            self.places[key] = len(self.drawn.vectors.rows) + len(self.pictures)
            self.pictures.append(picture)
        return self.places[key]

    def _images(self, row: int) -> tuple[str, ...]:
        record = self.drawn.corpus.record(row)
        return (record.image_id, f"group {record.group}") if record.group else (record.image_id,)
