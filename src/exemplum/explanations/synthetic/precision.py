"""In which precision the network computes while pictures are made; spectrum, colour and geometry stay in float32."""

from __future__ import annotations

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
FAST_BFLOAT16 = ("avx512_bf16", "amx_bf16")  # instructions without which a CPU is slower in bfloat16 than in float32


def dtype(name: str, device: str = "cpu") -> torch.dtype:
    """The dtype of the name; `auto` is bfloat16 on GPUs and on CPUs that are fast at it, else float32."""
    if name != "auto":
        return DTYPES[name]
    fast = device != "cpu" or any(torch.cpu.get_capabilities().get(feature) for feature in FAST_BFLOAT16)
    return torch.bfloat16 if fast else torch.float32
