"""Dictionaries attached to a model are layers: their values, gradients, names, fingerprints, and processes."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import exemplum as ex
from exemplum.models import ModelError
from exemplum.models.dictionaries import directions, of_module, sae
from exemplum.models.reader import HookedBody, Lanes, unjoined

LAYER, CHANNELS, FEATURES = "mixed4a", 256, 300
RNG = torch.Generator().manual_seed(0)
W_ENC = torch.randn(CHANNELS, FEATURES, generator=RNG) / 16
B_ENC = torch.randn(FEATURES, generator=RNG) / 10
B_DEC = torch.rand(CHANNELS, generator=RNG)
IMAGES = torch.rand(3, 3, 48, 48, generator=RNG)


@pytest.fixture(scope="module")
def after(model):
    """The layer's output, channels last."""
    return model.reader([LAYER], relu="after")(IMAGES)[LAYER].movedim(1, -1)


def features(model, dictionary, **settings) -> torch.Tensor:
    attached = model.with_dictionary("found", LAYER, dictionary, **settings)
    return attached.reader(["found"])(IMAGES)["found"].movedim(1, -1)


def keep_largest(values: torch.Tensor, k: int) -> torch.Tensor:
    """By sorting; each position on its own."""
    least = values.sort(dim=-1, descending=True).values[..., k - 1 : k]
    return torch.where(values >= least, values, 0).clamp_min(0)


THRESHOLDS = torch.rand(FEATURES, generator=RNG)


@pytest.mark.parametrize(("activation", "threshold", "expected"), [
    ("none", None, lambda z: z),
    ("relu", None, lambda z: z.clamp_min(0)),
    ("topk:7", None, lambda z: keep_largest(z, 7)),
    (f"topk:{FEATURES}", None, lambda z: z.clamp_min(0)),
    ("batchtopk:32", 0.4, lambda z: torch.where(z > 0.4, z, 0)),
    ("jumprelu", THRESHOLDS, lambda z: torch.where(z > THRESHOLDS, z, 0)),
    ("jumprelu", -THRESHOLDS, lambda z: z.clamp_min(0)),
])  # fmt: skip
def test_features_of_an_autoencoder_are_its_formula(model, after, activation, threshold, expected):
    found = features(model, sae(W_ENC, B_ENC, b_dec=B_DEC, activation=activation, threshold=threshold))
    torch.testing.assert_close(found, expected((after - B_DEC) @ W_ENC + B_ENC), rtol=1e-4, atol=1e-4)


def test_b_dec_is_subtracted_only_if_it_is_to_be(model, after):
    found = features(model, sae(W_ENC, B_ENC, b_dec=B_DEC, activation="relu", pre_bias=False))
    torch.testing.assert_close(found, (after @ W_ENC + B_ENC).clamp_min(0), rtol=1e-4, atol=1e-4)


