"""People as programs, cheap enough to share two cores with the server: real HTTP over kept-alive connections.

Each has up to six connections, as a browser has, fetches every image of a block before it begins, answers at a steady
pace, and sends again what got no answer, with the same key.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from server.walk import TIMES, usual

CONNECTIONS = 6
PATIENCE_S = 30.0


@dataclass
class Tally:
    """What was measured; times in ms from sending a request to having its whole response."""

    entering: list[float] = field(default_factory=list)  # answers while others still enter
    steady: list[float] = field(default_factory=list)
    burst: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)  # from the wish to begin to the first step
    loading: list[float] = field(default_factory=list)  # all images of a block
    acknowledged: set[str] = field(default_factory=set)  # keys of trials
    images: int = 0
    sent_again: int = 0
    limited: int = 0  # requests that the rate limits put off


class Line:
    """One connection, opened when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(self, head: bytes, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body. Raises OSError if the connection breaks or the server takes too long."""
        kept = self._streams is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._exchange(head, body)
        except (asyncio.IncompleteReadError, TimeoutError, OSError) as error:
            self.close()
            if kept:  # the server has closed an idle connection: browsers open another and say nothing
                return await self.request(head, body)
            raise OSError(str(error)) from error

    async def _exchange(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        reader, writer = self._streams
        writer.write(b"%b\r\nhost: load\r\ncontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        said = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(said.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
        response = await reader.readexactly(length)
        if b"\r\nconnection: close" in said:
            self.close()
        return int(said[9:12]), response

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Person:
    """One session."""

    def __init__(self, port: int, number: int, tally: Tally) -> None:
        self.number = number
        self.tally = tally
        self.waiting: list[str] = []  # trials of the block that is under way
        self.over = False
        self._lines = [Line(port) for _ in range(CONNECTIONS)]
        self._token = ""

    async def enter(self) -> None:
        """From the first page to the first trial."""
        began = time.perf_counter()
        body = {"key": str(uuid.uuid4()), "params": {"participant": f"load-{self.number}"}}
        begun = await self._json("POST", "/api/sessions", body)
        self.tally.starts.append(_since(began))
        self._token = begun["token"]
        await self._go_on(begun["state"])

    async def refill(self) -> None:
        """Go through what stands between two blocks."""
        if not self.waiting and not self.over:
            await self._go_on(await self._json("GET", "/api/session"))

    async def answer(self, times: list[float]) -> None:
        trial = self.waiting.pop(0)
        body = {
            "trial": trial, "key": str(uuid.uuid4()), "choice": random.choice(("top", "bottom")), "confidence": 2,
            "rt_ms": 2500.0, "shown_at": time.time() * 1000, "frame_ms": 16.7, "input": "simulated",
        }  # fmt: skip
        began = time.perf_counter()
        await self._json("POST", "/api/answers", body)
        times.append(_since(began))
        self.tally.acknowledged.add(trial)

    def leave(self) -> None:
        for line in self._lines:
            line.close()

    async def _go_on(self, state: dict[str, Any]) -> None:
        while True:
            step = state["step"]
            if step["kind"] == "finished":
                self.over = True
                return
            await self._load(_images(step))
            if step["kind"] == "block":
                self.waiting = [trial["trial"] for trial in step["trials"][step["answered"] :]]
                return
            state = (await self._json("POST", f"/api/steps/{step['id']}", TIMES | {"data": usual(step)}))["state"]

    async def _load(self, paths: list[str]) -> None:
        """Every image, over all connections at once."""
        began, queue = time.perf_counter(), paths[::-1]

        async def work(line: Line) -> None:
            while queue:
                head = f"GET /{queue.pop()} HTTP/1.1".encode()
                await self._until_answered(line, head)
                self.tally.images += 1

        await asyncio.gather(*(work(line) for line in self._lines))
        if len(paths) > CONNECTIONS:
            self.tally.loading.append(_since(began))

    async def _json(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        head = f"{method} {path} HTTP/1.1\r\ncontent-type: application/json"
        if self._token:
            head += f"\r\nauthorization: Bearer {self._token}"
        said = await self._until_answered(self._lines[0], head.encode(), json.dumps(body).encode() if body else b"")
        return json.loads(said)

    async def _until_answered(self, line: Line, head: bytes, body: bytes = b"") -> bytes:
        """Send until there is an answer, as the pages do. Raises RuntimeError for one that is final and no success."""
        while True:
            try:
                status, said = await line.request(head, body)
            except OSError:
                self.tally.sent_again += 1
                await asyncio.sleep(random.uniform(0.4, 0.6))
                continue
            if status in (200, 201):
                return said
            if status == 429:
                self.tally.limited += 1
            elif status < 500:
                raise RuntimeError(f"{head.decode().splitlines()[0]}: {status} {said.decode()}")
            self.tally.sent_again += 1
            await asyncio.sleep(1.0)


class Crowd:
    """Many people, each in a task of its own."""

    def __init__(self, port: int, every: float) -> None:
        self.tally = Tally()
        self.people: list[Person] = []
        self._port, self._every = port, every
        self._entering, self._end = 0, float("inf")
        self._work: list[asyncio.Task[None]] = []

    async def come_in(self, people: int, a_second: float) -> None:
        """Let so many enter one after another and begin to answer; returns when all have their first trial."""
        self._entering = people
        for number in range(people):
            self.people.append(Person(self._port, number, self.tally))
            self._work.append(asyncio.create_task(self._take_part(self.people[-1])))
            await asyncio.sleep(1 / a_second)
        while self._entering:
            for task in self._work:
                if task.done():
                    task.result()  # it failed: say so
            await asyncio.sleep(0.05)

    async def end_at(self, moment: float) -> None:
        """Everybody answers until then (time.monotonic); returns when the last answer is acknowledged."""
        self._end = moment
        await asyncio.gather(*self._work)

    async def answer_at_once(self, people: int) -> None:
        ready = [one for one in self.people if not one.over][:people]
        await asyncio.gather(*(one.refill() for one in ready))
        await asyncio.gather(*(one.answer(self.tally.burst) for one in ready))

    def leave(self) -> None:
        for one in self.people:
            one.leave()

    async def _take_part(self, one: Person) -> None:
        await one.enter()
        self._entering -= 1
        await asyncio.sleep(random.uniform(0, self._every))
        while time.monotonic() < self._end and not one.over:
            began = time.monotonic()
            await one.answer(self.tally.entering if self._entering else self.tally.steady)
            await one.refill()
            await asyncio.sleep(max(0.0, self._every - (time.monotonic() - began)))


def _images(step: dict[str, Any]) -> list[str]:
    """What the page loads for a step."""
    match step["kind"]:
        case "block":
            return step["images"]
        case "instructions":
            shown = [example["references"] | {"queries": example["queries"].values()} for example in step["examples"]]
            return [url for of in shown for urls in of.values() for url in urls]
        case "intuitiveness":
            return [url for item in step["items"] for shown in item["pictures"] for url in shown["images"]]
    return []


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
