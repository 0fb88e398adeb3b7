"""The paper's network and the embedded one. Oracles: the script that trained it, the units of the published study."""

import csv
import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from exemplum import models
from exemplum.models.inceptionv1 import InceptionV1
from exemplum.models.loading import EMBEDDED
from exemplum.models.model import Model
from exemplum.records import Unit

TRAINING = Path(__file__).resolve().parents[2] / "tools" / "train_embedded.py"
PAPER = ["mixed3a", "mixed3b", "mixed4a", "mixed4b", "mixed4c", "mixed4d", "mixed4e", "mixed5a", "mixed5b"]


@pytest.fixture(scope="module")
def embedded() -> Model:
    return models.load("embedded")


@pytest.fixture(scope="module")
def full() -> Model:
    return models.load("inceptionv1")


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    """The network as it was trained, BatchNorms set to pass everything on but the bias."""
    spec = importlib.util.spec_from_file_location("train_embedded", TRAINING)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    network = script.HalfInceptionV1()
    weights = load_file(EMBEDDED)
    with torch.no_grad():
        for name, module in network.named_modules():
            if isinstance(module, script.Conv):
                module[0].weight.copy_(weights[f"{name}.weight"])
                module[1].bias.copy_(weights[f"{name}.bias"])
                module[1].eps = 0.0
        network.softmax2.weight.copy_(weights["softmax2.weight"])
        network.softmax2.bias.copy_(weights["softmax2.bias"])
    return network.eval()


@torch.no_grad()
def test_embedded_network_is_the_one_that_was_trained(embedded: Model, trained: nn.Module):
    images = torch.rand(2, 3, 64, 64)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    inputs = (images - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    assert (embedded.module(inputs) - trained(inputs)).abs().max() < 1e-4
    assert (embedded.reader(["softmax2"])(images)["softmax2"][:, :, 0, 0] - trained(inputs)).abs().max() < 1e-4


@torch.no_grad()
def test_units_are_the_concatenation_before_the_relus(embedded: Model, trained: nn.Module):
    images = torch.rand(2, 3, 64, 64)
    got = embedded.reader(PAPER)(images)
    before: dict[str, torch.Tensor] = {}
    towers = [f"{name}.{tower}" for name in PAPER for tower in ("1x1", "3x3", "5x5", "pool_reduce")]
    for tower in towers:
        norm = trained.get_submodule(tower)[1]
        norm.register_forward_hook(lambda _m, _i, output, tower=tower: before.update({tower: output.clone()}))
    trained(embedded.reader([]).normalize(images))
    for name in PAPER:
        expected = torch.cat([before[tower] for tower in towers if tower.startswith(name)], 1)
        torch.testing.assert_close(got[name], expected, atol=1e-4, rtol=1e-4)
        assert (got[name] < 0).any()


@pytest.mark.parametrize(("model", "channels"), [
    ("embedded", [128, 240, 256, 256, 256, 264, 416, 416, 512]),
    ("full", [256, 480, 508, 512, 512, 528, 832, 832, 1024]),
])  # fmt: skip
def test_layers_are_the_papers(model: str, channels: list[int], request: pytest.FixtureRequest):
    loaded: Model = request.getfixturevalue(model)
    assert loaded.default_layers == PAPER
    assert [loaded.layer(name).channels for name in PAPER] == channels
    for name in PAPER:
        layer = loaded.layer(name)
        assert list(layer.branches) == ["1x1", "3x3", "5x5", "pool"]
        assert [channel for channels in layer.branches.values() for channel in channels] == list(range(layer.channels))
        assert layer.branches == loaded.module.get_submodule(name).branches


def test_units_of_the_published_study_lie_in_their_branches(full: Model, shared_data: Path):
    rows = []
    for file in sorted((shared_data / "borowski2021").glob("exp_*_units/**/*.csv")):
        lines = file.read_text().splitlines()
        start = next(k for k, line in enumerate(lines) if line.startswith("layer_number"))
        rows += list(csv.DictReader(lines[start:]))
    assert len(rows) > 45 + 80
    wrong = [
        (row["layer_name"], row["kernel_size"], row["feature_map_number"])
        for row in rows
        if full.branch(Unit(row["layer_name"], int(row["feature_map_number"]))) != row["kernel_size"]
    ]
    assert wrong == []


@torch.no_grad()
def test_maps_of_the_full_network_have_tensorflows_sizes(full: Model):
    sizes = {"conv2d0": 112, "conv2d2": 56, "mixed3b": 28, "mixed4e": 14, "mixed5b": 7}
    got = full.reader(sizes)(torch.rand(1, 3, 224, 224))
    assert {name: maps.shape[-1] for name, maps in got.items()} == sizes


@torch.no_grad()
@pytest.mark.parametrize("size", [8, 9])
def test_same_padding_is_tensorflows(size: int):
    # tf.nn.convolution's documentation: out = ceil(n / 2), total padding (out − 1)·2 + k − n, the smaller half first
    network = InceptionV1()
    total = (-(-size // 2) - 1) * 2 + 7 - size
    low, high = total // 2, total - total // 2
    x = torch.randn(1, 3, size, size)
    padded = nn.functional.pad(x, (low, high, low, high))
    expected = nn.functional.conv2d(padded, network.conv2d0.weight, network.conv2d0.bias, stride=2)
    torch.testing.assert_close(network.conv2d0.pre_relu(x), expected)
    assert expected.shape[-1] == -(-size // 2)


@torch.no_grad()
def test_local_response_normalization_is_tensorflows():
    # tf.nn.lrn: input / (bias + alpha · Σ_{|j − i| ≤ radius} input_j²)^beta; in the stem after its first pooling, and
    # after its last convolution
    network, seen = InceptionV1().eval(), {}
    for name in ("conv2d0", "conv2d2"):
        network.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
    for name in ("conv2d1", "mixed3a"):
        network.get_submodule(name).register_forward_pre_hook(lambda _m, of, name=name: seen.update({name: of[0]}))
    network(torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 1000)

    def normalized(x: torch.Tensor) -> torch.Tensor:
        total = torch.stack([(x[:, max(0, i - 4) : i + 5] ** 2).sum(1) for i in range(x.shape[1])], 1)
        return x / (1 + 1e-4 / 9 * total) ** 0.5

    def pooled(x: torch.Tensor) -> torch.Tensor:
        return nn.functional.max_pool2d(nn.functional.pad(x, (0, 1, 0, 1)), 3, 2)  # nothing is below 0 after a ReLU

    assert seen["conv2d0"].max() > 200  # enough to be normalized visibly
    torch.testing.assert_close(seen["conv2d1"], normalized(pooled(seen["conv2d0"])))
    torch.testing.assert_close(seen["mixed3a"], pooled(normalized(seen["conv2d2"])))


@torch.no_grad()
def test_weights_under_the_names_of_the_pytorch_port(full: Model, tmp_path: Path):
    port = {}
    for name, tensor in full.module.state_dict().items():
        layer, _, kind = name.rpartition(".")
        layer = layer.replace(".", "_")
        suffix = "_pre_activation_matmul" if layer == "softmax2" else "_pre_relu_conv"
        port[f"{layer}{suffix}.{kind}"] = tensor * 0.5
    torch.save(port, tmp_path / "port.pt")
    loaded = models.load("inceptionv1", weights=str(tmp_path / "port.pt"))
    expected = full.module.get_parameter("mixed4a.3x3_bottleneck.weight") * 0.5
    assert torch.equal(loaded.module.get_parameter("mixed4a.3x3_bottleneck.weight"), expected)
    assert loaded.fingerprint != full.fingerprint
