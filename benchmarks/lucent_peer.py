"""Runs the recipe in Lucent, on demand: for benchmarks/synthesis.py, in the environment that peers.sh makes.

    benchmarks/.peers/bin/python benchmarks/lucent_peer.py WEIGHTS

Reads lines `LAYER IMAGES STEPS` and answers each with the seconds that the steps took, without those before the first.
"""

from __future__ import annotations

import sys
import time
import warnings

import torch
import torchvision

warnings.simplefilter("ignore")  # Lucent uses what torch no longer likes

from lucent.optvis import objectives, param, render, transform  # noqa: E402

CANVAS = 256
WARM_UP = 1  # steps before the clock starts


def main() -> None:
    model = torchvision.models.googlenet(weights=None, aux_logits=False, init_weights=False)
    model.load_state_dict(torch.load(sys.argv[1], weights_only=True), strict=False)
    model.to(transform.device).eval()
    for line in sys.stdin:
        layer, images, steps = line.split()
        print(seconds(model, layer, int(images), int(steps)), flush=True)


def seconds(model: torch.nn.Module, layer: str, images: int, steps: int) -> float:
    """Of `steps` steps of the borowski2021 recipe on unit 5 of the layer."""
    stamps: list[float] = []

    def stamp(image: torch.Tensor) -> torch.Tensor:
        if image.is_cuda:
            torch.cuda.synchronize()
        stamps.append(time.perf_counter())
        return image

    recipe = [
        stamp, transform.jitter(16), transform.random_scale([1, 0.975, 1.025, 0.95, 1.05]),
        transform.random_rotate(list(range(-5, 6))), transform.jitter(8),
    ]  # fmt: skip
    render.render_vis(
        model, objectives.channel(layer, 5) - 100 * objectives.diversity(layer),
        lambda: param.image(CANVAS, batch=images), transforms=recipe, thresholds=(WARM_UP + steps + 1,),
        progress=False, show_image=False,
    )  # fmt: skip
    return stamps[WARM_UP + steps] - stamps[WARM_UP]


if __name__ == "__main__":
    main()
