"""The page of study.toml, from the models that check it: every section and key with type, default and meaning."""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from tools.reference import link, paragraphs

from exemplum.explanations.natural import NaturalParameters
from exemplum.queries.sources import BUILT_IN, parameter_model
from exemplum.study import Once, Section, config as config_module, toml_files

HEAD = """# study.toml

*For anyone who writes the settings of a study. You get every section and key: what it may be, its
default and its meaning.*

A study's settings are one file, `study.toml`, in the study's folder. Every key has a default unless
it says *required*, so a file may be short, or even empty. An unknown key, a wrong type or an
impossible value is an error that names the file, the key and the allowed values. Types are TOML's:
`seed = "1"` and `rotate = 1` are errors, but a whole number is accepted where a number is expected.
No number may be `nan` or `inf`. [The pipeline](pipeline.md#studytoml) has an example with comments,
and says what is run again when a key changes.

This page is generated from the models that check the file by `python -m tools.reference`; a test
checks that it is up to date.

| section | about |
| --- | --- |
"""
USUAL_LENGTH = 1000  # the limit of any text, which no reader needs to know
# section → pages that say more
MORE = {
    "model": ("models.md",),
    "dictionaries": ("dictionaries.md",),
    "images": ("images.md",),
    "stimuli": ("explanations.md",),
    "units": ("explanations.md#units", "activation-index.md"),
    "index": ("activation-index.md",),
    "queries": ("queries.md",),
    "explanations": ("explanations.md",),
    "synthetic": ("synthesis.md",),
    "design": ("design.md",),
    "observers": ("observers.md",),
    "scores": ("scores.md",),
    "analysis": ("analysis.md", "explanation/inference.md"),
    "exclusions": ("explanation/statistics.md#exclusions",),
    "server": ("how-to/running-a-study.md", "server.md"),
    "server.pay": ("how-to/pay-participants.md",),
    "dataset": ("report.md#psych-ds-exemplum-export",),
}


class Table(NamedTuple):
    """A table of study.toml: its name, and the model that checks it."""

    name: str  # `server.pay`; "" above all sections
    model: type[BaseModel]
    kind: str = ""  # where the keys are those of a kind of the table, as in `method = "natural"`
    array: bool = False

    @property
    def heading(self) -> str:
        name = f"[[{self.name}]]" if self.array else f"[{self.name}]"
        return f"`{name}`" + (f" with `{self.kind}`" if self.kind else "") if self.name else "Above all sections"

    @property
    def fields(self) -> dict[str, FieldInfo]:
        """The keys that are no tables. Of a kind: without the key that says which, and without what others have too."""
        own = self.model.__annotations__ if self.kind else self.model.model_fields
        said = self.kind.partition(" ")[0]
        return {
            key: field for key, field in self.model.model_fields.items()
            if _model(field.annotation) is None and key in own and key != said
        }  # fmt: skip


def text() -> str:
    """The page."""
    every = list(tables())
    about = [
        f"| [`[{table.name}]`](#{table.name}) | {_first_sentence(_about(table))} |"
        for table in every if table.name and "." not in table.name
    ]  # fmt: skip
    return "\n\n".join([HEAD + "\n".join(about), *map(_table, every)]) + "\n"


