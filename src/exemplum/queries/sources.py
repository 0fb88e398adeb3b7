"""Query sources by name: extremes, windows, occlusions, folders of pairs, and functions of the user's own."""

from __future__ import annotations

import inspect
import json
import math
import operator
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import numpy as np
from pydantic import Field, ValidationError, create_model

from exemplum.errors import UserError
from exemplum.queries import OCCLUSION, WINDOW, Percentile, unit_folders, windows
from exemplum.queries.dealing import DealtImage
from exemplum.queries.occlusion import occlusion
from exemplum.queries.request import QueryImage, QueryPair, QueryRequest, QuerySource
from exemplum.records import EXTREME, Pole, Unit
from exemplum.study import Section, toml_files, user_code

GROUP = "exemplum.queries"  # entry points of other packages


def extreme(request: QueryRequest) -> Iterator[QueryPair]:
    """The most extreme image of each pole in every batch, as in Borowski, Zimmermann et al. (2021)."""
    for unit in request.units:
        for k in request.references:
            yield from _pairs(request, unit, request.extreme_queries(unit, k), k)


PERCENTILE = "The percentile of the unit's activation near which the maximal query lies; the minimal one is mirrored."


def window(
    request: QueryRequest, *, percentile: Annotated[Percentile, Field(description=PERCENTILE)]
) -> Iterator[QueryPair]:
    """Images near a percentile of the unit's activation, and near the mirrored one, in every batch."""
    for unit in request.units:
        dealt = windows.pairs(request.corpus_images.deal(unit).windows[percentile])
        # in a sample of a large corpus activations may be of lower precision: these are measured again
        known = request.index.exact or not request.model.has_network
        yield from _pairs(request, unit, dealt, None, known=known, sampled=len(request.index.sample))


def _pairs(
    request: QueryRequest, unit: Unit, asked: Mapping[int, Mapping[Pole, DealtImage]], references: int | None,
    known: bool = True, sampled: int = 0,
) -> Iterator[QueryPair]:  # fmt: skip
    facts = {"candidates": sampled} if sampled else {}
    for batch, poles in sorted(asked.items()):
        first, second = (
            QueryImage(request.image(image.row), image.image_id, image.group, image.activation if known else None)
            for image in (poles[Pole.MAX], poles[Pole.MIN])
        )
        yield QueryPair(unit, batch, (first, second), references, facts)


def pairs_in_folder(request: QueryRequest, *, path: str) -> Iterator[QueryPair]:
    """Pairs PATH/UNIT/{max,min}_K.png, UNIT as in mixed4a-17, K the batch; batches without a pair repeat the others.

    Which image activates the unit more is measured. Raises UserError naming a unit's folder or a file that is missing.
    """
    root = Path(path)
    for unit in request.units:
        home = unit_folders.of_unit(root, unit)
        if not (there := unit_folders.count(home)):
            raise UserError(f"{home} has no pair max_0.png and min_0.png; pairs are numbered from 0, without gaps")
        for batch in request.batches(unit):
            yield QueryPair(unit, batch, (_read(home, Pole.MAX, batch % there), _read(home, Pole.MIN, batch % there)))


def _read(home: Path, pole: Pole, number: int) -> QueryImage:
    if (path := unit_folders.picture(home, pole, number)) is None:
        raise UserError(f"{home} has no {pole}_{number}.png beside the other image of the pair; add it, or remove both")
    return QueryImage(unit_folders.read(path))


@dataclass(frozen=True)
class OwnSource:
    """A user's query source. Whatever it raises, and whatever it gives unasked, becomes a UserError of one line."""

    spec: str
    source: Callable[..., Iterable[QueryPair]]
    fingerprint: str  # hash of the code that it depends on
    parameters: Mapping[str, Any] = field(default_factory=dict)  # given to the function by name

    @property
    def what(self) -> str:
        return f"query source {self.spec}"

    @property
    def place(self) -> str:
        """Where the function is, as ` (FILE, line 12)`."""
        return user_code.place(self.source)

    def check(self) -> None:
        """Raise UserError unless it is a function that takes a request and these parameters."""
        user_code.check_call(self.source, None, what=self.what, named=self.parameters)

    def __call__(self, request: QueryRequest) -> Iterator[QueryPair]:
        self.check()
        with user_code.telling(f"{self.what} failed"):
            pairs = self.source(request, **self.parameters)
        if not isinstance(pairs, Iterable):
            raise UserError(f"{self.what} gave a {type(pairs).__name__}; it must yield pairs{self.place}")
        given: dict[tuple[Unit, int], set[int | None]] = defaultdict(set)  # references of each unit's batch
        for pair in user_code.each(pairs, f"{self.what} failed"):
            if problem := _problem(pair, request) or _repeated(pair, given[pair.unit, pair.batch]):
                raise UserError(f"{self.what} gave {problem}{self.place}")
            given[pair.unit, pair.batch].add(pair.references)
            yield _plain(pair, request)


