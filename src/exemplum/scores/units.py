"""Score units from Python: a model, its index, and any explanation methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from exemplum.errors import UserError, did_you_mean
from exemplum.explanations import ExplanationMethod, Request, Settings, as_method, whole_images
from exemplum.images import Corpus
from exemplum.index import UNATTACHED, ActivationIndex
from exemplum.models import Model
from exemplum.observers import CUES, SIMILARITY, Encoder
from exemplum.records import EXTREME, Picture, Unit
from exemplum.runtime import Cluster
from exemplum.scores import populations
from exemplum.scores.pictures import scored_pictures
from exemplum.scores.populations import DIRECTIONS, NULLS, OF_UNITS, RANDOM, UNTRAINED, IndexSettings, Population
from exemplum.scores.result import Scores
from exemplum.scores.scoring import Plan, draw_and_embed, scored
from exemplum.tables import SCORES

Method = str | ExplanationMethod | Callable[[Request], Iterable[Picture]]


def score(
    model: Model,
    index: ActivationIndex,
    *,
    methods: Mapping[str, Method] | Sequence[str] = ("natural",),
    difficulty: str | float | Sequence[str | float] = EXTREME,
    observers: Sequence[str | Encoder] = ("similarity",),
    nulls: Sequence[str] = (),
    units: Sequence[Unit | str] | None = None,
    tasks: int = 20,
    references: int | Sequence[int] = 9,
    baseline: str | None = None,
    seed: int = 0,
    folder: Path | str | None = None,
    workers: int | None = None,
) -> Scores:
    """How well machine observers tell what units respond to, from the pictures of each explanation method.

    methods: by name: `natural`, `synthetic`, `random`, or a function from an `ex.Request` to `ex.Picture`s.
    difficulty: of the queries: `extreme`, or percentiles above 0.5 and below 1.
    observers: `similarity` (the features of a network that is independent of the tested one), a model as in
    `timm:vit_small_patch16_dinov3`, low-level cues (`ex.observers.CUES`), or your own encoder.
    nulls: `untrained`, `directions`, `shuffled`, `random`; of natural images. units: all of the index if not given; a
    method that is no `natural` or `random` makes pictures for each of them. tasks: forced choices per unit, method and
    difficulty. references: per pole. baseline: the method that others are compared with, the first if not given.
    seed: of the tasks and of random nulls; the same seed gives the same scores.
    folder: vectors of images and indexes of nulls are kept there, so that the next call is fast.
    workers: processes that decode images; by the number of cores if not given.
    Raises UserError for names that do not exist, and if the index has no images (`index.attached`).

    >>> import exemplum as ex
    >>> model = ex.load("embedded")
    >>> index = ex.build_index(model, ex.open_images("embedded", limit=150), ["mixed4a"])
    >>> scores = ex.score(model, index, units=["mixed4a:30", "mixed4a:17"], observers=["colour_histogram"], tasks=4)
    >>> scores
    Scores(2 units; natural; extreme; colour_histogram)
    >>> scores.to_frame()["n_tasks"].tolist()
    [4, 4]
    """
    corpus = _corpus(index)
    index = index.attached(model, corpus)
    plan = Plan(tasks, _numbers(references), _difficulties(difficulty), seed)
    asked = [Unit.of(unit) for unit in (index.units["unit"] if units is None else units)]
    for unit in asked:
        index.row(unit)  # raises for a unit that is not in the index
    chosen = {name: as_method(name, method) for name, method in _named(methods).items()}
    rows = {name: kind for name, method in chosen.items() if (kind := whole_images(method))}
    encoders = [_encoder(observer, model) for observer in observers]
    for place, encoder in enumerate(encoders):
        if encoder.name in (earlier.name for earlier in encoders[:place]):
            raise UserError(f"two observers are called {encoder.name}; give one of them another name")
    home = None if folder is None else Path(folder).expanduser()
    layers, settings = list(dict.fromkeys(unit.layer for unit in asked)), _settings(index, seed)
    own = populations.own(index, asked)
    everyone = [own, *of_nulls(nulls, model, corpus, layers, settings, home)]
    drawn = draw_and_embed(everyone, plan, corpus, model.preprocessing, encoders, home, workers=workers)
    tables = [scored(drawn, encoders, rows=rows, nulls=[null for null in nulls if null in OF_UNITS])]
    given = Settings(seed, index.relu, index.objective)
    for name, method in chosen.items():
        if name not in rows:
            tables += scored_pictures(name, method, own, model, drawn, encoders, given)
    table = SCORES.concat(tables)
    random = tuple(name for name, kind in rows.items() if kind == RANDOM)
    return Scores(table, baseline or next(iter(chosen)), index, random)


def of_nulls(
    nulls: Sequence[str], model: Model, corpus: Corpus, layers: Sequence[str], settings: IndexSettings,
    folder: Path | None = None, cluster: Cluster | None = None,
) -> list[Population]:  # fmt: skip
    """The units of those nulls that have units of their own. Raises UserError for a null that does not exist."""
    found = []
    for null in nulls:
        if null not in NULLS:
            raise UserError(f"there is no null {null!r}{did_you_mean(null, NULLS)}")
        make = {UNTRAINED: populations.untrained, DIRECTIONS: populations.directions}.get(null)
        if make:
            found.append(make(model, corpus, layers, settings, folder and folder / null, cluster))
    return found


def _corpus(index: ActivationIndex) -> Corpus:
    if index.corpus is None:
        raise UserError(UNATTACHED)
    return index.corpus


def _named(methods: Mapping[str, Method] | Sequence[str] | str) -> Mapping[str, Method]:
    if isinstance(methods, str):
        return {methods: methods}
    return methods if isinstance(methods, Mapping) else {name: name for name in methods}


def _encoder(observer: str | Encoder, tested: Model) -> Encoder:
    """The encoder of an observer by name: `similarity`, a low-level cue, or a model."""
    if not isinstance(observer, str):
        return observer
    from exemplum.observers import cue, network_encoder  # late: torch takes seconds to import

    if observer in CUES:
        return cue(observer)
    return network_encoder("auto" if observer == SIMILARITY else observer, tested)


def _settings(index: ActivationIndex, seed: int) -> IndexSettings:
    keep = int(index.extremes.groupby(["unit", "pole"], observed=True).size().max()) if len(index.extremes) else 1
    return IndexSettings(index.relu, index.objective, keep, max(1, len(index.sample)), seed=seed)


def _numbers(given: int | Sequence[int]) -> tuple[int, ...]:
    return (given,) if isinstance(given, int) else tuple(given)


def _difficulties(given: str | float | Sequence[str | float]) -> tuple[str, ...]:
    """Raises UserError for one that is neither `extreme` nor a percentile."""
    listed = (given,) if isinstance(given, str | float) else tuple(given)
    names = tuple(f"{name:g}" if isinstance(name, float) else name for name in listed)
    for name in names:
        try:
            known = name == EXTREME or 0.5 < float(name) < 1
        except ValueError:
            known = False
        if not known:
            raise UserError(f"there is no difficulty {name!r}; give extreme, or a percentile above 0.5 and below 1")
    return names
