"""Pictures made by the workers of a cluster: each makes those of a few units at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

from exemplum import store
from exemplum.activations import ActivationIndex
from exemplum.cluster import Cluster
from exemplum.explanations.synthetic import room
from exemplum.explanations.synthetic.making import Made, Setup
from exemplum.explanations.synthetic.recipes import Recipe
from exemplum.explanations.synthetic.weighting import Wanted, weighted
from exemplum.progress import track
from exemplum.records import Pole, Unit


@dataclass(frozen=True)
class Share:
    """What a worker made: pictures, and the snapshots by their path below the folder."""

    made: list[Made]
    snapshots: dict[str, bytes]


def spread(
    cluster: Cluster, setup: Setup, units: Sequence[Unit], poles: Sequence[Pole], recipe: Recipe, wanted: Wanted,
    index: ActivationIndex | None,
) -> Iterator[Made]:  # fmt: skip
    """As `weighting.weighted`, units of a layer together. What a worker that dies was at, another begins again."""
    make = partial(
        weighted, poles=tuple(poles), recipe=recipe, wanted=wanted, index=index.without_images() if index else None
    )
    images = len(poles) * recipe.images * recipe.views
    fill = max(1, room.MOST["cuda" if cluster.has_gpus else "cpu"] // images)
    shares = list(_shares(units, min(fill, -(-len(units) // max(1, cluster.workers)))))
    away = replace(setup, folder=None)  # the workers' disks may be others
    steps = recipe.updates * recipe.images
    with track("synthesis", len(units) * len(poles) * steps, "image-steps") as advance:
        for share in cluster.spread(partial(_Worker, away, make), shares):
            for path, content in share.snapshots.items():
                if setup.folder:
                    _write(setup.folder / path, content)
            advance(len(share.made) * steps)
            yield from share.made


class _Worker:
    """Makes the pictures of a share of the units."""

    def __init__(self, setup: Setup, make: Callable[[Setup, Sequence[Unit]], Iterator[Made]]):
        self.setup, self.make = setup, make

    def __call__(self, units: Sequence[Unit]) -> Share:
        with tempfile.TemporaryDirectory() as folder:
            made = list(self.make(replace(self.setup, folder=Path(folder)), units))
            kept = {
                path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("steps/*.png")
            }
        return Share(made, kept)


def _shares(units: Sequence[Unit], size: int) -> Iterator[list[Unit]]:
    """Units of a layer, `size` at a time."""
    by_layer = sorted(units, key=lambda unit: unit.layer)  # stable
    for _, group in groupby(by_layer, key=lambda unit: unit.layer):
        own = list(group)
        yield from (own[start : start + size] for start in range(0, len(own), size))


def _write(path: Path, content: bytes) -> None:
    with store.atomic(path, sync=False) as temporary:
        temporary.write_bytes(content)
