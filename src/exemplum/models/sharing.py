"""Whether two networks have weights in common."""

from __future__ import annotations

import math
from collections import defaultdict

import torch
from torch import Tensor

from exemplum.models.model import Model

LEAST = 64  # elements of a tensor that counts
ALIKE = 0.9  # cosine; of 64 independent numbers it is below 0.5 in all but 1 of 10,000 cases


def shared_weights(first: Model, second: Model) -> float:
    """Share of the weights of the network with fewer of them that the other has too, 0 to 1; NaN if one has none.

    Counted are tensors with at least two axes and 64 elements: weights of convolutions, linear layers and embeddings.
    Two tensors of one shape are the same if their cosine is at least 0.9. So copies in float16 and a fine-tuned network
    count, under whatever names; a network trained with the same data and architecture from another start does not.

    >>> import exemplum as ex
    >>> shared_weights(ex.load("embedded"), ex.load("embedded", input_size=48))
    1.0
    >>> shared_weights(ex.load("embedded"), ex.load("efficientnet-lite0"))
    0.0
    """
    fewer, more = sorted((_weights(first), _weights(second)), key=lambda shapes: sum(map(len, shapes.values())))
    count = sum(map(len, fewer.values()))
    found = sum(_found(own, more[shape]) for shape, own in fewer.items() if shape in more)
    return found / count if count else math.nan


def _weights(model: Model) -> dict[tuple[int, ...], list[Tensor]]:
    """The weights of a network by shape, as vectors of unit length."""
    found: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
    for tensor in model.module.state_dict().values():  # a table of activations has none
        if tensor.ndim >= 2 and tensor.numel() >= LEAST and tensor.is_floating_point():
            vector = tensor.detach().float().flatten().cpu()
            if (length := vector.norm()) > 0:
                found[tuple(tensor.shape)].append(vector / length)
    return dict(found)


def _found(own: list[Tensor], others: list[Tensor]) -> int:
    return int((torch.stack(own) @ torch.stack(others).T >= ALIKE).any(1).sum())
