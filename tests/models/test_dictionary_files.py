"""Files of dictionaries as the usual libraries write them. Oracle: each library's own formula, written out."""

import json
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from exemplum.models import ModelError, WeightsError
from exemplum.models.dictionaries import load

D, N = 8, 20  # channels, features
RNG = torch.Generator().manual_seed(1)
W, B, THRESHOLD = (torch.randn(*shape, generator=RNG) for shape in ((D, N), (N,), (N,)))
DEC, B_DEC = torch.randn(N, D, generator=RNG), torch.randn(D, generator=RNG)
X = torch.randn(50, D, generator=RNG)
SAELENS = {"W_enc": W, "b_enc": B, "W_dec": DEC, "b_dec": B_DEC}


def encoded(dictionary) -> torch.Tensor:
    return dictionary.encoder(D, "layer")(X[:, :, None, None])[:, :, 0, 0]


def topk(z: torch.Tensor, k: int) -> torch.Tensor:
    kept = z.topk(k, dim=-1)
    return torch.zeros_like(z).scatter(-1, kept.indices, kept.values)


def check(found, expected):
    torch.testing.assert_close(encoded(found), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("config", "more", "expected"), [
    ({"architecture": "topk", "k": 4, "apply_b_dec_to_input": True}, {}, topk((X - B_DEC) @ W + B, 4).relu()),
    ({"architecture": "topk", "k": 4, "apply_b_dec_to_input": False}, {}, topk(X @ W + B, 4).relu()),
    ({"architecture": "topk", "k": 4, "rescale_acts_by_decoder_norm": True}, {},
     topk(((X - B_DEC) @ W + B) * DEC.norm(dim=1), 4).relu()),
    ({"architecture": "jumprelu"}, {"threshold": THRESHOLD},
     ((X - B_DEC) @ W + B).relu() * ((X - B_DEC) @ W + B > THRESHOLD)),
    ({"architecture": "standard", "activation_fn": "relu"}, {}, ((X - B_DEC) @ W + B).relu()),
    ({"activation_fn_str": "relu", "hook_point": "blocks.9"}, {}, ((X - B_DEC) @ W + B).relu()),  # before version 6
    ({"architecture": "standard", "activation_fn_str": "topk", "activation_fn_kwargs": {"k": 3}}, {},
     topk((X - B_DEC) @ W + B, 3).relu()),
    ({"architecture": "standard", "normalize_activations": "constant_norm_rescale"}, {},
     ((X * D**0.5 / X.norm(dim=-1, keepdim=True) - B_DEC) @ W + B).relu()),
    ({"architecture": "standard", "normalize_activations": "layer_norm"}, {},
     (((X - X.mean(-1, keepdim=True)) / (X.std(-1, keepdim=True) + 1e-5) - B_DEC) @ W + B).relu()),
    # a transcoder, into a layer of 5 channels
    ({"architecture": "topk", "k": 4.0, "apply_b_dec_to_input": False},
     {"W_dec": DEC[:, :5].contiguous(), "b_dec": B_DEC[:5].contiguous()}, topk(X @ W + B, 4).relu()),
])  # fmt: skip
def test_a_folder_of_saelens(tmp_path: Path, config, more, expected):
    save_file({**SAELENS, **more}, tmp_path / "sae_weights.safetensors")
    save_file({"sparsity": torch.zeros(N)}, tmp_path / "sparsity.safetensors")
    (tmp_path / "cfg.json").write_text(json.dumps({"d_in": D, "d_sae": N, "normalize_activations": "none", **config}))
    check(load(tmp_path), expected)


