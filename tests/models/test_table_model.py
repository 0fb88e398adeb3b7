"""A table of activations as a model: measured units, natural exemplars, and no network."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import exemplum as ex
from exemplum import images
from exemplum.errors import UserError
from exemplum.images import Corpus
from exemplum.models import ModelError, TableModel

RNG = np.random.default_rng(0)


def names(corpus: Corpus) -> list[str]:
    return [corpus.record(row).image_id for row in range(len(corpus))]


@pytest.fixture(scope="module")
def table(corpus) -> pd.DataFrame:
    """Units of two layers, rows in another order than the images', with some rows of other images."""
    ids = [*names(corpus), "elsewhere/1.png", "elsewhere/2.png"]
    columns = ["it:0", "it:1", "it:2", "v4:0", "v4:1"]
    values = RNG.normal(size=(len(ids), 5)).astype(np.float32)
    return pd.DataFrame(values, columns=columns).assign(image=ids).sample(frac=1, random_state=0)


@pytest.fixture
def file(table, tmp_path) -> Path:
    table.to_parquet(tmp_path / "activations.parquet", index=False)
    return tmp_path / "activations.parquet"


def test_a_table_is_a_model_with_layers_and_units(file):
    model = ex.load(f"table:{file}")
    assert isinstance(model, TableModel)
    assert repr(model) == "TableModel('table:activations.parquet', 72 images × 5 units)"
    assert {name: layer.channels for name, layer in model.layers.items()} == {"it": 3, "v4": 2}
    assert model.default_layers == ["it", "v4"]
    assert model.units("v4") == [ex.Unit("v4", 0), ex.Unit("v4", 1)]
    assert model.branch("it:2") == ""
    assert model.input_size == 224
    assert ex.load(f"table:{file}", input_size=64).crop(np.zeros((80, 100, 3), np.uint8)).shape == (64, 64, 3)
    assert model.to_frame()["channels"].tolist() == [3, 2]
    with pytest.raises(ModelError, match=r"model table:activations.parquet has no layer 'v5'; known: it, v4"):
        model.layer("v5")


def test_the_index_of_a_table_is_the_table(file, table, corpus):
    model = ex.load(f"table:{file}", input_size=48)
    index = ex.build_index(model, corpus, keep=6, workers=0)
    own = table.set_index("image").loc[names(corpus)]
    for unit in own:
        order = own[unit].sort_values(ascending=False)
        found = index.exemplars(unit, "max", k=6).to_frame()
        assert found["image"].tolist() == order.index[:6].tolist()
        assert found["activation"].tolist() == order[:6].tolist()
        assert index.exemplars(unit, "min", k=6).to_frame()["image"].tolist() == order.index[::-1][:6].tolist()
    np.testing.assert_allclose(index.units["mean"], own.mean(), rtol=1e-5)
    assert np.isnan(index.percentile("it:0", float("nan")))
    picture = index.exemplars("it:0", k=1).images[0]
    np.testing.assert_array_equal(picture, model.crop(corpus.decode(int(found_row(index)))))
    again = ex.build_index(model, corpus, ["v4"], keep=6, workers=0, precision="bfloat16")  # there is no lower one
    np.testing.assert_array_equal(again.top("v4:1", "max")["activation"], index.top("v4:1", "max")["activation"])


def found_row(index) -> int:
    return index.exemplars("it:0", k=1).to_frame()["row"].iloc[0]


