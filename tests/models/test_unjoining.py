"""Layers read as their branches. Oracle: the layers read whole."""

import pytest
import torch

from exemplum import models
from exemplum.models.reader import unjoined


@pytest.mark.parametrize(("relu", "parts"), [("before", 4 + 4), ("after", 1 + 4)])  # mixed3a joined goes on to mixed3b
def test_branches_side_by_side_are_the_layer(relu, parts):
    model = models.load("embedded", input_size=48)
    images = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    layers = ["mixed3a", "mixed3b"]
    whole = model.reader(layers, relu=relu)(images)
    branches = unjoined(model.reader(layers, relu=relu))(images)
    assert len(branches) == parts
    for layer in layers:
        own = [values for name, values in branches.items() if name.partition("/")[0] == layer]
        assert torch.equal(torch.cat(own, 1), whole[layer])


def test_a_layer_without_branches_stays_as_it_is():
    model = models.load("torchvision:resnet18", input_size=64)
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    whole = model.reader(["layer1", "fc"])(images)
    same = unjoined(model.reader(["layer1", "fc"]))(images)
    assert list(same) == list(whole)
    assert all(torch.equal(same[name], whole[name]) for name in whole)
