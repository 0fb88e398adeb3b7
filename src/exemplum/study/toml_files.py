"""TOML files that users write. Errors are one line that names the file, the key and what is allowed."""

from __future__ import annotations

import tomllib
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from exemplum.errors import UserError, did_you_mean, shown

MOST_BYTES = 1_000_000  # people write some kilobytes; a larger file is not a settings file
MARK = b"\xef\xbb\xbf"  # byte order mark, with which some editors begin UTF-8; it is ignored
UTF16 = (b"\xff\xfe", b"\xfe\xff")


class TomlError(UserError):
    """A TOML file is absent, cannot be read, or is not valid; the message names it."""


class AbsentError(TomlError):
    """There is no such file."""


@dataclass(frozen=True)
class Accepts:
    """What a key accepts, as the end of "must be …", where its type does not say it."""

    words: str


def read(path: Path) -> dict[str, Any]:
    """The tables of a TOML file in UTF-8.

    Raises TomlError if it is missing, not a plain file, unreadable, too large, not UTF-8 or not TOML.
    """
    return parse(text(path), path)


def text(path: Path) -> str:
    """The text of a TOML file. Raises TomlError as `read` does, except for what is not TOML."""
    content = _content(path)
    if content.startswith(UTF16) or b"\0" in content:
        raise TomlError(f"{path} is not UTF-8 (it looks like UTF-16, or is not text); save it as UTF-8")
    try:
        return content.removeprefix(MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        line, byte = content[: error.start].count(b"\n") + 1, content[error.start]
        raise TomlError(f"{path} is not UTF-8 (byte {byte:#04x} in line {line}); save it as UTF-8") from error


def parse(text: str, path: Path) -> dict[str, Any]:
    """Tables of a TOML text, with tuples for lists. Raises TomlError naming `path`, line and column."""
    try:
        tables: dict[str, Any] = frozen(tomllib.loads(text))
        return tables
    except tomllib.TOMLDecodeError as error:
        raise TomlError(f"{path} is not valid TOML: {error}") from error
    except ValueError as error:  # a number with more digits than Python reads
        raise TomlError(f"{path} is not valid TOML: a number in it has thousands of digits") from error
    except RecursionError as error:
        raise TomlError(f"{path} is not valid TOML: lists or tables in it are nested too deeply") from error


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise TomlError(f"{path} is a folder; it must be a TOML file")
        if path.exists() and not path.is_file():  # a pipe or a device may never end
            raise TomlError(f"{path} is not a plain file; it must be a TOML file")
        if path.stat().st_size > MOST_BYTES:
            raise TomlError(
                f"{path} is larger than {MOST_BYTES:,} bytes, too large for settings; check that it is the right file"
            )
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AbsentError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        raise TomlError(f"{path} cannot be read ({getattr(error, 'strerror', None) or error})") from error


def frozen(value: Any) -> Any:
    """The value with tuples for lists, as frozen records hold them."""
    if isinstance(value, list):
        return tuple(frozen(entry) for entry in value)
    if isinstance(value, dict):
        return {key: frozen(entry) for key, entry in value.items()}
    return value


MOST_PROBLEMS = 3  # in one message; the others are only counted
ROOM = 300  # characters of one message
MOST_KEYS = 220  # characters for the known keys of a table


def problems(error: ValidationError, model: type[BaseModel], table: str = "") -> str:
    """All problems, the most important first, as in `[design] blocks must be a whole number from 1 to 1000 (got -1)`.

    `table` is the name of the table that `model` checks, "" for a whole file.
    """
    by_place: dict[str, str] = {}  # only the first at each place: pydantic reports every branch of a union
    for each in error.errors(include_url=False):
        by_place.setdefault(str(_place(model, each["loc"], table)), _told(each, model, table))
    told = list(by_place.values())
    told.sort(
        key=lambda text: not text.startswith("unknown key")
    )  # unknown keys first: a misspelled key may explain other problems
    kept = told[:1]
    for text in told[1:MOST_PROBLEMS]:
        if sum(map(len, kept)) + len(text) < ROOM:
            kept.append(text)
    more = f"; and {len(told) - len(kept)} more" if len(told) > len(kept) else ""
    return "; ".join(kept) + more


@dataclass(frozen=True)
class _Place:
    """The place of a problem in the file."""

    table: str  # `server.fields 2`; "" at the top level
    section: type[BaseModel]  # the model that checks the table
    key: str = ""  # "" for the table itself
    field: FieldInfo | None = None
    inside: tuple[str | int, ...] = ()  # below the key: the entry of a list, the name in a table, a branch of a union

    def __str__(self) -> str:
        return f"{f'[{self.table}] ' if self.table else ''}{self.key}".strip()


def _told(problem: Any, model: type[BaseModel], table: str) -> str:
    place = _place(model, problem["loc"], table)
    if problem["type"] == "extra_forbidden":
        where = f"[{place.table}]" if place.table else "the top level"
        return f"unknown key {shown(place.key)} in {where}{_known(place.key, place.section.model_fields)}"
    if problem["type"] == "missing":
        assert place.field is not None
        return f"{place} is missing; it must be {_of(place.field)}"
    if problem["type"] in ("union_tag_not_found", "union_tag_invalid"):
        inner, kinds = f"{place.table}.{place.key}", kinds_of(place.section)
        hint = did_you_mean(place.key, place.section.model_fields) if "not_found" in problem["type"] else ""
        hint = hint if "did you mean" in hint else ""
        tag = problem.get("ctx", {}).get("tag")
        return f"[{inner}] method must be one of {', '.join(kinds)} (got {shown(tag) if tag else 'none'}){hint}"
    if problem["type"] == "value_error":  # of a validator, which words it as what follows the key
        return f"{place}{_entry(place, ', entry ', ':')} {problem['ctx']['error']}"
    given = shown(problem["input"])
    if (
        place.key and place.field is None and place.section.model_config.get("extra") == "allow"
    ):  # a table with a name chosen by the user
        return f"unknown key {shown(place.key)} in [{place.table}]{_known(place.key, place.section.model_fields)}"
    if place.field is None:
        return f"{place} must be a table of keys (got {given})"
    entries = _entries(place.field)
    if isinstance(name := place.inside[0] if place.inside else None, str) and entries is not None:
        inner = f"{place.table}.{place.key}" if place.table else place.key
        return f"[{inner}] {shown(name)} must be {allowed(entries)} (got {given})"
    return f"{place} must be {_of(place.field)} (got {given}{_entry(place, ' as entry ')})"


def _entry(place: _Place, before: str, after: str = "") -> str:
    """The number of the list entry that is wrong, as text; "" if the problem is not in a list."""
    number = next((entry for entry in place.inside if isinstance(entry, int)), None)
    return "" if number is None else f"{before}{number + 1}{after}"


def _place(model: type[BaseModel], location: Sequence[str | int], table: str) -> _Place:
    section, at, tag = model, table, -1
    for depth, part in enumerate(location):
        if depth == tag:
            continue
        if isinstance(part, int):
            at += f" {part + 1}"  # of an array of tables
            continue
        field = section.model_fields.get(part)
        following = location[depth + 1] if depth + 1 < len(location) else None
        inner = _named_table(section, following) if field is None else section_of(field.annotation)
        if field is None and inner is not None and following in (kinds := kinds_of(section)):
            inner, tag = kinds[str(following)], depth + 1  # pydantic names the kind of the table after its name
        if inner is None:
            return _Place(at, section, part, field, tuple(location[depth + 1 :]))
        if following is None and get_origin(field.annotation if field else None) is tuple:
            return _Place(at, section, part, field)
        section, at = inner, f"{at}.{part}" if at else part
    return _Place(at, section)


def _named_table(section: type[BaseModel], following: str | int | None) -> type[BaseModel] | None:
    """The model of tables with names of the user's, in which a problem is; None if the section has no such tables."""
    if following is None or section.model_config.get("extra") != "allow":
        return None
    return section_of(get_type_hints(section).get("__pydantic_extra__"))


def kinds_of(section: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The models of tables with names of the user's whose `method` says what kind they are; else none."""
    _, tables = get_args(get_type_hints(section).get("__pydantic_extra__")) or (None, None)
    models = [part for part in get_args(tables) if isinstance(part, type) and issubclass(part, BaseModel)]
    return {kind: found for found in models for kind in get_args(found.model_fields["method"].annotation)}


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The model of a field that holds a table, an optional table or a list of tables; else None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := section_of(part))), None)


