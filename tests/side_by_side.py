"""The code of docs/how-to/side-by-side.md, for the tests that run it and compare it."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "side-by-side.md"


def blocks(library: str) -> dict[str, list[str]]:
    """The code of a library on the page of ten tasks, by task."""
    text = PAGE.read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading = part.partition("\n")[0]
        for code in re.findall(r"```python\n(.*?)```", part, flags=re.DOTALL):
            if code.startswith(f"# {library}"):
                found.setdefault(heading, []).extend(code.splitlines()[1:])
    return found
