"""The settings of a study as its readers see them: with a completion code anyone could claim the pay."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from exemplum.server import CodesSection
from exemplum.study import Study, toml_files

SECRET = ("codes", "redirects", "backup")  # of [server]; a redirect holds a code, and a backup's path names a machine
NOT_SHOWN = "(not shown)"
STRING = r"""\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'"""
# A text that is given to a secret key: in a table of its own, in a table on one line, or in a comment
GIVEN = re.compile(rf"""\b({"|".join((*CodesSection.model_fields, "backup"))})(["']?\s*=\s*)({STRING})""", re.DOTALL)


def every_setting(study: Study) -> dict[str, Any]:
    """All settings, defaults included, ready for JSON; instead of each that is secret NOT_SHOWN."""
    found = study.config.model_dump(mode="json")
    found["server"] |= _covered(found["server"])
    return found


def toml(study: Study) -> str:
    """The text of study.toml; instead of each value that is secret NOT_SHOWN."""
    return covered(toml_files.text(study.folder / "study.toml"))


def covered(text: str) -> str:
    """The text of a study.toml without what is secret.

    >>> print(covered('[server.codes]\\ncompleted = "C1F"  # 12 GBP'))
    [server.codes]
    completed = "(not shown)"  # 12 GBP
    """
    found = GIVEN.sub(rf'\1\2"{NOT_SHOWN}"', text)
    try:
        server = tomllib.loads(found).get("server", {})
        if _covered(server).items() <= server.items():
            return found
    except tomllib.TOMLDecodeError:  # something else was taken for a secret text
        pass
    return f"{NOT_SHOWN}: its completion codes are written in a way that could not be told from the rest"


def _covered(server: dict[str, Any]) -> dict[str, Any]:
    """What is secret of the table [server], without the texts that are given there."""
    return {name: _without_texts(server[name]) for name in SECRET if name in server}


def _without_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_texts(inner) for key, inner in value.items()}
    return NOT_SHOWN if value else value
