"""Loops over arrays that run at the speed of C: Numba compiles them at their first call, and keeps that on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

SETTINGS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def compiled(function: Callable[..., Any]) -> Any:
    """The function, to be called with arrays and numbers; it lets other threads work meanwhile."""
    try:
        return njit(cache=True, **SETTINGS)(function)
    except RuntimeError:  # no folder can be written to: it is compiled in every process
        return njit(**SETTINGS)(function)
