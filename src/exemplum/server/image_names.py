"""Opaque names of images: each holds, sealed, the picture that it stands for.

So any process of the server can send an image without asking the database. A name is made for one showing of one image
in one session; without the secret it tells nothing, and none can be made.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from exemplum.server.pictures import FORMS

NAME = 44  # characters
NONCE, SEAL = 8, 8  # bytes; guessing is slowed down by rate limits
PICTURE = 16  # bytes of a picture's name in the image store, without its form


def image_url(secret: bytes, image_ref: str, slot: str, picture: str) -> str:
    """The name of one showing. `slot` says where in the session `image_ref` the picture is shown."""
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
    """`data` under a key stream of its own; the same again gives it back."""
    stream = _keyed(secret, b"stream", len(data), nonce)
    return (int.from_bytes(data) ^ int.from_bytes(stream)).to_bytes(len(data))


def _keyed(secret: bytes, use: bytes, size: int, data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=size, key=secret, person=use).digest()
