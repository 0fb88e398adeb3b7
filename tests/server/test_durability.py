"""An acknowledged answer is on disk, once: whatever happens to the server, the connection or the disk."""

import asyncio
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import func, select, text

from exemplum.errors import STOPPED
from exemplum.server.storage.database import Database, sqlite_url
from exemplum.server.storage.group_commit import GroupWriter
from exemplum.server.storage.schema import Answer, SessionRow, TrialRow
from exemplum.tables import RESPONSES
from server.conftest import ON_SQLITE, connected, stop
from server.process import Server
from server.walk import Walker

PEOPLE = 6
PATIENCE_S = 120  # a test that takes longer has hung
ENDED = (0, -signal.SIGTERM)  # uvicorn shuts down in good order, then lets the signal end the process


class Persistent:
    """An HTTP client that sends again what got no answer, as the pages do."""

    def __init__(self, url):
        self.client = httpx.Client(base_url=url, timeout=15)
        self.acknowledged = {}  # trial → (choice, key)

    def get(self, path, **more):
        return self._until_answered("GET", path, **more)

    def post(self, path, **more):
        response = self._until_answered("POST", path, **more)
        if path == "/api/answers" and response.status_code == 200:
            self.acknowledged[more["json"]["trial"]] = (more["json"]["choice"], more["json"]["key"])
        return response

    def _until_answered(self, method, path, **more):
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE_S:
            try:
                response = self.client.request(method, path, **more)
                if response.status_code < 500:
                    return response
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise TimeoutError(f"{method} {path} had no answer in {PATIENCE_S} s")


class Crowd:
    """Participants who go through their sessions as fast as they can, each in a thread."""

    def __init__(self, url, people=PEOPLE):
        self.walkers = [Walker(Persistent(url)) for _ in range(people)]
        self.pool = ThreadPoolExecutor(people)
        self.ends = [self.pool.submit(self._go, walker) for walker in self.walkers]

    @property
    def acknowledged(self):
        return {trial: told for walker in self.walkers for trial, told in dict(walker.http.acknowledged).items()}

    def wait_for(self, answers):
        """Until so many answers have been acknowledged."""
        began = time.monotonic()
        while len(self.acknowledged) < answers:
            assert time.monotonic() - began < PATIENCE_S, "the crowd answers no more"
            assert not any(end.done() and end.exception() for end in self.ends), [end.exception() for end in self.ends]
            time.sleep(0.005)

    def outcomes(self):
        return [end.result(PATIENCE_S)["outcome"] for end in self.ends]

    def _go(self, walker):
        assert walker.start().status_code == 201
        return walker.walk()


def stored(url):
    with connected(url) as connection:
        return connection.execute(
            select(TrialRow.key, Answer.choice, Answer.key).join(Answer, Answer.trial_id == TrialRow.id)
        ).all()


@pytest.fixture
def where(database, study_folder):
    """A study, and the address of its database as others see it."""
    folder = study_folder("")
    return folder, database or sqlite_url(folder / "server" / "experiment.sqlite")


def test_after_kill_9_acknowledged_answers_are_the_rows(where, database):
    folder, url = where
    with Server(folder, database) as server:
        crowd = Crowd(server.url)
        for answers in (20, 50):
            crowd.wait_for(answers)
            server.kill()
            server.start()
        assert crowd.outcomes() == ["completed"] * PEOPLE
    rows = stored(url)
    assert {trial: (choice, key) for trial, choice, key in rows} == crowd.acknowledged
    assert len(rows) == len(crowd.acknowledged)


@ON_SQLITE
def test_told_to_stop_it_answers_what_it_has_and_ends_well(where, database):
    folder, url = where
    with Server(folder, database) as server:
        crowd = Crowd(server.url, people=3)
        crowd.wait_for(5)
        assert server.stop() in ENDED
        told = {key for _, key in crowd.acknowledged.values()}
        assert told <= {key for _, _, key in stored(url)}
        server.start()
        assert crowd.outcomes() == ["completed"] * 3
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.02)  # two signals at once would be one, or come in another order
        server.process.send_signal(signal.SIGINT)
        assert server.stop() in ENDED
    people = RESPONSES.read(folder / "responses" / "people.parquet")
    assert len(people) == len(crowd.acknowledged)
    said = (folder / "server.log").read_text().splitlines()
    assert "Traceback" not in "".join(said)
    assert [line for line in said if line[:1] != "{"][-1] == STOPPED


