"""Pictures inside the page: small copies as data URIs, each file read and packed once a size."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

QUALITY = 82  # of WebP: no artefacts to be seen at the sizes shown


@dataclass
class Pictures:
    """Small copies of the pictures in a study folder. The originals, without loss, stay where they are."""

    folder: Path
    missing: list[str] = field(default_factory=list)  # files that could not be read; the report says so
    _packed: dict[tuple[str, int], str] = field(default_factory=dict)

    def uri(self, path: str, size: int) -> str:
        """`data:image/webp;base64,…`, at most `size` px a side; empty if the file is absent or broken."""
        key = (path, size)
        if key not in self._packed:
            self._packed[key] = self._pack(path, size)
        return self._packed[key]

    @property
    def bytes(self) -> int:
        return sum(len(uri) for uri in self._packed.values())

    def _pack(self, path: str, size: int) -> str:
        try:
            with Image.open(self.folder / path) as image:
                small = image.convert("RGB")
        except (OSError, ValueError):
            if path not in self.missing:
                self.missing.append(path)
            return ""
        small.thumbnail((size, size), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        small.save(buffer, format="WEBP", quality=QUALITY, method=4)
        return data_uri(buffer.getvalue(), "image/webp")


def data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
