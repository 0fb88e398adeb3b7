"""What `import exemplum as ex` gives: loaded lazily, with examples that run, and shown beside other libraries."""

import ast
import doctest
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn

import exemplum as ex
from exemplum import images
from exemplum.errors import UserError
from side_by_side import blocks

mpl.use("Agg")
ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src"
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCES.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
UNIT = "mixed3a:5"


@pytest.fixture(scope="module")
def index(model, corpus):
    return ex.build_index(model, corpus, ["mixed3a"], keep=20, workers=0)


def test_the_import_loads_no_library():
    """So that it takes a tenth of a second: everything is imported when it is first used."""
    loaded = "torch pandas numpy scipy pydantic matplotlib rich typer PIL"
    use = f"import sys; import exemplum as ex; dir(ex); assert not {set(loaded.split())} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", use], check=True)


# Modules that other rooms name: hardware, so that the import linter sees who loads torch; and rooms within a room
NAMED = {"exemplum.runtime.hardware", "exemplum.explanations.synthetic", "exemplum.models.dictionaries"}


def test_a_room_takes_names_of_another_from_its_face():
    """Submodules may be imported whole, as in `from exemplum.study import blinding`; what is in them may not."""
    root = Path(ex.__file__).parent
    past = set()
    for path in root.rglob("*.py"):
        room = path.relative_to(root).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts = node.module.split(".") if isinstance(node, ast.ImportFrom) and node.module else []
            if parts[:1] == ["exemplum"] and len(parts) > 2 and parts[1] != room and node.module not in NAMED:
                past.add(f"{path.relative_to(root)}: {node.module}")
    assert not past


@pytest.mark.parametrize("name", sorted(ex.__all__))
def test_every_public_name_is_there(name):
    assert getattr(ex, name).__doc__


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_of_docstrings_run(module):
    loaded = importlib.import_module(module)
    tried = doctest.testmod(loaded)
    assert tried.attempted
    assert not tried.failed


def test_a_module_is_loaded_as_it_is():
    mine = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3)).train()
    model = ex.load(mine, input_size=32)
    assert mine.training
    assert mine[0].weight.requires_grad
    images = torch.rand(2, 3, 32, 32)
    mean, std = (torch.tensor(given).view(1, 3, 1, 1) for given in (model.preprocessing.mean, model.preprocessing.std))
    read = model.reader(["2"])(images)["2"]
    torch.testing.assert_close(read, mine.eval()((images - mean) / std), rtol=1e-4, atol=1e-5)


def test_preprocessing_is_taken_as_it_comes():
    preset = torchvision.models.ResNet50_Weights.DEFAULT.transforms()
    found = ex.Preprocessing.of(preset)
    assert (found.size, found.resize, found.interpolation) == (224, 232, "bilinear")
    picture = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    mine = (found.crop(picture) / 255 - found.mean) / found.std
    theirs = preset(Image.fromarray(picture)).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(mine, theirs, atol=1e-5)
    with pytest.raises(UserError, match="preprocessing cannot be a int"):
        ex.load(nn.Conv2d(3, 4, 3), preprocessing=3)


def test_tokens_of_a_transformer_are_read():
    timm = pytest.importorskip("timm")
    model = ex.load(timm.create_model("vit_tiny_patch16_224", img_size=64), input_size=64)
    assert model.layer("blocks.3").channels == 192
    assert model.reader(["blocks.3"])(torch.rand(1, 3, 64, 64))["blocks.3"].shape == (1, 192, 4, 4)


def test_images_are_opened_as_they_come(tmp_path):
    arrays = [np.full((20, 30, 3), level, np.uint8) for level in (0, 90, 255)]
    for place, array in enumerate(arrays):
        Image.fromarray(array).save(tmp_path / f"{place}.png")
    pictures = [Image.fromarray(array) for array in arrays]
    for given in (arrays, pictures, np.stack(arrays), tmp_path, f"folder:{tmp_path}"):
        corpus = ex.open_images(given)
        assert [corpus.decode(row)[0, 0, 0] for row in range(len(corpus))] == [0, 90, 255]
    assert ex.open_images(arrays).fingerprint == ex.open_images(pictures).fingerprint
    assert ex.open_images(arrays).fingerprint != ex.open_images(arrays[::-1]).fingerprint
    assert ex.open_images(corpus) is corpus
    with pytest.raises(UserError, match="image 1 is float64"):
        ex.open_images([arrays[0], arrays[0] / 255])


