"""Studies with code of the user's own: for each kind a commented example, KIND.py, and the study.toml that uses it.

The examples are modules of this package, so they are type-checked and tested as they are; nothing imports them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from exemplum.errors import UserError, did_you_mean

HERE = Path(__file__).parent
KINDS = ("method", "model", "dictionary", "observer", "queries")
OF_OWN_MODEL = ("model", "dictionary")  # these examples are written for a network of their own choice
# what an option of `exemplum new` replaces in a template
LINES = {
    "seed": re.compile(r"^seed = \d+", re.MULTILINE),
    "model": re.compile(r'^\[model\]\nload = "embedded"', re.MULTILINE),
    "images": re.compile(r'^\[images\]\nload = "embedded"', re.MULTILINE),
    "protocol": re.compile(r'^protocol = "[^"]*"', re.MULTILINE),
    "participants": re.compile(r"^participants = \d+", re.MULTILINE),
}


def study_toml(kind: str, given: Mapping[str, str]) -> str:
    """The text of study.toml; `given` are lines in place of those in LINES, by option.

    Raises UserError, with close matches, if there is no such kind, or for a model where the example decides it.
    """
    if kind not in KINDS:
        raise UserError(f"there is no template {kind!r}{did_you_mean(kind, KINDS)}")
    if kind in OF_OWN_MODEL and "model" in given:
        raise UserError(f"--template {kind} comes with its own model; leave --model and --weights out")
    text = (HERE / f"{kind}.toml").read_text(encoding="utf-8")
    for option, lines in given.items():
        text = LINES[option].sub(lines.replace("\\", r"\\"), text, count=1)
    return text


def code(kind: str) -> tuple[str, str]:
    """The example's file name in a study, and its text."""
    return f"my_{kind}.py", (HERE / f"{kind}.py").read_text(encoding="utf-8")
