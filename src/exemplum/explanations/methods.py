"""Explanation methods by name: built-in ones, folders of pictures, and functions of the user's own."""

from __future__ import annotations

import hashlib
import json
import math
import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from exemplum.errors import UserError
from exemplum.explanations import natural, random_images
from exemplum.explanations.random_images import RandomParameters
from exemplum.explanations.request import ExplanationMethod, Request
from exemplum.explanations.synthetic import SyntheticSection
from exemplum.queries import unit_folders
from exemplum.records import ANY_BATCH, Picture, Pole, Unit
from exemplum.study import Section, user_code


def pictures_in_folder(path: str, request: Request) -> Iterator[Picture]:
    """Pictures PATH/UNIT/{max,min}_K.png, UNIT as in mixed4a-17 (or mixed4a:17, or mixed4a/17), K from 0.

    Raises UserError naming a unit's folder or a picture that is missing, not square, or there twice.
    """
    root = unit_folders.existing(Path(path).expanduser())
    for unit in request.units:
        home = unit_folders.of_unit(root, unit)
        for pole in Pole:
            shown: dict[bytes, Path] = {}
            for position in range(request.most):
                image = unit_folders.read(file := _file(home, pole, position))
                if (key := image.tobytes()) in shown:
                    raise UserError(f"{shown[key]} and {file.name} are the same picture; those of a pole must differ")
                shown[key] = file
                yield Picture(unit, pole, position, image)


def _file(home: Path, pole: Pole, position: int) -> Path:
    if (path := unit_folders.picture(home, pole, position)) is None:
        raise UserError(f"{home} has no {pole}_{position}.png; pictures of each pole are numbered from 0, without gaps")
    return path


@dataclass(frozen=True)
class OwnMethod:
    """A user's method. Whatever it raises, and whatever it gives unasked, becomes a UserError of one line."""

    spec: str
    method: Callable[..., Iterable[Picture]]
    source: str  # hash of the source that it depends on
    parameters: Mapping[str, Any] = field(default_factory=dict)  # given to the function by name

    def check(self) -> None:
        """Raise UserError unless it is a function that takes a request and these parameters."""
        user_code.check_call(self.method, None, what=self.what, named=self.parameters)

    def __call__(self, request: Request) -> Iterator[Picture]:
        self.check()
        with user_code.telling(f"{self.what} failed"):
            pictures = self.method(request, **self.parameters)
        if not isinstance(pictures, Iterable):
            raise UserError(
                f"{self.what} gave a {type(pictures).__name__}; it must yield pictures{user_code.place(self.method)}"
            )
        given: set[Any] = set()
        shown: dict[Any, int] = {}  # set of references and hash of a picture → position
        for picture in user_code.each(pictures, f"{self.what} failed"):
            checked = self._checked(picture, request, pictures)
            key = (checked.unit, checked.pole, checked.position, checked.references, checked.batch)
            if key in given:
                raise self._fault(f"gave the {_label(checked)} twice; give each picture once", pictures)
            given.add(key)
            self._refuse_same(checked, shown, pictures)
            yield checked
        if absent := [unit for unit in request.units if unit not in {key[0] for key in given}]:
            more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
            raise self._fault(f"gave no picture of {absent[0]}{more}; give pictures of all of request.units", pictures)

    @property
    def what(self) -> str:
        return f"explanation method {self.spec}"

    def _checked(self, picture: Picture, request: Request, pictures: Iterable[Picture]) -> Picture:
        """The picture with its values as plain Python types. Raises UserError if anything is wrong with it."""
        if not isinstance(picture, Picture):
            raise self._fault(f"gave a {type(picture).__name__}; it must yield Picture(…)", pictures)
        if problem := _of_asked(picture, request) or _of_image(picture) or _of_rest(picture):
            raise self._fault(f"gave a picture {problem}", pictures)
        given = picture.activation
        return replace(
            picture, pole=Pole(picture.pole), position=operator.index(picture.position),
            batch=operator.index(picture.batch), activation=None if given is None else float(given),
            references=None if picture.references is None else operator.index(picture.references),
        )  # fmt: skip

    def _refuse_same(self, picture: Picture, shown: dict[Any, int], pictures: Iterable[Picture]) -> None:
        """Refuse a picture that is given twice: participants would see fewer references than in other conditions."""
        assert picture.image is not None  # or _of_image has refused it
        of = (picture.unit, picture.pole, picture.references, picture.batch)
        key = (of, picture.image.shape, hashlib.sha256(picture.image.tobytes()).digest())
        if key in shown:
            first, name = shown[key], _label(picture)
            raise self._fault(
                f"gave the {name}, but the picture at position {first} is the same; "
                "pictures of a unit and pole must differ (give copies of an array that you draw into again)", pictures,
            )  # fmt: skip
        shown[key] = picture.position

    def _fault(self, problem: str, pictures: Iterable[Picture]) -> UserError:
        """An error with the line that a generator has reached, or else the line of the function."""
        frame = getattr(pictures, "gi_frame", None)
        place = f" ({frame.f_code.co_filename}, line {frame.f_lineno})" if frame else user_code.place(self.method)
        return UserError(f"{self.what} {problem}{place}")


