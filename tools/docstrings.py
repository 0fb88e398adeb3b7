"""Docstrings as the pages of docs/reference/python show them (mkdocs.yml: extensions of the Python handler).

Docstrings are prose with examples, and fields of records are explained by comments beside them. Here examples become
blocks of code, names of pages become links, the fields of a class a list with their types and comments, and constants
in signatures their values.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import griffe

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ">>> "
CONSTANT, LITERAL = r"(?:\w+\.)?[A-Z][A-Z0-9_]+", r"""[\d._]+|"[^"]*"|'[^']*'"""
RECORDS = ("dataclass", "NamedTuple", "BaseModel", "Protocol")  # decorators and bases of classes that are their fields


class ReadableDocstrings(griffe.Extension):
    """The extension that griffe loads."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Called by griffe when all of the package is read."""
        for found in _every(pkg):
            if isinstance(found, griffe.Function):
                name_values(found)
            if found.docstring is None:
                continue
            prose, examples = split(found.docstring.value)
            if isinstance(found, griffe.Function):
                prose = listed(prose, {parameter.name for parameter in found.parameters})
            fields = field_list(found) if isinstance(found, griffe.Class) else ""
            found.docstring.value = "\n\n".join(filter(None, [linked(prose), fields, fenced(examples)]))


def name_values(function: griffe.Function) -> None:
    """Put the numbers and texts that constants stand for into the signature: `level = 0.95`, not `level = LEVEL`."""
    for parameter in function.parameters:
        if isinstance(parameter.default, griffe.Expr) and re.fullmatch(CONSTANT, str(parameter.default)):
            value = str(getattr(_constant(function, parameter.default), "value", ""))
            if re.fullmatch(LITERAL, value):
                parameter.default = value


def split(docstring: str) -> tuple[str, str]:
    """What is before the first example, and the rest."""
    at = re.search(rf"^{EXAMPLE}", docstring, re.MULTILINE)
    return (docstring[: at.start()].rstrip(), docstring[at.start() :]) if at else (docstring, "")


def fenced(text: str) -> str:
    """Every example of a text as a block of code."""
    blocks = re.split(r"\n\s*\n", text.strip()) if text else []
    return "\n\n".join(f"```pycon\n{block}\n```" if block.startswith(EXAMPLE) else block for block in blocks)


def listed(text: str, parameters: Collection[str]) -> str:
    """A text in which what begins with a parameter and a colon is a list, up to a blank line, "Raises" or "Returns".

    >>> print(listed("Draw.\\n\\nsize: in\\npixels. x, y: the place. Raises no error.", {"size", "x", "y"}))
    Draw.
    <BLANKLINE>
    - `size`: in
      pixels.
    - `x`, `y`: the place.
    <BLANKLINE>
    Raises no error.
    """
    return "\n\n".join(_listed(paragraph, parameters) for paragraph in re.split(r"\n\s*\n", text))


def _listed(paragraph: str, parameters: Collection[str]) -> str:
    names = rf"(?:{'|'.join(map(re.escape, parameters)) or '(?!)'})"
    start = rf"(?:{names}, )*{names}: "
    parts = re.split(rf"(?:^|(?<=[.;])\s+)(?={start})|(?<=\.)\s+(?=(?:Raises|Returns) )", paragraph)
    lines = [part for part in parts if part]
    if not any(re.match(start, part) for part in lines):
        return paragraph
    before: list[str] = []
    items: list[str] = []
    after: list[str] = []
    for part in lines:
        if name := re.match(start, part):
            named = ", ".join(f"`{each}`" for each in name[0][:-2].split(", "))
            items.append(f"- {named}: " + part[name.end() :].replace("\n", "\n  ").removesuffix(";"))
        else:
            (after if items else before).append(part)
    return "\n\n".join(filter(None, [" ".join(before), "\n".join(items), " ".join(after)]))


def linked(text: str) -> str:
    """A text in which names of pages, as in docs/reference/scores.md, are links from a page of reference/python."""
    return re.sub(r"docs/((?:[\w-]+/)*[\w-]+)\.md", lambda page: f"[{_title(page[0])}](../../../{page[1]}/)", text)


def field_list(record: griffe.Class) -> str:
    """The fields of a record, with types and comments; "" for other classes, and where no field has a comment."""
    kinds = [str(kind) for kind in [*record.bases, *(decorator.value for decorator in record.decorators)]]
    if not any(kind.startswith(RECORDS) for kind in kinds):
        return ""
    lines, explained = [], False
    for name, field in record.attributes.items():
        if name.startswith("_") or field.annotation is None or field.docstring or "property" in field.labels:
            continue
        said = _comment(field)
        explained |= bool(said)
        lines.append(f"- `{name}: {field.annotation}`" + (f" — {said}" if said else ""))
    return "Fields:\n\n" + "\n".join(lines) if explained else ""


def _every(parent: griffe.Object) -> Iterator[griffe.Object]:
    yield parent
    for member in parent.members.values():
        if not member.is_alias:
            yield from _every(member)


def _comment(field: griffe.Attribute) -> str:
    """The comment at the end of a field's line, else those on lines of their own right above it."""
    comments, alone = _comments(Path(field.filepath))
    last = field.endlineno or field.lineno or 0
    if last in comments and last not in alone:
        return comments[last]
    above, line = [], (field.lineno or 0) - 1
    while line in alone:
        above.append(comments[line])
        line -= 1
    return " ".join(reversed(above))


def _constant(function: griffe.Function, name: griffe.Expr) -> griffe.Object | None:
    """What a name in a signature is; None for one that is made in other ways than by an assignment or import."""
    try:
        found = function.modules_collection[name.canonical_path]
        return found.final_target if found.is_alias else found
    except (griffe.NameResolutionError, griffe.AliasResolutionError, KeyError):
        return None


def _title(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


@cache
def _comments(file: Path) -> tuple[dict[int, str], set[int]]:
    """Line → its comment, and the lines that have nothing else."""
    comments, alone = {}, set()
    for token in tokenize.generate_tokens(io.StringIO(file.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.COMMENT and not token.string.startswith(("# fmt", "# noqa", "# type")):
            comments[token.start[0]] = re.sub(r"\s*# (noqa|type|fmt).*", "", token.string[1:]).strip()
            if not token.line[: token.start[1]].strip():
                alone.add(token.start[0])
    return comments, alone
