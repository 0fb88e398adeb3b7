"""Every observer answers every session, from one seed."""

import pandas as pd
import pytest

from exemplum import design
from exemplum.observers import ObserverError, stage
from exemplum.study.folder import Study
from exemplum.tables import RESPONSES


def answers(study: Study) -> pd.DataFrame:
    stage.run(study)
    return RESPONSES.read(study.stage("responses") / "machines.parquet")


def with_observers(study: Study, text: str) -> Study:
    (study.folder / "study.toml").write_text(
        f"seed = 4\n[design]\nparticipants = 3\n[observers]\n{text}\n", encoding="utf-8"
    )
    return Study.open(study.folder)


def test_every_observer_answers_every_trial_of_every_session(study):
    table = answers(study)
    made = design.load(study)
    for _, of in table.groupby("observer"):
        for session in made.sessions:
            mine = of[of["participant"] == f"{session.participant:02d}"]
            expected = len(session.trials) + sum(block.repeats for block in session.blocks)
            assert mine["trial"].tolist() == list(range(expected))
            assert (mine["trial_kind"] == "repeated").sum() == 18
    assert set(table["observer"]) == {"ideal", "chance", "simulated"}
    assert set(table["observer_kind"]) == {"machine"}
    assert set(table["experiment"]) == {"borowski2021-1"}


def test_ideal_scores_one_on_main_trials(study):
    table = answers(study)
    main = table[(table["observer"] == "ideal") & (table["trial_kind"] == "main")]
    assert len(main) == 3 * 27
    assert main["correct"].all()
    assert (
        stage.run(study)["ideal"]
        == "(right, mean over units: natural 100.0%, synthetic 100.0%, none 100.0%; catch 100.0%)"
    )


def test_the_summary_tells_each_difficulty_and_the_baseline_first():
    rows = [("natural", "extreme", True), ("natural", "0.95", True), ("natural", "0.95", False), ("maco", "0.95", True),
            ("maco", "extreme", False)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["condition", "difficulty", "correct"]).assign(
        observer="mine", trial_kind="main", scheme="", batch=0,
        unit=["mixed3a:1", "mixed3a:1", "mixed3a:2", "mixed3a:1", "mixed3a:1"],
    )  # fmt: skip
    told = "(right, mean over units at extreme: natural 100.0%, maco 0.0%; at 0.95: natural 50.0%, maco 100.0%)"
    assert stage.summary(table) == {"mine": told}
    assert "at 0.95: maco 100.0%, natural 50.0%" in stage.summary(table, "maco")["mine"]
    one = stage.summary(table.assign(difficulty="extreme"))["mine"]
    assert one == "(right, mean over units: natural 50.0%, maco 50.0%)"  # natural: both of one unit, none of the other


def test_a_seed_gives_the_same_answers_whoever_else_answers(study):
    first = answers(study)
    pd.testing.assert_frame_equal(answers(study), first)
    alone = answers(with_observers(study, 'run = ["chance"]'))
    pd.testing.assert_frame_equal(alone, first[first["observer"] == "chance"].reset_index(drop=True))


def test_sessions_of_one_observer_differ(study):
    table = answers(study)
    chance = table[table["observer"] == "chance"]
    choices = {tuple(of["choice"]) for _, of in chance.groupby("participant")}
    assert len(choices) == 3


def test_a_wrong_name_is_told_before_anyone_answers(study):
    with pytest.raises(ObserverError, match="no observer 'idael'; did you mean ideal"):
        stage.run(with_observers(study, 'run = ["chance", "idael"]'))
    assert not (study.stage("responses") / "machines.parquet").exists()


def test_no_observers_give_an_empty_table(study):
    assert len(answers(with_observers(study, "run = []"))) == 0


def test_the_fingerprint_follows_design_and_observers(study):
    prints = {stage.fingerprint(study), stage.fingerprint(study)}
    assert len(prints) == 1
    prints.add(stage.fingerprint(with_observers(study, 'run = ["chance"]')))
    prints.add(stage.fingerprint(with_observers(study, 'run = ["chance"]\nsimulated.lapse = 0.1')))
    study.finish("design", "another design", 0.0, {})
    prints.add(stage.fingerprint(study))
    assert len(prints) == 4


def test_without_a_design_it_says_what_to_run(tmp_path):
    (tmp_path / "study.toml").write_text("", encoding="utf-8")
    with pytest.raises(ObserverError, match="has no design yet; run: exemplum run "):
        stage.fingerprint(Study.open(tmp_path))
