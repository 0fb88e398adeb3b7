"""`exemplum dictionary train`: a sparse autoencoder of a layer, trained on a study's images."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from exemplum.cli.arguments import StudyFolder
from exemplum.errors import UserError
from exemplum.runtime import console, output
from exemplum.study import Study

app = typer.Typer(help="Dictionaries of features: sparse autoencoders of a layer.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Dictionaries of features: sparse autoencoders of a layer."""


@app.command()
def train(
    study: StudyFolder,
    layer: Annotated[str, typer.Option(help="The layer of the study's model to train on, as exemplum units lists it.")],
    features: Annotated[int, typer.Option(min=1, help="Number of features. Usual are 4 to 32 per channel.")],
    out: Annotated[Path, typer.Option(help="File to write, FILE.safetensors. Its name is that of the new layer.")],
    k: Annotated[int, typer.Option("--k", min=1, help="Number of features that are active at each position.")] = 32,
    steps: Annotated[int | None, typer.Option(min=1, help="Number of updates. Default: 2000.")] = None,
    epochs: Annotated[
        float | None, typer.Option(help="Number of passes over the training data, instead of --steps.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Vectors per update.")] = 1024,
    learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate of Adam. Default: 5e-4 √(16384 / features), at most 0.003.")
    ] = None,
    vectors: Annotated[
        int, typer.Option(min=100, help="Largest number of vectors to train on; they are held in memory.")
    ] = 1_000_000,
    relu: Annotated[str, typer.Option(help="Read the layer before or after its ReLU.")] = "after",
    seed: Annotated[int | None, typer.Option(min=0, help="Random seed. Default: the study's.")] = None,
) -> None:
    """Train a top-k sparse autoencoder on a layer, over the study's images.

    Continues where a stopped run left off. Prints the lines of study.toml that make its features units.
    """
    from exemplum.index import stage as index_stage  # late: torch takes seconds to import
    from exemplum.models import train_dictionary

    if relu not in ("before", "after"):
        raise UserError(f"--relu must be before or after (got {relu!r})")
    opened = Study.open(study)
    with opened.setting(""):
        # without dictionaries: the one to train may be in study.toml already
        model, corpus = index_stage.load_network(opened), index_stage.open_corpus(opened)
    found = train_dictionary(
        model, corpus, layer, features=features, k=k, steps=steps, epochs=epochs, batch=batch,
        learning_rate=learning_rate, vectors=vectors, relu="before" if relu == "before" else "after",
        seed=opened.config.seed if seed is None else seed, out=out,
    )  # fmt: skip
    facts = found.facts
    console.print(
        f"wrote {out} and {out.with_suffix('.json').name}: loss {facts['loss']:.4f}, explained variance "
        f"{facts['explained_variance']:.3f} of {facts['held_out']:,} vectors held out, dead {facts['dead']:.1%} of "
        f"{features:,} features"
    )
    console.print("add to study.toml, and its name to [units] layers:")
    output.print(_table(opened, layer, out))


def _table(study: Study, layer: str, out: Path) -> str:
    """The lines of study.toml that attach the dictionary; its path is relative to the study if it is inside of it."""
    whole = out.expanduser().absolute()
    inside = whole.is_relative_to(study.folder.absolute())
    path = whole.relative_to(study.folder.absolute()).as_posix() if inside else str(whole)
    name = re.sub(r"[^\w-]", "_", out.stem, flags=re.ASCII)
    quoted = (json.dumps(value, ensure_ascii=False) for value in (layer, path))
    return "[dictionaries.{}]\nlayer = {}\nload = {}".format(name, *quoted)
