"""A Dockerfile performed without a container engine: every stage in a folder that stands for the root of its image.

Known are the instructions that this project's Dockerfile uses. A base image is a folder of programs; RUN sees paths
below its working directory only, so one that names an absolute path is refused here, though an engine would take it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SYSTEM = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class Image:
    """A stage: its folder, and what its instructions set."""

    root: Path
    programs: list[Path]  # folders that come first on PATH
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: str = ""
    ports: list[int] = field(default_factory=list)

    def path(self, inside: str) -> Path:
        """Where a path of the image is on this machine; a relative one is below WORKDIR."""
        return self.root / (Path(self.workdir) / inside).relative_to("/")

    def variables(self) -> dict[str, str]:
        """What a process of the image sees: nothing of ours but how packages are downloaded here."""
        kept = ("PIP_", "NPM_CONFIG_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA", "NODE_EXTRA_CA")
        ours = {name: value for name, value in os.environ.items() if name.upper().startswith(kept) or name == "HOME"}
        return ours | {"PATH": ":".join([*map(str, self.programs), SYSTEM])} | self.environment

    def run(self, shell: str) -> str:
        """A command as RUN does it. Raises AssertionError with its output if it fails."""
        done = subprocess.run(
            ["/bin/sh", "-c", shell], cwd=self.path("."), env=self.variables(), capture_output=True, text=True
        )
        assert done.returncode == 0, f"RUN {shell}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout


def build(context: Path, folder: Path, base: Callable[[str, Path], list[Path]]) -> Image:
    """Perform CONTEXT/Dockerfile below `folder`. `base(name, root)` gives a base image's folders of programs."""
    stages: dict[str, Image] = {}
    sent = _context(context, folder / "context")
    image: Image | None = None
    for word, rest in instructions((context / "Dockerfile").read_text(encoding="utf-8")):
        if word == "FROM":
            name, _, alias = rest.partition(" AS ")
            root = folder / (alias or f"stage{len(stages)}")
            root.mkdir(parents=True)
            image = stages[alias or str(len(stages))] = Image(root, base(name, root))
            continue
        assert image is not None, f"{word} before FROM"
        _perform(image, word, rest, sent, stages)
    assert image is not None
    return image


def instructions(text: str) -> list[tuple[str, str]]:
    """Instruction and rest of each line; comments are left out, continued lines are joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def _perform(image: Image, word: str, rest: str, sent: Path, stages: dict[str, Image]) -> None:
    match word:
        case "WORKDIR":
            image.workdir = str(Path(image.workdir) / rest)
            image.path(".").mkdir(parents=True, exist_ok=True)
        case "COPY":
            _copy(image, shlex.split(rest), sent, stages)
        case "RUN":
            assert not re.search(r"(^|\s|=)/\w", rest), f"RUN {rest}: an absolute path cannot be mapped"
            image.run(rest)
        case "ENV":
            pairs = (pair.split("=", 1) for pair in shlex.split(rest))
            image.environment |= {name: str(image.path(value)) if value[:1] == "/" else value for name, value in pairs}
        case "USER":
            image.user = rest
        case "EXPOSE":
            image.ports.append(int(rest))
        case "HEALTHCHECK":
            image.healthcheck = re.sub(r"^(--\S+\s+)*CMD\s+", "", rest)
        case "ENTRYPOINT":
            image.entrypoint, image.command = json.loads(rest), []
        case "CMD":
            image.command = json.loads(rest)
        case _:
            raise AssertionError(f"the instruction {word} is not known to this test")


def _copy(image: Image, words: list[str], sent: Path, stages: dict[str, Image]) -> None:
    source = sent
    if words[0].startswith("--from="):
        source = stages[words.pop(0).removeprefix("--from=")].root
    *patterns, into = words
    target = image.path(into)
    for pattern in patterns:
        found = sorted(source.glob(pattern.lstrip("/").removeprefix("./")))
        assert found, f"COPY {pattern}: no such file in {source}"
        for path in found:
            if path.is_dir():
                shutil.copytree(path, target, dirs_exist_ok=True)
            elif into.endswith("/") or target.is_dir() or len(patterns) > 1:
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)


def _context(context: Path, folder: Path) -> Path:
    """A copy of what .dockerignore lets through."""
    ignored = ignoring((context / ".dockerignore").read_text(encoding="utf-8"))
    for here, folders, files in os.walk(context):
        inside = Path(here).relative_to(context)
        folders[:] = [name for name in folders if name not in (".git", ".venv")]  # large, and sure to be left out
        for name in files:
            path = inside / name
            if not ignored(path.as_posix()):
                (folder / inside).mkdir(parents=True, exist_ok=True)
                shutil.copy2(context / path, folder / path)
    return folder


def ignoring(text: str) -> Callable[[str], bool]:
    """Whether .dockerignore leaves a path out: the last line that fits it, or a folder above it, decides."""
    rules = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            pattern = line.strip().removeprefix("!").strip("/")
            rules.append((re.compile(_expression(pattern)), not line.startswith("!")))

    def ignored(path: str) -> bool:
        above = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
        verdict = False
        for expression, leaves_out in rules:
            if any(expression.fullmatch(part) for part in above):
                verdict = leaves_out
        return verdict

    return ignored


def _expression(pattern: str) -> str:
    parts = {"**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.sub(r"\*\*/|\*\*|\*|\?|[^*?]+", lambda found: parts.get(found[0], re.escape(found[0])), pattern)
