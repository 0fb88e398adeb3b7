"""Scores of real units by real observers: nulls at chance, a planted unit, the stage and its resumption."""

import shutil

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import exemplum as ex
from exemplum.errors import UserError
from exemplum.scores import Scores, pictures
from scores.conftest import TOML

OBSERVERS = ["similarity", "mean_colour", "luminance", "orientation_histogram"]
DIFFICULTIES = ["extreme", 0.85, 0.75]
LAYERS = ["mixed3a", "mixed4a", "mixed4d", "mixed4e"]


@pytest.fixture(scope="module")
def index(model):
    return ex.build_index(model, ex.open_images("embedded", limit=400), LAYERS, keep=100)


@pytest.fixture(scope="module")
def scores(model, index) -> Scores:
    """Every unit of four layers, with the nulls of the same units."""
    return ex.score(
        model,
        index,
        difficulty=DIFFICULTIES,
        observers=OBSERVERS,
        nulls=["shuffled", "random"],
        tasks=6,
        references=4,
    )


def test_shuffled_units_are_at_chance_for_every_observer_at_every_difficulty(scores):
    """A test of the machinery: intervals for all 12 means together (Bonferroni) hold .5, over 1,000 units and more."""
    table = scores.to_frame()
    for null in ("shuffled", "random"):
        of = table[table["null"] == null].groupby(["observer", "difficulty"])["accuracy"]
        assert of.count().min() >= 1000
        assert len(of) == len(OBSERVERS) * len(DIFFICULTIES)
        t = (of.mean() - 0.5) / (of.std() / np.sqrt(of.count()))
        limit = stats.norm.ppf(1 - 0.05 / 2 / len(of))
        assert t.abs().max() < limit, t


def test_harder_queries_are_answered_worse_and_above_chance(scores):
    table = scores.by_layer()
    own = table[(table["layer"] == "") & (table["null"] == "") & (table["observer"] == "similarity")]
    means = own.set_index("difficulty")["accuracy"][["extreme", "0.85", "0.75"]]
    assert means.is_monotonic_decreasing
    assert means.iloc[0] > 0.95
    assert (own["low"] > 0.5).all()
    assert scores.difficulties == ["extreme", "0.85", "0.75"]


def test_low_level_observers_are_worse_than_features_and_better_than_chance(scores):
    means = scores.by_layer().query("layer == '' and null == '' and difficulty == 'extreme'").set_index("observer")
    assert means["accuracy"].idxmax() == "similarity"
    assert (means["low"] > 0.5).all()


def test_words_and_figure(scores):
    said = scores.said()
    assert len(said) == 2 * len(DIFFICULTIES)
    assert all("above it in all 4 layers" in sentence for sentence in said[:2])
    axes = scores.plot()
    assert len(axes.get_legend().get_texts()) == 3  # natural, and two nulls
    assert repr(scores).startswith("Scores(1,0")


def inverted(request: ex.Request):
    for unit in request.units:
        for pole in ex.Pole:
            for position, exemplar in enumerate(request.exemplars(unit, pole)):
                yield ex.Picture(
                    unit, pole, position, 255 - exemplar.image(), image_id=exemplar.image_id, group=exemplar.group
                )


def test_methods_are_scored_on_the_same_tasks(model, index):
    """Negatives tell colour the wrong way round; crops are made from the references of the tasks."""
    found = ex.score(
        model, index, units=["mixed4a:30", "mixed4a:17"], observers=["mean_colour", "similarity"],
        tasks=5, references=4,
        methods={
            "natural": "natural", "crops": ex.natural_images(show="crop"), "negatives": inverted, "none": "random",
        },
    )  # fmt: skip
    table = found.to_frame()
    assert table.groupby("method")["unit"].nunique().to_dict() == dict.fromkeys(table["method"], 2)
    means = table.groupby(["observer", "method"])["accuracy"].mean()
    assert means["mean_colour", "negatives"] < 0.3
    assert means["similarity", "crops"] > 0.8
    compared = found.differences().query("layer == '' and observer == 'similarity'")
    assert set(compared["method"]) == {"crops", "negatives", "none"}
    assert list(found.by_unit("similarity")["unit"]) == ["mixed4a:30", "mixed4a:17"]


