"""Pictures made by a Ray cluster. Oracle: the same pictures by one process."""

import os
import signal

import numpy as np
import pytest

from exemplum import store
from exemplum.explanations.synthetic import recipe
from exemplum.explanations.synthetic.diversity import weighted
from exemplum.explanations.synthetic.method import spread
from exemplum.explanations.synthetic.scheduler import Setup, snapshot
from exemplum.records import Pole, Unit

UNITS = [Unit("mixed3b", 8), Unit("mixed3b", 100), Unit("mixed4c", 7)]
POLES = [Pole.MAX, Pole.MIN]


@pytest.mark.slow  # starts a cluster, and a worker again
def test_a_killed_worker_changes_no_picture(cluster, model, tmp_path):
    mark = tmp_path / "killed"

    class Deadly(tuple):
        """Steps of which pictures are kept; who looks at them first when three steps are done is killed by SIGKILL."""

        def __contains__(self, step) -> bool:
            if step == 3 and not mark.exists():
                mark.write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__contains__(step)

    small = recipe("borowski2021").at(48).with_(images=2, steps=9)
    arguments = {"poles": POLES, "recipe": small, "wanted": 0.1, "index": None}
    alone = {
        (made.job.unit, made.job.pole): made
        for made in weighted(
            Setup(model, precision="float32", snapshots=(0, 4), folder=tmp_path / "1"), UNITS, **arguments
        )
    }
    away = Setup(model, precision="float32", snapshots=Deadly((0, 4)), folder=tmp_path / "2")
    spread_out = list(spread(cluster, away, UNITS, **arguments))
    assert mark.exists()
    assert int(mark.read_text()) != os.getpid()
    assert [(made.job.unit, made.job.pole) for made in spread_out] == [(unit, pole) for unit in UNITS for pole in POLES]
    for made in spread_out:
        mine = alone[made.job.unit, made.job.pole]
        assert made.updates == mine.updates
        assert np.abs(made.images.astype(int) - mine.images).mean() < 0.5  # of 255: float noise of another batch
        for position, step in ((0, 0), (1, 4)):
            path = snapshot(tmp_path / "2", made.job.unit, made.job.pole, position, step)
            theirs = store.read_png(snapshot(tmp_path / "1", made.job.unit, made.job.pole, position, step))
            assert np.abs(store.read_png(path).astype(int) - theirs).mean() < 0.5
