"""Names of conditions: an explanation method's name stands in tables, in file names and in study.toml."""

from __future__ import annotations

import re

from exemplum.errors import UserError, shown

NONE = "none"  # the condition without references
ALL = "all"  # what the tables call all of something together
# what the tables call something else by: trials without references (also by when they were shown), and kinds of trials
RESERVED = (NONE, "none_pre", "none_post", "catch", "practice", "repeated", ALL)
# Letters and digits of any script, and inside of a name also . + - and spaces: no character that parts a path, a line
# of a table or a key of study.toml, and no hidden file
ALLOWED = re.compile(r"\w(?:[\w.+ -]{0,58}[\w+-])?")
FILES = (".parquet", ".json", ".part")  # the stage keeps files of its own beside the methods' folders


def check(name: str) -> str:
    """The name, if a method may have it as its condition. Raises UserError that says why not."""
    if name in RESERVED:
        raise UserError(f"a method cannot be called {name!r}: the tables call something else so; give it another name")
    if not ALLOWED.fullmatch(name) or name.endswith(FILES):
        raise UserError(
            f"a method cannot be called {shown(name)}: names of methods have letters, digits, _ and inside also . + - "
            "and spaces, at most 60 in all"
        )
    return name