def test_a_planted_unit_is_scored_by_what_it_responds_to(corpus, tmp_path):
    """Of a table of activations, the share of red is told by colour, and noise by nothing."""
    pictures = [corpus.decode(row).astype(float) for row in range(len(corpus))]
    red = [picture[..., 0].mean() - picture[..., 1:].mean() for picture in pictures]
    names = [corpus.record(row).image_id for row in range(len(corpus))]
    noise = np.random.default_rng(0).normal(size=(len(red), 20))
    table = pd.DataFrame({f"noise:{k}": noise[:, k] for k in range(20)} | {"image": names, "red:0": red})
    table.to_parquet(tmp_path / "activations.parquet")
    model = ex.load(f"table:{tmp_path / 'activations.parquet'}", input_size=48)
    index = ex.build_index(model, corpus, workers=0)
    found = ex.score(model, index, observers=["mean_colour"], tasks=5, references=4, workers=0, nulls=["shuffled"])
    own = found.to_frame().query("null == ''").set_index("layer")["accuracy"]
    assert own["red"] == 1
    assert abs(own["noise"].mean() - 0.5) < 0.3
    with pytest.raises(UserError, match=r"null untrained needs a network, but the model is a table"):
        ex.score(model, index, observers=["mean_colour"], nulls=["untrained"])


def tables(study: ex.Study) -> list[pd.DataFrame]:
    return [getattr(study.tables, name) for name in ("scores", "score_summaries", "score_differences")]


def test_the_stage_scores_every_unit_and_its_nulls_without_a_design(study, model):
    scores, summaries, differences = tables(study)
    units, channels = len(model.units("mixed5b")), model.layer("mixed5b").channels
    counts = scores.query("difficulty == '0.8' and observer == 'contrast'").groupby(["method", "null"]).size()
    assert counts.to_dict() == {
        ("natural", ""): units, ("natural", "untrained"): units, ("natural", "shuffled"): units,
        ("natural", "random"): units, ("natural", "directions"): min(channels, 128), ("random", ""): units,
    }  # fmt: skip
    assert set(scores["layer"]) == {"mixed5b"}
    assert set(summaries["layer"]) == {"mixed5b", ""}
    assert set(differences["against"]) == {"untrained", "shuffled", "directions", "random", "natural"}
    assert not study.stage("design").exists()


def test_scores_made_again_are_the_same_with_and_without_what_is_kept(study):
    first, record = tables(study), study.stage("scores") / "record.json"
    made = record.stat().st_mtime_ns
    study.run("scores")
    assert record.stat().st_mtime_ns == made  # up to date
    record.unlink()
    vectors = {path: path.stat().st_ino for path in study.stage("scores").rglob("*.npy")}
    study.run("scores")
    assert vectors == {path: path.stat().st_ino for path in study.stage("scores").rglob("*.npy")}  # not written again
    for table, again in zip(first, tables(study), strict=True):
        pd.testing.assert_frame_equal(table, again)
    study.run("scores", force=True)
    for table, again in zip(first, tables(study), strict=True):
        pd.testing.assert_frame_equal(table, again)


def test_what_other_settings_do_not_need_is_no_longer_kept(study, tmp_path):
    copy = shutil.copytree(study.folder, tmp_path / "copy")
    fewer = TOML.replace('"luminance", ', "").replace('"untrained", ', "").replace('"directions", ', "")
    (copy / "study.toml").write_text(fewer, encoding="utf-8")
    kept = copy / "scores" / "cache"
    before = {path.relative_to(kept) for path in kept.rglob("*") if path.is_file()}
    ex.Study.open(copy).run("scores")
    after = {path.relative_to(kept) for path in kept.rglob("*") if path.is_file()}
    assert {path.parts[0] for path in before} > {"untrained", "directions"}
    assert len({path.parts[0] for path in after}) == 2  # vectors of contrast, and thumbnails
    assert after < before


