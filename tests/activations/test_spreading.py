"""The index measured by a Ray cluster. Oracle: the same index by one process."""

import os
import signal

import pandas as pd
import pytest
import torch

from exemplum.activations import build
from exemplum.cluster import Cluster
from exemplum.errors import UserError
from exemplum.images import ImageRecord

ARGUMENTS = {"layers": ["mixed3a", "mixed4b"], "keep": 10, "batch": 8, "shard": 8}


@pytest.fixture(scope="module")
def cluster():
    """Two workers on this machine."""
    ray = pytest.importorskip("ray")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200_000_000)
    yield Cluster("auto")
    ray.shutdown()


@pytest.fixture
def one_thread():
    """As the workers have."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_worker_killed_at_work_is_replaced_and_the_tables_are_those_of_one_process(
    cluster, model, corpus, one_thread, tmp_path
):
    marks = tmp_path

    class Deadly:
        """The corpus; whoever decodes row 20 or 43 for the first time is killed by SIGKILL."""

        name, fingerprint = corpus.name, corpus.fingerprint

        def __len__(self) -> int:
            return len(corpus)

        def record(self, row: int) -> ImageRecord:
            return corpus.record(row)

        def decode(self, row: int):
            mark = marks / str(row)
            if row in (20, 43) and not mark.exists():
                mark.write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            return corpus.decode(row)

    alone = build(model, corpus, workers=0, **ARGUMENTS)
    spread = build(model, Deadly(), cluster=cluster, **ARGUMENTS)
    killed = {int((marks / row).read_text()) for row in ("20", "43")}
    assert len(killed) == 2
    assert os.getpid() not in killed
    pd.testing.assert_frame_equal(spread.units, alone.units, check_exact=True)
    pd.testing.assert_frame_equal(spread.extremes, alone.extremes, check_exact=True)
    assert (spread.units["count"] == len(corpus)).all()


def test_an_error_in_a_worker_comes_as_it_is(cluster, model, corpus):
    def load():
        raise UserError("the images are not there")

    with pytest.raises(UserError, match=r"^the images are not there$"):
        list(cluster.spread(load, [1, 2]))


def test_a_task_that_kills_every_worker_is_given_up(cluster):
    def work(task):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(UserError, match="task 0 took 3 workers with it"):
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
