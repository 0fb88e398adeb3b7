"""What the gallery says of a unit is what the study's own tables say."""

from __future__ import annotations

import base64
import itertools
import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from exemplum import tables
from exemplum.gallery import build, selection, study_data
from exemplum.gallery.maps import MapGrid, _Pass, _pooled
from exemplum.index import Measurer, enlarged, stage as index_stage
from exemplum.study import Study
from gallery.conftest import DEAD, FEATURES, data, unit

PLACES = (0, 5, 128, 128 + 9, 128 + 240 + 2)  # of units in three layers


@pytest.fixture(scope="module")
def index(study):
    return index_stage.load(study).attached(index_stage.load_model(study), index_stage.open_corpus(study))


@pytest.fixture(scope="module")
def ids(site):
    return data(site, "images.json")["ids"]


def test_every_unit_of_every_layer_is_there(site, index):
    network = data(site, "network.json")
    assert [layer["name"] for layer in network["layers"]] == ["mixed3a", "mixed3b", "sae"]
    names = [
        f"{layer['name']}:{channel}"
        for number, layer in enumerate(network["layers"])
        for channel in data(site, f"layers/{number}.json")["channel"]
    ]
    assert names == index.units["unit"].tolist()
    assert [unit(site, place)["unit"] for place in PLACES] == [names[place] for place in PLACES]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("pole", ["max", "min"])
def test_exemplars_are_the_extremes_of_the_index(site, index, ids, place, pole):
    top = index.top(index.units["unit"][place], pole).head(9)
    if pole == "max":  # images for which a feature is zero do not stand for what it responds to
        top = top[top["activation"] > np.float32(index.units["low"][place])]
    found = unit(site, place)[pole]
    assert [ids[each[0]] for each in found] == top["image"].tolist()
    assert [each[1] for each in found] == pytest.approx(top["activation"].tolist(), rel=1e-3)
    assert [each[2:] for each in found] == top[["top", "left", "bottom", "right"]].to_numpy().tolist()


@pytest.mark.parametrize("place", PLACES)
def test_the_image_at_a_percentile_has_that_share_of_the_corpus_below_it(site, index, place):
    name, found = index.units["unit"][place], unit(site, place)
    count = len(index.sample)
    for percentile, activation in enumerate(found["ladderActivations"]):
        values, near = index.sample.ascending(place), 1e-3 * abs(activation) + 1e-6  # as it is rounded
        # among images of the same activation the rank is that of any of them
        first, last = np.searchsorted(values, [activation - near, activation + near])
        assert 100 * first / count - 1.5 <= percentile <= 100 * last / count + 1.5, name
    assert sum(found["counts"]) == count


@pytest.mark.parametrize("place", PLACES)
def test_percentiles_agree_with_the_quantiles_of_the_index_and_end_at_the_extremes(site, index, place):
    found, facts = unit(site, place), index.units.iloc[place]
    named = {percent: facts[f"q{percent:02d}"] for percent in (1, 5, 25, 50, 75, 95, 99)}
    for percent, value in ({0: facts["low"], 100: facts["high"]} | named).items():
        assert found["ladderActivations"][percent] == pytest.approx(value, rel=1e-3, abs=1e-9), percent


def test_of_fewer_images_each_percentile_has_the_nearest_and_the_ends_are_the_extremes(index, monkeypatch):
    monkeypatch.setattr(selection, "POOL", 25)
    found = selection.select(index)
    assert found.ladder_activations[:, 0] == pytest.approx(index.units["low"].to_numpy(np.float32))
    assert found.ladder_activations[:, -1] == pytest.approx(index.units["high"].to_numpy(np.float32))
    for place in PLACES:
        ascending = index.sample.ascending(place)
        for percent, activation in enumerate(found.ladder_activations[place]):
            first, last = np.searchsorted(ascending, activation), np.searchsorted(ascending, activation, "right") - 1
            # 25 of 110 images: one is at most 4.4 % away on average
            assert 100 * first / 109 - 9 <= percent <= 100 * last / 109 + 9


def test_every_bin_with_images_shows_one_of_them(site, index, ids):
    for place in (5, 128 + 9):
        found = unit(site, place)
        assert [image >= 0 for image in found["along"]] == [count > 0 for count in found["counts"]]
        by_row = dict(zip(*(part.tolist() for part in index.ranked(found["unit"])), strict=True))
        low, width = found["low"], (found["high"] - found["low"]) / len(found["counts"])
        for number, (image, activation) in enumerate(zip(found["along"], found["alongActivations"], strict=True)):
            if image >= 0:
                assert by_row[index._rows_of_images[ids[image]]] == pytest.approx(activation, rel=1e-3, abs=1e-5)
                assert abs(activation - (low + width * (number + 0.5))) <= width * 0.6  # as they are rounded


