"""The command `exemplum`. Errors for users are printed in one line, without a traceback."""

from __future__ import annotations

import errno
import io
import os
import sys
from importlib import import_module
from traceback import print_exception
from typing import Annotated

import typer

from exemplum import __version__
from exemplum.cli import dictionary
from exemplum.errors import UserError
from exemplum.runtime import console, styled
from exemplum.study import user_code

# Threads that wait by spinning take cores away from threads with work: with another process on two cores synthesis
# ran at a sixth of its speed (docs/reference/performance.md). Read when torch is first imported, which the commands do
# late.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Errors of the system about files and folders, which are the user's to resolve
REFUSALS = frozenset({
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOTDIR,
    errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE, errno.ENFILE,
})  # fmt: skip
# Packages that an installation for the server or the analysis does not have (docs/start/installing.md)
LEFT_OUT = frozenset({"torch", "torchvision", "numba", "safetensors", "skimage"})
# Heading in help → command → module with the function of that name, in the order in which help lists them
COMMANDS = {
    "Begin": {"demo": "new", "new": "new", "units": "verbs"},
    "Run the stages": {
        "run": "verbs", "index": "verbs", "query": "verbs", "explain": "verbs", "design": "verbs", "observe": "verbs",
        "analyze": "verbs", "report": "report",
    },
    "Look at every unit": {"score": "verbs", "gallery": "gallery"},
    "Study with people": {
        "power": "power", "check": "check", "rehearse": "rehearse", "preview": "preview", "serve": "verbs",
        "links": "links",
    },
    "Publish": {"export": "export", "reproduce": "verbs"},
}  # fmt: skip

TRACEBACK = "--traceback"

app = typer.Typer(
    help="Measure how well pictures explain the units of a vision model to people and to machines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # in rich's own markup [server] is a style, and would be missing in help
)


def print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"exemplum {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=print_version, is_eager=True)
    ] = False,
    traceback: Annotated[
        bool, typer.Option(TRACEBACK, help="Show the whole traceback of an error; also allowed after a command.")
    ] = False,
) -> None:
    """Options of `exemplum` itself, before a command. `run` has taken the traceback's."""


for heading, modules in COMMANDS.items():
    for verb, module in modules.items():
        app.command(verb, rich_help_panel=heading)(getattr(import_module(f"exemplum.cli.{module}"), verb))


app.add_typer(dictionary.app, name="dictionary", rich_help_panel="Dictionaries of features")


def tell(error: UserError, cause: BaseException | None = None, traceback: bool = False) -> None:
    """Print an error literally, in one line; before it, if asked for, the traceback of what caused it."""
    if traceback:
        print_exception(cause or error)
    console.print(styled(("error:", "bold red"), f" {error}"))


def _takes_traceback() -> bool:
    """Whether --traceback is among the arguments, from which it is removed, or EXEMPLUM_TRACEBACK is set."""
    given = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    asked = TRACEBACK in sys.argv[1:given]
    sys.argv[1:given] = [argument for argument in sys.argv[1:given] if argument != TRACEBACK]
    return asked or bool(os.environ.get("EXEMPLUM_TRACEBACK"))


def run() -> None:
    """Parse the command line and run the command; exemplum.__main__ is the entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that the terminal cannot show must not stop the command
            stream.reconfigure(errors="backslashreplace")
    traceback = _takes_traceback()
    try:
        app()
    except Exception as error:
        if not (told := _told(error)):
            raise
        tell(told, error, traceback)
        sys.exit(1)


def _told(error: Exception) -> UserError | None:
    """What to tell the user about an exception in one line; None for faults of Exemplum itself."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, ModuleNotFoundError) and error.name in LEFT_OUT:
        return UserError(f"this command needs {error.name}, which is not installed (docs/start/installing.md)")
    if isinstance(error, OSError) and error.errno in REFUSALS:
        reason = os.strerror(error.errno)
        return UserError(f"{error.filename or 'a file'}: {reason}; results made before are not lost")
    if user_code.raised_at(error):  # in a network's forward, for example, which runs in the middle of everything
        return UserError(user_code.told("your code failed", error))
    return None
