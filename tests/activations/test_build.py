"""The index over real images. Oracle: the whole network, image by image, and a sort of everything."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy import stats

import exemplum as ex
from exemplum import images, models
from exemplum.errors import UserError
from exemplum.index import ActivationIndex, UnitsSection, build_index
from exemplum.index.build import dtype
from exemplum.index.sample import ARRAYS
from exemplum.queries import units
from exemplum.records import Pole, Unit
from exemplum.runtime import hardware

LAYERS = ["mixed3a", "mixed4b"]


@pytest.fixture(scope="module")
def index(model, corpus):
    return build_index(model, corpus, LAYERS, keep=10, batch=16, workers=0)


@pytest.fixture(scope="module")
def activations(model, corpus):
    """(images, channels) of mixed4b before the ReLU, one image at a time through the model's own blocks."""
    captured = []
    hook = model.module.mixed4b.register_forward_hook(lambda block, given, _: captured.append(block.pre_relu(*given)))
    with torch.no_grad():
        for row in range(len(corpus)):
            image = torch.tensor(model.crop(corpus.decode(row))).permute(2, 0, 1)[None] / 255
            mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (model.preprocessing.mean, model.preprocessing.std))
            model.module((image - mean) / std)
    hook.remove()
    return torch.cat(captured).mean((2, 3)).numpy()


def test_extremes_are_those_of_brute_force(index, activations, corpus):
    for channel in (0, 17, 255):
        unit = Unit("mixed4b", channel)
        values = activations[:, channel]
        for pole, order in ((Pole.MAX, np.argsort(-values)), (Pole.MIN, np.argsort(values))):
            top = index.top(unit, pole)
            assert top["row"].tolist() == order[:10].tolist()
            assert top["image"].tolist() == [corpus.record(row).image_id for row in order[:10]]
            np.testing.assert_allclose(top["activation"], values[order[:10]], atol=1e-4)


def test_moments_and_range_are_those_of_brute_force(index, activations):
    facts = index.units[index.units["layer"] == "mixed4b"]
    np.testing.assert_allclose(facts["mean"], activations.mean(0), atol=1e-4)
    np.testing.assert_allclose(facts["std"], activations.std(0), atol=1e-4)
    np.testing.assert_allclose(facts["high"], activations.max(0), atol=1e-4)
    assert (facts["count"] == len(activations)).all()


def test_percentile_is_the_share_of_lower_images(index, activations):
    values = activations[:, 5]
    for value in (values.min() - 1, np.median(values) + 1e-3, values.max() + 1):
        expected = stats.percentileofscore(values, value, kind="strict")
        assert index.percentile(Unit("mixed4b", 5), value) == pytest.approx(expected)


def test_branches_are_the_blocks(index, model):
    counts = index.units[index.units["layer"] == "mixed4b"]["branch"].value_counts(sort=False)
    assert counts.to_dict() == {"1x1": 80, "3x3": 112, "5x5": 32, "pool": 32}


def test_margin_is_from_the_best_exemplar_in_corpus_deviations(index):
    unit = Unit("mixed3a", 3)
    facts = index.units.iloc[index.row(unit)]
    assert index.beyond(unit, Pole.MAX, facts["high"]) == 0
    assert index.beyond(unit, Pole.MAX, facts["high"] + 2 * facts["std"]) == pytest.approx(2)
    assert index.beyond(unit, Pole.MIN, facts["low"] - facts["std"]) == pytest.approx(1)


def test_the_sample_is_the_corpus_or_of_the_size_asked_for(index, model, corpus):
    assert len(index.sample) == len(corpus)
    assert index.exact
    few = build_index(model, corpus, ["mixed3a"], keep=2, sample=20, workers=0)
    assert len(few.sample) == 20
    assert not few.exact


def test_the_ranking_is_that_of_brute_force(index, activations):
    for channel in (0, 17, 255):
        rows, values = index.ranked(Unit("mixed4b", channel))
        order = np.argsort(-activations[:, channel])
        assert rows.tolist() == order.tolist()
        np.testing.assert_allclose(values, activations[order, channel], atol=1e-4)


def test_a_sample_ranks_its_own_images(index, model, corpus):
    few = build_index(model, corpus, ["mixed3a"], keep=2, sample=20, workers=0)
    rows, values = few.ranked("mixed3a:5")
    whole = dict(zip(*index.ranked("mixed3a:5"), strict=True))
    assert len(set(rows)) == 20
    np.testing.assert_allclose(values, [whole[row] for row in rows], atol=1e-4)


