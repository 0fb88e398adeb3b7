"""Synthesis on the embedded network, few steps."""

import contextlib

import numpy as np
import pytest
import torch

from exemplum import models
from exemplum.explanations.synthetic import recipe, scheduler
from exemplum.explanations.synthetic.optimization import Batch, Cohort, Job
from exemplum.explanations.synthetic.recipes import Plateau
from exemplum.explanations.synthetic.scheduler import Setup, optimize
from exemplum.explanations.synthetic.transforms import CYCLE, Crops
from exemplum.records import Pole, Unit

SMALL = recipe("borowski2021").at(40).with_(images=3, steps=11)
CPU = torch.device("cpu")


def jobs(*channels, pole=Pole.MAX, weight=0.5, chosen=SMALL):
    return [Job(Unit("mixed3b", channel), pole, chosen, seed=5, diversity=weight) for channel in channels]


@pytest.fixture(scope="module")
def reader(model):
    return model.reader(["mixed3b"])


def finished(reader, these: list[Job]) -> np.ndarray:
    cohort = Cohort(these, 3, 1, CPU)
    batch = Batch(reader, [cohort])
    while not cohort.is_finished:
        batch.update()
    return cohort.pictures().astype(float)


def activations(model, images: np.ndarray, channel: int) -> np.ndarray:
    with torch.no_grad():
        maps = model.reader(["mixed3b"])(torch.tensor(images / 255).float().permute(0, 3, 1, 2))["mixed3b"]
    return maps[:, channel].mean((1, 2)).numpy()


def test_pictures_do_what_their_pole_says(model, reader):
    pictures = finished(reader, [*jobs(8), *jobs(8, pole=Pole.MIN)])
    grey = np.full((1, 40, 40, 3), 128.0)
    values = activations(model, pictures, 8)
    assert values[:3].min() > activations(model, grey, 8)[0] > values[3:].max()


def test_a_picture_does_not_depend_on_its_batch(reader):
    alone = finished(reader, jobs(8))
    among = finished(reader, jobs(100, 8, 3))[3:6]
    # equal but for the order of floating-point sums: within one grey level almost everywhere
    assert np.abs(alone - among).mean() < 0.5


def test_a_picture_does_not_depend_on_when_it_enters(reader):
    alone = finished(reader, jobs(8))
    early, late = Cohort(jobs(100, chosen=SMALL.with_(steps=200)), 3, 1, CPU), Cohort(jobs(8), 3, 1, CPU)
    batch = Batch(reader, [early])
    while not early.step or not batch.is_open:
        batch.update()
    assert early.step == CYCLE
    batch.cohorts.append(late)
    while not late.is_finished:
        batch.update()
    assert np.abs(alone - late.pictures()).mean() < 0.5


def test_seeds_decide_pictures(reader):
    first = finished(reader, jobs(8))
    np.testing.assert_array_equal(first, finished(reader, jobs(8)))
    other = Job(Unit("mixed3b", 8), Pole.MAX, SMALL, seed=6, diversity=0.5)
    assert np.abs(first - finished(reader, [other])).mean() > 5
    assert len({Job(Unit("a", 1), Pole.MAX, SMALL, 5).image_seed(k) for k in range(10)}) == 10


def test_diversity_makes_pictures_less_alike(reader):
    def likeness(weight: float) -> float:
        flat = finished(reader, jobs(8, weight=weight)).reshape(3, -1)
        return float(np.corrcoef(flat)[np.triu_indices(3, 1)].mean())

    assert likeness(50.0) < likeness(0.0) - 0.2  # about 0 against 0.35


def test_the_minimal_pole_negates_only_the_unit_term(reader):
    maps = {"mixed3b": torch.randn(3, 240, 5, 5, generator=torch.Generator().manual_seed(0))}
    (high,), (low,) = jobs(8), jobs(8, pole=Pole.MIN)
    unit = maps["mixed3b"][:, 8].mean((1, 2))
    torch.testing.assert_close(high.target()(maps) - low.target()(maps), 2 * unit)


def test_a_stopped_run_goes_on_to_the_same_pictures(model, tmp_path, monkeypatch):
    monkeypatch.setattr("exemplum.explanations.synthetic.scheduler.CHECKPOINT_S", 0)
    monkeypatch.setitem(scheduler.MOST, "cpu", 6)  # two units: the third enters later
    steps, these = CYCLE + 5, jobs(8, 9, 100, chosen=SMALL.with_(steps=CYCLE + 5))
    whole = {made.job: made for made in optimize(Setup(model, precision="float32"), these)}
    stopped_at = iter([7, steps + 20])
    for _ in range(2):
        limit, update, done = next(stopped_at), Batch.update, []

        def interrupted(batch, limit=limit, update=update, done=done):
            if len(done) == limit:
                raise KeyboardInterrupt
            done.append(1)
            return update(batch)

        monkeypatch.setattr(Batch, "update", interrupted)
        found = {}
        with contextlib.suppress(KeyboardInterrupt):
            for made in optimize(Setup(model, precision="float32", folder=tmp_path), these):
                found[made.job] = made
        monkeypatch.setattr(Batch, "update", update)
    assert set(found) == set(these[:2])  # 7 steps, then the other 63 of the first two and some of the third
    (last,) = optimize(Setup(model, precision="float32", folder=tmp_path), these[2:])
    for made in [*found.values(), last]:
        np.testing.assert_array_equal(made.images, whole[made.job].images)
        np.testing.assert_array_equal(made.scores, whole[made.job].scores)
        assert made.updates == steps + 1
    assert not list(tmp_path.glob("partial*"))


