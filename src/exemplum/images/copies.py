"""Detect whether one picture is a copy of another: re-encoded, blurred, recoloured, cropped, rotated or drawn over.

Both pictures are reduced to local contrast, which brightness, contrast, colour and soft masks do not change. One is
then aligned with the other in many ways (rotated, reflected, as a crop of it), and the best alignment is refined: a
normalized cross-correlation over similarity transforms (Lewis 1995, Vision Interface). The likeness is the
correlation's Fisher z in units of its standard error, so that a single matching line counts less than a whole matching
picture. docs/reference/design.md has the rates of hits and of false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

THUMBNAIL_SIDE = 16  # pixels of a thumbnail
SAME = 6.0  # grey levels, root mean square: half a million pairs of different photographs are 20 or more apart
SAME_SHARE = 0.3  # of the image's own standard deviation: all smooth images look alike at this size


def thumbnail(image: np.ndarray) -> np.ndarray:
    """The picture at the size at which copies are looked for: uint8 (h, w, 3) → uint8 (16, 16, 3).

    >>> thumbnail(np.zeros((120, 160, 3), np.uint8)).shape
    (16, 16, 3)
    """
    return np.asarray(
        Image.fromarray(image).convert("RGB").resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    )


def identical(some: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> np.ndarray:
    """Which thumbnails show the same image, mirrored or not: bool (some, others).

    >>> noise = np.random.default_rng(0).integers(0, 255, (2, 16, 16, 3), np.uint8)
    >>> identical(noise, [noise[1][:, ::-1]]).tolist()  # the second, mirrored
    [[False], [True]]
    """
    if not len(some) or not len(others):
        return np.zeros((len(some), len(others)), dtype=bool)
    first, second = np.stack(some).astype(np.float32), np.stack(others).astype(np.float32)
    apart = np.minimum(_apart(first, second), _apart(first[:, :, ::-1], second))
    spread = np.minimum.outer(first.std(axis=(1, 2, 3)), second.std(axis=(1, 2, 3)))
    # two flat images of one colour are the same image, though they have no spread
    return (apart <= SAME) & ((apart <= SAME_SHARE * spread) | (apart == 0))


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Root mean square difference of every two: (first, second)."""
    one, two = first.reshape(len(first), -1).astype(np.float64), second.reshape(len(second), -1).astype(np.float64)
    square = (one**2).sum(1)[:, None] + (two**2).sum(1)[None] - 2 * one @ two.T
    return np.sqrt(np.maximum(square, 0) / one.shape[1])


SIDE = 64  # pixels at which pictures are compared
GRID = 16  # samples per side while ways are searched
FINE_GRID = 32  # samples per side while the best way is refined
SCALES = tuple(0.93**k for k in range(11))  # sides of crops, down to 0.48 of the picture's
TURNS = (-8.0, 0.0, 8.0)  # degrees; each finds rotations up to some 4° away, and refining continues from there
TURNED = 0.7  # crops smaller than this are tried upright only
STEP = 0.6 / GRID  # of the picture's side, between neighbouring crops
FLAT = 2.0  # grey levels: contrast below it counts as 0, so that noise is not amplified
SEARCH = 1.5, 5.0  # pixels of SIDE: blur, and window of the local mean, of the frequency band of the search
CANDIDATE = 0.40  # correlation above which an alignment is refined; 1 in 100 pairs of photographs
DETAIL = 1.0, 4.0  # as SEARCH, for refining and for the final likeness
COPY = 0.58  # likeness that different pictures do not reach: of 160,000 pairs of photographs the highest is 0.48
SHIFT = 0.12  # of the side: pictures that match themselves at this shift are repetitive (gratings, bare edges)
REPEATS = 0.6  # correlation with itself from which a picture is repetitive


@dataclass(frozen=True)
class Look:
    """A picture prepared for comparison."""

    grey: np.ndarray  # (SIDE, SIDE) float32

    @cached_property
    def frames(self) -> np.ndarray:
        """The whole picture in its eight rotations and reflections: (8, GRID²) float32 of norm 1."""
        whole = _contrast(self.grey, *SEARCH).ravel()[_WHOLE]
        return _normed(np.stack([turn.ravel() for turn in _turns(whole)]))

    @cached_property
    def views(self) -> np.ndarray:
        """Its crops: (views, GRID²) float32 of norm 1."""
        blur, window = SEARCH
        crops = [_contrast(self.grey, blur * scale, window * scale).ravel()[samples] for scale, samples in _CROPS]
        return _normed(np.concatenate(crops))

    @cached_property
    def repeats(self) -> bool:
        """Whether it matches itself when shifted: then it matches many other pictures, which proves nothing."""
        contrast = _contrast(self.grey, *DETAIL)
        contrast = contrast - contrast.mean()
        size = 2 * SIDE  # zero padding, so that the correlation is not circular
        spectrum, whole = np.fft.rfft2(contrast, (size, size)), np.fft.rfft2(np.ones_like(contrast), (size, size))
        energy = np.fft.rfft2(contrast**2, (size, size))
        products, one, other, overlap = (
            np.fft.irfft2(a * np.conj(b), (size, size))
            for a, b in ((spectrum, spectrum), (energy, whole), (whole, energy), (whole, whole))
        )
        shift = np.fft.fftfreq(size, 1 / size) / SIDE
        counted = (np.hypot(shift[:, None], shift[None, :]) > SHIFT) & (overlap >= SIDE**2 / 2)
        correlation = products / np.sqrt(np.maximum(one, 1e-3) * np.maximum(other, 1e-3))
        return bool(correlation[counted].max() >= REPEATS)


