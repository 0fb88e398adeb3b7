"""TOML files that users write, read so that whatever is wrong with one is told in one line that names it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from exemplum.errors import UserError

MOST_BYTES = 1_000_000  # people write some kilobytes; a larger file is another kind of file
MARK = b"\xef\xbb\xbf"  # some editors begin UTF-8 with it; it says nothing and is left out
UTF16 = (b"\xff\xfe", b"\xfe\xff")


class TomlError(UserError):
    """A TOML file is absent, cannot be read, or is not valid; the message names it."""


class AbsentError(TomlError):
    """There is no such file."""


def read(path: Path) -> dict[str, Any]:
    """The tables of a TOML file in UTF-8.

    Raises TomlError for a file that is absent, no file, unreadable, too large, not UTF-8 or not TOML.
    """
    return parse(text(path), path)


def text(path: Path) -> str:
    """The text of a TOML file. Raises TomlError as `read` does, except for what is not TOML."""
    content = _content(path)
    if content.startswith(UTF16) or b"\0" in content:
        raise TomlError(f"{path} is not UTF-8 (it looks like UTF-16, or is no text); save it as UTF-8")
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
    except ValueError as error:  # a number of more digits than Python turns into one
        raise TomlError(f"{path} is not valid TOML: a number in it has thousands of digits") from error
    except RecursionError as error:
        raise TomlError(f"{path} is not valid TOML: lists or tables in it are nested too deeply") from error


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise TomlError(f"{path} is a folder; it must be a TOML file")
        if path.exists() and not path.is_file():  # a pipe or a device may never end
            raise TomlError(f"{path} is no plain file; it must be a TOML file")
        if path.stat().st_size > MOST_BYTES:
            raise TomlError(f"{path} is larger than {MOST_BYTES:,} bytes; it must be a TOML file")
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