@pytest.mark.parametrize("normalization", ["expected_average_only_in", True])
def test_values_scaled_to_an_average_norm_need_the_factor(tmp_path: Path, normalization):
    save_file(SAELENS, tmp_path / "sae.safetensors")
    config = {"architecture": "standard", "normalize_activations": normalization}
    (tmp_path / "cfg.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"scaled to an average norm, and its cfg.json does not have the factor"):
        load(tmp_path)
    check(load(tmp_path, scale=0.3), ((0.3 * X - B_DEC) @ W + B).relu())


@pytest.mark.parametrize(("schema", "activation", "more", "expected"), [
    (2, {"cls": "TopK", "params": {"top_k": 4}}, {}, topk(X @ W + B, 4).relu()),
    (5, {"cls": "Relu", "params": {"sparsity": {"cls": "L1Sparsity", "params": {"coeff": 1e-4}}}}, {},
     (X @ W + B).relu()),
    (5, {"cls": "BatchTopK", "params": {"top_k": 4}}, {"activation.threshold": torch.tensor(0.5)},
     torch.where(X @ W + B > 0.5, X @ W + B, 0)),
    (2, {"cls": "BatchTopK", "params": {"top_k": 4}}, {}, topk(X @ W + B, 4).relu()),  # of each position, at first
])  # fmt: skip
def test_a_file_of_saev_says_its_activation_and_subtracts_nothing(tmp_path: Path, schema, activation, more, expected):
    header = {"schema": schema, "cfg": {"d_model": D, "activation": activation}, "commit": "x", "lib": "0"}
    with (tmp_path / "sae.pt").open("wb") as file:
        file.write((json.dumps(header) + "\n").encode())
        torch.save({**SAELENS, **more}, file)
    check(load(tmp_path / "sae.pt"), expected)


def test_vit_prismas_state_dict_and_its_pickled_settings(tmp_path: Path):
    torch.save({"state_dict": SAELENS}, tmp_path / "weights.pt")
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "standard", "activation_fn_str": "relu"}))
    check(load(tmp_path / "weights.pt"), ((X - B_DEC) @ W + B).relu())
    torch.save({"cfg": Settings(), "state_dict": SAELENS}, tmp_path / "pickled.pt")
    with pytest.raises(WeightsError, match=r"pickled objects beside its weights.*torch.save.sae.state_dict.., …."):
        load(tmp_path / "pickled.pt")


@dataclass
class Settings:
    """As ViT-Prisma pickles its own beside the weights."""

    d_in: int = D


def overcomplete(norm: nn.Module) -> OrderedDict:
    encoder = nn.Sequential(OrderedDict(final_block=nn.Sequential(nn.Linear(D, N), norm)))
    torch.manual_seed(0)
    for _ in range(20):
        encoder(torch.randn(64, D))  # running statistics
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return nn.ModuleDict({"encoder": encoder.eval()})


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(N), nn.LayerNorm(N)])
def test_overcompletes_autoencoders_normalize_their_features(tmp_path: Path, norm):
    coder = overcomplete(norm)
    tensors = {**coder.state_dict(), "dictionary._weights": DEC}
    torch.save(tensors, tmp_path / "sae.pt")
    codes = coder["encoder"].final_block(X).relu().detach()
    check(load(tmp_path / "sae.pt", activation="topk:4"), topk(codes, 4))
    check(load(tmp_path / "sae.pt", activation="batchtopk", threshold=0.6), codes * (codes >= 0.6))
    torch.save({**tensors, "thresholds": THRESHOLD}, tmp_path / "jump.pt")
    check(load(tmp_path / "jump.pt", activation="jumprelu"), codes * (codes >= THRESHOLD.exp()))


def test_dictionary_learnings_autoencoders(tmp_path: Path):
    linear = {"encoder.weight": W.T, "encoder.bias": B, "decoder.weight": DEC.T}
    z = (X - B_DEC) @ W + B
    for name, more, expected in [
        ("AutoEncoder", {"bias": B_DEC}, z.relu()),
        ("AutoEncoderTopK", {"b_dec": B_DEC, "k": torch.tensor(4), "threshold": torch.tensor(-1.0)}, topk(z.relu(), 4)),
        ("BatchTopKSAE", {"b_dec": B_DEC, "k": torch.tensor(4), "threshold": torch.tensor(0.5)}, z.relu() * (z > 0.5)),
    ]:
        folder = tmp_path / name
        folder.mkdir()
        torch.save({**linear, **more}, folder / "ae.pt")
        (folder / "config.json").write_text(json.dumps({"trainer": {"dict_class": name, "k": 4}, "buffer": {}}))
        check(load(folder), expected)
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"does not say its activation .it has a k and a threshold.; set activation"):
        load(folder)
    torch.save({**linear, "b_dec": B_DEC, "k": torch.tensor(4)}, tmp_path / "k.pt")
    check(load(tmp_path / "k.pt"), topk(z.relu(), 4))
    torch.save({**SAELENS, "threshold": THRESHOLD}, tmp_path / "ae.pt")
    (tmp_path / "config.json").write_text(json.dumps({"trainer": {"dict_class": "JumpReluAutoEncoder"}}))
    check(load(tmp_path / "ae.pt"), (X @ W + B).relu() * (X @ W + B > THRESHOLD))  # b_dec is not subtracted


