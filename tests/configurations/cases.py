"""A broken configuration: what stands in the study folder, and what must be said about it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exemplum.study import pipeline
from exemplum.study.folder import Study


@dataclass(frozen=True)
class Case:
    """The message must name `file`, `key` and `allowed` (what may stand there, or what to do)."""

    name: str
    toml: str | bytes
    key: str
    allowed: str
    file: str = "study.toml"
    files: Mapping[str, bytes] = field(default_factory=dict)  # further ones, by their path in the study folder
    prepare: Callable[[Path], object] = lambda _folder: None  # links and the like, which no bytes say
    act: Callable[[Study], object] = pipeline.check
    command: bool = False  # tried as a real command, too

    def write(self, folder: Path) -> None:
        """Make the study folder. Its own path may stand in the text as FOLDER."""
        folder.mkdir(parents=True)
        text = self.toml.encode() if isinstance(self.toml, str) else self.toml
        (folder / "study.toml").write_bytes(text.replace(b"FOLDER", str(folder).encode()))
        for path, content in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        self.prepare(folder)


def setting(table: str, key: str, value: Any) -> str:
    """The lines of study.toml that give a key of a table a value."""
    head = "" if not table else f"[[{table[:-2]}]]\n" if table.endswith(" 1") else f"[{table}]\n"
    return f"{head}{key} = {toml(value)}\n"


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case float() if not math.isfinite(value):
            return {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {toml(entry)}" for key, entry in value.items()) + "}"
    return str(value)