def test_broken_images_are_told_although_nothing_is_computed(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(6):
        images.photograph("grass").convert("RGB").resize((32, 32)).save(pictures / f"{number}.png")
    (pictures / "4.png").write_bytes(b"no image")
    frame = pd.DataFrame(
        {"a:0": np.arange(6.0)}, index=pd.Index([f"{number}.png" for number in range(6)], name="image")
    )
    frame.to_parquet(tmp_path / "a.parquet")
    index = ex.build_index(ex.load(f"table:{tmp_path / 'a.parquet'}"), ex.open_images(pictures), keep=2, workers=0)
    assert index.broken["image"].tolist() == ["4.png"]
    assert index.top("a:0", "max")["image"].tolist() == ["5.png", "3.png"]


def test_columns_with_other_names_are_numbered(corpus, tmp_path):
    frame = pd.DataFrame({"image": names(corpus), "neuron A": 1.0, "neuron B": 2})
    frame.to_csv(tmp_path / "recorded.csv", index=False)
    model = ex.load(f"table:{tmp_path / 'recorded.csv'}")
    assert model.columns == {ex.Unit("table", 0): "neuron A", ex.Unit("table", 1): "neuron B"}


def test_the_fingerprint_is_of_what_is_measured_and_shown(file, table):
    once = ex.load(f"table:{file}")
    assert ex.load(f"table:{file}").fingerprint == once.fingerprint
    assert ex.load(f"table:{file}", input_size=96).fingerprint != once.fingerprint
    for changed in (table.assign(**{"v4:1": 0.0}), table.rename(columns={"v4:0": "v4:2"}), table.iloc[1:]):
        changed.rename(columns={"v4:2": "v5:0", "v4:1": "v4:0"} if "v4:2" in changed else {}).to_parquet(file)
        assert ex.load(f"table:{file}").fingerprint != once.fingerprint
    assert pickle.loads(pickle.dumps(ex.load(f"table:{file}"))).fingerprint == ex.load(f"table:{file}").fingerprint


def test_a_table_measures_no_other_picture(file, corpus):
    model = ex.load(f"table:{file}")
    for attempt in (
        lambda: model.reader(["it"]), lambda: ex.visualize(model, "it:0", images=1, steps=1),
        lambda: ex.build_index(model, corpus, keep=4, workers=0).heatmap("it:0", 0),
    ):  # fmt: skip
        with pytest.raises(ModelError, match="is a table of activations without a network: no other picture can be"):
            attempt()
    with pytest.raises(ModelError, match=r"add the features of sae as columns sae:0, …"):
        model.with_dictionary("sae", "it", np.eye(3))


@pytest.mark.parametrize(("change", "message"), [
    (lambda t: t.drop(columns="image"), "has no column 'image' with the ids of the images"),
    (lambda t: pd.concat([t, t.iloc[:1]]), "more than once; leave one row per image"),
    (lambda t: t.iloc[:0], "has no rows"),
    (lambda t: t[["image"]], "has no columns besides the images' ids"),
    (lambda t: t.drop(columns="it:1"), "has it:2, but not it:1; number a layer's channels from 0 without gaps"),
    (lambda t: t.drop(columns="v4:0"), "has v4:1, but not v4:0"),
    (lambda t: t.assign(**{"it:0": "high"}), "column 'it:0' has no numbers"),
    (lambda t: t.assign(**{"it:0": np.where(np.arange(len(t)) == 3, np.nan, 1.0)}),
     r"has 1 cell without a finite number, the first for image .* and unit it:0"),
    (lambda t: t.rename(columns={"it:1": "it:00"}), "has two columns of one unit"),
])  # fmt: skip
def test_what_is_wrong_with_a_table_is_told_in_one_line(table, tmp_path, change, message):
    change(table.reset_index(drop=True)).to_parquet(tmp_path / "a.parquet", index=False)
    with pytest.raises(ModelError, match=message) as told:
        ex.load(f"table:{tmp_path / 'a.parquet'}")
    assert "table:a.parquet" in str(told.value)


def test_images_that_the_table_lacks_are_named_and_counted(table, corpus, tmp_path):
    absent = names(corpus)[10:13]
    table[~table["image"].isin(absent)].to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ModelError, match=f"has no row for 3 of the 70 images, the first is '{absent[0]}'"):
        ex.build_index(ex.load(f"table:{tmp_path / 'a.parquet'}"), corpus, keep=4)


def test_ids_that_look_like_numbers_stay_what_they_are(tmp_path):
    pd.DataFrame({"image": ["007", "1e3"], "a": [1.0, 2.0]}).to_csv(tmp_path / "a.csv", index=False)
    assert list(ex.load(f"table:{tmp_path / 'a.csv'}").rows) == ["007", "1e3"]


def test_files_that_are_no_tables(tmp_path, table):
    table.to_parquet(tmp_path / "activations.parquet")
    (tmp_path / "broken.parquet").write_text("nothing")
    for name, message in [
        ("activation.parquet", "does not exist; did you mean activations.parquet"),
        ("activations.npy", "is no table of activations; give a file that ends in .parquet or .csv"),
        ("broken.parquet", "cannot be read as a table"),
    ]:
        with pytest.raises(ModelError, match=message):
            ex.load(f"table:{tmp_path / name}")
    with pytest.raises(ModelError, match="has no weights; leave them out"):
        ex.load(f"table:{tmp_path / 'activations.parquet'}", weights="DEFAULT")


STUDY = """
seed = 3
[model]
load = "table:activations.parquet"
input_size = 64
[images]
load = "embedded"
limit = 300
[units]
choose = "2 per layer"
practice = 2
[index]
keep = 60
[queries]
difficulty = ["extreme", 0.75]
[explanations]
methods = ["natural", "random", "own:blurred"]
batches = 2
[design]
protocol = "quick"
participants = 2
[observers]
run = ["ideal", "chance"]
[analysis]
bootstrap = 50
"""
OWN = """
import exemplum as ex

def blurred(request):
    for unit in request.units:
        for pole in ex.Pole:
            for place, exemplar in enumerate(request.exemplars(unit, pole)):
                yield ex.Picture(unit, pole, place, exemplar.image()[::-1])
"""


