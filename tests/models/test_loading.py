"""Models by name, and what is said when there is none."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from exemplum import models
from exemplum.models import ModelError
from exemplum.models.network import Preprocessing
from exemplum.records import Unit

FACTORY = """
import torch
from torch import nn
from exemplum.models import Network, Preprocessing

def grey():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))

class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.block = nn.Conv2d(3, 6, 4, 4), nn.Linear(6, 6)

    def forward(self, x):
        return self.block(self.patches(x).flatten(2).transpose(1, 2))

def undeclared():
    return Network(Tokens(), Preprocessing(16, 16))

def declared():
    return Network(Tokens(), Preprocessing(16, 16), token_axis=2)

number = 3

def needs_a_file():
    return nn.Linear("3", 2)
"""


def test_a_model_has_the_same_fingerprint_in_every_process():
    specs = ["embedded", "torchvision:resnet18"]
    code = f"from exemplum import models; print(*(models.load(s).fingerprint for s in {specs}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    torch.rand(3)  # the caller's random state plays no part
    assert found == [models.load(spec).fingerprint for spec in specs]


def test_fingerprints_tell_weights_and_preprocessing_apart(tmp_path: Path):
    model = models.load("embedded")
    weights = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    weights["mixed3a.1x1.bias"][0] += 1e-3
    save_file(weights, tmp_path / "changed.safetensors")
    changed = models.load("embedded", weights=str(tmp_path / "changed.safetensors"))
    resized = models.load("embedded", input_size=64)
    assert len({model.fingerprint, changed.fingerprint, resized.fingerprint}) == 3


def test_loading_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    models.load("torchvision:resnet18")
    assert torch.rand(1) == expected


def test_preprocessing_is_that_of_the_weights():
    assert models.load("torchvision:resnet18").preprocessing == Preprocessing(224, 256)
    efficient = models.load("torchvision:efficientnet_b1").preprocessing  # IMAGENET1K_V2
    assert (efficient.size, efficient.resize, efficient.interpolation) == (240, 255, "bilinear")
    small = models.load("torchvision:resnet18", input_size=112).preprocessing
    assert (small.size, small.resize) == (112, 128)


def test_weights_of_a_file_with_other_heads_and_classes(tmp_path: Path):
    from torchvision.models import googlenet

    published = googlenet(aux_logits=True, init_weights=False, num_classes=7)
    torch.save(published.state_dict(), tmp_path / "g.pth")
    model = models.load("torchvision:googlenet", weights=str(tmp_path / "g.pth"), input_size=64)
    assert model.layer("fc").channels == 7
    assert model.module.transform_input  # as torchvision has it with its own weights
    assert torch.equal(model.module.conv1.conv.weight, published.conv1.conv.weight)


def test_random_googlenet_is_not_silent():
    reader = models.load("torchvision:googlenet", input_size=64).reader(["inception5b"])
    with torch.no_grad():
        assert 0.01 < reader(torch.rand(2, 3, 64, 64))["inception5b"].std() < 100


@pytest.mark.parametrize(("spec", "said"), [
    ("embeded", "did you mean embedded"),
    ("resnet50", "did you mean torchvision:resnet50"),
    ("torchvision:resnet51", "did you mean resnet50"),
    ("timm:resnet5O", "did you mean"),
    ("torchvison:resnet50", "did you mean torchvision"),
    ("no_such_package:net", "no Python module 'no_such_package'"),
    ("torch.nn:Linaer", "did you mean Linear"),
])  # fmt: skip
def test_unknown_models_name_the_close_ones(spec: str, said: str):
    if spec.startswith("timm"):
        pytest.importorskip("timm")
    with pytest.raises(models.ModelError) as caught:
        models.load(spec)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_layers_and_units_name_the_close_ones():
    model = models.load("embedded")
    with pytest.raises(models.ModelError, match="has no layer 'mixed4f'; did you mean mixed4"):
        model.layer("mixed4f")
    with pytest.raises(models.ModelError, match="has no layer"):
        model.reader(["mixed4a", "mixed4f"])
    with pytest.raises(models.ModelError, match="mixed3a has channels 0 to 127"):
        model.branch(Unit("mixed3a", 128))


def test_an_absent_file_of_weights_names_the_close_ones(tmp_path: Path):
    (tmp_path / "inception_v1.pt").touch()
    told = r"the weights file .*inceptionv1\.pt does not exist; did you mean inception_v1\.pt"
    with pytest.raises(models.WeightsError, match=told):
        models.load("inceptionv1", weights=str(tmp_path / "inceptionv1.pt"))
    with pytest.raises(models.WeightsError, match=r"no weights 'IMAGENET1K_V9'.*did you mean IMAGENET1K_V1"):
        models.load("torchvision:resnet18", weights="IMAGENET1K_V9")


def test_weights_that_cannot_be_downloaded_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens on the discard port
    with pytest.raises(
        models.WeightsError, match="DEFAULT of torchvision:squeezenet1_1 could not be downloaded"
    ) as caught:
        models.load("torchvision:squeezenet1_1", weights="DEFAULT")
    assert "\n" not in str(caught.value)


def test_a_wrong_file_of_weights_says_what_does_not_fit(tmp_path: Path):
    weights = models.load("embedded").module.state_dict()
    weights["mixed3a.1x1.extra"] = weights.pop("mixed3a.1x1.bias")
    weights["conv2d0.weight"] = weights["conv2d0.weight"][:3].contiguous()
    save_file(weights, tmp_path / "wrong.safetensors")
    with pytest.raises(models.WeightsError) as caught:
        models.load("embedded", weights=str(tmp_path / "wrong.safetensors"))
    said = str(caught.value)
    assert "missing in the file: mixed3a.1x1.bias" in said
    assert "not in the network: mixed3a.1x1.extra" in said
    assert "conv2d0.weight (3, 3, 5, 5) instead of (32, 3, 5, 5)" in said
    assert "\n" not in said


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pt"])
def test_a_broken_file_of_weights_says_so(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"not weights at all")
    with pytest.raises(models.WeightsError, match=rf"{name} is neither a safetensors file nor a torch state dict"):
        models.load("embedded", weights=str(tmp_path / name))


def test_pickled_code_in_a_file_is_not_run(tmp_path: Path):
    torch.save(nn.Linear(2, 2), tmp_path / "module.pt")
    with pytest.raises(models.WeightsError):
        models.load("embedded", weights=str(tmp_path / "module.pt"))


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "my_factories.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("my_factories", None)


@pytest.mark.usefixtures("factories")
def test_a_users_grey_network_in_the_working_directory(tmp_path: Path):
    model = models.load("my_factories:grey", input_size=32)
    assert (model.channels, model.input_size) == (1, 32)
    assert [(layer.name, layer.channels) for layer in model.layers.values()] == [("0", 4), ("4", 2)]
    with torch.no_grad():
        assert model.reader(["0"])(torch.rand(2, 3, 32, 32))["0"].shape == (2, 4, 30, 30)
    torch.save({"state_dict": model.module.state_dict()}, tmp_path / "grey.pt")
    assert models.load("my_factories:grey", weights="grey.pt", input_size=32).fingerprint == model.fingerprint


def test_a_forward_that_was_edited_is_another_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    text = "from torch import nn\n\nclass Net(nn.Linear):\n    def forward(self, x):\n        return x\n\ndef net():\n"
    found = []
    for k, forward in enumerate(["return x", "return -x", "return x"]):  # same names, same weights
        (tmp_path / f"edited{k}.py").write_text(text.replace("return x", forward) + "    return Net(2, 2)\n")
        found.append(models.load(f"edited{k}:net").fingerprint)
        sys.modules.pop(f"edited{k}")
    assert found[0] != found[1]
    assert found[0] == found[2]


@pytest.mark.usefixtures("factories")
def test_tokens_are_an_error_until_their_axis_is_declared():
    undeclared = models.load("my_factories:undeclared")
    assert list(undeclared.layers) == ["patches"]
    with pytest.raises(models.ShapeError, match=r"layer block gives shape \(1, 16, 6\)"):
        undeclared.reader(["block"])
    declared = models.load("my_factories:declared")
    assert declared.layer("block").channels == 6
    with torch.no_grad():
        maps = declared.reader(["block"])(torch.rand(2, 3, 16, 16))["block"]
    assert maps.shape == (2, 6, 4, 4)


@pytest.mark.usefixtures("factories")
def test_a_factory_must_give_a_network():
    with pytest.raises(models.ModelError, match="my_factories:number returned a int"):
        models.load("my_factories:number")


FORWARD = """
from torch import nn

