"""Decoding in worker processes."""

import os
import signal
import subprocess
import sys
import time

import pytest

STALLED = """
import multiprocessing, time
import numpy as np
from exemplum import images, models
from exemplum.index.activations import Measurer
model = models.load("embedded", input_size=48)
corpus = images.open_corpus("embedded")
for _ in Measurer(model, ["mixed3a"], "before", "channel").corpus(corpus, np.arange(400), 32, workers=1):
    print(multiprocessing.active_children()[0].pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.slow  # waits for processes to end
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
def test_workers_end_when_their_parent_is_killed():
    with subprocess.Popen([sys.executable, "-c", STALLED], stdout=subprocess.PIPE, text=True) as process:
        worker = int(process.stdout.readline())
        time.sleep(1)  # by now it waits to be rid of its next batches
        os.kill(worker, 0)
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while os.path.exists(f"/proc/{worker}"):
        assert time.monotonic() < deadline, "the worker outlived its parent"
        time.sleep(0.05)
