"""Pictures inside a page, as data URIs."""

from __future__ import annotations

import base64
import io

from PIL import Image

QUALITY = 82  # of WebP: no visible artefacts at the sizes shown


def embedded(picture: Image.Image, size: int) -> str:
    """`data:image/webp;base64,…` of a picture, made smaller in place to at most `size` px per side."""
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    return packed(picture)


def packed(picture: Image.Image, quality: int = QUALITY) -> str:
    """`data:image/webp;base64,…` of a picture as it is."""
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=quality, method=4)
    return data_uri(buffer.getvalue(), "image/webp")


def data_uri(content: bytes, kind: str) -> str:
    """A file as an address that holds it, for a page that is one file; `kind` as in `image/png`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
