"""The user's code that a result depends on: the modules that a module imports, and a hash of their source.

Whole modules are hashed, not single functions: a decorator, a constant or a line at module level may change what a
function does. It is worse to miss an edit than to remake a result for nothing. Comments and blank lines do not count.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import io
import site
import sys
import sysconfig
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from exemplum.errors import UserError

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARIES = tuple(
    Path(folder).resolve()
    for folder in dict.fromkeys([
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(), site.getusersitepackages(),
    ])
)  # fmt: skip


def modules(name: str, places: Sequence[Path]) -> dict[str, Path]:
    """The user's modules that importing `name` can run, including itself: dotted name → file.

    All imports in the source are followed, also those inside functions. Modules of Python, of installed packages and of
    Exemplum are not the user's; but if `name` belongs to an installed package, the whole package is returned. Raises
    UserError if a module in `places` has the name of an installed one.
    """
    top = find(name.partition(".")[0], places)
    if top and top.origin and top.has_location and is_installed(top.origin):
        return _package(top)
    found: dict[str, Path] = {}
    looked, waiting = set[str](), [name]
    while waiting:
        for part in _with_packages(waiting.pop()):
            spec = None if part in looked else find(part, places)
            looked.add(part)
            if spec is None or spec.origin is None:
                continue  # seen before, no module, or a folder without code
            if not spec.has_location or is_installed(spec.origin):
                break
            found[part] = Path(spec.origin)
            waiting += _imports(found[part], part, spec.submodule_search_locations is not None)
    return found


def digest(files: dict[str, str]) -> str:
    """A hash of modules by name and text (`text`), wherever their files are."""
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]


def text(file: Path) -> str:
    """A module's text without comments and blank lines; of a compiled or installed module a hash of its file."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror}); make it readable, so that changes in it are noticed"
        ) from error
    if file.suffix != ".py" or is_installed(file):
        return hashlib.sha256(content).hexdigest()
    try:
        return _without_comments(content)
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError, LookupError):
        return content.decode(errors="backslashreplace")  # importing it reports what is wrong


def alive(names: Iterable[str], places: Sequence[Path]) -> dict[str, Path]:
    """`names`, and the user's modules whose functions, classes or objects imported modules hold without an import."""
    found = dict.fromkeys(names, Path())
    waiting = list(found)
    while waiting:
        module = sys.modules.get(waiting.pop())
        for owner in {owner for value in vars(module).values() for owner in _owners(value)} if module else ():
            file = getattr(sys.modules.get(owner), "__file__", None)
            if owner not in found and file and not is_installed(file):
                more = modules(owner, places) | {owner: Path(file)}
                waiting += [name for name in more if name not in found]
                found |= {name: file for name, file in more.items() if name not in found}
    return {name: file for name, file in found.items() if file != Path()}


def find(name: str, places: Sequence[Path]) -> ModuleSpec | None:
    """Where a module is, found without importing anything. Raises UserError if two different modules have the name."""
    top, *rest = name.split(".")
    spec = _top(top, places)
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(part, list(spec.submodule_search_locations))
    return spec


def is_installed(file: str | Path) -> bool:
    """Whether a file is part of Python, of an installed package or of Exemplum."""
    path = Path(file).resolve()
    return path.is_relative_to(PACKAGE) or any(path.is_relative_to(library) for library in LIBRARIES)


def _package(top: ModuleSpec) -> dict[str, Path]:
    """Every module of an installed package, by its path there."""
    assert top.origin
    if top.submodule_search_locations is None:
        return {top.name: Path(top.origin)}
    home = Path(top.origin).parent
    return {path.relative_to(home.parent).as_posix(): path for path in sorted(home.rglob("*.py"))}


def _top(name: str, places: Sequence[Path]) -> ModuleSpec | None:
    folders = [str(place) for place in places]
    mine = PathFinder.find_spec(name, folders)
    other = _elsewhere(name, set(places))
    if mine is None or other is None:
        return mine or other
    if not mine.origin or not other.origin or _same(mine.origin, other.origin):
        return other if not mine.origin else mine  # a folder without code is a package only if there is no other module
    if (
        other.has_location
        and any(Path(other.origin).resolve().is_relative_to(place) for place in places)
        and (not is_installed(other.origin))
    ):
        return mine  # it is in two places of the user's: the first one counts
    kind = f"{other.origin}, which is installed or on the path" if other.has_location else "a module of Python itself"
    raise UserError(f"{mine.origin} has the name of {kind}; give the file another name")


def _elsewhere(name: str, places: set[Path]) -> ModuleSpec | None:
    path = [entry for entry in sys.path if Path(entry or ".").resolve() not in places]
    for finder in sys.meta_path:
        look = PathFinder.find_spec if finder is PathFinder else getattr(finder, "find_spec", None)
        spec = look(name, path if finder is PathFinder else None) if look else None
        if spec:
            return spec
    return None


def _same(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


def _with_packages(name: str) -> Iterator[str]:
    """The names of a module's packages, which run before it, and of the module."""
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _imports(file: Path, name: str, is_package: bool) -> Iterator[str]:
    """Dotted names that a module imports anywhere in its source; some may not be modules."""
    if file.suffix != ".py":
        return
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # importing it reports what is wrong
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                source = _absolute(module, level, package)
                yield from (f"{source}.{alias.name}" if source else alias.name for alias in names)
            case ast.Call(func=called, args=[ast.Constant(value=str(named)), *_]):
                if getattr(called, "attr", getattr(called, "id", "")) in ("import_module", "__import__"):
                    yield named if not named.startswith(".") else package + named


def _absolute(module: str | None, level: int, package: str) -> str:
    if not level:
        return module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])


def _owners(value: Any) -> Iterator[str]:
    """Names of the modules that a value comes from: a function's, a class's, or those of what it wraps."""
    if isinstance(value, ModuleType):
        yield value.__name__
        return
    if isinstance(value, functools.partial):
        yield from _owners(value.func)
    plain = inspect.unwrap(value) if callable(value) else value
    for thing in (value, plain, type(value)):
        if isinstance(owner := getattr(thing, "__module__", None), str):
            yield owner


def _without_comments(content: bytes) -> str:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    lines: list[str | None] = list(io.StringIO(content.decode(encoding)))
    for token in tokenize.generate_tokens(io.StringIO("".join(line or "" for line in lines)).readline):
        row, column = token.start
        if token.type == tokenize.COMMENT:
            lines[row - 1] = (lines[row - 1] or "")[:column].rstrip() + "\n"
        if token.type in (tokenize.COMMENT, tokenize.NL) and not (lines[row - 1] or "").strip():
            lines[row - 1] = None
    return "".join(line for line in lines if line is not None)
