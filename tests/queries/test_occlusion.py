"""Occlusion queries. Oracle: planted units, of a network that sums red and blue pixels of images with one spot of each.

A spot is redder (bluer) than the threshold; diluted into the mean of a patch it is not. So a unit loses its whole
activation where its spot is covered, and none where it is not touched.
"""

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from starlette.testclient import TestClient
from torch import nn

import exemplum as ex
from exemplum import models, store, tables
from exemplum.design import stage as design_stage
from exemplum.errors import UserError
from exemplum.observers import UnableError, load
from exemplum.observers.occlusion import OcclusionCue
from exemplum.queries import CorpusImages, QueryRequest
from exemplum.queries.occlusion import Covers, measured, occlusion, positions
from exemplum.queries.sources import load_source
from exemplum.records import Unit, make_trial
from exemplum.server import Experiment, Settings, create_app
from exemplum.study import Study, pipeline
from server.walk import Walker

SIZE, SPOT = 32, 5
RED, BLUE = Unit("2", 0), Unit("2", 1)
CENTRE, CORNER = (14, 13), (0, 0)  # where the red and the blue spot are
NETWORK = '''
import torch
from torch import nn
from exemplum.models import Network, Preprocessing

def planted():
    """Channel 0 of layer 2 is how much red there is beyond a threshold, channel 1 how much blue, channel 2 both."""
    module = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Conv2d(2, 3, 1))
    with torch.no_grad():
        module[0].weight[:] = torch.tensor([[1.0, -0.5, -0.5], [-0.5, -0.5, 1.0]])[:, :, None, None]
        module[0].bias[:] = -0.25
        module[2].weight[:] = torch.tensor([[100.0, 0], [0, 100], [50, 50]])[:, :, None, None]
        module[2].bias[:] = 0
    return Network(module, Preprocessing(32, 32, mean=(0,) * 3, std=(1,) * 3))
'''


def image(number: int) -> np.ndarray:
    """Faint grey blocks, and spots that are the more coloured the higher the number."""
    blocks = np.random.default_rng(number).integers(108, 149, (8, 8, 1), dtype=np.uint8)
    found = blocks.repeat(4, 0).repeat(4, 1).repeat(3, 2)
    for channel, (top, left) in ((0, CENTRE), (2, CORNER)):
        spot = found[top : top + SPOT, left : left + SPOT]
        spot[..., channel] = 206 + number % 50
        spot[..., 1] = 40
    return found


