"""The texts of the pages by language: the shipped ones, with the study's own laid over them key by key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from exemplum.errors import UserError

SHIPPED = Path(__file__).parent / "texts"


class TextsError(UserError):
    """A file of texts is absent or broken; the message names it."""


def load(folder: Path, languages: Iterable[str]) -> dict[str, dict[str, str]]:
    """Texts by language and key. `folder` is the study's; its texts are in `texts/LANGUAGE.toml`.

    A language that is not shipped needs a file of the study's own; keys that it lacks are filled from English. Raises
    TextsError.
    """
    english = _read(SHIPPED / "en.toml")
    found = {}
    for language in languages:
        shipped, own = SHIPPED / f"{language}.toml", folder / "texts" / f"{language}.toml"
        if not shipped.exists() and not own.exists():
            raise TextsError(f"there are no texts in {language!r}: write {own}, or name another in server.languages")
        texts = english | (_read(shipped) if shipped.exists() else {})
        found[language] = texts | (_read(own) if own.exists() else {})
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        return dict(_flat(tomllib.loads(path.read_text(encoding="utf-8")), "", path))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TextsError(f"{path} is not valid TOML: {error}") from error


def _flat(table: dict[str, Any], prefix: str, path: Path) -> Iterable[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.", path)
        elif isinstance(value, str):
            yield prefix + key, value.strip()
        else:
            raise TextsError(f"{path}: {prefix}{key} must be a text in quotes, not {value!r}")
