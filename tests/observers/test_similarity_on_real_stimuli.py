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
from exemplum.observers.similarity import Features, Similarity, features
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
def of(study) -> Features:
    stimuli = STIMULI.read(study.stage("explanations") / "stimuli.parquet")
    return features(study, sorted(set(stimuli["path"])))


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
def test_similarity_tells_the_maximal_query(study, of, method):
    """Measured when it was written: all 400 of either method."""
    assert list(of.layers) == load("efficientnet-lite0").default_layers
    observer = Similarity(of)
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
    said = "of efficientnet-lite0 at 128 px; whether the tested network has the same weights is not known"
    assert (study.record("responses") or {})["summary"]["features"] == said


def test_ideal_is_left_out_without_a_network_the_rest_answer(study):
    answers = RESPONSES.read(study.stage("responses") / "machines.parquet")
    assert set(answers["observer"]) == {"chance", "similarity"}
    assert stage.run(study)["ideal"] == "cannot answer"


def test_features_are_kept_and_a_changed_picture_computed_anew(study, tmp_path):
    copy = Study(tmp_path / "copy", study.config)
    shutil.copytree(study.folder, copy.folder)
    stimuli = STIMULI.read(copy.stage("explanations") / "stimuli.parquet")
    a, b, c = sorted(set(stimuli["path"]))[:3]
    first = features(copy, [a, b, c])
    kept = copy.stage("responses") / "features.npz"
    before = kept.stat().st_mtime_ns
    features(copy, [a, b, c])
    assert kept.stat().st_mtime_ns == before
    (copy.folder / a).write_bytes((copy.folder / b).read_bytes())
    again = features(copy, [a, b, c])
    assert again.similarity(a, [b]) == pytest.approx(1)
    assert first.similarity(a, [b]) < 0.999
    assert again.similarity(b, [c]) == pytest.approx(first.similarity(b, [c]))


def test_one_layer_can_be_chosen(study):
    section = study.config.observers.similarity.model_copy(update={"model": "embedded", "layer": "mixed4c"})
    config = study.config.model_copy(
        update={"observers": study.config.observers.model_copy(update={"similarity": section})}
    )
    one = observers.load("similarity", replace(study, config=config))
    assert isinstance(one, Similarity)
    assert list(one.features.layers) == ["mixed4c"]
