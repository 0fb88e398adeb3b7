"""Worked examples are easy: what the similarity observer is most certain of, else queries that are far apart."""

from dataclasses import replace

import pytest

from exemplum.design.texts import TextsError
from exemplum.observers import SIMILARITY
from exemplum.server.experiment import check
from exemplum.server.sessions.worked_examples import WorkedExamples, worked_examples
from exemplum.study import Study
from exemplum.tables import EVIDENCE
from server import made
from server.conftest import ON_SQLITE, stop
from server.walk import Walker


@pytest.fixture
def study(study_folder) -> Study:
    return Study.open(study_folder(""))


@pytest.fixture(scope="module")
def design():
    return made.small_design(6, "borowski2021-1")


def write_evidence(study, trials, certain, observer=SIMILARITY):
    """The observer is sure of the correct query of one trial, and finds the wrong one in all others."""
    table = EVIDENCE.frame(
        {"observer": observer, "trial_id": t.trial_id, "evidence": 0.9 if t == certain else -0.1} for t in trials
    )
    EVIDENCE.write(study.folder / EVIDENCE.files[0], table)


def test_the_most_certain_practice_trial_of_each_condition_is_shown(study, design):
    among = worked_examples(study, design.trials).candidates
    assert {trial.kind.value for trial in among} == {"practice"}
    for wanted in among:
        chosen = WorkedExamples(among, {wanted.trial_id: 0.9}).of(design.sessions[0])
        assert wanted in chosen
        assert sorted(trial.condition for trial in chosen) == ["natural", "synthetic"]


def test_evidence_of_the_similarity_observer_goes_before_margins(study, design):
    near = [replace(trial, margin=float(n)) for n, trial in enumerate(worked_examples(study, design.trials).candidates)]
    by_margin = worked_examples(study, near)
    assert by_margin == WorkedExamples(tuple(near), {t.trial_id: t.margin for t in near})
    write_evidence(study, near, near[0], observer="mean_colour")
    assert worked_examples(study, near) == by_margin  # another machine's
    write_evidence(study, near, near[0])
    found = worked_examples(study, near)
    assert max(found.ease, key=found.ease.get) == near[0].trial_id
    assert [trial for trial in near if found.is_alike(trial)] == near[:1]
    assert not any(map(by_margin.is_alike, near))  # nobody has compared the pictures


def test_a_trial_that_the_session_does_not_show_is_preferred_if_it_is_easy_too(study, design):
    session = design.sessions[0]
    shown = {trial.query_max for trial in session.trials}
    among = worked_examples(study, design.trials).candidates
    natural = [trial for trial in among if trial.condition == "natural"]
    own = next(trial for trial in natural if trial.query_max in shown)
    new = next(trial for trial in natural if trial.query_max not in shown)
    for certainty, wanted in ((0.3, new), (0.2, own)):
        assert wanted in WorkedExamples(among, {own.trial_id: 1.0, new.trial_id: certainty}).of(session)


def test_a_null_teaches_nothing(study_folder):
    """Random images have nothing in common, so their unit cannot be explained by them."""
    toml = '[explanations.natural]\n[explanations.mine]\nmethod = "random"\n'
    study = Study.open(study_folder(toml, protocol="quick"))
    design = made.small_design(6, "quick")
    assert {trial.condition for trial in design.trials if trial.kind == "practice"} == set(made.METHODS)
    examples = worked_examples(study, design.trials)
    for session in design.sessions:
        assert sorted(trial.condition for trial in examples.of(session)) == ["natural", "synthetic"]


def test_texts_of_examples_that_earlier_versions_had_stop_no_study(study):
    """A study that people have answered keeps its texts, and goes on."""
    texts = study.folder / "texts" / "en.toml"
    texts.parent.mkdir()
    texts.write_text('[instructions.example]\ntext = "Look."\nsolution_top = "It is the upper one."\n')
    check(study)
    texts.write_text('[instructions.example]\nsolution_left = "It is the left one."\n')
    with pytest.raises(TextsError, match="no page has a text"):
        check(study)


@ON_SQLITE
def test_people_of_one_study_get_the_same_examples_whatever_machines_answer_later(serve, study):
    design = made.small_design(6, "borowski2021-1")
    among = [t for t in worked_examples(study, design.trials).candidates if t.condition == "natural"]

    def shown(certain):
        write_evidence(study, among, certain)
        client = serve(folder=study.folder)
        walker = Walker(client)
        walker.start()
        step = walker.walk(until=lambda step: step["kind"] == "instructions")
        block = walker.walk(until=lambda step: step["kind"] == "block")
        walker.answer(block["trials"][0]["trial"])  # which freezes the study
        chosen = client.experiment.rehearsal.examples.of(design.sessions[0])
        stop(client)
        return {example["condition"]: example["alike"] for example in step["examples"]}, chosen

    first, later = shown(among[0]), shown(among[1])
    assert among[0] in first[1]
    assert first[0] == {"natural": True, "synthetic": False}
    assert later == first
