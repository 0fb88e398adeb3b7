"""The index measured by a Ray cluster. Oracle: the same index by one process."""

import os
import signal

import pandas as pd
import pytest
import torch

from exemplum.images import ImageRecord
from exemplum.index import build_index

ARGUMENTS = {"layers": ["mixed3a", "mixed4b"], "keep": 10, "batch": 8, "shard": 8}


@pytest.fixture
def one_thread():
    """As the workers have."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_changes_no_table(cluster, model, corpus, one_thread, tmp_path):
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

    alone = build_index(model, corpus, workers=0, **ARGUMENTS)
    spread = build_index(model, Deadly(), cluster=cluster, **ARGUMENTS)
    killed = {int((marks / row).read_text()) for row in ("20", "43")}
    assert len(killed) == 2
    assert os.getpid() not in killed
    pd.testing.assert_frame_equal(spread.units, alone.units, check_exact=True)
    pd.testing.assert_frame_equal(spread.extremes, alone.extremes, check_exact=True)
    assert (spread.units["count"] == len(corpus)).all()
