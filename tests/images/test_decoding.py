"""Every mode that Pillow writes becomes upright RGB; the expected pixels are worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exemplum.images import ImageError, decode_file

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def saved(tmp_path: Path, image: Image.Image, name: str, **options) -> np.ndarray:
    image.save(tmp_path / name, **options)
    decoded = decode_file(tmp_path / name)
    assert decoded.dtype == np.uint8
    assert decoded.shape == (image.height, image.width, 3)
    return decoded


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.gif", "a.ppm", "a.tga"])
def test_rgb_is_kept_by_formats_without_loss(tmp_path, name):
    assert (saved(tmp_path, Image.new("RGB", (6, 4), RED), name) == RED).all()


@pytest.mark.parametrize(
    ("name", "options"), [("a.jpg", {"quality": 95}), ("a.webp", {"lossless": True}), ("a.avif", {})]
)
def test_rgb_is_nearly_kept_by_the_others(tmp_path, name, options):
    decoded = saved(tmp_path, Image.new("RGB", (32, 16), (200, 30, 60)), name, **options).astype(int)
    assert np.abs(decoded - (200, 30, 60)).max() <= 6


@pytest.mark.parametrize(("mode", "value", "grey"), [("L", 90, 90), ("1", 1, 255)])
def test_greyscale_has_three_equal_channels(tmp_path, mode, value, grey):
    assert (saved(tmp_path, Image.new(mode, (5, 3), value), "a.png") == grey).all()


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path, name):
    values = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    decoded = saved(tmp_path, Image.fromarray(values), name)
    assert decoded[0, :, 0].tolist() == [0, 1, 128, 255]  # value / 257, rounded


def test_big_endian_sixteen_bits_are_scaled_likewise(tmp_path):
    values = np.array([[0, 257, 65535]], dtype=">u2")
    Image.frombytes("I;16B", (3, 1), values.tobytes()).save(tmp_path / "a.tif")
    assert decode_file(tmp_path / "a.tif")[0, :, 0].tolist() == [0, 1, 255]


@pytest.mark.parametrize(
    ("values", "greys"),
    [([0.0, 0.5, 1.0], [0, 128, 255]), ([0.0, 100.0, 255.0], [0, 100, 255]), ([-1.0, 0.0, 3.0], [0, 64, 255])],
)
def test_floats_are_shares_then_levels_then_stretched(tmp_path, values, greys):
    decoded = saved(tmp_path, Image.fromarray(np.array([values], dtype=np.float32)), "a.tif")
    assert decoded[0, :, 0].tolist() == greys


def test_a_float_image_of_one_value_is_no_division_by_zero(tmp_path):
    decoded = saved(tmp_path, Image.fromarray(np.full((2, 2), 1e6, dtype=np.float32)), "a.tif")
    assert len(np.unique(decoded)) == 1


def test_palettes_become_their_colours(tmp_path):
    image = Image.new("P", (4, 2), 1)
    image.putpalette([*BLUE, *GREEN])
    assert (saved(tmp_path, image, "a.png") == GREEN).all()


def test_the_transparent_entry_of_a_palette_is_white(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([*BLUE, *GREEN])
    image.putdata([0, 1])
    decoded = saved(tmp_path, image, "a.png", transparency=1)
    assert decoded.tolist() == [[list(BLUE), list(WHITE)]]


def test_the_transparent_colour_of_an_rgb_png_is_white(tmp_path):
    image = Image.new("RGB", (2, 1), RED)
    image.putpixel((1, 0), GREEN)
    assert saved(tmp_path, image, "a.png", transparency=GREEN).tolist() == [[list(RED), list(WHITE)]]


def test_alpha_is_composited_on_white(tmp_path):
    image = Image.new("RGBA", (3, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (255, 0, 0, 255))
    image.putpixel((2, 0), (0, 0, 0, 51))  # a fifth black: white × 0.8
    assert saved(tmp_path, image, "a.png").tolist() == [[[255] * 3, list(RED), [204] * 3]]


def test_grey_with_alpha_is_composited_on_white(tmp_path):
    image = Image.new("LA", (2, 1), (0, 0))
    image.putpixel((1, 0), (80, 255))
    assert saved(tmp_path, image, "a.png").tolist() == [[[255] * 3, [80] * 3]]


def test_cmyk_is_inverted_ink(tmp_path):
    decoded = saved(tmp_path, Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "a.tif")
    assert (decoded == RED).all()
    decoded = saved(tmp_path, Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "a.jpg", quality=95).astype(int)
    assert np.abs(decoded - RED).max() <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path, orientation):
    upright = np.zeros((2, 3), dtype=np.uint8)
    upright[0, 0] = 255  # a white corner at the top left of a wide image
    # EXIF 2.32, tag 0x0112: what the stored pixels must be so that they show upright
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: np.rot90(upright), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    assert (decode_file(tmp_path / "a.png")[..., 0] == upright).all()


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, GREEN, BLUE)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    assert (decode_file(tmp_path / "a.gif") == RED).all()
    assert (decode_file(tmp_path / "a.tif") == RED).all()


def noise_image() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.tif", "a.gif"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.8])
def test_a_truncated_file_is_an_error_that_names_it(tmp_path, name, share):
    path = tmp_path / name
    noise_image().save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ImageError, match=name) as caught:
        decode_file(path)
    assert caught.value.reason
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "reason"), [(b"", "the file is empty"), (b"no image at all", "not an image")])
def test_what_is_no_image_is_an_error_with_its_reason(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=reason):
        decode_file(path)


def test_a_file_that_went_away_is_an_error(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        decode_file(tmp_path / "absent.png")


def test_bytes_changed_at_random_give_an_image_or_an_image_error(tmp_path):
    """A decoder may accept damage, but nothing other than ImageError may come out."""
    rng = np.random.default_rng(1)
    for name in ("a.jpg", "a.png", "a.tif", "a.gif", "a.webp", "a.bmp"):
        path = tmp_path / name
        noise_image().save(path)
        whole = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        for _ in range(25):
            damaged = whole.copy()
            damaged[rng.integers(0, min(len(whole), 400), size=6)] = rng.integers(0, 256, size=6)
            path.write_bytes(damaged.tobytes())
            try:
                assert decode_file(path).ndim == 3
            except ImageError:
                continue
