"""The command `exemplum`: one verb a file. Errors for users are printed in one line, without a trace."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module

import typer

from exemplum.errors import UserError
from exemplum.progress import console, styled

# Threads that wait by spinning take the cores from whoever has the work: with another process on two cores synthesis
# ran at a sixth of its speed (docs/performance.md). Read when torch is first imported, which the verbs do late.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

INTERRUPTED = 130  # the exit status that typer makes of Ctrl-C

# verb → function of the module of the same name, in the order in which help lists them
VERBS = (
    "demo", "new", "run", "units", "index", "explain", "design", "observe", "serve", "analyze", "report", "power",
    "reproduce",
)  # fmt: skip

app = typer.Typer(
    help="Does a picture that is said to explain a unit of a vision model help anyone predict what the unit does?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

for verb in VERBS:
    app.command(verb)(getattr(import_module(f"exemplum.cli.{verb}"), verb))


def tell(error: UserError) -> None:
    """Print an error as it is, in one line; with EXEMPLUM_TRACEBACK=1 also where it comes from."""
    if os.environ.get("EXEMPLUM_TRACEBACK"):
        traceback.print_exception(error)
    console.print(styled(("error:", "bold red"), f" {error}"))


def run() -> None:
    """Entry point of the command."""
    try:
        app()
    except UserError as error:
        tell(error)
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            console.print("stopped; the same command goes on from here")
        raise
