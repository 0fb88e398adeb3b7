"""The check of plain English: every kind of fault is found, clean text passes, and the repository is clean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tools import english

ROOT = Path(__file__).resolve().parents[1]
DISTRIBUTIVE = (
    "58 images a second", "One score an image is maximized.", "pictures a pole", "a row a participant",
    "nine references a\npole", "hundreds a block", "a marker a condition", "22 kB an image",
)  # fmt: skip
REPLACED = (
    "the weights cannot be had", "deletion cannot be had back", "restless pictures", "the index is made anew",
    "drawn afresh", "it is worth a second", "what an image is to do", "a method of one's own", "whoever answers",
    "the gradient worked out in phases", "faults mended", "how much pictures are held apart",
)  # fmt: skip
CLEAN = (
    "58 images per second, one row per participant", "a study names a protocol", "what one of a pole gives",
    "as a unit in a layer", "`made anew`", "no two participants share a batch",
)  # fmt: skip


@pytest.mark.parametrize("text", DISTRIBUTIVE + REPLACED)
def test_each_fault_is_found(text):
    assert list(english.faults(text))


@pytest.mark.parametrize("text", CLEAN)
def test_clean_text_passes(text):
    assert list(english.faults(text)) == []


def test_faults_are_told_with_file_and_line(tmp_path):
    """In comments over several lines and in strings, but not in code; in the text of notebooks."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text(
        "anew = 1  # of 9 images a\n# Some images\n# a second.\nprint('made anew')\n", encoding="utf-8"
    )
    (tmp_path / "README.md").write_text("Good.\n\nOne score an image.\n", encoding="utf-8")
    (tmp_path / "docs").mkdir()
    cells = [{"cell_type": "code", "source": ["anew = 1"]}, {"cell_type": "markdown", "source": ["Once\n", "anew."]}]
    (tmp_path / "docs" / "n.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert list(english.check(tmp_path)) == [
        "README.md:3: One score an image (better: per)",
        "docs/n.ipynb:2: anew (better: again, remade)",
        "src/a.py:2: images a second (better: per)",
        "src/a.py:4: anew (better: again, remade)",
    ]


def test_the_repository_is_in_plain_english():
    assert list(english.check(ROOT)) == []


def test_the_glossary_explains_each_word_once():
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").partition("## Words to prefer")[0]
    words = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    words = [word for word in words if word not in ("word", "---")]
    assert {word for word in words if words.count(word) > 1} == set()
