"""Observers by name, and of other packages."""

import sys

import pytest

from exemplum.observers import ObserverError, load
from exemplum.observers.registry import BUILT_IN


def test_every_built_in_observer_answers_to_its_name(study):
    for name in set(BUILT_IN) - {"centre", "variance"}:  # their own tests have the images they need
        assert load(name, study).name == name


def test_an_unknown_name_gives_close_matches(study):
    with pytest.raises(ObserverError, match="no observer 'similarty'; did you mean similarity"):
        load("similarty", study)


def test_a_package_can_register_an_observer(study, tmp_path, monkeypatch):
    """A real entry point: the metadata of an installed distribution on the path."""
    (tmp_path / "topper.py").write_text(
        "from exemplum.records import Response, Side\n"
        "class Topper:\n"
        "    name = 'topper'\n"
        "    def respond(self, trial, rng):\n"
        "        return Response(trial.trial_id, self.name, Side.TOP, 3)\n"
        "def make(study):\n"
        "    return Topper()\n",
        encoding="utf-8",
    )
    info = tmp_path / "topper-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: topper\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[exemplum.observers]\ntopper = topper:make\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert load("topper", study).name == "topper"
        with pytest.raises(ObserverError, match="did you mean topper"):
            load("toper", study)
    finally:
        sys.modules.pop("topper", None)
