"""The k highest (or lowest) values of every unit in a stream, exact, with ties to the earlier image.

A value and its row in the corpus are packed into one int64 whose order is the order wanted: the float's bits, made
monotone, above; the complement of the row below. So one integer top-k settles value and tie, and taking in parts of a
stream in any order gives the same result.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

EMPTY = torch.iinfo(torch.int64).min  # sorts below every packed value
ROW_BITS = 32
ROW_MASK = (1 << ROW_BITS) - 1


def none(units: int) -> Tensor:
    """The keys of a stream that has not begun: int64 (units, 0)."""
    return torch.empty((units, 0), dtype=torch.int64)


def take_in(keys: Tensor, values: Tensor, rows: Tensor, keep: int) -> Tensor:
    """The `keep` greatest of packed keys (units, a) and of float32 values (units, n) at rows (n,), greatest first."""
    if keys.shape[1] == keep:
        values, rows, contending = _contenders(keys, values, rows)
        new = torch.where(contending, pack(values, rows), EMPTY)
    else:
        new = pack(values, rows)
    both = torch.cat([keys, new], dim=1)
    return both.topk(min(keep, both.shape[1]), dim=1, sorted=True).values


def _contenders(keys: Tensor, values: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The values that may come before a last key, with others so that all units have as many; and which they are.

    Further down a long stream these are few, and packing and sorting them costs little.
    """
    last = keys[:, -1:]
    floor = torch.where(last == EMPTY, float("-inf"), _values(last))
    contending = values >= floor  # NaN never
    most = int(contending.sum(1).max()) if len(values) else 0
    values, places = torch.where(contending, values, float("-inf")).topk(most, dim=1, sorted=False)
    return values, rows[places], contending.gather(1, places)


def pack(values: Tensor, rows: Tensor) -> Tensor:
    """Pack float32 values (units, n) and rows (n,) or (units, n), 0 ≤ row < 2³², into keys, int64 (units, n).

    A greater key is a higher value, or the same value at an earlier row. NaN packs to EMPTY: it is no extreme.
    """
    bits = (values + 0.0).view(torch.int32).to(torch.int64)  # + 0.0: −0 and 0 tie
    # IEEE floats order like integers once the magnitude bits of negative ones are flipped
    ordered = torch.where(bits >= 0, bits, bits ^ 0x7FFFFFFF)
    keys = (ordered << ROW_BITS) | (ROW_MASK - rows)
    return torch.where(values.isnan(), EMPTY, keys)


def unpack(keys: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Values, float32, and rows, int64, of packed keys; NaN and -1 where a key is EMPTY."""
    empty = keys == EMPTY
    rows = ROW_MASK - (keys & ROW_MASK)
    return _values(keys).masked_fill(empty, float("nan")).numpy(), rows.masked_fill(empty, -1).numpy()


def _values(keys: Tensor) -> Tensor:
    ordered = keys >> ROW_BITS
    return torch.where(ordered >= 0, ordered, ordered ^ 0x7FFFFFFF).to(torch.int32).view(torch.float32)
