"""Errors for users: one line with what is wrong, where, and what to do, printed without a traceback."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

# Control characters, line and paragraph separators, and marks that change the direction of text: none of them may
# reach a terminal or break a line of a log.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
STOPPED = "stopped; run the same command to continue"  # after Ctrl-C or SIGTERM
LONGEST_WORD = 240  # characters; paths are shorter, and nobody reads more of a name


class UserError(Exception):
    """Invalid input or a missing requirement; the message says what is wrong, where, and what to do."""

    def __str__(self) -> str:
        return one_line(super().__str__())


def one_line(text: str) -> str:
    """The text, safe to print: control characters as escapes, very long words cut in the middle."""
    plain = UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return re.sub(rf"\S{{{LONGEST_WORD},}}", lambda word: f"{word[0][:120]}…{word[0][-40:]}", plain)


def did_you_mean(word: str, known: Iterable[str], most: int = 3) -> str:
    """Close matches as the end of a message: `; did you mean mixed4a, mixed4b?` or all names if there are few."""
    known = list(known)
    close = get_close_matches(word[:100], known, n=most, cutoff=0.6)
    if close:
        return f"; did you mean {', '.join(close)}?"
    return f"; known: {', '.join(known)}" if 0 < len(known) <= 20 else ""


def shown(value: Any, most: int = 60) -> str:
    """A value as quoted in a message: in TOML notation, at most about `most` characters.

    >>> shown("mixed4a"), shown(True), shown([1, 2]), shown({"jitter": 16})
    ("'mixed4a'", 'true', '[1, 2]', '{jitter = 16}')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value if len(value) <= most else value[: most - 1] + "…")
    if isinstance(value, int) and abs(value) >= 10**30:
        # str() of a whole number refuses more than 4,300 digits
        return f"a whole number of about {int(value.bit_length() * 0.30103) + 1} digits"
    if isinstance(value, list | tuple):
        return _few("[", (shown(entry, 20) for entry in value[:4]), len(value) > 4, "]", most)
    if isinstance(value, dict):
        entries = list(value.items())[:4]
        # deeper levels are not shown: tables can be nested without limit
        pairs = (f"{key} = {shown(entry, 20) if not isinstance(entry, dict | list | tuple) else '…'}"
                 for key, entry in entries)  # fmt: skip
        return _few("{", pairs, len(value) > 4, "}", most)
    return str(value)


def _few(opening: str, entries: Iterable[str], more: bool, closing: str, most: int) -> str:
    text = ", ".join(entries)
    cut = len(text) > most
    return f"{opening}{text[:most]}{'…' if cut else ', …' if more else ''}{closing}"


# what to do where a file of explanations/ is missing or broken: the stage itself would be up to date
REMAKE = "restore it from a backup, or delete the study's folder explanations and run exemplum explain"


def command(verb: str, folder: object) -> str:
    """A command to type, whatever the folder is called: `exemplum run 'my study'`."""
    return f"exemplum {verb} {shlex.quote(str(folder))}"
