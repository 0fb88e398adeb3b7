"""`folder:PATH`: every image file in a folder and its subfolders, sorted by name."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from exemplum.images.corpus import CorpusError, ImageRecord, PrintedCorpus
from exemplum.images.decoding import decode_file

EXTENSIONS = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".avif", ".jp2", ".j2k",
    ".ppm", ".pgm", ".pbm", ".pnm", ".tga",
})  # fmt: skip


class FolderCorpus(PrintedCorpus):
    """The images of a folder. Paths are kept as one block of bytes: 1.3 million of them take about 60 MB."""

    def __init__(self, path: str | Path) -> None:
        """List the tree. Raises CorpusError if `path` is not a folder or holds no image file."""
        self.folder = Path(path).expanduser()
        self.name = f"folder:{path}"
        try:
            if not self.folder.exists():
                raise CorpusError(f"the image folder {self.folder} does not exist; check the path after folder:")
            if not self.folder.is_dir():
                raise CorpusError(f"{self.folder} is a file; folder: takes the folder that holds the images")
            ignored: dict[str, int] = {}
            self._names, self.fingerprint = _listing(self.folder, ignored)
        except OSError as error:  # too long a name, or a folder that may not be listed
            raise CorpusError(f"{error.filename or self.folder} cannot be read ({error.strerror})") from error
        if not len(self):
            raise CorpusError(f"the image folder {self.folder} holds no image file{_instead(ignored)}")

    def __len__(self) -> int:
        return len(self._names)

    def path(self, row: int) -> Path:
        return self.folder / os.fsdecode(self._names[row])

    def record(self, row: int) -> ImageRecord:
        """The relative path is the id; the folder that holds the file, if not the top one, is its class."""
        image_id = as_id(self._names[row])
        parent = image_id.rpartition("/")[0].rpartition("/")[2]
        return ImageRecord(image_id, labels={"class": parent} if parent else {})

    def decode(self, row: int) -> np.ndarray:
        """RGB uint8 (h, w, 3). Raises ImageError if the file is broken or gone."""
        return decode_file(self.path(row))


def _listing(folder: Path, ignored: dict[str, int]) -> tuple[Names, str]:
    """Names below `folder`, and a hash of names, sizes and modification times."""
    seen = hashlib.sha256()

    def names() -> Iterator[bytes]:
        for name, entry in _image_files(os.fsencode(folder), b"", frozenset(), ignored):
            status = entry.stat(follow_symlinks=not _dangles(entry))
            seen.update(b"%s\0%d\0%d\0" % (name, status.st_size, status.st_mtime_ns))
            yield name

    listed = Names.of(names())
    return listed, seen.hexdigest()[:16]


def _image_files(
    folder: bytes, prefix: bytes, above: frozenset[tuple[int, int]], ignored: dict[str, int]
) -> Iterator[tuple[bytes, os.DirEntry[bytes]]]:
    """Image files below `folder` by name, following links without cycles; hidden names are left out.

    Dangling links with names of images are included, so that they are reported as broken.
    """
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    with os.scandir(folder) as entries:
        listed = sorted((entry for entry in entries if not entry.name.startswith(b".")), key=lambda entry: entry.name)
    for entry in listed:
        name = prefix + entry.name
        dangles = _dangles(entry)
        if not dangles and entry.is_dir():
            yield from _image_files(entry.path, name + b"/", above | {here}, ignored)
        elif _extension(entry.name) in EXTENSIONS and (dangles or entry.is_file()):
            yield name, entry
        else:
            ignored[_extension(entry.name)] = ignored.get(_extension(entry.name), 0) + 1


def _dangles(entry: os.DirEntry[bytes]) -> bool:
    """Whether it is a dangling link, which is reported as a broken image instead of being left out silently."""
    return entry.is_symlink() and not os.path.exists(entry.path)


def _extension(name: bytes) -> str:
    return os.path.splitext(os.fsdecode(name))[1].lower()


def _instead(ignored: dict[str, int]) -> str:
    if not ignored:
        return "; it is empty"
    common = sorted(ignored, key=lambda extension: -ignored[extension])[:3]
    found = ", ".join(f"{ignored[extension]} × {extension or 'no extension'}" for extension in common)
    return f" (found {found}); image files end in {' '.join(sorted(EXTENSIONS)[:6])} …"


class Names:
    """Names as one block of bytes and the end of each: 8 bytes per name in addition to its letters."""

    def __init__(self, block: bytes, ends: np.ndarray) -> None:
        self.block, self.ends = block, ends

    @classmethod
    def of(cls, names: Iterable[bytes]) -> Names:
        block, ends = bytearray(), array("q")
        for name in names:
            block += name
            ends.append(len(block))
        return cls(bytes(block), np.frombuffer(ends, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, row: int) -> bytes:
        """Raises IndexError if there is no such row; rows are not counted from the end."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of a corpus of {len(self)} images")
        return self.block[self.ends[row - 1] if row else 0 : self.ends[row]]


def as_id(name: bytes) -> str:
    """A name as text for a table: bytes that are not UTF-8 are written with backslashes."""
    return name.decode("utf-8", errors="backslashreplace")
