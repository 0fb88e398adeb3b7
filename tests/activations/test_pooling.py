"""One number a unit."""

import pytest
import torch

from exemplum.index import pool
from exemplum.index.pooling import NOWHERE, cells


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


def test_max_is_the_maximum():
    maps = torch.randn(2, 3, 4, 5)
    assert torch.equal(pool(maps, "max"), maps.flatten(2).max(2).values)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cells_are_those_of_the_extremes_of_the_map(order, dtype):
    maps = torch.randn((3, 7, 4, 5), dtype=dtype).contiguous(memory_format=order)
    maps[1, 2], maps[2, 3, :2] = 1.5, 9  # the same everywhere; and the first of equal ones counts
    highest, lowest = maps.flatten(2).argmax(2), maps.flatten(2).argmin(2)
    highest[1, 2] = lowest[1, 2] = NOWHERE
    assert highest[2, 3] == 0
    assert torch.equal(cells(maps, "channel").long(), torch.stack([highest, lowest], 2))
    assert torch.equal(cells(maps, "max").long(), torch.stack([highest, highest], 2))
    assert (cells(maps, "neuron") == 2 * 5 + 2).all()


def test_a_map_of_one_cell_has_no_place():
    for objective in ("channel", "max", "neuron"):
        assert (cells(torch.randn(2, 3, 1, 1), objective) == NOWHERE).all()


def test_cells_of_large_maps_are_numbered_too():
    maps = torch.zeros(1, 2, 200, 200)
    maps[0, 0, 199, 198], maps[0, 1, 0, 1] = 1, -1
    assert cells(maps, "channel").tolist() == [[[39_998, 0], [0, 1]]]