def test_the_layer_is_read_after_its_relu_unless_the_dictionary_is_of_the_values_before(model, after):
    before = model.reader([LAYER], relu="before")(IMAGES)[LAYER].movedim(1, -1)
    assert (before < 0).any()
    for relu, values in (("after", after), ("before", before)):
        for reading in ("after", "before"):  # of other layers, which is another question
            attached = model.with_dictionary("found", LAYER, W_ENC.T, relu=relu)
            both = attached.reader([LAYER, "found"], relu=reading)(IMAGES)
            torch.testing.assert_close(both["found"].movedim(1, -1), values @ W_ENC, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(both[LAYER].movedim(1, -1), after if reading == "after" else before)


def test_directions_are_dot_products_or_cosines(model, after):
    matrix, mean = W_ENC.T[:5], after.mean((0, 1, 2))
    dots = features(model, directions(matrix, mean=mean, bias=B_ENC[:5]))
    torch.testing.assert_close(dots, (after - mean) @ matrix.T + B_ENC[:5], rtol=1e-4, atol=1e-4)
    cosines = features(model, directions(matrix, mean=mean, similarity="cosine"))
    expected = torch.cosine_similarity((after - mean)[..., None, :], matrix, dim=-1)
    torch.testing.assert_close(cosines, expected, rtol=1e-4, atol=1e-5)


def test_a_module_encodes_the_vector_of_each_position(model, after):
    class Autoencoder(nn.Module):
        def forward(self, x):
            raise AssertionError("encode comes first")

        def encode(self, x):
            assert x.ndim == 2
            return x, (x @ W_ENC).tanh()

    torch.testing.assert_close(features(model, Autoencoder()), (after @ W_ENC).tanh(), rtol=1e-4, atol=1e-4)
    mine = nn.Linear(CHANNELS, 3)
    model.with_dictionary("found", LAYER, mine)
    assert mine.training
    assert mine.weight.requires_grad  # a copy was attached
    one_thread = Lanes(model.with_dictionary("found", LAYER, Autoencoder()).reader(["found"]))
    assert one_thread.count == 1  # a module may store what it computed


def test_it_is_a_layer_like_any_other(model):
    attached = model.with_dictionary("found", LAYER, W_ENC.T).with_dictionary("few", "softmax2", np.eye(4, 200))
    assert attached.layer("found").channels == FEATURES
    assert attached.units("few") == [ex.Unit("few", channel) for channel in range(4)]
    assert attached.branch("found:299") == ""
    assert (attached.base("found"), attached.base(LAYER)) == (LAYER, LAYER)
    assert list(attached.layers)[-2:] == attached.default_layers[-2:] == ["found", "few"]
    assert {"found", "few"} <= set(attached.to_frame()["layer"])
    maps = attached.reader(["few", "mixed3a", "found"])(IMAGES)
    assert list(maps) == ["few", "mixed3a", "found"]
    assert maps["few"].shape == (3, 4, 1, 1)
    with pytest.raises(ModelError, match=r"model embedded has no unit found:300: found has channels 0 to 299"):
        attached.branch("found:300")
    with pytest.raises(ModelError, match=r"has no layer 'fond'; did you mean found"):
        attached.layer("fond")


def test_nothing_beyond_its_layer_is_computed(model):
    body = model.with_dictionary("found", "mixed3a", W_ENC.T[:, :128]).reader(["found"]).body
    assert not any("mixed3b" in str(node.target) for node in body.graph.nodes)
    assert any("mixed3a" in str(node.target) for node in body.graph.nodes)


def test_networks_that_are_read_with_hooks_have_dictionaries_too():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), nn.Conv2d(8, 4, 3)

        def forward(self, x):
            if x.sum() > -1e9:  # depends on values, so it cannot be traced
                return self.two(self.one(x))
            return x

    torch.manual_seed(0)
    bare = ex.load(Branching(), input_size=16)
    attached = bare.with_dictionary("found", "one", torch.eye(2, 8), relu="before")
    reader = attached.reader(["found", "one", "two"], relu="after")
    assert isinstance(reader.body, HookedBody)
    maps, images = reader(IMAGES[:, :, :16, :16]), IMAGES[:, :, :16, :16]
    before, after = (bare.reader(["one"], relu=relu)(images)["one"] for relu in ("before", "after"))
    torch.testing.assert_close(maps["found"], before[:, :2])
    torch.testing.assert_close(maps["one"], after)
    assert (before < 0).any()


def test_tokens_have_features_at_every_patch():
    vit = ex.load("torchvision:vit_b_16", input_size=32)
    layer = "encoder.layers.encoder_layer_1"
    attached = vit.with_dictionary("found", layer, W_ENC.repeat(3, 1).T)
    images = IMAGES[:, :, :32, :32]
    maps = attached.reader(["found", layer])(images)
    assert maps["found"].shape == (3, FEATURES, 2, 2)
    expected = torch.einsum("nchw,cf->nfhw", maps[layer], W_ENC.repeat(3, 1))
    torch.testing.assert_close(maps["found"], expected, rtol=1e-3, atol=1e-3)


def test_branches_without_a_copy_leave_the_dictionary_whole(model):
    attached = model.with_dictionary("found", LAYER, sae(W_ENC, activation="topk:7"))
    reader = attached.reader([LAYER, "found"], relu="after")
    expected = attached.reader([LAYER, "found"], relu="after")(IMAGES)
    maps = unjoined(reader)(IMAGES)
    assert list(maps) == [f"{LAYER}/{place}" for place in range(4)] + ["found"]
    torch.testing.assert_close(maps["found"], expected["found"])
    torch.testing.assert_close(torch.cat(list(maps.values())[:4], 1), expected[LAYER])


