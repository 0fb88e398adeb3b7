"""Recipes: everything that decides what a synthetic picture looks like, as data by name; one TOML file each."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from exemplum import store
from exemplum.errors import UserError, did_you_mean, shown
from exemplum.explanations.synthetic.transforms import (
    KNOWN,
    Crops,
    Jitter,
    OwnTransform,
    Scale,
    Transform,
    transform,
)
from exemplum.study import Name, toml_files

# As study.toml: types are TOML's, and no number is infinite or NaN
CONFIG = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
LARGEST_CANVAS = 8192  # pixels per side: one picture of this size in float32 takes 800 MB
SMALLEST_INPUT = 8  # pixels per side of a picture that the network sees


class Plateau(BaseModel):
    """When a picture is finished: the moving average of its gradient's norm no longer changes."""

    model_config = CONFIG

    decay: float = Field(0.99, gt=0, lt=1)  # of the average, per step
    window: int = Field(128, ge=1, le=100_000)  # number of steps between the two averages that are compared
    tolerance: float = Field(0.05, gt=0, le=1000)  # largest relative change that counts as none


class Recipe(BaseModel):
    """How pictures are made. Lengths are in pixels at the recipe's own size; `at` scales them to another."""

    model_config = CONFIG

    name: Annotated[Name, Field(max_length=100)]
    size: int = Field(ge=16, le=4096)  # side of the finished picture
    pad: int = Field(0, ge=0, le=2048)  # margin on each side of the canvas, cropped from the finished picture
    # side of the canvas without its margin, in sides of the picture; the canvas is scaled down to the picture
    zoom: float = Field(1.0, ge=0.1, le=10)
    parametrization: Literal["fourier", "pixel", "maco"] = "fourier"
    decay: float = Field(1.0, ge=0, le=10)  # fourier: power of the frequency by which amplitudes fall
    sd: float = Field(0.01, gt=0, le=100)  # standard deviation of the start
    transforms: Annotated[
        tuple[Annotated[Transform, BeforeValidator(transform)], ...], toml_files.Accepts(f"a list of {KNOWN}")
    ] = ()
    noise: float = Field(0.0, ge=0, le=10)  # standard deviation of noise on what the network sees, in [0, 1]
    steps: int = Field(ge=1, le=1_000_000)  # the last step; steps are counted from 0, so there are steps + 1 updates
    plateau: Plateau | None = None  # if given, a picture may be finished before the last step
    images: int = Field(10, ge=1, le=1000)  # pictures per unit and pole, made together
    optimizer: Literal["adam", "nadam"] = "adam"
    learning_rate: float = Field(0.05, gt=0, le=1000)
    diversity: float = Field(0.0, ge=0, le=1e9)  # weight of the similarity of a unit's pictures, which is subtracted
    searches: int = Field(0, ge=0, le=100)  # rounds of the search for the diversity weight; 0: not searched
    redirected_steps: int = Field(0, ge=0, le=1_000_000)  # number of first steps with redirected ReLU gradients

    @model_validator(mode="after")
    def _shows_something(self) -> Recipe:
        return self.check()

    def check(self) -> Recipe:
        """The recipe itself. Raises ValueError if its sizes do not fit together."""
        if self.canvas > LARGEST_CANVAS:
            raise ValueError(
                f"size, zoom and pad must make a canvas of at most {LARGEST_CANVAS} pixels (got {self.canvas})"
            )
        if any(isinstance(each, Crops) for each in self.transforms[:-1]):
            raise ValueError("transforms must have crops, if any, as the last")
        if (least := self._smallest_input()) < SMALLEST_INPUT:
            raise ValueError(
                f"transforms leave {max(least, 0)} pixels of a canvas of {self.canvas} (from size, zoom and pad); at "
                f"least {SMALLEST_INPUT} are needed; reduce jitter, raise scale, or raise size"
            )
        return self

    def _smallest_input(self) -> int:
        """Side of the smallest image that the transforms can give the network."""
        size = self.canvas
        for each in self.transforms:
            drawn = (min(each.factors),) if isinstance(each, Scale) else ()
            size = each.size(size, drawn)
        return size

    @property
    def updates(self) -> int:
        return self.steps + 1

    @property
    def canvas(self) -> int:
        return round(self.size * self.zoom) + 2 * self.pad

    @property
    def views(self) -> int:
        """Number of crops of an image that the network sees in a step."""
        return math.prod(t.count for t in self.transforms if isinstance(t, Crops))

    @property
    def digest(self) -> str:
        """Hash of all fields but the name; for functions of the caller, of their source."""
        plain = self.with_(
            transforms=tuple(each for each in self.transforms if not isinstance(each, OwnTransform)),
            **{name: None for name in ("parametrization", "optimizer") if not isinstance(getattr(self, name), str)},
        )
        own = [each.function for each in self.transforms if isinstance(each, OwnTransform)]
        if not isinstance(self.parametrization, str):
            own += [self.parametrization.start, self.parametrization.image]
        if not isinstance(self.optimizer, str):
            own.append(self.optimizer)
        said = plain.model_dump(mode="json", exclude={"name"}, warnings=False)
        return store.digest(said, [type(each).__name__ for each in self.transforms], *map(_source, own))

    def at(self, size: int) -> Recipe:
        """The same recipe for pictures of another size: margin, jitter and crops keep their share of the side."""
        ratio = size / self.size
        # to the nearest whole pixel, halves up; at least 1, so that no jitter disappears
        scaled = {length: max(1, math.floor(length * ratio + 0.5)) for length in self._lengths()}
        transforms = tuple(_scaled(t, scaled) for t in self.transforms)
        return self.with_(size=size, pad=scaled.get(self.pad, 0), transforms=transforms)

    def with_(self, **changes: Any) -> Recipe:
        """The same recipe with some fields changed; parametrization and optimizer may then be the caller's own."""
        return self.model_copy(update=changes)

    def _lengths(self) -> Iterable[int]:
        jitters = (t.pixels for t in self.transforms if isinstance(t, Jitter))
        return {self.pad, *jitters, *(t.side for t in self.transforms if isinstance(t, Crops))} - {0}


