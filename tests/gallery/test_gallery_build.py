"""Building: once, again only if something has changed, and on after a stop; never over something else."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from exemplum import gallery
from exemplum.errors import UserError
from exemplum.gallery import images
from exemplum.study import Study


def test_an_unchanged_gallery_is_up_to_date(study, site, exemplum):
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    done = exemplum("gallery", str(study.folder))
    assert done.returncode == 0, done.stderr
    assert "gallery: up to date" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*")} == before


@pytest.mark.slow
def test_a_stopped_build_keeps_the_sheets_that_are_finished(study, tmp_path, monkeypatch):
    """As after `kill -9`: a sheet without its maps is not finished."""
    monkeypatch.setattr(images, "PER_SHEET", images.ACROSS)  # several sheets of few images
    copied = Study.open(shutil.copytree(study.folder, tmp_path / "stopped", ignore=shutil.ignore_patterns("gallery")))
    site = gallery.build(copied, tmp_path / "site").parent
    pointer = json.loads((site / "gallery.json").read_text())
    sheets = sorted((site / pointer["images"]).glob("sheet-*.webp"))
    assert len(sheets) > 2
    whole = _contents(site / pointer["data"])
    (site / "gallery.json").unlink()
    shutil.rmtree(site / pointer["data"])
    next((copied.folder / "gallery" / "cache").rglob("maps-1.npz")).unlink()
    before = {path.name: path.stat().st_mtime_ns for path in sheets}
    time.sleep(0.02)
    gallery.build(copied, tmp_path / "site")
    after = {path.name: path.stat().st_mtime_ns for path in sheets}
    assert {name for name in before if after[name] != before[name]} == {"sheet-1.webp"}
    assert _contents(site / pointer["data"]) == whole


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.json")}


def test_another_folder_is_not_written_over(study, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="is not empty and holds no gallery"):
        gallery.build(study, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_finished_stimuli_have_no_gallery(tmp_path, exemplum):
    (tmp_path / "study.toml").write_text('[stimuli]\nload = "folder:x"\n')
    done = exemplum("gallery", str(tmp_path))
    assert done.returncode == 1
    assert "a gallery needs a network and images" in done.stderr
