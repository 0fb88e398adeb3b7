"""Images as participants get them: all encoded in the same way, without metadata, of one length, with opaque names.

A file name, its length or its headers must not reveal which image is the right answer. So every image of a study is
decoded, encoded again with the same settings at one pixel size, and padded to one length when it is sent.
A name is made for one showing of one image in one session. It contains the image's own name, encrypted, so any process
of the server can send the image without asking the database; without the secret a name cannot be read or made.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from exemplum import store
from exemplum.errors import REMAKE, UserError
from exemplum.runtime import track

ENCODING = 1  # raise when the same settings give other bytes
CLASS_BYTES = 4096  # the common length is a multiple of this
FORMS = ("jpeg", "png")


class PictureError(UserError):
    """An image that participants should see cannot be read; the message names the file."""


@dataclass(frozen=True)
class Pictures:
    """The encoded images of one study: path in the study folder → name in the image store."""

    folder: Path
    names: Mapping[str, str]
    side: int  # pixels
    length: int  # bytes of every image as sent

    def sent(self, picture: str, name: str) -> bytes:
        """A picture's bytes under one of its names. Raises OSError if it is not there."""
        with open(f"{self.folder}/{picture}", "rb") as file:
            return padded(file.read(), self.length, name)


def encode_all(folder: Path, paths: Iterable[str], into: Path, form: str, quality: int) -> Pictures:
    """Encode the images at `paths`, relative to `folder`, into the image store `into`, except those already there.

    Raises PictureError if a file is missing or broken.
    """
    paths = sorted(set(paths))
    side = _common_side(folder, paths)
    ledger_path = into / f"{form}-{quality if form == 'jpeg' else 0}-{side}-{ENCODING}.json"
    ledger: dict[str, list[Any]] = store.read_json(ledger_path) if ledger_path.exists() else {}
    into.mkdir(parents=True, exist_ok=True)
    store.remove_leftovers(into)

    def encode(path: str) -> tuple[str, list[Any]]:
        status = (folder / path).stat()
        stamp = [status.st_mtime_ns, status.st_size]
        if path in ledger and ledger[path][:2] == stamp and (into / ledger[path][2]).exists():
            return path, ledger[path]
        data = _encoded(folder / path, side, form, quality)
        name = hashlib.sha256(data).hexdigest()[:32] + "." + form
        if not (into / name).exists():
            with store.atomic(into / name, sync=False) as temporary:
                temporary.write_bytes(data)
        return path, [*stamp, name, len(data)]

    done: dict[str, list[Any]] = {}
    with ThreadPoolExecutor() as pool, track("images for participants", len(paths), "images") as advance:
        for path, entry in pool.map(encode, paths):
            done[path] = entry
            advance(1)
    if ledger | done != ledger:
        store.write_json(ledger_path, ledger | done)
    longest = max((entry[3] for entry in done.values()), default=0)
    length = -(-(longest + 1) // CLASS_BYTES) * CLASS_BYTES
    return Pictures(into, {path: entry[2] for path, entry in done.items()}, side, length)


def padded(data: bytes, length: int, name: str) -> bytes:
    """Pad to `length` with bytes that differ by name, so that one image under two names gives two different files.

    Decoders stop at the image's own end mark and ignore the padding. A longer image (of a version of the study that
    another process has begun meanwhile) is not changed.
    """
    return data + hashlib.shake_128(name.encode()).digest(max(0, length - len(data)))


def opaque(secret: bytes, *parts: object) -> str:
    """A name of 22 characters that reveals nothing without the secret."""
    digest = hmac.digest(secret, "|".join(map(str, parts)).encode(), "sha256")[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _common_side(folder: Path, paths: list[str]) -> int:
    """The most frequent side in pixels among a sample: images of a study are squares of one size, or nearly so."""
    sides: Counter[int] = Counter()
    for path in paths[:: max(1, len(paths) // 200)]:
        with _opened(folder / path) as image:
            sides[min(image.size)] += 1
    return sides.most_common(1)[0][0] if sides else 0


def _encoded(path: Path, side: int, form: str, quality: int) -> bytes:
    try:
        with _opened(path) as image:
            plain = Image.new("RGB", image.size)
            plain.paste(image.convert("RGB"))  # a new image, so without the file's EXIF, colour profile, text and date
    except OSError as error:
        raise _unreadable(path, error) from error
    if plain.size != (side, side):
        plain = plain.resize((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if form == "jpeg":
        plain.save(buffer, "JPEG", quality=quality, subsampling=0, optimize=False)
    else:
        plain.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _unreadable(path: Path, error: OSError) -> PictureError:
    reason = error.strerror or "it is broken"
    return PictureError(f"{path} cannot be read as an image ({reason}); {REMAKE}")


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except OSError as error:
        raise _unreadable(path, error) from error


NAME = 44  # characters
NONCE, SEAL = 8, 8  # bytes; guessing is slowed down by rate limits
PICTURE = 16  # bytes of a picture's name in the image store, without its form


def image_url(secret: bytes, image_ref: str, slot: str, picture: str) -> str:
    """The name of one showing. `slot` is the place in the session `image_ref` where the picture is shown."""
    digest, _, form = picture.partition(".")
    plain = bytes.fromhex(digest) + bytes([FORMS.index(form)])
    nonce = _keyed(secret, b"nonce", NONCE, f"{image_ref}|{slot}".encode())
    closed = nonce + _mixed(secret, nonce, plain)
    return "i/" + base64.urlsafe_b64encode(closed + _keyed(secret, b"seal", SEAL, closed)).decode()


def picture_of(secret: bytes, name: str) -> str | None:
    """The picture in the image store that a name stands for; None if the server never made this name."""
    if len(name) != NAME:
        return None
    try:
        opened = base64.b64decode(name, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    closed, seal = opened[:-SEAL], opened[-SEAL:]
    if not hmac.compare_digest(seal, _keyed(secret, b"seal", SEAL, closed)):
        return None
    plain = _mixed(secret, closed[:NONCE], closed[NONCE:])
    return f"{plain[:PICTURE].hex()}.{FORMS[plain[PICTURE]]}"


def _mixed(secret: bytes, nonce: bytes, data: bytes) -> bytes:
    """`data` encrypted with a key stream; applied twice it gives `data` again."""
    stream = _keyed(secret, b"stream", len(data), nonce)
    return (int.from_bytes(data) ^ int.from_bytes(stream)).to_bytes(len(data))


def _keyed(secret: bytes, use: bytes, size: int, data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=size, key=secret, person=use).digest()