def test_objective_and_relu_change_what_is_measured(model, corpus):
    part = images.subset(corpus, 12, np.random.default_rng(1))
    neuron = build_index(model, part, ["mixed3a"], objective="neuron", keep=2, workers=0)
    after = build_index(model, part, ["mixed3a"], relu="after", keep=2, workers=0)
    before = build_index(model, part, ["mixed3a"], keep=2, workers=0)
    assert (after.units["low"] >= 0).all()
    assert (before.units["low"] < 0).any()
    assert not np.allclose(neuron.units["mean"], before.units["mean"], atol=1e-3)


def test_a_constant_unit_is_marked_dead(corpus):
    model = models.load("embedded", input_size=48)
    with torch.no_grad():
        block = model.module.mixed3a
        first = dict(block.named_parameters())
        for name, parameter in first.items():
            if name.startswith("1x1"):
                parameter[7] = 0  # weights and bias of channel 7
    part = images.subset(corpus, 8, np.random.default_rng(1))
    units = build_index(model, part, ["mixed3a"], keep=2, workers=0).units
    assert units["unit"][units["dead"]].tolist() == ["mixed3a:7"]


@pytest.fixture(scope="module")
def maps(model, corpus):
    """(images, channels, 6, 6) of mixed4b before the ReLU."""
    cropped = np.stack([model.crop(corpus.decode(row)) for row in range(len(corpus))])
    with torch.inference_mode():
        return model.reader(["mixed4b"])(torch.from_numpy(cropped).permute(0, 3, 1, 2) / 255)["mixed4b"].numpy()


@pytest.mark.parametrize("objective", ["channel", "max", "neuron"])
def test_each_extreme_has_its_place(model, corpus, maps, objective):
    found = build_index(model, corpus, ["mixed4b"], objective=objective, keep=5, workers=0).extremes
    of_row = maps[found["row"], found["channel"]]
    is_low = (found["pole"] == "min").to_numpy() & (objective == "channel")
    extreme = np.where(is_low, of_row.min((1, 2)), of_row.max((1, 2)))
    at = of_row[np.arange(len(found)), found["y"], found["x"]]
    if objective == "neuron":
        assert set(found["y"]) == set(found["x"]) == {of_row.shape[1] // 2}
    else:
        np.testing.assert_allclose(at, extreme, atol=1e-4)
    if objective == "channel":
        np.testing.assert_allclose(found["activation"], of_row.mean((1, 2)), atol=1e-4)
    else:
        np.testing.assert_allclose(found["activation"], at, atol=1e-4)
    grid = model.grid("mixed4b")
    for place, low, high in (("y", "top", "bottom"), ("x", "left", "right")):
        centre = grid.first[0] + grid.stride[0] * found[place] + 0.5
        assert found[low].between(0, centre).all()
        assert found[high].between(centre, 48).all()


def test_logits_have_no_place(model, corpus):
    part = images.subset(corpus, 12, np.random.default_rng(1))
    found = build_index(model, part, ["softmax2"], keep=2, workers=0).extremes
    assert found[["y", "x"]].eq(-1).all(axis=None)
    assert found[["top", "left", "bottom", "right"]].eq([0, 0, 48, 48]).all(axis=None)


def test_a_spot_is_in_the_box_of_its_detector(tmp_path):
    """A unit that finds a red spot; the spot is drawn anywhere."""
    rng = np.random.default_rng(0)
    spots = rng.integers(2, 30, (12, 2))
    for number, (y, x) in enumerate(spots):
        image = np.full((40, 40, 3), 90, np.uint8)
        image[y : y + 6, x : x + 6] = 255, 0, 0
        Image.fromarray(image).save(tmp_path / f"{number:02}.png")
    detector = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 5, 2, 2), torch.nn.Conv2d(1, 1, 3, 2, 1))
    with torch.no_grad():
        for part in detector:
            part.bias.zero_()
            part.weight.copy_(torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1) if part.in_channels == 3 else 1.0)
    model = models.load(detector, input_size=40)
    found = build_index(model, images.open_corpus(f"folder:{tmp_path}"), ["1"], keep=12, workers=0).top("1:0", "max")
    y, x = (spots[found["row"]] + 3).T
    assert found["top"].le(y).all()
    assert found["bottom"].gt(y).all()
    assert found["left"].le(x).all()
    assert found["right"].gt(x).all()
    assert (found["bottom"] - found["top"]).max() <= model.grid("1").field[0]