def test_an_index_takes_images_as_they_come_and_one_layer_by_its_name(model, tmp_path):
    pictures = [np.random.default_rng(n).integers(0, 256, (48, 48, 3), np.uint8) for n in range(6)]
    for place, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{place}.png")
    of_folder = ex.build_index(model, tmp_path, "mixed3a", keep=3, workers=0)
    of_arrays = ex.build_index(model, pictures, ["mixed3a"], keep=3, workers=0)
    assert (
        of_folder.exemplars("mixed3a:3")
        .to_frame()["activation"]
        .equals(of_arrays.exemplars("mixed3a:3").to_frame()["activation"])
    )
    for wrong, told in (({"objective": "maximum"}, "no objective 'maximum'"), ({"relu": "yes"}, "no relu 'yes'")):
        with pytest.raises(UserError, match=told):
            ex.build_index(model, pictures, "mixed3a", **wrong)


def test_images_show_what_they_are(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert repr(ex.open_images(tmp_path)) == f"FolderCorpus('folder:{tmp_path}', 1 image)"
    assert repr(ex.open_images("embedded")) == "EmbeddedCorpus('embedded', 4,238 images)"
    assert repr(ex.open_images("embedded", limit=5)) == "SubsetCorpus('embedded (5 of 4,238 images)')"


def test_exemplars_are_the_extremes_of_the_index(index, model, corpus):
    found = index.exemplars(UNIT, "min", k=5)
    rows = index.top(ex.Unit("mixed3a", 5), ex.Pole.MIN)["row"][:5].tolist()
    assert found.to_frame()["row"].tolist() == rows
    np.testing.assert_array_equal(found.images[2], model.crop(corpus.decode(rows[2])))
    axes = found.show(columns=3)
    assert len(axes.texts) == 5
    assert found._repr_html_().count("<img") == 5
    with pytest.raises(UserError, match="no pole 'maximal'"):
        index.exemplars(UNIT, "maximal")


def test_an_index_read_from_disk_says_that_it_lacks_images(index, tmp_path):
    index.save(tmp_path)
    kept = ex.ActivationIndex.load(tmp_path).exemplars(UNIT)
    assert len(kept.to_frame()) == 9
    with pytest.raises(UserError, match="read from disk and has no images"):
        kept.show()


def test_an_objective_of_ones_own_is_maximized(model):
    peak = ex.visualize(model, UNIT, objective=lambda plane: plane.amax((1, 2)), poles="max", images=1, steps=30)
    assert peak[0].scores[-5:].mean() > peak[0].scores[:5].mean() + 0.1
    both = ex.objectives.channel(UNIT) - 0.5 * ex.objectives.neuron("mixed3b:2")
    assert both.layers == {"mixed3a", "mixed3b"}
    maps = {"mixed3a": torch.rand(2, 9, 4, 4), "mixed3b": torch.rand(2, 9, 4, 4)}
    owed = maps["mixed3a"][:, 5].mean((1, 2)) - 0.5 * maps["mixed3b"][:, 2, 2, 2]
    torch.testing.assert_close(both(maps), owed)


def test_an_objective_may_read_the_images_themselves(model):
    dark = ex.objectives.on_images(lambda images: -images.mean((1, 2, 3)))
    found = ex.visualize(model, dark, images=2, steps=40, parametrization="pixel", learning_rate=0.2)
    assert found.images.mean() < 60  # they start at 127
    assert found[0].unit is None
    assert np.isnan(found.to_frame()["activation"]).all()


def test_a_unit_in_a_composition_is_the_one_that_is_told(model, index):
    found = ex.visualize(model, ex.objectives.channel(UNIT), images=1, steps=20, index=index)
    named = ex.visualize(model, UNIT, images=1, steps=20, poles="max", index=index)
    np.testing.assert_array_equal(found[0].image, named[0].image)
    assert found[0].percentile == named[0].percentile


def test_transforms_of_ones_own_draw_alike_each_time(model):
    def noisy(images):
        drawn.append(torch.rand(1).item())
        return images + 0.1 * torch.randn(images.shape[2:])

    drawn: list[float] = []
    ask = {"poles": "max", "images": 1, "steps": 5, "transforms": [ex.transforms.Jitter(4), noisy]}
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = ex.visualize(model, UNIT, **ask)
    assert torch.equal(torch.get_rng_state(), state)
    once = list(drawn)
    assert len(set(once[-6:])) == 6  # another draw each step
    torch.manual_seed(2)
    again = ex.visualize(model, UNIT, **ask)
    assert drawn[len(once) :] == once
    np.testing.assert_array_equal(first.images, again.images)


def test_a_parametrization_of_ones_own_makes_the_picture(model):
    def start(channels, size, generators, sd):
        return torch.zeros(len(generators), channels, 1, 1)

    flat = ex.parametrizations.Parametrization(start, lambda n, size, _: n.sigmoid().expand(-1, -1, size, size))
    found = ex.visualize(model, UNIT, parametrization=flat, images=1, steps=10, optimizer=torch.optim.SGD)
    assert all(np.ptp(picture.reshape(-1, 3), axis=0).max() == 0 for picture in found.images)  # one colour each
    wrong = ex.parametrizations.Parametrization(start, lambda n, size, _: n)
    with pytest.raises(UserError, match=r"image gave shape \(2, 3, 1, 1\)"):
        ex.visualize(model, UNIT, parametrization=wrong)


def test_an_optimizer_of_ones_own_takes_the_steps(model):
    ask = {"poles": "max", "images": 1, "steps": 3}
    still = ex.visualize(model, UNIT, optimizer=torch.optim.SGD, learning_rate=0.0, **ask)
    start = ex.visualize(model, UNIT, learning_rate=1e-9, **ask)
    np.testing.assert_allclose(still.images.astype(int), start.images.astype(int), atol=1)


def test_optimization_begins_at_a_picture(model):
    photograph = np.asarray(Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))).convert("RGB"))
    start = ex.parametrizations.from_image(photograph)
    found = ex.visualize(model, ex.objectives.deep_dream("mixed3a"), parametrization=start, images=1, steps=0)
    row = found[0].image[24, :, 0].astype(int)
    assert np.corrcoef(row, np.arange(len(row)))[0, 1] > 0.95


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"objective": lambda plane: plane.mean()}, r"gave shape \(\); it must give one score per image"),
        ({"objective": "chanel"}, "there is no objective 'chanel'"),
        ({"parametrization": "fuorier"}, "did you mean fourier"),
        ({"optimizer": "sgd"}, "there is no optimizer 'sgd'"),
        ({"transforms": [3]}, "3 is not a transform"),
        ({"transforms": [ex.transforms.Jitter(60)]}, "transforms leave"),
        ({"transforms": [lambda images: images[:, :, 2:]]}, "and give squares"),
        ({"poles": "most"}, "there is no pole 'most'"),
    ],
)  # fmt: skip
def test_a_wrong_part_is_told(model, wrong, told):
    with pytest.raises(UserError, match=told):
        ex.visualize(model, UNIT, **{"images": 1, "steps": 0, **wrong})


