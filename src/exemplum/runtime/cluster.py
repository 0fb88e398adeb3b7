"""Distribute tasks over a Ray cluster: workers load once, results come in order, lost workers are replaced."""

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

DEATHS = 3  # workers lost on one task after which the command stops
AHEAD = 2  # tasks per worker that may be started ahead of the next result, since their results wait in memory
LOOK_S = 5.0  # longest time between two checks for machines that have joined or left


class Cluster:
    """A Ray cluster. A worker has one GPU with its share of the cores or, without GPUs, one core."""

    def __init__(self, address: str) -> None:
        """Join the cluster at `address` (HOST:PORT, or auto: the one that this machine belongs to), or start one here
        (local). Raises UserError if Ray is not installed or there is no cluster.
        """
        try:
            import ray
        except ImportError as error:
            raise UserError("a cluster needs Ray: pip install 'exemplum[ray]'") from error
        self.ray: Any = ray
        if ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster started here sends no usage statistics
        alone: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
        try:
            _check_reachable(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING, **alone)
        except (OSError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"no Ray cluster at {address}: {reason}; start one with `ray start --head` (docs/how-to/ray.md), "
                "or give the address local"
            ) from error

    @property
    def workers(self) -> int:
        """The number of workers that the cluster can run at present."""
        return _capacity(self.ray.cluster_resources())[0]

    @property
    def has_gpus(self) -> bool:
        return bool(self.ray.cluster_resources().get("GPU"))

    def spread(self, load: Callable[[], Callable[[Task], Result]], tasks: Sequence[Task]) -> Iterator[Result]:
        """The results of tasks, in their order. Each worker calls `load` once, and the returned function for each task.

        A task whose worker or machine fails is repeated by another worker. Raises what a task raises, and UserError if
        three workers fail on one task.
        """
        pool = _WorkerPool(self.ray, self.ray.put(load))
        left, results, deaths = deque(range(len(tasks))), dict[int, Result](), Counter[int]()
        try:
            for due in range(len(tasks)):
                while due not in results:
                    while left and left[0] < due + AHEAD * pool.size and pool.idle:
                        pool.assign(number := left.popleft(), tasks[number])
                    for number, result in pool.finished():
                        if isinstance(result, _LostWorker):
                            deaths[number] += 1
                            if deaths[number] == DEATHS:
                                raise UserError(f"{DEATHS} workers failed on task {number}: {result.reason}")
                            left.appendleft(number)
                        else:
                            results[number] = result
                yield results.pop(due)
        finally:
            pool.stop()


class _LostWorker:
    """Stands in for the result of a task whose worker failed."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class _WorkerPool:
    """The workers of one `spread`, as many as the cluster can run: idle ones and busy ones."""

    def __init__(self, ray: Any, load: Any) -> None:
        self.ray, self.load = ray, load
        self.idle: list[Any] = []
        self.busy: dict[Any, tuple[Any, int | None]] = {}  # pending result → worker and its task (None: loading)
        self.unready = 0  # consecutive workers that failed before they were ready
        self.fill()

    @property
    def size(self) -> int:
        return len(self.idle) + len(self.busy)

    def fill(self) -> None:
        """Start workers until there are as many as the cluster can run at present."""
        workers, options = _capacity(self.ray.cluster_resources())
        actor = self.ray.remote(**options)(_Worker)
        for _ in range(workers - self.size):
            worker = actor.remote(self.load)
            self.busy[worker.ready.remote()] = (worker, None)

    def assign(self, number: int, task: Any) -> None:
        worker = self.idle.pop()
        self.busy[worker.do.remote(task)] = (worker, number)

    def finished(self) -> Iterator[tuple[int, Any]]:
        """Wait for tasks to end; yields their numbers with their results or _LostWorker."""
        if not self.busy:
            time.sleep(LOOK_S)  # all machines have left; others may join
        ended = self.ray.wait(list(self.busy), timeout=LOOK_S)[0] if self.busy else []
        for reference in ended:
            worker, number = self.busy.pop(reference)
            try:
                result = self.ray.get(reference)
            except self.ray.exceptions.RayTaskError as error:
                raise error.cause from None  # the task's own error, as without Ray
            except self.ray.exceptions.RayError as error:  # the worker, its machine or its result is lost
                self._discard_worker(worker, number, error)
                if number is not None:
                    yield number, _LostWorker(" ".join(str(error).split()))
                continue
            self.idle.append(worker)
            if number is not None:
                yield number, result
        self.fill()

    def _discard_worker(self, worker: Any, number: int | None, error: Exception) -> None:
        self.ray.kill(worker)
        self.unready = self.unready + 1 if number is None else 0
        if self.unready == DEATHS:
            raise UserError(f"the workers of the Ray cluster could not be started: {' '.join(str(error).split())}")

    def stop(self) -> None:
        for worker in (*self.idle, *(worker for worker, _ in self.busy.values())):
            self.ray.kill(worker)


class _Worker:
    def __init__(self, load: Callable[[], Callable[[Any], Any]]) -> None:
        self.load = load

    def ready(self) -> None:
        """Return when the worker has loaded its model; not in __init__, so that an error is raised as it is."""
        self.work = self.load()

    def do(self, task: Any) -> Any:
        return self.work(task)


def _check_reachable(address: str) -> None:
    """Raise OSError if nothing listens at HOST:PORT, which Ray would report only after minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=5).close()


def _capacity(resources: dict[str, float]) -> tuple[int, dict[str, float]]:
    """The number of workers that the cluster can run, and the resources of each."""
    cores, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    if gpus:
        return gpus, {"num_gpus": 1, "num_cpus": max(1, cores // gpus)}
    return cores, {"num_cpus": 1}