EVERY_UNIT = """
[images]
limit = 160
[units]
layers = ["mixed3a"]
[explanations.natural]
[explanations.negatives]
method = "mine:negatives"
[scores]
difficulty = ["extreme"]
tasks = 1
references = [4]
observers = ["mean_colour"]
nulls = []
every_unit = ["negatives"]
"""
NEGATIVES = """
from pathlib import Path
import exemplum as ex
CALLS = Path(__file__).with_name("calls")

def negatives(request):
    with CALLS.open("a") as calls:
        print(*request.units, file=calls)
    if len(CALLS.read_text().splitlines()) == 3:
        raise RuntimeError("no more memory")
    for unit in request.units:
        for batch in request.batches(unit):
            for pole in ex.Pole:
                for place, one in enumerate(request.exemplars(unit, pole, batch=batch)):
                    yield ex.Picture(unit, pole, place, 255 - one.image(), image_id=one.image_id, batch=batch)
"""


def test_a_method_makes_pictures_for_every_unit_and_continues_where_it_was_stopped(tmp_path, monkeypatch, model):
    """Negatives tell colour the wrong way round. The third part of the units fails once."""
    monkeypatch.setattr(pictures, "PICTURES", 256)  # of 32 units, at 2 poles × 4 references
    (tmp_path / "study.toml").write_text(EVERY_UNIT, encoding="utf-8")
    (tmp_path / "mine.py").write_text(NEGATIVES, encoding="utf-8")
    study = ex.Study.open(tmp_path)
    with pytest.raises(UserError, match="no more memory"):
        study.run("scores")
    study.run("scores")
    asked = [line.split() for line in (tmp_path / "calls").read_text().splitlines()]
    assert asked[2] == asked[3]  # again, and no other
    everyone = [str(unit) for unit in model.units("mixed3a")]
    assert [unit for part in (*asked[:2], *asked[3:]) for unit in part] == everyone
    table = study.tables.scores.groupby("method")
    assert table["n_tasks"].sum().to_dict() == {"natural": 128, "negatives": 128}
    assert table["accuracy"].mean()["natural"] > 0.6
    assert table["accuracy"].mean()["negatives"] < 0.4
    assert not list(tmp_path.rglob("parts"))
    assert not (tmp_path / "explanations").exists()


def test_what_study_toml_names_wrongly_is_told_before_any_work(study, tmp_path):
    for old, new, said in (
        ('observers = ["luminance", "contrast"]', 'observers = ["ideal"]', r"\[scores\] observers: observer ideal"),
        ("tasks = 4", 'methods = ["naturl"]', r"\[scores\] methods: naturl is no method of \[explanations\]"),
        ("tasks = 4", 'calibration = "none.json"', r"\[scores\] calibration: .*none.json does not exist"),
        ("0.8]", "0.4]", "difficulty"),
    ):
        (tmp_path / "study.toml").write_text(TOML.replace(old, new), encoding="utf-8")
        with pytest.raises(UserError, match=said):
            ex.Study.open(tmp_path).run("scores")
        assert not (tmp_path / "index").exists()


def test_incomplete_methods_and_observers_of_one_name_are_refused(model, index):
    def few(request):
        for unit in request.units:
            for pole in ex.Pole:
                yield ex.Picture(unit, pole, 0, request.exemplars(unit, pole)[0].image())

    with pytest.raises(UserError, match=r"method few gave 2 pictures of mixed4a:3, but no set of 4 for each pole"):
        ex.score(
            model, index, units=["mixed4a:3"], methods={"few": few}, references=4, tasks=3, observers=["luminance"]
        )
    with pytest.raises(UserError, match=r"two observers are called luminance"):
        ex.score(model, index, units=["mixed4a:3"], observers=["luminance", "luminance"])


def test_wrong_names_are_told(model, index):
    with pytest.raises(UserError, match=r"no difficulty 'hard'; give extreme, or a percentile"):
        ex.score(model, index, difficulty="hard")
    with pytest.raises(UserError, match=r"no null 'untraind'; did you mean untrained"):
        ex.score(model, index, nulls=["untraind"], units=["mixed4a:1"], observers=["luminance"])
    with pytest.raises(UserError, match=r"mixed6:1 is not in the index"):
        ex.score(model, index, units=["mixed6:1"])
