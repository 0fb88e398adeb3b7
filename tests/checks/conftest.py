"""A fair study that the tests of leaks start from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from checks import studies
from exemplum.study import Study


@pytest.fixture(scope="session")
def fair(tmp_path_factory) -> Study:
    return studies.make_study(tmp_path_factory.mktemp("checks") / "fair")


@pytest.fixture
def leaky(fair: Study, tmp_path: Path) -> Callable[[], Study]:
    """A study of the fair one's files, to be changed."""
    return lambda: studies.copy(fair, tmp_path / "leaky")
