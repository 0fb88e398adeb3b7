"""Receptive fields, and where cells lie in the image. Oracle: which pixels have a gradient; published fields."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from exemplum import models
from exemplum.models import effective_fields
from exemplum.models.graph.fields import fields


class Odd(nn.Module):
    """Strides, paddings, dilation and poolings that shift the grid, and branches of different extents."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 5, 2, padding=1)
        self.wide, self.narrow = nn.Conv2d(4, 4, 3, padding=2, dilation=2), nn.Conv2d(4, 4, (1, 3), padding="same")
        self.gate, self.out = nn.Linear(8, 8), nn.Conv2d(8, 2, 2, 2)

    def forward(self, x):
        x = F.max_pool2d(F.pad(self.stem(x), (0, 1, 0, 1)), 3, stride=2)
        x = torch.cat([self.wide(x), self.narrow(x)], 1)
        x = x * self.gate(x.mean((2, 3))).sigmoid()[:, :, None, None]  # depends on all pixels, and does not count
        return self.out(F.avg_pool2d(x, 3, 1, 1))


def same_everywhere(module: nn.Module) -> nn.Module:
    """Weights that let no pixel cancel another."""
    for name, parameter in module.named_parameters():
        nn.init.constant_(parameter, 0 if "gate" in name else 0.1)
    return module


def pixels_with_gradient(model, layer: str, cell: tuple[int, int]) -> list[int]:
    """First and last row, first and last column of the pixels that a cell depends on, average-pooled for max."""
    image = torch.rand(80, model.channels, model.input_size, model.input_size, requires_grad=True)
    maps = model.reader([layer], relu="before")(image)[layer]
    (gradient,) = torch.autograd.grad(maps[:, :, *cell].sum(), image)
    rows, columns = (gradient.abs().sum((0, 1)).sum(axis).nonzero() for axis in (1, 0))
    return [int(value) for ends in (rows, columns) for value in (ends.min(), ends.max())]


def test_a_field_is_the_pixels_that_have_a_gradient():
    model = models.load(same_everywhere(Odd()), input_size=64)
    found = fields(model._traced, model._shapes.nodes)
    for layer in ("stem", "wide", "narrow", "out"):
        field = found[model._traced.outputs[layer]]
        height, width = model.grid(layer).cells
        for cell in ((height // 2, width // 2), (height // 2 - 1, width // 2 + 1)):
            expected = [
                value for axis, place in zip(field, cell, strict=True)
                for value in (axis.low + axis.stride * place, axis.high + axis.stride * place)
            ]  # fmt: skip
            assert pixels_with_gradient(model, layer, cell) == expected


@pytest.mark.parametrize(
    ("name", "layer", "side", "stride", "first"),
    # Araujo, Norris & Sim (2019), table of receptive fields
    [("resnet18", "layer4.1", 435, 32, 0), ("inception_v3", "Mixed_7c", 1311, 32, 37)],
)
def test_fields_of_networks_are_the_published_ones(name, layer, side, stride, first):
    grid = models.load(f"torchvision:{name}").grid(layer)
    assert (grid.field, grid.stride, grid.first) == ((side, side), (stride, stride), (first, first))


@pytest.mark.parametrize("layer", ["conv_stem", "blocks.2.0", "blocks.3.2"])
def test_the_odd_padding_of_tensorflow_shifts_fields(layer):
    model = models.load("efficientnet-lite0")
    grid = model.grid(layer)
    image = torch.rand(1, 3, 224, 224, requires_grad=True)
    cell = grid.cells[0] // 2
    (gradient,) = torch.autograd.grad(model.reader([layer])(image)[layer][:, :, cell, cell].sum(), image)
    rows = gradient.abs().sum((0, 1, 3)).nonzero()
    centre, half = grid.first[0] + grid.stride[0] * cell, (grid.field[0] - 1) / 2
    assert [int(rows.min()), int(rows.max())] == [centre - half, centre + half]


def test_tokens_are_patches():
    grid = models.load("timm:vit_tiny_patch16_224", input_size=64).grid("blocks.3")
    assert grid.cells == (4, 4)
    assert grid.is_patches
    place, box = grid.boxes(np.array([6]), np.array([16.0]))
    assert (place.tolist(), box.tolist()) == ([[1, 2]], [[16, 32, 32, 48]])


def test_vectors_have_no_place():
    grid = models.load("embedded", input_size=48).grid("softmax2")
    assert not grid.is_spatial
    place, box = grid.boxes(np.array([0]), np.array([5.0]))
    assert (place.tolist(), box.tolist()) == ([[-1, -1]], [[0, 0, 48, 48]])


def test_effective_fields_lie_within_the_fields_and_grow_with_depth():
    model = models.load("embedded")
    layers = ["mixed3a", "mixed4a", "mixed4c", "mixed5a"]
    sides = effective_fields(model, layers)
    for layer in layers:
        assert (sides[layer] <= model.grid(layer).field[0]).all()
        parts = model.layer(layer).branches
        one, three, five = (sides[layer][parts[name].start] for name in ("1x1", "3x3", "5x5"))
        assert one < three < five
    assert (np.diff([sides[layer].mean() for layer in layers]) > 0).all()


def test_of_equal_weights_the_effective_field_is_what_they_say():
    """One convolution of equal weights: a square with 90 % of 11 × 11 pixels has a side of 11 (9² = 67 %)."""
    model = models.load(same_everywhere(nn.Sequential(nn.Conv2d(3, 1, 11, padding=5))), input_size=40)
    assert effective_fields(model, ["0"])["0"].tolist() == [11]
    spot = models.load(nn.Sequential(nn.Conv2d(3, 1, 11, padding=5)), input_size=40)
    with torch.no_grad():
        spot.module[0].weight.zero_()
        spot.module[0].weight[:, :, 4:7, 4:7] = 1
    assert effective_fields(spot, ["0"])["0"].tolist() == [3]


def test_without_gradients_three_cells_are_taken():
    class Counting(nn.Module):
        def forward(self, x):
            return (x > 0.5).unfold(2, 4, 4).unfold(3, 4, 4).float().sum((4, 5))

    model = models.load(nn.Sequential(Counting()), input_size=32)
    assert effective_fields(model, ["0"])["0"].tolist() == [12, 12, 12]
