"""The real server as a process of its own, which can be killed and started again on the same port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx

from serving import free_port

START = """
import resource, sys
from pathlib import Path
from exemplum.server import Settings
from exemplum.server.http import run
folder, port, database, most = sys.argv[1:]
if int(most):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), resource.RLIM_INFINITY))
run.run(Settings(Path(folder), database, limits=False), port=int(port))
"""


class Server:
    """`with Server(folder) as server:` runs until the end of the block.

    `most_bytes`: no file may grow beyond that, which is a full disk to the database. `head`: Python run before.
    """

    def __init__(self, folder: Path, database: str = "", most_bytes: int = 0, head: str = "") -> None:
        self.folder, self.database, self.most_bytes, self.head = folder, database, most_bytes, head
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        arguments = [str(self.folder), str(self.port), self.database, str(self.most_bytes)]
        log = (self.folder / "server.log").open("ab")
        self.process = subprocess.Popen([sys.executable, "-c", self.head + START, *arguments], stdout=log, stderr=log)
        began = time.monotonic()
        while time.monotonic() - began < 120:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/health", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise RuntimeError("the server did not start:\n" + (self.folder / "server.log").read_text()[-3000:])

    def kill(self) -> None:
        """As a power failure for the process: no handler runs."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end; returns its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, by: signal.Signals) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            os.kill(self.process.pid, by)
        return self.process.wait(60)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.kill()