def test_sparsifys_and_openais_autoencoders(tmp_path: Path):
    save_file({"encoder.weight": W.T.contiguous(), "encoder.bias": B, "W_dec": DEC, "b_dec": B_DEC},
              tmp_path / "sae.safetensors")  # fmt: skip
    (tmp_path / "cfg.json").write_text(json.dumps({"expansion_factor": 32, "k": 4, "d_in": D}))
    check(load(tmp_path), topk((X - B_DEC) @ W + B, 4).relu())
    openai = {"encoder.weight": W.T, "latent_bias": B, "decoder.weight": DEC.T, "pre_bias": B_DEC}
    torch.save(openai, tmp_path / "openai.pt")
    check(load(tmp_path / "openai.pt", activation="topk:4"), topk((X - B_DEC) @ W + B, 4).relu())


def test_names_of_the_users_own(tmp_path: Path):
    torch.save({"enc": W.T, "eb": B, "centre": B_DEC, "theta": THRESHOLD}, tmp_path / "mine.pt")
    names = {"W_enc": "enc", "b_enc": "eb", "pre_bias": "centre", "threshold": "theta"}
    z = (X - B_DEC) @ W + B
    check(load(tmp_path / "mine.pt", names=names, activation="jumprelu"), z.relu() * (z > THRESHOLD))
    torch.save({"enc": W.T, "dec": W}, tmp_path / "two.pt")
    with pytest.raises(ModelError, match=r"no encoder and no directions under a known name; it has enc .20 × 8., dec"):
        load(tmp_path / "two.pt")
    with pytest.raises(ModelError, match="has no tensor 'encoder', which names gives for W_enc; it has enc"):
        load(tmp_path / "mine.pt", names={"W_enc": "encoder"}, activation="relu")


def test_directions_of_numpy_scikit_learn_and_probes(tmp_path: Path):
    components, mean = DEC[:5].numpy(), B_DEC.numpy()
    np.save(tmp_path / "concepts.npy", components.astype(np.float64))
    check(load(tmp_path / "concepts.npy"), X @ DEC[:5].T)
    np.save(tmp_path / "transposed.npy", components.T)
    check(load(tmp_path / "transposed.npy"), X @ DEC[:5].T)
    np.savez(tmp_path / "pca.npz", components_=components, mean_=mean)
    check(load(tmp_path / "pca.npz"), (X - B_DEC) @ DEC[:5].T)
    cosines = torch.cosine_similarity((X - B_DEC)[:, None], DEC[:5], dim=-1)
    check(load(tmp_path / "pca.npz", similarity="cosine"), cosines)
    probe = nn.Linear(D, 3)
    torch.save(probe.state_dict(), tmp_path / "probe.pt")
    check(load(tmp_path / "probe.pt"), probe(X).detach())
    save_file(SAELENS, tmp_path / "sae.safetensors")  # the decoder's vectors as directions
    check(load(tmp_path / "sae.safetensors", names={"directions": "W_dec"}), X @ DEC.T)


def test_square_matrices_are_read_by_the_convention_of_their_name(tmp_path: Path):
    square = torch.randn(D, D, generator=RNG)
    torch.save({"W_enc": square}, tmp_path / "parameter.pt")
    check(load(tmp_path / "parameter.pt", activation="relu"), (X @ square).relu())
    torch.save({"encoder.weight": square}, tmp_path / "linear.pt")
    check(load(tmp_path / "linear.pt", activation="relu"), F.linear(X, square).relu())
    torch.save({"matrix": square}, tmp_path / "mine.pt")
    mine = load(tmp_path / "mine.pt", names={"W_enc": "matrix"}, activation="relu")
    with pytest.raises(ModelError, match=r"W_enc is square .8 × 8., and its name does not say which axis is the chann"):
        encoded(mine)


def test_lower_precision_is_read_as_float32(tmp_path: Path):
    save_file({name: tensor.bfloat16() for name, tensor in SAELENS.items()}, tmp_path / "sae.safetensors")
    rounded = [tensor.bfloat16().float() for tensor in (W, B, B_DEC)]
    check(load(tmp_path / "sae.safetensors", activation="relu"), ((X - rounded[2]) @ rounded[0] + rounded[1]).relu())


@pytest.mark.parametrize(("tensors", "message"), [
    ({**SAELENS, "b_enc": torch.full((N,), torch.nan)}, "b_enc has 20 numbers that are NaN or infinite, of 20"),
    ({**SAELENS, "W_enc": W[0]}, r"W_enc has shape .20,.; it must have 2 axes"),
    ({**SAELENS, "b_gate": B, "r_mag": B}, 'is a gated autoencoder, which files cannot tell; load it by load = "pac'),
    (SAELENS, "does not say its activation; set activation to relu, topk:K, batchtopk or jumprelu"),
])  # fmt: skip
def test_broken_tensors_are_told_in_one_line(tmp_path: Path, tensors, message):
    torch.save(tensors, tmp_path / "sae.pt")
    activation = None if tensors is SAELENS else "relu"
    with pytest.raises(ModelError, match=message) as told:
        load(tmp_path / "sae.pt", activation=activation)
    assert str(tmp_path / "sae.pt") in str(told.value)
    assert "\n" not in str(told.value)