def _problem(pair: Any, request: QueryRequest) -> str:
    """What is wrong with a pair of a user's source; "" if nothing is."""
    if not isinstance(pair, QueryPair):
        return f"a {type(pair).__name__}; it must yield QueryPair(…)"
    if not isinstance(pair.unit, Unit):
        return f"a pair whose unit is a {type(pair.unit).__name__}; it must be one of request.units"
    if pair.unit not in set(request.units):
        return f"a pair of {pair.unit}, which was not requested; give pairs of request.units only"
    if not user_code.is_whole(pair.batch) or pair.batch not in request.batches(pair.unit):
        last = request.batches(pair.unit)[-1]
        return f"a pair of {pair.unit} for batch {pair.batch!r:.40}; batches are whole numbers from 0 to {last}"
    if pair.references is not None and not (
        user_code.is_whole(pair.references) and pair.references in request.references
    ):
        shown = " or ".join(map(str, request.references))
        return f"a pair of {pair.unit} for {pair.references!r:.40} references; this study shows {shown}"
    if not (isinstance(pair.images, tuple | list) and len(pair.images) == 2):
        return f"a pair of {pair.unit} whose images are not two; give images=(QueryImage(…), QueryImage(…))"
    if problem := next(filter(None, map(_of_image, pair.images)), ""):
        return f"a pair of {pair.unit} whose {problem}"
    if not request.model.has_network and any(image.activation is None for image in pair.images):
        return (
            f"a pair of {pair.unit} without activations, and the model, a table, measures no pictures; take images of "
            "the corpus, as QueryImage(…, activation=image.activation)"
        )
    try:
        json.dumps(dict(pair.facts))
    except (TypeError, ValueError) as error:
        return f"a pair of {pair.unit} whose facts cannot be saved as JSON: {error}"
    return ""


def _of_image(image: Any) -> str:
    """What is wrong with one image of a pair; "" if nothing is."""
    array = image.image if isinstance(image, QueryImage) else None
    if not (isinstance(array, np.ndarray) and array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3):
        return "image is not QueryImage(array), uint8 (height, width, 3)"
    if array.shape[0] != array.shape[1] or not array.size:
        return f"image has shape {array.shape}; it must be square"
    if not (isinstance(image.image_id, str) and isinstance(image.group, str)):
        return "image_id or group is not text; leave them out, or take them from the image of the corpus"
    if image.activation is not None and not (
        isinstance(image.activation, int | float | np.number) and math.isfinite(image.activation)
    ):
        return f"activation is {image.activation!r:.40}; leave it out, it is measured"
    return ""


def _repeated(pair: QueryPair, given: Collection[int | None]) -> str:
    """What is wrong with a pair beside those of its unit and batch for `given` references; "" if nothing is."""
    if pair.references in given or None in given or (pair.references is None and given):
        return f"a second pair of {pair.unit} for batch {pair.batch}; give one per batch and number of references"
    return ""


def _plain(pair: QueryPair, request: QueryRequest) -> QueryPair:
    """The pair in plain types, with images of its own: a source may draw into one array again and again.

    Which image is right is measured, whatever the source states; only a table of activations cannot measure.
    """
    first, second = (
        replace(image, image=image.image.copy(), activation=None if request.model.has_network else image.activation)
        for image in pair.images
    )
    references = None if pair.references is None else operator.index(pair.references)
    return replace(pair, batch=operator.index(pair.batch), references=references, images=(first, second))


BUILT_IN: dict[str, Callable[..., Iterator[QueryPair]]] = {EXTREME: extreme, WINDOW: window, OCCLUSION: occlusion}


def load_source(
    spec: str, parameters: Mapping[str, Any], places: Sequence[Path] | None = None,
    resolve: Callable[[str], Path] = Path,
) -> QuerySource:  # fmt: skip
    """A source by `extreme`, `window`, `folder:PATH`, `package.module:function`, or the name of an entry point.

    Modules are searched for in `places` (the working directory if not given), then among the installed packages.
    `resolve` turns PATH into the folder's full path. Raises UserError, with close matches, if there is no such source,
    if it does not take the parameters, and in one line if the user's module cannot be imported.
    """
    if spec in BUILT_IN:
        return _with(BUILT_IN[spec], spec, parameters)
    kind, colon, rest = spec.partition(":")
    if kind == "folder" and colon:
        if parameters:
            raise UserError(f"query source folder:PATH has no parameter {next(iter(parameters))!r}; it has none")
        return partial(pairs_in_folder, path=str(unit_folders.named(rest, resolve)))
    loaded = user_code.by_name(
        spec, "query source", GROUP, places, built_in=BUILT_IN, forms=("folder:PATH", "MODULE:FUNCTION")
    )
    found = OwnSource(spec, loaded.value, loaded.fingerprint, dict(parameters))
    found.check()
    return found


def parameter_model(source: Callable[..., Iterator[QueryPair]]) -> type[Section]:
    """The model that checks the parameters of a built-in source, from its signature."""
    hints, given = get_type_hints(source, include_extras=True), list(inspect.signature(source).parameters.values())[1:]
    fields: dict[str, Any] = {
        parameter.name: (hints[parameter.name], ... if parameter.default is parameter.empty else parameter.default)
        for parameter in given
    }
    return create_model("Parameters", __base__=Section, **fields)


def _with(source: Callable[..., Iterator[QueryPair]], spec: str, parameters: Mapping[str, Any]) -> QuerySource:
    """A built-in source with its parameters. Raises UserError for one that is unknown, missing or not allowed."""
    allowed = parameter_model(source)
    names = list(allowed.model_fields)
    if unknown := [name for name in parameters if name not in names]:
        has = f"it has {', '.join(names)}" if names else "it has none"
        raise UserError(f"query source {spec} has no parameter {unknown[0]!r}; {has}")
    try:
        allowed.model_validate(dict(parameters))
    except ValidationError as error:
        raise UserError(toml_files.problems(error, allowed)) from error
    return partial(source, **parameters)
