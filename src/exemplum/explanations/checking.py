"""What can be told to be wrong with a study's explanations before any of them is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exemplum import conditions
from exemplum.errors import UserError, shown
from exemplum.explanations import registry
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.images import Corpus
from exemplum.protocols import Protocol
from exemplum.study import Config, SyntheticSection


def methods(specs: Sequence[str]) -> None:
    """Raise UserError for a method that cannot be loaded, or whose name no condition can have, or another has."""
    taken: dict[str, str] = {}
    for spec in specs:
        _method(spec)
        name = conditions.check(registry.name(spec))
        if name in taken:
            raise UserError(f"{shown(taken[name])} and {shown(spec)} would both be called {name!r}; rename one")
        taken[name] = spec


def _method(spec: str) -> None:
    kind, colon, path = spec.partition(":")
    if kind == "folder" and colon:
        if not path:
            raise UserError("'folder:' names no folder; write folder:PATH")
        if not Path(path).expanduser().is_dir():
            raise UserError(f"the folder {path} does not exist; check the path after folder:")
    try:
        registry.load(spec)
    except UserError:
        raise
    except Exception as error:  # whatever a module raises when it is imported
        raise UserError(f"{shown(spec)} cannot be loaded ({type(error).__name__}: {error})") from error


def snapshots(section: SyntheticSection, recipe: Recipe) -> None:
    """Raise UserError for a snapshot after the last step, if study.toml names the steps itself."""
    last = section.steps or recipe.steps
    late = [step for step in section.snapshots if step > last]
    if late and "snapshots" in section.model_fields_set:
        raise UserError(f"step {late[0]} is never reached; steps go from 0 to {last}")


def images(corpus: Corpus, config: Config, plan: Protocol) -> None:
    """Raise UserError if there are too few images, or too few of them kept, for one batch of natural exemplars."""
    bins = min(plan.reference_counts) + 1
    if len(corpus) < 2 * bins:
        key = "limit" if config.images.limit else "load"
        raise UserError(
            f"[images] {key} gives {len(corpus)} images; protocol {plan.name} needs at least {2 * bins} "
            f"({bins} for each pole)"
        )
    if config.index.keep < bins:
        raise UserError(f"[index] keep must be at least {bins} for protocol {plan.name} (got {config.index.keep})")