@pytest.fixture(scope="module")
def request_(tmp_path_factory):
    """A request for both units, as the stage makes it."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "spotted.py").write_text(NETWORK)
    model = models.load("spotted:planted", places=[folder])
    corpus = ex.open_images([image(number) for number in range(50)])
    index = ex.build_index(model, corpus, ["2"], keep=25, workers=0)
    return QueryRequest([RED, BLUE], CorpusImages(model, corpus, index, (9,), batches=2, seed=1), batch=32)


def touches(patch: dict, side: int, spot: tuple[int, int]) -> bool:
    return all(abs(2 * patch[key] + side - (2 * at + SPOT)) < side + SPOT
               for key, at in zip(("top", "left"), spot, strict=True))  # fmt: skip


def covers(patch: dict, side: int, spot: tuple[int, int]) -> bool:
    return all(patch[key] <= at and at + SPOT <= patch[key] + side
               for key, at in zip(("top", "left"), spot, strict=True))  # fmt: skip


def test_the_lowest_position_covers_the_planted_spot_and_the_highest_does_not_touch_it(request_):
    pairs = list(occlusion(request_, stride=1))
    assert [(pair.unit, pair.batch) for pair in pairs] == [(unit, batch) for unit in (RED, BLUE) for batch in (0, 1)]
    for pair in pairs:
        spot, side = {RED: CENTRE, BLUE: CORNER}[pair.unit], pair.facts["patch"]
        assert side == round(0.4 * SIZE)
        assert covers(pair.facts["min"], side, spot)
        assert not touches(pair.facts["max"], side, spot)
        highest, lowest = (shown.activation for shown in pair.images)
        assert highest == pytest.approx(pair.facts["activation"], rel=1e-5)
        assert lowest == 0


def test_the_two_copies_are_the_batchs_query_image_with_one_patch_of_its_mean_colour(request_):
    for pair in occlusion(request_, stride=2, batches=1):
        base = request_.extreme_queries(pair.unit, 9)[0][ex.Pole.MAX]
        references = {image.image_id for image in request_.dealt(pair.unit, 9)} - {
            asked.image_id for poles in request_.extreme_queries(pair.unit, 9).values() for asked in poles.values()
        }
        whole = request_.image(base.row)
        for name, shown in zip(("max", "min"), pair.images, strict=True):
            assert shown.image_id == base.image_id
            assert shown.image_id not in references
            top, left = pair.facts[name]["top"], pair.facts[name]["left"]
            inside = (slice(top, top + 13), slice(left, left + 13))
            assert np.ptp(shown.image[inside], axis=(0, 1)).max() == 0
            assert np.abs(shown.image[inside][0, 0] - whole[inside].mean((0, 1))).max() <= 0.5
            outside = np.ones((SIZE, SIZE), bool)
            outside[inside] = False
            assert (shown.image[outside] == whole[outside]).all()


def test_of_equal_positions_none_is_preferred(request_):
    """A spot in the corner leaves equal activations at most positions; their mean is near the centre."""
    places = [(pair.facts["max"]["top"], pair.facts["max"]["left"]) for pair in occlusion(request_, stride=1)]
    assert len(set(places)) > 1
    assert (0, 0) not in places


def test_all_positions_are_measured_a_few_at_a_time():
    image = np.zeros((20, 20, 3), np.uint8)
    asked: list[int] = []

    def measure(images: np.ndarray) -> np.ndarray:
        asked.append(len(images))
        return images[:, 0, 0, 0].astype(np.float32)

    corners = positions(20, 8, 1)
    assert len(measured(Covers(image, 8), corners, measure, batch=32)) == len(corners) == 13**2
    assert max(asked) == 32


def test_positions_are_those_of_the_paper():
    """224 px, a patch of 90 px and strides of 2 px: 68 positions per side, from edge to edge."""
    found = positions(224, 90, 2)
    assert (len(found), found[0], found[-1]) == (68**2, (0, 0), (134, 134))


@pytest.mark.parametrize("size", [64, 96, 224, 299])
def test_there_are_about_400_positions_by_default(size):
    assert 300 <= len(positions(size, round(0.4 * size), -(-size // 32))) <= 400


def test_fills():
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    assert (Covers(image, 8, "grey").copy((3, 4))[3:11, 4:12] == 128).all()
    blurred = Covers(image, 8, "blur").copy((3, 4))[3:11, 4:12].astype(float)
    assert 0 < blurred.std() < image.std() / 2


def test_a_unit_with_one_activation_for_all_positions_is_refused(request_):
    with pytest.raises(UserError, match=r"2:0 has the same activation, 0, wherever \d+ is covered; choose another"):
        list(occlusion(dead(request_), stride=1))


def dead(request: QueryRequest) -> QueryRequest:
    """The request with a network whose units are 0 for every image."""
    module = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Conv2d(2, 3, 1))
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    model = ex.load(ex.Network(module, request.model.preprocessing))
    given = request.corpus_images
    return QueryRequest([RED], CorpusImages(model, given.corpus, given.index, (9,), batches=2, seed=1))


def test_one_position_is_refused(request_):
    with pytest.raises(UserError, match="a patch of 13 px that moves by 60 px has one position in an image of 32 px"):
        list(occlusion(request_, stride=60))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"patch": 2}, "patch must be a number from 0.05 to 0.9 (got 2)"),
        ({"fill": "black"}, "fill must be one of mean, grey, blur (got 'black')"),
        ({"stride": 0}, "stride must be a whole number from 1 to 1024 (got 0)"),
        ({"pach": 0.4}, "query source occlusion has no parameter 'pach'; it has patch, stride, fill, pole, batches"),
    ],
)
def test_parameters_are_checked(parameters, said):
    with pytest.raises(UserError) as caught:
        load_source("occlusion", parameters)
    assert str(caught.value) == said


TOML = """
seed = 4
[model]
load = "spotted:planted"
[images]
load = "folder:images"
[units]
layers = ["2"]
choose = "none"
hand_picked = ["2:0", "2:1"]
practice = 1
[queries.occlusion]
stride = 2
batches = 3
[explanations]
methods = ["natural"]
batches = 5
[design]
participants = 4
catch = 1
repeated = 2
[observers]
run = ["ideal", "chance", "centre", "variance"]
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    """A study of the planted units, run as far as the machines' answers."""
    folder = tmp_path_factory.mktemp("occlusion")
    (folder / "spotted.py").write_text(NETWORK)
    (folder / "images").mkdir()
    for number in range(120):
        Image.fromarray(image(number)).save(folder / "images" / f"{number}.png")
    (folder / "study.toml").write_text(TOML)
    study = Study.open(folder)
    pipeline.run_stage(study, "responses", force=False)
    return study


def test_a_study_with_occlusion_queries_runs_and_its_truth_is_known(study):
    pairs = tables.QUERIES.read(study.stage("queries") / "queries.parquet")
    assert sorted(zip(pairs["unit"], pairs["batch"], strict=True)) == [
        (f"2:{u}", b) for u in range(3) for b in range(3)
    ]
    assert (pairs["image_max"] == pairs["image_min"]).all()
    assert (pairs.loc[pairs["unit"] != "2:2", "activation_min"] == 0).all()
    assert (pairs["margin"] > 0).all()
    trials = design_stage.load(study).trials
    assert {trial.batch for trial in trials} <= {0, 1, 2}
    asked = set(pairs["query_max"]) | set(pairs["query_min"])
    assert all({trial.query_max, trial.query_min} <= asked for trial in trials if trial.kind != "catch")


