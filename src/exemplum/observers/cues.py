"""Low-level cues: encoders that need no network, so what observers reach by them needs no semantics.

Each looks at the central square of a picture at 128 px. Luminance is the relative luminance Y of sRGB, 0 to 1; colours
are CIELAB of D65.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps
from scipy.ndimage import gaussian_filter
from skimage import color

from exemplum import store
from exemplum.observers import CUES
from exemplum.observers.encoder import Metric

VERSION = 1  # of the vectors
SIZE = 128  # px

Measure = Callable[[np.ndarray], np.ndarray]  # a picture, uint8 (128, 128, 3) → a vector


@dataclass(frozen=True)
class LowLevelCue:
    """An encoder of a low-level property of pictures.

    >>> grey = np.full((96, 96, 3), 188, np.uint8)  # sRGB 188 has half of the luminance of white
    >>> cue("luminance").encode([grey, 0 * grey]).round(2).tolist()
    [[0.5], [0.0]]
    """

    name: str
    measure: Measure
    metric: Metric
    about: str  # what the pictures are compared by

    @property
    def fingerprint(self) -> str:
        return store.digest(VERSION, self.name, SIZE)

    def encode(self, pictures: Iterable[np.ndarray]) -> np.ndarray:
        """Pictures of any sizes, uint8 (h, w, 3) → float32 (n, d)."""
        vectors = [np.atleast_1d(self.measure(_square(picture))) for picture in pictures]
        return np.asarray(vectors, np.float32) if vectors else np.zeros((0, 1), np.float32)


def cue(name: str) -> LowLevelCue:
    """The low-level cue of this name, one of `CUES`: an encoder of pictures.

    >>> white = np.full((64, 64, 3), 255, np.uint8)
    >>> cue("luminance").encode([white]).tolist()
    [[1.0]]
    """
    measure, metric, about = MEASURES[name]
    return LowLevelCue(name, measure, metric, about)


def _square(picture: np.ndarray) -> np.ndarray:
    """The central square at 128 px."""
    if picture.shape[:2] == (SIZE, SIZE):
        return picture
    return np.asarray(ImageOps.fit(Image.fromarray(picture), (SIZE, SIZE), Image.Resampling.BICUBIC))


def mean_colour(picture: np.ndarray) -> np.ndarray:
    """The mean of L*, a* and b*."""
    return color.rgb2lab(picture).mean((0, 1))


def luminance(picture: np.ndarray) -> np.ndarray:
    """The mean luminance."""
    return _luminance(picture).mean()


def contrast(picture: np.ndarray) -> np.ndarray:
    """Root-mean-square contrast: the standard deviation of luminance (Peli 1990)."""
    return _luminance(picture).std()


LIGHTNESS, CHROMA = np.linspace(0, 100, 5), np.linspace(-80, 80, 9)  # limits of the bins of L*, and of a* and b*


def colour_histogram(picture: np.ndarray) -> np.ndarray:
    """Square roots of the shares of pixels in 4 × 8 × 8 bins of L*, a* and b*.

    So the cosine of two of them is the Bhattacharyya coefficient of the histograms.
    """
    colours = color.rgb2lab(picture).reshape(-1, 3).clip([0, -80, -80], [100, 80, 80])
    counts, _ = np.histogramdd(colours, bins=(LIGHTNESS, CHROMA, CHROMA))
    return np.sqrt(counts.ravel() / len(colours))


OCTAVES, SECTORS = 5, 8  # of spatial frequency, 2 to 64 cycles per picture; of orientation, centred at 0°, 22.5°, …
LOWEST = 2  # cycles per picture: below it not every orientation has a component
QUANTIZATION = 1 / (255 * np.sqrt(12))  # standard deviation of 8-bit rounding: amplitudes below it mean nothing


def amplitude_spectrum(picture: np.ndarray) -> np.ndarray:
    """log₁₀ of the mean Fourier amplitude of luminance in 5 octaves of spatial frequency × 8 orientations.

    As in the spectral templates of Torralba & Oliva (2003). A Hann window keeps the picture's border out of it.
    """
    values = _luminance(picture)
    amplitudes = np.abs(np.fft.fft2((values - values.mean()) * WINDOW, norm="ortho")).ravel()
    means = np.bincount(BINS, amplitudes, OCTAVES * SECTORS + 1)[:-1] / np.bincount(BINS)[:-1]
    return np.log10(means + QUANTIZATION)


def _window() -> np.ndarray:
    """Of mean square 1, so that noise keeps its amplitude."""
    window = np.outer(np.hanning(SIZE), np.hanning(SIZE))
    return window / np.sqrt((window**2).mean())


def _bins() -> np.ndarray:
    """The bin of each Fourier component, OCTAVES × SECTORS for those outside of all."""
    cycles = np.fft.fftfreq(SIZE, 1 / SIZE)
    rows, columns = np.meshgrid(cycles, cycles, indexing="ij")
    octave = np.floor(np.log2(np.maximum(np.hypot(rows, columns), 1e-9) / LOWEST)).astype(int)
    sector = np.round(np.arctan2(rows, columns) / np.pi * SECTORS).astype(int) % SECTORS
    inside = (octave >= 0) & (octave < OCTAVES)
    return np.where(inside, octave * SECTORS + sector, OCTAVES * SECTORS).ravel()


WINDOW, BINS = _window(), _bins()
ORIENTATIONS = 18  # bins of 10°
ROUNDING = 1 / 255  # per pixel: weaker gradients may be those of 8-bit rounding
BLUR = 1.0  # px: differences of neighbouring pixels would favour some orientations at high frequencies


def orientation_histogram(picture: np.ndarray) -> np.ndarray:
    """Square roots of the shares of the gradient of luminance at 18 orientations of edges, from 0° (horizontal)."""
    values = _luminance(picture)
    rows, columns = (gaussian_filter(values, BLUR, order) for order in ((1, 0), (0, 1)))
    strength = np.hypot(rows, columns).ravel()
    strength[strength < ROUNDING] = 0
    # an edge is perpendicular to its gradient; rows count downwards
    place = (np.arctan2(-rows, columns).ravel() / np.pi + 0.5) * ORIENTATIONS
    lower = np.floor(place).astype(int)
    part = place - lower  # of the upper of two neighbouring bins
    totals = np.zeros(ORIENTATIONS)
    for bins, share in ((lower, 1 - part), (lower + 1, part)):
        totals += np.bincount(bins % ORIENTATIONS, strength * share, ORIENTATIONS)
    return np.sqrt(totals / max(strength.sum(), 1e-9))


def file_size(picture: np.ndarray) -> np.ndarray:
    """ln of the bytes of the picture as JPEG of quality 75: a measure of its complexity."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=75)
    return np.log(file.tell())


def _luminance(picture: np.ndarray) -> np.ndarray:
    return color.rgb2xyz(picture)[..., 1]


MEASURES: dict[str, tuple[Measure, Metric, str]] = {
    "mean_colour": (mean_colour, "euclidean", "mean colour"),
    "luminance": (luminance, "euclidean", "mean luminance"),
    "contrast": (contrast, "euclidean", "root-mean-square contrast"),
    "colour_histogram": (colour_histogram, "cosine", "colour histogram"),
    "amplitude_spectrum": (amplitude_spectrum, "euclidean", "Fourier amplitude spectrum"),
    "orientation_histogram": (orientation_histogram, "cosine", "histogram of the orientations of edges"),
    "file_size": (file_size, "euclidean", "size as a JPEG file"),
}
assert tuple(MEASURES) == CUES