def _label(picture: Picture) -> str:
    for_batch = "" if picture.batch == ANY_BATCH else f" of batch {picture.batch}"
    return f"picture {picture.pole} {picture.position}{for_batch} of {picture.unit}"


def _of_asked(picture: Picture, request: Request) -> str:
    """What is wrong with a picture's unit, pole, position, references or batch; "" if nothing is."""
    if not isinstance(picture.unit, Unit):
        return f"whose unit is a {type(picture.unit).__name__}; it must be one of request.units"
    if picture.unit not in set(request.units):
        return f"of {picture.unit}, which was not requested; give pictures of request.units only"
    if not isinstance(picture.pole, str) or picture.pole not in list(Pole):
        return f"of {picture.unit} whose pole is {picture.pole!r:.40}; it must be Pole.MAX or Pole.MIN"
    for name in ("position", "batch", "references"):
        value = getattr(picture, name)
        if not (user_code.is_whole(value) or (name == "references" and value is None)):
            return f"of {picture.unit} whose {name} is {value!r:.40}; it must be a whole number"
    if picture.references is not None and picture.references not in request.references:
        asked = " or ".join(str(k) for k in request.references)
        return f"of {picture.unit} for {picture.references} references; this study shows {asked}"
    most = (request.most if picture.references is None else picture.references) - 1
    if not 0 <= picture.position <= most:
        return f"of {picture.unit} at position {picture.position}; positions are 0 to {most}"
    batches = request.most_batches
    if picture.batch != ANY_BATCH and not 0 <= picture.batch < batches:
        return f"of {picture.unit} for batch {picture.batch}; batches are 0 to {batches - 1}"
    return ""


def _of_image(picture: Picture) -> str:
    """What is wrong with a picture's image; "" if nothing is."""
    image, name = picture.image, f"{picture.pole} {picture.position} of {picture.unit}"
    if not isinstance(image, np.ndarray):
        return f"{name} whose image is a {type(image).__name__}; it must be a NumPy array, uint8 (height, width, 3)"
    if image.ndim != 3 or image.shape[2] not in (1, 3) or not image.size:
        hint = "; move the channels last" if image.ndim == 3 and image.shape[0] in (1, 3) else ""
        return f"{name} whose image has shape {image.shape}; it must be (height, width, 3), or 1 channel for grey{hint}"
    if image.shape[0] != image.shape[1]:
        return f"{name} whose image has shape {image.shape}; it must be square, as all pictures that people see"
    if image.dtype != np.uint8:
        hint = "; for values in [0, 1]: (image * 255).round().astype('uint8')" if image.dtype.kind == "f" else ""
        return f"{name} whose image is {image.dtype}; it must be uint8, 0 to 255{hint}"
    return ""


def _of_rest(picture: Picture) -> str:
    """What is wrong with the other fields of a picture; "" if nothing is."""
    name = f"{picture.pole} {picture.position} of {picture.unit}"
    given = picture.activation
    if given is not None and not (isinstance(given, int | float | np.number) and math.isfinite(given)):
        return f"{name} whose activation is {given!r}; it must be a number, or None to have it measured"
    if not (isinstance(picture.image_id, str) and isinstance(picture.group, str)):
        return f"{name} whose image_id or group is not text; leave them out, or take them from the exemplar"
    try:
        json.dumps(dict(picture.facts))
    except (TypeError, ValueError) as error:
        return f"{name} whose facts cannot be saved as JSON: {error}"
    return ""


