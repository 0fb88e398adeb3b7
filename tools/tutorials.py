"""Run every command of the docs' tutorials, and compare what it prints: python -m tools.tutorials [PAGE ...] [--write]

Pages are README.md and those of docs/start/, docs/tutorials/, docs/how-to/, docs/explanation/ and docs/reference/. Each
runs in its own folder:

    ```console                       lines after `$ ` are given to one bash, `> ` continues them; the lines below are
                                     what it should print, in which `...` stands for anything, and any run of white
                                     space for any other. Without such lines any output is right. The exit status must
                                     be 0. Lines of progress are left out. What ends in ` &` goes on until the end
                                     of the page.
    ```python title="study/mine.py"  is written to that file; so is ```toml; `…, added at the end` appends
    ```python                        is run, in one namespace per page
    ```pycon                         is run as a doctest in that namespace
    <!-- not run: REASON -->         on the line before a block: it is not run
    <!-- run: COMMAND -->            is run, but readers do not see it; $REPOSITORY is the root of the repository
    <!-- needs: PATH -->             the page is skipped where the repository has no such path (data beside it), unless
                                     EXEMPLUM_NEEDS_DATA is 1, as in tests

Other blocks are text. `--write` puts what was printed into the page where it differs. Exits with 1 if anything does.
"""

from __future__ import annotations

import argparse
import doctest
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("start", "tutorials", "how-to", "explanation", "reference")
FENCE = re.compile(r'( *)```(\w+)(?: title="([^"]+)")?\s*$')
HIDDEN = re.compile(r"<!-- (not run|run|needs): (.+?) -->$")
APPENDED = ", added at the end"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# How far a command is and how long it will take, which only slow machines print
WAITING = re.compile(r"^[^\n:]+: (?:[\d,]+/[\d,]+ [^\n]* left|about [^\n]+ per second\)?[^\n]*)\n", re.MULTILINE)
MARK = "--tutorial-command-ended--"
COMMAND_S = 600  # no command takes longer, even on a busy machine
COLUMNS = "100"  # as wide as the lines of the docs


class Block(NamedTuple):
    """A block of a page that is run: its first line of content and the line behind its last, counted from 0."""

    kind: str  # console, python, pycon, file
    title: str
    start: int
    end: int
    indent: int


class Fault(NamedTuple):
    """Something that did not do what the page says, at a line counted from 1; `got` may replace lines[start:end]."""

    line: int
    command: str
    want: str
    got: str
    start: int = 0
    end: int = 0

    def __str__(self) -> str:
        return f"line {self.line}: {self.command}\n  expected:\n{_shifted(self.want)}\n  printed:\n{_shifted(self.got)}"


def pages() -> list[Path]:
    """The pages whose commands are run, in the order of their names."""
    return [ROOT / "README.md", *sorted(page for folder in FOLDERS for page in (ROOT / "docs" / folder).glob("*.md"))]


def blocks(lines: list[str]) -> list[Block]:
    """What of a page is run, from top to bottom. Raises ValueError if a block has no end."""
    found: list[Block] = []
    skip, number = False, 0
    while number < len(lines):
        line = lines[number]
        hidden, fence = HIDDEN.match(line.strip()), FENCE.match(line)
        if hidden and hidden[1] == "run":
            found.append(Block("hidden", hidden[2], number, number + 1, 0))
        elif fence or line.lstrip().startswith("```"):
            end = next((n for n in range(number + 1, len(lines)) if lines[n].strip() == "```"), None)
            if end is None:
                raise ValueError(f"line {number + 1}: a block without an end")
            if fence and not skip and (kind := _kind(fence[2], fence[3])):
                found.append(Block(kind, fence[3] or "", number + 1, end, len(fence[1])))
            number = end
        skip = bool(hidden and hidden[1] == "not run")
        number += 1
    return found