def test_a_small_map_is_the_heatmap_of_the_index(site, index, ids):
    network = data(site, "network.json")
    for place, layer in ((5, 0), (128 + 240 + 2, 2)):
        found, cells = unit(site, place), network["layers"][layer]["grid"]["cells"]
        raw = np.frombuffer(base64.b64decode(found["maps"]["data"]), np.uint8).reshape(-1, *cells)
        low, high = found["maps"]["low"], found["maps"]["high"]
        grid = index.model.grid("mixed3a")
        for small, (image, *_) in zip(raw, [*found["max"], *found["min"]], strict=True):
            shown = enlarged(low + (high - low) * small / 255, grid)
            assert np.abs(shown - index.heatmap(found["unit"], ids[image])).max() <= 0.01 * (high - low) + 1e-6


def test_large_maps_are_averaged_over_groups_of_cells():
    maps = np.arange(2 * 15 * 4, dtype=np.float32).reshape(2, 15, 4)
    found = _pooled(maps, MapGrid((8, 4), (1, 1), (0, 0), (2, 1)))
    assert found.shape == (2, 8, 4)
    assert np.allclose(found[1, 0], maps[1, :2].mean(0))
    assert np.allclose(found[1, 7], maps[1, 14])  # the last group has one row


def test_maps_of_a_dictionary_are_read_of_as_few_images_at_a_time_as_it_is_measured_for(index, monkeypatch):
    monkeypatch.setattr("exemplum.index.activations.MAPS", (2**20, 2**20))
    layers = ["mixed3b", "sae"]
    held = _Pass(index.model, dict(zip(layers, layers, strict=True)), "before").most
    assert held == Measurer(index.model, layers, "before", "channel").most > 1


def test_sheets_hold_each_image_once_as_the_network_sees_it(site, index, ids):
    network, folder = data(site, "network.json"), json.loads((site / "gallery.json").read_text())["images"]
    assert len(set(ids)) == len(ids) == len(list(site.glob(f"{folder}/large/*/*.webp")))
    sheet = np.asarray(Image.open(site / folder / "sheet-0.webp").convert("RGB"), dtype=float)
    for number in (0, 40, len(ids) - 1):
        down, right = (network["thumb"] * at for at in divmod(number, network["across"]))
        tile = sheet[down : down + network["thumb"], right : right + network["thumb"]]
        row = index._rows_of_images[ids[number]]
        seen = Image.fromarray(index.model.crop(index.corpus.decode(row)))
        wanted = np.asarray(seen.resize((network["thumb"],) * 2, Image.Resampling.LANCZOS), dtype=float)
        assert np.abs(tile - wanted).mean() < 12  # grey levels: WebP's losses


def test_a_feature_has_only_images_that_it_responds_to(site, index):
    counts = {place: len(unit(site, place)["max"]) for place in range(128 + 240, 128 + 240 + FEATURES)}
    active = index.units["active"].to_numpy()
    assert counts == {place: min(9, active[place]) for place in counts}
    assert counts[128 + 240 + DEAD] == 0


def test_dead_features_are_flagged(site):
    layer = data(site, "layers/2.json")
    assert [place for place, flag in enumerate(layer["flags"]) if flag == 1] == [DEAD]
    assert len(layer["flags"]) == FEATURES
    assert data(site, "network.json")["layers"][2]["dead"] == 1


def test_neighbours_have_the_highest_correlations_over_the_images(site, index):
    values = np.stack([index.sample.values(place) for place in range(len(index.units))])
    values = values[values.std(1) > 0]  # the dead feature is the last one left out
    correlations = np.corrcoef(values)
    for place in (5, 200):
        order = [other for other in np.argsort(-correlations[place]) if other != place][:10]
        assert [round(correlations[place, other], 2) for other in order] == pytest.approx(
            [each[1] for each in unit(site, place)["alike"]], abs=0.011
        )


def test_units_share_as_many_images_as_is_said(site, index):
    lows, tops = index.units["low"].to_numpy(np.float32), []
    for place, name in enumerate(index.units["unit"]):
        rows, activations = index.extreme(name, "max")  # `keep` of them
        tops.append(set(rows[activations > lows[place]].tolist()))
    for other, shared in unit(site, 5)["sharing"]:
        assert len(tops[5] & tops[other]) == shared


def test_a_liked_label_is_as_frequent_as_is_said(site, study, index):
    corpus, network = index_stage.open_corpus(study), data(site, "network.json")
    labels = [corpus.record(row).labels.items() for row in range(len(corpus))]
    everywhere = Counter(item for items in labels for item in items)
    some = 0
    for place in range(0, 360, 7):
        rows = index.extreme(index.units["unit"][place], "max")[0][: network["likedTop"]]
        mine = Counter(item for row in rows for item in labels[row])
        for label, count, of, share in unit(site, place)["likes"]:
            key = tuple(network["labels"][label][:2])
            assert (mine[key], len(rows)) == (count, of)
            assert everywhere[key] / len(corpus) == pytest.approx(share, abs=1e-4)
            some += 1
    assert some