def test_low_precision_keeps_the_features_roughly(model):
    attached = model.with_dictionary("found", LAYER, sae(W_ENC, B_ENC, activation="relu"))
    full, half = (attached.reader(["found"], dtype=dtype)(IMAGES)["found"] for dtype in (torch.float32, torch.bfloat16))
    assert half.dtype == torch.bfloat16
    assert torch.corrcoef(torch.stack([full.flatten(), half.float().flatten()]))[0, 1] > 0.999


def gradient(encoder, maps: torch.Tensor, downhill: torch.Tensor) -> torch.Tensor:
    maps = maps.clone().requires_grad_()
    (encoder(maps) * downhill).sum().backward()
    return maps.grad


@pytest.mark.parametrize("activation", ["relu", "topk:5", "batchtopk"])
def test_gradients_are_the_features_own_where_they_are_active(model, activation):
    # oracle: torch's own gradient of the formula
    dictionary = sae(W_ENC, B_ENC, b_dec=B_DEC, activation=activation, threshold=0.3)
    encoder = dictionary.encoder(CHANNELS, LAYER)
    maps = torch.rand(2, CHANNELS, 3, 3, generator=RNG)
    plain = maps.clone().requires_grad_()
    values = torch.einsum("nchw,cf->nfhw", plain - B_DEC[:, None, None], W_ENC) + B_ENC[:, None, None]
    active = encoder(maps) > 0
    everywhere = active.flatten(2).any(2)[:, :, None, None].expand_as(active)
    weights = torch.randn(values.shape, generator=RNG) * everywhere  # of features that are active somewhere
    torch.where(active, values * weights, 0).sum().backward()
    torch.testing.assert_close(gradient(encoder, maps, weights), plain.grad, rtol=1e-4, atol=1e-4)


def test_a_silent_feature_can_be_raised_and_not_lowered():
    encoder = sae(W_ENC, B_ENC - 100, activation="relu").encoder(CHANNELS, LAYER)
    maps = torch.rand(1, CHANNELS, 2, 2, generator=RNG)
    assert not encoder(maps).any()
    raising = torch.zeros(1, FEATURES, 2, 2)
    raising[:, 17] = -1.0  # as the objective of the maximal pole, which is minimized
    found = gradient(encoder, maps, raising)
    torch.testing.assert_close(found, -W_ENC[:, 17][None, :, None, None].expand_as(found))
    assert not gradient(encoder, maps, -raising).any()


def test_gradients_flow_to_the_image_through_the_top_k(model):
    images = IMAGES.clone().requires_grad_()
    attached = model.with_dictionary("found", LAYER, sae(W_ENC, activation="topk:5"))
    (-attached.reader(["found"])(images)["found"][:, 17].mean()).backward()
    assert images.grad.flatten(1).any(1).all()


def test_the_fingerprint_is_of_everything_that_the_features_depend_on(model):
    one = sae(W_ENC, B_ENC, activation="topk:7")
    others = [
        sae(W_ENC, B_ENC, activation="topk:8"), sae(W_ENC, B_ENC, activation="relu"), sae(W_ENC, activation="topk:7"),
        sae(W_ENC * 2, B_ENC, activation="topk:7"), sae(W_ENC, B_ENC, b_dec=B_DEC, activation="topk:7"),
        sae(W_ENC, B_ENC, activation="topk:7", relu="before"),
        *(sae(W_ENC, B_ENC, activation="jumprelu", threshold=least) for least in (1.0, 2.0)),
        directions(W_ENC.T), directions(W_ENC.T, similarity="cosine"), of_module(nn.Linear(CHANNELS, FEATURES)),
    ]  # fmt: skip
    prints = [model.with_dictionary("a", LAYER, given).fingerprint for given in (one, *others)]
    prints += [
        model.with_dictionary("b", LAYER, one).fingerprint,
        model.with_dictionary("a", "mixed4b", one).fingerprint,
    ]
    assert len({*prints, model.fingerprint}) == len(prints) + 1
    same = sae(W_ENC.clone(), B_ENC.clone(), W_dec=W_ENC.T.clone(), activation="topk:7")  # nothing depends on W_dec
    assert model.with_dictionary("a", LAYER, same).fingerprint == prints[0]


