"""What a paper needs: participant flow, table of exclusions, methods in words, scripts that refit the main model."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exemplum import store, tables
from exemplum.analysis import simulate
from exemplum.analysis.importers import borowski2021
from exemplum.analysis.models import fits
from exemplum.design.stage import save
from exemplum.report import paper, stage
from exemplum.report.figures.flow import participants as drawn_flow
from exemplum.report.paper import methods as words, refit as script, rules
from exemplum.responses import Entered, exclusions as declared
from exemplum.study import Study, blinding
from server.made import small_design

WHO = {"experiment": "simulated", "observer": "simulated"}


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    """8 people and 12 units in three conditions, natural and synthetic at two difficulties."""
    rng = np.random.default_rng(5)
    frame = simulate.trials(8, 12, ["natural", "synthetic", "none"], rng, difficulties=["extreme", "0.95"])
    spread = simulate.Spread(0.4, 0.6, 0.2, 0.3)
    return simulate.logistic(frame, {"natural": 1.6, "synthetic": 0.9, "none": 0.1}, spread, rng, {"0.95": 0.6})


def excluded(participant: str, rule: str, verdict: str = "excluded") -> dict:
    return WHO | {
        "participant": participant,
        "rule": rule,
        "value": 0.5,
        "limit": 0.8,
        "verdict": verdict,
        "reason": "",
    }


@pytest.fixture(scope="module")
def exclusions(answers) -> pd.DataFrame:
    people = sorted(answers["participant"].unique())
    rows = [excluded(name, "catch_accuracy", "excluded" if name == people[0] else "kept") for name in people]
    rows += [excluded(name, "total_time_s_max", "excluded" if name in people[:2] else "unknown") for name in people]
    return tables.EXCLUSIONS.frame(rows)


def test_every_person_who_entered_is_in_one_place_of_the_flow(answers, exclusions):
    entered = Entered(17, 1, 2, {"completed": 7, "failed_attention": 1, "no_consent": 3, "unfinished": 5})
    steps = paper.flow(answers, exclusions, entered).steps
    assert [(step.name, step.n) for step in steps] == [("Entered", 17), ("Finished", 8), ("Analysed", 6)]
    assert dict(steps[0].left) == {
        "did not consent": 3, "withdrew, data deleted": 1, "left before the first trial": 2,
        "left during the trials": 3,
    }  # fmt: skip
    assert dict(steps[1].left) == {"too few catch trials right": 1, "too slow": 1}  # the first also is too slow
    assert steps[1].details == ("7 completed, 1 stopped by a check of attention",)


def test_counts_that_do_not_fit_the_tables_are_not_told(answers, exclusions):
    """A folder with the answers of another database, or of none."""
    for counts in (None, Entered(5, 0, 0, {"completed": 5})):
        assert [step.name for step in paper.flow(answers, exclusions, counts).steps] == ["Finished", "Analysed"]
    later = paper.flow(answers, exclusions, Entered(12, 0, 0, {"completed": 10, "unfinished": 2})).steps
    assert dict(later[0].left) == {"left during the trials": 2, "are not in these tables": 2}


def test_people_who_finished_elsewhere_are_not_said_not_to_have_finished(answers, exclusions):
    later, now = (
        Entered(12, 0, 0, {"completed": 10, "unfinished": 2}),
        Entered(10, 0, 0, {"completed": 8, "unfinished": 2}),
    )
    heads = [[step.head for step in paper.flow(answers, exclusions, counts).steps[:2]] for counts in (later, now)]
    assert heads == [["Left out", "Excluded"], ["Did not finish", "Excluded"]]
    drawn = drawn_flow(paper.flow(answers, exclusions, later))
    assert {"Left out (n = 4)", "Excluded (n = 2)"} <= {text.get_text() for text in drawn.texts}


def test_machines_are_no_participants(answers, exclusions):
    machine = answers.assign(observer_kind="machine")
    assert paper.flow(machine, exclusions) is None
    both = pd.concat([answers, machine.assign(observer="similarity")])
    assert paper.flow(both, exclusions).steps == paper.flow(answers, exclusions).steps


def test_exclusions_are_counted_by_rule(exclusions):
    table = paper.by_rule(exclusions)
    assert table[["rule", "demanded", "participants", "excluded", "not known"]].values.tolist() == [
        ["catch_accuracy", "at least 0.8", 8, 1, 0], ["total_time_s_max", "at most 0.8", 8, 2, 6],
        ["any rule", "", 8, 2, 0],
    ]  # fmt: skip
    assert paper.by_rule(tables.EXCLUSIONS.frame()).empty


@pytest.fixture(scope="module")
def folder(answers, exclusions, tmp_path_factory):
    """Tables as a report has them, with the product's own odds ratios, and the scripts beside."""
    report = tmp_path_factory.mktemp("refit")
    out = exclusions.loc[exclusions["verdict"] == "excluded", "participant"]
    kept = answers[~answers["participant"].isin(out)]
    store.write_text(report / "tables/responses.csv", store.csv_text(answers))
    store.write_text(report / "tables/exclusions.csv", store.csv_text(exclusions))
    _, compared = fits.compare_accuracy(kept)
    assert (compared["effect_name"] == "odds_ratio")[compared["test"] == "glmm"].all()
    store.write_text(report / "tables/comparisons.csv", store.csv_text(compared))
    for name in paper.SCRIPTS:
        store.write_text(report / "paper" / name, paper.script(name))
    return report


