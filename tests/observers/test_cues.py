"""Low-level cues on pictures whose answer is known by construction."""

import numpy as np
import pytest
from skimage import color

import exemplum as ex
from exemplum.observers import CUES
from exemplum.observers.cues import OCTAVES, SECTORS, SIZE, cue

RNG = np.random.default_rng(0)


def grey(luminance: np.ndarray) -> np.ndarray:
    """A grey picture of these luminances, 0 to 1 (IEC 61966-2-1)."""
    values = np.where(luminance <= 0.0031308, 12.92 * luminance, 1.055 * luminance ** (1 / 2.4) - 0.055)
    return np.repeat(np.round(255 * values)[..., None], 3, axis=2).astype(np.uint8)


def grating(cycles: float, degrees: float, contrast: float = 0.3, mean: float = 0.5) -> np.ndarray:
    """Stripes at this orientation (0: horizontal, counted anticlockwise) of a random phase."""
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE
    angle = np.deg2rad(degrees)
    across = np.sin(angle) * columns + np.cos(angle) * rows
    return grey(mean + contrast * np.sin(2 * np.pi * (cycles * across + RNG.random())))


def plain(lab: tuple[float, float, float]) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), np.round(255 * color.lab2rgb(np.array(lab, float))), np.uint8)


def halves(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Random halves of the pixels, in blocks of 8 px."""
    blocks = RNG.permutation(np.arange(256) < 128).reshape(16, 16)
    return np.where(np.kron(blocks, np.ones((8, 8), bool))[..., None], first, second)


RED, GREEN = plain((60, 40, 0)), plain((60, -40, 0))
# what the poles differ in: how pictures of each are made, and the cues that see it
DIFFERENCES = {
    "lightness": (lambda: grating(8, 0, mean=0.6), lambda: grating(8, 0, mean=0.4), {"luminance", "mean_colour"}),
    "hue": (lambda: RED, lambda: GREEN, {"mean_colour", "colour_histogram"}),
    "contrast": (lambda: grating(8, 0, 0.4), lambda: grating(8, 0, 0.2), {"contrast", "amplitude_spectrum"}),
    "orientation": (lambda: grating(8, 90), lambda: grating(8, 0), {"orientation_histogram", "amplitude_spectrum"}),
    "frequency": (lambda: grating(3, 30), lambda: grating(24, 30), {"amplitude_spectrum", "file_size"}),
    "colours": (lambda: halves(RED, GREEN), lambda: plain((60, 0, 0)), {"colour_histogram", "file_size"}),
    "complexity": (
        lambda: grey(RNG.uniform(0.2, 0.8, (SIZE, SIZE))), lambda: grey(np.full((SIZE, SIZE), 0.5)),
        {"file_size", "contrast"},
    ),
}  # fmt: skip
BLIND = {
    "lightness": {"orientation_histogram"},
    "hue": {"luminance", "contrast", "orientation_histogram", "amplitude_spectrum"},
    "contrast": {"luminance", "orientation_histogram"},
    "orientation": {"luminance", "mean_colour", "contrast", "colour_histogram", "file_size"},
    "frequency": {"luminance", "mean_colour", "colour_histogram", "orientation_histogram"},
    "colours": {"mean_colour", "luminance", "contrast", "orientation_histogram"},
    "complexity": {"luminance"},
}


@pytest.mark.parametrize("name", CUES)
def test_a_cue_sees_its_own_property_and_no_other(name):
    """Nine references per pole, twenty pairs of queries: all right, or Δ a hundredth of that and less."""
    own = {of: _evidence(name, *DIFFERENCES[of][:2]) for of in DIFFERENCES}
    seen = [of for of in DIFFERENCES if name in DIFFERENCES[of][2]]
    assert seen
    for of in seen:
        assert (own[of] > 0).all(), of
    strongest = max(own[of].mean() for of in seen)
    for of in DIFFERENCES:
        if name in BLIND[of]:
            assert np.abs(own[of]).max() < 0.03 * strongest, of


def _evidence(name, maximal, minimal) -> np.ndarray:
    pictures = {f"max{k}": maximal() for k in range(29)} | {f"min{k}": minimal() for k in range(29)}
    references = {pole: [f"{pole}{k}" for k in range(9)] for pole in ("max", "min")}
    trials = [ex.make_trial("layer:0", **references, queries=(f"max{k}", f"min{k}")) for k in range(9, 29)]
    observer = ex.observers.Similarity.of_pictures(pictures, encoder=cue(name))
    return np.array([observer.evidence(trial) for trial in trials])


def test_luminance_and_contrast_are_those_of_light():
    half = grey(np.repeat([0.2, 0.8], SIZE // 2)[:, None] * np.ones((1, SIZE)))
    assert cue("luminance").encode([half])[0, 0] == pytest.approx(0.5, abs=0.005)
    assert cue("contrast").encode([half])[0, 0] == pytest.approx(0.3, abs=0.005)


def test_the_spectrum_of_a_grating_is_in_its_octave_and_at_its_orientation():
    for cycles, degrees in ((3, 0), (6, 45), (12, 90), (24, 135)):
        spectrum = cue("amplitude_spectrum").encode([grating(cycles, degrees)])[0].reshape(OCTAVES, SECTORS)
        octave, sector = np.unravel_index(spectrum.argmax(), spectrum.shape)
        # the wave's direction is across its stripes; rows count downwards
        assert (octave, sector * 180 / SECTORS) == (int(np.log2(cycles / 2)), (90 - degrees) % 180)


def test_edges_are_counted_at_their_orientation():
    for degrees in (0, 30, 90, 150):
        shares = cue("orientation_histogram").encode([grating(6, degrees)])[0] ** 2
        assert shares.sum() == pytest.approx(1)
        assert shares.argmax() * 10 == degrees


def test_a_flat_picture_has_no_orientation_and_is_like_nothing():
    flat = {name: plain((60, 0, 0)) for name in "ab"} | {"c": grating(8, 0), "d": grating(8, 90)}
    observer = ex.observers.Similarity.of_pictures(flat, encoder=cue("orientation_histogram"))
    assert observer.evidence(ex.make_trial("layer:0", max=["c"], min=["d"], queries=("a", "b"))) == 0


@pytest.mark.parametrize("name", CUES)
def test_cues_depend_little_on_the_size_of_a_picture(name):
    """The same photograph at 128 and at 256 px is more alike than two photographs."""
    from PIL import Image

    from exemplum.images.embedded import photograph

    one, other = (photograph(of).convert("RGB") for of in ("coffee", "grass"))
    large, small = (np.asarray(one.resize((size, size), Image.Resampling.LANCZOS)) for size in (256, 128))
    vectors = cue(name).encode([large, small, np.asarray(other)])
    alike = ex.observers.similarities(vectors, vectors, cue(name).metric)
    assert alike[0, 1] > alike[0, 2]
    assert alike[0, 1] > alike[1, 2]
