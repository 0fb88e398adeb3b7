"""Any network goes through index and synthesis. Oracle: hooks on the network as it was built, and plain arithmetic."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from batchnorms import with_statistics
from exemplum import images, models, store
from exemplum.explanations import synthetic
from exemplum.images import Corpus, ImageRecord
from exemplum.index import build_index
from exemplum.models import Model, ShapeError
from exemplum.records import Pole, Unit
from exemplum.study import pipeline
from exemplum.study.folder import Study

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NETS = """
import torch
from torch import Tensor, nn
from exemplum.models import Network, Preprocessing

class Net(nn.Module):
    def __init__(self, channels: int, opaque: bool = False) -> None:
        super().__init__()
        self.opaque = opaque
        self.one = nn.Sequential(nn.Conv2d(channels, 8, 3, 2), nn.BatchNorm2d(8), nn.SiLU())
        self.two = nn.Sequential(nn.Conv2d(8, 12, 3, 2), nn.BatchNorm2d(12), nn.ReLU(inplace=True))
        self.fc = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.two(self.one(x))
        if self.opaque and x.sum() > 1e9:  # a decision by value, which torch.fx cannot trace
            raise ValueError
        return self.fc(x.mean((2, 3)))

class Darkest(nn.Module):
    def forward(self, rgb: Tensor) -> Tensor:
        return torch.cat([rgb, rgb.amin(1, keepdim=True)], 1)

class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.blocks = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.patches(x).flatten(2).mT)

def grey():
    return Network(Net(1), Preprocessing(size=40, resize=48, mean=(0.4,), std=(0.2,)), channels=1)

def opaque():
    return Network(Net(3, opaque=True), Preprocessing.to_range(size=40, resize=40, low=-117, high=138))

def four():
    return Network(Net(4), Preprocessing(40, 40, mean=(0.1, 0.2, 0.3, 0.4), std=(0.2, 0.3, 0.4, 0.5)), channels=4)

def four_of_rgb():
    net = nn.Sequential(Darkest(), Net(4))
    return Network(net, Preprocessing(size=40, resize=48, mean=(0,) * 3, std=(1,) * 3))

def tokens():
    return Network(Attention(), Preprocessing(size=32, resize=32), token_axis=2)

def undeclared():
    return Attention()