def test_snapshots_are_of_the_steps_named(model, tmp_path):
    from exemplum import store
    from exemplum.explanations.synthetic.scheduler import snapshot

    (made,) = optimize(Setup(model, folder=tmp_path, snapshots=(0, 4, 11)), jobs(8))
    assert (made.scores.shape, made.updates, made.stopped) == ((12, 3), 12, "steps")
    paths = [snapshot(tmp_path, Unit("mixed3b", 8), Pole.MAX, 2, step) for step in (0, 4, 11)]
    np.testing.assert_array_equal(store.read_png(paths[2]), made.images[2])  # the last step is the finished picture
    assert len(list(paths[0].parent.iterdir())) == 9


def test_a_plateau_ends_a_unit_early_and_is_told(model):
    # any change passes so wide a tolerance: units leave when they are first compared, after two windows
    early = SMALL.with_(steps=300, plateau=Plateau(decay=0.9, window=8, tolerance=100.0))
    made = list(optimize(Setup(model), [*jobs(8, chosen=early), *jobs(8, chosen=early, pole=Pole.MIN)]))
    assert [(one.updates, one.stopped) for one in made] == 2 * [(16, "plateau")]
    never = SMALL.with_(steps=20, plateau=Plateau(decay=0.9, window=8, tolerance=1e-9))
    assert next(optimize(Setup(model), jobs(8, chosen=never))).stopped == "steps"


def test_those_that_stay_go_on_as_if_alone(reader):
    alone = finished(reader, jobs(8))
    cohort = Cohort(jobs(100, 8), 3, 1, CPU)
    batch = Batch(reader, [cohort])
    for _ in range(6):
        batch.update()
    cohort.keep([False, True])
    while not cohort.is_finished:
        batch.update()
    assert np.abs(alone - cohort.pictures()).mean() < 0.5


@pytest.mark.parametrize("name", ["lucid", "imi2024", "maco"])
def test_every_recipe_raises_its_objective(model, name):
    crops = {"transforms": (Crops(4, (0.5, 0.2), 40),)} if name == "maco" else {}
    chosen = recipe(name).at(40).with_(images=2, steps=24, zoom=1.5 if name == "maco" else 1.0, **crops)
    (made,) = optimize(Setup(model, precision="float32"), jobs(8, chosen=chosen, weight=0.0))
    assert made.images.shape == (2, 40, 40, 3)
    assert (made.scores[-5:].mean(0) > made.scores[:5].mean(0)).all()


def test_a_dead_unit_gets_off_the_ground():
    # the unit's own preimage is dead: ReLU before it silent for the whole image; only redirected gradients reach it
    model = models.load("embedded", input_size=40)
    with torch.no_grad():
        model.module.get_parameter(_bias_of(model, "mixed3b", "3x3_bottleneck")).fill_(-100.0)
    reader = model.reader(["mixed3b"])
    channel = model.layer("mixed3b").branches["3x3"][5]
    moved = []
    for redirected in (0, 16):
        chosen = SMALL.with_(images=1, redirected_steps=redirected)
        cohort = Cohort([Job(Unit("mixed3b", channel), Pole.MAX, chosen, 0, diversity=0.0)], 3, 1, CPU)
        before = cohort.numbers.detach().clone()
        Batch(reader, [cohort]).update()
        moved.append(float((cohort.numbers.detach() - before).abs().max()))
    assert moved[0] == 0
    assert moved[1] > 0


def _bias_of(model, block: str, part: str) -> str:
    (name,) = [n for n, _ in model.module.named_parameters() if n.startswith(f"{block}.{part}") and n.endswith("bias")]
    return name


def test_pixels_can_be_optimized_as_well(model):
    pixel = SMALL.with_(parametrization="pixel", images=1)
    (made,) = optimize(Setup(model), jobs(8, chosen=pixel, weight=0.0))
    assert made.scores[-1] > made.scores[0]


def test_visualize_measures_what_it_made(model, corpus):
    from exemplum.explanations import synthetic
    from exemplum.index import build_index

    index = build_index(model, corpus, ["mixed3b"], keep=5, workers=0)
    unit = Unit("mixed3b", 8)
    found = synthetic.visualize(model, [unit], index=index, images=2, steps=10, seed=4)
    assert [(v.pole, v.position) for v in found] == [(p, k) for p in Pole for k in range(2)]
    for made in found:
        assert made.image.shape == (48, 48, 3)
        assert made.activation == pytest.approx(activations(model, made.image[None], 8)[0], abs=1e-3)
        assert made.percentile == index.percentile(unit, made.activation)
        assert made.scores.shape == (made.updates,) == (11,)
        assert made.scores[-1] > made.scores[0]
    assert found[0].activation > found[2].activation


def test_the_searched_diversity_is_borne_by_the_weakest_picture(model, corpus):
    from exemplum.errors import UserError
    from exemplum.explanations import synthetic
    from exemplum.index import build_index

    index = build_index(model, corpus, ["mixed3b"], keep=5, workers=0)
    unit, chosen = Unit("mixed3b", 8), recipe("imi2024").with_(searches=3)
    searched = synthetic.visualize(model, [unit], chosen, index=index, poles=[Pole.MAX], images=3, steps=40)
    assert min(made.margin for made in searched) > 0
    # the same weight is found again, and without diversity the pictures would do more
    plain = synthetic.visualize(model, [unit], chosen, index=index, poles=[Pole.MAX], images=3, steps=40, diversity=0)
    assert np.mean([made.activation for made in plain]) > np.mean([made.activation for made in searched])
    with pytest.raises(UserError, match="diversity weight, which needs an index"):
        synthetic.visualize(model, [unit], chosen, images=3, steps=2)
