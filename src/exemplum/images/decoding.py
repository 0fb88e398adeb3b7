"""Decode image files to RGB: EXIF rotation applied, alpha on white, 16-bit scaled, the first of several frames."""

from __future__ import annotations

import struct
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from exemplum.images.corpus import ImageError

WHITE = (255, 255, 255, 255)
# exceptions of Pillow's decoders for broken files of any format
BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError, struct.error,
          Image.DecompressionBombError, MemoryError)  # fmt: skip


def decode_file(path: Path) -> np.ndarray:
    """Read an image file as RGB uint8 (h, w, 3). Raises ImageError naming a missing, truncated or other file."""
    return _decode(path, str(path))


def decode_bytes(content: bytes, name: str) -> np.ndarray:
    """The content of an image file as RGB uint8 (h, w, 3). Raises ImageError naming `name` if it is broken."""
    return _decode(BytesIO(content), name)


def to_rgb(image: Image.Image) -> np.ndarray:
    """A Pillow image of any mode as RGB uint8 (h, w, 3), upright by its EXIF orientation.

    Alpha, and the transparent colour of a palette, is composited on white. 16-bit grey is divided by 257; 32-bit grey
    of a 16-bit range likewise. Other 32-bit and float images are read as 0–1 if their values fit, else as 0–255, else
    scaled from their lowest to their highest value. Colour profiles are not applied.
    """
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith(("I", "F")):
        grey = _eight_bit(np.asarray(image).astype(np.float64), image.mode)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _decode(source: Path | BytesIO, name: str) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata and of large images; both are decoded
            with Image.open(source) as image:
                return to_rgb(image)
    except BROKEN as error:
        raise ImageError(name, _reason(source, error)) from error


def _eight_bit(values: np.ndarray, mode: str) -> np.ndarray:
    values = np.nan_to_num(values)
    low, high = values.min(), values.max()
    if mode.startswith("I;16") or (mode == "I" and low >= 0 and high <= 65535):
        scaled = values / 257.0
    elif mode == "F" and low >= 0 and high <= 1:
        scaled = values * 255.0
    elif low >= 0 and high <= 255:
        scaled = values
    else:
        scaled = (values - low) * (255.0 / (high - low))
    return scaled.round().clip(0, 255).astype(np.uint8)


def _reason(source: Path | BytesIO, error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file does not exist"
    if isinstance(error, UnidentifiedImageError):
        size = source.stat().st_size if isinstance(source, Path) else len(source.getvalue())
        return "the file is empty" if size == 0 else "not an image in a format that Pillow reads"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
