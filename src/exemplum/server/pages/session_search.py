"""Search, filters, order and pages of the list of sessions, as the address of the page says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from exemplum.server.pages.session_lines import FLAGS, SessionLine

PER_PAGE = 50
STATUSES = ("active", "away", "completed", "failed_attention", "no_consent", "screened_out")
Value = Callable[[SessionLine], Any]
# column → what it is sorted by; None stands last in either direction
SORTS: Mapping[str, Value] = {
    "participant": lambda line: line.id,
    "status": lambda line: line.status,
    "trials": lambda line: line.answered,
    "began": lambda line: line.began,
    "seen": lambda line: line.seen_at,
    "duration": lambda line: line.minutes,
    "rt": lambda line: line.median_rt_s,
    "catch": lambda line: line.catch_right / line.catch_trials if line.catch_trials else None,
    "device": lambda line: (line.device, line.browser, line.width) if line.device else None,
    "code": lambda line: line.code or None,
    "flags": lambda line: len(line.flags) + len(line.broken),
}
LATEST_FIRST = {"began", "seen", "flags", "duration", "trials", "rt", "catch"}  # downwards when first pressed


@dataclass(frozen=True)
class Search:
    """What is looked for, from the parameters of an address; values that nobody could mean are ignored."""

    q: str = ""
    status: str = ""
    flag: str = ""  # one of FLAGS, "any", "none" or "excluded"
    group: str = ""
    source: str = ""
    batch: str = ""
    people: str = ""  # "real" or "pilot"; "" for both
    sort: str = "seen"
    order: str = ""  # "up" or "down"; "" for the column's own
    page: int = 1

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Search:
        asked = {field.name: params.get(field.name, "").strip()[:200] for field in fields(cls)}
        number = asked.pop("page")
        asked["sort"] = asked["sort"] if asked["sort"] in SORTS else "seen"
        asked["order"] = asked["order"] if asked["order"] in ("up", "down") else ""
        return cls(**asked, page=int(number) if number.isascii() and number.isdecimal() and len(number) < 7 else 1)

    @property
    def is_down(self) -> bool:
        return self.order == "down" or (not self.order and self.sort in LATEST_FIRST)

    @property
    def is_narrowed(self) -> bool:
        return any((self.q, self.status, self.flag, self.group, self.source, self.batch, self.people))

    def address(self, **changes: Any) -> str:
        """The relative address of the list with some of the search changed; a change of anything shows page 1."""
        changed = asdict(replace(self, **({"page": 1} | changes)))
        usual = asdict(Search())
        said = urlencode({name: value for name, value in changed.items() if value != usual[name]})
        return f"./?{said}" if said else "./"

    def sorted_by(self, column: str) -> str:
        """The address of the list sorted by a column, or the other way round if it is sorted by it now."""
        turned = column == self.sort
        down = not self.is_down if turned else column in LATEST_FIRST
        return self.address(sort=column, order="down" if down else "up")

    def found(self, of: Iterable[SessionLine]) -> list[SessionLine]:
        """All lines that fit, in order."""
        fitting = [line for line in of if self._fits(line)]
        value = SORTS[self.sort]
        known = sorted((line for line in fitting if value(line) is not None), key=value, reverse=self.is_down)
        return known + [line for line in fitting if value(line) is None]

    def _fits(self, line: SessionLine) -> bool:
        wanted = {"status": self.status, "group": self.group, "source": self.source, "batch": self.batch}
        if any(value and getattr(line, name) != value for name, value in wanted.items()):
            return False
        if self.people and line.pilot != (self.people == "pilot"):
            return False
        return self._is_flagged(line) and (not self.q or self.q.casefold() in _text(line))

    def _is_flagged(self, line: SessionLine) -> bool:
        match self.flag:
            case "":
                return True
            case "any":
                return bool(line.flags)
            case "none":
                return not line.flags and not line.broken
            case "excluded":
                return bool(line.broken)
        return self.flag in line.flags


@dataclass(frozen=True)
class Page:
    """One page of the list."""

    lines: Sequence[SessionLine]
    number: int
    pages: int
    found: int

    @property
    def first(self) -> int:
        return (self.number - 1) * PER_PAGE + 1 if self.found else 0

    @property
    def last(self) -> int:
        return min(self.number * PER_PAGE, self.found)


def page(found: Sequence[SessionLine], number: int) -> Page:
    """The page of this number, or the last one if there are fewer."""
    pages = max(1, -(-len(found) // PER_PAGE))
    number = min(max(number, 1), pages)
    return Page(found[(number - 1) * PER_PAGE : number * PER_PAGE], number, pages, len(found))


def choices(of: Iterable[SessionLine]) -> dict[str, list[tuple[str, str]]]:
    """What can be chosen in the filters, (value, words), from what there is."""
    of = list(of)

    def there(name: str) -> list[tuple[str, str]]:
        return [(value, value) for value in sorted({getattr(line, name) for line in of} - {""})]

    return {
        "status": [(name, name.replace("_", " ")) for name in STATUSES],
        "flag": [("any", "any flag"), *FLAGS.items(), ("excluded", "excluded"), ("none", "nothing")],
        "group": there("group"),
        "source": there("source"),
        "batch": there("batch"),
        "people": [("real", "without pilots"), ("pilot", "pilots only")],
    }


def _text(line: SessionLine) -> str:
    return "\n".join(
        (line.label, line.external_id, line.code, line.group, line.batch, line.device, line.browser)
    ).casefold()
