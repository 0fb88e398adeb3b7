"""Geometry and normalization. Oracle: torchvision's transforms on Pillow images."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image
from torchvision import transforms

from exemplum.models.network import IMAGENET_MEAN, IMAGENET_STD, Normalize, Preprocessing, ShapeError

INTERPOLATION = {"bilinear": transforms.InterpolationMode.BILINEAR, "bicubic": transforms.InterpolationMode.BICUBIC}


@settings(deadline=None, max_examples=40)
@given(
    st.integers(5, 90),
    st.integers(5, 90),
    st.integers(8, 40),
    st.integers(0, 9),
    st.sampled_from(sorted(INTERPOLATION)),
)
def test_crop_is_torchvisions(height: int, width: int, size: int, more: int, interpolation):
    image = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    preset = [transforms.Resize(size + more, INTERPOLATION[interpolation]), transforms.CenterCrop(size)]
    expected = np.asarray(transforms.Compose(preset)(Image.fromarray(image)))
    got = Preprocessing(size, size + more, interpolation=interpolation).crop(image)
    np.testing.assert_array_equal(got, expected)


def test_an_image_of_the_right_size_is_not_resampled():
    image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Preprocessing(96, 96).crop(image), image)


def test_a_picture_that_is_shown_is_fed_whole():
    preprocessing = Preprocessing(size=96, resize=110)
    picture = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    np.testing.assert_array_equal(preprocessing.fit(picture), picture)
    smaller = np.asarray(Image.fromarray(picture).resize((48, 48), Image.Resampling.BILINEAR))
    larger = np.asarray(Image.fromarray(smaller).resize((96, 96), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(preprocessing.fit(smaller), larger)


def test_normalize_is_torchvisions():
    images = torch.rand(2, 3, 4, 5)
    expected = transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)(images)
    torch.testing.assert_close(Normalize(Preprocessing(4, 4), 3)(images), expected)


def test_lucids_range():
    normalize = Normalize(Preprocessing.to_range(224, 256, low=-117, high=138), 3)
    images = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1).expand(3, 3, 1, 1)
    torch.testing.assert_close(normalize(images)[:, 0, 0, 0], torch.tensor([-117, 10.5, 138]))


def test_grey_networks_see_luma():
    rgb = np.random.default_rng(1).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    normalize = Normalize(Preprocessing(6, 6, mean=(0.0,), std=(1.0,)), channels=1)
    grey = normalize(torch.from_numpy(rgb).permute(2, 0, 1)[None] / 255)[0, 0] * 255
    np.testing.assert_allclose(grey, np.asarray(Image.fromarray(rgb).convert("L")), atol=1)  # Pillow rounds


def test_networks_of_other_channels_take_their_own():
    five = Preprocessing(6, 8, mean=(0.1,), std=(2.0,))
    image = np.random.default_rng(1).integers(0, 256, (9, 12, 5), dtype=np.uint8)
    assert five.crop(image).shape == (6, 6, 5)
    assert Normalize(five, channels=5)(torch.ones(1, 5, 2, 2)).flatten().tolist() == pytest.approx([0.45] * 20)
    with pytest.raises(ShapeError, match="images of 5 channels, got 3; put a module in front of it"):
        Normalize(five, channels=5)(torch.ones(1, 3, 2, 2))


def test_normalization_is_float32_whatever_the_network():
    images = torch.full((1, 3, 1, 1), 0.4859, dtype=torch.bfloat16)
    exact = (images.float() - 0.485) / 0.229
    got = Normalize(Preprocessing(1, 1), 3, torch.bfloat16)(images)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got[0, 0], exact[0, 0].bfloat16())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_memory_format_changes_no_bit_of_the_images(dtype):
    images = torch.rand(2, 3, 7, 5, generator=torch.Generator().manual_seed(0))
    normalize = Normalize(Preprocessing(8, 8), 3, dtype)
    last = normalize(images.contiguous(memory_format=torch.channels_last))
    assert torch.equal(last, normalize(images))
    assert last.is_contiguous(memory_format=torch.channels_last)
