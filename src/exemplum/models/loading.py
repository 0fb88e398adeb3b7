"""Models by name."""

from __future__ import annotations

from pathlib import Path

from exemplum.models import weights as files
from exemplum.models.inceptionv1 import InceptionV1
from exemplum.models.model import Model
from exemplum.models.network import Network
from exemplum.models.preprocessing import Preprocessing

EMBEDDED = Path(__file__).parent / "weights" / "inceptionv1_half_tinyimagenet.safetensors"


def load(spec: str, weights: str | None = None, input_size: int | None = None) -> Model:
    return Model("embedded", embedded())


def embedded() -> Network:
    """The half-width InceptionV1 that comes with the package, trained on Tiny ImageNet (docs/models.md)."""
    module = InceptionV1(width=0.5, stem="small", classes=200)
    files.fill(module, files.read(EMBEDDED), EMBEDDED)
    # Trained at 48 and 64 pixels; exemplars and synthetic images look best at 96.
    return Network(module, Preprocessing(size=96, resize=96))
