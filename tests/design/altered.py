"""Pictures made of others, as methods make them: each of image (h, w, 3) uint8 and a generator."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def blurred(share: float) -> Change:
    """By a Gaussian whose standard deviation is a share of the side."""
    return lambda image, rng: _array(_image(image).filter(ImageFilter.GaussianBlur(share * len(image))))


def brighter(factor: float) -> Change:
    return lambda image, rng: np.clip(image * factor, 0, 255).astype(np.uint8)


def contrast(factor: float) -> Change:
    return lambda image, rng: _array(ImageEnhance.Contrast(_image(image)).enhance(factor))


def jpeg(quality: int) -> Change:
    def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        held = io.BytesIO()
        _image(image).save(held, "JPEG", quality=quality)
        return _array(Image.open(held))

    return change


def turned(degrees: float) -> Change:
    return lambda image, rng: _array(_image(image).rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(128,) * 3))


def cropped(share: float) -> Change:
    """A square of this share of the side, anywhere, at the full size."""

    def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        side = round(share * len(image))
        y, x = rng.integers(0, len(image) - side + 1, 2)
        return _array(_image(image[y : y + side, x : x + side]).resize(image.shape[1::-1], Image.Resampling.BICUBIC))

    return change


def boxed(height: float, width: float) -> Change:
    """A box of these shares of the sides, cut out around the middle and left as it is, not square."""

    def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        h, w = round(height * len(image)), round(width * image.shape[1])
        y, x = (len(image) - h) // 2, (image.shape[1] - w) // 2
        return np.ascontiguousarray(image[y : y + h, x : x + w])

    return change


def framed(share: float) -> Change:
    """Shrunk to this share of the side, in a grey frame."""

    def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        side = round(share * len(image))
        frame = Image.new("RGB", image.shape[1::-1], (128,) * 3)
        frame.paste(_image(image).resize((side, side), Image.Resampling.BICUBIC), ((len(image) - side) // 2,) * 2)
        return _array(frame)

    return change


def mirrored(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return image[:, ::-1].copy()


def quarter_turned(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.rot90(image).copy()


def grey(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _array(_image(image).convert("L"))


def noisy(levels: float) -> Change:
    return lambda image, rng: np.clip(image + rng.normal(0, levels, image.shape), 0, 255).astype(np.uint8)


def heatmap(opacity: float) -> Change:
    """Under a map of two hot places in the colours of MATLAB's jet."""

    def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        heat = (_spot(len(image), 0.12, rng) + _spot(len(image), 0.12, rng)).clip(0, 1)
        jet = np.stack([np.clip(1.5 - np.abs(4 * heat - peak), 0, 1) for peak in (3, 2, 1)], axis=-1)
        return ((1 - opacity) * image + 255 * opacity * jet).astype(np.uint8)

    return change


def spotlit(rest: float) -> Change:
    """Dark but for one place: of the light outside `rest` is left."""

    def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return (image * (rest + (1 - rest) * _spot(len(image), 0.2, rng)[..., None])).astype(np.uint8)

    return change


def one_after_the_other(*changes: Change) -> Change:
    def change(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for each in changes:
            image = each(image, rng)
        return image

    return change


CHANGES: dict[str, Change] = {
    "blur 2 %": blurred(0.02),
    "blur 4 %": blurred(0.04),
    "brightness × 0.4": brighter(0.4),
    "brightness × 1.8": brighter(1.8),
    "contrast × 0.3": contrast(0.3),
    "contrast × 2": contrast(2.0),
    "JPEG, quality 10": jpeg(10),
    "turned by 5°": turned(5),
    "turned by 15°": turned(-15),
    "crop of 0.9": cropped(0.9),
    "crop of 0.7": cropped(0.7),
    "crop of 0.5": cropped(0.5),
    "box of 0.6 by 0.9": boxed(0.6, 0.9),
    "box of 1 by 0.5": boxed(1, 0.5),
    "shrunk to 0.7, framed": framed(0.7),
    "mirrored": mirrored,
    "a quarter turn": quarter_turned,
    "greyscale": grey,
    "noise of 30 levels": noisy(30),
    "spotlight, 30 % outside": spotlit(0.3),
    "spotlight, 10 % outside": spotlit(0.1),
    "crop of 0.7, blur 2 %, mirrored": one_after_the_other(cropped(0.7), blurred(0.02), mirrored),
    "crop of 0.6, greyscale, JPEG 20": one_after_the_other(cropped(0.6), grey, jpeg(20)),
}
HARD: dict[str, Change] = {
    "blur 6 %": blurred(0.06),
    "crop of 0.4": cropped(0.4),
    "heatmap of 0.4": heatmap(0.4),
    "heatmap of 0.6": heatmap(0.6),
    "spotlight, black outside": spotlit(0.0),
}


def _spot(side: int, spread: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian somewhere in the middle half: (side, side), 0 to 1."""
    y, x = np.mgrid[:side, :side] / side
    at = rng.uniform(0.25, 0.75, 2)
    return np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / (2 * spread**2))


def _image(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image)


def _array(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))