def run(page: Path) -> list[Fault]:
    """Run a page in a fresh temporary folder; what did not do as it says."""
    lines = page.read_text(encoding="utf-8").splitlines()
    todo = blocks(lines)
    faults: list[Fault] = []
    code = any(block.kind in ("python", "pycon") for block in todo)
    with tempfile.TemporaryDirectory() as name, _shell(Path(name)) as shell, _python(Path(name), code) as python:
        for block in todo:
            content = [line[block.indent :] for line in lines[block.start : block.end]]
            if block.kind == "file":
                _write(Path(name), block.title, content)
            elif block.kind == "hidden":
                faults += _ended_well(shell, block.title, block.start)
            elif block.kind == "console":
                faults += _console(shell, content, block.start)
            elif python:
                python.send((block.kind, "\n".join(content) + "\n"))
                if not python.poll(COMMAND_S):
                    raise RuntimeError(f"{COMMAND_S} s were over in the block at line {block.start}")
                faults += [fault._replace(line=fault.line + block.start) for fault in python.recv()]
    return faults


def rewritten(lines: list[str], faults: list[Fault]) -> list[str]:
    """The page with what was printed in place of what was expected."""
    page = list(lines)
    for fault in sorted(faults, key=lambda fault: -fault.start):
        if fault.end:
            page[fault.start : fault.end] = fault.got.rstrip("\n").splitlines()
    return page


def missing(page: Path) -> list[str]:
    """The paths that a page says it needs and that are not there."""
    lines = page.read_text(encoding="utf-8").splitlines()
    needed = [hidden[2] for line in lines if (hidden := HIDDEN.match(line.strip())) and hidden[1] == "needs"]
    return [path for path in needed if not (ROOT / path).exists()]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.tutorials", description="Run the tutorials' commands.")
    parser.add_argument("page", nargs="*", type=Path, help="pages; all if none is given")
    parser.add_argument("--write", action="store_true", help="put what was printed into the pages where it differs")
    chosen = parser.parse_args(arguments)
    wrong = 0
    for page in [page.resolve() for page in chosen.page] or pages():
        name, begun = page.relative_to(ROOT), time.monotonic()
        if lacking := missing(page):
            print(f"{name}: skipped, there is no {', '.join(lacking)}", flush=True)
            wrong += os.environ.get("EXEMPLUM_NEEDS_DATA") == "1"
            continue
        lines = page.read_text(encoding="utf-8").splitlines()
        if not blocks(lines):
            continue
        faults = run(page)
        print(f"{name}: {len(faults) or 'no'} differences, {time.monotonic() - begun:.0f} s", flush=True)
        for fault in faults:
            print(fault, flush=True)
        if chosen.write and faults:
            page.write_text("\n".join(rewritten(lines, faults)) + "\n", encoding="utf-8")
        wrong += len(faults)
    return bool(wrong)


class Shell:
    """One bash, which is given commands and says what each printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, command: str) -> tuple[str, int]:
        """What a command printed, and its exit status. Raises RuntimeError if the shell ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\nprintf '\\n%s %s\\n' {MARK} $?\n")
        self._process.stdin.flush()
        printed: list[str] = []
        hung = threading.Timer(COMMAND_S, os.killpg, (self._process.pid, signal.SIGKILL))
        hung.start()
        try:
            for line in self._process.stdout:
                if line.startswith(MARK):
                    return "".join(printed).removesuffix("\n"), int(line.split()[1])
                printed.append(line)
        finally:
            hung.cancel()
        raise RuntimeError(f"the shell ended, or {COMMAND_S} s were over, at: {command}")


@contextmanager
def _shell(folder: Path) -> Iterator[Shell]:
    """A bash in a folder, in a session of its own, which ends with all that it started."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "COLUMNS": COLUMNS, "NO_COLOR": "1", "TERM": "dumb", "REPOSITORY": str(ROOT)}
    process = subprocess.Popen(
        ["bash", "--noprofile", "--norc"], cwd=folder, text=True, env=os.environ | own, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield Shell(process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextmanager
def _python(folder: Path, needed: bool) -> Iterator[Connection | None]:
    """A Python process with one namespace, in a folder; it is sent (kind, source) and answers with faults."""
    if not needed:
        yield None
        return
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_session, args=(there, folder))  # no daemon, which could have no workers
    process.start()
    there.close()  # or the end of the process would not be seen here
    try:
        yield here
    finally:
        process.kill()
        process.join()


def _session(asked: Connection, folder: Path) -> None:
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    names: dict[str, Any] = {"__name__": "__main__"}
    while True:
        kind, source = asked.recv()
        asked.send(_doctested(source, names) if kind == "pycon" else _executed(source, names))


class Checker(doctest.OutputChecker):
    """Compares as doctest does, and a no-break space is white space too."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        plain, printed = (text.replace("\N{NO-BREAK SPACE}", " ") for text in (want, got))
        return super().check_output(plain, printed, optionflags)


