"""Machine scores: how well pictures explain every unit of a network, by machine observers and beside nulls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import lazy_loader
from pydantic import Field

from exemplum.queries import Percentile
from exemplum.study import Name, Names, Once, Section

if TYPE_CHECKING:
    from exemplum.scores.means_table import OverviewRow as OverviewRow, overview as overview
    from exemplum.scores.page.labels import network_name as network_name
    from exemplum.scores.result import Scores as Scores
    from exemplum.scores.stored import (
        FOLDER as FOLDER,
        PAGE as PAGE,
        current as current,
        made as made,
        page_of as page_of,
    )
    from exemplum.scores.summary import said_against_nulls as said_against_nulls
    from exemplum.scores.units import score as score


class ScoresSection(Section):
    """Machine scores of every unit. If study.toml has this section, `exemplum run` makes them too."""

    difficulty: Annotated[tuple[Literal["extreme"] | Percentile, ...], Field(min_length=1), Once] = (
        "extreme", 0.95, 0.85,
    )  # fmt: skip
    """How far from the extremes the queries are: `extreme`, or percentiles of a unit's activation."""
    tasks: int = Field(20, ge=1, le=1000)
    """Forced choices per unit, method and difficulty."""
    references: Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(min_length=1), Once] = (9,)
    """References per pole; several numbers are scored side by side."""
    observers: Annotated[Names, Field(min_length=1)] = ("similarity",)
    """Observers of pictures, as in `[observers] run`: by features, low-level cues, and your own encoders."""
    nulls: Annotated[tuple[Literal["untrained", "shuffled", "directions", "random"], ...], Once] = (
        "untrained",
        "shuffled",
        "directions",
        "random",
    )
    """What the scores are held against: the network without training, the unit's images exchanged at random, random
    directions of the layer, and random images."""
    methods: Names | None = None
    """The methods of `[explanations]` that are scored, by name; all of them if left out."""
    every_unit: Names = ()
    """Of these, the ones that make pictures for every unit, not only for the units of the study."""
    calibration: Name | None = None
    """A file that the analysis of a study with people wrote, with α of each observer: scores then say which accuracy to
    expect of people."""


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "means_table": ["OverviewRow", "overview"],
        "page.labels": ["network_name"],
        "result": ["Scores"],
        "stored": ["FOLDER", "PAGE", "current", "made", "page_of"],
        "summary": ["said_against_nulls"],
        "units": ["score"],
    },
)
__all__ += ["ScoresSection"]
