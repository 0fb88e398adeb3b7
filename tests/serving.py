"""The server as a command that was started, and what is asked of it from outside."""

from __future__ import annotations

import re
import socket
import subprocess
import time

import httpx
import pytest

LINK = re.compile(r"/experimenter\?token=\S+")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(process: subprocess.Popen[str], url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the server does not start:\n{process.stdout.read()}")
        try:
            if httpx.get(f"{url}/health", timeout=5).json()["status"] in ("ok", "low disk"):
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    pytest.fail("the server is not healthy after 120 s")


def visit_pages(client: httpx.Client, process: subprocess.Popen[str]) -> None:
    """The participant's page with its files, every page of the experimenter, and each form of download."""
    assets = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', client.get("/").text)
    assert len(assets) >= 2
    for asset in assets:
        assert client.get(f"/{asset}").status_code == 200
    link = ""
    while not (found := LINK.search(link)):
        link = process.stdout.readline()
    assert client.get(found[0]).status_code == 200
    for page in ("", "results", "downloads"):
        assert client.get(f"/experimenter/{page}").status_code == 200, page
    downloads = re.findall(r'href="([^"]*download/[^"]+)"', client.get("/experimenter/downloads").text)
    assert len(downloads) >= 6
    for address in downloads:
        got = client.get(httpx.URL("/experimenter/downloads").join(address))
        assert got.status_code == 200, address
        assert got.content.startswith(b"PK"), address