@ON_SQLITE  # PostgreSQL's disk is not ours to fill
def test_a_full_disk_is_told_and_spoils_no_earlier_answer(serve):
    client = serve()
    early = Walker(client)
    early.start()
    assert early.walk()["outcome"] == "completed"
    stop(client)
    folder = client.experiment.study.folder
    file = folder / "server" / "experiment.sqlite"
    before = len(stored(sqlite_url(file)))
    full = Server(folder, most_bytes=file.stat().st_size + 24 * 4096)
    acknowledged = []
    with full, httpx.Client(base_url=full.url, timeout=60) as http:
        for _ in range(60):
            walker = Walker(http)
            refused = walker.start()
            if refused.status_code == 503:
                break
            acknowledged.append(walker.token)
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "storage_full"
    assert "disk is full" in refused.json()["error"]["message"]
    assert len(stored(sqlite_url(file))) == before
    walker.http = serve(folder=folder)  # room again: it goes on, with all that was acknowledged
    assert walker.start().status_code == 201
    for token in acknowledged:
        walker.token = token
        assert walker.step()["kind"] == "consent"


def test_a_response_lost_after_the_commit_comes_on_sending_again(serve):
    walker = Walker(serve())
    walker.start()
    block = walker.walk(until=lambda step: step["kind"] == "block")
    trial, key = block["trials"][0]["trial"], str(uuid.uuid4())
    walker.answer(trial, "bottom", key=key)  # its response never arrives
    again = walker.answer(trial, "bottom", key=key, attempt=2)
    assert again.status_code == 200
    assert again.json()["choice"] == "bottom"
    with walker.http.experiment.database.read() as orm:
        assert orm.scalar(select(func.count()).select_from(Answer)) == 1


def test_an_answer_is_visible_before_it_is_acknowledged(serve):
    """Commit comes first: a reader of its own connection sees every acknowledged answer."""
    walker = Walker(serve())
    walker.start()
    block = walker.walk(until=lambda step: step["kind"] == "block")
    other = Database(walker.http.experiment.database.url)
    for n, trial in enumerate(block["trials"], 1):
        walker.answer(trial["trial"])
        with other.read() as orm:
            assert orm.scalar(select(func.count()).select_from(Answer)) == n
    other.close()


def test_one_job_that_fails_spoils_no_other_of_its_transaction(serve):
    client = serve()
    walker = Walker(client)
    walker.start()

    def good(orm):
        row = orm.scalar(select(SessionRow))
        row.language = "de"
        return row.language

    def bad(orm):
        orm.scalar(select(SessionRow)).code = "must not stay"
        orm.flush()
        raise ValueError("no")

    async def together(writer: GroupWriter):
        return await asyncio.gather(*(writer.submit(job) for job in (bad, good, bad)), return_exceptions=True)

    outcomes = asyncio.run(together(client.experiment.database.writer))
    assert [type(outcome) for outcome in outcomes] == [ValueError, str, ValueError]
    with client.experiment.database.read() as orm:
        row = orm.scalar(select(SessionRow))
        assert (row.language, row.code) == ("de", "")


def test_answers_go_before_the_crowd_at_the_door(serve):
    """Jobs that take long, queued first, do not keep an answer waiting until all of them are done."""
    order = []

    def slow(orm):
        time.sleep(0.03)
        order.append("start")

    async def together(writer: GroupWriter):
        starts = [asyncio.create_task(writer.submit(slow)) for _ in range(20)]
        await asyncio.sleep(0.01)
        await writer.submit(lambda _orm: order.append("answer"), urgent=True)
        await asyncio.gather(*starts)

    asyncio.run(together(serve().experiment.database.writer))
    assert order.index("answer") <= 3
    assert order.count("start") == 20


@ON_SQLITE
def test_nobody_waiting_for_a_job_stops_no_other(serve):
    """The waiting task is cancelled while its job runs, and the next job still gets its result."""
    writer = serve().experiment.database.writer

    async def leave() -> str:
        waiting = asyncio.create_task(writer.submit(lambda _orm: time.sleep(0.1)))
        await asyncio.sleep(0.02)
        waiting.cancel()
        return await asyncio.wait_for(writer.submit(lambda _orm: "done"), PATIENCE_S)

    assert asyncio.run(leave()) == "done"


@pytest.mark.parametrize("text", ["\x00", "a\x00b"])
def test_an_unstorable_text_spoils_no_other_job(serve, text):
    client = serve()
    refused = Walker(client, participant=text).start()
    assert refused.status_code in (201, 400)  # SQLite stores it, PostgreSQL cannot
    assert Walker(client, participant="plain").start().status_code == 201


def test_the_database_is_told_to_wait_for_the_disk(serve, database):
    experiment = serve().experiment
    with experiment.database.read() as orm:
        if database:
            assert orm.scalar(text("SHOW synchronous_commit")) == "on"
        else:
            assert orm.scalar(text("PRAGMA journal_mode")) == "wal"
            assert orm.scalar(text("PRAGMA synchronous")) == 2  # FULL
