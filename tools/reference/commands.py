"""The page of the command line, from typer's description of the commands."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

from tools.reference import linked, paragraphs
from typer.models import ArgumentInfo, CommandInfo, OptionInfo

from exemplum.cli import app, options

Declared: TypeAlias = tuple[inspect.Parameter, ArgumentInfo | OptionInfo, Any]  # and the type of its value

HEAD = """# Command line

*For anyone who uses `exemplum` in a terminal. You get every command with its arguments and options;
`exemplum COMMAND --help` says the same.*

This page is generated from the commands by `python -m tools.reference`; a test checks that it is up
to date.

```text
exemplum [OPTIONS] COMMAND [ARGUMENTS]
```

"""
COMPLETION = """- `--install-completion`: Install completion for the current shell.
- `--show-completion`: Show it, to copy it or to change it.
- `--help`: Show help and exit; also allowed after a command.
"""
COMMAND = rf"exemplum (?:{'|'.join(command.callback.__name__ for command in app.registered_commands)})(?: [A-Z]+)?"
KEY = r"\[[a-z.]+\](?!\()(?: [a-z_]+)?"
SPEC = r"[a-z][\w.]*:[A-Za-z]\w*"  # torchvision:NAME, package.module:factory
# type → what stands for a value of it
VALUES = {str: "TEXT", Path: "PATH", int: "N", float: "NUMBER"}


def text() -> str:
    """The page."""
    parts = [HEAD, _parameters(options), COMPLETION]
    of_group: dict[str, list[str]] = {}
    for command in app.registered_commands:
        of_group.setdefault(command.rich_help_panel, []).append(_described(command, "exemplum"))
    for group in app.registered_groups:
        inner = [_described(command, f"exemplum {group.name}") for command in group.typer_instance.registered_commands]
        of_group.setdefault(group.rich_help_panel, []).extend(inner)
    for heading, described in of_group.items():
        parts += [f"\n## {heading}\n", *described]
    return "".join(parts)


def _described(command: CommandInfo, group: str) -> str:
    name = f"{group} {command.name or command.callback.__name__}"
    given = [_value(*each) for each in _declared(command.callback) if isinstance(each[1], ArgumentInfo)]
    usage = " ".join([name, "[OPTIONS]", *given])
    said = paragraphs(_plain(inspect.getdoc(command.callback)))
    return f"\n### {name}\n\n```text\n{usage}\n```\n\n{said}\n\n{_parameters(command.callback)}"


def _parameters(function: Callable[..., Any]) -> str:
    """A list of the arguments and the options; --help, which all have, is left out."""
    return "".join(_parameter(*each) for each in _declared(function) if not each[1].hidden)


def _declared(function: Callable[..., Any]) -> Iterator[Declared]:
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        kind, info = get_args(parameter.annotation)
        yield parameter, info, kind


def _parameter(parameter: inspect.Parameter, info: ArgumentInfo | OptionInfo, kind: Any) -> str:
    # of an annotation, typer takes the first name as its default
    named = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
    names = " / ".join(named or [f"--{parameter.name.replace('_', '-')}"])
    value = _value(parameter, info, kind)
    usage = value if isinstance(info, ArgumentInfo) else f"{names} {value}".rstrip()
    facts = []
    if parameter.default is parameter.empty and isinstance(info, OptionInfo):
        facts.append("Required.")
    unsaid = isinstance(parameter.default, bool) or parameter.default in (parameter.empty, None, "", ())
    if not unsaid:
        facts.append(f"Default: `{parameter.default}`.")
    if info.envvar:
        facts.append(f"Environment variable: `{info.envvar}`.")
    return "- " + paragraphs(" ".join([f"`{usage}`:", _plain(info.help), *facts]), "  ") + "\n"


def _value(parameter: inspect.Parameter, info: ArgumentInfo | OptionInfo, kind: Any) -> str:
    """What stands for the value: its own word, its choices or its type; nothing for a flag."""
    kind = _plain_type(kind)
    several = get_origin(kind) is list
    if isinstance(info, ArgumentInfo):
        word = (info.metavar or parameter.name.upper()) + "…" * several
        return word if parameter.default is parameter.empty else f"[{word}]"
    if kind is bool:
        return ""
    one = get_args(kind)[0] if several else kind
    return info.metavar or ("|".join(get_args(one)) if get_origin(one) is Literal else VALUES[one])


def _plain_type(kind: Any) -> Any:
    """The type of a value that is given: without None."""
    parts = [part for part in get_args(kind) if part is not NoneType]
    return parts[0] if get_origin(kind) in (Union, UnionType) else kind


def _plain(said: str | None) -> str:
    """Help in which pages are links, and names of commands, options and keys are code."""
    return re.sub(rf"(?<![\w`])({COMMAND}|study\.toml|--[a-z-]+|{KEY}|{SPEC})(?![\w`])", r"`\1`", linked(said or ""))
