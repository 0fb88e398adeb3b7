"""What is left to be filled in: in a value of study.toml, such as an address, and in running text."""

from __future__ import annotations

import re

ANYWHERE = r"\bTODO\b|\bTBD\b|\bX{3,}\b|\bexample\.(org|com|net)\b"
# What documentation writes for a value. In running text an ellipsis and words in capitals may be meant.
OF_VALUES = re.compile(rf"{ANYWHERE}|\bSCHOOL\b|\b(YOUR|MY)[_-]?[A-Z]*\b|\bCODE\b|…|\.\.\.")
# [NAME OF THE UNIVERSITY] and a line to write on. An address may have brackets.
OF_TEXTS = re.compile(rf"{ANYWHERE}|\[[^\]\n]*\]|_{{3,}}")


def placeholder(value: str) -> str:
    """What a value still has of what documentation writes in its place; "" if nothing.

    >>> placeholder("lab@example.org"), placeholder("lab@uni-tuebingen.de")
    ('example.org', '')
    """
    return _first(OF_VALUES, value)


def gap(text: str) -> str:
    """What running text still has to be filled in; "" if nothing.

    >>> gap("We are [NAME OF THE UNIVERSITY]."), gap("We are the University of Tübingen ...")
    ('[NAME OF THE UNIVERSITY]', '')
    """
    return _first(OF_TEXTS, text)


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[0] if found else ""
