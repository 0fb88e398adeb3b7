"""A query among its references stops the design: by file, id, group and content; what is safe passes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from design.altered import CHANGES, blurred
from design.made import stimuli, units
from exemplum import images, store
from exemplum.design import DesignError, leakage, make
from exemplum.explanations import finished, overlays
from exemplum.images import copies
from exemplum.queries import split_queries
from exemplum.records import Design, Pole, TrialKind
from exemplum.tables import STIMULI

OF = units(2, 1)
TABLE = stimuli(OF, batches=3, references=(2,))
SIZES = {"practice": 1, "blocks": 1, "catch": 1, "repeated": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A study folder whose pictures are all different drawings of the embedded corpus, none of which repeats."""
    home, corpus = tmp_path_factory.mktemp("study"), images.open_corpus("embedded")
    families = ("face", "bird", "fish", "clock", "mushroom", "flower", "snake", "pet", "tree", "eye", "leopard")
    rows = [row for row in range(len(corpus)) if corpus.record(row).image_id.split("/")[1] in families]
    for path, row in zip(TABLE["path"].unique(), rows, strict=False):
        store.write_png(home / path, corpus.decode(row))
    return home


@contextmanager
def swapped(path: Path, image: np.ndarray) -> Iterator[None]:
    """While it lasts, another picture in a file."""
    held = path.read_bytes()
    store.write_png(path, image)
    try:
        yield
    finally:
        path.write_bytes(held)


def check(made: Design, table: pd.DataFrame, folder: Path, any_batch: bool = False) -> None:
    """Check a design whose queries are among the natural stimuli of its table."""
    leakage.check(made, *split_queries(table), folder, any_batch=any_batch)


def design(table: pd.DataFrame) -> Design:
    return make("borowski2021-1", OF, table, 2, seed=5, **SIZES)


def leak(folder: Path, table: pd.DataFrame) -> str:
    with pytest.raises(DesignError) as error:
        check(design(table), table, folder)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def query_of(table: pd.DataFrame, unit: str, batch: int) -> pd.Series:
    chosen = (table["unit"] == unit) & (table["method"] == "natural") & (table["pole"] == "max")
    return table[chosen & (table["batch"] == batch) & (table["position"] == 2)].iloc[0]


def reference_of(table: pd.DataFrame, unit: str, method: str = "synthetic") -> pd.Index:
    chosen = (table["unit"] == unit) & (table["method"] == method) & (table["pole"] == "max")
    return table.index[chosen & (table["position"] == 0)][:1]


def asked_batch(table: pd.DataFrame) -> int:
    """A batch that a main trial of the first unit asks for in the condition synthetic."""
    return next(
        t.batch for t in design(table).trials
        if (str(t.unit.unit), t.condition, t.kind) == (OF["unit"][0], "synthetic", TrialKind.MAIN)
    )  # fmt: skip


def test_different_pictures_pass(folder):
    check(design(TABLE), TABLE, folder)


@pytest.mark.parametrize(("column", "told"), [("image", "shows the image"), ("group", "is in the group")])
def test_the_id_or_group_of_a_query_is_refused(folder, column, told):
    unit, table = OF["unit"][0], TABLE.copy()
    query = query_of(table, unit, asked_batch(table))
    row = reference_of(table, unit)
    table.loc[row, column] = query[column]
    message = leakage_message(folder, table, column)
    assert f"{unit}, method synthetic: {table.loc[row[0], 'path']} {told} {query[column]}" in message
    assert query["path"] in message


def leakage_message(folder: Path, table: pd.DataFrame, column: str) -> str:
    if column == "image":
        return leak(folder, table)
    with pytest.raises(DesignError, match="no two images of a group appear together"):
        design(table)  # an invariant of designs, before pictures are looked at
    with pytest.raises(DesignError) as error:
        check(design(TABLE), table, folder)
    return str(error.value)


@pytest.mark.parametrize(
    "name", ["blur 2 %", "crop of 0.7", "box of 0.6 by 0.9", "mirrored", "greyscale", "spotlight, 30 % outside"]
)
def test_a_copy_of_a_query_without_an_id_is_refused(folder, name):
    unit = OF["unit"][0]
    query = query_of(TABLE, unit, asked_batch(TABLE))
    path = TABLE.loc[reference_of(TABLE, unit)[0], "path"]
    with swapped(folder / path, CHANGES[name](store.read_png(folder / query["path"]), np.random.default_rng(0))):
        message = leak(folder, TABLE)
    assert f"{unit}, method synthetic: {path} was made from, or shows a part of, {query['path']}" in message or (
        f"{path} looks the same as {query['path']}" in message
    )
    assert "request.exemplars" in message


def test_a_copy_of_an_image_that_is_no_query_passes(folder):
    """A method may blur what request.exemplars gives it, though a query may look a little like it."""
    unit = OF["unit"][0]
    natural = TABLE[(TABLE["unit"] == unit) & (TABLE["method"] == "natural") & (TABLE["position"] == 1)]
    path = TABLE.loc[reference_of(TABLE, unit)[0], "path"]
    for source in natural[natural["pole"] == "max"]["path"]:
        image = CHANGES["blur 2 %"](store.read_png(folder / source), np.random.default_rng(0))
        with swapped(folder / path, image):
            check(design(TABLE), TABLE, folder)


