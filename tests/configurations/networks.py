"""Networks that no study can use, for `[model] load`."""

from torch import Tensor, nn

from exemplum.models import Network, Preprocessing


class Mean(nn.Module):
    """Neither layers nor parameters."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


class Refusing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        raise RuntimeError("no images today")


def without_layers() -> Network:
    return Network(Mean(), Preprocessing(32, 32))


def refusing() -> Network:
    return Network(Refusing(), Preprocessing(32, 32))


def a_number() -> int:
    return 3
