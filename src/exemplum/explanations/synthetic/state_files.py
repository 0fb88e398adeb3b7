"""States of synthesis on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from exemplum import store


def save(path: Path, state: Any) -> None:
    """Write tensors and plain values, atomically. Raises StoreError if the system refuses, as on a full disk."""
    with store.atomic(path) as temporary, temporary.open("wb") as handle:
        try:
            torch.save(state, handle)
        except RuntimeError as error:  # torch's own, raised while it handles the system's
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None