def tables() -> Iterator[Table]:
    """Every table, in the order of the pipeline; first the keys above all tables."""
    config = config_module.Config
    yield Table("", config)
    for name, field in config.model_fields.items():
        if (section := _model(field.annotation)) is not None:
            yield from _tables(name, section)


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """Key → its meaning: the docstring below it, or the description that its field has."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        # models that a function puts together have no source, and descriptions instead
        if issubclass(base, Section) and base.__name__ in vars(sys.modules[base.__module__]):
            found |= _docstrings(base)
    return {key: found.get(key, field.description or "") for key, field in model.model_fields.items()}


def _tables(name: str, section: type[BaseModel], kind: str = "", array: bool = False) -> Iterator[Table]:
    """A table, those in it, those with names of the user's, and the keys of their kinds."""
    yield Table(name, section, kind, array)
    for key, field in section.model_fields.items():
        if (inner := _model(field.annotation)) is not None and not kind:
            yield from _tables(f"{name}.{key}", inner, array=get_origin(field.annotation) is tuple)
    named = get_args(get_type_hints(section).get("__pydantic_extra__"))
    if named and (inner := _model(named[1])) is not None:
        kinds = toml_files.kinds_of(section)
        for method, own in kinds.items():
            yield from _tables(f"{name}.NAME", own, f'method = "{method}"')
        if not kinds:
            yield from _tables(f"{name}.NAME", inner)
    if name == "explanations":
        yield Table("explanations.NAME", NaturalParameters, 'method = "natural"')
    if name == "queries":
        for source, function in BUILT_IN.items():
            if (own := parameter_model(function)).model_fields:
                yield Table("queries.NAME", own, f'source = "{source}"')


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0].body
    return {
        key.target.id: inspect.cleandoc(said.value.value) for key, said in pairwise(body)
        if isinstance(key, ast.AnnAssign) and isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant)
    }  # fmt: skip


def _table(table: Table) -> str:
    more = "" if table.kind else " and ".join(map(link, MORE.get(table.name, ())))
    parts = [f"## {table.heading}", paragraphs(_about(table)), f"More: {more}." if more else ""]
    said = meanings(table.model)
    for key, field in table.fields.items():
        default = field.get_default(call_default_factory=True)
        facts = "required" if field.is_required() else "" if default is None else f"default `{toml(default)}`"
        kind = words(field.annotation, field.metadata)
        parts += [
            f"### `{f'[{table.name}] ' if table.name else ''}{key}`",
            paragraphs(f"*{'; '.join(filter(None, [kind, facts]))}*"),
            paragraphs(said[key]),
        ]
    return "\n\n".join(filter(None, parts))


def _about(table: Table) -> str:
    own = table.model.__dict__.get("__doc__") or ""
    return inspect.cleandoc(own) if table.name else ""


def toml(value: Any) -> str:
    """A value as study.toml has it."""
    if isinstance(value, dict):
        inside = ", ".join(f"{key} = {toml(entry)}" for key, entry in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return json.dumps(value, ensure_ascii=False)  # as TOML, for text, numbers, true, false and lists of them


def words(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """What a key may be, in a reader's words.

    >>> from typing import Annotated
    >>> from pydantic import Field
    >>> words(Annotated[int, Field(ge=1, le=9)] | None), words(tuple[float, ...])
    ('whole number from 1 to 9', 'list of numbers')
    """
    origin, parts, metadata = get_origin(annotation), get_args(annotation), list(metadata)
    if origin is Annotated:
        return words(parts[0], [*toml_files.constraints(parts[1:]), *metadata])
    if origin in (Union, UnionType):
        return " or ".join(words(part, metadata) for part in parts if part is not NoneType)
    if origin is Literal:
        return ", ".join(f"`{toml(part)}`" for part in parts)
    if origin is tuple:
        least = ", at least one" if toml_files.bound(metadata, "min_length") else ""
        return f"list of {_plural(words(parts[0]))}{least}{', no duplicates' if Once in metadata else ''}"
    if origin is dict:
        return "table" if parts[1] is Any else f"table of names and {_plural(words(parts[1]))}"
    if annotation is str:
        most = toml_files.bound(metadata, "max_length")
        return f"text of at most {most} characters" if most and most < USUAL_LENGTH else "text"
    kinds = {bool: "`true` or `false`", int: "whole number", float: "number"}
    return kinds[annotation] + re.sub(r"\d{4,}", lambda number: _grouped(int(number[0])), toml_files.bounds(metadata))


def _first_sentence(said: str) -> str:
    first = " ".join(said.partition("\n\n")[0].split())
    return first.partition(". ")[0].rstrip(".") + "."


def _grouped(number: int) -> str:
    return "2⁶³ − 1" if number == 2**63 - 1 else f"{number:,}"


def _plural(kind: str) -> str:
    return re.sub(r"(?<!`)\bnumber\b", "numbers", kind)


def _model(annotation: Any) -> type[BaseModel] | None:
    return toml_files.section_of(annotation)
