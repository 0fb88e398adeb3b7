"""Train the network that comes with the package, a half-width InceptionV1, on Tiny ImageNet.

    python tools/train_embedded.py path/to/tiny-imagenet-200 out.safetensors [--epochs 9] [--lr 0.006]

Writes its weights, BatchNorm folded into the convolutions, float16. What was run for the weights in the package:
9 epochs, batch 256, AdamW, one-cycle, bfloat16 autocast on 2 CPU cores (70 minutes); 48 px crops for 7 epochs, then
64 px. Top-1 on the 10,000 validation images: 39.4 %.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
# output channels of 1x1, 3x3 bottleneck, 3x3, 5x5 bottleneck, 5x5, pool: half of GoogLeNet's
WIDTHS = {
    "mixed3a": (32, 48, 64, 8, 16, 16),
    "mixed3b": (64, 64, 96, 16, 48, 32),
    "mixed4a": (96, 48, 104, 8, 24, 32),
    "mixed4b": (80, 56, 112, 12, 32, 32),
    "mixed4c": (64, 64, 128, 12, 32, 32),
    "mixed4d": (56, 72, 144, 16, 32, 32),
    "mixed4e": (128, 80, 160, 16, 64, 64),
    "mixed5a": (128, 80, 160, 16, 64, 64),
    "mixed5b": (192, 96, 192, 24, 64, 64),
}


class Conv(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class Mixed(nn.ModuleDict):
    def __init__(self, inputs: int, c1: int, r3: int, c3: int, r5: int, c5: int, pool: int) -> None:
        super().__init__({
            "1x1": Conv(inputs, c1, 1),
            "3x3_bottleneck": Conv(inputs, r3, 1),
            "3x3": Conv(r3, c3, 3),
            "5x5_bottleneck": Conv(inputs, r5, 1),
            "5x5": Conv(r5, c5, 5),
            "pool_reduce": Conv(inputs, pool, 1),
        })  # fmt: skip
        self.out = c1 + c3 + c5 + pool

    def forward(self, x: Tensor) -> Tensor:
        three, five = self["3x3"](self["3x3_bottleneck"](x)), self["5x5"](self["5x5_bottleneck"](x))
        return torch.cat([self["1x1"](x), three, five, self["pool_reduce"](F.max_pool2d(x, 3, 1, 1))], 1)


class HalfInceptionV1(nn.Module):
    def __init__(self, classes: int = 200) -> None:
        super().__init__()
        self.conv2d0, self.conv2d1, self.conv2d2 = Conv(3, 32, 5, 2), Conv(32, 32, 1), Conv(32, 96, 3)
        channels = 96
        for name, widths in WIDTHS.items():
            setattr(self, name, Mixed(channels, *widths))
            channels = getattr(self, name).out
        self.drop, self.softmax2 = nn.Dropout(0.1), nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv2d2(self.conv2d1(self.conv2d0(x))), 3, 2, 1)
        for name in WIDTHS:
            if name in ("mixed4a", "mixed5a"):
                x = F.max_pool2d(x, 3, 2, 1)
            x = getattr(self, name)(x)
        return self.softmax2(self.drop(x.mean((2, 3))))


def decode(items: list[tuple[Path, int]]) -> tuple[Tensor, Tensor]:
    out = np.empty((len(items), 64, 64, 3), np.uint8)

    def one(k: int) -> None:
        out[k] = np.asarray(Image.open(items[k][0]).convert("RGB"))

    with ThreadPoolExecutor() as pool:
        list(pool.map(one, range(len(items)), chunksize=500))
    return torch.from_numpy(out), torch.tensor([label for _, label in items])


def load(root: Path) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    classes = (root / "wnids.txt").read_text().split()
    train = [(p, k) for k, w in enumerate(classes) for p in sorted((root / "train" / w / "images").iterdir())]
    rows = (line.split() for line in (root / "val" / "val_annotations.txt").read_text().splitlines())
    val = [(root / "val" / "images" / row[0], classes.index(row[1])) for row in rows]
    return decode(train), decode(val)


def prepare(images: Tensor) -> Tensor:
    x = (images.permute(0, 3, 1, 2).float() / 255 - MEAN) / STD
    return x.contiguous(memory_format=torch.channels_last)


def augment(x: Tensor, size: int) -> Tensor:
    """Random crop of 60-100 % of each side, aspect within e^±0.15, flip; resampled to `size`."""
    n = len(x)
    scale, aspect = torch.empty(n).uniform_(0.6, 1.0), torch.empty(n).uniform_(-0.15, 0.15).exp()
    flip = (torch.rand(n) < 0.5).float() * 2 - 1
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = scale * aspect * flip, scale / aspect
    theta[:, 0, 2] = (torch.rand(n) * 2 - 1) * (1 - scale * aspect).clamp(min=0)
    theta[:, 1, 2] = (torch.rand(n) * 2 - 1) * (1 - scale / aspect).clamp(min=0)
    grid = F.affine_grid(theta, (n, 3, size, size), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    return x.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    model.eval()
    batches = zip(images.split(500), labels.split(500), strict=True)
    return sum((model(prepare(x)).argmax(1) == y).sum().item() for x, y in batches) / len(images)


def fold(model: nn.Module) -> dict[str, Tensor]:
    """Weights with BatchNorm folded into the convolutions, float16, named by layer and branch."""
    weights = {}
    for name, module in model.eval().named_modules():
        if isinstance(module, Conv):
            conv = fuse_conv_bn_eval(module[0], module[1])
            weights[f"{name}.weight"], weights[f"{name}.bias"] = conv.weight, conv.bias
    weights["softmax2.weight"], weights["softmax2.bias"] = model.softmax2.weight, model.softmax2.bias
    return {name: tensor.detach().half().contiguous() for name, tensor in weights.items()}


def train(images: Tensor, labels: Tensor, val: tuple[Tensor, Tensor], args: argparse.Namespace) -> None:
    model = HalfInceptionV1().to(memory_format=torch.channels_last)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0}]
    optimizer = torch.optim.AdamW(groups, lr=args.lr)
    steps = len(images) // args.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=args.epochs * steps, pct_start=0.2)
    for epoch in range(args.epochs):
        model.train()
        size = 48 if epoch < args.epochs - 2 else 64
        for rows in torch.randperm(len(images))[: steps * args.batch].split(args.batch):
            x = augment(prepare(images[rows]), size)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(x)
            loss = F.cross_entropy(logits.float(), labels[rows], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            schedule.step()
        print(epoch, f"loss {loss.item():.3f}, validation top-1 {accuracy(model, *val):.4f}", flush=True)
        save_file(fold(model), args.out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out")
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--lr", type=float, default=0.006)
    parser.add_argument("--batch", type=int, default=256)
    args = parser.parse_args()
    torch.manual_seed(0)
    (images, labels), val = load(args.data)
    train(images, labels, val, args)


if __name__ == "__main__":
    main()
