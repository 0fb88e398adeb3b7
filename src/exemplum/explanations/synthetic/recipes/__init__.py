"""Recipes: everything that decides what a synthetic picture looks like, as data by name; one TOML file each."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, ValidationError

from exemplum import store
from exemplum.errors import UserError, did_you_mean
from exemplum.explanations.synthetic.transforms import Crops, Jitter, Transform, transform


class Plateau(BaseModel):
    """When a picture is done: the norm of its gradient, as a moving average, no longer changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decay: float = Field(0.99, gt=0, lt=1)  # of the average, a step
    window: PositiveInt = 128  # steps over which the average is compared
    tolerance: float = Field(0.05, gt=0)  # share by which it may still change


class Recipe(BaseModel):
    """How pictures are made. Lengths are in pixels at the recipe's own size; `at` scales them to another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    size: PositiveInt  # side of the finished picture
    pad: int = Field(0, ge=0)  # margin on each side of the canvas, cropped from the finished picture
    zoom: float = Field(1.0, gt=0)  # the canvas without its margin is so many times the picture, and scaled down to it
    parametrization: Literal["fourier", "pixel", "maco"] = "fourier"
    decay: float = 1.0  # fourier: power of the frequency by which amplitudes fall
    sd: float = 0.01  # standard deviation of the start
    transforms: tuple[Annotated[Transform, BeforeValidator(transform)], ...] = ()
    noise: float = Field(0.0, ge=0)  # standard deviation of noise on what the network sees, of a range of 1
    steps: PositiveInt  # the last step; steps are counted from 0, so there are steps + 1 updates
    plateau: Plateau | None = None  # stop before the last step
    images: PositiveInt = 10  # pictures a unit and pole, made together
    optimizer: Literal["adam", "nadam"] = "adam"
    learning_rate: float = Field(0.05, gt=0)
    diversity: float = Field(0.0, ge=0)  # weight of the likeness between a unit's pictures, which is subtracted
    searches: int = Field(0, ge=0)  # rounds in which the weight is searched that the weakest picture just bears
    redirected_steps: int = Field(0, ge=0)  # first steps with redirected ReLU gradients

    @property
    def updates(self) -> int:
        return self.steps + 1

    @property
    def canvas(self) -> int:
        return round(self.size * self.zoom) + 2 * self.pad

    @property
    def views(self) -> int:
        """How many pieces of an image the network sees in a step."""
        return math.prod(t.count for t in self.transforms if isinstance(t, Crops))

    @property
    def digest(self) -> str:
        """Hash of all that the recipe says, but its name."""
        return store.digest(
            self.model_dump(mode="json", exclude={"name"}), [type(transform).__name__ for transform in self.transforms]
        )

    def at(self, size: int) -> Recipe:
        """The same recipe for pictures of another size: margin, jitter and crops keep their share of the side."""
        ratio = size / self.size
        # to the nearest whole pixel, halves up; a jitter that was there stays
        scaled = {length: max(1, math.floor(length * ratio + 0.5)) for length in self._lengths()}
        transforms = tuple(_scaled(t, scaled) for t in self.transforms)
        return self.with_(size=size, pad=scaled.get(self.pad, 0), transforms=transforms)

    def with_(self, **changes: Any) -> Recipe:
        """The same recipe with some fields changed."""
        return self.model_copy(update=changes)

    def _lengths(self) -> Iterable[int]:
        jitters = (t.pixels for t in self.transforms if isinstance(t, Jitter))
        return {self.pad, *jitters, *(t.side for t in self.transforms if isinstance(t, Crops))} - {0}


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
    """
    if isinstance(given, Recipe):
        return given
    if isinstance(given, Mapping):
        return _checked(dict(given), str(given.get("name", "own")), "[synthetic.recipe]")
    if given.endswith(".toml"):
        path = Path(given).expanduser()
        if not path.exists():
            raise UserError(f"{path} does not exist; it should be a recipe")
        return _checked(_parsed(path.read_text(encoding="utf-8"), given), path.stem, given)
    if given not in RECIPES:
        raise UserError(f"there is no recipe {given!r}{did_you_mean(given, RECIPES)}")
    text = (resources.files(__name__) / f"{given}.toml").read_text(encoding="utf-8")
    return _checked(tomllib.loads(text), given, given)


def _checked(fields: dict[str, Any], name: str, where: str) -> Recipe:
    base = fields.pop("base", None)
    inherited = {field: getattr(recipe(base), field) for field in Recipe.model_fields} if base else {}
    try:
        return Recipe.model_validate({**inherited, "name": name, **fields})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"] if isinstance(part, str | int))
        hint = did_you_mean(field, Recipe.model_fields) if first["type"] == "extra_forbidden" else ""
        raise UserError(f"{where}: {field}: {first['msg']}{hint}") from error


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where} is not TOML: {error}") from error
