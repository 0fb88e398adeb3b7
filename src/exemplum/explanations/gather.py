"""A method's pictures on disk: those of a unit are saved as soon as they are complete, and are not made again."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exemplum import store
from exemplum.errors import UserError
from exemplum.explanations import methods
from exemplum.explanations.methods import OwnMethod
from exemplum.explanations.request import ExplanationMethod, Request
from exemplum.index import ActivationIndex
from exemplum.records import ANY_BATCH, Picture, Pole, Unit, unit_columns
from exemplum.runtime import track
from exemplum.study import Study, user_code

if TYPE_CHECKING:
    from exemplum.models import Model

MARKER = "key.json"  # in a method's folder: the key of its pictures


def pictures(name: str, method: ExplanationMethod, request: Request, study: Path, key: str) -> list[Picture]:
    """All pictures of a method for the units of a request, stored: those on disk with this key, and new ones.

    `key` is a hash of everything that the pictures depend on. Pictures with another key stay in use until `settle`; the
    new ones are made in a folder beside them. Raises UserError if a unit gets fewer or more pictures than requested;
    pictures of the units before it are kept.
    """
    home = request.folder
    request = replace(request, folder=_workplace(home, request.units, key))
    records = {unit: _record(home, request.folder, unit, key) for unit in request.units}

    def record_complete(unit: Unit, stored: list[Picture]) -> None:
        """Record that a unit's pictures are complete. Raises UserError if they are not those that were requested."""
        if problem := methods.problem(stored, request.references, lambda k: request.batches(unit, references=k)):
            raise _fault(name, method, f"gave {problem} for {unit}")
        store.write_json(records[unit], {"key": key, "pictures": [_entry(picture) for picture in stored]})

    missing = [unit for unit, record in records.items() if not _is_done(record, key)]
    if missing:
        made = method(request.only(missing))
        for unit, own in itertools.groupby(made, key=lambda picture: picture.unit):
            if unit not in missing or (records[unit].exists() and _is_done(records[unit], key)):
                raise _fault(
                    name, method,
                    f"gave pictures of {unit}, which is complete already or was not requested; give all pictures of a "
                    "unit one after the other",
                )  # fmt: skip
            stored: list[Picture] = []
            for picture in own:
                records[unit].unlink(missing_ok=True)  # it was recorded as complete, but there are more
                stored.append(_store(picture, name, request, home.relative_to(study)))
                if _serves_all(picture) and len(stored) == len(Pole) * request.most:
                    # recorded now, and not when the next unit begins, which may take hours
                    record_complete(unit, stored)
            record_complete(unit, stored)
        for unit in missing:
            if not records[unit].exists():
                raise _fault(name, method, f"gave no picture of {unit}, which is one of request.units")
    return [
        _stored(name, unit, entry) for unit in request.units for entry in store.read_json(records[unit])["pictures"]
    ]


def forget(home: Path) -> None:
    """Mark a method's pictures to be remade. Those in its folder stay in use until `settle`."""
    shutil.rmtree(workplace(home), ignore_errors=True)
    if home.exists():
        store.write_json(home / MARKER, "")


def settle(home: Path, key: str) -> None:
    """Replace pictures of another key by those that were made beside them. Units that have this key already stay."""
    beside = workplace(home)
    if _marker(beside) == key:
        for record in home.glob("*/pictures.json") if _marker(home) in (None, key) else ():
            if _is_done(record, key) and not (beside / record.parent.name).exists():
                record.parent.rename(beside / record.parent.name)
        put_in_place(home)
    shutil.rmtree(beside, ignore_errors=True)