def test_a_model_keeps_its_fingerprint_without_dictionaries():
    # as it was before there were dictionaries, so that indexes stay current
    assert ex.load("embedded", input_size=48).fingerprint == "8869ab5b5de09f85"


def test_another_process_has_the_same_dictionaries(model, tmp_path: Path, monkeypatch):
    (tmp_path / "coder.py").write_text("import torch\n\ndef make():\n    return torch.nn.Linear(256, 5)\n")
    monkeypatch.chdir(tmp_path)
    attached = model.with_dictionary("found", LAYER, sae(W_ENC, B_ENC, activation="topk:7"))
    again = pickle.loads(pickle.dumps(attached))
    torch.testing.assert_close(again.reader(["found"])(IMAGES)["found"], attached.reader(["found"])(IMAGES)["found"])
    torch.manual_seed(0)
    by_name = model.with_dictionary("coded", LAYER, ex.dictionaries.load("coder:make"))
    assert by_name.layer("coded").channels == 5
    with pytest.raises(ModelError, match="cannot be sent to another process; load it by a name"):
        pickle.dumps(model.with_dictionary("found", LAYER, nn.Linear(CHANNELS, 4)))


@pytest.mark.parametrize(("name", "layer", "given", "message"), [
    ("mixed4b", LAYER, W_ENC, "the model has a layer 'mixed4b' already; give the dictionary another name"),
    ("mixed4b.1x1", LAYER, W_ENC, "has a layer 'mixed4b.1x1' already"),
    ("a:b", LAYER, W_ENC, "a dictionary cannot be called 'a:b'"),
    ("", LAYER, W_ENC, "a dictionary cannot be called ''"),
    ("found", "mixed9", W_ENC, "model embedded has no layer 'mixed9'; did you mean"),
    ("found", "mixed3a", W_ENC, "has vectors of 256 or 300 channels .W_enc is 256 × 300., but layer mixed3a has 128"),
    ("found", LAYER, W_ENC[:, 0], "W_enc has shape .256,.; it must have 2 axes"),
    ("found", LAYER, torch.full((2, 256), torch.nan), "W_enc has 512 numbers that are NaN or infinite, of 512"),
    ("found", LAYER, "sae.pt", "a str is no dictionary"),
    ("found", LAYER, nn.Linear(7, 3), "Linear does not take vectors of 256 channels, shape .positions, 256.: Runtime"),
    ("found", LAYER, nn.Flatten(0), "Flatten returned shape .512,. for vectors of shape .2, 256.; it must return"),
])  # fmt: skip
def test_what_does_not_fit_is_told_in_one_line(model, name, layer, given, message):
    with pytest.raises(ModelError, match=message) as told:
        model.with_dictionary(name, layer, given)
    assert "\n" not in str(told.value)


def test_tensors_that_do_not_fit_each_other_are_named(model):
    for given, message in [
        (sae(W_ENC, B_ENC[:-1], activation="relu"), "b_enc has 299 numbers, but W_enc has 300 features"),
        (sae(W_ENC, b_dec=B_DEC[:-1], activation="relu"), "255 numbers are subtracted from 256 channels of mixed4a"),
        (sae(W_ENC, W_dec=W_ENC.T[:-1], activation="relu"), "W_dec is 299 × 256, but W_enc has 300 features of 256"),
        (sae(W_ENC, activation="topk:301"), "topk:301 keeps more than its 300 features"),
        (sae(W_ENC, activation="batchtopk"), "activation batchtopk needs a threshold"),
    ]:
        with pytest.raises(ModelError, match=message):
            model.with_dictionary("found", LAYER, given)
    with pytest.raises(ModelError, match="there is no activation 'topk'; known: none, relu, topk:K"):
        sae(W_ENC, activation="topk")
    with pytest.raises(ModelError, match="row 1 is zero, and has no direction"):
        directions(np.array([[1.0, 0.0], [0.0, 0.0]]), similarity="cosine")
    stacked = model.with_dictionary("found", LAYER, W_ENC.T)
    with pytest.raises(ModelError, match="found is a dictionary itself; attach more to mixed4a or another layer"):
        stacked.with_dictionary("more", "found", np.eye(2, FEATURES))
