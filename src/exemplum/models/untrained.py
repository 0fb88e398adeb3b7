"""The same architecture without training: a floor for what is said of a network's units."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import nn

from exemplum.images import Corpus, ImageError
from exemplum.models.loading import initialize
from exemplum.models.model import Model
from exemplum.models.network import Normalize

NORMS = nn.modules.batchnorm._BatchNorm
IMAGES, BATCH = 256, 32  # images that the statistics of BatchNorms are computed from; per forward pass


def untrained(model: Model, corpus: Corpus, *, seed: int = 0, images: int = IMAGES) -> Model:
    """The model's network with random weights, without dictionaries.

    Every part that can reset itself does; convolutions and linear layers then get weights that keep the variance
    through ReLUs (He et al. 2015). Parameters of no such part, as position embeddings, are shuffled. The statistics of
    BatchNorms are computed again, from `images` images of the corpus that the seed draws: without them an untrained
    network would be judged by how badly its activations are scaled.

    >>> import exemplum as ex
    >>> model = ex.load("embedded")
    >>> random = untrained(model, ex.open_images("embedded", limit=40))
    >>> random, random.fingerprint == model.fingerprint
    (Model('embedded, untrained', input_size=96), False)
    """
    module = copy.deepcopy(model.module)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        own = set[int]()
        for part in module.modules():
            if callable(reset := getattr(part, "reset_parameters", None)):
                reset()
                own |= {id(parameter) for parameter in part.parameters(recurse=False)}
        initialize(module)
        with torch.no_grad():
            for parameter in module.parameters():
                if id(parameter) not in own:
                    parameter.copy_(parameter.flatten()[torch.randperm(parameter.numel())].view_as(parameter))
    if any(isinstance(part, NORMS) for part in module.modules()):
        rows = np.random.default_rng([seed, len(corpus)]).permutation(len(corpus))[:images]
        _settle_norms(module, model, corpus, rows)
    again = None if model.again is None else partial(_again, model.again, corpus, seed, images)
    return Model(f"{model.name}, untrained", replace(model.network, module=module), again, model.source)


def _again(load: Callable[[], Model], corpus: Corpus, seed: int, images: int) -> Model:
    return untrained(load(), corpus, seed=seed, images=images)


def _settle_norms(module: nn.Module, model: Model, corpus: Corpus, rows: np.ndarray) -> None:
    """Compute the statistics of all BatchNorms from these images: their mean over batches."""
    normalize = Normalize(model.preprocessing, model.channels)
    with _learning_norms(module), torch.inference_mode():
        for start in range(0, len(rows), BATCH):
            pictures = _decoded(model, corpus, rows[start : start + BATCH].tolist())
            if len(pictures) > 1:  # one has no variance
                module(normalize(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255))


def _decoded(model: Model, corpus: Corpus, rows: Sequence[int]) -> list[np.ndarray]:
    """The pictures of rows, without those that are broken."""
    found = []
    for row in rows:
        with suppress(ImageError):
            found.append(model.crop(corpus.decode(row)))
    return found


@contextmanager
def _learning_norms(module: nn.Module) -> Iterator[None]:
    norms = [part for part in module.modules() if isinstance(part, NORMS)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean
        norm.train()
    yield
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval()
        norm.momentum = momentum
