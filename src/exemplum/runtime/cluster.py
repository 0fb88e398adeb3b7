"""Work spread over a Ray cluster: workers that load once what their tasks need, results in order, the dead replaced."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from exemplum.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")

DEATHS = 3  # of workers at one task, after which it is given up
AHEAD = 2  # tasks begun for each worker before the result due next is there: they wait in memory
LOOK_S = 5.0  # how often at least to look for machines that have joined or left


class Cluster:
    """A Ray cluster. A worker has one GPU with its share of the cores, or where there is no GPU one core."""

    def __init__(self, address: str) -> None:
        """Join the cluster at `address` (HOST:PORT, or auto: the one that this machine is part of), or start one here
        (local). Raises UserError if Ray is not installed or there is no cluster.
        """
        try:
            import ray
        except ImportError as error:
            raise UserError("--ray needs Ray: pip install 'exemplum[ray]'") from error
        self.ray: Any = ray
        if ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster started here tells nobody of it
        alone: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
        try:
            _knock(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING, **alone)
        except (OSError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"no Ray cluster at {address}: {reason}; start one with `ray start --head` (docs/scaling.md), "
                "or use --ray local"
            ) from error

    @property
    def workers(self) -> int:
        """How many the cluster has room for now."""
        return _room(self.ray.cluster_resources())[0]

    @property
    def has_gpus(self) -> bool:
        return bool(self.ray.cluster_resources().get("GPU"))

    def spread(self, load: Callable[[], Callable[[Task], Result]], tasks: Sequence[Task]) -> Iterator[Result]:
        """The results of tasks, in the order of the tasks. Each worker calls `load` once, and what it gives for tasks.

        A task whose worker or machine dies is done by another. Raises what a task raises, and UserError if it takes
        three workers with it.
        """
        crew = _Crew(self.ray, self.ray.put(load))
        left, results, deaths = deque(range(len(tasks))), dict[int, Result](), Counter[int]()
        try:
            for due in range(len(tasks)):
                while due not in results:
                    while left and left[0] < due + AHEAD * crew.size and crew.idle:
                        crew.give(number := left.popleft(), tasks[number])
                    for number, result in crew.finished():
                        if isinstance(result, _Died):
                            deaths[number] += 1
                            if deaths[number] == DEATHS:
                                raise UserError(f"task {number} took {DEATHS} workers with it: {result.reason}")
                            left.appendleft(number)
                        else:
                            results[number] = result
                yield results.pop(due)
        finally:
            crew.dismiss()


class _Died:
    """Instead of a result."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class _Crew:
    """The workers of one `spread`: as many as the cluster has room for, those ready and those at work."""

    def __init__(self, ray: Any, load: Any) -> None:
        self.ray, self.load = ray, load
        self.idle: list[Any] = []
        self.busy: dict[
            Any, tuple[Any, int | None]
        ] = {}  # what is waited for: the worker, its task (None: getting ready)
        self.unready = 0  # workers in a row that died before they were ready
        self.hire()

    @property
    def size(self) -> int:
        return len(self.idle) + len(self.busy)

    def hire(self) -> None:
        """Bring the crew to the size that the cluster has room for now."""
        workers, options = _room(self.ray.cluster_resources())
        actor = self.ray.remote(**options)(_Worker)
        for _ in range(workers - self.size):
            worker = actor.remote(self.load)
            self.busy[worker.ready.remote()] = (worker, None)

    def give(self, number: int, task: Any) -> None:
        worker = self.idle.pop()
        self.busy[worker.do.remote(task)] = (worker, number)

    def finished(self) -> Iterator[tuple[int, Any]]:
        """Wait for something to happen; tasks that ended, with their result or _Died."""
        if not self.busy:
            time.sleep(LOOK_S)  # all machines have left; others may come
        ended = self.ray.wait(list(self.busy), timeout=LOOK_S)[0] if self.busy else []
        for reference in ended:
            worker, number = self.busy.pop(reference)
            try:
                result = self.ray.get(reference)
            except self.ray.exceptions.RayTaskError as error:
                raise error.cause from None  # the task's own error, as it would be without Ray
            except self.ray.exceptions.RayError as error:  # the worker or its machine is gone, or its result
                self._bury(worker, number, error)
                if number is not None:
                    yield number, _Died(" ".join(str(error).split()))
                continue
            self.idle.append(worker)
            if number is not None:
                yield number, result
        self.hire()

    def _bury(self, worker: Any, number: int | None, error: Exception) -> None:
        self.ray.kill(worker)
        self.unready = self.unready + 1 if number is None else 0
        if self.unready == DEATHS:
            raise UserError(f"workers of the Ray cluster die before they are ready: {' '.join(str(error).split())}")

    def dismiss(self) -> None:
        for worker in (*self.idle, *(worker for worker, _ in self.busy.values())):
            self.ray.kill(worker)


class _Worker:
    def __init__(self, load: Callable[[], Callable[[Any], Any]]) -> None:
        self.load = load

    def ready(self) -> None:
        """Returns once the worker has loaded what it needs; here, so that an error in it comes as it is."""
        self.work = self.load()

    def do(self, task: Any) -> Any:
        return self.work(task)


def _knock(address: str) -> None:
    """Raise OSError if nobody listens at HOST:PORT, which Ray would find out after minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=5).close()


def _room(resources: dict[str, float]) -> tuple[int, dict[str, float]]:
    """How many workers the cluster has room for, and what each is given."""
    cores, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    if gpus:
        return gpus, {"num_gpus": 1, "num_cpus": max(1, cores // gpus)}
    return cores, {"num_cpus": 1}
