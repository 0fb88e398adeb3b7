"""Keep freed memory for the next forward pass."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8  # malloc.h
MOST = 2**31 - 1
GROWTH = 2**26  # bytes that the heap grows by at least


def reuse() -> None:
    """Tell glibc's malloc to keep what is freed, and to take large blocks from what it kept.

    By default it gives the memory of every large tensor back to the system at once, and asks for it again at the next
    layer: the system's page faults took a fifth of the processor time of GoogLeNet in bfloat16. Threads share one heap,
    since those of their own are given back whatever is said here. The largest memory of the process stays the same
    (docs/performance.md). Does nothing elsewhere than with glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TOP_PAD, GROWTH)
        mallopt(M_TRIM_THRESHOLD, MOST)
