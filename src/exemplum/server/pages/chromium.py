"""The machine's own Chromium, without a window, asked over a pipe in its DevTools protocol.

Only Python's standard library is needed: a program that drives browsers (Playwright, Selenium) would be a large
requirement for one command, and the options of Chromium's own command line cannot wait until a page is drawn.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from exemplum.errors import UserError

VARIABLE = "EXEMPLUM_CHROMIUM"
PROGRAMS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)  # fmt: skip
OPTIONS = (
    "--headless", "--remote-debugging-pipe", "--disable-gpu", "--disable-extensions", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--no-first-run", "--hide-scrollbars",
    "--force-color-profile=srgb",
)  # fmt: skip
TO, FROM = 3, 4  # file descriptors that Chromium reads commands from and writes answers to
PATIENCE_S = 60.0


def find_chromium() -> str:
    """The program. Raises UserError, which says what to install, if there is none."""
    wished = os.environ.get(VARIABLE, "")
    found = next((path for name in ((wished,) if wished else PROGRAMS) if (path := shutil.which(name))), None)
    if found is None:
        missing = f"{VARIABLE} names {wished}, which is no program" if wished else "no Chromium or Chrome was found"
        raise UserError(
            f"{missing}; install one (Debian, Ubuntu: apt install chromium; macOS: brew install --cask chromium), or "
            f"set {VARIABLE} to its program"
        )
    return found


@contextmanager
def chromium() -> Iterator[Chromium]:
    """A running Chromium. Raises UserError if there is none, or if it does not start."""
    program = find_chromium()
    with tempfile.TemporaryDirectory(prefix="exemplum-chromium-", ignore_cleanup_errors=True) as profile:
        browser = Chromium(program, Path(profile))
        try:
            yield browser
        finally:
            browser.close()


class Chromium:
    """One browser with one page."""

    def __init__(self, program: str, profile: Path) -> None:
        self.program = program
        their_in, self._in = _pipe()
        self._out, their_out = _pipe()
        sandbox = [] if os.geteuid() else ["--no-sandbox"]  # which Chromium refuses to root, as in a container
        arguments = [program, *OPTIONS, *sandbox, f"--user-data-dir={profile}", "about:blank"]
        streams = [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_RDWR, 0) for n in (0, 1, 2)]
        pipes = [(os.POSIX_SPAWN_DUP2, their_in, TO), (os.POSIX_SPAWN_DUP2, their_out, FROM)]
        self._pid = os.posix_spawn(program, arguments, os.environ, file_actions=[*streams, *pipes], setpgroup=0)
        os.close(their_in)
        os.close(their_out)
        self._buffer, self._number, self._events = b"", 0, list[str]()
        try:
            target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
            self._page = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
            self.ask("Page.enable")
        except BaseException:
            self.close()
            raise

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command to the page. Raises UserError if Chromium ends, refuses or does not answer."""
        return self._ask(method, parameters, self._page)

    def resize(self, width: int, height: int, scale: float = 1.0) -> None:
        """Set the window's size in CSS pixels, and device pixels per CSS pixel."""
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def open(self, url: str) -> None:
        """Load a page; returns when it has loaded."""
        self._events.clear()
        self.ask("Page.navigate", url=url)
        until = time.monotonic() + PATIENCE_S
        while "Page.loadEventFired" not in self._events:
            self._events.append(self._receive(until).get("method", ""))

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page, awaited if it is a promise."""
        done = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(f"{expression}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def screenshot(self, quality: int = 90) -> bytes:
        """What the window shows, as JPEG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="jpeg", quality=quality)["data"])

    def print(self, html: str) -> bytes:
        """A document as PDF, with an outline of its headings."""
        self.open("about:blank")
        frame = self.ask("Page.getFrameTree")["frameTree"]["frame"]["id"]
        self.ask("Page.setDocumentContent", frameId=frame, html=html)
        self.evaluate("Promise.all([...document.images].map(image => image.decode()))")
        done = self.ask(
            "Page.printToPDF", printBackground=True, preferCSSPageSize=True, generateTaggedPDF=True,
            generateDocumentOutline=True,
        )  # fmt: skip
        return base64.b64decode(done["data"])

    def close(self) -> None:
        with suppress(OSError, UserError):
            self._ask("Browser.close", {})
        for descriptor in (self._in, self._out):
            with suppress(OSError):
                os.close(descriptor)
        with suppress(ProcessLookupError, ChildProcessError):
            os.killpg(self._pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _ask(self, method: str, parameters: dict[str, Any], page: str = "") -> dict[str, Any]:
        self._number += 1
        number = self._number
        command = {"id": number, "method": method, "params": parameters} | ({"sessionId": page} if page else {})
        self._send(json.dumps(command).encode() + b"\0")
        until = time.monotonic() + PATIENCE_S
        while True:
            message = self._receive(until)
            if message.get("id") != number:
                self._events.append(message.get("method", ""))
                continue
            if "error" in message:
                raise UserError(f"{self.program} refused {method}: {message['error'].get('message', '')}")
            result: dict[str, Any] = message["result"]
            return result

    def _send(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._in, data) :]
        except BrokenPipeError as error:
            raise self._ended() from error

    def _receive(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._out], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise UserError(f"{self.program} did not answer for {PATIENCE_S:.0f} s")
            data = os.read(self._out, 1 << 20)
            if not data:
                raise self._ended()
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        read: dict[str, Any] = json.loads(message)
        return read

    def _ended(self) -> UserError:
        return UserError(f"{self.program} ended by itself; check that it starts here, or set {VARIABLE} to another one")


def _pipe() -> tuple[int, int]:
    """A pipe whose descriptors are none of those that Chromium is given."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
