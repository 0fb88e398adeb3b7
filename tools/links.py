"""Check every link of the pages to a file or a heading of this repository: python -m tools.links

Pages are the Markdown files of the root, docs/, web/ and .github/, and the text of notebooks in docs/. Links to other
sites are not followed. Prints each broken link with file and line, and exits with 1 if there is one.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("*.md", "docs/**/*.md", "docs/**/*.ipynb", "web/*.md", ".github/**/*.md")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`[^`]*`")
HEADING = re.compile(r"#{1,6} +(.+?)(?: +#+)?$")


def broken(root: Path) -> Iterator[str]:
    """Every link of the pages that leads nowhere, as `FILE:LINE: LINK`."""
    for page in sorted({page for pattern in PAGES for page in root.glob(pattern)}):
        for number, line in _prose(page):
            for target in LINK.findall(CODE.sub("", line)):
                if not _leads_somewhere(page, target):
                    yield f"{page.relative_to(root)}:{number}: {target}"


def anchors(page: Path) -> set[str]:
    """What a link may name after `#`, as GitHub makes it of headings."""
    found: set[str] = set()
    for _, line in _prose(page):
        if heading := HEADING.match(line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").lower()
            plain = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            same = sum(name == plain or re.fullmatch(re.escape(plain) + r"-\d+", name) is not None for name in found)
            found.add(f"{plain}-{same}" if same else plain)
    return found


def markdown(notebook: str) -> str:
    """The Markdown cells of a notebook, given as the text of its file, one after the other."""
    cells = json.loads(notebook)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def _leads_somewhere(page: Path, target: str) -> bool:
    if re.match(r"[a-z]+:", target):
        return True  # another site, or an address
    name, _, anchor = unquote(target).partition("#")
    file = page.parent / name if name else page
    return file.exists() and (not anchor or anchor in anchors(file))


def _prose(page: Path) -> Iterator[tuple[int, str]]:
    """Lines outside of blocks of code, with their numbers."""
    code, text = False, page.read_text(encoding="utf-8")
    for number, line in enumerate((markdown(text) if page.suffix == ".ipynb" else text).splitlines(), 1):
        if line.lstrip().startswith("```"):
            code = not code
        elif not code:
            yield number, line


if __name__ == "__main__":
    faults = list(broken(ROOT))
    print("\n".join(faults) or "every link leads somewhere")
    sys.exit(bool(faults))
