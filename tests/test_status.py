"""The server's status in the study folder: what is written is read again, and a broken file is named."""

import pytest

from exemplum import store
from exemplum.study import blinding
from exemplum.study.config import Config
from exemplum.study.folder import Study

SAID = blinding.Status("0" * 32, "open", None, 12, 3, "ab" * 8, "experiment.sqlite", {"design": "ab" * 8})


def test_status_is_read_as_written(tmp_path):
    study = Study(tmp_path, Config())
    blinding.write_status(study, SAID)
    assert blinding.read_status(study) == SAID


def test_never_served_has_no_status(tmp_path):
    assert blinding.read_status(Study(tmp_path, Config())) is None


@pytest.mark.parametrize("text", ["[1]", '{"id": "x"}', "{"])
def test_broken_status_names_its_file(tmp_path, text):
    store.write_text(tmp_path / blinding.STATUS_FILE, text)
    with pytest.raises(store.StoreError, match=r"status\.json"):
        blinding.read_status(Study(tmp_path, Config()))
