"""On the stimuli of the paper's own network (shared/data/inceptionv1-stimuli) another network finds the query."""

import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from exemplum import observers
from exemplum.models import load
from exemplum.observers import stage
from exemplum.observers.similarity import Similarity, vectors
from exemplum.records import ReferenceSet, Side, StudyUnit, Trial, TrialKind, Unit
from exemplum.study.folder import Study
from exemplum.study.pipeline import run
from exemplum.tables import RESPONSES, STIMULI


@pytest.fixture(scope="module")
def study(shared_data: Path, tmp_path_factory) -> Study:
    """A study made from the stimuli alone, as far as the answers."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "study.toml").write_text(
        f"seed = 1\n[stimuli]\nload = 'folder:{shared_data / 'inceptionv1-stimuli'}'\nrotate = true\n"
        "[design]\nparticipants = 2\n",
        encoding="utf-8",
    )
    made = Study.open(folder)
    run(made, only=["explanations", "design", "responses"])
    return made


@pytest.fixture(scope="module")
def encoder(study) -> observers.Encoder:
    return observers.encoders(study, ["similarity"])[0]


def trials(study: Study, method: str) -> list[Trial]:
    """All 10 × 10 pairs of a maximal and a minimal image of every unit, the other nine of each being the references."""
    stimuli = STIMULI.read(study.stage("explanations") / "stimuli.parquet")
    made = []
    for unit, rows in stimuli.groupby("unit"):
        paths = {key: sorted(set(of["path"])) for key, of in rows.groupby(["method", "pole"])}
        for high, low in product(paths["natural", "max"], paths["natural", "min"]):
            shown = {pole: tuple(p for p in paths[method, pole] if p not in (high, low))[:9] for pole in ("max", "min")}
            made.append(
                Trial("p01-b00-t00", 1, 0, 0, TrialKind.MAIN, method, "main", "Min-Max-9",
                      StudyUnit(Unit.parse(str(unit)), "pool", "random", "main"), 0, ReferenceSet(**shown), high, low,
                      Side.TOP)
            )  # fmt: skip
    return made


@pytest.mark.parametrize("method", ["natural", "synthetic"])
def test_similarity_tells_the_maximal_query(study, encoder, method):
    """Measured when it was written: all 400 of either method."""
    assert encoder.network.layers == load("efficientnet-lite0").default_layers
    paths = sorted(set(STIMULI.read(study.stage("explanations") / "stimuli.parquet")["path"]))
    observer = Similarity(encoder, paths, vectors(study, encoder, paths))
    asked = trials(study, method)
    assert len(asked) == 4 * 100
    right = np.mean([observer.evidence(trial) > 0 for trial in asked])
    assert right >= 0.99


def test_catch_trials_are_easy(study):
    answers = RESPONSES.read(study.stage("responses") / "machines.parquet")
    catch = answers[(answers["observer"] == "similarity") & (answers["trial_kind"] == "catch")]
    assert len(catch) == 36
    assert catch["correct"].mean() > 0.9


def test_the_network_of_the_features_is_told(study):
    said = "features of efficientnet-lite0 at 128 px; whether the tested network has the same weights is not known"
    assert (study.record("responses") or {})["summary"]["similarity compares"] == said


def test_ideal_is_left_out_without_a_network_the_rest_answer(study):
    answers = RESPONSES.read(study.stage("responses") / "machines.parquet")
    assert set(answers["observer"]) == {"chance", "similarity"}
    assert stage.run(study)["ideal"] == "cannot answer"


def test_vectors_are_kept_and_a_changed_picture_computed_anew(study, encoder, tmp_path):
    copy = Study(tmp_path / "copy", study.config)
    shutil.copytree(study.folder, copy.folder)
    stimuli = STIMULI.read(copy.stage("explanations") / "stimuli.parquet")
    paths = sorted(set(stimuli["path"]))[:3]
    first = vectors(copy, encoder, paths)
    kept = copy.stage("responses") / "vectors" / "similarity.npz"
    before = kept.stat().st_mtime_ns
    np.testing.assert_array_equal(vectors(copy, encoder, paths), first)
    assert kept.stat().st_mtime_ns == before
    (copy.folder / paths[0]).write_bytes((copy.folder / paths[1]).read_bytes())
    np.testing.assert_allclose(vectors(copy, encoder, paths), first[[1, 1, 2]], atol=1e-6)
    assert np.abs(first[0] - first[1]).max() > 0.01


def test_one_layer_can_be_chosen(study):
    section = study.config.observers.similarity.model_copy(update={"model": "embedded", "layer": "mixed4c"})
    config = study.config.model_copy(
        update={"observers": study.config.observers.model_copy(update={"similarity": section})}
    )
    one = observers.load("similarity", replace(study, config=config))
    assert isinstance(one, Similarity)
    assert one.encoder.network.layers == ["mixed4c"]
