"""The similarity observer never compares by the tested network's features, unless asked to, and then it says so."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import exemplum as ex
from exemplum import models
from exemplum.errors import UserError
from exemplum.models import Model, shared_weights
from exemplum.observers import ObserverError, Similarity, feature_network
from exemplum.observers.stage import STAGE
from exemplum.study.folder import Study
from exemplum.study.pipeline import refuse


def network(seed: int, width: int = 16, head: int = 10) -> nn.Sequential:
    torch.manual_seed(seed)
    trunk = nn.Sequential(*(nn.Sequential(nn.Conv2d(width if k else 3, width, 3), nn.ReLU()) for k in range(4)))
    return nn.Sequential(OrderedDict(trunk=trunk, flat=nn.AdaptiveAvgPool2d(1), head=nn.Conv2d(width, head, 1)))


def model(module: nn.Module) -> Model:
    return ex.load(module, input_size=32)


def test_networks_from_different_starts_share_no_weights():
    assert shared_weights(model(network(0)), model(network(1))) == 0
    lite = [models.load(name) for name in models.LITE]
    assert shared_weights(lite[0], lite[1]) == shared_weights(lite[1], lite[2]) == 0
    assert shared_weights(lite[0], models.load("embedded")) == 0


def test_a_common_trunk_is_found_under_other_names_and_precision():
    whole, other = network(0), network(1)
    assert shared_weights(model(whole), model(nn.Sequential(OrderedDict(net=whole.half().float())))) == 1
    other.trunk = whole.trunk
    other.head = nn.Conv2d(16, 12, 1)
    assert shared_weights(model(whole), model(other)) == 4 / 5
    # a larger network that contains a smaller one
    both = nn.Sequential(OrderedDict(small=whole.trunk, big=nn.Sequential(*(nn.Conv2d(16, 16, 3) for _ in range(9)))))
    assert shared_weights(model(whole.trunk), model(both)) == 1


def test_of_a_table_of_activations_it_is_not_known(tmp_path: Path):
    pd.DataFrame({"image": ["a", "b"], "u": [0.0, 1.0]}).to_csv(tmp_path / "t.csv", index=False)
    found = feature_network.choose(tested=ex.load(f"table:{tmp_path / 't.csv'}"))
    assert found.about.endswith("128 px; whether the tested network has the same weights is not known")
    assert not found.is_tested


def test_a_fine_tuned_network_is_its_ancestor():
    first, tuned = network(0), network(0)
    with torch.no_grad():
        for weight in tuned.parameters():
            weight += 0.2 * weight.std().nan_to_num(0) * torch.randn_like(weight)
    assert shared_weights(model(first), model(tuned)) == 1


LITE0 = ("efficientnet-lite0", 128)


def test_auto_takes_lite0_and_for_lite0_the_embedded_network():
    embedded, lite0 = ex.load("embedded"), ex.load("efficientnet-lite0")
    for tested, name, size in (
        (embedded, "efficientnet-lite0", 128),
        (lite0, "embedded", 96),
        (None, "efficientnet-lite0", 128),
    ):
        found = feature_network.choose(tested=tested)
        assert (found.model.name, found.model.input_size, found.is_tested) == (name, size, False)
        assert found.layers == found.model.default_layers
    own = ex.load(nn.Sequential(OrderedDict(seen=lite0.module.conv_stem, blocks=lite0.module.blocks)), input_size=64)
    assert feature_network.choose(tested=own).model.name == "embedded"
    both = ex.load(nn.ModuleList([lite0.module, embedded.module]), input_size=64)
    with pytest.raises(ObserverError, match="in common with efficientnet-lite0 and with embedded; name another"):
        feature_network.choose(tested=both)


def test_the_tested_network_is_refused_unless_asked_for():
    embedded = ex.load("embedded")
    with pytest.raises(ObserverError, match="has 100% of its weights in common with the tested network") as caught:
        feature_network.choose("embedded", embedded)
    assert "same_network = true" in str(caught.value)
    assert "\n" not in str(caught.value)
    found = feature_network.choose("embedded", embedded, same_network=True)
    assert found.is_tested
    assert found.about == "embedded at 96 px, which has 100% of its weights in common with the tested network"


def test_an_observer_by_the_tested_network_is_called_so():
    embedded = ex.load("embedded", input_size=48)
    pictures = dict(zip("abcd", np.random.default_rng(0).integers(0, 255, (4, 48, 48, 3), np.uint8), strict=True))
    trial = ex.make_trial("mixed4a:30", max=["a"], min=["b"], queries=("c", "d"))
    of = Similarity.of_pictures
    assert of(pictures, tested=embedded).name == "similarity"
    own = of(pictures, model=embedded, tested=embedded, same_network=True)
    assert own.name == "similarity-same-network"
    assert set(ex.observe(own, [trial])["observer"]) == {"similarity-same-network"}
    without = [layer for layer in embedded.default_layers if layer != "mixed4a"]
    assert own.evidence(trial) == pytest.approx(of(pictures, model=embedded, layers=without).evidence(trial))


TOML = "[units]\nlayers = ['mixed4a']\n[observers.similarity]\n"


def study(folder: Path, text: str) -> Study:
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return Study.open(folder)


@pytest.mark.parametrize(("text", "said"), [
    ("model = 'embedded'", "embedded is the tested network, which would judge itself; use model = \"auto\""),
    ("weights = 'absent.pt'", "weights need a model"),
    ("model = 'inceptionv1'\nweights = 'absent.pt'", "absent.pt does not exist"),
    ("layer = 'mixed4f'\nmodel = 'embedded'\nsame_network = true", "did you mean mixed4"),
])  # fmt: skip
def test_names_are_checked_without_a_network(tmp_path: Path, text: str, said: str):
    with pytest.raises(UserError) as caught:
        STAGE.check_names(study(tmp_path, TOML + text))
    assert "study.toml: [observers.similarity]: " in str(caught.value)
    assert said in str(caught.value)


def test_copies_of_the_tested_network_are_found_before_any_work(tmp_path: Path):
    torch.save(ex.load("embedded").module.state_dict(), tmp_path / "copy.pt")
    with pytest.raises(UserError, match="has 100% of its weights in common with the tested network"):
        refuse(study(tmp_path, TOML + "model = 'embedded'\nweights = 'copy.pt'"))
    refuse(study(tmp_path, TOML + "model = 'embedded'\nweights = 'copy.pt'\nsame_network = true"))


def test_a_study_of_lite0_is_judged_by_the_embedded_network(tmp_path: Path):
    made = study(tmp_path, "[model]\nload = 'efficientnet-lite0'\n")
    STAGE.check_names(made)
    assert feature_network.of_study(made, "similarity").about == "embedded at 96 px, independent of the tested network"
