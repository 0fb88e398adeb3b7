"""One number a unit."""

import pytest
import torch

from exemplum.index import pool


def test_channel_is_the_spatial_mean():
    maps = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    assert torch.equal(pool(maps, "channel"), maps.flatten(2).mean(2))


@pytest.mark.parametrize(("side", "centre"), [(3, 1), (4, 2), (1, 0)])
def test_neuron_is_the_centre_and_of_even_sides_the_later_middle(side, centre):
    maps = torch.arange(side * side * 1.0).reshape(1, 1, side, side)
    assert pool(maps, "neuron").item() == centre * side + centre


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"got shape \(2, 3\)"):
        pool(torch.zeros(2, 3), "channel")


def test_maps_in_low_precision_are_averaged_in_float32():
    maps = torch.randn((70, 256, 28, 28), generator=torch.Generator().manual_seed(0)).bfloat16()
    assert torch.allclose(pool(maps, "channel"), maps.double().mean((2, 3)).float(), atol=1e-6)