def write_study(folder: Path, toml: str, share: float = 1.0) -> ex.Study:
    """A study folder with the table of all images, or of the first share of them, and a method of one's own."""
    ids = names(images.open_corpus("embedded", seed=3))
    columns = [f"it:{channel}" for channel in range(4)]
    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(len(ids), 4)), columns=columns, index=ids)
    frame.iloc[: round(share * len(ids))].rename_axis("image").to_parquet(folder / "activations.parquet")
    (folder / "study.toml").write_text(toml)
    (folder / "own.py").write_text(OWN)
    return ex.Study.open(folder)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> ex.Study:
    """A study of a table, from index to the machines' answers."""
    return write_study(tmp_path_factory.mktemp("study"), STUDY).run("responses")


def test_machines_answer_the_trials_of_a_table(study):
    trials = study.tables.trials
    assert set(trials["condition"]) >= {"natural", "random", "blurred"}
    assert set(trials.loc[trials["kind"] == "main", "difficulty"]) == {"extreme", "0.75"}
    answers = pd.read_parquet(study.folder / "responses" / "machines.parquet")
    ideal = answers[(answers["observer"] == "ideal") & ~answers["condition"].isin(["none"])]
    assert ideal.loc[ideal["trial_kind"] == "main", "correct"].all()
    # the query of a catch trial is a picture that no network has measured
    assert ideal.loc[(ideal["trial_kind"] == "catch") & (ideal["condition"] == "blurred"), "correct"].all()


@pytest.mark.slow
def test_a_study_of_a_table_goes_to_the_report(study):
    study.run("report")
    assert (study.folder / "report" / "index.html").exists()
    assert set(study.tables.estimates["condition"]) >= {"natural", "random", "blurred"}


def test_pictures_that_cannot_be_measured_have_no_activation_and_are_not_failed(study):
    stimuli = study.tables.stimuli
    own = stimuli[stimuli["method"] == "blurred"]
    assert len(own)
    assert own[["activation", "percentile", "margin"]].isna().all(axis=None)
    assert not own["failed"].any()
    natural = stimuli[stimuli["method"] == "natural"]
    frame = pd.read_parquet(study.folder / "activations.parquet").astype(np.float32)
    expected = [frame.at[row.image, row.unit] for row in natural.itertuples()]
    np.testing.assert_array_equal(natural["activation"], expected)


@pytest.mark.parametrize(("old", "new", "message"), [
    ('methods = ["natural", "random", "own:blurred"]', "",
     r"\[explanations\] methods: method synthetic optimizes pictures, for which it needs a network"),
    ('methods = ["natural", "random", "own:blurred"]\nbatches = 2',
     '[explanations.crops]\nmethod = "natural"\nshow = "crop"',
     r"\[explanations.crops\]: method natural with show = 'crop' reads maps, for which it needs a network"),
    ('methods = ["natural", "random", "own:blurred"]\nbatches = 2',
     '[explanations.varied]\nmethod = "natural"\norder = "diverse"',
     r'\[explanations.varied\]: method natural with order = "diverse" reads maps'),
    ('[queries]\ndifficulty = ["extreme", 0.75]', "[queries.occlusion]",
     r"\[queries.occlusion\]: source occlusion measures pictures, but \[model\] load is a table of activations"),
    ("keep = 60", 'keep = 60\nobjective = "max"', r"\[index\] objective: \[model\] load is a table"),
    ("activations.parquet", "activation.parquet", r"\[model\] load: the table .*activation.parquet does not exist"),
    ("limit = 300", "limit = 300\n[dictionaries.sae]\nlayer = 'it'\nload = 'x.npy'", r"\[dictionaries.sae\]: the d"),
])  # fmt: skip
def test_what_a_table_cannot_do_is_told_before_any_work(tmp_path, old, new, message):
    assert old in STUDY
    with pytest.raises(UserError, match=message):
        write_study(tmp_path, STUDY.replace(old, new)).run()
    assert not (tmp_path / "index").exists()


def test_images_without_a_row_are_told_before_any_work(tmp_path):
    with pytest.raises(
        UserError, match=r"\[model\] load: table:activations.parquet has no row for 1\d\d of the 300 ima"
    ):
        write_study(tmp_path, STUDY, share=0.5).run()
    assert not (tmp_path / "index").exists()
