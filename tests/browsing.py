"""The system's Chromium, for tests of pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


PATIENCE_MS = 120_000  # a busy machine takes long to start a browser


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser; its event loop runs until the end, so that it must not outlast the tests of one folder or file."""
    program = shutil.which("chromium")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("chromium is not installed")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=CHROMIUM.split(), timeout=PATIENCE_MS)
