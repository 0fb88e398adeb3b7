"""A real network at a small size, and a few real images."""

import numpy as np
import pytest

from exemplum import images, models


@pytest.fixture(scope="session")
def model():
    return models.load("embedded", input_size=48)


@pytest.fixture(scope="session")
def corpus():
    return images.subset(images.open("embedded"), 70, np.random.default_rng(0))