class Traced(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(4, 8, 3)

    def forward(self, images):
        maps = self.first(images)
        return self.second(maps)

class Hooked(Traced):
    def forward(self, images):
        if self.first(images).mean() > 1000:
            return images
        return images.nothing

class Asking(Traced):
    def __init__(self, size):
        super().__init__()

def text():
    return "a model"
"""


@pytest.mark.parametrize(
    ("name", "reason", "line"),
    [
        # a traced network is run as a graph, which has no lines: the module itself is asked
        ("Traced", "does not accept images of 3 × 224 × 224 .*: Given groups=1, weight of size", 11),
        ("Hooked", "does not accept images of 3 × 224 × 224 .*: 'Tensor' object has no attribute 'nothing'", 17),
        ("Asking", "cannot be called with the arguments that it is given: missing a required argument: 'size'", 19),
        ("text", "forwards:text returned a str; it must return an nn.Module or a models.Network", 23),
    ],
)
def test_a_fault_of_a_network_is_one_line_with_its_place(name, reason, line, tmp_path: Path):
    (tmp_path / "forwards.py").write_text(FORWARD)
    with pytest.raises(models.ModelError, match=rf"{reason}.*\(.*forwards\.py, line {line}\)") as told:
        _ = models.load(f"forwards:{name}", places=[tmp_path]).layers
    assert "\n" not in str(told.value)


@pytest.mark.usefixtures("factories")
def test_what_a_factory_raises_is_one_line_with_its_place(tmp_path: Path):
    line = 1 + FACTORY.splitlines().index('    return nn.Linear("3", 2)')
    with pytest.raises(
        models.ModelError, match=rf"my_factories:needs_a_file failed: TypeError: .*my_factories\.py, line {line}"
    ):
        models.load("my_factories:needs_a_file")
    (tmp_path / "unwritten.py").write_text("\n\ndef net(:")
    with pytest.raises(
        models.ModelError, match=r"unwritten cannot be imported: invalid syntax \(.*unwritten\.py, line 3"
    ):
        models.load("unwritten:net")
    (tmp_path / "needing.py").write_text("import no_such_package")
    with pytest.raises(models.ModelError, match=r"'no_such_package' \(.*needing\.py, line 1") as caught:
        models.load("needing:net")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("factories")
def test_refused_images_name_their_shape_and_the_remedy():
    with pytest.raises(models.ModelError, match=r"images of 1 × 1 × 1 \(channels, height, width\): .*declare size"):
        _ = models.load("my_factories:grey", input_size=1).layers


def test_random_classifiers_that_start_at_zero_are_not_dead():
    # torchvision's initialization of the head of its vision transformers is zero
    weights = models.load("torchvision:vit_b_16", input_size=32).module.get_parameter("heads.head.weight")
    assert weights.std() == pytest.approx((2 / 768) ** 0.5, rel=0.01)  # He et al. 2015


def test_timm_models_come_with_their_preprocessing_and_tokens():
    pytest.importorskip("timm")
    model = models.load("timm:vit_tiny_patch16_224", input_size=64)
    assert model.preprocessing == Preprocessing(64, 71, (0.5,) * 3, (0.5,) * 3, "bicubic")
    assert model.default_layers[-1] == "blocks.11"
    with torch.no_grad():
        assert model.reader(["blocks.1"])(torch.rand(1, 3, 64, 64))["blocks.1"].shape == (1, 192, 4, 4)


def test_a_model_is_sent_as_the_way_to_load_it():
    model = models.load("embedded", input_size=48)
    sent = pickle.dumps(model)
    assert len(sent) < 1000  # no weights
    arrived = pickle.loads(sent)
    assert (arrived.fingerprint, arrived.input_size) == (model.fingerprint, 48)


def test_a_model_that_would_be_another_one_elsewhere_is_refused():
    model = models.load("embedded", input_size=48)
    with torch.no_grad():
        next(model.module.parameters())[0] += 1
    with pytest.raises(ModelError, match="model embedded is different on "):
        pickle.loads(pickle.dumps(model))


def test_the_list_of_the_embedded_networks_layers_is_that_of_the_network():
    """It is checked without torch, so it lies beside the weights; the network is the oracle."""
    model = models.load("embedded")
    listed = models.embedded_layers()
    assert {name: model.layer(name).channels for name in listed} == listed
    assert list(listed)[: len(model.layers)] == list(model.layers)
    others = {name for name, _ in model.module.named_modules()} - set(listed)
    for name in others:  # whatever is not listed cannot be read
        with pytest.raises(models.ModelError):
            model.layer(name)


@pytest.mark.parametrize("legacy", [True, False])
def test_what_torch_saves_is_taken_for_weights(tmp_path: Path, legacy: bool):
    path = tmp_path / "weights.pt"
    torch.save({"a": torch.zeros(3)}, path, _use_new_zipfile_serialization=not legacy)
    models.check_weights(path)
    path.write_bytes(path.read_bytes()[3:-40])
    with pytest.raises(models.WeightsError, match="neither a safetensors file nor a torch state dict"):
        models.check_weights(path)
