"""Write the pages of docs/reference/ that are generated from the code: python -m tools.reference

tables.md comes from the schemas, study-toml.md from the models that check study.toml, cli.md from the commands. A test
checks that they are up to date, so correct the code, not the pages.
"""

from __future__ import annotations

import re
import textwrap
from functools import cache
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
FOLDER = DOCS / "reference"
WIDTH = 100


def generated_pages() -> dict[Path, str]:
    """Every page and its text."""
    from tools.reference import commands, keys, schemas

    return {
        FOLDER / "cli.md": commands.text(),
        FOLDER / "study-toml.md": keys.text(),
        FOLDER / "tables.md": schemas.text(),
    }


def link(page: str) -> str:
    """A link from docs/reference/ to a page of docs/, as in `scores.md#tasks` or `how-to/ray.md`, by its title."""
    path, _, anchor = page.partition("#")
    file = DOCS / path if "/" in path else FOLDER / path
    address = file.name if file.parent == FOLDER else f"../{file.relative_to(DOCS)}"
    return f"[{_title(file)}]({address}{f'#{anchor}' if anchor else ''})"


def linked(text: str) -> str:
    """A text in which names of pages, as in docs/reference/scores.md#tasks, are links with the title of the page."""
    pages = r"docs/((?:[\w-]+/)*[\w-]+\.md(?:#[\w-]+)?)"
    return re.sub(pages, lambda page: link(page[1].removeprefix("reference/")), text)


def paragraphs(text: str, indent: str = "") -> str:
    """Paragraphs of prose in lines of at most 100 characters; `indent` is that of all lines but the first."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return f"\n\n{indent}".join(_filled(block, indent) for block in blocks)


def _filled(block: str, indent: str) -> str:
    # code and links are not broken
    whole = re.sub(r"`[^`]+`|\[[^\]]*\]\([^)]*\)", lambda part: part[0].replace(" ", "\0"), " ".join(block.split()))
    lines = textwrap.wrap(
        whole, WIDTH - len(indent), break_long_words=False, break_on_hyphens=False, subsequent_indent=indent
    )
    return "\n".join(lines).replace("\0", " ")


@cache
def _title(file: Path) -> str:
    return file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").replace("`", "")
