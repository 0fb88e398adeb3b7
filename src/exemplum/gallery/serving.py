"""Serve a gallery on this machine, to look at it: browsers load no scripts from files."""

from __future__ import annotations

import sys
import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from exemplum.runtime import console


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder without a line per request."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript", ".webp": "image/webp"}

    def log_message(self, *_: object) -> None:
        """Nothing: a page makes hundreds of requests."""


class QuietServer(ThreadingHTTPServer):
    """Says nothing of browsers that no longer want an image: the page was left."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def server(folder: Path, port: int = 0) -> QuietServer:
    """A server of a folder for this machine alone, on `port` or any free one."""
    return QuietServer(("127.0.0.1", port), partial(QuietHandler, directory=str(folder)))


def serve(page: Path) -> None:
    """Serve the page's folder and open it in the browser, until Ctrl-C."""
    with server(page.parent) as running:
        address = f"http://127.0.0.1:{running.server_port}/"
        console.print(f"serving {page.parent} at {address} until Ctrl-C")
        webbrowser.open(address)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            return