def look(image: np.ndarray) -> Look:
    """Prepare a square image, uint8 (h, h, 3)."""
    grey = Image.fromarray(image).convert("L")
    shrinks = min(grey.size) >= 2 * SIDE
    resampling = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
    return Look(np.asarray(grey.resize((SIDE, SIDE), resampling), dtype=np.float32))


def squares(image: np.ndarray) -> list[np.ndarray]:
    """A square image, (h, w, 3), itself; for a longer one its middle and both ends, since `look` would distort it."""
    short, long = sorted(image.shape[:2])
    starts = dict.fromkeys([(long - short) // 2, 0, long - short])
    if image.shape[0] > image.shape[1]:
        return [image[start : start + short] for start in starts]
    return [image[:, start : start + short] for start in starts]


def likenesses(pictures: Sequence[Look], others: Sequence[Look]) -> np.ndarray:
    """The likeness of every picture to every other one, (pictures, others): from COPY one was made from the other.

    0 if no alignment reaches CANDIDATE, and for repetitive pictures such as gratings. Either may be a crop of the
    other.
    """
    found = np.zeros((len(pictures), len(others)))
    mine = [place for place, picture in enumerate(pictures) if not picture.repeats]
    theirs = [place for place, other in enumerate(others) if not other.repeats]
    if mine and theirs:
        some, rest = [pictures[place] for place in mine], [others[place] for place in theirs]
        found[np.ix_(mine, theirs)] = np.maximum(_fitted(some, rest), _fitted(rest, some).T)
    return found


def _fitted(wholes: Sequence[Look], sources: Sequence[Look]) -> np.ndarray:
    """Likeness of every whole to the best crop of every source: (wholes, sources)."""
    found = np.zeros((len(wholes), len(sources)))
    frames = np.concatenate([whole.frames for whole in wholes])
    for place, source in enumerate(sources):
        scores = (frames @ source.views.T).reshape(len(wholes), -1)  # of each whole: turns × views
        best = scores.argmax(1)
        for number in map(int, np.flatnonzero(scores.max(1) > CANDIDATE)):
            turn, view = divmod(int(best[number]), len(_WAYS))
            found[number, place] = _refined(wholes[number].grey, turn, source.grey, _WAYS[view])
    return found


def _refined(whole: np.ndarray, turn: int, source: np.ndarray, way: np.ndarray) -> float:
    """The likeness at the alignment near `way` with the highest correlation."""
    blur, window = DETAIL
    target = _sampled(_turns(_contrast(whole, blur, window))[turn], _IDENTITY)
    crop = _contrast(source, blur * way[0], window * way[0])
    best = _sampled(crop, _climb(target, crop, way))
    shared = np.maximum(target * best, 0)
    # the effective number of samples in the correlation, by the participation ratio
    carried = shared.sum() ** 2 / max((shared**2).sum(), 1e-12) / shared.size
    correlation = min(float(target @ best), 0.999)
    return float(np.arctanh(correlation) * np.sqrt(carried))


def _climb(target: np.ndarray, source: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Hill climbing: change scale, rotation and place in small steps while the correlation rises."""
    value, steps = float(target @ _sampled(source, way)), np.array([0.035, 3.0, 0.02, 0.02])
    for _ in range(3):
        for step in (*np.diag(steps), *np.diag(-steps)):
            while (new := float(target @ _sampled(source, way + step))) > value:
                way, value = way + step, new
        steps = steps / 2
    return way


def _sampled(contrast: np.ndarray, way: np.ndarray) -> np.ndarray:
    """A crop's samples as a vector of norm 1, (FINE_GRID²,)."""
    return _normed(map_coordinates(contrast, _samples(way, FINE_GRID), order=1, mode="nearest").ravel())


def _contrast(grey: np.ndarray, blur: float, window: float) -> np.ndarray:
    """Deviations from the local mean in units of the local standard deviation."""
    smooth = gaussian_filter(grey, blur, truncate=3)
    deviation = smooth - gaussian_filter(smooth, window, truncate=3)
    spread = np.sqrt(gaussian_filter(deviation * deviation, window, truncate=3))
    return deviation / (spread + FLAT)


def _turns(image: np.ndarray) -> list[np.ndarray]:
    return [np.rot90(flip, quarter) for flip in (image, image[:, ::-1]) for quarter in range(4)]


def _normed(vectors: np.ndarray) -> np.ndarray:
    centred = vectors - vectors.mean(-1, keepdims=True)
    return (centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-6)).astype(np.float32)


def _samples(way: np.ndarray, count: int) -> np.ndarray:
    """Pixels of a crop's samples, (2, count, count): `way` is its scale, turn in degrees, and centre (y, x)."""
    scale, turn, y, x = way
    axis = scale * ((np.arange(count) + 0.5) / count - 0.5)
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    down, across = axis[:, None], axis[None, :]
    return np.stack([cos * down - sin * across + y, sin * down + cos * across + x]) * SIDE - 0.5


def _ways() -> list[np.ndarray]:
    """All crops to try, by scale."""
    ways = []
    for scale in SCALES:
        room = 1 - scale
        places = 0.5 + np.linspace(-room / 2, room / 2, round(room / STEP) + 1) if room else [0.5]
        turns = TURNS if scale >= TURNED else (0.0,)
        ways.append(np.array([(scale, turn, y, x) for turn in turns for y in places for x in places]))
    return ways


def _pixels(way: np.ndarray) -> np.ndarray:
    y, x = np.clip(np.rint(_samples(way, GRID)), 0, SIDE - 1).astype(int)
    return y * SIDE + x


_IDENTITY = np.array([1.0, 0.0, 0.5, 0.5])
_WHOLE = _pixels(_IDENTITY)
_BY_SCALE = _ways()
_WAYS = np.concatenate(_BY_SCALE)
_CROPS = [(ways[0, 0], np.stack([_pixels(way).ravel() for way in ways])) for ways in _BY_SCALE]
