"""Reading activations. Oracle: hooks on the whole network, unfused."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from batchnorms import with_statistics
from exemplum import models
from exemplum.models import Network, Preprocessing
from exemplum.models.model import Model

SIZE = 64


@pytest.fixture(scope="module")
def googlenet() -> Model:
    return with_statistics(models.load("torchvision:googlenet", input_size=SIZE))


@pytest.fixture(scope="module")
def resnet() -> Model:
    return with_statistics(models.load("torchvision:resnet18", input_size=SIZE))


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def hooked(model: Model, names: Sequence[str], images: Tensor) -> dict[str, Tensor]:
    """Outputs of modules, cloned before anything overwrites them."""
    values: dict[str, Tensor] = {}
    inputs = model.reader([]).normalize(images)
    handles = [
        model.module.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: values.update({name: output.clone()})
        )
        for name in names
    ]
    model.module(inputs)
    for handle in handles:
        handle.remove()
    return values


@torch.no_grad()
def test_after_the_relu_it_is_the_modules_output(googlenet: Model, images: Tensor):
    names = ["conv1", *googlenet.default_layers, "fc"]
    expected = hooked(googlenet, names, images)
    got = googlenet.reader(names, relu="after")(images)
    expected["fc"] = expected["fc"][:, :, None, None]
    for name in names:
        torch.testing.assert_close(got[name], expected[name], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_before_the_relu_it_is_the_branches_batch_norms(googlenet: Model, images: Tensor):
    layers = ["inception3a", "inception4d", "inception5b"]
    ends = ["branch1.bn", "branch2.1.bn", "branch3.1.bn", "branch4.1.bn"]
    norms = hooked(googlenet, [f"{layer}.{end}" for layer in layers for end in ends], images)
    got = googlenet.reader(layers)(images)
    for layer in layers:
        expected = torch.cat([norms[f"{layer}.{end}"] for end in ends], 1)
        torch.testing.assert_close(got[layer], expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_residual_block_before_its_relu_is_the_sum(resnet: Model, images: Tensor):
    norms = hooked(resnet, ["layer2.1.bn2", "layer2.0"], images)
    got = resnet.reader(["layer2.1", "layer2.1.bn2"])(images)
    torch.testing.assert_close(got["layer2.1.bn2"], norms["layer2.1.bn2"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(got["layer2.1"], norms["layer2.1.bn2"] + norms["layer2.0"], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_fused_is_unfused(resnet: Model, images: Tensor):
    fused, plain = (resnet.reader(resnet.default_layers, fuse=fuse) for fuse in (True, False))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in plain.modules())
    for name, maps in plain(images).items():
        torch.testing.assert_close(fused(images)[name], maps, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("layer", ["layer1.0.conv1", "layer1.0.bn1", "layer1.0.relu"])
def test_fusing_leaves_alone_what_is_asked_for(resnet: Model, images: Tensor, layer: str):
    if layer == "layer1.0.relu":  # called twice, so it names no one value
        with pytest.raises(models.ModelError, match="no layer"):
            resnet.reader([layer])
        return
    got = resnet.reader([layer, "layer1.0"])(images)[layer]
    torch.testing.assert_close(got, hooked(resnet, [layer], images)[layer], atol=1e-4, rtol=1e-4)


def test_nothing_past_the_deepest_layer_is_computed(googlenet: Model):
    reader = googlenet.reader(["inception3a"])
    convolutions = [node for node in reader.body.graph.nodes if "conv" in str(node.target)]
    assert len(convolutions) == 3 + 6  # the stem's and one block's
    assert not any("inception3b" in name or "fc" in name for name, _ in reader.named_modules())
    # the last ReLUs are not needed for what is before them: those of the stem and of two bottlenecks are
    assert sum("relu" in str(node.target) for node in reader.body.graph.nodes) == 3 + 2


def test_gradients_reach_the_images_and_no_weight(googlenet: Model, images: Tensor):
    pixels = images.clone().requires_grad_()
    reader = googlenet.reader(["inception4a"])
    reader(pixels)["inception4a"][:, 17].mean().backward()
    assert pixels.grad is not None
    assert (pixels.grad != 0).any()
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in reader.parameters())
    assert all(not parameter.requires_grad for parameter in googlenet.module.parameters())


def test_gradient_is_that_of_the_whole_network(resnet: Model, images: Tensor):
    pixels = images.clone().requires_grad_()
    reader = resnet.reader(["layer3.1"], relu="after")
    reader(pixels)["layer3.1"].square().sum().backward()
    other = images.clone().requires_grad_()
    kept = {}
    handle = resnet.module.get_submodule("layer3").register_forward_hook(
        lambda _m, _i, output: kept.update(value=output)
    )
    resnet.module(reader.normalize(other))
    handle.remove()
    kept["value"].square().sum().backward()
    torch.testing.assert_close(pixels.grad, other.grad, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_reading_leaves_the_model_as_it_was(resnet: Model, images: Tensor):
    fingerprint = resnet.fingerprint
    before = resnet.module(images)
    resnet.reader(["layer4.1"], dtype=torch.bfloat16)(images)
    assert torch.equal(resnet.module(images), before)
    assert models.Model(resnet.name, resnet.network).fingerprint == fingerprint


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_is_close_and_of_its_dtype(resnet: Model, images: Tensor, dtype: torch.dtype):
    exact = resnet.reader(["layer3.1"])(images)["layer3.1"]
    got = resnet.reader(["layer3.1"], dtype=dtype)(images)["layer3.1"]
    assert got.dtype == dtype
    assert torch.corrcoef(torch.stack([got.float().flatten(), exact.flatten()]))[0, 1] > 0.999


@torch.no_grad()
def test_convolutional_layers_take_other_sizes(resnet: Model):
    maps = resnet.reader(["layer2.1"])(torch.rand(1, 3, 83, 120))["layer2.1"]
    assert maps.shape == (1, 128, 11, 15)


def test_within_redirected_relu_a_dead_image_gets_a_gradient(resnet: Model):
    reader = resnet.reader(["layer1.1"])
    first = next(iter(module for name, module in reader.body.named_modules() if isinstance(module, nn.Conv2d)))
    first.bias = nn.Parameter(torch.full((64,), -100.0), requires_grad=False)  # all units of the stem are dead

    def gradient() -> Tensor:
        pixels = torch.rand(1, 3, SIZE, SIZE, requires_grad=True)
        (-reader(pixels)["layer1.1"].mean()).backward()
        assert pixels.grad is not None
        return pixels.grad

    assert not gradient().any()
    with reader.redirected_relu():
        assert gradient().any()
    with reader.redirected_relu(torch.tensor([False])):
        assert not gradient().any()
    assert not gradient().any()


@torch.no_grad()
def test_tokens_become_a_grid_without_the_class_token(images: Tensor):
    vit = models.load("torchvision:vit_b_16", input_size=SIZE)
    layer = vit.default_layers[0]
    assert layer == "encoder.layers.encoder_layer_0"
    assert vit.layer(layer).channels == 768
    tokens = hooked(vit, [layer], images)[layer]
    maps = vit.reader([layer])(images)[layer]
    assert maps.shape == (2, 768, 4, 4)
    torch.testing.assert_close(maps[:, :, 1, 2], tokens[:, 1 + 4 + 2], atol=1e-4, rtol=1e-4)
    # it has positions for one size only: other images are resized to it
    assert vit.reader([layer])(torch.rand(1, 3, 83, 83))[layer].shape == (1, 768, 4, 4)


@torch.no_grad()
def test_channels_last_outputs_are_turned(images: Tensor):
    swin = models.load("torchvision:swin_t", input_size=SIZE)
    expected = hooked(swin, ["features.1"], images)["features.1"]
    assert expected.shape == (2, 16, 16, 96)
    got = swin.reader(["features.1.1"])(images)["features.1.1"]
    torch.testing.assert_close(got, expected.permute(0, 3, 1, 2), atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize(("name", "layers"), [
    ("vit_b_16", ["encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_0.mlp.0", "heads.head"]),  # GELU
    ("convnext_tiny", ["features.1.0", "features.1.0.block.4"]),  # GELU, channels last
    ("efficientnet_b0", ["features.0", "features.1.0"]),  # SiLU
    ("mobilenet_v3_small", ["features.0", "features.1"]),  # Hardswish, ReLU within
])  # fmt: skip
def test_without_a_relu_at_its_end_a_layer_gives_its_output(name: str, layers: list[str], images: Tensor):
    model = with_statistics(models.load(f"torchvision:{name}", input_size=32))
    small = images[:, :, :32, :32]
    expected = hooked(model, layers, small)
    before, after = model.reader(layers)(small), model.reader(layers, relu="after")(small)
    for layer in layers:
        assert torch.equal(before[layer], after[layer])
        flat = before[layer].flatten(2).mT if expected[layer].ndim == 3 else before[layer].squeeze((2, 3))
        own = expected[layer][:, -flat.shape[1] :] if expected[layer].ndim == 3 else expected[layer]
        own = own.movedim(3, 1) if own.ndim == 4 and own.shape != flat.shape else own
        torch.testing.assert_close(flat, own, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_what_enters_a_gelu_is_the_layer_before_it(images: Tensor):
    model = models.load("torchvision:vit_b_16", input_size=32)
    layers = ["encoder.layers.encoder_layer_0.mlp.0", "encoder.layers.encoder_layer_0.mlp.1"]
    got = model.reader(layers)(images[:, :, :32, :32])
    torch.testing.assert_close(got[layers[1]], nn.functional.gelu(got[layers[0]]))


def test_a_compiled_reader_gives_the_same_at_every_size():
    # aot_eager: all of compiling but the making of machine code, which needs a compiler
    model = models.load("embedded")
    plain, compiled = model.reader(["mixed3a"]), model.reader(["mixed3a"])
    compiled.compile_body(backend="aot_eager", mode=None)
    for size in (40, 45, 40):
        pixels = torch.rand(2, 3, size, size, requires_grad=True)
        found, expected = compiled(pixels)["mixed3a"], plain(pixels)["mixed3a"]
        torch.testing.assert_close(found, expected)
        gradients = [torch.autograd.grad(maps.square().sum(), pixels)[0] for maps in (found, expected)]
        torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)
    with compiled.redirected_relu(), plain.redirected_relu():
        torch.testing.assert_close(compiled(pixels)["mixed3a"], plain(pixels)["mixed3a"])


def test_a_network_without_parameters_is_read():
    pool = nn.Sequential(nn.AvgPool2d(2), nn.ReLU())
    model = Model("pool", Network(pool, Preprocessing(8, 8, mean=(0.0,) * 3, std=(1.0,) * 3)))
    reader = model.reader(["0"])
    images = torch.rand(2, 3, 8, 8)
    assert reader.device == torch.device("cpu")
    with reader.redirected_relu():
        torch.testing.assert_close(reader(images)["0"], nn.functional.avg_pool2d(images, 2))
