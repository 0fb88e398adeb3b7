"""Fixtures that every test may use."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # no test fails for the machine's speed
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Development data beside the checkout: tests of it skip where it is absent, as in the CI of a fork.

    With EXEMPLUM_NEEDS_DATA=1, which .ci/run sets, they fail instead.
    """
    folder = ROOT.parent / "shared" / "data"
    if not folder.exists():
        needed = os.environ.get("EXEMPLUM_NEEDS_DATA") == "1"
        (pytest.fail if needed else pytest.skip)("no development data: ../shared/data, beside the checkout, is absent")
    return folder


@pytest.fixture(scope="session")
def model():
    """The embedded network, real and trained, at a small size."""
    from exemplum import models  # late: rooms that run without torch are tested without it

    return models.load("embedded", input_size=48)


@pytest.fixture(scope="session")
def corpus():
    """A few real images."""
    from exemplum import images

    return images.subset(images.open_corpus("embedded"), 70, np.random.default_rng(0))


@pytest.fixture(scope="module")
def chromium():
    """The system's Chromium, for the tests of a file."""
    from browsing import launched

    with launched() as browser:
        yield browser


@pytest.fixture
def exemplum(monkeypatch, capsys):
    """The command's entry point, called with arguments: exit status and what it printed."""

    from exemplum import cli

    def run(*arguments: str) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["exemplum", *arguments])
        status = 0
        try:
            cli.run()
        except SystemExit as stop:
            status = stop.code or 0
        printed = capsys.readouterr()
        return SimpleNamespace(returncode=status, stdout=printed.out, stderr=printed.err)

    return run


@pytest.fixture(scope="session")
def cluster():
    """A Ray cluster of two workers on this machine."""
    ray = pytest.importorskip("ray")
    from exemplum.runtime.cluster import Cluster

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200_000_000)
    yield Cluster("auto")
    ray.shutdown()
