"""Explanation methods: functions that give a unit its reference pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import lazy_loader
from pydantic import ConfigDict, Field, model_validator

from exemplum.errors import shown
from exemplum.records import Picture, Pole, Unit, method_name
from exemplum.study import Name, Names, Section

if TYPE_CHECKING:
    from exemplum.explanations.methods import (
        as_method as as_method,
        natural_images as natural_images,
        whole_images as whole_images,
    )
    from exemplum.explanations.request import (
        Exemplar as Exemplar,
        ExplanationMethod as ExplanationMethod,
        Request as Request,
        Settings as Settings,
    )


class StimuliSection(Section):
    # folder:PATH of finished stimuli: UNIT/channel_N/{natural,optimized}_images/{max,min}_K.png
    load: Name = Field(pattern=r"^folder:.", description="folder:PATH, the folder of the finished stimuli")
    # true: k + 1 batches, so that every natural image is the query once; false: one batch, the most extreme are queries
    rotate: bool = False


@dataclass(frozen=True)
class Explanation:
    """One use of an explanation method in a study. Its name is the condition."""

    name: str
    method: str  # natural, synthetic, random, folder:PATH, package.module:function, or a registered name
    parameters: Mapping[str, Any] = field(default_factory=dict)  # of the method, as study.toml gives them
    has_table: bool = False

    @property
    def setting(self) -> str:
        """The key of study.toml that declares it, as errors name it."""
        return f"[explanations.{self.name}]" if self.has_table else "[explanations] methods"

    @property
    def is_of_corpus(self) -> bool:
        """Whether its pictures are images of the corpus, or show a part of one."""
        return self.method in ("natural", "random")


class ExplanationTable(Section):
    """[explanations.NAME]: one use of a method. All other keys are parameters of the method."""

    model_config = ConfigDict(extra="allow")
    method: Name | None = None  # as in `methods`; NAME if not given


class ExplanationsSection(Section):
    """Which methods explain the units: a list of `methods`, or a table [explanations.NAME] for each use, or both."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, ExplanationTable]
    # natural, synthetic, random, folder:PATH, package.module:name, a registered name; none if there are tables instead
    methods: Annotated[Names, Field(min_length=1)] = ("natural", "synthetic")
    batches: int = Field(20, ge=1, le=1000)  # sets that the natural images of a unit are distributed over
    baseline: Name = "natural"  # the use that every other is judged against

    @model_validator(mode="after")
    def _uses_its_baseline(self) -> ExplanationsSection:
        names = [use.name for use in self.uses]
        if "baseline" in self.model_fields_set and self.baseline not in names:
            raise ValueError(f"baseline must be one of {', '.join(names)} (got {shown(self.baseline)})")
        return self

    @property
    def uses(self) -> tuple[Explanation, ...]:
        """Every use of a method: those of the list, then the tables, as study.toml has them."""
        tables = self.__pydantic_extra__ or {}
        listed = self.methods if "methods" in self.model_fields_set or not tables else ()
        return (
            *(Explanation(method_name(spec), spec) for spec in listed),
            *(
                Explanation(name, table.method or name, dict(table.model_extra or {}), has_table=True)
                for name, table in tables.items()
            ),
        )


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "methods": ["as_method", "natural_images", "whole_images"],
        "request": ["Exemplar", "ExplanationMethod", "Request", "Settings"],
    },
)
__all__ += ["Explanation", "ExplanationsSection", "Picture", "Pole", "StimuliSection", "Unit"]