def test_a_decoder_alone_is_no_encoder(tmp_path: Path):
    """An incomplete file of an autoencoder; its decoder's vectors are directions only if that is said."""
    for name in ("W_dec", "decoder.weight", "dictionary._weights"):
        torch.save({name: DEC, "b_dec": B_DEC}, tmp_path / "sae.pt")
        with pytest.raises(ModelError, match="has no encoder and no directions under a known name"):
            load(tmp_path / "sae.pt", activation="relu")
        check(load(tmp_path / "sae.pt", names={"directions": name}), X @ DEC.T)


@pytest.mark.parametrize(("tensors", "settings", "message"), [
    (SAELENS, {"activation": "relu", "threshold": 0.5}, "but the activation is relu; leave it out"),
    (SAELENS, {"activation": "topk:3", "threshold": 0.5}, "but the activation is topk:3"),
    ({"directions": W.T}, {"threshold": 0.5}, "but the activation is none"),
    ({"directions": W.T}, {"pre_bias": False}, "has directions, without a b_dec; leave pre_bias out"),
])  # fmt: skip
def test_settings_that_change_nothing_are_refused(tmp_path: Path, tensors, settings, message):
    torch.save(tensors, tmp_path / "sae.pt")
    with pytest.raises(ModelError, match=message):
        load(tmp_path / "sae.pt", **settings)


def test_files_that_cannot_be_read_are_told(tmp_path: Path):
    save_file(SAELENS, tmp_path / "sae.safetensors")
    with pytest.raises(WeightsError, match=r"sea.safetensors does not exist; did you mean sae.safetensors"):
        load(tmp_path / "sea.safetensors", activation="relu")
    (tmp_path / "header.pt").write_bytes(b'{"schema": 2}\nnothing')
    with pytest.raises(WeightsError, match="is no file of saev"):
        load(tmp_path / "header.pt")
    np.save(tmp_path / "objects.npy", np.array([{}, 1], object), allow_pickle=True)
    with pytest.raises(WeightsError, match="has no arrays of numbers"):
        load(tmp_path / "objects.npy")
    (tmp_path / "text.pt").write_text("not weights")
    with pytest.raises(WeightsError, match="is neither a safetensors file nor a torch state dict"):
        load(tmp_path / "text.pt")
    with pytest.raises(WeightsError, match=r"must hold one file of weights .found: header.pt, objects.npy"):
        load(tmp_path)


def test_a_factory_of_the_users(tmp_path: Path):
    (tmp_path / "mine.py").write_text(
        "import torch\nfrom exemplum.models.dictionaries import directions\n\n"
        "def module():\n    return torch.nn.Linear(8, 3)\n\n"
        "def made():\n    return directions(torch.eye(2, 8))\n\n"
        "def wrong():\n    return 5\n\ndef failing():\n    raise ValueError('no weights')\n\n"
        "def asking(k):\n    return k\n\nclass Short(torch.nn.Module):\n    def forward(self, vectors):\n"
        "        return vectors.missing\n"
    )
    assert load("mine:module", places=[tmp_path]).encoder(8, "layer").features == 3
    check(load("mine:made", places=[tmp_path]), X[:, :2])
    for name, message in [
        ("mine:wrong", "mine:wrong returned a int; it must return an nn.Module or .* .*mine.py, line 10"),
        ("mine:failing", r"mine:failing failed: ValueError: no weights .*mine.py, line 14"),
        ("mine:asking", r"mine:asking cannot be called with .*: missing a required argument: 'k' .*mine.py, line 16"),
        ("mine:absent", "no dictionary 'mine:absent': mine has no 'absent'"),
    ]:
        with pytest.raises(ModelError, match=message):
            load(name, places=[tmp_path])
    told = r"Short does not take vectors .*: AttributeError: 'Tensor' object has no .*mine.py, line 21"
    with pytest.raises(ModelError, match=told):
        load("mine:Short", places=[tmp_path]).encoder(8, "layer")
    with pytest.raises(ModelError, match="mine:module is code of yours, which activation does not change"):
        load("mine:module", activation="relu", places=[tmp_path])
