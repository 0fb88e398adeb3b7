"""Images per second of the index's pass, against the bare network and against the obvious way; peak memory by images.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/indexing.py FOLDER [--images 1024] [--rounds 5] [--memory] [--json FILE]

FOLDER holds photographs; they are repeated up to `--images`. The network is torchvision's GoogLeNet at 224 px with
random weights, all nine default layers (5,488 units), 300 images kept of each pole, batches of 32.

    bare        the fused network up to its deepest layer, on one batch of random normalized tensors again and again
    pass        the first pass of `exemplum.index.build_index`: decoding, network, pooling, extremes, checkpoints
    cached      the same with images that are already decoded and cropped in memory
    obvious     torch's DataLoader with one worker per core, torchvision's transforms, hooks, float32

`bare` and `pass` are measured in float32 and in the machine's low precision. The variants take turns; figures are
medians over rounds, ratios medians of the rounds' ratios. Processor time per image, of all cores and workers, is said
beside, since other processes disturb it less. With `--memory`, instead: the largest memory of a whole `build` (the sum
over the process and its workers) at 1,000, 10,000 and 100,000 images, each in a process of its own, on the embedded
network at 32 px and links to thumbnails of the photographs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from resident_memory import peak_memory
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from exemplum import images, models
from exemplum.images import Corpus, ImageRecord
from exemplum.index.activations import Measurer
from exemplum.index.build import spare
from exemplum.index.extremes import Accumulator
from exemplum.index.sampling import SampleCollector
from exemplum.index.sweep import Sweep, shards
from exemplum.models import Model
from exemplum.runtime import hardware

BATCH, KEEP, SHARD, SAMPLE = 32, 300, 512, 4096
SLOW_IMAGES = 96  # a round of the obvious way, which takes longest
SIZES = (1_000, 10_000, 100_000)


class Repeated:
    """The images of a corpus over and over; with `cropped`, decoded once and kept."""

    def __init__(self, corpus: Corpus, length: int, model: Model, cropped: bool) -> None:
        self.corpus, self.length, self.name, self.fingerprint = corpus, length, corpus.name, f"{length}"
        self.kept = [model.crop(corpus.decode(row)) for row in range(min(length, len(corpus)))] if cropped else None

    def __len__(self) -> int:
        return self.length

    def record(self, row: int) -> ImageRecord:
        return self.corpus.record(row % len(self.corpus))

    def decode(self, row: int) -> np.ndarray:
        return self.kept[row % len(self.kept)] if self.kept else self.corpus.decode(row % len(self.corpus))


class Photographs(Dataset):
    """What a script would write: open, transform."""

    def __init__(self, paths: list[Path], length: int) -> None:
        self.paths, self.length = paths, length
        self.transform = v2.Compose([
            v2.Resize(256), v2.CenterCrop(224), v2.ToImage(), v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ])  # fmt: skip

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, row: int) -> torch.Tensor:
        with Image.open(self.paths[row % len(self.paths)]) as image:
            return self.transform(image.convert("RGB"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1024, help="images of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        _index_thumbnails(given.folder)
        return
    found = memory(given.folder) if given.memory else speed(given.folder, given.images, given.rounds)
    found["machine"] = {
        "processor": platform.processor() or platform.machine(), "cores": len(os.sched_getaffinity(0)),
        "device": str(hardware.device()), "torch": torch.__version__, "torchvision": torchvision.__version__,
        "date": time.strftime("%Y-%m-%d"), "command": " ".join(sys.argv),
    }  # fmt: skip
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def speed(folder: Path, count: int, rounds: int) -> dict[str, object]:
    model = models.load("torchvision:googlenet")
    corpus = images.open_corpus(f"folder:{folder}")
    low = hardware.dtype("auto", hardware.device())
    decoded, cached = (Repeated(corpus, count, model, cropped) for cropped in (False, True))
    variants: dict[str, Callable[[], int]] = {"bare": bare(model, low, count)}
    variants["pass"] = swept(model, decoded, low)
    variants["cached"] = swept(model, cached, low)
    variants["bare float32"] = bare(model, torch.float32, count)
    variants["pass float32"] = swept(model, decoded, torch.float32)
    variants["obvious"] = obvious(model, [corpus.path(row) for row in range(len(corpus))])  # type: ignore[attr-defined]
    rates: dict[str, list[float]] = {name: [] for name in variants}
    costs: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(rounds + 1):
        for name, run in variants.items():
            began, busy = time.perf_counter(), _processor_seconds()
            done = run()
            if turn:  # the first round warms up
                rates[name].append(done / (time.perf_counter() - began))
                costs[name].append((_processor_seconds() - busy) / done * 1000)
    print(f"{count} images per round from {len(corpus)} files, {rounds} rounds, low precision {low}, images/s:")
    for name, measured in rates.items():
        rounds_said = " ".join(f"{rate:.1f}" for rate in measured)
        print(f"{name:14} {np.median(measured):7.1f}  ({np.median(costs[name]):5.1f} ms per image)  {rounds_said}")
    pairs = {
        "pass / bare": ("pass", "bare"), "cached / bare": ("cached", "bare"), "pass / obvious": ("pass", "obvious"),
        "pass float32 / bare float32": ("pass float32", "bare float32"),
        "pass float32 / obvious": ("pass float32", "obvious"),
    }  # fmt: skip
    ratios = {name: [x / y for x, y in zip(rates[a], rates[b], strict=True)] for name, (a, b) in pairs.items()}
    for name, measured in ratios.items():
        print(f"{name:28} {np.median(measured):5.2f}")
    return {
        "images/s": rates,
        "processor ms per image": costs,
        "ratios": ratios,
        "images": count,
        "files": len(corpus),
        "low precision": str(low),
    }


def _processor_seconds() -> float:
    """Of this process and of those that it waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def bare(model: Model, dtype: torch.dtype, count: int) -> Callable[[], int]:
    device = hardware.device()
    reader = model.reader(model.default_layers, dtype=dtype, device=device)
    batch = torch.randn((BATCH, 3, 224, 224), device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)

    def run() -> int:
        with torch.inference_mode():
            for _ in range(count // BATCH):
                reader.body(batch)
        if device.type == "cuda":
            torch.cuda.synchronize()
        return count // BATCH * BATCH

    return run


def swept(model: Model, corpus: Corpus, dtype: torch.dtype) -> Callable[[], int]:
    measurer = Measurer(model, model.default_layers, "before", "channel", dtype)
    units = sum(model.layer(name).channels for name in model.default_layers)
    offsets = np.zeros(units, np.int64)
    rows = np.arange(len(corpus))

    def run() -> int:
        with tempfile.TemporaryDirectory() as folder:
            total, sample = Accumulator(offsets, KEEP + spare(KEEP)), SampleCollector(rows[:SAMPLE], units)
            sweep = Sweep("", rows, total, sample, Path(folder) / "partial.npz")
            sweep.run(shards(measurer.corpus(corpus, rows, BATCH), SHARD))
        return sweep.done

    return run


def obvious(model: Model, paths: list[Path]) -> Callable[[], int]:
    network = torchvision.models.googlenet(weights=None, init_weights=False).eval()
    network.load_state_dict(model.module.state_dict(), strict=False)
    network.to(hardware.device())
    values: dict[str, list[torch.Tensor]] = {name: [] for name in model.default_layers}
    for name, kept in values.items():
        network.get_submodule(name).register_forward_hook(lambda _m, _i, out, kept=kept: kept.append(out.mean((2, 3))))
    loader = DataLoader(Photographs(paths, SLOW_IMAGES), batch_size=BATCH, num_workers=os.cpu_count() or 1)

    def run() -> int:
        with torch.no_grad():
            for batch in loader:
                network(batch.to(hardware.device()))
        for kept in values.values():
            torch.cat(kept).topk(min(KEEP, SLOW_IMAGES), dim=0)
            kept.clear()
        return SLOW_IMAGES

    return run


def memory(folder: Path) -> dict[str, object]:
    peaks: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as made:
        thumbnails = _thumbnails(folder, Path(made) / "originals")
        for size in SIZES:
            links = Path(made) / str(size)
            for number in range(size):
                link = links / f"{number // 1000:03d}" / f"{number:06d}.jpg"
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(thumbnails[number % len(thumbnails)])
            quiet = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}  # as the command sets it
            child = subprocess.Popen([sys.executable, __file__, str(links), "--child", str(size)], env=quiet)
            with peak_memory(child.pid) as peak:
                status = child.wait()
            if status:
                sys.exit(f"the index failed with status {status}")
            peaks[size] = max(peak)
            print(f"{size:7,} images: {peaks[size]:7.1f} MB", flush=True)
    growth = peaks[SIZES[-1]] / peaks[SIZES[-2]] - 1
    print(f"growth from {SIZES[-2]:,} to {SIZES[-1]:,} images: {growth:+.1%}")
    return {"peak MB": peaks, "growth": growth}


def _thumbnails(folder: Path, into: Path) -> list[Path]:
    corpus = images.open_corpus(f"folder:{folder}")
    into.mkdir()
    written = [into / f"{row}.jpg" for row in range(min(500, len(corpus)))]
    for row, path in enumerate(written):
        Image.fromarray(corpus.decode(row)).resize((40, 40)).save(path, quality=90)
    return written


def _index_thumbnails(folder: Path) -> None:
    from exemplum.index import build_index

    with tempfile.TemporaryDirectory() as kept:
        model = models.load("embedded", input_size=32)
        index = build_index(model, images.open_corpus(f"folder:{folder}"), folder=Path(kept))
        index.save(Path(kept))


if __name__ == "__main__":
    main()