def test_baselines_answer_as_the_construction_says(study):
    """The red spot is at the centre, and the only contrast there: both are right. The blue one is at a corner."""
    answers = tables.RESPONSES.read(study.stage("responses") / "machines.parquet")
    main = answers[answers["trial_kind"] == "main"]
    right = main.groupby(["observer", "unit"])["correct"].mean()
    assert right["ideal"].tolist() == [1, 1]
    assert right["centre"].to_dict() == {"2:0": 1, "2:1": 0}
    assert right["variance", "2:0"] == 1


def test_the_variance_observer_prefers_the_flatter_patch(tmp_path):
    """Stripes on the left, a flat right half: whatever the unit does, the copy covered at the right is chosen."""
    image = np.full((32, 32, 3), 128, np.uint8)
    image[:, :16:2] = 0
    cover = Covers(image, 10)
    right, left = cover.facts((4, 20)), cover.facts((4, 6))
    assert right["deviation"] == 0
    assert left["deviation"] == pytest.approx(64)
    for most, least, said in ((right, left, "top"), (left, right, "bottom")):
        study = with_pair(tmp_path, {"size": 32, "patch": 10, "max": most, "min": least})
        trial = make_trial("2:0", queries=("max.png", "min.png"))
        for name, expected in (("variance", said), ("centre", said)):
            given = load(name, study).respond(trial, np.random.default_rng(0))
            assert (given.observer, str(given.choice)) == (name, expected)


def with_pair(folder, facts: dict) -> Study:
    """A study with one occlusion pair."""
    row = dict.fromkeys(tables.QUERIES.columns, "") | {
        "unit": "2:0", "layer": "2", "channel": 0, "difficulty": "covered", "source": "occlusion", "references": -1,
        "batch": 0, "query_max": "max.png", "query_min": "min.png", "activation_max": 2.0, "activation_min": 1.0,
        "percentile_max": 90.0, "percentile_min": 80.0, "margin": 1.0, "facts": json.dumps(facts),
    }  # fmt: skip
    (folder / "study.toml").write_text("")
    study = Study.open(folder)
    tables.QUERIES.write(study.stage("queries") / "queries.parquet", [row])
    tables.STIMULI.write(study.stage("explanations") / "stimuli.parquet", [])
    return study


def test_without_occlusion_queries_the_baselines_cannot_answer(tmp_path):
    study = with_pair(tmp_path, {})
    table = tables.QUERIES.read(study.stage("queries") / "queries.parquet").assign(source="extreme")
    tables.QUERIES.write(study.stage("queries") / "queries.parquet", table)
    for name in ("centre", "variance"):
        with pytest.raises(UnableError, match=f"{name} compares the covered patches of occlusion queries, and the"):
            load(name, study)


def test_trials_of_other_queries_are_a_fair_coin():
    observer, rng = OcclusionCue("centre", {"a": 1.0}), np.random.default_rng(0)
    trial = make_trial("2:0", queries=("a", "b"))
    given = [observer.respond(trial, rng) for _ in range(400)]
    assert {answer.confidence for answer in given} == {1}
    assert abs(pd.Series([answer.choice == "top" for answer in given]).mean() - 0.5) < 0.1


def test_pairs_are_stored_with_their_patches(study):
    pairs = tables.QUERIES.read(study.stage("queries") / "queries.parquet")
    for row in pairs.itertuples():
        facts = json.loads(row.facts)
        for pole, path in (("max", row.query_max), ("min", row.query_min)):
            shown, patch = store.read_png(study.folder / path), facts[pole]
            inside = shown[patch["top"] :, patch["left"] :][: facts["patch"], : facts["patch"]]
            assert np.ptp(inside, axis=(0, 1)).max() == 0


def test_people_see_the_covered_copies(study, tmp_path):
    """A whole session in the browser's place: every pair that is served, as JPEG, is a stored one."""
    folder = shutil.copytree(study.folder, tmp_path / "people")
    table = tables.QUERIES.read(study.stage("queries") / "queries.parquet")
    pairs = {frozenset(paths) for paths in table[["query_max", "query_min"]].itertuples(index=False, name=None)}
    stored = {path: store.read_png(study.folder / path).astype(float) for paths in pairs for path in paths}
    with TestClient(create_app(Experiment.open(Settings(folder, limits=False)))) as client:
        walker = Walker(client)
        walker.start()
        block = walker.walk(until=lambda step: step["kind"] == "block" and not step["practice"])
        for trial in block["trials"]:
            nearest = []
            for address in trial["queries"].values():
                served = np.asarray(Image.open(io.BytesIO(client.get(f"/{address}").content)).convert("RGB"))
                apart = {path: np.abs(image - served).mean() for path, image in stored.items()}
                nearest.append(min(apart, key=apart.__getitem__))
                assert apart[nearest[-1]] < 8
            assert frozenset(nearest) in pairs
        assert walker.walk()["kind"] == "finished"
