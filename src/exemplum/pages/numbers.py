"""Numbers as text. Undefined is —, never 0."""

from __future__ import annotations

import math
from typing import Any

UNDEFINED = "—"
SPACE = "\u00a0"  # no line break between a number and its sign


def undefined(value: Any) -> bool:
    """Whether a value is None, NaN or infinite."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def number(value: float | None, digits: int = 2) -> str:
    """`3.14`; `—` where the value is undefined."""
    if undefined(value):
        return UNDEFINED
    text = f"{float(value):,.{digits}f}"  # type: ignore[arg-type]
    return text.replace("-", "−") if text.strip("-0.,") else text.lstrip("-")


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 1 as `92.4 %`."""
    return UNDEFINED if undefined(share) else f"{number(100 * float(share), digits)}{SPACE}%"  # type: ignore[arg-type]


def points(difference: float | None, digits: int = 1) -> str:
    """A difference of shares in percentage points, as `+9.8`."""
    if undefined(difference):
        return UNDEFINED
    text = number(100 * float(difference), digits)  # type: ignore[arg-type]
    return text if text.startswith("−") or float(text.replace(",", "")) == 0 else f"+{text}"


def interval(low: float | None, high: float | None, share: bool = True, digits: int = 1) -> str:
    """`88.1 to 95.0 %` for shares, `3.1 to 4.4` for other numbers; `—` where either end is undefined."""
    if undefined(low) or undefined(high):
        return UNDEFINED
    scale = 100 if share else 1
    ends = [number(scale * float(end), digits) for end in (low, high)]  # type: ignore[arg-type]
    return " to ".join(ends) + (f"{SPACE}%" if share else "")


def count(n: float, one: str, many: str = "") -> str:
    """`1 trial`, `1,350 trials`."""
    return f"{int(n):,}{SPACE}{one if int(n) == 1 else many or one + 's'}"


def listed(items: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`; `nothing` for an empty list."""
    if not items:
        return "nothing"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
