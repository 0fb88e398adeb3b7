"""Score pictures that methods make for the very tasks of units: of any method, some units at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from exemplum.errors import UserError
from exemplum.explanations import ExplanationMethod, Request, Settings
from exemplum.index import ActivationIndex
from exemplum.models import Model
from exemplum.observers import Encoder
from exemplum.queries import IN_WINDOW, CorpusImages, Deal, DealtImage
from exemplum.records import EXTREME, Picture, Pole, Unit
from exemplum.runtime import track
from exemplum.scores.methods import sets
from exemplum.scores.populations import Population
from exemplum.scores.scoring import Drawn, scored
from exemplum.scores.tasks import Ranking, Tasks
from exemplum.tables import SCORES

PICTURES = 2048  # held at a time, unless a single unit has more; 150 kB each at 224 px


def scored_pictures(
    name: str, method: ExplanationMethod, population: Population, model: Model, drawn: Drawn,
    encoders: Sequence[Encoder], settings: Settings, *, alphas: Mapping[str, float] | None = None,
    folder: Path | None = None,
) -> Iterator[pd.DataFrame]:  # fmt: skip
    """SCORES of the units by the pictures that a method makes for their tasks, some units at a time.

    With a `folder` each of these tables is kept there, and what was scored before is read.
    """
    units, plan = population.units, drawn.plan
    few = max(1, PICTURES // (2 * plan.tasks * sum(plan.references)))
    with track(f"pictures of {name}", len(units), "units") as advance:
        for start in range(0, len(units), few):
            part = units[start : start + few]
            file = folder and folder / f"{start}-{few}.parquet"
            if file and file.exists():
                yield SCORES.read(file)
            else:
                pictures = _made(name, method, part, population.index, model, drawn, settings)
                table = scored(drawn, encoders, rows={}, pictures={name: pictures}, alphas=alphas)
                yield SCORES.write(file, table) if file else table
            advance(len(part))


def _made(
    name: str, method: ExplanationMethod, units: Sequence[Unit], index: ActivationIndex, model: Model, drawn: Drawn,
    settings: Settings,
) -> list[Picture]:  # fmt: skip
    """The pictures that a method makes for the tasks of units, which are the batches of its request."""
    plan = drawn.plan
    given = CorpusImages(model, drawn.corpus, index, plan.references, plan.tasks, plan.seed)
    for unit in units:
        given.set_deal(unit, _deal(index, unit, drawn))
    with tempfile.TemporaryDirectory() as folder:
        request = Request(tuple(units), given, settings, Path(folder))
        found = [replace(picture, path=f"{name} {place}") for place, picture in enumerate(method(request))]
    _refuse_incomplete(name, found, units, plan.references)
    return found


def _refuse_incomplete(
    name: str, pictures: Sequence[Picture], units: Sequence[Unit], references: Sequence[int]
) -> None:
    """Raise UserError for a unit without a whole set of pictures for every number of references."""
    by_unit: dict[Unit, list[Picture]] = {unit: [] for unit in units}
    for picture in pictures:
        by_unit[picture.unit].append(picture)
    for unit, own in by_unit.items():
        for k in references:
            if not sets(own, k):
                raise UserError(
                    f"method {name} gave {len(own)} pictures of {unit}, but no set of {k} for each pole; give those at "
                    f"positions 0 to {k - 1} of both poles, or score with fewer references"
                )


def _deal(index: ActivationIndex, unit: Unit, drawn: Drawn) -> Deal:
    """The unit's tasks, each a batch."""
    plan, corpus, ranking = drawn.plan, drawn.corpus, Ranking.of(index, unit, drawn.classes)
    values = dict(zip(*(array.tolist() for array in ranking.whole), strict=True))
    values |= {row: value for rows, of in ranking.ends for row, value in zip(rows.tolist(), of.tolist(), strict=True)}

    def dealt(tasks: Tasks, position: Callable[[Pole, int], int]) -> list[DealtImage]:
        shown = np.concatenate([tasks.queries[:, :, None], tasks.references], axis=2)  # the query, then references
        return [
            DealtImage(unit, pole, position(pole, place), batch, row, record.image_id, record.group, values[row])
            for batch, of_task in enumerate(shown.tolist())
            for pole, of_pole in zip(Pole, of_task, strict=True)
            for place, row in enumerate(of_pole)
            if (record := corpus.record(row))
        ]

    extreme = {
        k: dealt(ranking.tasks(EXTREME, plan.tasks, k, plan.seed), partial(_rank_bin, k)) for k in plan.references
    }
    windows = {
        float(name): [image for image in dealt(
            ranking.tasks(name, plan.tasks, max(plan.references), plan.seed), lambda _pole, place: IN_WINDOW - place)
            if image.position == IN_WINDOW]
        for name in plan.difficulties if name != EXTREME
    }  # fmt: skip
    return Deal(extreme, windows)


def _rank_bin(references: int, pole: Pole, place: int) -> int:
    """The position of a dealt image, `place` counted from its pole's most extreme, which is the query."""
    return references - place if pole is Pole.MAX else place
