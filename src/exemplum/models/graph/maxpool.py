"""Max-pooling of bfloat16 maps on a CPU, with the ReLU after it.

torch stores the place of every maximum in eight bytes and handles one number at a time. Here rows, then columns, of a
window are compared for many channels at a time, and a place takes two or three bytes. At inception4a of GoogLeNet
torch's max-pooling took an eighth of a step of synthesis (docs/reference/performance.md).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from exemplum.runtime.hardware import compiled

NOWHERE = 255  # place of an output whose gradient goes to no input
MAGNITUDE, SIGN, HALF = np.int16(0x7FFF), np.int16(15), np.uint32(16)  # of a bfloat16; where its bits are in float32


def max_pool(x: Tensor, pool: nn.MaxPool2d, relu: bool = False) -> Tensor:
    """Apply `pool` to maps, (n, channels, h, w), and with `relu` a ReLU after it."""
    if not _suits(x, pool):
        y = F.max_pool2d(x, pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode)
        return torch.relu_(y) if relu else y
    result: Tensor = _MaxPool.apply(x, pool, relu)
    return result


def _suits(x: Tensor, pool: nn.MaxPool2d) -> bool:
    memory = x.dtype == torch.bfloat16 and x.device.type == "cpu" and x.ndim == 4
    if not memory or not x.is_contiguous(memory_format=torch.channels_last):
        return False
    windows = (pool.kernel_size, pool.stride, pool.padding)
    return all(isinstance(value, int) for value in windows) and pool.dilation == 1 and windows[0] < NOWHERE  # type: ignore[operator]


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, pool: nn.MaxPool2d, relu: bool) -> Tensor:
        window = (pool.kernel_size, pool.stride, pool.padding)
        shape = _shape(x.shape, *window, pool.ceil_mode)
        y = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
        images, channels, height, width = shape
        rows = torch.empty((images, height, x.shape[3] * channels), dtype=torch.uint8)
        columns = torch.empty((images, height, width * channels), dtype=torch.uint8)
        floor = np.int16(0 if relu else -(2**15))
        _pool(_lines(x), channels, *window, floor, _lines(y), rows.numpy(), columns.numpy())
        ctx.save_for_backward(rows, columns)
        ctx.window, ctx.shape = window, x.shape
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        rows, columns = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        x = torch.empty(ctx.shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        lines, into = (_lines(tensor).view(np.uint16) for tensor in (gradient, x))
        _spread(lines, rows.numpy(), columns.numpy(), ctx.shape[1], *ctx.window, into)
        return x, None, None


@cache
def _shape(shape: torch.Size, size: int, stride: int, padding: int, ceil: bool) -> torch.Size:
    return F.max_pool2d(torch.empty(shape, device="meta"), size, stride, padding, ceil_mode=ceil).shape


def _lines(maps: Tensor) -> np.ndarray:
    """bfloat16 maps, channels last, as the bits of their rows: int16 (images, height, width · channels)."""
    lines: np.ndarray = maps.detach().permute(0, 2, 3, 1).flatten(2).view(torch.int16).numpy()
    return lines


@compiled
def _ordered(bits):  # type: ignore[no-untyped-def]
    """A bfloat16's bits as an integer of the same order; or back."""
    return np.int16(bits ^ ((bits >> SIGN) & MAGNITUDE))


