"""Networks that torch.fx cannot trace. Oracle: the same network without what prevents tracing."""

import copy

import pytest
import torch
from torch import Tensor, nn

from exemplum.models import Model, ModelError, Network, Preprocessing
from exemplum.models.reader import HookedBody


class Towers(nn.Module):
    """Two towers with in-place ReLUs, a residual sum and a classifier; nothing is traceable if `opaque`."""

    def __init__(self, opaque: bool) -> None:
        super().__init__()
        self.opaque = opaque
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.left, self.right = Tower(), Tower()
        self.cat = Cat()
        self.head = nn.Sequential(nn.Linear(16, 5), nn.ReLU6())
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        if self.opaque and x.sum() > 1e9:  # a decision by value
            raise AssertionError
        x = self.stem(x)
        x = self.cat(self.left(x), self.right(x))
        self.calls += 1
        return self.head(x.mean((2, 3)))


class Tower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv(x)
        out += x
        return nn.functional.relu(out, inplace=True)


class Cat(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([a, b], dim=1)


@pytest.fixture(scope="module")
def pair() -> tuple[Model, Model]:
    torch.manual_seed(0)
    opaque, plain = Towers(opaque=True), Towers(opaque=False)
    plain.load_state_dict(opaque.state_dict())
    return tuple(Model("towers", Network(module, Preprocessing(16, 16))) for module in (opaque, plain))


@torch.no_grad()
@pytest.mark.parametrize("relu", ["before", "after"])
def test_hooks_read_what_the_graph_reads(pair: tuple[Model, Model], relu):
    opaque, plain = pair
    names = ["stem.0", "stem", "left", "left.conv", "cat", "head"]
    images = torch.rand(2, 3, 16, 16)
    assert {name: opaque.layer(name).channels for name in names} == {name: plain.layer(name).channels for name in names}
    by_hooks, by_graph = opaque.reader(names, relu), plain.reader(names, relu)
    assert [isinstance(reader.body, HookedBody) for reader in (by_hooks, by_graph)] == [True, False]
    got, expected = by_hooks(images), by_graph(images)
    for name in names:
        torch.testing.assert_close(got[name], expected[name])
    assert (got["cat"] < 0).any() == (relu == "before")
    assert (got["head"] < 0).any() == (relu == "before")


class Asking(nn.Module):
    """Asks for its input's type, which is another while the network is traced."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        x = x if isinstance(x, Tensor) else -x
        return self.norm(self.conv(x))


@torch.no_grad()
def test_a_network_that_is_another_while_traced_is_read_as_it_is():
    network, images = Asking().eval(), torch.rand(2, 3, 8, 8)
    model = Model("asking", Network(network, Preprocessing(8, 8)))
    got = model.reader(["norm"])(images)["norm"]
    torch.testing.assert_close(got, network(model.reader([]).normalize(images)))


@torch.no_grad()
def test_hooks_of_the_users_count_and_stay():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    network[0].register_forward_hook(lambda _module, _inputs, output: output + 1)
    images = torch.rand(2, 3, 8, 8)
    model = Model("hooked", Network(network, Preprocessing(8, 8)))
    got = model.reader(["2"], relu="after")(images)["2"]
    torch.testing.assert_close(got, network(model.reader([]).normalize(images)))
    assert [len(module._forward_hooks) for module in network] == [1, 0, 0]


def test_the_forward_stops_at_the_deepest_layer(pair: tuple[Model, Model]):
    reader = pair[0].reader(["left"])
    module = reader.body.module
    before = module.calls
    reader(torch.rand(1, 3, 16, 16))
    assert module.calls == before
    deeper = pair[0].reader(["left", "head"])
    deeper(torch.rand(1, 3, 16, 16))
    assert deeper.body.module.calls == before + 1


def test_hooks_are_gone_even_after_an_exception(pair: tuple[Model, Model]):
    reader = pair[0].reader(["left"])
    reader(torch.rand(1, 3, 16, 16))
    with pytest.raises(AssertionError):
        reader(torch.full((1, 3, 16, 16), 1e9))
    assert not any(module._forward_hooks for module in reader.modules())
    assert not any(module._forward_hooks for module in pair[0].module.modules())


def test_no_hook_is_left_by_a_search_for_layers_that_fails():
    module = Towers(opaque=True)
    model = Model("towers", Network(module, Preprocessing(16, 16), channels=4))
    with pytest.raises(ModelError, match="does not accept images of 4 × 16 × 16"):
        _ = model.layers
    assert not any(part._forward_hooks for part in module.modules())


def test_gradients_can_be_redirected(pair: tuple[Model, Model]):
    opaque = copy.deepcopy(pair[0].network.module)
    opaque.stem[1].bias.fill_(-100.0)
    reader = Model("dead", Network(opaque, Preprocessing(16, 16))).reader(["left"])

    def gradient() -> Tensor:
        pixels = torch.rand(1, 3, 16, 16, requires_grad=True)
        (-reader(pixels)["left"].mean()).backward()
        assert pixels.grad is not None
        return pixels.grad

    assert not gradient().any()
    with reader.redirected_relu():
        assert gradient().any()
