"""Image-steps per second of the borowski2021 recipe, against Lucent and the bare network; quality of low precision.

    benchmarks/peers.sh   # once: Lucent in an environment of its own
    OMP_WAIT_POLICY=PASSIVE python benchmarks/synthesis.py [--rounds 7] [--quality] [--json FILE]

The network is torchvision's GoogLeNet with random weights (seeded), at inception3a, inception4a and inception5b.

    ours      10 images of one unit, canvas 256, in the machine's low precision and in float32
    limit     forward and backward to the input of the bare network, cut after the layer, its BatchNorms fused, on the
              same shapes and in the same precision
    lucent    Lucent 0.1.8 with kornia 0.4.1, the same recipe, weights and number of images
    20 × 1    one image of each of 20 units in a batch; 1 × 20: twenty images of one unit

The variants take turns; figures are medians over rounds, ratios medians of the rounds' ratios. A round takes the
recipe's steps from the 20th on, for ours two of each of its five sizes; of each turn the first step is not counted.
With `--quality`, instead: the final float32 activation of pictures made in low precision over that of pictures made in
float32, for 20 units of the embedded network.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import fx
from torch.fx.experimental.optimization import fuse
from torchvision.models.feature_extraction import create_feature_extractor

from exemplum import models
from exemplum.explanations import synthetic
from exemplum.explanations.synthetic import transforms
from exemplum.explanations.synthetic.optimization import Batch, Cohort, Job
from exemplum.models import Model
from exemplum.records import Pole, Unit
from exemplum.runtime import hardware

LAYERS = ("inception3a", "inception4a", "inception5b")
RECIPE = synthetic.recipe("borowski2021")
SIZES = (220, 226, 232, 238, 243)
FIRST = 20  # step after the redirected ones
LUCENT_STEPS = 2
HERE = Path(__file__).parent
PEER = HERE / ".peers" / "bin" / "python"


class Ours:
    """A batch of our own at the recipe's 20th step."""

    def __init__(self, model: Model, layer: str, units: int, images: int, precision: str) -> None:
        device = hardware.device()
        reader = model.reader([layer], dtype=hardware.dtype(precision, device), device=device)
        chosen = RECIPE.with_(images=images)
        jobs = [Job(Unit(layer, channel), Pole.MAX, chosen, 0) for channel in range(units)]
        self.cohort = Cohort(jobs, model.channels, 0, device)
        self.batch = Batch(reader, [self.cohort])
        self.steps = self._two_of_each_size()
        self()

    def _two_of_each_size(self) -> list[int]:
        found: dict[int, list[int]] = {size: [] for size in SIZES}
        for step in range(FIRST, RECIPE.updates):
            draws = transforms.draw(RECIPE.transforms, 0, step, RECIPE.steps)
            steps = found[transforms.sizes(RECIPE.transforms, draws, RECIPE.canvas)[-1]]
            steps.extend([step] if len(steps) < 2 else [])
            if all(len(steps) == 2 for steps in found.values()):
                break
        return sorted(step for steps in found.values() for step in steps)

    def __call__(self) -> float:
        """Image-steps per second."""
        self._update(self.steps[0])
        start = clock()
        for step in self.steps:
            self._update(step)
        return self.cohort.images * len(self.steps) / (clock() - start)

    def _update(self, step: int) -> None:
        self.cohort.step = step
        self.batch.update()


class Limit:
    """The bare network up to a layer, forward and backward to its input."""

    def __init__(self, model: Model, layer: str, images: int, precision: str) -> None:
        self.device = hardware.device()
        self.dtype = hardware.dtype(precision, self.device)
        bare = create_feature_extractor(model.module, {layer: "maps"})
        self.body = fuse(fx.GraphModule(bare, bare.graph).eval()).requires_grad_(False).to(self.device, self.dtype)
        self.body = self.body.to(memory_format=torch.channels_last)
        self.images = images
        self()

    def __call__(self) -> float:
        self._update(SIZES[0])
        start = clock()
        for size in SIZES:
            self._update(size)
        return self.images * len(SIZES) / (clock() - start)

    def _update(self, size: int) -> None:
        shape = (self.images, 3, size, size)
        x = torch.randn(shape, device=self.device).to(self.dtype).to(memory_format=torch.channels_last)
        maps = self.body(x.requires_grad_())["maps"]
        maps.backward(torch.ones_like(maps))


