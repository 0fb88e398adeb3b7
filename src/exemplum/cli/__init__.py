"""The command `exemplum`. Errors for users are printed in one line, without a traceback."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from importlib import import_module
from typing import Annotated

import typer

from exemplum import __version__
from exemplum.cli import dictionary
from exemplum.errors import UserError
from exemplum.runtime import console, styled

# Threads that wait by spinning take cores away from threads with work: with another process on two cores synthesis
# ran at a sixth of its speed (docs/performance.md). Read when torch is first imported, which the commands do late.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Errors of the system about files and folders, which are the user's to resolve
REFUSALS = frozenset({
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOTDIR,
    errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE, errno.ENFILE,
})  # fmt: skip
# Packages that an installation for the server or the analysis does not have (docs/installing.md)
LEFT_OUT = frozenset({"torch", "torchvision", "numba", "safetensors", "skimage"})
# command → module with the function of that name, in the order in which help lists them
VERBS = {
    "demo": "new", "new": "new", "run": "verbs", "units": "verbs", "index": "verbs", "query": "verbs",
    "explain": "verbs", "design": "verbs", "observe": "verbs", "serve": "verbs", "analyze": "verbs", "report": "verbs",
    "power": "power", "reproduce": "verbs",
}  # fmt: skip

app = typer.Typer(
    help="Measure how well pictures explain the units of a vision model to people and to machines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
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
) -> None:
    """Options of `exemplum` itself, before a command."""


for verb, module in VERBS.items():
    app.command(verb)(getattr(import_module(f"exemplum.cli.{module}"), verb))


app.add_typer(dictionary.app, name="dictionary")


def tell(error: UserError) -> None:
    """Print an error literally, in one line; with EXEMPLUM_TRACEBACK=1 also its traceback."""
    if os.environ.get("EXEMPLUM_TRACEBACK"):
        traceback.print_exception(error)
    console.print(styled(("error:", "bold red"), f" {error}"))


def run() -> None:
    """Parse the command line and run the command; exemplum.__main__ is the entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that the terminal cannot show must not stop the command
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except UserError as error:
        tell(error)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name not in LEFT_OUT:
            raise
        tell(UserError(f"this command needs {error.name}, which is not installed (docs/installing.md)"))
        sys.exit(1)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        reason = os.strerror(error.errno)
        tell(UserError(f"{error.filename or 'a file'}: {reason}; results made before are not lost"))
        sys.exit(1)