def _source(function: Any) -> str:
    with suppress(OSError, TypeError):  # an object, or code typed into a console, has no source
        return inspect.getsource(function)
    return repr(function)


def _scaled(given: Transform, lengths: Mapping[int, int]) -> Transform:
    match given:
        case Jitter(pixels):
            return Jitter(lengths[pixels])
        case Crops(count, share, side):
            return Crops(count, share, lengths[side])
    return given


RECIPES = tuple(
    sorted(
        file.name.removesuffix(".toml") for file in resources.files(__name__).iterdir() if file.name.endswith(".toml")
    )
)


def recipe(given: str | Mapping[str, Any] | Recipe) -> Recipe:
    """A recipe by its name, from a TOML file by a path that ends in `.toml`, or from a table of its fields.

    A file or table may say `base = NAME` and then only what differs. Raises UserError with close matches for an unknown
    name, and naming the field for a wrong one.

    >>> recipe("borowski2021").steps, recipe({"base": "borowski2021", "steps": 512}).steps
    (2560, 512)
    """
    return _recipe(given, ())


def _recipe(given: Any, above: tuple[Path, ...]) -> Recipe:
    """`above`: the files whose `base` led here, so that a circle is noticed."""
    if isinstance(given, Recipe):
        return given
    if isinstance(given, Mapping):
        return _checked(toml_files.frozen(dict(given)), str(given.get("name", "own")), "", "synthetic.recipe", above)
    if not isinstance(given, str):
        raise UserError(f"a recipe's base must be the name of a recipe or a .toml file (got {shown(given)})")
    if given.endswith(".toml"):
        path = Path(given).expanduser()
        if path in above:
            raise UserError(
                f"the bases form a circle that leads back to {path}; change one, as in base = 'borowski2021'"
            )
        return _checked(toml_files.read(path), path.stem, f"{path}: ", "", (*above, path))
    if given not in RECIPES:
        raise UserError(f"there is no recipe {shown(given)}{did_you_mean(given, RECIPES)}")
    text = (resources.files(__name__) / f"{given}.toml").read_text(encoding="utf-8")
    return _checked(toml_files.parse(text, Path(given)), given, f"{given}: ", "", above)


def _checked(fields: dict[str, Any], name: str, where: str, table: str, above: tuple[Path, ...]) -> Recipe:
    """The recipe of these fields. `where` begins an error; `table` is what the fields' table is called in it."""
    try:
        base = _recipe(fields.pop("base"), above) if "base" in fields else None
    except UserError as error:
        raise UserError(f"{where}{f'[{table}] ' if table else ''}base: {error}") from error
    inherited = {field: getattr(base, field) for field in Recipe.model_fields} if base else {}
    try:
        return Recipe.model_validate({**inherited, "name": name, **fields})
    except ValidationError as error:
        raise UserError(f"{where}{toml_files.problems(error, Recipe, table)}") from error
