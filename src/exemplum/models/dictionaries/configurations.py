"""What the libraries' own settings say of a dictionary: activation, what is subtracted, how values are normalized."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

CLASSES = {  # of dictionary_learning
    "AutoEncoder": "relu", "AutoEncoderNew": "relu", "AutoEncoderTopK": "topk", "BatchTopKSAE": "batchtopk",
    "MatryoshkaBatchTopKSAE": "batchtopk", "JumpReluAutoEncoder": "jumprelu",
}  # fmt: skip
SAEV = {"Relu": "relu", "TopK": "topk", "BatchTopK": "batchtopk"}


def beside(path: Path) -> dict[str, Any]:
    """Settings in the cfg.json or config.json beside a file, of SAELens, ViT-Prisma, dictionary_learning or sparsify.

    Keys are activation, pre_bias, normalization and rescaled, as far as they are known.
    """
    for name in ("cfg.json", "config.json"):
        try:
            held = json.loads((path.parent / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(held, dict):
            inner = [held[part] for part in ("sae", "trainer") if isinstance(held.get(part), dict)]
            return dict(_settings({key: value for table in (held, *inner) for key, value in table.items()}))
    return {}


def of_saev(header: Any, has_threshold: bool) -> dict[str, Any]:
    """Settings in the first line of a file of saev, which subtracts nothing before its encoder."""
    config = header.get("cfg", header) if isinstance(header, dict) else {}
    given = config.get("activation") if isinstance(config, dict) else None
    given = given if isinstance(given, dict) else {"cls": "Relu"}  # the first files had no other
    name, parameters = SAEV.get(str(given.get("cls")), ""), given.get("params")
    if name == "batchtopk" and not has_threshold:
        name = "topk"  # before there were thresholds, it kept as many of each position
    k = parameters.get("top_k") if isinstance(parameters, dict) else None
    return {"pre_bias": False} | ({"activation": f"topk:{k}" if name == "topk" else name} if name else {})


def _settings(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    own = config.get("activation_fn_kwargs")
    k = config.get("k", own.get("k") if isinstance(own, dict) else None)
    activation = _activation(config)
    if activation == "topk":
        activation = f"topk:{int(k)}" if isinstance(k, int | float) and k >= 1 else ""
    if activation:
        yield "activation", activation
    if "apply_b_dec_to_input" in config:
        yield "pre_bias", bool(config["apply_b_dec_to_input"])
    elif config.get("dict_class") == "JumpReluAutoEncoder":
        yield "pre_bias", False
    normalization = config.get("normalize_activations")
    if normalization is True:  # in early versions of SAELens
        normalization = "expected_average_only_in"
    if isinstance(normalization, str) and normalization != "none":
        yield "normalization", normalization
    if config.get("rescale_acts_by_decoder_norm"):
        yield "rescaled", True


def _activation(config: Mapping[str, Any]) -> str:
    """relu, topk, batchtopk or jumprelu; "" if the settings do not say it."""
    if "dict_class" in config:
        return CLASSES.get(str(config["dict_class"]), "")
    architecture = config.get("architecture", "standard")
    if architecture in ("topk", "batchtopk", "jumprelu"):
        return str(architecture)
    function = config.get("activation_fn_str", config.get("activation_fn", config.get("activation")))
    if architecture == "standard" and function in ("relu", "topk"):
        return str(function)
    if "k" in config and "expansion_factor" in config:  # of sparsify, whose activation is topk unless it says another
        return "topk" if function is None else ""
    return "relu" if config.get("architecture") == "standard" and function is None else ""
