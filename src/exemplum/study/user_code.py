"""The user's own code: find and import it, and report its errors in one line with file and line."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, packages_distributions, version
from pathlib import Path
from typing import Any, TypeVar

from exemplum.errors import UserError, did_you_mean
from exemplum.study import source

T = TypeVar("T")
BEGAN = time.time()  # other code may have imported a file before it was changed; changes since then are noticed

# What a user's code may raise: any Exception; SystemExit, if a script is imported that was meant to be run; and
# GeneratorExit, which Python itself raises only when a generator is closed
FAULTS = (Exception, SystemExit, GeneratorExit)

_imported: dict[str, tuple[Path, str]] = {}  # the user's modules: file and text when they were imported here
_put: set[str] = set()  # all folders ever put on sys.path here; other code may save and restore the path with them


@dataclass(frozen=True)
class Loaded:
    """An object of a user's module, and a hash of the source that it depends on."""

    value: Any
    fingerprint: str


def places(study: Path | None = None) -> tuple[Path, ...]:
    """Where the user's modules are searched for first: the study's folder, the working directory."""
    found = [study.resolve()] if study else []
    return tuple(dict.fromkeys([*found, Path.cwd()]))


def load(
    spec: str,
    kind: str,
    places: Sequence[Path],
    fault: type[UserError] = UserError,
    known: Sequence[str] = (),
    release: str = "",
) -> Loaded:
    """The object that `package.module:name` names; imported again if its source has changed.

    `kind` is what error messages call it, `known` are words that may have been meant instead of the module, `release`
    is the package's version if it is known. Raises `fault` in one line, also if the user's module raises.
    """
    name, _, attribute = spec.partition(":")
    if not (name and attribute):
        raise fault(f"no {kind} {spec!r}: write it as package.module:name")
    _put_on_path(places)
    try:
        found = source.modules(name, places)
    except UserError as error:
        raise fault(f"no {kind} {spec!r}: {error}") from error
    texts = {module: source.text(file) for module, file in found.items()}
    module = _import(spec, kind, {module: (found[module], texts[module]) for module in found}, places, fault, known)
    value = functools.reduce(lambda holder, part: getattr(holder, part, None), attribute.split("."), module)
    if value is None:
        raise fault(f"no {kind} {spec!r}: {name} has no {attribute!r}{did_you_mean(attribute, _public(module))}")
    more = source.alive(found, places)
    texts |= {module: source.text(file) for module, file in more.items()}
    texts[""] = texts.pop(name, "")  # the same under another name
    return Loaded(value, source.digest(texts | {"release": release or _release(name, module)}))


def registered(point: EntryPoint, kind: str, places: Sequence[Path], fault: type[UserError] = UserError) -> Loaded:
    """The object that an installed package registers by name; its hash includes the version. Raises as `load` does."""
    release = f"{point.dist.name} {point.dist.version}" if point.dist else ""
    return load(f"{point.module}:{point.attr}", f"{kind} {point.name!r}, registered as", places, fault, release=release)


def by_name(
    spec: str, kind: str, group: str, folders: Sequence[Path] | None, *, built_in: Iterable[str],
    forms: Sequence[str] = (), fault: type[UserError] = UserError,
) -> Loaded:  # fmt: skip
    """What `package.module:name`, or the name of an entry point of `group`, stands for.

    Modules are searched for in `folders` (the working directory if not given). `built_in` are the names of Exemplum's
    own, `forms` other ways to write one: both may have been meant. Raises `fault` as `load` does, and with close
    matches if no package has registered the name.
    """
    searched = places() if folders is None else folders
    if ":" in spec:
        return load(spec, kind, searched, fault)
    points = {point.name: point for point in entry_points(group=group)}
    if spec not in points:
        raise fault(f"there is no {kind} {spec!r}{did_you_mean(spec, [*built_in, *points, *forms])}")
    return registered(points[spec], kind, searched, fault)


def told(what: str, error: BaseException) -> str:
    """An exception of the user's code in one line, with the last line of the user's files in its traceback."""
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
        error = error.__cause__  # Python wraps a StopIteration inside of a generator, which hides the place
    if isinstance(error, SyntaxError) and error.filename:
        return f"{what}: {error.msg} ({error.filename}, line {error.lineno})"
    frames = _frames(error)
    last = ([frame for frame in frames if not source.is_installed(frame.filename)] or frames[1:])[-1:]
    place = f" ({last[0].filename}, line {last[0].lineno})" if last else ""
    reason = str(error).strip().partition("\n")[0]
    return f"{what}: {type(error).__name__}{': ' if reason else ''}{reason}{place}"


def raised_at(error: BaseException) -> str:
    """Where the user's code that Exemplum called raised an exception, as ` (FILE, line 12)`; "" if it did not."""
    frames = _frames(error)
    called = next((at for at, frame in enumerate(frames) if Path(frame.filename).is_relative_to(source.PACKAGE)), None)
    if called is None:  # what called Exemplum is not meant: a script, a notebook
        return ""
    last = [frame for frame in frames[called:] if not source.is_installed(frame.filename)][-1:]
    return f" ({last[0].filename}, line {last[0].lineno})" if last else ""


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of a traceback that are in files, the innermost last."""
    return [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]


@contextmanager
def telling(what: str, fault: type[UserError] = UserError) -> Iterator[None]:
    """Within, any exception of the user's code becomes a `fault` of one line; a UserError stays as it is."""
    try:
        yield
    except UserError:
        raise
    except FAULTS as error:
        raise fault(told(what, error)) from error


