"""What this machine computes networks with: the device, and the precision that is fast on it."""

from __future__ import annotations

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
FAST_BFLOAT16 = ("avx512_bf16", "amx_bf16")  # instructions without which a CPU is slower in bfloat16 than in float32


def device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def dtype(name: str, device: torch.device | str = "cpu") -> torch.dtype:
    """The dtype of the name; `auto` is bfloat16 on GPUs and on CPUs that are fast at it, else float32."""
    if name != "auto":
        return DTYPES[name]
    fast = torch.device(device).type != "cpu" or any(
        torch.cpu.get_capabilities().get(feature) for feature in FAST_BFLOAT16
    )
    return torch.bfloat16 if fast else torch.float32