class Lucent:
    """Lucent in a process of its own, which waits while others are measured."""

    def __init__(self, model: Model, layer: str, images: int, weights: Path) -> None:
        torch.save(model.module.state_dict(), weights)
        self.layer, self.images = layer, images
        self.process = subprocess.Popen(
            [PEER, HERE / "lucent_peer.py", weights], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self()

    def __call__(self) -> float:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{self.layer} {self.images} {LUCENT_STEPS}\n")
        self.process.stdin.flush()
        return self.images * LUCENT_STEPS / float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate("")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--layers", nargs="+", default=LAYERS)
    parser.add_argument("--quality", action="store_true", help="quality of low precision instead of speed")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    machine = {
        "processor": platform.processor() or platform.machine(), "device": str(hardware.device()),
        "threads": torch.get_num_threads(), "torch": torch.__version__, "torchvision": torchvision.__version__,
        "precision": str(hardware.dtype("auto", hardware.device())), "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip
    print(json.dumps(machine))
    hardware.reuse()
    found = quality() if given.quality else [speed(layer, given.rounds) for layer in given.layers]
    if given.json:
        given.json.write_text(json.dumps({"machine": machine, "results": found}, indent=1) + "\n")


def speed(layer: str, rounds: int) -> dict[str, float | str]:
    """Medians of a layer, printed."""
    model = models.load("torchvision:googlenet")
    with tempfile.TemporaryDirectory() as folder:
        lucent = Lucent(model, layer, RECIPE.images, Path(folder) / "weights.pt") if PEER.exists() else None
        variants: dict[str, Callable[[], float]] = {
            "ours": Ours(model, layer, 1, 10, "auto"), **({"lucent": lucent} if lucent else {}),
            "limit": Limit(model, layer, 10, "auto"),
            "ours float32": Ours(model, layer, 1, 10, "float32"), "limit float32": Limit(model, layer, 10, "float32"),
            "20 × 1": Ours(model, layer, 20, 1, "auto"), "1 × 20": Ours(model, layer, 1, 20, "auto"),
        }  # fmt: skip
        if not lucent:
            print("no benchmarks/.peers: Lucent is left out; benchmarks/peers.sh makes it")
        figures = [{name: variant() for name, variant in variants.items()} for _ in range(rounds)]
        if lucent:
            lucent.close()
    found = {name: statistics.median(figure[name] for figure in figures) for name in variants}
    compared = [("ours", "limit"), ("ours float32", "limit float32"), ("20 × 1", "1 × 20")]
    compared += [("ours", "lucent"), ("ours float32", "lucent")] if lucent else []
    print(f"{layer}: image-steps/s, medians of {rounds} rounds (lowest to highest)")
    for name in variants:
        values = [figure[name] for figure in figures]
        print(f"  {name:14} {found[name]:8.2f}  ({min(values):.2f} to {max(values):.2f})")
    for one, other in compared:
        ratios = [figure[one] / figure[other] for figure in figures]
        found[f"{one} / {other}"] = statistics.median(ratios)
        print(f"  {one + ' / ' + other:28} {statistics.median(ratios):6.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")
    return {"layer": layer, **found}


def quality(units: int = 20, steps: int = 128) -> list[dict[str, float | str]]:
    """Activation in low precision over that in float32, both measured in float32, of each unit's best of 2 pictures."""
    model = models.load("embedded")
    rng = np.random.default_rng(0)
    layers = [model.default_layers[place % len(model.default_layers)] for place in range(units)]
    chosen = [Unit(layer, int(rng.integers(model.layer(layer).channels))) for layer in layers]
    made = {
        precision: synthetic.visualize(
            model, chosen, poles=[Pole.MAX], images=2, steps=steps, diversity=0.0, precision=precision
        )
        for precision in ("auto", "float32")
    }
    ratios = []
    for low, full in zip(made["auto"], made["float32"], strict=True):
        ratios.append({"unit": str(low.unit), "position": low.position, "ratio": low.activation / full.activation})
    of_units = [statistics.mean([r["ratio"] for r in ratios if r["unit"] == str(unit)]) for unit in chosen]
    print(f"low precision / float32, {units} units × 2 pictures, {steps} steps: median {np.median(of_units):.4f}, "
          f"lowest {min(of_units):.4f}, highest {max(of_units):.4f}")  # fmt: skip
    return ratios


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
