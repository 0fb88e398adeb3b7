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


@pytest.mark.parametrize("mine", ["thesis.tex", "index.html", "images/me.jpg", "data-2026/a.csv"])
def test_another_folder_is_not_written_over(study, tmp_path, mine):
    (tmp_path / mine).parent.mkdir(exist_ok=True)
    (tmp_path / mine).write_text("mine")
    with pytest.raises(UserError, match="is not empty and holds no gallery"):
        gallery.build(study, tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")] == [mine]


def test_the_folder_is_looked_at_before_anything_is_made(tmp_path, exemplum):
    """The study has no index, and its images are nowhere; a file of another thing stands in the way."""
    (tmp_path / "study.toml").write_text('[images]\nload = "folder:nowhere"\n', encoding="utf-8")
    done = exemplum("gallery", str(tmp_path), "--out", str(tmp_path / "study.toml"))
    assert (done.returncode, done.stderr.strip()) == (
        1,
        f"error: {tmp_path / 'study.toml'} is a file; name a folder with --out",
    )


def test_files_beside_a_gallery_stay(study, site, tmp_path):
    """As of a repository whose pages a host shows."""
    shutil.copytree(site, tmp_path / "docs", ignore=shutil.ignore_patterns("cache"))
    (tmp_path / "docs" / "gallery.json").write_text("{}")  # an older gallery
    for name in ("CNAME", "images/me.jpg", "assets/index-of-authors.css", "data-2026/a.csv"):
        (tmp_path / "docs" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "docs" / name).write_text("mine")
    (tmp_path / "docs" / "data-0123456789abcdef").mkdir()
    gallery.build(study, tmp_path / "docs")
    mine = {path.relative_to(tmp_path / "docs").as_posix() for path in (tmp_path / "docs").rglob("*.*")}
    assert {"images/me.jpg", "assets/index-of-authors.css", "data-2026/a.csv"} <= mine
    assert (tmp_path / "docs" / "CNAME").exists()
    assert not (tmp_path / "docs" / "data-0123456789abcdef").exists()


def test_a_first_build_that_was_killed_while_it_published_continues(study, site, tmp_path):
    shutil.copytree(site, tmp_path / "site", ignore=shutil.ignore_patterns("cache"))
    (tmp_path / "site" / "gallery.json").rename(tmp_path / "site" / ".gallery.json.01234567-1-1.part")
    gallery.build(study, tmp_path / "site")
    assert (tmp_path / "site" / "gallery.json").exists()


def test_finished_stimuli_have_no_gallery(tmp_path, exemplum):
    (tmp_path / "study.toml").write_text('[stimuli]\nload = "folder:x"\n')
    done = exemplum("gallery", str(tmp_path))
    assert done.returncode == 1
    assert "a gallery needs a network and images" in done.stderr
