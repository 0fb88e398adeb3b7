"""The server's status in the study folder: what is written is read again, and a broken file is named."""

import pytest

from exemplum import status, store
from exemplum.study import Config, Study

SAID = status.Status("0" * 32, "open", None, 12, 3, "ab" * 8, "experiment.sqlite", {"design": "ab" * 8})


def test_status_is_read_as_written(tmp_path):
    study = Study(tmp_path, Config())
    status.write(study, SAID)
    assert status.read(study) == SAID


def test_never_served_has_no_status(tmp_path):
    assert status.read(Study(tmp_path, Config())) is None


@pytest.mark.parametrize("text", ["[1]", '{"id": "x"}', "{"])
def test_broken_status_names_its_file(tmp_path, text):
    store.write_text(tmp_path / status.FILE, text)
    with pytest.raises(store.StoreError, match=r"status\.json"):
        status.read(Study(tmp_path, Config()))
