"""Errors for users: one line that names what, where and what to do. The command line prints them without a trace."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something that the user gave does not work; the message says what, where and what to do."""


def did_you_mean(word: str, known: Iterable[str], most: int = 3) -> str:
    """Close matches as the end of a message: `; did you mean mixed4a, mixed4b?` or all names if there are few."""
    known = list(known)
    close = get_close_matches(word, known, n=most, cutoff=0.6)
    if close:
        return f"; did you mean {', '.join(close)}?"
    return f"; known: {', '.join(known)}" if 0 < len(known) <= 20 else ""
