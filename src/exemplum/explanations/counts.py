"""How many pictures a method owes each pole of a unit, so that all conditions of a study show as many."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from exemplum.records import ANY_BATCH, Pole


def problem(entries: Iterable[Mapping[str, Any]], schemes: tuple[int, ...], *, queries: bool) -> str:
    """What is wrong with the pictures of one unit, or nothing.

    `entries` have pole, position, references and batch. A set of pictures, for so many references and one batch or
    every batch, has as many of each pole, at positions from 0, and one more with `queries`. For each number of
    references in `schemes` there is a set of so many or more.
    """
    sets: dict[tuple[int, int], dict[str, Counter[int]]] = defaultdict(lambda: {pole.value: Counter() for pole in Pole})
    for entry in entries:
        sets[entry["references"], entry["batch"]][str(entry["pole"])][entry["position"]] += 1
    for (references, batch), poles in sorted(sets.items()):
        owed = references + queries
        where = "" if batch == ANY_BATCH else f" in batch {batch}"
        found = " and ".join(f"{positions.total()} {pole}" for pole, positions in poles.items())
        for pole, positions in poles.items():
            if positions.total() != owed:
                return f"{found} pictures{where}, not {owed} of each pole"
            if sorted(positions) != list(range(owed)):
                given = ", ".join(str(position) for position in sorted(positions.elements()))
                return f"{pole} pictures{where} at positions {given}, not 0 to {owed - 1}, each once"
    most = max((references for references, _ in sets), default=0)
    if most < max(schemes):
        return f"pictures for {most} references, but the protocol shows {max(schemes)},"
    return ""
