"""Builds in the checkout, which tests that run in several processes must not do at once."""

from __future__ import annotations

import fcntl
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time builds in the checkout."""
    with (ROOT / "web" / "package.json").open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def build_hook() -> ModuleType:
    """hatch_build.py of the checkout."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def axe_core() -> str:
    """axe-core's script, from the pages' development dependencies."""
    script = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
    with alone():
        if not script.exists():
            build_hook().npm(["ci", "--no-audit", "--no-fund"], ROOT / "web")
    return script.read_text(encoding="utf-8")


def axe_faults(page: Page) -> list[Any]:
    """What axe finds on a page, as it is now: impact, rule, and the elements."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(axe_core())
    return page.evaluate(
        "async () => (await axe.run()).violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html).join(' ')])"
    )