@compiled
def _pool(x, channels, size, stride, padding, floor, y, rows, columns):  # type: ignore[no-untyped-def]
    """Maxima of windows, at least `floor`, and their places: row in the window, by input column, and column in the
    window, by output column."""
    height, width = x.shape[1], x.shape[2] // channels
    best, out = np.empty(x.shape[2], np.int16), np.empty(y.shape[2], np.int16)
    for image in range(x.shape[0]):
        for row in range(y.shape[1]):
            top = row * stride - padding
            where, first = rows[image, row], max(0, -top)
            for place in range(first, min(size, height - top)):
                _raise(x[image, top + place], best, where, np.uint8(place), place == first)
            where = columns[image, row]
            _fill(out, floor)
            _fill(where, np.uint8(NOWHERE))
            for column in range(y.shape[2] // channels):
                left = column * stride - padding
                at = np.uint64(column * channels)
                for place in range(max(0, -left), min(size, width - left)):
                    start = np.uint64((left + place) * channels)
                    _raise_column(best, start, out, at, where, np.uint8(place), channels)
            _from_ordered(out, y[image, row])


@compiled
def _raise(x, best, where, place, anew):  # type: ignore[no-untyped-def]
    """Where bfloat16 bits `x`, as integers of the same order, exceed the best, replace the best and its place."""
    for k in range(best.size):
        ordered = _ordered(x[k])
        where[k] = place if anew or ordered > best[k] else where[k]
        best[k] = ordered if anew else max(ordered, best[k])


@compiled
def _raise_column(x, start, best, at, where, place, channels):  # type: ignore[no-untyped-def]
    # unsigned indices: the check for negative ones, which count from the end, would prevent vectorization
    for k in range(channels):
        k = np.uint64(k)  # type: ignore[assignment]  # for Numba
        where[at + k] = place if x[start + k] > best[at + k] else where[at + k]
        best[at + k] = max(x[start + k], best[at + k])


@compiled
def _from_ordered(ordered, x):  # type: ignore[no-untyped-def]
    for k in range(x.size):
        x[k] = _ordered(ordered[k])


@compiled
def _fill(x, value):  # type: ignore[no-untyped-def]
    for k in range(x.size):
        x[k] = value


@compiled
def _spread(gradient, rows, columns, channels, size, stride, padding, x):  # type: ignore[no-untyped-def]
    """Sum the gradients of windows, in float32, at the places of their maxima; every number of `x` is written once."""
    width = x.shape[2] // channels
    wide, total = np.empty(gradient.shape[2], np.uint32), np.empty(x.shape[2], np.float32)
    values, bits = wide.view(np.float32), total.view(np.uint32)
    lines = np.empty((size, x.shape[2]), np.float32)  # gradients of rows of windows, at their columns' maxima
    for image in range(x.shape[0]):
        ready = 0
        for row in range(x.shape[1]):
            first = max(0, (row + padding - size) // stride + 1)
            last = min(gradient.shape[1] - 1, (row + padding) // stride)
            while ready <= last:
                line, where = lines[ready % size], columns[image, ready]
                _widen(gradient[image, ready], wide)
                _fill(line, np.float32(0))
                for column in range(gradient.shape[2] // channels):
                    left = column * stride - padding
                    at = np.uint64(column * channels)
                    for place in range(max(0, -left), min(size, width - left)):
                        start = np.uint64((left + place) * channels)
                        _add_column(values, at, where, np.uint8(place), line, start, channels)
                ready += 1
            if first > last:
                _fill(total, np.float32(0))
            for above in range(first, last + 1):
                place = np.uint8(row + padding - above * stride)  # type: ignore[assignment]
                _add(lines[above % size], rows[image, above], place, total, above == first)
            _narrow(bits, x[image, row])


@compiled
def _add(values, where, place, into, anew):  # type: ignore[no-untyped-def]
    for k in range(into.size):
        into[k] = (np.float32(0) if anew else into[k]) + (values[k] if where[k] == place else np.float32(0))


@compiled
def _add_column(values, at, where, place, into, start, channels):  # type: ignore[no-untyped-def]
    for k in range(channels):
        k = np.uint64(k)  # type: ignore[assignment]  # for Numba
        into[start + k] += values[at + k] if where[at + k] == place else np.float32(0)


@compiled
def _widen(low, wide):  # type: ignore[no-untyped-def]
    for k in range(low.size):
        wide[k] = np.uint32(low[k]) << HALF


@compiled
def _narrow(wide, low):  # type: ignore[no-untyped-def]
    """Bits of float32 to those of the nearest bfloat16, ties to even."""
    for k in range(low.size):
        low[k] = np.uint16((wide[k] + np.uint32(0x7FFF) + ((wide[k] >> HALF) & np.uint32(1))) >> HALF)
