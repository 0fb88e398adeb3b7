"""What can be told to be wrong with a study's explanations before any of them is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from exemplum import conditions
from exemplum.errors import UserError, shown
from exemplum.explanations import registry
from exemplum.explanations.base import ExplanationMethod
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.images import Corpus
from exemplum.protocols import Protocol
from exemplum.study import Config, SyntheticSection


def methods(specs: Sequence[str], load: Callable[[str], ExplanationMethod]) -> None:
    """Raise UserError for a method that cannot be loaded, or whose name no condition can have, or another has."""
    taken: dict[str, str] = {}
    for spec in specs:
        load(spec)
        name = conditions.check(registry.name(spec))
        key = name.casefold()  # some file systems take Sharp and sharp for one folder
        if key in taken:
            raise UserError(
                f"{shown(taken[key])} and {shown(spec)} would both be the condition {name!r}; "
                "rename the function or the folder of one"
            )
        taken[key] = spec


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