def test_scores_are_those_of_the_table(site, study):
    network, table = data(site, "network.json"), tables.SCORES.read(study.folder / "scores" / "scores.parquet")
    assert [(view["method"], view["difficulty"]) for view in network["views"]] == [
        ("natural", "extreme"), ("natural", "0.8"), ("random", "extreme"), ("random", "0.8"),
    ]  # fmt: skip
    name = "mixed3b:9"
    mine = table[(table["unit"] == name) & (table["n_tasks"] > 0)]
    found = unit(site, 128 + 9)["scores"]
    assert len(found) == len(mine)
    for view, null, accuracy, *_, tasks in found:
        of = network["views"][view]
        row = mine[
            (mine["method"] == of["method"]) & (mine["difficulty"] == of["difficulty"])
            & (mine["null"] == ("" if null < 0 else network["nulls"][null]))
        ].iloc[0]  # fmt: skip
        assert (accuracy, tasks) == (pytest.approx(row["accuracy"], abs=1e-4), row["n_tasks"])
    column = data(site, "layers/1.json")["scores"][0]["accuracy"]
    own = table.query("method == 'natural' and difficulty == 'extreme' and null == ''").set_index("unit")["accuracy"]
    assert column[9] == pytest.approx(own[name], abs=1e-3)


def test_methods_show_their_own_pictures_with_their_activations(site, study):
    stimuli = tables.STIMULI.read(study.folder / "explanations" / "stimuli.parquet")
    found = {each["method"]: each for each in unit(site, 5)["pictures"]}
    assert list(found) == ["natural", "crops", "random"]
    for method, pole in itertools.product(found, ("max", "min")):
        mine = stimuli.query("unit == 'mixed3a:5' and method == @method and pole == @pole").sort_values("position")
        assert [each[1] for each in found[method][pole]] == pytest.approx(mine["activation"].tolist(), rel=1e-3)
    pictures = json.loads((site / "gallery.json").read_text())["pictures"]
    assert all(isinstance(each[0], int) for each in found["natural"]["max"])  # images of the corpus, stored once
    assert all((site / pictures / each[0]).exists() for each in found["crops"]["max"])


def test_people_are_hidden_while_the_study_recruits(site):
    network = data(site, "network.json")
    assert "left out while the study recruits" in network["notice"]
    assert not network["hasPeople"]
    assert "participants" not in {name for name, _ in network["observers"]}
    for task in unit(site, 5)["tasks"]:
        assert set(task["answers"]) <= {"ideal", "chance"}
    assert data(site, "layers/0.json")["people"] is None


def test_people_are_counted_once_recruitment_is_closed(site, unblinded):
    before = json.loads((unblinded.folder / "gallery" / "gallery.json").read_text())
    closed = build(unblinded).parent
    assert json.loads((closed / "gallery.json").read_text())["data"] != before["data"]
    people = tables.RESPONSES.read(unblinded.folder / "responses" / "people.parquet")
    main = people[(people["trial_kind"] == "main") & (people["unit"] == "mixed3a:5")]
    found = [task for task in unit(closed, 5)["tasks"] if task["kind"] == "main"]
    counted = np.sum([task["answers"]["participants"] for task in found if "participants" in task["answers"]], axis=0)
    assert counted.tolist() == [len(main), int(main["correct"].sum())]
    # random references explain nothing
    informed = main[main["condition"] != "random"]
    assert data(closed, "layers/0.json")["people"][5] == [len(informed), int(informed["correct"].sum())]


def test_participants_whom_a_rule_excludes_are_not_counted_though_nothing_was_analysed(unblinded):
    people = tables.RESPONSES.read(unblinded.folder / "responses" / "people.parquet")
    main = people[people["trial_kind"] == "main"]
    chosen = pd.crosstab(main["participant"], main["choice"])
    sides = chosen.reindex(columns=["top", "bottom"], fill_value=0).min(axis=1)
    limit = int(sides.max())
    kept = main[main["participant"].isin(sides.index[sides >= limit])]
    assert 0 < len(kept) < len(main)
    before = study_data.fingerprint(unblinded, [study_data.TRIALS])
    with (unblinded.folder / "study.toml").open("a", encoding="utf-8") as toml:
        toml.write(f"[exclusions]\nanswers_each_side = {limit}\n")
    changed = Study.open(unblinded.folder)
    assert study_data.fingerprint(changed, [study_data.TRIALS]) != before
    counted = study_data.read(changed, [study_data.TRIALS]).responses
    counted = counted[(counted["observer_kind"] == "person") & (counted["trial_kind"] == "main")]
    assert sorted(counted["trial_id"]) == sorted(kept["trial_id"])
