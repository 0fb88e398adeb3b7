"""The protocol quick from images to answers, in a small study. Oracle: the tables of the design and of the queries."""

from collections import Counter
from pathlib import Path

import pytest

from exemplum import design, queries, store
from exemplum.study import StudyError, pipeline
from exemplum.study.folder import Study
from exemplum.tables import RESPONSES

TOML = """
seed = 3
[model]
input_size = 48
[images]
limit = 300
[units]
layers = ["mixed3a", "mixed4a"]
choose = "2 per layer"
practice = 3
[index]
keep = 80
[explanations]
methods = ["natural", "mine:darker"]
batches = 3
[queries]
difficulty = ["extreme", 0.85]
[design]
protocol = "quick"
participants = 8
[observers]
run = ["ideal", "chance"]
"""

OWN = """
from exemplum.explanations import Picture, Pole

def darker(request):
    for unit in request.units:
        for pole in Pole:
            for place, exemplar in enumerate(request.exemplars(unit, pole)):
                image = exemplar.image() // 2
                yield Picture(unit, pole, place, image, image_id=exemplar.image_id, group=exemplar.group)
"""
STAGES = ["index", "queries", "explanations", "design", "responses"]


def study_of(folder: Path, toml: str = TOML) -> Study:
    folder.mkdir(exist_ok=True)
    store.write_text(folder / "mine.py", OWN)
    store.write_text(folder / "study.toml", toml)
    return Study.open(folder)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    made = study_of(tmp_path_factory.mktemp("line") / "study")
    pipeline.run(made, STAGES)
    return made


def test_machines_answer_every_unit_with_every_method_at_every_difficulty(study):
    answers = RESPONSES.read(study.stage("responses") / "machines.parquet")
    main = answers[answers["trial_kind"] == "main"]
    for _, own in main.groupby("observer"):
        counts = Counter(own[["unit", "condition", "difficulty"]].itertuples(index=False, name=None))
        assert len(counts) == 4 * 2 * 2
        assert set(counts.values()) == {4}  # 8 participants, each unit twice, 4 cells
    ideal = main[main["observer"] == "ideal"]
    assert ideal["correct"].all()
    assert set(main["condition"]) == {"natural", "darker"}


def test_trials_show_the_queries_of_their_difficulty_with_their_margin(study):
    _, pairs = queries.load(study)
    known = pairs.set_index(["query_max", "query_min"])
    for trial in design.load(study).trials:
        if trial.difficulty:
            pair = known.loc[(trial.query_max, trial.query_min)]
            assert (pair["difficulty"], pair["batch"], pair["unit"]) == (
                trial.difficulty, trial.batch, str(trial.unit.unit),
            )  # fmt: skip
            assert trial.margin == pytest.approx(pair["margin"])


def test_the_notes_say_how_often_units_come_and_how_many_queries_they_have(study):
    notes = design.load(study).notes
    assert "a participant sees each of the 4 main units twice" in notes
    assert any(note.startswith("batches of queries: 3 instead of 20; ") for note in notes)


def test_a_protocol_that_cannot_show_the_difficulties_is_refused_before_any_work(tmp_path):
    refused = {
        'protocol = "borowski2021-1"': r"\[design\] protocol: .* shows queries of one difficulty, and the study has",
        'protocol = "quick"\nbetween = ["scheme"]': r"\[design\] between: the factor scheme of protocol quick has one",
        'protocol = "quick"\nbetween = ["size"]': r"\[design\] between",
    }
    for number, (line, told) in enumerate(refused.items()):
        with pytest.raises(StudyError, match=told):
            pipeline.run(study_of(tmp_path / str(number), TOML.replace('protocol = "quick"', line)), STAGES)
        assert not (tmp_path / str(number) / "index").exists()