def test_pictures_show_themselves(model):
    found = ex.visualize(model, [UNIT, "mixed3a:6"], images=1, steps=2)
    assert repr(found) == "Visualizations(4 pictures: mixed3a:5, mixed3a:5 min, mixed3a:6 and 1 more)"
    assert found._repr_html_().count("<img") == 4
    assert len(found.show().texts) == 4
    assert "mixed3a:5<br>" in found._repr_html_()  # the activation is below the unit
    assert [line.get_label() for line in found.plot().lines] == [each.label for each in found]
    twice = ex.visualize(model, UNIT, images=2, steps=2, poles="max")
    assert [line.get_label() for line in twice.plot().lines] == ["mixed3a:5, picture 1", "mixed3a:5, picture 2"]
    assert found.to_frame()["pole"].tolist() == ["max", "min"] * 2


@pytest.mark.parametrize("lines", [1, 2])
def test_a_caption_leaves_the_pictures_free(lines):
    pictures = [np.zeros((96, 96, 3), np.uint8)] * 2
    axes = images.grid(pictures, ["\n".join(["caption"] * lines)] * 2, columns=1)
    axes.figure.canvas.draw()
    # the pictures are black, the paper is not
    rows = np.flatnonzero((axes.images[0].get_array()[:, 5] == 0).all(1))
    first, second = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    caption = axes.texts[1].get_window_extent().transformed(axes.transData.inverted())
    assert first[-1] < min(caption.y0, caption.y1) < max(caption.y0, caption.y1) < second[0]


