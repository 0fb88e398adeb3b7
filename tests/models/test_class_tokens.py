"""Class tokens of vision transformers as layers and as an objective. Oracle: the network's own forward, with hooks."""

import numpy as np
import pytest
import torch
from torchvision.models import VisionTransformer

from exemplum import images, models
from exemplum.errors import UserError
from exemplum.explanations import synthetic
from exemplum.explanations.natural import NaturalParameters, check_places
from exemplum.index import build_index
from exemplum.models import ModelError
from exemplum.records import Pole

LAYERS = ["blocks.1", "blocks.2.attn", "blocks.2.mlp.fc1"]


@pytest.fixture(scope="module")
def vit():
    return models.load("timm:vit_tiny_patch16_224", input_size=64)


@pytest.fixture(scope="module")
def few(corpus):
    return images.subset(corpus, 30, np.random.default_rng(2))


@pytest.fixture(scope="module")
def tokens(vit, few):
    """Layer → tokens (images, 1 + 16, channels) of the corpus, by hooks."""
    found, cropped = {}, np.stack([vit.crop(few.decode(row)) for row in range(len(few))])
    handles = [
        vit.module.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: found.update({name: out}))
        for name in LAYERS
    ]
    inputs = torch.from_numpy(cropped).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (vit.preprocessing.mean, vit.preprocessing.std))
    with torch.no_grad():
        vit.module((inputs - mean) / std)
    for handle in handles:
        handle.remove()
    return {name: value.numpy() for name, value in found.items()}


@pytest.mark.parametrize(
    ("objective", "pooled"),
    [("channel", lambda t: t[:, 1:].mean(1)), ("max", lambda t: t[:, 1:].max(1)), ("cls", lambda t: t[:, 0])],
)
def test_each_objective_is_its_number_of_the_tokens(vit, few, tokens, objective, pooled):
    index = build_index(vit, few, LAYERS, objective=objective, keep=4, workers=0)
    for layer in LAYERS:
        expected = pooled(tokens[layer])
        top = index.top(f"{layer}:7", "max")
        np.testing.assert_array_equal(top["row"], np.argsort(-expected[:, 7])[:4])
        np.testing.assert_allclose(top["activation"], np.sort(expected[:, 7])[::-1][:4], rtol=1e-3, atol=1e-4)
        if objective == "cls":
            assert top[["y", "x"]].eq(-1).all(axis=None)
            assert top[["top", "left", "bottom", "right"]].eq([0, 0, 64, 64]).all(axis=None)
        else:
            patch = tokens[layer][top["row"], 1:, 7].argmax(1)
            np.testing.assert_array_equal(top["y"] * 4 + top["x"], patch)
            np.testing.assert_array_equal(top["top"], patch // 4 * 16)
            np.testing.assert_array_equal(top["right"], patch % 4 * 16 + 16)


def test_a_class_token_is_a_layer_too(vit, few, tokens):
    assert vit.layer("blocks.1@cls").channels == 192
    both = build_index(vit, few, ["blocks.1@cls", "blocks.1"], keep=4, workers=0)
    rows, values = both.ranked("blocks.1@cls:3")
    np.testing.assert_allclose(values, tokens["blocks.1"][rows, 0, 3], rtol=1e-3, atol=1e-4)
    rows, values = both.ranked("blocks.1:3")
    np.testing.assert_allclose(values, tokens["blocks.1"][rows, 1:, 3].mean(1), rtol=1e-3, atol=1e-4)


def test_class_tokens_have_no_place(vit, few):
    attached = vit.with_dictionary("found", "blocks.1@cls", np.eye(5, 192, dtype=np.float32))
    for model, layer in ((vit, "blocks.1@cls"), (attached, "found")):
        assert (model.grid(layer).cells, model.grid(layer).is_spatial) == ((1, 1), False)
    assert (vit.grid("blocks.1").cells, vit.grid("blocks.1").is_spatial) == ((4, 4), True)
    index = build_index(vit, few, ["blocks.1"], keep=4, workers=0, objective="cls")
    heat = index.heatmap("blocks.1:5", 3)  # one value everywhere, the unit's activation
    rows, values = index.ranked("blocks.1:5")
    np.testing.assert_allclose(heat, np.full((64, 64), values[rows == 3]), rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match=r"layer blocks\.1@cls has none"):
        check_places(vit, ["blocks.1"], "cls", NaturalParameters(show="heatmap"))


def test_a_dictionary_can_be_over_class_tokens(vit, few, tokens):
    directions = np.random.default_rng(0).normal(size=(5, 192)).astype(np.float32)
    for model, layer in (
        (vit.with_dictionary("found", "blocks.1@cls", directions), "found"),
        (vit.with_dictionary("found", "blocks.1", directions), "found@cls"),
    ):
        rows, values = build_index(model, few, [layer], keep=4, workers=0).ranked(f"{layer}:2")
        np.testing.assert_allclose(values, tokens["blocks.1"][rows, 0] @ directions[2], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("objective", ["max", "cls"])
@pytest.mark.parametrize("pole", list(Pole))
def test_synthesis_optimizes_the_objective_that_the_index_measures(vit, few, objective, pole):
    index = build_index(vit, few, ["blocks.2.attn"], objective=objective, keep=4, workers=0)
    made = synthetic.visualize(
        vit, "blocks.2.attn:5", objective=objective, poles=pole, images=2, steps=30, index=index, seed=1
    )
    sign = 1 if pole is Pole.MAX else -1
    for picture in made:
        assert sign * picture.activation > sign * index.units.iloc[index.row("blocks.2.attn:5")]["q50"]
        maps = vit.reader(["blocks.2.attn", "blocks.2.attn@cls"])(
            torch.from_numpy(picture.image).permute(2, 0, 1)[None] / 255
        )
        plane = maps["blocks.2.attn@cls" if objective == "cls" else "blocks.2.attn"][0, 5]
        assert picture.activation == pytest.approx(float(plane.max()), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "layer"),
    [("embedded", "mixed4a"), ("timm:vit_tiny_patch16_224", "patch_embed.proj"), ("timm:vit_tiny_patch16_224", "head")],
)
def test_layers_without_a_class_token_are_refused(name, layer):
    model = models.load(name, input_size=64)
    with pytest.raises(ModelError, match=f"layer {layer} of model {name} has no class token"):
        model.layer(f"{layer}@cls")


def test_registers_are_no_class_token():
    model = models.load("timm:vit_wee_patch16_reg1_gap_256", input_size=64)
    assert model.network.prefix_tokens == 1
    with pytest.raises(ModelError, match="no class token"):
        model.layer("blocks.1@cls")


def test_torchvision_has_class_tokens_too():
    model = models.load(VisionTransformer(64, 16, 2, 2, 32, 64), input_size=64)
    layer = "encoder.layers.encoder_layer_1"
    maps = model.reader([layer, f"{layer}@cls"])(torch.rand(2, 3, 64, 64))
    assert maps[layer].shape == (2, 32, 4, 4)
    assert maps[f"{layer}@cls"].shape == (2, 32, 1, 1)
