"""Every study.toml in the docs, whole or in part, is one that Exemplum accepts."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from exemplum.study import config

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^( *)```toml(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
KEYS = {*config.SECTIONS, "seed"}


def settings() -> Iterator[tuple[str, str]]:
    """Blocks of study.toml: not of texts, recipes, protocols, nor parts that are added to a file."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        told = page.read_text(encoding="utf-8")
        for block in BLOCK.finditer(told):
            text, title = textwrap.dedent(block["text"]), block["title"] or "study.toml"
            tables = set(re.findall(r"^\[{1,2}(\w+)", text, re.MULTILINE))
            if title.endswith("study.toml") and tables and tables <= KEYS:
                where = f"{page.relative_to(ROOT)}:{told.count(chr(10), 0, block.start()) + 1}"
                yield where, text


@pytest.mark.parametrize("text", [pytest.param(text, id=where) for where, text in settings()])
def test_settings_of_the_docs_are_accepted(text: str) -> None:
    config.parse(text, Path("study.toml"))


def test_blocks_are_found() -> None:
    assert {"README.md", "docs/tutorials/own-method.md"} <= {where.partition(":")[0] for where, _ in settings()}
