"""How many images fit: proportional to the free memory, up to what keeps the machine busy."""

from types import SimpleNamespace

import psutil
import pytest
import torch

from exemplum.explanations.synthetic import recipe, scheduler
from exemplum.explanations.synthetic.optimization import Cohort, Job
from exemplum.records import Pole, Unit

CPU = torch.device("cpu")


def cohort(size: int, name: str = "borowski2021", **changes) -> Cohort:
    chosen = recipe(name).at(size).with_(images=1, **changes)
    return Cohort([Job(Unit("mixed3b", 8), Pole.MAX, chosen, 0)], 3, 0, CPU)


def fitting(monkeypatch, reader, of: Cohort, free: float) -> int:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    return scheduler.images(reader, of)


def bytes_per_image(monkeypatch, reader, of: Cohort) -> float:
    """From how many fit into a memory that is never full."""
    with monkeypatch.context() as limitless:
        limitless.setitem(scheduler.MOST, "cpu", 10**15)
        return scheduler.SHARE * 1e15 / fitting(limitless, reader, of, 1e15)


def test_a_batch_is_as_large_as_half_of_the_free_memory(monkeypatch, model):
    reader = model.reader(["mixed3b"])
    one = bytes_per_image(monkeypatch, reader, cohort(48))
    assert fitting(monkeypatch, reader, cohort(48), 10.5 * one / scheduler.SHARE) == 10
    assert fitting(monkeypatch, reader, cohort(48), 20.5 * one / scheduler.SHARE) == 20
    assert fitting(monkeypatch, reader, cohort(48), 1e15) == scheduler.MOST["cpu"]
    assert fitting(monkeypatch, reader, cohort(48), 1) == 1  # it is tried all the same


def test_memory_grows_with_the_image_and_with_the_precision(monkeypatch, model):
    small, large = (bytes_per_image(monkeypatch, model.reader(["mixed3b"]), cohort(size)) for size in (48, 96))
    assert large / small == pytest.approx(4, rel=0.15)
    half = bytes_per_image(monkeypatch, model.reader(["mixed3b"], dtype=torch.bfloat16), cohort(96))
    assert 0.35 < half / large < 0.9  # numbers and canvas stay in float32, places of maxima take less


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_kept_for_the_gradient_is_what_torch_takes(monkeypatch, model, dtype):
    # oracle: torch's own account of memory taken and not given back by a forward pass
    reader, one = model.reader(["mixed3b"], dtype=dtype), cohort(96)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        maps = reader(one.inputs(one.numbers))
    taken = sum(event.self_cpu_memory_usage for event in profile.key_averages())
    assert maps["mixed3b"].requires_grad
    held = (bytes_per_image(monkeypatch, reader, one) - 4 * one.numbers.nbytes) / 2
    assert held == pytest.approx(taken, rel=0.25)


def test_an_image_seen_in_many_crops_counts_as_many(monkeypatch, model):
    reader = model.reader(["mixed3b"])
    assert fitting(monkeypatch, reader, cohort(32, "maco", zoom=1.0), 1e15) == scheduler.MOST["cpu"] // 32
