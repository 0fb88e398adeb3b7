"""Peak memory and time of the index of a large dictionary over a layer of a vision transformer.

    python benchmarks/dictionary_memory.py FOLDER [--images 1000] [--features 16384] [--json FILE]

FOLDER holds photographs; they are repeated up to `--images`. The network is timm's ViT-Tiny at 224 px with random
weights; the dictionary a top-k autoencoder's encoder (32 features per patch) with random weights over blocks.6. The
index is built with its default settings, saved and read again. Memory is the largest resident memory of this process,
and the largest sum over it and its workers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from indexing import Repeated
from resident_memory import peak_memory

from exemplum import images, models
from exemplum.index import ActivationIndex, build_index
from exemplum.models import dictionaries

NETWORK, LAYER, ACTIVE = "timm:vit_tiny_patch16_224", "blocks.6", 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--features", type=int, default=16_384)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    model = models.load(NETWORK)
    channels = model.layer(LAYER).channels
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn((channels, given.features), generator=generator) / channels**0.5
    encoder = dictionaries.sae(weight, activation=f"topk:{ACTIVE}")
    model = model.with_dictionary("sae", LAYER, encoder)
    corpus = Repeated(images.open_corpus(f"folder:{given.folder}"), given.images, model, cropped=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, peak_memory(os.getpid()) as peak:
        index = build_index(model, corpus, ["sae"], folder=Path(folder))
        built = time.perf_counter() - began
        index.save(Path(folder))
        alone, together = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, max(peak) / 1e3
        read = ActivationIndex.load(Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.*")) / 1e6
        assert (read.ranked("sae:7")[0] == index.ranked("sae:7")[0]).all()
    found = {
        "network": NETWORK, "layer": LAYER, "features": given.features, "active per patch": ACTIVE,
        "images": given.images, "rows of extremes": len(index.extremes),
        "zeros in the sample": round(1 - len(index.sample.data) / max(1, given.images * given.features), 3),
        "dead": int(index.units["dead"].sum()), "rare": int(index.units["rare"].sum()),
        "median active images": float(np.median(index.units["active"])), "seconds": round(built, 1),
        "GB before": round(before, 2), "GB": round(alone, 2), "GB with workers": round(together, 2),
        "GB with a second copy read": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "MB on disk": round(size, 1),
        "machine": platform.processor() or platform.machine(), "torch": torch.__version__,
        "command": " ".join(sys.argv),
    }  # fmt: skip
    print(json.dumps(found, indent=2))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
