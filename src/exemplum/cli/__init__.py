"""The command `exemplum`. Errors for users are printed in one line, without a trace."""

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
from exemplum.errors import UserError
from exemplum.runtime.progress import console, styled

# Threads that wait by spinning take the cores from whoever has the work: with another process on two cores synthesis
# ran at a sixth of its speed (docs/performance.md). Read when torch is first imported, which the verbs do late.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# What the system says of files and folders that a command cannot do its work with
REFUSALS = frozenset({
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOTDIR,
    errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE, errno.ENFILE,
})  # fmt: skip
# What an installation for the server or the analysis leaves out (docs/installing.md)
LEFT_OUT = frozenset({"torch", "torchvision", "numba", "safetensors", "skimage"})
# verb → module with the function of that name, in the order in which help lists them
VERBS = {
    "demo": "new", "new": "new", "run": "verbs", "units": "verbs", "index": "verbs", "explain": "verbs",
    "design": "verbs", "observe": "verbs", "serve": "verbs", "analyze": "verbs", "report": "verbs",
    "power": "power", "reproduce": "verbs",
}  # fmt: skip

app = typer.Typer(
    help="Does a picture that is said to explain a unit of a vision model help anyone predict what the unit does?",
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
    """Options of the command itself, before a verb."""


for verb, module in VERBS.items():
    app.command(verb)(getattr(import_module(f"exemplum.cli.{module}"), verb))


def tell(error: UserError) -> None:
    """Print an error as it is, in one line; with EXEMPLUM_TRACEBACK=1 also where it comes from."""
    if os.environ.get("EXEMPLUM_TRACEBACK"):
        traceback.print_exception(error)
    console.print(styled(("error:", "bold red"), f" {error}"))


def run() -> None:
    """Parse the command line and do what it says; exemplum.__main__ is the entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal's encoding lacks must not stop the work
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except UserError as error:
        tell(error)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name not in LEFT_OUT:
            raise
        tell(UserError(f"this needs {error.name}, which is not installed here (docs/installing.md)"))
        sys.exit(1)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        reason = os.strerror(error.errno)
        tell(UserError(f"{error.filename or 'a file'}: {reason}; nothing that was made before is lost"))
        sys.exit(1)
