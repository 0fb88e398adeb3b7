"""Synthesis on the embedded network, few steps."""

import numpy as np
import pytest
import torch

from exemplum import models
from exemplum.explanations.synthetic import recipe
from exemplum.explanations.synthetic.jobs import Job
from exemplum.explanations.synthetic.optimize import Batch
from exemplum.records import Pole, Unit

SMALL = recipe("borowski2021").at(40).with_(images=3, steps=11)


def jobs(*channels, pole=Pole.MAX, weight=0.5):
    return [Job(Unit("mixed3b", channel), pole, SMALL, seed=5, diversity=weight) for channel in channels]


@pytest.fixture(scope="module")
def reader(model):
    return model.reader(["mixed3b"])


def finished(batch: Batch) -> np.ndarray:
    while batch.step < batch.recipe.updates:
        batch.update()
    return batch.pictures().astype(float)


def activations(model, images: np.ndarray, channel: int) -> np.ndarray:
    with torch.no_grad():
        maps = model.reader(["mixed3b"])(torch.tensor(images / 255).float().permute(0, 3, 1, 2))["mixed3b"]
    return maps[:, channel].mean((1, 2)).numpy()


def test_pictures_do_what_their_pole_says(model, reader):
    pictures = finished(Batch([*jobs(8), *jobs(8, pole=Pole.MIN)], reader, 3, seed=1))
    grey = np.full((1, 40, 40, 3), 128.0)
    values = activations(model, pictures, 8)
    assert values[:3].min() > activations(model, grey, 8)[0] > values[3:].max()


def test_a_picture_does_not_depend_on_its_batch(reader):
    alone = finished(Batch(jobs(8), reader, 3, seed=1))
    among = finished(Batch(jobs(100, 8, 3), reader, 3, seed=1))[3:6]
    # equal but for the order of floating-point sums: within one grey level almost everywhere
    assert np.abs(alone - among).mean() < 0.5


def test_seeds_decide_pictures(reader):
    first = finished(Batch(jobs(8), reader, 3, seed=1))
    np.testing.assert_array_equal(first, finished(Batch(jobs(8), reader, 3, seed=1)))
    other = Job(Unit("mixed3b", 8), Pole.MAX, SMALL, seed=6, diversity=0.5)
    assert np.abs(first - finished(Batch([other], reader, 3, seed=1))).mean() > 5
    assert len({Job(Unit("a", 1), Pole.MAX, SMALL, 5).image_seed(k) for k in range(10)}) == 10


def test_diversity_makes_pictures_less_alike(reader):
    def likeness(weight: float) -> float:
        flat = finished(Batch(jobs(8, weight=weight), reader, 3, seed=1)).reshape(3, -1)
        return float(np.corrcoef(flat)[np.triu_indices(3, 1)].mean())

    assert likeness(50.0) < likeness(0.0) + 0.05


def test_the_minimal_pole_negates_only_the_unit_term(reader):
    maps = {"mixed3b": torch.randn(3, 240, 5, 5, generator=torch.Generator().manual_seed(0))}
    (high,), (low,) = jobs(8), jobs(8, pole=Pole.MIN)
    unit = maps["mixed3b"][:, 8].mean((1, 2))
    torch.testing.assert_close(high.target()(maps) - low.target()(maps), 2 * unit)


def test_a_stopped_batch_goes_on_to_the_same_pictures(reader, tmp_path):
    whole = finished(Batch(jobs(8, 9), reader, 3, seed=1))
    half = Batch(jobs(8, 9), reader, 3, seed=1)
    for _ in range(5):
        half.update()
    half.save(tmp_path / "partial.pt", "key")
    resumed = Batch(jobs(8, 9), reader, 3, seed=1)
    resumed.resume(tmp_path / "partial.pt", "key")
    assert resumed.step == 5
    np.testing.assert_array_equal(finished(resumed), whole)
    stranger = Batch(jobs(8, 9), reader, 3, seed=1)
    stranger.resume(tmp_path / "partial.pt", "another key")
    assert stranger.step == 0


def test_snapshots_and_trace_are_of_the_steps_named(reader):
    taken = {}
    batch = Batch(jobs(8), reader, 3, seed=1)
    batch.run(4, (0, 4, 11), lambda step, pictures: taken.update({step: pictures}), lambda step: None)
    assert sorted(taken) == [0, 4, 11]
    assert batch.logged == [0, 4, 8, 11]
    np.testing.assert_array_equal(taken[11], batch.pictures())  # the last step is the finished picture


def test_a_dead_unit_gets_off_the_ground():
    # the unit's own preimage is dead: ReLU before it silent for the whole image; only redirected gradients reach it
    model = models.load("embedded", input_size=40)
    with torch.no_grad():
        model.module.get_parameter(_bias_of(model, "mixed3b", "3x3_bottleneck")).fill_(-100.0)
    reader = model.reader(["mixed3b"])
    channel = model.layer("mixed3b").branches["3x3"][5]
    job = Job(Unit("mixed3b", channel), Pole.MAX, SMALL.with_(images=1), 0, diversity=0.0)
    with_redirection, without = Batch([job], reader, 3, 1), Batch([job], reader, 3, 1)
    without.recipe = SMALL.with_(images=1, redirected_steps=0)
    for batch in (with_redirection, without):
        batch.update()
    assert without.numbers.grad.abs().max() == 0
    assert with_redirection.numbers.grad.abs().max() > 0


def _bias_of(model, block: str, part: str) -> str:
    (name,) = [n for n, _ in model.module.named_parameters() if n.startswith(f"{block}.{part}") and n.endswith("bias")]
    return name


def test_pixels_can_be_optimized_as_well(model, reader):
    pixel = SMALL.with_(parametrization="pixel", images=1)
    batch = Batch([Job(Unit("mixed3b", 8), Pole.MAX, pixel, 0, diversity=0.0)], reader, 3, 1)
    first = float(batch.update())
    for _ in range(10):
        last = float(batch.update())
    assert last > first


def test_visualize_measures_what_it_made(model, corpus):
    from exemplum.activations import build
    from exemplum.explanations import synthetic

    index = build(model, corpus, ["mixed3b"], keep=5, workers=0)
    unit = Unit("mixed3b", 8)
    found = synthetic.visualize(model, [unit], index=index, images=2, steps=10, seed=4)
    assert [(v.pole, v.position) for v in found] == [(p, k) for p in Pole for k in range(2)]
    for made in found:
        assert made.image.shape == (48, 48, 3)
        assert made.activation == pytest.approx(activations(model, made.image[None], 8)[0], abs=1e-3)
        assert made.percentile == index.percentile(unit, made.activation)
    assert found[0].activation > found[2].activation
