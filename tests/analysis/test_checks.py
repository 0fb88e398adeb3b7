"""Bad input gets one line that says what, where and what to do."""

import pandas as pd
import pytest

from exemplum.errors import UserError
from exemplum.responses import files, read, read_all, table
from exemplum.tables import PEOPLE, RATINGS, RESPONSES

RUNS = (("p1", "natural", "1101"), ("p1", "synthetic", "10"), ("p2", "natural", "01"))


def fails(responses: pd.DataFrame, **more: object) -> str:
    with pytest.raises(UserError) as caught:
        table.check(responses, "answers.parquet", **more)
    text = str(caught.value)
    assert "\n" not in text
    assert "answers.parquet" in text
    return text


def test_good_answers_pass_unchanged(answers):
    responses = answers(*RUNS)
    assert table.check(responses, conditions=["natural", "synthetic"]) is responses


def test_missing_columns_are_named(answers):
    assert "lacks the columns choice, rt_ms" in fails(answers(*RUNS).drop(columns=["rt_ms", "choice"]))


def test_an_unknown_condition_is_named_with_close_matches(answers):
    text = fails(answers(*RUNS, ("p2", "natrual", "1")), conditions=["natural", "synthetic", "none"])
    assert "'natrual'" in text
    assert "did you mean natural?" in text


@pytest.mark.parametrize(
    ("column", "value"), [("trial_kind", "man"), ("choice", "left"), ("phase", ""), ("confidence", 4)]
)
def test_an_unknown_value_is_named(answers, column, value):
    responses = answers(*RUNS)
    responses.loc[2, column] = value
    text = fails(responses)
    assert column in text
    assert repr(value) in text
    assert responses.loc[2, "trial_id"] in text


def test_an_empty_condition_is_unknown(answers):
    assert "condition" in fails(answers(*RUNS, condition=""))


def test_an_answer_given_twice_is_named(answers):
    responses = answers(*RUNS)
    text = fails(pd.concat([responses, responses.iloc[[3]]]))
    assert responses.loc[3, "trial_id"] in text
    assert "more than once" in text


def test_right_must_mean_that_the_maximal_query_was_chosen(answers):
    responses = answers(*RUNS)
    responses.loc[0, "correct"] = False
    assert "contradicts the chosen side" in fails(responses)


def test_answers_to_one_trial_in_two_files_are_found(answers, tmp_path):
    for name in ("machines", "people"):
        RESPONSES.write(tmp_path / f"{name}.parquet", answers(*RUNS))
    with pytest.raises(UserError, match="more than once"):
        table.read(tmp_path)


def test_no_answers_say_what_to_run(tmp_path):
    with pytest.raises(UserError, match="exemplum observe"):
        table.read(tmp_path)


def test_a_folder_is_read_with_its_ratings_and_sessions(answers, tmp_path):
    machines, people = answers(*RUNS, observer="ideal"), answers(*RUNS)
    RESPONSES.write(tmp_path / "people.parquet", people)
    RESPONSES.write(tmp_path / "machines.parquet", machines)
    alone = read_all(tmp_path)
    assert (len(alone.ratings), len(alone.people), alone.has_sessions) == (0, 0, False)
    pd.testing.assert_frame_equal(alone.responses, pd.concat([machines, people], ignore_index=True))
    rating = {name: {"str": "x", "int": 1, "float": 0.5}[column.dtype] for name, column in RATINGS.columns.items()}
    RATINGS.write(tmp_path / "ratings" / "people.parquet", [rating])
    PEOPLE.write(tmp_path / "sessions" / "people.parquet", PEOPLE.frame())
    found = read_all(tmp_path)
    assert (len(found.ratings), len(found.people), found.has_sessions) == (1, 0, True)
    pd.testing.assert_frame_equal(read(tmp_path), found.responses)
    assert [path.relative_to(tmp_path).as_posix() for path in files(tmp_path)] == [
        "machines.parquet", "people.parquet", "ratings/people.parquet", "sessions/people.parquet",
    ]  # fmt: skip


def test_a_folder_without_answers_is_empty_only_if_that_is_asked_for(tmp_path):
    with pytest.raises(UserError, match="holds no answers"):
        read_all(tmp_path)
    assert list(read_all(tmp_path, allow_none=True).responses) == list(RESPONSES.columns)