def drawn_over(image: np.ndarray) -> dict[str, np.ndarray]:
    """What the method natural shows of an image to which a unit responds most near its middle."""
    y, x = np.mgrid[: len(image), : len(image)] / len(image) - 0.45
    activations = np.exp(-(x**2 + y**2) / 0.2)
    return {
        "crop": overlays.crop(image, overlays.box_around((0.45 * len(image),) * 2, len(image) // 2, len(image))),
        "heatmap": overlays.heatmap(image, activations, 0, 1),
        "spotlight": overlays.spotlight(image, activations, 0.2, Pole.MAX),
    }


@pytest.mark.parametrize("show", ["crop", "heatmap", "spotlight"])
def test_what_natural_shows_of_references_passes_and_of_queries_does_not(folder, show):
    unit = OF["unit"][0]
    query = query_of(TABLE, unit, asked_batch(TABLE))
    natural = TABLE[(TABLE["unit"] == unit) & (TABLE["method"] == "natural") & (TABLE["pole"] == "max")]
    row = reference_of(TABLE, unit)
    path = TABLE.loc[row[0], "path"]
    for source in natural[natural["position"] < 2].to_dict("records"):
        table = TABLE.copy()
        table.loc[row, ["image", "group"]] = [source["image"], source["group"]]
        with swapped(folder / path, drawn_over(store.read_png(folder / source["path"]))[show]):
            check(design(table), table, folder)
            check(design(TABLE), TABLE, folder)
    table = TABLE.copy()
    table.loc[row, "image"] = query["image"]
    with swapped(folder / path, drawn_over(store.read_png(folder / query["path"]))[show]):
        assert f"{path} shows the image {query['image']}" in leak(folder, table)


@pytest.mark.parametrize("show", ["crop", "heatmap", "spotlight"])
def test_of_the_methods_that_show_the_corpus_the_ids_are_believed(folder, show):
    """A crop of one drawing of a spiral may look like another spiral, which is no leak."""
    unit = OF["unit"][0]
    query = query_of(TABLE, unit, asked_batch(TABLE))
    source = TABLE[(TABLE["unit"] == unit) & (TABLE["method"] == "natural") & (TABLE["position"] == 1)].iloc[0]
    row = reference_of(TABLE, unit)
    with swapped(folder / TABLE.loc[row[0], "path"], drawn_over(store.read_png(folder / query["path"]))[show]):
        for image, leaks in ((source["image"], False), (query["image"], True)):
            table = TABLE.copy()
            table.loc[row, "image"] = image
            options = {"any_batch": False, "of_corpus": ("natural", "synthetic")}
            if leaks:
                with pytest.raises(DesignError, match="shows the image"):
                    leakage.check(design(table), *split_queries(table), folder, **options)
            else:
                leakage.check(design(table), *split_queries(table), folder, **options)


@pytest.mark.parametrize("show", ["crop", "heatmap", "spotlight"])
def test_what_natural_shows_of_queries_is_found_without_their_ids(folder, show):
    """Of 60 images of the embedded corpus 0.70 of the crops, 0.73 of the heatmaps and 0.45 of the spotlights were."""
    made, found = design(TABLE), []
    for trial in [t for t in made.trials if t.condition == "synthetic" and t.kind is TrialKind.MAIN][:3]:
        for path, query in ((trial.references.max[0], trial.query_max), (trial.references.min[0], trial.query_min)):
            with swapped(folder / path, drawn_over(store.read_png(folder / query))[show]):
                try:
                    check(made, TABLE, folder)
                except DesignError as error:
                    found.append(path in str(error) and query in str(error))
    assert found
    assert all(found)


def test_a_query_of_another_batch_is_no_reference_either(folder):
    unit, table = OF["unit"][0], TABLE.copy()
    shown = {t.batch for t in design(table).trials if (str(t.unit.unit), t.condition) == (unit, "synthetic")}
    query = query_of(table, unit, min({0, 1, 2} - shown))
    table.loc[reference_of(table, unit), "image"] = query["image"]
    check(design(table), table, folder)
    with pytest.raises(DesignError, match=f"image {query['image']} of {query['path']}, a query of the unit in some"):
        check(design(table), table, folder, any_batch=True)


def test_the_same_file_under_the_id_of_another_image_is_refused(folder):
    unit = OF["unit"][0]
    batch = next(
        t.batch for t in design(TABLE).trials
        if (str(t.unit.unit), t.condition, t.kind) == (unit, "natural", TrialKind.MAIN)
    )  # fmt: skip
    query = query_of(TABLE, unit, batch)
    own = TABLE[(TABLE["unit"] == unit) & (TABLE["batch"] == batch) & (TABLE["pole"] == "max")]
    path = own[own["position"] == 0]["path"].iloc[0]
    with swapped(folder / path, store.read_png(folder / query["path"])):
        assert f"{unit}, method natural: {path} is a copy of {query['path']}" in leak(folder, TABLE)


def test_a_copy_under_the_id_of_another_image_is_refused(folder):
    """A method that mixes up its images says in good faith that it shows one that it may use."""
    unit, table = OF["unit"][0], TABLE.copy()
    query = query_of(TABLE, unit, asked_batch(TABLE))
    allowed = TABLE[(TABLE["unit"] == unit) & (TABLE["method"] == "natural") & (TABLE["position"] == 1)].iloc[0]
    row = reference_of(TABLE, unit)
    table.loc[row, ["image", "group"]] = allowed[["image", "group"]].to_list()
    path = TABLE.loc[row[0], "path"]
    image = CHANGES["blur 2 %"](store.read_png(folder / query["path"]), np.random.default_rng(0))
    with swapped(folder / path, image):
        message = leak(folder, table)
    assert f"{unit}, method synthetic: {path} " in message
    assert query["path"] in message


def test_stripes_are_refused_only_where_the_query_is_the_same(folder):
    unit = OF["unit"][0]
    query = query_of(TABLE, unit, asked_batch(TABLE))["path"]
    path = TABLE.loc[reference_of(TABLE, unit)[0], "path"]
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, np.arange(128) % 32 < 16] = (250, 240, 10)
    wider = np.zeros((128, 128, 3), np.uint8)
    wider[:, np.arange(128) % 44 < 22] = (10, 240, 250)
    with swapped(folder / query, stripes):
        with swapped(folder / path, wider):
            check(design(TABLE), TABLE, folder)
        with swapped(folder / path, CHANGES["JPEG, quality 10"](stripes, np.random.default_rng(0))):
            assert f"{path} looks the same as {query}" in leak(folder, TABLE)


def test_catch_trials_may_show_their_queries(folder):
    made = design(TABLE)
    assert any({t.query_max, t.query_min} & set(t.references) for t in made.trials if t.kind is TrialKind.CATCH)
    check(made, TABLE, folder)


def test_a_picture_that_is_gone_is_named(folder):
    path = folder / TABLE.loc[reference_of(TABLE, OF["unit"][0])[0], "path"]
    held = path.read_bytes()
    path.unlink()
    try:
        with pytest.raises(store.StoreError, match=path.name):
            check(design(TABLE), TABLE, folder)
    finally:
        path.write_bytes(held)


def test_finished_stimuli_are_checked(shared_data, tmp_path):
    """The published stimuli pass; with a query cropped among the optimized images of a unit they do not."""
    found = finished.read(shared_data / "inceptionv1-stimuli")
    parts = finished.study_units(found, 1)
    table = STIMULI.frame(finished.stimuli(found, tmp_path, tmp_path / "explanations", rotate=True))
    of = pd.DataFrame([
        {"unit": str(p.unit), "layer": p.unit.layer, "channel": p.unit.channel, "branch": p.branch,
         "selection": p.selection, "role": p.role, "stimulus_set": ""} for p in parts
    ])  # fmt: skip
    made = make("borowski2021-1", of, table, 3, seed=1)
    check(made, table, tmp_path)
    trial = next(t for t in made.trials if t.condition == "synthetic" and t.kind is TrialKind.MAIN)
    image = CHANGES["crop of 0.7"](store.read_png(tmp_path / trial.query_min), np.random.default_rng(3))
    store.write_png(tmp_path / trial.references.min[4], image)
    with pytest.raises(DesignError, match=f"{trial.references.min[4]} was made from.*{trial.query_min}"):
        check(made, table, tmp_path)


def test_the_check_needs_no_torch():
    code = "import sys, exemplum.design.leakage; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def faintly_like(image: np.ndarray) -> np.ndarray:
    """The picture, blurred until it only resembles itself."""
    for share in map(float, np.arange(0.02, 0.1, 0.004)):
        made = blurred(share)(image, np.random.default_rng(0))
        likeness = copies.likenesses([copies.look(made)], [copies.look(image)])[0, 0]
        if copies.COPY <= likeness < leakage.CERTAIN:
            return made
    raise AssertionError("no blur makes it faint enough")


def test_a_few_resemblances_by_chance_are_a_note_and_more_are_a_leak(folder, monkeypatch):
    """Of 12 pictures shown by the method, one is below 10 %, two are above. Oracle: the share, counted."""
    unit = OF["unit"][0]
    query = folder / query_of(TABLE, unit, asked_batch(TABLE))["path"]
    rows = TABLE[(TABLE["unit"] == unit) & (TABLE["method"] == "synthetic") & (TABLE["pole"] == "max")]
    first, second = (folder / path for path in rows["path"].unique()[:2])
    faint = faintly_like(store.read_png(query))
    with swapped(first, faint):
        assert "gives the answer away" in leak(folder, TABLE)  # 2 % of a few pictures are none
        monkeypatch.setattr(leakage, "BY_CHANCE", 0.1)
        notes = leakage.check(design(TABLE), *split_queries(TABLE), folder, any_batch=False)
        assert len(notes) == 1
        assert "pictures of synthetic that resemble a query beside them: 1 of 12" in notes[0]
        with swapped(second, np.ascontiguousarray(faint[:, ::-1])):
            assert "(and 1 more of this unit)" in leak(folder, TABLE)
