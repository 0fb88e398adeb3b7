"""The same image under another name is told. Oracle: files of one image, and of different ones."""

import io

import numpy as np
import pytest
from PIL import Image

from exemplum import images
from exemplum.images.copies import identical, thumbnail


@pytest.fixture(scope="module")
def photographs(shared_data) -> list[np.ndarray]:
    files = sorted((shared_data / "imagenet-sample-1000").glob("*.jpg"))[::5]
    return [images.decode_file(path) for path in files]


def again(image: np.ndarray, how: str) -> np.ndarray:
    picture = Image.fromarray(image)
    if how == "mirrored":
        return image[:, ::-1]
    if how == "a third of the size":
        return np.asarray(picture.resize((max(1, image.shape[1] // 3), max(1, image.shape[0] // 3))))
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=10)
    return np.asarray(Image.open(held))


@pytest.mark.parametrize("how", ["mirrored", "a third of the size", "JPEG, quality 10"])
def test_another_file_of_an_image_is_the_same(photographs, how):
    first = [thumbnail(image) for image in photographs]
    second = [thumbnail(again(image, how)) for image in photographs]
    same = identical(first, second)
    assert np.diag(same).mean() >= 0.99
    assert same.sum() == np.diag(same).sum()


def test_different_photographs_are_not_the_same(photographs):
    small = [thumbnail(image) for image in photographs]
    np.testing.assert_array_equal(identical(small, small), np.eye(len(small), dtype=bool))


def test_no_image_of_the_embedded_corpus_is_there_twice():
    corpus = images.open_corpus("embedded")
    small = [thumbnail(corpus.decode(row)) for row in range(0, len(corpus), 4)]
    np.testing.assert_array_equal(identical(small, small), np.eye(len(small), dtype=bool))


def test_flat_images_are_the_same_only_if_of_one_colour():
    white, grey = (thumbnail(np.full((9, 9, 3), value, np.uint8)) for value in (255, 250))
    np.testing.assert_array_equal(identical([white, grey], [white, grey]), np.eye(2, dtype=bool))


def test_none_against_some_is_an_empty_answer():
    assert identical([], [thumbnail(np.zeros((4, 4, 3), np.uint8))]).shape == (0, 1)
