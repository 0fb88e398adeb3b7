"""The real pages in Chromium against the real server on a port of this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import httpx
import pandas as pd
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, expect

from browsing import launched
from building import alone, build_hook
from design.made import stimuli, units
from exemplum import design as designs
from exemplum.design.stage import save
from exemplum.server import Experiment, Settings, create_app
from exemplum.server.http.middleware import TimedHttpProtocol
from exemplum.study.folder import Study
from server import made
from server.walk import Walker

ROOT = Path(__file__).resolve().parents[3]
TINY = {"practice": 1, "blocks": 1, "catch": 1, "repeated": 1}
PLACES = 2  # participants in the design
WINDOW = {"width": 1280, "height": 720}
# Feedback in a fifth of its time, for tests of many trials: window.pace is set by the test
PACED = """window.pace = 0.2; const wait = setTimeout;
window.setTimeout = (call, ms, ...rest) => wait(call, ms >= 500 && ms <= 1500 ? window.pace * ms : ms, ...rest);"""


@dataclass
class Host:
    """A server that can be stopped and started again at the same address."""

    folder: Path
    settings: dict[str, object]
    experiment: Experiment
    port: int = 0  # any free one, and that one again
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        app = create_app(self.experiment)
        self._server = uvicorn.Server(
            uvicorn.Config(app, port=self.port, log_level="warning", log_config=None, http=TimedHttpProtocol)
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), f"the server did not start at port {self.port}"
            time.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def restart(self) -> None:
        self.experiment = Experiment.open(Settings(self.folder, **self.settings))
        self.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


expect.set_options(timeout=20_000)  # a commit waits for the disk, which a busy machine may keep waiting


@pytest.fixture(scope="session")
def hook() -> ModuleType:
    """hatch_build.py of the checkout."""
    return build_hook()


@pytest.fixture(scope="session")
def pages(hook: ModuleType) -> None:
    """The pages as built from the sources of this checkout."""
    with alone():
        hook.build(ROOT)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """One participant's browser: storage of its own, English."""
    made = chromium.new_context(viewport=WINDOW, locale="en-GB")
    made.set_default_timeout(10_000)
    yield made
    made.close()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Studies whose whole session has a handful of trials, each made once: `tiny(main=2)`."""
    known: dict[tuple[object, ...], Path] = {}

    def base(main: int, protocol: str, sizes: tuple[tuple[str, int], ...]) -> Path:
        key = (main, protocol, sizes)
        if key not in known:
            known[key] = tiny_study(tmp_path_factory.mktemp("tiny") / "study", main, protocol, dict(sizes))
        return known[key]

    return base


@pytest.fixture
def host(pages: None, tiny: Callable[..., Path], tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """`host(main=2, toml="", lab=True)`: a running server of a tiny study with so many main units, or of `base`."""
    hosts: list[Host] = []

    def run(
        main: int = 2, toml: str = "", protocol: str = "borowski2021-1", sizes: dict[str, int] | None = None,
        base: Path | None = None, name: str = "", **settings: object,
    ) -> Host:  # fmt: skip
        small = base or tiny(main, protocol, tuple((TINY | (sizes or {})).items()))
        folder = made.like(small, tmp_path / (name or f"study{len(hosts)}"), toml).folder
        each = Host(folder, settings, Experiment.open(Settings(folder, **settings)))
        each.start()
        hosts.append(each)
        return each

    yield run
    for each in hosts:
        each.stop()


def tiny_study(folder: Path, main: int, protocol: str, sizes: dict[str, int]) -> Path:
    folder.mkdir()
    if protocol == "borowski2021-2":
        of = units(main, 3, sets=("a", "b", "c", "d"), easy_sets=("e", "f", "g"))
        table = stimuli(of, batches=4, references=(1, 9))
    else:
        of = units(main, 9)
        table = stimuli(of, batches=4, references=(9,))
    return saved_study(folder, protocol, of, table, PLACES, **sizes)


def saved_study(
    folder: Path, protocol: str, of: pd.DataFrame, table: pd.DataFrame, participants: int, **sizes: int
) -> Path:
    """A study folder with the design of these units and stimuli, and with their pictures."""
    design = designs.make(protocol, of, table, participants, 7, **sizes)
    said = "\n".join(f"{name} = {value}" for name, value in sizes.items())
    head = f'[design]\nprotocol = "{protocol}"\nparticipants = {participants}\n{said}\n'
    (folder / "study.toml").write_text(head, encoding="utf-8")
    save(Study.open(folder), design)
    for path in {path for t in design.trials for path in (*t.references, t.query_max, t.query_min)}:
        made.picture(folder / path, side=64)
    return folder


@pytest.fixture
def at_block(host: Callable[..., Host], context: BrowserContext) -> Callable[..., tuple[Host, Walker]]:
    """`at_block(main=2, number=5)`: a server, and this browser in the middle of a session, where that block begins."""

    def go(number: int = 5, **asked: object) -> tuple[Host, Walker]:
        running = host(**asked)
        return running, walked(running, context, lambda step: step["kind"] == "block" and step["number"] == number)

    return go


def walked(running: Host, context: BrowserContext, until: Callable[[dict], bool]) -> Walker:
    """A session that is at the first step for which `until` holds, and belongs to this browser."""
    with httpx.Client(base_url=running.url) as http:
        walker = Walker(http)
        walker.start()
        walker.walk(until=until)
    kept = json.dumps({"key": walker.key, "token": walker.token, "link": "", "participant": ""})
    place = "'exemplum.session'"
    context.add_init_script(f"localStorage.getItem({place}) ?? localStorage.setItem({place}, {kept!r})")
    return walker