def is_whole(value: object) -> bool:
    """Whether a value that the user's code gave is a whole number; true and false are none."""
    import numpy as np  # late: every command imports this module

    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def each(things: Iterable[T], what: str, fault: type[UserError] = UserError) -> Iterator[T]:
    """What the user's code gives, one after the other, with its exceptions as in `telling`."""
    with telling(what, fault):
        left = iter(things)
    while True:
        with telling(what, fault):
            try:
                thing = next(left)
            except StopIteration:
                return
        yield thing


def check_call(
    function: Callable[..., Any], *arguments: Any, what: str, fault: type[UserError] = UserError,
    named: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Raise `fault` unless `function` is a function that takes these arguments."""
    if not callable(function):
        raise fault(f"{what} is a {type(function).__name__}; it must be a function")
    try:
        inspect.signature(function).bind(*arguments, **(named or {}))
    except TypeError as error:
        raise fault(f"{what} cannot be called with the arguments that it is given: {error}{place(function)}") from error
    except ValueError:
        return  # a compiled function has no signature


def place(function: Any) -> str:
    """Where a function or class is defined, as ` (FILE, line 12)`; "" if that is not known."""
    while isinstance(function, functools.partial):
        function = function.func
    plain = inspect.unwrap(function)
    plain = getattr(plain, "__func__", plain)
    for thing in (plain, type(plain).__call__, type(plain)):
        if code := getattr(thing, "__code__", None):
            return f" ({code.co_filename}, line {code.co_firstlineno})"
        if inspect.isclass(thing):
            try:
                return f" ({inspect.getsourcefile(thing)}, line {inspect.getsourcelines(thing)[1]})"
            except (OSError, TypeError):
                continue
    return ""


def _import(
    spec: str,
    kind: str,
    found: dict[str, tuple[Path, str]],
    places: Sequence[Path],
    fault: type[UserError],
    known: Sequence[str],
) -> Any:
    name = spec.partition(":")[0]
    mine = [file for file, _ in _imported.values() if any(file.is_relative_to(place) for place in places)]
    if not all(file.exists() for file in mine) or any(_is_stale(module, *found[module]) for module in found):
        _forget([*found, *_imported])
    # no bytecode: it counts as current by size and whole seconds, which two quick edits may share
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        importlib.invalidate_caches()
        module = importlib.import_module(name)
    except UserError:
        raise
    except FAULTS as error:
        _forget(found)  # it may be half imported
        absent = error.name if isinstance(error, ModuleNotFoundError) else None
        if absent and (name == absent or name.startswith(f"{absent}.")):
            close = did_you_mean(name, known)
            looked = ", ".join(str(place) for place in places)
            hint = close if "did you mean" in close else f"; looked in {looked} and the installed packages"
            raise fault(f"no {kind} {spec!r}: no Python module {name!r}{hint}") from error
        raise fault(told(f"no {kind} {spec!r}: {name} cannot be imported", error)) from error
    finally:
        sys.dont_write_bytecode = written
    _imported.update(found)
    return module


def _put_on_path(places: Sequence[Path]) -> None:
    """Put the places on sys.path, after everything else, so that no module of the user's hides an installed one.

    They stay there, since functions may import while they run. If the working directory is on the path already, as in a
    notebook, a study's folder is put right before it.
    """
    sys.path[:] = [entry for entry in sys.path if entry not in _put]
    given = [Path(entry or ".").resolve() for entry in sys.path]
    at = min((given.index(place) for place in places if place in given), default=len(sys.path))
    for folder in reversed([str(place) for place in places if place not in given]):
        sys.path.insert(at, folder)
        _put.add(folder)


def _is_stale(name: str, file: Path, text: str) -> bool:
    """Whether a module was imported from another file or with another text."""
    if name not in sys.modules or source.is_installed(file):
        return False
    if name in _imported:
        return _imported[name] != (file, text)
    held = getattr(sys.modules[name], "__file__", None)
    return held is None or Path(held).resolve() != file.resolve() or file.stat().st_mtime > BEGAN


def _forget(names: Sequence[str] | dict[str, Any]) -> None:
    """Let modules be imported again: all of them, since each may hold objects of the others."""
    for name in list(names):
        file = getattr(sys.modules.get(name), "__file__", None)
        if not (file and source.is_installed(file)):
            sys.modules.pop(name, None)
            _imported.pop(name, None)


def _release(name: str, module: Any) -> str:
    """Name and version of the installed package that a module belongs to; "" for a file of the user's."""
    if not source.is_installed(getattr(module, "__file__", None) or "/"):
        return ""
    distributions = packages_distributions().get(name.partition(".")[0], [])
    try:
        return " ".join(f"{one} {version(one)}" for one in sorted(set(distributions)))
    except PackageNotFoundError:
        return ""


def _public(module: Any) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_") and callable(getattr(module, name))]