def _entries(field: FieldInfo) -> Any:
    """The type of the values in a field that is a table with free keys; else None."""
    return get_args(field.annotation)[1] if get_origin(field.annotation) is dict else None


def _known(word: str, known: Iterable[str]) -> str:
    known = list(known)
    hint = did_you_mean(word, known)
    if "did you mean" in hint:
        return hint
    names = ", ".join(known)
    return f"; known: {names if len(names) <= MOST_KEYS else names[:MOST_KEYS].rpartition(',')[0] + ' and others'}"


def _of(field: FieldInfo) -> str:
    """What a field accepts, in words."""
    return allowed(field.annotation, field.metadata)


def allowed(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """What a type accepts, as the end of "must be …".

    >>> from typing import Annotated
    >>> from pydantic import Field
    >>> allowed(Annotated[int, Field(ge=1, le=9)] | None), allowed(tuple[bool, ...])
    ('a whole number from 1 to 9', 'a list, each entry true or false')
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if said := next((given.words for given in metadata if isinstance(given, Accepts)), ""):
        return said
    if origin is Annotated:
        return allowed(parts[0], [*constraints(parts[1:]), *metadata])
    if origin in (Union, types.UnionType):
        return ", or ".join(allowed(part, metadata) for part in parts if part is not type(None))
    if origin is Literal:
        return f"one of {', '.join(map(str, parts))}"
    if origin is tuple:
        count = "" if not (least := bound(metadata, "min_length")) else f" of at least {least}"
        return f"a list{count}, each entry {allowed(parts[0])}"
    if origin is dict:
        return "a table of keys"
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes"}
    return kinds.get(annotation, "a table of keys") + (_length(metadata) if annotation is str else bounds(metadata))


def constraints(metadata: Iterable[Any]) -> list[Any]:
    return [part for given in metadata for part in (given.metadata if isinstance(given, FieldInfo) else [given])]


def bound(metadata: Iterable[Any], name: str) -> Any:
    """The tightest bound of this name; None if there is none."""
    values = [value for given in metadata if (value := getattr(given, name, None)) is not None]
    return (max if name in ("ge", "gt", "min_length") else min)(values, default=None)


def bounds(metadata: Iterable[Any]) -> str:
    metadata = list(metadata)
    least, above, most, below = (bound(metadata, name) for name in ("ge", "gt", "le", "lt"))
    if least is not None and most is not None:
        return f" from {_number(least)} to {_number(most)}"
    low = [f"at least {_number(least)}"] if least is not None else []
    low += [f"above {_number(above)}"] if above is not None else []
    high = [f"at most {_number(most)}"] if most is not None else []
    high += [f"below {_number(below)}"] if below is not None else []
    return f" {' and '.join(low + high)}" if low + high else ""


def _length(metadata: Iterable[Any]) -> str:
    metadata = list(metadata)
    least, most = bound(metadata, "min_length"), bound(metadata, "max_length")
    if most is None:
        return ", not empty" if least else ""
    return f" of {least} to {most} characters" if least else f" of at most {most} characters"


def _number(bound: float) -> str:
    return f"{bound:.0f}" if isinstance(bound, float) and bound.is_integer() else str(bound)
