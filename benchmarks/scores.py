"""Seconds that scoring takes: of every unit of the embedded network, and of EfficientNet-Lite0's blocks, whole.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/scores.py FOLDER [--rounds 3] [--lite] [--json FILE]

`embed`     `scores.vectors.embed`: the images decoded, cropped and embedded by EfficientNet-Lite0 at 128 px
`bare`      that network alone, up to its last stage, on as many random normalized tensors
`score`     tasks drawn and answered, vectors at hand: 2,744 units × natural × 3 difficulties × 20 tasks × 4 observers

`embed` and `bare` take turns on the photographs of FOLDER, seen at 224 px; the ratio is the median of the rounds'. With
--lite also `exemplum score` as a whole, from nothing, on EfficientNet-Lite0's default layers and FOLDER: three
difficulties, four observers, no nulls.
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
from pathlib import Path

import numpy as np
import torch

import exemplum as ex
from exemplum.models import Preprocessing
from exemplum.observers import cue, network_encoder
from exemplum.runtime import hardware
from exemplum.scores import populations
from exemplum.scores.scoring import Plan, draw_and_embed, scored
from exemplum.scores.vectors import embed

OBSERVERS = ("similarity", "mean_colour", "colour_histogram", "amplitude_spectrum")
BATCH = 32
LITE = """
[model]
load = "efficientnet-lite0"
[images]
load = "folder:{folder}"
[explanations]
methods = ["natural"]
[scores]
observers = {observers}
nulls = []
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lite", action="store_true", help="also EfficientNet-Lite0 as a whole")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    found = embedding(given.folder, given.rounds) | scoring(given.rounds)
    if given.lite:
        found["lite, whole (s)"] = lite(given.folder)
    found["machine"] = {
        "processor": platform.processor() or platform.machine(), "cores": len(os.sched_getaffinity(0)),
        "device": str(hardware.device()), "torch": torch.__version__, "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip
    for name, value in found.items():
        print(f"{name}: {value}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def embedding(folder: Path, rounds: int) -> dict[str, object]:
    """Images per second of the embedding pass and of the bare network, taking turns."""
    corpus = ex.open_images(f"folder:{folder}")
    encoder = network_encoder("auto", ex.load("embedded"))
    rows = np.arange(len(corpus))
    model, layers = encoder.network.model, encoder.network.layers
    reader = model.reader(layers, relu="after", device=hardware.device())
    side = model.input_size
    batch = torch.randn((BATCH, 3, side, side), device=hardware.device()).contiguous(memory_format=torch.channels_last)
    rates: dict[str, list[float]] = {"embed": [], "bare": []}
    for turn in range(rounds + 1):
        began = time.perf_counter()
        embed(corpus, Preprocessing(224, 256), rows, [encoder])
        middle = time.perf_counter()
        with torch.inference_mode():
            for _ in range(len(rows) // BATCH):
                reader.body(batch)
        if hardware.device().type == "cuda":
            torch.cuda.synchronize()
        if turn:  # the first round warms up
            rates["embed"].append(len(rows) / (middle - began))
            rates["bare"].append(len(rows) // BATCH * BATCH / (time.perf_counter() - middle))
    ratios = [of / bare for of, bare in zip(rates["embed"], rates["bare"], strict=True)]
    return {f"{name} (images/s)": values for name, values in rates.items()} | {"embed / bare": float(np.median(ratios))}


def scoring(rounds: int) -> dict[str, object]:
    """Seconds for every unit of the embedded network, the images embedded before."""
    model, corpus = ex.load("embedded"), ex.open_images("embedded")
    index = ex.build_index(model, corpus)
    encoders = [network_encoder("auto", model) if name == "similarity" else cue(name) for name in OBSERVERS]
    plan = Plan(difficulties=("extreme", "0.95", "0.85"))
    own = populations.own(index, [ex.Unit.parse(name) for name in index.units["unit"]])
    seconds, costs = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds + 1):  # the first embeds
            began, busy = time.perf_counter(), time.process_time()
            drawn = draw_and_embed([own], plan, corpus, model.preprocessing, encoders, Path(folder))
            table = scored(drawn, encoders, rows={"natural": "natural"})
            seconds.append(time.perf_counter() - began)
            costs.append(time.process_time() - busy)
    return {
        "rows": len(table), "tasks": int(table["n_tasks"].sum()), "with embedding (s)": seconds[0],
        "score (s)": seconds[1:], "score, processor (s)": costs[1:],
    }  # fmt: skip


def lite(folder: Path) -> float:
    """Seconds of the command, from a new folder."""
    with tempfile.TemporaryDirectory() as home:
        observers = json.dumps(OBSERVERS)
        Path(home, "study.toml").write_text(LITE.format(folder=folder.resolve(), observers=observers), encoding="utf-8")
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "exemplum", "score", home], check=True)
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
