"""The index stage: model and images in, `index/` out."""

from __future__ import annotations

from typing import Any

import numpy as np

from exemplum import images, models, store
from exemplum.activations.build import build
from exemplum.activations.index import ActivationIndex
from exemplum.images import Corpus
from exemplum.models import Model
from exemplum.study import Study

VERSION = 1


def load_model(study: Study) -> Model:
    """The model that study.toml names, with its weights."""
    section = study.config.model
    return models.load(section.load, weights=section.weights, input_size=section.input_size)


def open_corpus(study: Study) -> Corpus:
    """The images that study.toml names, a seeded subset if it sets a limit."""
    section = study.config.images
    kind, colon, path = section.load.partition(":")
    spec = f"{kind}:{study.resolve(path)}" if kind == "folder" and colon else section.load
    corpus = images.open(spec, seed=study.config.seed)
    if not section.limit:
        return corpus
    return images.subset(corpus, section.limit, np.random.default_rng([study.config.seed, 2]))


def layers(study: Study, model: Model) -> list[str]:
    """Layers to index: those that study.toml names, or the model's default ones."""
    chosen = list(study.config.units.layers) or model.default_layers
    for name in chosen:
        model.layer(name)  # a wrong name is told now, not after an hour
    return chosen


def fingerprint(study: Study) -> str:
    model = load_model(study)
    return store.digest(
        VERSION, model.fingerprint, open_corpus(study).fingerprint, layers(study, model),
        study.config.index.model_dump(), study.config.seed,
    )  # fmt: skip


def run(study: Study) -> dict[str, Any]:
    model, corpus, section = load_model(study), open_corpus(study), study.config.index
    index = build(
        model, corpus, layers(study, model), relu=section.relu, objective=section.objective, keep=section.keep,
        sample=section.sample, batch=section.batch, seed=study.config.seed, folder=study.stage("index"),
    )  # fmt: skip
    index.save(study.stage("index"))
    return {
        "images": len(corpus) - len(index.broken), "broken": len(index.broken),
        "units": len(index.units), "dead": int(index.units["dead"].sum()),
    }  # fmt: skip


def load(study: Study) -> ActivationIndex:
    return ActivationIndex.load(study.stage("index"))
