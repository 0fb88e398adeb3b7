"""Queries: the images that test a unit. They are chosen first, so that no explanation can show one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import lazy_loader
from pydantic import BeforeValidator, ConfigDict, Field

from exemplum.records import EXTREME
from exemplum.study import Name, Once, Section

if TYPE_CHECKING:
    from exemplum.queries.dealing import (
        IN_WINDOW as IN_WINDOW,
        DealtImage as DealtImage,
        is_query as is_query,
        without_queries as without_queries,
    )
    from exemplum.queries.request import (
        CorpusImages as CorpusImages,
        CorpusRequest as CorpusRequest,
        QueryImage as QueryImage,
        QueryPair as QueryPair,
        QueryRequest as QueryRequest,
        QuerySource as QuerySource,
    )
    from exemplum.queries.stage import corpus_images as corpus_images, expected_units as expected_units
    from exemplum.queries.table import load as load, load_units as load_units, split_queries as split_queries
    from exemplum.queries.windows import Deal as Deal

WINDOW, OCCLUSION = "window", "occlusion"
ANY = -1  # of `references` in QUERIES: the pair is shown with any number of them
Percentile = Annotated[float, Field(gt=0.5, lt=1)]


@dataclass(frozen=True)
class Queries:
    """One use of a query source in a study. Its name is the difficulty."""

    name: str
    source: str  # extreme, window, occlusion, folder:PATH, package.module:function, or a registered name
    parameters: Mapping[str, Any] = field(default_factory=dict)  # of the source, as study.toml gives them
    has_table: bool = False

    @property
    def setting(self) -> str:
        """The key of study.toml that declares it, as errors name it."""
        return f"[queries.{self.name}]" if self.has_table else "[queries] difficulty"


class QueryTable(Section):
    """One use of a query source; NAME is the difficulty. All other keys are parameters of the source."""

    model_config = ConfigDict(extra="allow")
    source: Name | None = None
    """`extreme`, `window`, `occlusion`, `folder:PATH`, `package.module:function` or a registered name; NAME if left
    out."""


def _listed(value: Any) -> Any:
    """A list of one for a single difficulty."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class QueriesSection(Section):
    """How the pairs of query images are chosen: a list `difficulty`, or a table `[queries.NAME]` for each, or both."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, QueryTable]
    difficulty: Annotated[
        tuple[Literal["extreme"] | Percentile, ...], Field(min_length=1), Once, BeforeValidator(_listed)
    ] = ("extreme",)
    """How far from the extremes the queries are: `extreme`, a percentile such as 0.95, or a list of several.

    None of these if there are tables instead."""

    @property
    def uses(self) -> tuple[Queries, ...]:
        """Every use of a source: those of the list, then the tables, as study.toml has them."""
        tables = self.__pydantic_extra__ or {}
        listed = self.difficulty if "difficulty" in self.model_fields_set or not tables else ()
        return (
            *(
                Queries(EXTREME, EXTREME) if entry == EXTREME else
                Queries(f"{entry:g}", WINDOW, {"percentile": entry}) for entry in listed
            ),
            *(
                Queries(name, table.source or name, dict(table.model_extra or {}), has_table=True)
                for name, table in tables.items()
            ),
        )  # fmt: skip


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "dealing": ["IN_WINDOW", "DealtImage", "is_query", "without_queries"],
        "request": ["CorpusImages", "CorpusRequest", "QueryImage", "QueryPair", "QueryRequest", "QuerySource"],
        "stage": ["corpus_images", "expected_units"],
        "table": ["load", "load_units", "split_queries"],
        "windows": ["Deal"],
    },
)
__all__ += ["Queries", "QueriesSection"]
