"""Work spread over a Ray cluster, on two real workers."""

import os
import signal

import pytest

from exemplum.errors import UserError
from exemplum.runtime.cluster import Cluster


def test_an_error_in_a_worker_comes_as_it_is(cluster):
    def load():
        raise UserError("the images are not there")

    with pytest.raises(UserError, match=r"^the images are not there$"):
        list(cluster.spread(load, [1, 2]))


def test_a_task_that_kills_every_worker_is_given_up(cluster):
    def work(task):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(UserError, match="3 workers failed on task 0"):
        list(cluster.spread(lambda: work, [1]))


def test_results_come_in_the_order_of_the_tasks(cluster):
    def work(task):
        import time

        time.sleep(0.2 if task % 3 == 0 else 0.0)
        return task * task

    assert list(cluster.spread(lambda: work, range(10))) == [task * task for task in range(10)]


def test_without_a_cluster_the_error_says_how_to_start_one(monkeypatch):
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(UserError, match=r"no Ray cluster at 127\.0\.0\.1:1: .*refused.*ray start --head"):
        Cluster("127.0.0.1:1")
