"""Where data that Exemplum fetched or worked out is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

ROOT_VARIABLE = "EXEMPLUM_DATA"


def data_root() -> Path:
    """The folder that the environment variable EXEMPLUM_DATA names, else ~/.cache/exemplum."""
    return Path(os.environ.get(ROOT_VARIABLE) or "~/.cache/exemplum").expanduser()