def problem(pictures: Iterable[Picture], schemes: tuple[int, ...], batches: Callable[[int], Collection[int]]) -> str:
    """What is wrong with the stored pictures of one unit; "" if nothing is.

    Pictures with the same references and batch are a set. A set for k references must have k pictures of each pole, at
    positions 0, 1, … There must be a set for at least as many references as each of `schemes` shows, and a set for each
    of the batches where there is no set for all of them: `batches(k)`.
    """
    sets: dict[tuple[int, int], dict[str, Counter[int]]] = defaultdict(lambda: {pole.value: Counter() for pole in Pole})
    for picture in pictures:
        assert picture.references is not None  # it is stored
        sets[picture.references, picture.batch][str(picture.pole)][picture.position] += 1
    for (references, batch), poles in sorted(sets.items()):
        where = "" if batch == ANY_BATCH else f" in batch {batch}"
        found = " and ".join(f"{positions.total()} {pole}" for pole, positions in poles.items())
        for pole, positions in poles.items():
            if positions.total() != references:
                return f"{found} pictures{where}, not {references} of each pole"
            if sorted(positions) != list(range(references)):
                given = ", ".join(str(position) for position in sorted(positions.elements()))
                return f"{pole} pictures{where} at positions {given}, not 0 to {references - 1}, each once"
    for k in sorted({references for references, _ in sets}):
        there = {batch for references, batch in sets if references == k}
        if absent := [] if ANY_BATCH in there else sorted({*batches(k)} - there):
            return f"no pictures for {k} references in batch {absent[0]}"
    most = max((references for references, _ in sets), default=0)
    if most < max(schemes):
        return f"pictures for {most} references, but the protocol shows {max(schemes)},"
    return ""


GROUP = "exemplum.explanations"  # entry points of other packages


@dataclass(frozen=True)
class BuiltInMethod:
    """A method of Exemplum's own, with its parameters."""

    pictures: Callable[[Request, Any], Iterator[Picture]]
    parameters: Section

    def __repr__(self) -> str:
        name = next((name for name, built_in in BUILT_IN.items() if built_in.pictures is self.pictures), "")
        return f"BuiltInMethod({name}: {self.parameters})"

    def __call__(self, request: Request) -> Iterator[Picture]:
        return self.pictures(request, self.parameters)


def synthetic_pictures(request: Request, _parameters: SyntheticSection) -> Iterator[Picture]:
    """Optimized pictures, by the parameters in the request's settings: exemplum.explanations.synthetic."""
    from exemplum.explanations.synthetic.method import pictures  # late: torch takes seconds to import

    return pictures(request)


BUILT_IN = {
    "natural": BuiltInMethod(natural.pictures, natural.WHOLE_IMAGES),
    "synthetic": BuiltInMethod(synthetic_pictures, SyntheticSection()),
    "random": BuiltInMethod(random_images.pictures, RandomParameters()),
}


def whole_images(method: ExplanationMethod) -> str:
    """`natural` or `random` if its pictures are images of the corpus as they are, in this order; "" if not."""
    parameters = method.parameters if isinstance(method, BuiltInMethod) else None
    return next((name for name in ("natural", "random") if parameters == BUILT_IN[name].parameters), "")


def as_method(name: str, method: Any) -> ExplanationMethod:
    """A method that is given by a name, as one of Exemplum's own, or as a function of the user's.

    Raises UserError as `load_method` does.
    """
    if isinstance(method, str):
        return load_method(method)
    return method if isinstance(method, BuiltInMethod | OwnMethod) else OwnMethod(name, method, "")


def natural_images(
    *, show: Literal["image", "crop", "heatmap", "spotlight"] = "image",
    order: Literal["extreme", "diverse"] = "extreme", side: float | None = None,
) -> ExplanationMethod:  # fmt: skip
    """The method `natural` with its parameters (docs/reference/explanations.md), for `ex.score`.

    Raises UserError for parameters that do not go together.

    >>> natural_images(show="crop", side=0.4)
    BuiltInMethod(natural: show='crop' order='extreme' side=0.4)
    """
    try:
        parameters = natural.NaturalParameters(show=show, order=order, side=side)
    except ValidationError as error:
        problem = error.errors()[0]
        raise UserError(f"natural {' '.join(map(str, problem['loc']))}: {problem['msg']}") from error
    return replace(BUILT_IN["natural"], parameters=parameters)


def load_method(
    spec: str, places: Sequence[Path] | None = None, resolve: Callable[[str], Path] = Path
) -> ExplanationMethod:
    """A method by `natural`, `synthetic`, `random`, `folder:PATH`, `package.module:function`, or an entry point's name.

    Modules are searched for in `places` (the working directory if not given), then among the installed packages.
    `resolve` turns PATH into the folder's full path. Raises UserError, with close matches, if there is no such method,
    and in one line if the user's module cannot be imported.
    """
    if spec in BUILT_IN:
        return BUILT_IN[spec]
    kind, colon, rest = spec.partition(":")
    if kind == "folder" and colon:
        return partial(pictures_in_folder, str(unit_folders.named(rest, resolve)))
    loaded = user_code.by_name(
        spec, "explanation method", GROUP, places, built_in=BUILT_IN, forms=("folder:PATH", "MODULE:FUNCTION")
    )
    return OwnMethod(spec, loaded.value, loaded.fingerprint)
