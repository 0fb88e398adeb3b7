"""Entry point of the command `exemplum`, also as `python -m exemplum`."""

from __future__ import annotations

import signal
import sys

INTERRUPTED = 130  # the exit status that shells and typer make of Ctrl-C


def run() -> None:
    """Run the command. Ctrl-C is told in one line, also while the command is still being loaded."""
    try:
        from exemplum import cli  # late: it takes a second, in which somebody may stop it

        cli.run()
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != INTERRUPTED:
            raise
        # Nothing is left to stop: a second Ctrl-C would only print a trace while Python ends.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    run()
