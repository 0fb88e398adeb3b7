"""Seconds that scoring takes: of every unit of the embedded network, and of EfficientNet-Lite0's blocks, whole.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/scores.py FOLDER [--rounds 3] [--lite] [--json FILE]

`embed`     `scores.vectors.embed`: the images decoded, cropped and embedded by EfficientNet-Lite0 at 128 px
`decode`    the images decoded and cropped only, by the same processes
`bare`      that network alone, up to its last stage, on as many random normalized tensors
`score`     tasks drawn and answered, vectors at hand: 2,744 units × natural × 3 difficulties × 20 tasks × 4 observers

The first three take turns on the photographs of FOLDER, seen at 224 px; ratios are medians of the rounds'. Decoding and
network need the same cores, so the second ratio, of processor time, says how much goes into anything else. With --lite
also `exemplum score` as a whole, from nothing, on the 16 blocks of EfficientNet-Lite0 (1,808 units) and FOLDER: three
difficulties, four observers, no nulls.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import exemplum as ex
from exemplum.index import decode_batches
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
[units]
layers = {layers}
[explanations]
methods = ["natural"]
[scores]
observers = {observers}
nulls = []
"""
BLOCKS = ["blocks.0.0.bn2"] + [
    f"blocks.{stage}.{place}" for stage, blocks in enumerate((2, 2, 3, 3, 4, 1), start=1) for place in range(blocks)
]


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
    """Images per second, and processor time per image, of the embedding pass and of its parts, taking turns."""
    corpus = ex.open_images(f"folder:{folder}")
    encoder = network_encoder("auto", ex.load("embedded"))
    rows, seen = np.arange(len(corpus)), Preprocessing(224, 256)
    model, layers = encoder.network.model, encoder.network.layers
    reader = model.reader(layers, relu="after", device=hardware.device())
    side = model.input_size
    batch = torch.randn((BATCH, 3, side, side), device=hardware.device()).contiguous(memory_format=torch.channels_last)

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(len(rows) // BATCH):
                reader.body(batch)
        if hardware.device().type == "cuda":
            torch.cuda.synchronize()

    def decode() -> None:
        for _ in decode_batches(corpus, seen, rows, BATCH):
            pass

    parts = {"embed": lambda: embed(corpus, seen, rows, [encoder]), "decode": decode, "bare": bare}
    rates, costs = {name: list[float]() for name in parts}, {name: list[float]() for name in parts}
    for turn in range(rounds + 1):
        for name, part in parts.items():
            began, busy = time.perf_counter(), processor()
            part()
            if turn:  # the first round warms up
                rates[name].append(len(rows) / (time.perf_counter() - began))
                costs[name].append(1000 * (processor() - busy) / len(rows))
    found: dict[str, object] = {f"{name} (images/s)": values for name, values in rates.items()}
    found |= {f"{name}, processor (ms/image)": values for name, values in costs.items()}
    found["embed / bare"] = float(np.median(np.divide(rates["embed"], rates["bare"])))
    found["(bare + decode) / embed, processor"] = float(
        np.median(np.divide(np.add(costs["bare"], costs["decode"]), costs["embed"]))
    )
    return found


def processor() -> float:
    """Seconds of processor time so far, of this process and of the children that have ended."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


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
        settings = LITE.format(folder=folder.resolve(), observers=json.dumps(OBSERVERS), layers=json.dumps(BLOCKS))
        Path(home, "study.toml").write_text(settings, encoding="utf-8")
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "exemplum", "score", home], check=True)
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