def test_a_model_shows_its_layers(model):
    assert "<td>1x1: 0–31, 3x3: 32–95, 5x5: 96–111, pool: 112–127</td>" in model._repr_html_()
    plain = ex.load(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3)), input_size=32)._repr_html_()
    assert "<td>4</td>" in plain
    assert "branches" not in plain


def test_machines_answer_trials_made_by_hand(model):
    rng = np.random.default_rng(0)
    light, dark = ([rng.integers(low, low + 50, (48, 48, 3), np.uint8) for _ in range(3)] for low in (200, 0))
    pictures = {f"light{n}": image for n, image in enumerate(light)} | {f"dark{n}": i for n, i in enumerate(dark)}
    trials = [
        ex.make_trial(
            "conv:0", max=["light0", "light1"], min=["dark0", "dark1"], queries=("light2", "dark2"), max_side=side,
            trial_id=side,
        )
        for side in ("top", "bottom")
    ]  # fmt: skip
    answers = ex.observe(ex.observers.Similarity.of_pictures(pictures, tested=model), trials)
    assert answers["correct"].all()
    assert set(ex.observe(ex.observers.Chance(), trials)["choice"]) <= {"top", "bottom"}


STUDY = """
seed = 3
[model]
input_size = 48
[images]
limit = 300
[units]
layers = ["mixed3b"]
choose = "2 per layer"
practice = 2
[index]
keep = 60
[explanations]
batches = 4
[synthetic]
steps = 1
[design]
participants = 1
catch = 1
repeated = 2
[observers]
run = ["ideal"]
[analysis]
bootstrap = 50
"""


def test_a_study_is_run_and_read(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    study = ex.Study.open(str(tmp_path))
    assert repr(study) == f"Study({str(tmp_path)!r}, nothing done yet)"
    assert dir(study.tables) == []
    study.run("report")
    estimates = study.tables.estimates
    pd.testing.assert_frame_equal(estimates, pd.read_parquet(tmp_path / "analysis/estimates.parquet"))
    assert (tmp_path / "report/index.html").exists()
    assert {"extremes", "queries", "stimuli", "trials"} <= set(dir(study.tables))
    shutil.rmtree(tmp_path / "analysis")
    assert study.run("analysis").tables.estimates.equals(estimates)
    with pytest.raises(AttributeError, match="did you mean estimates"):
        study.tables.estimate  # noqa: B018
    with pytest.raises(UserError, match="no stage 'reports'"):
        study.run("reports")


def test_no_task_takes_more_lines_than_elsewhere():
    ours = blocks("Exemplum")
    tasks = [task for task in ours if task[0].isdigit()]
    assert len(tasks) == 10
    for library in ("Lucent", "Horama", "Xplique"):
        theirs = blocks(library)
        assert len(theirs) >= 8
        assert [task for task in tasks if task in theirs and len(ours[task]) > len(theirs[task])] == []


def test_the_ten_tasks_run(monkeypatch):
    real, made = ex.visualize, []

    def quick(*given, **more):
        made.append(real(*given, **more | {"steps": 1, "images": min(2, more.get("images", 1)), "size": 96}))
        return made[-1]

    monkeypatch.setattr(ex, "visualize", quick)
    network = torchvision.models.googlenet(weights=None, aux_logits=False, init_weights=True).eval()
    names = {"network": network, "torch": torch}
    for task, lines in blocks("Exemplum").items():
        code = "\n".join(lines).replace("ex.load(network)", "ex.load(network, input_size=96)")
        exec(compile(code, task, "exec"), names)
    assert len(made) == 12
    assert all(len(pictures) and pictures.images.std() > 0 for pictures in made)