def same_sample(one, other):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_units_that_few_images_activate_are_rare_and_never_chosen(tmp_path):
    """Units that are active for red, green, no image, and green; 5 of 40 images are red, 20 are green."""
    for number in range(40):
        colour = [250, 0, 0] if number < 5 else [0, 200 + number, 0] if number < 25 else [0, 0, 0]
        Image.fromarray(np.full((20, 20, 3), colour, np.uint8)).save(tmp_path / f"{number:02}.png")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1, bias=False), torch.nn.ReLU())
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0], [-1, -1, -1], [0, 2, 0]])[:, :, None, None])
    model = models.load(net, input_size=20, preprocessing=models.Preprocessing(20, 20, (0.0,) * 3, (1.0,) * 3))
    index = build_index(model, images.open_corpus(f"folder:{tmp_path}"), ["1"], relu="after", keep=15, workers=0)
    assert index.units["active"].tolist() == [5, 20, 0, 20]
    assert index.units["rare"].tolist() == [True, False, False, False]
    assert index.units["dead"].tolist() == [False, False, True, False]
    assert index.sample.sparse.all()
    section = UnitsSection(layers=("1",), choose="one per layer", practice=1)
    for seed in range(5):
        chosen = units.choose(model, index, section, 0.3, np.random.default_rng(seed))
        assert {str(entry.unit) for entry in chosen} == {"1:1", "1:3"}
    picked = UnitsSection(hand_picked=("1:0",), choose="none")
    with pytest.raises(UserError, match="hand_picked: 1:0 is rare: it is zero for all but 5 of 40 images"):
        units.choose(model, index, picked, 0.3, np.random.default_rng(0))


def test_workers_and_folder_change_nothing(index, model, corpus, tmp_path):
    again = build_index(model, corpus, LAYERS, keep=10, batch=16, workers=1, folder=tmp_path)
    pd.testing.assert_frame_equal(again.units, index.units)
    pd.testing.assert_frame_equal(again.extremes, index.extremes)
    again.save(tmp_path)
    loaded = ActivationIndex.load(tmp_path)
    pd.testing.assert_frame_equal(loaded.extremes, index.extremes)
    same_sample(loaded.sample, index.sample)
    assert not (tmp_path / "partial.npz").exists()


def test_a_stopped_pass_goes_on_where_it_was(index, model, corpus, tmp_path):

    class Stopping:
        """The corpus, interrupted at its 40th image as by Ctrl-C, and never read before the 32nd afterwards."""

        def __init__(self, first, last):
            self.first, self.last = first, last

        def __getattr__(self, name):
            return getattr(corpus, name)

        def __len__(self):
            return len(corpus)

        def decode(self, row):
            if row >= self.last:
                raise KeyboardInterrupt
            assert row >= self.first
            return corpus.decode(row)

    with pytest.raises(KeyboardInterrupt):
        build_index(model, Stopping(0, 40), LAYERS, keep=10, batch=16, workers=0, folder=tmp_path, shard=16)
    resumed = build_index(model, Stopping(32, 10_000), LAYERS, keep=10, batch=16, workers=0, folder=tmp_path, shard=16)
    pd.testing.assert_frame_equal(resumed.extremes, index.extremes)
    pd.testing.assert_frame_equal(resumed.units, index.units, rtol=1e-12)


def test_broken_files_are_skipped_and_listed(model, tmp_path):
    for name in ("a", "b", "c"):
        Image.fromarray(np.random.default_rng(ord(name)).integers(0, 255, (60, 60, 3), np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:500])
    index = build_index(model, images.open_corpus(f"folder:{tmp_path}"), ["mixed3a"], keep=5, workers=0)
    assert index.broken["image"].tolist() == ["b.png"]
    assert index.broken["reason"].str.len().gt(5).all()
    assert (index.units["count"] == 2).all()
    assert set(index.extremes["image"]) == {"a.png", "c.png"}


def test_a_folder_of_broken_files_is_an_error(model, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"nothing")
    with pytest.raises(UserError, match="none of the 1 images"):
        build_index(model, images.open_corpus(f"folder:{tmp_path}"), ["mixed3a"], workers=0)


def test_an_activation_that_is_no_number_is_told_with_its_unit_and_image(corpus):
    broken = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))
    with torch.no_grad():
        broken[0].bias[2] = torch.nan
    model = ex.load(ex.Network(broken, ex.Preprocessing(size=32, resize=32)))
    first = corpus.record(0).image_id
    with pytest.raises(UserError, match=rf"has the activation nan of 0:2 for image '{first}'; check the network"):
        build_index(model, corpus, ["0"], keep=4, workers=0)


