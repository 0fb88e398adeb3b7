"""Explanation methods: functions that give a unit its reference pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import lazy_loader
from pydantic import ConfigDict, Field, model_validator

from exemplum.errors import shown
from exemplum.records import Picture, Pole, Unit, method_name
from exemplum.study import Accepts, Name, Names, Section

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
    """Finished stimuli, made elsewhere, instead of `[model]` and `[images]`."""

    load: Annotated[Name, Field(pattern=r"^folder:."), Accepts("folder:PATH, the folder of the finished stimuli")]
    """The folder of the pictures, `LAYER/channel_N/{natural,optimized}_images/{max,min}_K.png`, as `folder:PATH`."""
    rotate: bool = False
    """Whether every natural image is the query once, in k + 1 batches (k references per pole); otherwise there is one
    batch, and the most extreme images are its queries."""


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
    """One use of a method; NAME is the condition. All other keys are parameters of the method.

    NAME is as the names in `methods`.
    """

    model_config = ConfigDict(extra="allow")
    method: Name | None = None
    """The method, as in `methods`; NAME if left out."""


class ExplanationsSection(Section):
    """Which methods explain the units: a list `methods`, or a table `[explanations.NAME]` for each use, or both."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, ExplanationTable]
    methods: Annotated[Names, Field(min_length=1)] = ("natural", "synthetic")
    """`natural`, `synthetic`, `random`, `folder:PATH`, `package.module:function` or a registered name. None of these if
    there are tables instead.

    Names have at most 60 characters: letters, digits and `_`, and between them `. + -` and spaces. They are not
    `none`, `none_pre`, `none_post`, `catch`, `practice`, `repeated` or `all`."""
    batches: int = Field(20, ge=1, le=1000)
    """Number of equally extreme sets that the natural images of a unit are distributed over, each with its queries."""
    baseline: Name = "natural"
    """The use of a method that every other is judged against, by its name."""

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
