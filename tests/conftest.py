"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Development data beside the checkout; absent, a test skips outside CI and fails in CI."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{folder} is absent")
    return folder