def put_in_place(home: Path) -> None:
    """Replace a method's folder by its `workplace`. Nothing of the old folder is kept."""
    old = home.with_name(f".{home.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if home.exists():
        home.rename(old)
    workplace(home).rename(home)
    shutil.rmtree(old, ignore_errors=True)


def workplace(home: Path) -> Path:
    """The hidden folder beside a method's, in which new pictures are made while the old ones stay in use."""
    return home.with_name(f".{home.name}.new")


def _workplace(home: Path, units: Sequence[Unit], key: str) -> Path:
    """Where to make pictures: in the method's folder or, if that holds pictures of another key, beside it."""
    beside = workplace(home)
    if _marker(beside) == key:
        return beside
    records = [home / unit.slug / "pictures.json" for unit in units]
    is_other = any(record.exists() and store.read_json(record)["key"] != key for record in records)
    place = beside if is_other or _marker(home) not in (None, key) else home
    if place == beside:
        shutil.rmtree(beside, ignore_errors=True)  # left over from a third key
    if _marker(place) != key:
        store.write_json(place / MARKER, key)
    return place


def _record(home: Path, work: Path, unit: Unit, key: str) -> Path:
    """The file that lists a unit's pictures: in the method's folder if they have this key, else where they are made."""
    held = home / unit.slug / "pictures.json"
    return held if _marker(home) in (None, key) and _is_done(held, key) else work / unit.slug / "pictures.json"


def _marker(folder: Path) -> Any:
    """The key of the pictures in a folder; None if it records none, "" if all pictures must be remade."""
    path = folder / MARKER
    return store.read_json(path) if path.exists() else None


def _is_done(record: Path, key: str) -> bool:
    """Whether a unit's record has this key and all its pictures exist."""
    if not record.exists():
        return False
    held = store.read_json(record)
    return held["key"] == key and all((record.parent / Path(e["path"]).name).exists() for e in held["pictures"])


def _fault(name: str, method: ExplanationMethod, problem: str) -> UserError:
    """An error about a method's pictures; for a user's method it names the module, file and line."""
    if isinstance(method, OwnMethod):
        return UserError(f"{method.what} {problem}{user_code.place(method.method)}")
    return UserError(f"explanation method {name} {problem}")


def _serves_all(picture: Picture) -> bool:
    """Whether a picture is used in every scheme and batch; a unit then has a known number of pictures."""
    return picture.references is None and picture.batch == ANY_BATCH


def _store(picture: Picture, name: str, request: Request, home: Path) -> Picture:
    """Write a picture, and return it without its image, with the path that it will have in `home`.

    `home` is the method's folder relative to the study.
    """
    assert picture.image is not None
    parts = [str(picture.pole), str(picture.position)]
    if picture.batch != ANY_BATCH:
        parts = [f"batch{picture.batch:02d}", *parts]
    if picture.references is not None:
        parts = [f"k{picture.references}", *parts]
    path = Path(picture.unit.slug) / ("_".join(parts) + ".png")
    store.write_png(request.folder / path, picture.image)
    references = request.most if picture.references is None else picture.references
    return replace(picture, image=None, references=references, method=name, path=(home / path).as_posix())


ENTRY = ("position", "references", "batch", "image_id", "group", "activation")


def _entry(picture: Picture) -> dict[str, Any]:
    """What the record of its unit says of a stored picture."""
    said = {name: getattr(picture, name) for name in ENTRY}
    return {"pole": str(picture.pole), "path": picture.path, **said, "facts": dict(picture.facts)}


def _stored(name: str, unit: Unit, entry: dict[str, Any]) -> Picture:
    """The stored picture that an entry is of."""
    return Picture(unit, image=None, method=name, **{**entry, "pole": Pole(entry["pole"])})


def picture_rows(stored: Iterable[Picture]) -> Iterator[dict[str, Any]]:
    """Rows of PICTURES for optimized pictures: how each was made."""
    for picture in stored:
        facts = picture.facts
        yield {
            "path": picture.path, "method": picture.method, "unit": str(picture.unit), "pole": str(picture.pole),
            "position": picture.position, "recipe": facts["recipe"], "recipe_hash": facts["recipe_hash"],
            "seed": facts["seed"], "diversity": facts["diversity"], "updates": facts["updates"],
            "stopped": facts["stopped"], "score": facts["scores"][-1],
        }  # fmt: skip


def trace_rows(stored: Iterable[Picture]) -> Iterator[dict[str, Any]]:
    """Rows of TRACES for optimized pictures: the objective's score over the steps."""
    for picture in stored:
        for step, score in zip(picture.facts["steps"], picture.facts["scores"], strict=True):
            yield {"path": picture.path, "step": step, "score": score}


def measured(
    stored: list[Picture], model: Model, index: ActivationIndex, study: Study, of_corpus: Collection[str]
) -> Iterator[dict[str, Any]]:
    """Rows of STIMULI for pictures on disk. Corpus images keep the activation of the index; others are measured.

    `of_corpus` are the methods that show images of the corpus, or parts of them.
    """
    activations = _activations([picture for picture in stored if picture.activation is None], model, study)
    for picture in stored:
        given = picture.activation
        activation = activations[picture.path] if given is None else given
        percentile = index.percentile(picture.unit, activation)
        yield {
            **unit_columns(picture.unit, model.branch(picture.unit)), **picture.columns(),
            "activation": activation, "percentile": percentile,
            "margin": index.beyond(picture.unit, picture.pole, activation),
            # weaker than half of the images: a random image would explain the unit better. Of the corpus's own images
            # random ones, and those in which a crop leaves out what is strong, are meant to be shown
            "failed": picture.method not in of_corpus
            and (percentile <= 50 if picture.pole is Pole.MAX else percentile >= 50),
        }  # fmt: skip


def _activations(stored: list[Picture], model: Model, study: Study) -> dict[str, float]:
    from exemplum.index import measurer as measurer_of  # late: torch takes seconds to import

    section = study.config.index
    found: dict[str, float] = {}
    with track("activations", len(stored), "pictures") as advance:
        for layer in dict.fromkeys(picture.unit.layer for picture in stored):
            measurer = measurer_of(model, [layer], section.relu, section.objective)
            own = [picture for picture in stored if picture.unit.layer == layer]
            for start in range(0, len(own), section.batch):
                part = own[start : start + section.batch]
                images = np.stack([model.fit(store.read_png(study.folder / picture.path)) for picture in part])
                values = measurer.images(images)[range(len(part)), [picture.unit.channel for picture in part]]
                found |= {picture.path: float(value) for picture, value in zip(part, values, strict=True)}
                advance(len(part))
    return found
