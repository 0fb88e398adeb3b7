"""Entry point of the command `exemplum`, also as `python -m exemplum`."""

from __future__ import annotations

import signal
import sys

INTERRUPTED = 130  # the exit status that shells and typer make of Ctrl-C


def run() -> None:
    """Run the command. Ctrl-C prints one line, also while the command is still being loaded."""
    try:
        from exemplum import cli  # late: the import takes a second, in which the user may press Ctrl-C

        cli.run()
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != INTERRUPTED:
            raise
        # Nothing is left to stop: a second Ctrl-C would only print a traceback while Python ends.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        from exemplum.errors import STOPPED

        print(STOPPED, file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    run()
