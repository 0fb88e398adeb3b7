"""The hardware: device, fast precision, reuse of memory, and compiled loops."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import torch
from numba import njit

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


M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8  # malloc.h
MOST = 2**31 - 1
GROWTH = 2**26  # bytes that the heap grows by at least


def reuse() -> None:
    """Let glibc's malloc keep freed memory, and reuse it for large blocks.

    By default it returns the memory of every large tensor to the system at once, and requests it again at the next
    layer: the system's page faults took a fifth of the processor time of GoogLeNet in bfloat16. Threads share one heap,
    since separate heaps are returned in spite of these settings. The peak memory of the process stays the same
    (docs/reference/performance.md). Does nothing without glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TOP_PAD, GROWTH)
        mallopt(M_TRIM_THRESHOLD, MOST)


SETTINGS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def compiled(function: Callable[..., Any]) -> Any:
    """The function, to be called with arrays and numbers; it lets other threads work meanwhile."""
    try:
        return njit(cache=True, **SETTINGS)(function)
    except RuntimeError:  # no writable cache folder: it is compiled in every process
        return njit(**SETTINGS)(function)
