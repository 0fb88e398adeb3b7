"""Check that everything says the version that is to be released: python -m tools.release v0.2.0

Prints what is wrong, and exits with 1 if anything is. Needs no installed package.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADING = re.compile(r"^## (\S+)(?: \((.+)\))?$", re.MULTILINE)  # of CHANGELOG.md: ## 0.2.0 (2026-11-25)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def faults(root: Path, tag: str) -> Iterator[str]:
    """What keeps a tag from being released, a sentence each."""
    version = package_version(root)
    if tag != f"v{version}":
        yield f"the tag is {tag}, but pyproject.toml says {version}"
    said, date = changes(root)
    if said != version:
        yield f"CHANGELOG.md begins with {said}, not with {version}"
    if not DATE.fullmatch(date):
        yield f"CHANGELOG.md: {said} has no date but {date!r}"
    if (cited := cited_version(root)) != version:
        yield f"CITATION.cff says {cited}, not {version}"


def package_version(root: Path) -> str:
    return str(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def changes(root: Path) -> tuple[str, str]:
    """Version and date, or what stands in its place, of the changelog's first part."""
    found = HEADING.search((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    return (found[1], found[2] or "") if found else ("", "")


def cited_version(root: Path) -> str:
    found = re.search(r"^version: (\S+)$", (root / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.release TAG")
    found = list(faults(ROOT, sys.argv[1]))
    print("\n".join(found) or f"{sys.argv[1]} can be released")
    sys.exit(bool(found))
