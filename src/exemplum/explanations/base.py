"""What an explanation method is: a function that, asked for some units, gives pictures that explain them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from exemplum.activations import ActivationIndex
from exemplum.images import Corpus
from exemplum.models import Model
from exemplum.records import ANY_BATCH, Pole, Unit
from exemplum.study import Config


@dataclass(frozen=True)
class Request:
    """What a method is asked for, and what it may use."""

    units: Sequence[Unit]
    references: tuple[int, ...]  # how many pictures a pole each scheme of the study shows: (9,) or (1, 9)
    model: Model
    corpus: Corpus
    index: ActivationIndex
    config: Config  # study.toml
    folder: Path  # the method's own; what it keeps there is still there when it is asked again
    ray: str | None = None  # address of a Ray cluster to spread the work over, if one is to be used

    @property
    def most(self) -> int:
        """Pictures a pole that serve every scheme."""
        return max(self.references)

    def only(self, units: Sequence[Unit]) -> Request:
        """The same request for fewer units."""
        return replace(self, units=units)


@dataclass(frozen=True)
class Picture:
    """One picture for one pole of a unit, the better the lower its position."""

    unit: Unit
    pole: Pole
    position: int  # 0 … most - 1
    image: np.ndarray  # uint8 (h, w, 3)
    references: int | None = None  # for one scheme only, if pictures differ between schemes
    batch: int = ANY_BATCH  # for one batch only, if pictures differ between batches
    image_id: str = ""  # of the corpus image that it is, if it is one
    group: str = ""
    activation: float | None = None  # of its unit, if known from the index; else it is measured
    facts: Mapping[str, Any] = field(default_factory=dict)  # anything to keep beside it, JSON-like


class ExplanationMethod(Protocol):
    """Gives `request.most` pictures for each pole of each unit; a unit's pictures follow one another."""

    def __call__(self, request: Request) -> Iterator[Picture]: ...
