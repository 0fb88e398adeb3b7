"""How many images are optimized side by side: as many as keep the machine busy, and fit into its memory."""

from __future__ import annotations

import psutil
import torch
from torch import Tensor

from exemplum.explanations.synthetic.cohort import Cohort
from exemplum.models import Reader

MOST = {"cpu": 40, "cuda": 512}  # images beyond which a device gets no faster
SHARE = 0.5  # of the free memory


def images(reader: Reader, cohort: Cohort) -> int:
    """Images that a batch may have, of the kind in `cohort`, which is only looked at; at least one."""
    most = MOST.get(reader.device.type, MOST["cuda"]) // cohort.recipe.views
    return max(1, min(most, int(SHARE * _free(reader.device) / _bytes(reader, cohort))))


def _free(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def _bytes(reader: Reader, cohort: Cohort) -> float:
    """Memory that one image takes: all that a step keeps for its gradient, once more for the gradients themselves."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        maps = reader(cohort.inputs(cohort.numbers))
    outputs = sum(values.nbytes for values in maps.values())
    weights = {tensor.untyped_storage().data_ptr() for tensor in [*reader.parameters(), *reader.buffers()]}
    held = sum(size for address, size in kept.items() if address not in weights) + outputs
    numbers = 4 * cohort.numbers.nbytes  # themselves, their gradient, and the optimizer's two averages
    return (2 * held + numbers) / cohort.images