def test_a_unit_outside_the_index_is_an_error(index):
    with pytest.raises(UserError, match="mixed5b:0 is not in the index, which has mixed3a, mixed4b; add its layer"):
        index.row(Unit("mixed5b", 0))
    with pytest.raises(UserError, match=r"mixed4b:256 is not in the index: mixed4b has channels 0 to 255$"):
        index.row("mixed4b:256")
    with pytest.raises(UserError, match="'mixed3b' is not a unit; write LAYER:CHANNEL"):
        index.row("mixed3b")


class Counted:
    """A corpus that counts how often each row is read. Oracle of how much is measured twice."""

    def __init__(self, corpus):
        self.corpus, self.reads = corpus, np.zeros(len(corpus), int)

    def __getattr__(self, name):
        return getattr(self.corpus, name)

    def __len__(self):
        return len(self.corpus)

    def decode(self, row):
        self.reads[row] += 1
        return self.corpus.decode(row)


@pytest.fixture(scope="module")
def photographs(shared_data):
    return images.subset(
        images.open_corpus(f"folder:{shared_data / 'imagenet-sample-1000'}"), 600, np.random.default_rng(0)
    )


@pytest.fixture(scope="module")
def exact(model, photographs):
    return build_index(model, photographs, ["mixed4b.5x5"], keep=10, precision="float32", workers=0)


@pytest.fixture(scope="module")
def low(model, photographs):
    counted = Counted(photographs)
    return build_index(model, counted, ["mixed4b.5x5"], keep=10, precision="bfloat16", workers=0), counted.reads


def test_extremes_found_in_low_precision_are_those_of_float32(exact, low):
    found, wanted = low[0].extremes, exact.extremes
    assert (found["row"].to_numpy() == wanted["row"].to_numpy()).mean() >= 0.99
    same = found["row"].to_numpy() == wanted["row"].to_numpy()
    np.testing.assert_allclose(found["activation"][same], wanted["activation"][same], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(low[0].units["high"], exact.units["high"], rtol=1e-5)
    np.testing.assert_allclose(low[0].units["std"], exact.units["std"], rtol=0.02)


def test_only_possible_extremes_are_read_again_and_once(low):
    index, reads = low
    assert set(reads) == {1, 2}
    assert (reads == 2).mean() < 0.9
    assert (reads[index.extremes["row"].unique()] == 2).all()


def test_auto_is_float32_if_too_much_would_be_measured_twice():
    assert dtype("auto", units=5488, keep=300, images=50_000) is torch.float32
    assert dtype("auto", units=100, keep=300, images=1_300_000) is hardware.dtype("auto", hardware.device())
    assert dtype("bfloat16", units=5488, keep=300, images=50_000) is torch.bfloat16


def test_stopped_while_measuring_again_it_goes_on_there(model, photographs, low, tmp_path):

    class Stopping(Counted):
        def decode(self, row):
            if self.reads.sum() == 900:
                raise KeyboardInterrupt
            return super().decode(row)

    arguments = {"keep": 10, "precision": "bfloat16", "workers": 0, "folder": tmp_path, "shard": 32}
    with pytest.raises(KeyboardInterrupt):
        build_index(model, Stopping(photographs), ["mixed4b.5x5"], **arguments)
    counted = Counted(photographs)
    resumed = build_index(model, counted, ["mixed4b.5x5"], **arguments)
    pd.testing.assert_frame_equal(resumed.extremes, low[0].extremes)
    pd.testing.assert_frame_equal(resumed.units, low[0].units, rtol=1e-12)
    same_sample(resumed.sample, low[0].sample)
    assert counted.reads.sum() <= low[1].sum() - 900 + 32
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_low_precision_finds_extremes_of_untrained_googlenet(photographs):
    """Random weights: units differ little from image to image, so that rounding weighs most."""
    google = models.load("torchvision:googlenet")
    arguments = {"layers": ["inception3a.branch1"], "keep": 20, "workers": 1}
    wanted = build_index(google, photographs, precision="float32", **arguments).extremes
    counted = Counted(photographs)
    found = build_index(google, counted, precision="bfloat16", **(arguments | {"workers": 0})).extremes
    assert (found["row"].to_numpy() == wanted["row"].to_numpy()).mean() >= 0.99
    assert (counted.reads == 1).any()