"""


@dataclass(frozen=True)
class Case:
    """A unit of a network, and where a hook finds what it is: modules whose last inputs or outputs are side by side."""

    spec: str
    size: int
    layer: str
    at: tuple[str, ...] = ()  # the layer if empty
    inputs: bool = False  # of those modules, instead of outputs
    mean: tuple[float, ...] = IMAGENET[0]
    std: tuple[float, ...] = IMAGENET[1]
    maps: Callable[[Tensor], Tensor] = lambda value: value  # to (n, channels, …)

    def __str__(self) -> str:
        return f"{self.spec}-{self.layer}"


def patches(value: Tensor) -> Tensor:
    """(n, class token and patches, channels) → (n, channels, patches)."""
    return value[:, 1:].mT


CASES = [
    Case("torchvision:resnet18", 64, "layer3.1", at=("layer3.1.relu",), inputs=True),
    Case("torchvision:resnet50", 64, "layer2.3", at=("layer2.3.relu",), inputs=True),
    Case("torchvision:resnet18", 64, "fc"),
    Case("torchvision:googlenet", 64, "inception4a", at=tuple(
        f"inception4a.branch{tower}.bn" for tower in ("1", "2.1", "3.1", "4.1"))),
    Case("torchvision:googlenet", 64, "fc"),
    Case("torchvision:convnext_tiny", 64, "features.3.2"),
    Case("torchvision:vit_b_16", 32, "encoder.layers.encoder_layer_1", maps=patches),
    Case("torchvision:vit_b_16", 32, "encoder.layers.encoder_layer_0.mlp.0", maps=patches),
    Case("timm:vit_tiny_patch16_224", 32, "blocks.1", mean=(0.5,) * 3, std=(0.5,) * 3, maps=patches),
    Case("nets_of_mine:grey", 40, "two", at=("two.1",), mean=(0.4,), std=(0.2,)),
    Case("nets_of_mine:opaque", 40, "two", at=("two.1",), mean=(117 / 255,) * 3, std=(1 / 255,) * 3),
    Case("nets_of_mine:four", 40, "one", mean=(0.1, 0.2, 0.3, 0.4), std=(0.2, 0.3, 0.4, 0.5)),
    Case("nets_of_mine:four_of_rgb", 40, "1.fc", mean=(0,) * 3, std=(1,) * 3),
    Case("nets_of_mine:tokens", 32, "blocks.layers.0", maps=lambda value: value.mT),
]  # fmt: skip


class Bands:
    """Pictures of four channels."""

    name, fingerprint = "bands", "1"

    def __len__(self) -> int:
        return 3

    def record(self, row: int) -> ImageRecord:
        return ImageRecord(str(row))

    def decode(self, row: int) -> np.ndarray:
        return np.random.default_rng(row).integers(0, 256, (50, 44, 4), dtype=np.uint8)


@pytest.fixture(autouse=True)
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "nets_of_mine.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("nets_of_mine", None)


@pytest.fixture(scope="module")
def few(corpus: Corpus) -> Corpus:
    return images.subset(corpus, 3, np.random.default_rng(1))


def load(case: Case) -> Model:
    """The network with random weights and BatchNorms that do something, as after training."""
    if case.spec.startswith("timm"):
        pytest.importorskip("timm")
    return with_statistics(models.load(case.spec, input_size=case.size))


@torch.no_grad()
def by_hooks(case: Case, model: Model, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Activations, (pictures, units), of pictures uint8 (size, size, channels), from the network as it was built."""
    pixels = np.stack(pictures).astype(np.float32) / 255
    if pixels.shape[3] == 3 and len(case.mean) == 1:
        pixels = pixels @ np.float32([[0.299], [0.587], [0.114]])  # ITU-R 601-2
    inputs = torch.from_numpy((pixels - np.float32(case.mean)) / np.float32(case.std)).permute(0, 3, 1, 2)
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        return lambda _module, given, output: found.update({name: (given[0] if case.inputs else output).clone()})

    def keep_input(name: str) -> Callable[..., None]:  # before an in-place ReLU overwrites it
        return lambda _module, given: found.update({name: given[0].clone()})

    names = case.at or (case.layer,)
    handles = [
        model.module.get_submodule(name).register_forward_pre_hook(keep_input(name))
        if case.inputs
        else model.module.get_submodule(name).register_forward_hook(keep(name))
        for name in names
    ]
    model.module(inputs.contiguous())
    for handle in handles:
        handle.remove()
    maps = case.maps(torch.cat([found[name] for name in names], 1))
    return maps.flatten(2).mean(2).numpy() if maps.ndim > 2 else maps.numpy()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_index_and_synthesis_say_what_the_network_says(case: Case, few: Corpus):
    model = load(case)
    corpus = Bands() if model.channels == 4 else few
    expected = by_hooks(case, model, [model.crop(corpus.decode(row)) for row in range(len(corpus))])
    tolerance = {"rtol": 1e-3, "atol": 1e-4 * np.abs(expected).max()}

    index = build_index(model, corpus, [case.layer], workers=0, precision="float32")
    table = index.extremes[index.extremes["pole"] == "max"].pivot(index="row", columns="channel", values="activation")
    np.testing.assert_allclose(table.to_numpy(), expected, **tolerance)

    unit = Unit(case.layer, int(expected.std(0).argmax()))
    made = synthetic.visualize(model, [unit], index=index, images=1, steps=2, precision="float32")
    assert [picture.pole for picture in made] == [Pole.MAX, Pole.MIN]
    for picture in made:
        assert picture.image.dtype == np.uint8
        assert picture.image.shape == (case.size, case.size, len(case.mean))
        activation = by_hooks(case, model, [picture.image])[0, unit.channel]
        np.testing.assert_allclose(picture.activation, activation, **tolerance)
        below = float((expected[:, unit.channel] < activation).mean())
        assert picture.percentile == pytest.approx(100 * below)

    # on the bare image every step counts, while geometry makes a few steps go up and down
    bare = synthetic.recipe("borowski2021").with_(transforms=(), pad=0, images=1)
    first, last = (synthetic.visualize(model, [unit], bare, steps=steps, precision="float32") for steps in (0, 9))
    assert last[0].activation > first[0].activation
    assert last[1].activation < first[1].activation
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.module.modules())


STUDY = """
[model]
load = "nets_of_mine:grey"
[images]
limit = 120
[units]
layers = ["two"]
hand_picked = ["two:3"]
choose = "none"
practice = 1
[explanations]
batches = 2
[synthetic]
steps = 4
precision = "float32"
"""


