"""Broken configurations from the models that check study.toml and recipes: every key, every way to get it wrong.

What a key takes is read from its declaration. A value is put there only if it is of another type, or beyond a bound.
"""

from __future__ import annotations

import datetime
import math
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from configurations.cases import Case, setting
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.study import Accepts
from exemplum.study.config import Config

DATE = datetime.date(1979, 5, 27)
CONTROL, LONG = "a\u001bb", "x" * 5000


@dataclass(frozen=True)
class Part:
    """One alternative of a field's type, with its constraints."""

    kind: Any
    constraints: tuple[Any, ...]

    def bound(self, name: str) -> Any:
        found = [value for given in self.constraints if (value := getattr(given, name, None)) is not None]
        return found[-1] if found else None


def cases() -> Iterator[Case]:
    """All of them."""
    yield from of_model(Config, "")
    yield from of_model(Recipe, "synthetic.recipe", 'base = "lucid"\n')


def of_model(model: type[BaseModel], table: str, beside: str = "") -> Iterator[Case]:
    """Cases of one table and the tables in it. `beside` are lines that the table needs."""
    for name, field in model.model_fields.items():
        parts = alternatives(field.annotation, tuple(field.metadata))
        inner = next((part.kind for part in parts if is_model(part.kind)), None)
        place = f"{table}.{name}" if table else name
        if inner is not None:
            yield from of_model(inner, place)
        elif (array := next((get_args(part.kind)[0] for part in parts if get_origin(part.kind) is tuple), None)) and (
            is_model(array)
        ):
            yield from of_model(array, f"{place} 1", 'name = "q"\n')
        yield from of_field(table, name, field, parts, beside)
    for name in model.model_fields:
        wrong = name + name[-1]
        yield Case(
            f"{table} {name} misspelled",
            lines(table, beside, wrong, 1),
            f"unknown key '{wrong}' in",
            f"did you mean {name}",
        )


def of_field(table: str, name: str, field: FieldInfo, parts: list[Part], beside: str) -> Iterator[Case]:
    """One key with every value that it does not take."""
    key = f"[{table}] {name}" if table else name
    if any(is_model(part.kind) for part in parts):
        key = f"[{table}.{name}]" if table else f"[{name}]"
    accepts = next((given.words for given in field.metadata if isinstance(given, Accepts)), "")
    for label, value in wrong_values(parts):
        own = beside if f"{name} = " not in beside else ""
        # of a transform a message tells more than what the whole list is
        told = "{jitter = PIXELS}" if name == "transforms" else accepts or expected(parts[0])
        if value == CONTROL and any(part.kind is str for part in parts):
            told = "text without control characters"
        yield Case(f"{table} {name}: {label}", lines(table, own, name, value), key, told)


def lines(table: str, beside: str, name: str, value: Any) -> str:
    text = setting(table, name, value)
    head, newline, rest = text.partition("\n")
    return f"{head}{newline}{beside}{rest}" if table else text


def alternatives(annotation: Any, constraints: tuple[Any, ...] = ()) -> list[Part]:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        unpacked = [
            part for given in args[1:] for part in (given.metadata if isinstance(given, FieldInfo) else [given])
        ]
        return alternatives(args[0], (*unpacked, *constraints))
    if origin in (Union, types.UnionType):
        return [part for each in args if each is not type(None) for part in alternatives(each, constraints)]
    return [Part(annotation, constraints)]


def is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def is_number(part: Part) -> bool:
    return part.kind in (int, float)


def expected(part: Part) -> str:
    """What a message says that such a value must be."""
    if get_origin(part.kind) is Literal:
        return f"one of {', '.join(get_args(part.kind))}"
    kinds = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false"}
    return "a list" if get_origin(part.kind) is tuple else kinds.get(part.kind, "a table of keys")


def wrong_values(parts: list[Part]) -> Iterator[tuple[str, Any]]:
    """Values, with a name for each, that none of the alternatives takes."""
    kinds = {"list" if get_origin(part.kind) is tuple else part.kind for part in parts}
    numbers, lists = (
        [part for part in parts if is_number(part)],
        [part for part in parts if get_origin(part.kind) is tuple],
    )
    tables = any(is_model(part.kind) or get_origin(part.kind) is dict for part in parts)
    if str not in kinds:
        yield from {"a word": "nonsense", "a number as text": "7", "empty text": ""}.items()
    if bool not in kinds:
        yield "true", True
    if not lists:
        yield "an empty list", []
    if not tables:
        yield "a table", {"a": 1}
    if not numbers:
        yield "a number", 7
    yield "a date", DATE
    yield "not a number", math.nan
    for part in numbers:
        yield from beyond(part)
    for part in parts:
        if part.kind is str and not part.bound("pattern"):
            yield from {"control characters": CONTROL, "5000 characters": LONG}.items()
            if part.bound("min_length"):
                yield "empty text", ""
    for part in lists:
        yield from wrong_entries(part)


def beyond(part: Part) -> Iterator[tuple[str, Any]]:
    """Numbers out of range."""
    least, above, most, below = (part.bound(name) for name in ("ge", "gt", "le", "lt"))
    step = 1 if part.kind is int else 1e-6
    yield "too small", least - step if least is not None else above
    yield "too large", most + step if most is not None else below
    yield from {"infinite": math.inf, "minus infinity": -math.inf, "of 30 digits": 10**30}.items()
    if part.kind is int:
        yield "a fraction", (least if least is not None else above) + 0.5


def wrong_entries(part: Part) -> Iterator[tuple[str, Any]]:
    """Lists with one wrong entry, twice the same, or none where one is needed."""
    entry = alternatives(get_args(part.kind)[0])
    if is_model(entry[0].kind):
        return
    yield "a list of lists", [["natural"]]
    yield "a list of tables", [{"a": 1}]
    yield "a list of dates", [DATE]
    if any(is_number(each) for each in entry):
        yield "a list of words", ["nonsense"]
        yield "a negative entry", [-1]
    else:
        yield "a list of numbers", [3]
        yield "a list with true", [True]
        yield "a list with empty text", [""]
    if part.bound("min_length"):
        yield "an empty list", []