class _Collector(doctest.DocTestRunner):
    """Keeps what failed instead of printing it."""

    def __init__(self) -> None:
        super().__init__(checker=Checker(), optionflags=FLAGS, verbose=False)
        self.faults: list[Fault] = []

    def _keep(self, example: doctest.Example, got: str) -> None:
        self.faults.append(Fault(example.lineno + 1, example.source.strip(), example.want, got))

    def report_start(self, *_: Any) -> None:
        pass

    def report_success(self, *_: Any) -> None:
        pass

    def report_failure(self, *reported: Any) -> None:
        _, _, example, got = reported
        self._keep(example, got)

    def report_unexpected_exception(self, *reported: Any) -> None:
        _, _, example, (kind, error, _) = reported
        self._keep(example, f"{kind.__name__}: {error}\n")


def _doctested(source: str, names: dict[str, Any]) -> list[Fault]:
    collector = _Collector()
    test = doctest.DocTestParser().get_doctest(source, names, "page", None, 0)
    collector.run(test, out=lambda _: None, clear_globs=False)
    names.update(test.globs)
    return collector.faults


def _executed(source: str, names: dict[str, Any]) -> list[Fault]:
    try:
        exec(compile(source, "<page>", "exec"), names)
    except Exception as error:
        lines = [frame.lineno or 1 for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<page>"]
        line = lines[-1] if lines else getattr(error, "lineno", None) or 1
        command = source.splitlines()[line - 1].strip()
        return [Fault(line, command, "no error", f"{type(error).__name__}: {error}")]
    return []


def _kind(language: str, title: str | None) -> str | None:
    if title:
        return "file"
    return language if language in ("console", "python", "pycon") else None


def _write(folder: Path, title: str, content: list[str]) -> None:
    file = folder / title.removesuffix(APPENDED)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a" if title.endswith(APPENDED) else "w", encoding="utf-8") as opened:
        opened.write("\n".join(content) + "\n")


def _console(shell: Shell, content: list[str], start: int) -> Iterator[Fault]:
    """Run the commands of a block, whose first line is line `start` of the page."""
    number = 0
    while number < len(content):
        if not content[number].startswith("$ "):
            yield Fault(start + number + 1, content[number], "a command after `$ `", "")
            return
        first, command = number, content[number][2:]
        number += 1
        while number < len(content) and content[number].startswith("> "):
            command += "\n" + content[number][2:]
            number += 1
        end = next((n for n in range(number, len(content)) if content[n].startswith("$ ")), len(content))
        yield from _compared(shell, command, content[number:end], start + first, (start + number, start + end))
        number = end


def _compared(shell: Shell, command: str, want: list[str], line: int, place: tuple[int, int]) -> Iterator[Fault]:
    if command.endswith(" &"):
        command = f"{command[:-2]} > /dev/null 2>&1 &"
    got, status = shell.run(command)
    got = WAITING.sub("", got)
    wanted = "\n".join(want).strip()
    if status:
        yield Fault(line + 1, command, "exit status 0", f"{got}\nexit status {status}")
    elif wanted and not Checker().check_output(f"{wanted}\n", f"{got.strip()}\n", FLAGS):
        yield Fault(line + 1, command, wanted, got.strip(), *place)


def _ended_well(shell: Shell, command: str, line: int) -> Iterator[Fault]:
    got, status = shell.run(command)
    if status:
        yield Fault(line + 1, command, "exit status 0", f"{got}\nexit status {status}")


def _shifted(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.strip().splitlines())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