def test_a_study_of_a_grey_network_measures_what_is_shown(tmp_path: Path):
    store.write_text(tmp_path / "study" / "study.toml", STUDY)
    study = Study.open(tmp_path / "study")
    pipeline.run(study, only=["index", "queries", "explanations"])
    case = next(case for case in CASES if case.spec == "nets_of_mine:grey")
    model = models.load(case.spec)  # as the study has it
    stimuli = pd.read_parquet(study.folder / "explanations/stimuli.parquet")
    assert set(stimuli["method"]) == {"natural", "synthetic"}
    for method, shown in stimuli.groupby("method"):
        pictures = [store.read_png(study.folder / path) for path in shown["path"]]
        assert {picture.shape for picture in pictures} == {(40, 40, 3)}
        measured = by_hooks(case, model, pictures)[range(len(shown)), shown["channel"]]
        np.testing.assert_allclose(shown["activation"], measured, rtol=1e-3, atol=1e-5)
        assert all((picture == picture[:, :, :1]).all() for picture in pictures) == (method == "synthetic")


def test_rgb_images_for_four_channels_say_what_to_do(few: Corpus):
    model = models.load("nets_of_mine:four")
    with pytest.raises(ShapeError, match="takes images of 4 channels, got 3; put a module in front of it"):
        build_index(model, few, ["one"], workers=0)


def test_tokens_that_nobody_declared_are_no_units(few: Corpus):
    model = models.load("nets_of_mine:undeclared", input_size=32)
    assert list(model.layers) == ["patches"]
    with pytest.raises(
        ShapeError, match=r"layer blocks gives shape \(1, 16, 16\): it is not known which axis is the channels"
    ):
        build_index(model, few, ["blocks"], workers=0)


def test_grey_pictures_are_shown_as_grey(tmp_path: Path):
    plane = np.random.default_rng(0).integers(0, 256, (5, 7, 1), dtype=np.uint8)
    store.write_png(tmp_path / "grey.png", plane)
    np.testing.assert_array_equal(store.read_png(tmp_path / "grey.png"), plane.repeat(3, axis=2))
    with pytest.raises(store.StoreError, match=r"four\.png cannot be written: .* got shape \(5, 7, 4\)"):
        store.write_png(tmp_path / "four.png", plane.repeat(4, axis=2))


TOKENS = """
[model]
load = "timm:vit_tiny_patch16_224"
input_size = 64
[images]
limit = 120
[units]
layers = ["blocks.2.attn", "blocks.2@cls"]
choose = "1 per layer"
practice = 2
[index]
objective = "max"
keep = 40
[explanations]
methods = ["natural", "synthetic"]
batches = 2
[synthetic]
steps = 2
precision = "float32"
[design]
participants = 2
practice = 2
blocks = 1
catch = 1
repeated = 1
[observers]
run = ["ideal", "chance"]
[analysis]
bootstrap = 50
"""


@pytest.mark.slow
def test_patches_and_class_tokens_inside_a_block_go_from_index_to_report(tmp_path: Path):
    pytest.importorskip("timm")
    store.write_text(tmp_path / "study" / "study.toml", TOKENS)
    study = Study.open(tmp_path / "study")
    pipeline.run(study)
    assert (study.folder / "report/index.html").exists()
    extremes = pd.read_parquet(study.folder / "index/extremes.parquet").set_index("layer")
    assert (extremes.loc["blocks.2@cls", ["y", "x"]] == -1).all(axis=None)
    patches = extremes.loc["blocks.2.attn"]
    assert (patches["bottom"] - patches["top"] == 16).all()
    assert (patches["left"] == 16 * patches["x"]).all()
    stimuli = pd.read_parquet(study.folder / "explanations/stimuli.parquet")
    assert set(stimuli["layer"]) == {"blocks.2.attn", "blocks.2@cls"}
    assert set(stimuli["method"]) >= {"natural", "synthetic"}
    model = models.load("timm:vit_tiny_patch16_224", input_size=64)
    found: dict[str, Tensor] = {}
    for name in ("blocks.2.attn", "blocks.2"):
        model.module.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: found.update({name: out}))
    for shown in stimuli.itertuples():
        picture = torch.tensor(store.read_png(study.folder / shown.path)).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            model.module((picture - 0.5) / 0.5)
        tokens = found[shown.layer.removesuffix("@cls")][0, :, shown.channel]
        expected = tokens[0] if shown.layer.endswith("@cls") else tokens[1:].max()
        assert shown.activation == pytest.approx(float(expected), rel=1e-3, abs=1e-4)
