"""Check the plain English of docs, sources, pages and texts: python -m tools.english

Finds the distributive "a" ("images a second" for "images per second") and the words that docs/glossary.md replaces.
Checked are Markdown files, the text of notebooks, comments and strings of Python files, and the texts of pages. Words
between backquotes, and quoted words right before a dash or "for", are examples. Prints each fault as `FILE:LINE: WORDS
(better: …)`, in a notebook with the line of its text, and exits with 1 if there is one.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tools.links import markdown

ROOT = Path(__file__).resolve().parents[1]
FILES = (
    "*.md", "docs/**/*.md", "docs/**/*.ipynb", ".github/**/*.md", "src/**/*.py", "src/**/*.toml", "src/**/*.j2",
    "src/**/*.html", "tools/**/*.py", "benchmarks/*.py",
)  # fmt: skip
SELF = ("tools/english.py", "CODE_OF_CONDUCT.md")

# What is counted, and per what it is counted
COUNTED = """
answers bars batches bins blocks bytes cells channels colours columns commits conditions copies draws epochs
events exemplars features figures files floats frames groups hundreds images intervals jobs keys lines masks
means ms multiplications numbers observations pages pairs panels parts people persons pictures pixels points
poles positions queries rankings ratings records references requests rounds rows samples schedules scores
seconds sessions shards slots steps tasks tests thousands times tokens trials units updates users values vectors
weights writes
""".split()  # noqa: SIM905
PER = """
answer batch bin block branch byte call cell channel class column commit condition core corpus day direction
family feature file fold frame group head hour image item kind layer line lot machine message method minute
model network number observer page pair panel participant person photograph picture pixel pole position process
protocol query question rank rater record reference request resample round row run sample scheme second seed
session shard side size step study subject task term test thread token trial unit update user variant version
visit worker year
""".split()  # noqa: SIM905
# Words before "a" that count nothing, as in "one is a unit", "no two share a batch"
NOT_COUNTED = """
after and as at before but by for from give gives had has have if in into is like may near not of off on once
only or over per share than that then through to under until was when where which while who with without
""".split()  # noqa: SIM905

ONE = r"(?:an?|one|no|\d+(?:[.,]\d+)*|two|three|half|each)"
DISTRIBUTIVE = (
    rf"\b(?:{'|'.join(COUNTED)})\s+an?\s+(?:{'|'.join(PER)})\b(?!\s+(?:is|was|has)\b)",
    rf"(?<![\w-]){ONE}\s+(?!(?:{'|'.join(NOT_COUNTED)})\b)[a-z]+(?<!s)\s+an?\s+(?:{'|'.join(PER)})\b",
)

# Pattern: what to write instead
WORDS = {
    r"cannot be had(?: back)?|(?:be|had) had back": "is not available; cannot be undone",
    r"\bhad back\b": "undone",
    r"\brestless\b": "unconverged",
    r"\b(?:anew|afresh)\b": "again, remade",
    r"\bworth of\b|\bworth\b": "say what it brings",
    r"\bwhat (?:\w+ ){1,4}is to do\b": "the field's word, first",
    r"\bof one's own\b": "of your own",
    r"\bwhoever\b": "anyone who, the person who",
    r"\bworks? (?:\w+ ){1,3}out in phases|worked out in phases\b": "polyphase",
    r"\bheld apart\b": "diversity",
    r"\b(?:mend|mends|mended)\b": "fix",
    r"\b(?:thereof|therein|whereof|thereby|hitherto|betimes)\b": "plain words",
}


def faults(text: str) -> Iterator[tuple[int, str, str]]:
    """Each fault of a text: its line, the words, and what to write instead."""
    prose = re.sub(r"`[^`\n]*`", lambda code: "_" * len(code[0]), text)
    rules = [(pattern, "per") for pattern in DISTRIBUTIVE] + list(WORDS.items())
    for pattern, better in rules:
        for found in re.finditer(pattern, prose, re.IGNORECASE):
            yield prose.count("\n", 0, found.start()) + 1, " ".join(found[0].split()), better


def prose_of_python(source: str) -> str:
    """The comments and strings of a Python file in their places, all else struck out."""
    lines = source.splitlines(keepends=True)
    kept = [["\n" if letter == "\n" else "|" for letter in line] for line in lines]
    strings = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        (top, left), (bottom, right) = token.start, token.end
        if token.type == tokenize.COMMENT and not lines[top - 1][:left].strip():
            kept[top - 1][: left + 1] = " " * (left + 1)  # so that a sentence may run on over lines
            left += 1
        if token.type == tokenize.COMMENT or token.type in strings:
            for row in range(top - 1, bottom):
                start, end = left if row == top - 1 else 0, right if row == bottom - 1 else len(lines[row])
                kept[row][start:end] = lines[row][start:end]
    return "".join("".join(line) for line in kept)


def check(root: Path) -> Iterator[str]:
    """Every fault of the checked files, as `FILE:LINE: WORDS (better: …)`."""
    for file in sorted({file for pattern in FILES for file in root.glob(pattern)} - {root / name for name in SELF}):
        prose = {".py": prose_of_python, ".ipynb": markdown}.get(file.suffix, str)
        for line, words, better in faults(prose(file.read_text(encoding="utf-8"))):
            yield f"{file.relative_to(root)}:{line}: {words} (better: {better})"


if __name__ == "__main__":
    found = list(check(ROOT))
    print("\n".join(found) or "plain English throughout")
    sys.exit(bool(found))
