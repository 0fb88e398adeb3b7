"""What the gallery knows of every unit, gathered once: the numbers that the JSON files of the site are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from exemplum.gallery import neighbours, trials
from exemplum.gallery.likes import Likes, likes
from exemplum.gallery.maps import Maps
from exemplum.gallery.neighbours import Neighbour
from exemplum.gallery.pictures import Shown, StudyPictures
from exemplum.gallery.score_columns import ScoreColumns, score_columns
from exemplum.gallery.selection import Selection
from exemplum.gallery.study_data import StudyData
from exemplum.gallery.trials import UnitAnswers
from exemplum.runtime import track


@dataclass(frozen=True)
class Contents:
    """All of the gallery but its images, which are files."""

    data: StudyData
    selection: Selection
    maps: Maps
    pictures: StudyPictures
    shown: dict[str, Shown]  # path of a study's picture or query → number of an image, or file
    scores: ScoreColumns
    likes: Likes
    alike: list[list[Neighbour]]  # per unit, by activations
    sharing: list[list[Neighbour]]  # per unit, by exemplars
    shared_top: int  # highest images that were compared

    @cached_property
    def facts(self) -> list[dict[str, Any]]:
        """INDEX_UNITS row by row: a frame takes milliseconds to give one."""
        return self.data.index.units.to_dict("records")

    @cached_property
    def branches(self) -> list[str]:
        """The branches of all layers, in the order of the index."""
        return [name for name in self.data.index.units["branch"].unique() if name]

    @cached_property
    def answers(self) -> dict[str, UnitAnswers]:
        random = {name for name, kind in self.data.whole.items() if kind == "random"}
        return trials.people_by_unit(self.data.responses, random)

    @cached_property
    def tasks(self) -> dict[str, list[dict[str, object]]]:
        return trials.tasks(self.data.trials, self.data.responses, self.shown)

    @cached_property
    def rows_of_scores(self) -> dict[str, list[list[float | int | None]]]:
        return self.scores.rows_by_unit()

    @cached_property
    def methods(self) -> list[str]:
        """Methods of the study with pictures, in the order of study.toml."""
        there = set(self.pictures.of_methods["method"])
        return [use.name for use in self.data.study.config.explanations.uses if use.name in there]

    @cached_property
    def stimuli_by_unit(self) -> dict[str, pd.DataFrame]:
        return {str(unit): of for unit, of in self.pictures.of_methods.groupby("unit", sort=False)}


def gather(
    data: StudyData, selection: Selection, maps: Maps, pictures: StudyPictures, shown: dict[str, Shown]
) -> Contents:
    """Work out what is not yet known: labels, neighbours, columns of scores."""
    units = len(data.index.units)
    with track("gallery neighbours", 2 * units, "units") as advance:
        alike = neighbours.by_activations(data.index, advance)
        top, sharing = neighbours.by_exemplars(data.index, advance)
    explanations = data.study.config.explanations
    methods = sorted((use.name for use in explanations.uses), key=lambda name: name != explanations.baseline)
    return Contents(
        data, selection, maps, pictures, shown, score_columns(data.scores, methods),
        likes(data.index, data.corpus), alike, sharing, top,
    )  # fmt: skip