SPREAD = simulate.Spread(0.4, 0.6)


@pytest.mark.parametrize(
    ("units", "spread", "left"),
    [
        (6, simulate.Spread(), ""),  # both standard deviations are 0
        (1, SPREAD, ""),  # no variance between units
        (6, SPREAD, "condition != 'synthetic' or difficulty != '0.95'"),  # no interaction
        (6, SPREAD, "(condition == 'synthetic') == (difficulty == '0.95')"),  # difficulty and condition are one
    ],
)
def test_the_script_has_the_products_model_in_odd_studies(units, spread, left):
    """Oracle: the analysis, which is tested against lme4."""
    rng = np.random.default_rng(3)
    frame = simulate.trials(40 // units, units, ["natural", "synthetic"], rng, difficulties=["extreme", "0.95"])
    frame = frame if units > 1 else pd.concat([frame.assign(trial_id=frame["trial_id"] + str(k)) for k in range(6)])
    frame = simulate.logistic(
        frame.reset_index(drop=True), {"natural": 0.8, "synthetic": 0.2}, spread, rng, {"0.95": 0.4}
    )
    kept = frame.query(left) if left else frame
    _, compared = fits.compare_accuracy(kept)
    assert np.isfinite(compared[compared["test"] == "glmm"]["effect"]).all()
    text = pd.DataFrame({name: values.astype(str) for name, values in compared.items()})
    found = {what: (ours, theirs) for what, ours, _, theirs in script.numbers(script.main_trials(
        kept.assign(correct=kept["correct"].astype(str)), None), None, text)}  # fmt: skip
    ours, theirs = found["odds ratio, natural against synthetic"]
    assert ours == pytest.approx(theirs, rel=1e-3)


def refit(folder, *command: str) -> str:
    """What a script prints. It must say that all of the report's odds ratios, with three digits, are its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("report: ") == 3  # pairs of three conditions
    assert "6 participants, 12 units" in done.stdout
    return done.stdout


@pytest.fixture
def rscript() -> str:
    return shutil.which("Rscript") or pytest.skip("R is not installed")


def test_the_script_in_r_finds_the_same_odds_ratios(folder, rscript):
    """Oracle: lme4::glmer(y ~ 0 + condition:difficulty + (1 | participant) + (1 | unit), family = binomial)."""
    refit(folder, rscript, "paper/refit.R")


@pytest.mark.slow  # lme4 is there
def test_without_lme4_too(folder, rscript):
    assert "Laplace by optim" in refit(folder, rscript, "paper/refit.R", "--base")


def test_the_script_in_python_finds_the_same_odds_ratios(folder):
    refit(folder, sys.executable, "paper/refit.py")


@pytest.mark.slow  # twenty seconds
def test_the_scripts_have_the_odds_ratios_of_the_published_study(shared_data, tmp_path, rscript):
    """Of Experiment II too, where a step of an optimizer can lead to a standard deviation of 0, and stay there."""
    published = borowski2021.read(shared_data / "borowski2021").responses
    store.write_text(tmp_path / "responses.csv", store.csv_text(published))
    store.write_text(tmp_path / "comparisons.csv", store.csv_text(fits.compare_accuracy(published)[1]))
    for name in paper.SCRIPTS:
        store.write_text(tmp_path / name, paper.script(name))
    for command in ([rscript, "refit.R"], [rscript, "refit.R", "--base"], [sys.executable, "refit.py"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("report: ") == 4


def test_a_difference_in_the_third_digit_is_told(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "report")
    path = tmp_path / "report/tables/comparisons.csv"
    table = pd.read_csv(path)
    table["effect"] *= 1.002
    path.write_text(store.csv_text(table), encoding="utf-8")
    done = subprocess.run([sys.executable, "paper/refit.py"], cwd=tmp_path / "report", capture_output=True, text=True)
    assert done.returncode == 1
    assert "DIFFERS" in done.stdout
    assert "NOT reproduced" in done.stdout


def test_the_folder_of_a_report(written, parse):
    names = {path.name for path in (written / "paper").iterdir()}
    assert names == {"methods.md", "participant_flow.svg", "participant_flow.png", "participant_flow.csv",
                     "exclusions_by_rule.csv", "exclusions_by_rule.tex", *paper.SCRIPTS}  # fmt: skip
    text = (written / "paper/methods.md").read_text(encoding="utf-8")
    shown = parse(written / "index.html").text["paper"]
    for fact in ("4\u00a0people finished", "3\u00a0units", "seed 7", "borowski2021-1", "Borowski, J.", "new units"):
        assert fact in text, fact
        assert fact in shown, fact
    assert "nan" not in text.lower().split()


@pytest.mark.parametrize("frozen", [{}, {"at": 1}])
@pytest.mark.parametrize("looked_at", [None, 1])
def test_rules_were_declared_before_only_if_the_first_look_is_recorded(finished_stimuli, exclusions, frozen, looked_at):
    """Until then they may change, and a copy without its database cannot record a look."""
    study = finished_stimuli
    status = replace(blinding.read_status(study), frozen=frozen, unblinded_at=looked_at)
    blinding.write_status(study, status)
    found = replace(stage.read(study), exclusions=exclusions)
    people = paper.flow(found.responses, found.exclusions)
    (text,) = [
        one.text
        for one in words.methods(study, found, people, paper.by_rule(found.exclusions))
        if one.title == "Exclusions"
    ]
    assert ("declared before any result" in text) == bool(frozen and looked_at)
    assert ("that the study declares" in text) != bool(frozen and looked_at)


@pytest.fixture
def said(study):
    """The methods section of the study with other units or trials, by paragraph."""

    def say(**other: pd.DataFrame) -> dict[str, str]:
        found = replace(stage.read(study), **other)
        people = paper.flow(found.responses, found.exclusions)
        return {one.title: one.text for one in words.methods(study, found, people, paper.by_rule(found.exclusions))}

    return say


@pytest.mark.parametrize(
    ("picked", "how"),
    [
        (0, "drawn at random, of the layers"),
        (1, "1 of them chosen by hand and the others drawn at random, of the layers"),
        (3, "3\u00a0units chosen by hand, of the layers"),
    ],
)
def test_the_methods_say_how_units_were_chosen(study, said, picked, how):
    units = stage.read(study).units
    text = said(units=units.assign(selection=["hand_picked"] * picked + ["random"] * (3 - picked)))["Units and images"]
    assert how in text
    assert picked == 1 or "the others" not in text


def test_the_methods_count_one_and_several(study, said):
    trials = stage.read(study).trials
    assert "All 4\u00a0schedules were fixed in advance" in said()["Trials and sessions"]
    alone = trials[trials["participant"] == 1]
    catch = alone[alone["kind"] == "catch"].index
    text = said(trials=alone.drop(catch[1:]))["Trials and sessions"]
    assert "1\u00a0catch trial per session" in text
    assert "The schedule was fixed in advance" in text


@pytest.mark.parametrize(
    ("protocol", "order"),
    [
        ("borowski2021-1", "Conditions were blocked, and their order was counterbalanced"),
        ("quick", "Conditions changed from trial to trial in random order"),
    ],
)
def test_the_methods_say_how_conditions_and_sides_were_ordered(said, tmp_path, protocol, order):
    """Oracle: docs/reference/design.md: sides are coin tosses in all protocols, which balances nothing."""
    (tmp_path / "study.toml").touch()
    made = Study.open(tmp_path)
    save(made, small_design(4, protocol))
    trials = tables.TRIALS.read(made.stage("design") / "trials.parquet")
    text = said(trials=trials)["Trials and sessions"]
    assert order in text
    assert "The side of the right query was drawn at random in each trial." in text
    alone = said(trials=trials[trials["condition"] == "natural"].assign(difficulty="extreme"))["Trials and sessions"]
    assert "Conditions" not in alone  # there is one
    first = {"borowski2021-1": "natural", "quick": "mine"}[protocol]
    one_each = trials[(trials["condition"] == first) == (trials["participant"] == 1)]
    one_each = one_each[one_each["condition"].isin([first, "synthetic"])].assign(difficulty="extreme")
    assert "Each session had one condition" in said(trials=one_each)["Trials and sessions"]


def test_difficulties_that_change_from_trial_to_trial_are_no_blocks(said, tmp_path):
    """As of [design] between = ["method"], or of one method: what differs within a session is the difficulty."""
    (tmp_path / "study.toml").touch()
    made = Study.open(tmp_path)
    save(made, small_design(4, "quick"))
    trials = tables.TRIALS.read(made.stage("design") / "trials.parquet")
    mine = trials[trials["condition"] == "mine"].copy()
    mine["difficulty"] = ["extreme", "0.95"] * (len(mine) // 2) + ["extreme"] * (len(mine) % 2)
    assert "Conditions changed from trial to trial" in said(trials=mine)["Trials and sessions"]


def test_the_methods_count_trials_that_came_again(study, said):
    """They are chosen while a session runs, so that no trials of the design are."""
    answers = stage.read(study).responses
    people = answers["observer_kind"] == "person"
    assert "came again" not in said(responses=answers[answers["trial_kind"] != "repeated"])["Trials and sessions"]
    again = answers[people & (answers["trial_kind"] == "main")].groupby(["observer", "participant"]).head(3)
    more = pd.concat([answers[answers["trial_kind"] != "repeated"], again.assign(trial_kind="repeated")])
    assert "At the end, 3\u00a0trials came again" in said(responses=more)["Trials and sessions"]


def test_every_rule_of_the_study_has_words():
    """Oracle: the keys of [exclusions]."""
    assert set(rules.WORDS) == set(declared.RULES)
