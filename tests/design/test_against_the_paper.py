"""Designs against the published trial tables of both experiments (shared/data/borowski2021): the oracle is the data."""

import pandas as pd
import pytest

from design.made import stimuli, units
from exemplum.design import make
from exemplum.records import Design, Session

CONDITION = {"natural": "natural", "optimized": "synthetic", "none_pre": "none", "none_post": "none"}
EASY = {f"channel_{letter}": place // 5 for place, letter in enumerate("ijklmnopqrstuvw")}  # three sets of five


@pytest.fixture(scope="module")
def first() -> Design:
    of = units()
    return make("borowski2021-1", of, stimuli(of), seed=1)


@pytest.fixture(scope="module")
def second() -> Design:
    of = units(20, 20, sets=("a", "b", "c", "d"), easy_sets=("e", "f", "g"))
    return make("borowski2021-2", of, stimuli(of, references=(1, 9)), seed=1)


@pytest.fixture(scope="module")
def published_first(shared_data) -> pd.DataFrame:
    name = "experiment_I_main_practice_catch_repeated_trials_preprocessed.csv"
    return pd.read_csv(shared_data / "borowski2021" / name)


@pytest.fixture(scope="module")
def published_second(shared_data) -> pd.DataFrame:
    name = "experiment_II_main_practice_catch_trials_preprocessed.csv"
    return pd.read_csv(shared_data / "borowski2021" / name)


def blocks(session: Session) -> list[tuple[str, str, str, int]]:
    return [(b.kind.value, b.condition, b.scheme, len(b.trials) + b.repeats) for b in session.blocks]


def published_blocks(trials: pd.DataFrame, schemes: bool) -> list[tuple[str, str, str, int]]:
    return [
        (
            block.trial_type.iloc[0],
            CONDITION[block.instr_type.iloc[0]],
            block.condition_name.iloc[0] if schemes else "",
            len(block),
        )
        for _, block in trials.groupby("block_nr")
    ]


def test_blocks_of_experiment_1_are_the_published_ones(first, published_first):
    for number, trials in published_first.groupby("subject_id"):
        made = [(kind, condition, "", count) for kind, condition, _, count in blocks(first.sessions[number - 1])]
        published = published_blocks(trials, schemes=False)
        assert made[:13] == published[:13]
        assert sorted(made[13:]) == sorted(published[13:])  # the order of the repeated blocks is drawn


def test_blocks_of_experiment_2_are_the_published_ones(second, published_second):
    for number, trials in published_second.groupby("subject_id_within_expert_type"):
        one = trials[trials.subject_id == trials.subject_id.iloc[0]]
        assert blocks(second.sessions[number - 1]) == published_blocks(one, schemes=True)


def test_batches_of_experiment_1_are_the_published_ones(first, published_first):
    mains = published_first[(published_first.trial_type == "main") & ~published_first.catch_trial]
    published = {(p, CONDITION[c]): set(b.batch) for (p, c), b in mains.groupby(["subject_id", "instr_type"])}
    for (participant, condition), batches in published.items():
        trials = first.sessions[participant - 1].trials
        assert {t.batch for t in trials if t.condition == condition and t.kind == "main"} == batches
    assert {t.batch for t in first.trials if t.kind in ("practice", "catch")} == {0}


def test_batches_and_sets_of_experiment_2_are_as_published(second, published_second):
    keys = ["subject_id_within_expert_type", "instr_type", "condition_name", "trial_type", "catch_trial"]
    for (number, condition, scheme, kind, catch), rows in published_second.groupby(keys):
        made = [
            (t.batch, t.unit.stimulus_set)
            for t in second.sessions[number - 1].trials
            if (t.condition, t.scheme, t.kind) == (CONDITION[condition], scheme, "catch" if catch else kind)
        ]
        assert set(made) == set(zip(rows.batch, rows.batch_block, strict=True))
        assert len(made) * rows.subject_id.nunique() == len(rows)


def test_as_many_catch_trials_stand_in_the_same_blocks(first, published_first):
    for number, trials in published_first.groupby("subject_id"):
        published = trials.groupby("block_nr").catch_trial.sum().tolist()
        assert [sum(t.kind == "catch" for t in b.trials) for b in first.sessions[number - 1].blocks] == published


def test_practice_conditions_use_thirds_of_the_practice_units(first, published_first):
    practice = published_first[published_first.trial_type == "practice"]
    for _, block in practice.groupby(["subject_id", "block_nr"]):
        assert block.channel.map(EASY).nunique() == 1  # so it was
        assert block.channel.nunique() == 5
    thirds = set()
    for session in first.sessions:
        used = [frozenset(t.unit.unit.channel for t in b.trials) for b in session.blocks if b.kind == "practice"]
        assert len(frozenset.union(*used)) == 15
        thirds.update(used)
    assert len(thirds) == 3


def test_published_catch_queries_leave_out_the_query_bins(published_first):
    """The rule that references are natural max_0…8 and min_1…9, read off the published catch trials."""
    catch = published_first[published_first.catch_trial & (published_first.instr_type == "natural")]
    asked = pd.concat([catch.query_image_a, catch.query_image_b]).str.split("/").str[-1]
    assert set(asked) == {f"max_{k}.png" for k in range(9)} | {f"min_{k}.png" for k in range(1, 10)}
