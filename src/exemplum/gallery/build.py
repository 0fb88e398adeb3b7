"""Build the gallery of a study: images first, which are kept between builds, then data, then the page that names them.

Images and data lie in folders that are named by what they were made from. The new ones are written beside the old
ones, and `gallery.json`, written last, leads the page from these to those; so a gallery is whole at any time.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from exemplum import store
from exemplum.errors import UserError
from exemplum.gallery import overview_files, unit_files
from exemplum.gallery.contents import Contents, gather
from exemplum.gallery.images import ImageFiles, write_images, written_megabytes
from exemplum.gallery.likes import labels_of
from exemplum.gallery.maps import MapReader
from exemplum.gallery.pictures import StudyPictures
from exemplum.gallery.selection import Selection, select
from exemplum.gallery.study_data import StudyData, fingerprint, made, prepare, read
from exemplum.pages import count
from exemplum.runtime import console, styled, track
from exemplum.study import Study, locks

VERSION = 1
FOLDER = "gallery"
CACHE = "cache"  # maps, which later builds reuse; not a part of the site
POINTER = "gallery.json"
PARTS = ("images", "pictures", "data")  # of the names of a gallery's folders
STATIC = Path(__file__).parent / "static"
STAMP = ".stamp"


@dataclass(frozen=True)
class Site:
    """Names of the folders of one gallery, within its own."""

    images: str  # sheets and larger images
    pictures: str  # of methods, and queries
    data: str
    fingerprint: str  # of everything that it was made from


def build(study: Study, out: Path | None = None) -> Path:
    """Build the gallery into `out`, or STUDY/gallery; its index.html. Continues where a stopped build left off.

    Makes the index if it is stale. Raises UserError for a study without a network, and if the pages are not built.
    """
    folder = (out or study.stage(FOLDER)).expanduser().absolute()
    pages = _pages()
    _check_folder(folder)  # first: an index may take hours
    with locks.alone(study.folder):
        prepare(study)
        stages = made(study)
        key = store.digest(VERSION, pages, fingerprint(study, stages))
        page = folder / "index.html"
        if page.exists() and _is_of(folder, key):
            console.print(styled((f"{FOLDER}: up to date", "dim")))
            return page
        store.remove_leftovers(folder)
        began = time.monotonic()
        contents, site = _images(study, stages, folder, key)
        _write_data(contents, folder / site.data)
        _publish(folder, site)
        _prune(study.stage(FOLDER) / CACHE, {site.images})
    _say(contents, folder, time.monotonic() - began)
    return page


def _pages() -> str:
    """The text of the built page, which names its scripts by their hashes. Raises UserError if it was not built."""
    page = STATIC / "index.html"
    if not page.exists():
        raise UserError(
            "the gallery's pages are not built: install exemplum again, without EXEMPLUM_PAGES=skip "
            "(docs/reference/participant-pages.md)"
        )
    return page.read_text(encoding="utf-8")


def _is_of(folder: Path, key: str) -> bool:
    path = folder / POINTER
    return path.exists() and store.read_json(path).get("fingerprint") == key


def _check_folder(folder: Path) -> None:
    """Raise UserError for a folder that holds something else: the gallery's files are replaced without asking."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; name a folder with --out")
    if folder.exists() and not (folder / POINTER).exists():
        # of a first build that was stopped; it writes its page last
        others = [path for path in folder.iterdir() if path.name != CACHE and not path.match(".*.part")]
        parts = [path for path in others if _is_part(path)]
        pages = {path.name for path in STATIC.iterdir()} if parts else set()
        if not {path.name for path in others if path not in parts} <= pages:
            raise UserError(f"{folder} is not empty and holds no gallery; name another folder with --out")


def _is_part(path: Path) -> bool:
    """Whether it is a folder that some gallery named: no folder of the user's, such as images or data-2026."""
    return path.is_dir() and re.fullmatch(rf"({'|'.join(PARTS)})-[0-9a-f]{{16}}", path.name) is not None


def _images(study: Study, stages: Sequence[str], folder: Path, key: str) -> tuple[Contents, Site]:
    data = read(study, stages)
    pictures = StudyPictures(data)
    selection = select(data.index, pictures.rows.values())
    of_images = store.digest(
        VERSION, study.made("index"), *(part.tobytes().hex() for part in (selection.rows, selection.exemplars))
    )
    of_pictures = store.digest(VERSION, study.made("explanations"))
    site = Site(f"images-{of_images}", f"pictures-{of_pictures}", f"data-{key}", key)
    files = ImageFiles(folder / site.images, study.stage(FOLDER) / CACHE / site.images)
    reader = MapReader(data.model, data.index, data.layer_slices, selection)
    maps = write_images(files, selection, data.model, data.corpus, reader)
    shown = pictures.write(folder / site.pictures, selection.numbers())
    return gather(data, selection, maps, pictures, shown), site


def _write_data(contents: Contents, folder: Path) -> None:
    _write_json(folder / "network.json", overview_files.network(contents))
    _write_json(folder / "images.json", _image_facts(contents.data, contents.selection))
    units = len(contents.data.index.units)
    with track("gallery pages", units, "units") as advance:
        for number, name in enumerate(contents.data.layers):
            _write_json(folder / f"layers/{number}.json", overview_files.layer(contents, name))
        for first in range(0, units, unit_files.CHUNK):
            found = unit_files.chunk(contents, first)
            _write_json(folder / f"units/{first // unit_files.CHUNK}.json", found)
            advance(len(found))


def _image_facts(data: StudyData, selection: Selection) -> dict[str, Any]:
    """The id of every image, and its labels, as places in a list of them."""
    texts: dict[str, int] = {}
    ids, labels = [], []
    for row in selection.rows.tolist():
        ids.append(data.corpus.record(row).image_id)
        labels.append([texts.setdefault(f"{key}: {value}", len(texts)) for key, value in labels_of(data.corpus, row)])
    return {"ids": ids, "labels": labels, "texts": list(texts)}


def _write_json(path: Path, value: Any) -> None:
    with store.atomic(path, sync=False) as temporary:
        temporary.write_text(
            json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")), encoding="utf-8"
        )


def _publish(folder: Path, site: Site) -> None:
    """Put the page beside its data, let it lead to these, and delete what it no longer leads to."""
    for path in sorted(path for path in STATIC.rglob("*") if path.is_file() and path.name != STAMP):
        target = folder / path.relative_to(STATIC)
        with store.atomic(target, sync=False) as temporary:
            shutil.copyfile(path, temporary)
    store.write_json(folder / POINTER, asdict(site))
    _prune(folder, {site.images, site.pictures, site.data})
    assets = {path.name for path in (STATIC / "assets").iterdir()}
    for path in (folder / "assets").iterdir():
        if path.name not in assets and re.fullmatch(r"index-[\w-]{8}\.(js|css)", path.name):
            path.unlink()


def _prune(folder: Path, kept: set[str]) -> None:
    """Delete the parts of earlier galleries."""
    for path in folder.iterdir():
        if _is_part(path) and path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)


def _say(contents: Contents, folder: Path, seconds: float) -> None:
    units, images = len(contents.data.index.units), len(contents.selection.rows)
    parts = [path for path in folder.iterdir() if path.is_dir() and path.name != CACHE]
    size = written_megabytes(parts)
    said = f": {count(units, 'unit')}, {count(images, 'image')}, {size:.0f} MB "
    console.print(styled((FOLDER, "bold green"), said, (f"({seconds:.1f} s)", "dim")))
    if contents.data.notice:
        console.print(contents.data.notice)
