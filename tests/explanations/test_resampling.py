"""Reading at any places. Oracle: scipy's linear interpolation, and the gradient by its definition as the adjoint."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy import ndimage

from exemplum.explanations.synthetic import resampling


def places(seed: int, side: int, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inside the image, outside of it, and on its pixels."""
    rng = np.random.default_rng(seed)
    y, x = rng.uniform(-2, side + 1, (2, height, width))
    y[0], x[:, 0] = np.round(y[0]), np.round(x[:, 0])
    return torch.tensor(y, dtype=torch.float32), torch.tensor(x, dtype=torch.float32)


@settings(deadline=None)
@given(seed=st.integers(0, 99), side=st.integers(2, 20), height=st.integers(1, 9), width=st.integers(1, 9))
def test_values_are_scipys_and_the_gradient_is_the_adjoint(seed, side, height, width):
    y, x = places(seed, side, height, width)
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand((2, 3, side, side), generator=generator, requires_grad=True)
    found = resampling.read_bilinear(images, y, x)
    for image, seen in zip(images.detach().numpy().reshape(-1, side, side), found.flatten(0, 1), strict=True):
        expected = ndimage.map_coordinates(image, np.stack([y, x]), order=1, mode="nearest")
        np.testing.assert_allclose(seen.detach(), expected, atol=1e-4)
    # reading is linear: ⟨g, read(e)⟩ = ⟨gradient, e⟩ for any e
    incoming, other = torch.randn(found.shape, generator=generator), torch.rand(images.shape, generator=generator)
    found.backward(incoming)
    assert (incoming * resampling.read_bilinear(other, y, x)).sum().item() == pytest.approx(
        (images.grad * other).sum().item(), rel=1e-3, abs=1e-3
    )
