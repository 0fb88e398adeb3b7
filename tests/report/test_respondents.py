"""Who answered, who was left out, and the verdicts, in words."""

import numpy as np
import pytest

from exemplum import tables
from exemplum.report import findings

PERSON = {
    "experiment": "borowski2021-1", "observer": "participants", "participant": "p01", "expertise": "", "place": 1,
    "instruction_time_s": 60.0, "total_time_s": 2400.0, "practice_attempts": 1, "age": 25.0, "gender": "female",
    "handedness": "", "visual_aid": "",
}  # fmt: skip
HELD = {
    "experiment": "borowski2021-1", "observer": "participants", "participant": "p01", "rule": "catch_accuracy",
    "value": 0.9, "limit": 0.8, "verdict": "kept", "reason": "",
}  # fmt: skip
JUDGED = {
    "experiment": "borowski2021-1", "observer": "participants", "by": "all", "group": "", "method": "synthetic",
    "baseline": "natural", "population": "new_units", "role": "primary", "verdict": "worse", "difference": -0.1,
    "low": -0.15, "high": -0.05, "std_error": 0.025, "df": 30.0, "p": 0.001, "p_adjusted": 0.001,
    "p_equivalence": 0.9, "p_equivalence_adjusted": 0.9, "margin": 0.05, "accuracy": 0.82, "baseline_accuracy": 0.92,
    "n_participants": 10, "n_units": 45, "new_participants": 20.0, "new_units": 60.0,
    "sentence": "Synthetic images explain units worse than natural ones.",
}  # fmt: skip


@pytest.fixture(scope="module")
def answers(study):
    return tables.RESPONSES.read(study.folder / "responses/people.parquet")


def test_catch_trials_are_counted_apart_from_main_trials(answers):
    row = findings.who_answered(answers)[0]
    catch = answers[answers["trial_kind"] == "catch"]
    assert (row.participants, row.trials, row.main) == (4, 44, 36)
    assert row.catch == f"{100 * catch['correct'].mean():.1f}\u00a0% of 8"


def test_without_catch_trials_there_is_no_accuracy_on_them(answers):
    row = findings.who_answered(answers[answers["trial_kind"] == "main"])[0]
    assert row.catch == "— (n = 0)"


def test_people_are_described_by_what_they_were_asked():
    people = tables.PEOPLE.frame([PERSON, PERSON | {"participant": "p02", "age": np.nan, "gender": "male"}])
    said = findings.people_sentence(people)
    assert said.startswith("2\u00a0people finished; aged 25 to 25 (median 25, n = 1); gender: ")
    assert said.endswith("median time 40\u00a0min 00\u00a0s.")
    assert "handedness" not in said
    assert findings.people_sentence(tables.PEOPLE.frame()) == ""


def test_exclusions_name_the_rule_and_the_reason():
    out = HELD | {"participant": "p02", "verdict": "excluded", "reason": "catch accuracy .50, at least .80 wanted"}
    said = findings.exclusion_sentences(tables.EXCLUSIONS.frame([HELD, out]))
    assert said == [
        "Participants: 2\u00a0participants checked by catch accuracy (0.8); "
        "1 excluded (p02: catch accuracy .50, at least .80 wanted)."
    ]
    assert findings.exclusion_sentences(tables.EXCLUSIONS.frame([HELD]))[0].endswith("none was excluded.")
    assert findings.exclusion_sentences(tables.EXCLUSIONS.frame()) == []


def test_only_declared_claims_are_told_and_none_of_observers_of_known_results():
    scheme = JUDGED | {"by": "scheme", "group": "Max-1", "role": "secondary"}
    rows = [scheme, JUDGED, JUDGED | {"observer": "chance"}, JUDGED | {"role": "exploratory"}]
    found = findings.declared_verdicts(tables.VERDICTS.frame(rows))
    assert [verdict.title for verdict in found] == [
        "synthetic, by participants: worse", "synthetic in Max-1, by participants: worse (secondary claim)",
    ]  # fmt: skip
    assert found[0].text == JUDGED["sentence"]


def test_what_a_machine_does_is_told(answers):
    does = "compares queries with references by features of embedded at 96 px"
    machine = answers.assign(observer_kind="machine")
    for name, said in (("clip", does), ("clip-same-network", f"{does}: no independent evidence")):
        row = findings.who_answered(machine.assign(observer=name), {name: does})[0]
        assert row.about == said
