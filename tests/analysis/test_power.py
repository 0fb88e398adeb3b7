"""Simulated power against the normal approximation, its own errors of the first kind, and a protocol's structure."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm
from typer import Typer
from typer.testing import CliRunner

from exemplum.analysis import Machine, power, structure
from exemplum.analysis.power import Scenario
from exemplum.analysis.simulate import Spread
from exemplum.cli.power import power as command
from exemplum.errors import UserError
from exemplum.report.figures.accuracy import power as draw
from exemplum.tables import RESPONSES

from .crossed_data import responses


def analytic(p: float, q: float, trials: int) -> float:
    """Two-sided z test of two shares whose trials are independent."""
    return float(norm.cdf(abs(q - p) / np.sqrt((p * (1 - p) + q * (1 - q)) / trials) - norm.ppf(0.975)))


@pytest.mark.parametrize("people", [20, 40])
def test_without_random_effects_power_is_the_normal_one(people: int) -> None:
    found = power.table(Scenario(0.8, 0.05, Spread(), people, 45), [people], [45], "these_units", 2000, seed=1)
    # t with 19 degrees of freedom has a little less than the normal: some 3 points at 20 participants
    assert found["power"].iloc[0] == pytest.approx(analytic(0.8, 0.85, people * 45), abs=0.05)


def test_glmm_without_random_effects_has_the_normal_power() -> None:
    found = power.table(Scenario(0.8, 0.08, Spread(), 10, 30), [10], [30], "glmm", 150, seed=1)
    expected = analytic(0.8, 0.88, 300)
    assert found["low"].iloc[0] < expected < found["high"].iloc[0]


@pytest.mark.parametrize("test", ["these_units", "new_units"])
def test_no_difference_is_found_in_five_percent(test: str) -> None:
    found = power.table(Scenario(0.8, 0.0, Spread(0.5, 0.7), 15, 45), [15], [45], test, 2000, seed=3)
    assert found["power"].iloc[0] < 0.065
    if test == "these_units":
        assert found["power"].iloc[0] > 0.037


def test_units_that_differ_by_method_are_a_sample() -> None:
    """Over these units the participants' test finds differences; that units at large differ it must not say."""
    scenario = Scenario(0.8, 0.0, Spread(0, 0.7, 0, 0.8), 40, 45)
    found = {test: power.table(scenario, [40], [45], test, 600, seed=2)["power"].iloc[0] for test in power.TESTS[:2]}
    assert found["these_units"] > 0.2
    assert found["new_units"] < 0.08


def test_all_schemes_are_planned_for_unless_one_is_asked_for() -> None:
    """borowski2021-2: 160 main trials, 40 of them in each of four schemes (Borowski et al. 2021, appendix A.1.2)."""
    scenario, sets = Scenario(0.8, 0.1, Spread(), 8, 80), structure.structure("borowski2021-2").sets
    for part, trials in (("all", 160), ("scheme", 40)):
        found = power.table(scenario, [8], [80], "new_units", 10, seed=1, sets=sets, part=part)
        assert found[["part", "trials"]].to_numpy().tolist() == [[part, trials]]
    with pytest.raises(UserError, match="did you mean scheme"):
        power.table(scenario, [8], [80], "new_units", 10, seed=1, part="schemes")


@pytest.mark.parametrize(
    ("methods", "difficulties", "part", "trials"),
    [(2, 1, "all", 32), (8, 2, "all", 8), (8, 2, "difficulty", 4), (3, 1, "all", 21)],
)
def test_quick_divides_main_trials_among_methods_and_difficulties(methods, difficulties, part, trials) -> None:
    made = structure.structure("quick", methods, difficulties)
    scenario = Scenario(0.8, 0.1, Spread(), 48, 32, interleaved=made.interleaved)
    found = power.table(scenario, [48], [32], "these_units", 400, seed=1, part=part)
    assert (made.whole(7), made.units, found["trials"].iloc[0]) == (7, 32, trials)
    # trials are independent, and people have as many with either method, or one more
    assert found["power"].iloc[0] == pytest.approx(analytic(0.8, 0.9, 48 * trials // 2), abs=0.06)


def test_quick_is_simulated_as_it_is_assigned() -> None:
    """Each participant sees each unit once; all participants see it equally often with either method."""
    scenario = Scenario(0.8, 0.1, Spread(), 16, 32, interleaved=structure.structure("quick", 4, 2).interleaved)
    answers = power.simulated(scenario, np.random.default_rng(0))
    assert len(answers.right) == 16 * 32 // 2
    assert len(set(zip(answers.person, answers.unit, strict=True))) == len(answers.right)
    counts = np.zeros((32, 2), int)
    np.add.at(counts, (answers.unit, answers.method.astype(int)), 1)
    assert (counts == 4).all()


@pytest.mark.parametrize("methods", [2, 8])
def test_no_difference_is_found_in_five_percent_of_studies_with_quick(methods) -> None:
    """Though every participant sees other units with the method than with the baseline."""
    made = structure.structure("quick", methods)
    scenario = Scenario(0.85, 0.0, Spread(0.3, 0.9, 0.25, 0.0), 32, 32, interleaved=made.interleaved)
    found = power.table(scenario, [32], [32], "new_units", 1000, seed=2)
    assert 0.005 < found["power"].iloc[0] < 0.065


def test_participants_who_see_one_method_are_compared_as_two_groups() -> None:
    """imi2023: 63 participants for each of 2 methods × 2 difficulties answer 30 times for each of 84 units."""
    made = structure.structure("imi2023", 2, 2)
    assert (made.units, made.interleaved.main) == (84, 40)
    scenario = Scenario(0.8, 0.0, Spread(0.5), 252, 84, interleaved=made.interleaved)
    answers = power.simulated(scenario, np.random.default_rng(0))
    counts = np.zeros((84, 2, 2), int)
    np.add.at(counts, (answers.unit, answers.method.astype(int), answers.difficulty), 1)
    assert (counts == 30).all()
    seen = set(zip(answers.person, answers.method, answers.difficulty, strict=True))
    assert len(seen) == 252  # one method at one difficulty each
    for test in ("new_units", "these_units"):
        found = power.table(scenario, [60], [84], test, 500, seed=1)
        assert 0.01 < found["power"].iloc[0] < 0.08
        assert found["trials"].iloc[0] == 40


def test_marginal_accuracies_are_as_wanted() -> None:
    mean = power.log_odds(0.8, 1.1)
    marginal = quad(lambda x: expit(mean + 1.1 * x) * norm.pdf(x), -12, 12)[0]
    assert marginal == pytest.approx(0.8, abs=1e-6)
    scenario = Scenario(0.8, 0.1, Spread(0.3, 0.4, 0.2, 0.2), 400, 500)
    right, unit = power.simulate(scenario, np.random.default_rng(0))
    np.testing.assert_allclose(right.mean(axis=(0, 1)), [0.8, 0.9], atol=0.02)
    assert np.ptp(np.bincount(unit.ravel(), minlength=500)) == 0


def test_units_go_round_those_who_see_only_some() -> None:
    scenario = Scenario(0.8, 0.1, Spread(), 8, 80, units_each=20)
    right, unit = power.simulate(scenario, np.random.default_rng(0))
    assert right.shape == (8, 20, 2)
    assert (np.bincount(unit.ravel(), minlength=80) == 2).all()


def test_a_cell_does_not_depend_on_the_others() -> None:
    scenario = Scenario(0.8, 0.1, Spread(0.3, 0.4), 10, 20)
    whole = power.table(scenario, [6, 10], [20, 30], "these_units", 50, seed=4)
    alone = power.table(scenario, [10], [30], "these_units", 50, seed=4)
    assert whole[(whole["participants"] == 10) & (whole["units"] == 30)]["power"].tolist() == alone["power"].tolist()


def test_protocols_are_counterbalanced_over_whole_cycles() -> None:
    first, second = structure.structure("borowski2021-1"), structure.structure("borowski2021-2")
    assert (first.whole(5), first.units, first.check(45)) == (6, 45, 45)
    assert (second.whole(23), second.units, second.check(80)) == (24, 80, 20)
    with pytest.raises(UserError, match="multiple of 4"):
        second.check(45)


def test_spread_of_a_fitted_model_is_that_of_its_conditions() -> None:
    # intercept and contrast of lme4's fit: the two conditions' deviations are intercept ± contrast / √2
    spread = power.spread_of(np.array([[0.901905, 0.686042], [1.405295, 0.0]]))
    both = spread.participant**2 + spread.participant_condition**2
    assert both == pytest.approx(0.901905**2 + 0.686042**2 / 2)  # variance of one condition's log odds
    assert 2 * spread.participant_condition**2 == pytest.approx(2 * 0.686042**2)  # variance of their difference
    assert spread.unit == pytest.approx(1.405295)


def test_scenario_of_a_study_is_fitted() -> None:
    level, spread = power.fitted(responses(), "natural", "synthetic")
    assert level == pytest.approx(0.75)
    assert spread.unit_condition == 0
    with pytest.raises(UserError, match="found 0"):
        power.fitted(responses()[:0], "natural", "synthetic")


@pytest.mark.parametrize(("baseline", "difference"), [(0.9, 0.1), (0.0, 0.1), (0.3, -0.4)])
def test_impossible_accuracies_are_refused(baseline: float, difference: float) -> None:
    with pytest.raises(UserError, match="between 0 and 1"):
        Scenario(baseline, difference, Spread(), 10, 10)


def test_command_prints_a_table_and_writes_a_figure(tmp_path) -> None:
    out = tmp_path / "power"
    app = Typer()
    app.command()(command)
    given = ["--difference", "0.1", "--participants", "3,6", "--simulations", "20", "--out", str(out)]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    assert "45" in result.output
    assert {path.name for path in out.iterdir()} == {"power.csv", "power.png", "power.svg"}
    # 3 participants cannot be counterbalanced: 4 can
    assert "4,45,all,90,0.1,new_units" in (out / "power.csv").read_text()


def test_a_study_with_quick_is_planned_for_its_methods_and_difficulties(tmp_path) -> None:
    study = tmp_path / "study"
    (study / "responses").mkdir(parents=True)
    (study / "study.toml").write_text(
        '[explanations]\nmethods = ["natural", "synthetic", "folder:a", "folder:b"]\n'
        '[queries]\ndifficulty = ["extreme", 0.95]\n[design]\nprotocol = "quick"\nmain = 16\n'
    )
    RESPONSES.write(
        study / "responses" / "machines.parquet", responses().assign(observer="lab", observer_kind="machine")
    )
    app = Typer()
    app.command()(command)
    given = ["--difference", "0.1", "--participants", "9", "--units", "20", "--simulations", "10"]
    given += ["--study", str(study), "--observer", "lab", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*given, "--part", "difficulty"])
    assert result.exit_code == 0, result.output
    assert "9,20,difficulty,4,0.1,new_units" in (tmp_path / "power.csv").read_text()
    told = " ".join(result.output.split())
    assert "16 main trials per participant, for 4 methods and 2 difficulties; of these, power is by" in told
    assert CliRunner().invoke(app, [*given, "--methods", "2", "--difficulties", "1"]).exit_code == 0
    assert "9,20,all,16,0.1,new_units" in (tmp_path / "power.csv").read_text()


def test_figure_has_a_line_for_each_number_of_units() -> None:
    table = power.table(Scenario(0.8, 0.1, Spread(), 6, 10), [4, 6], [10, 20], "these_units", 10, seed=1)
    ax = draw(table, Figure().add_subplot())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["10 units", "20 units"]


def test_a_study_is_planned_by_its_protocol_and_its_primary_claim(tmp_path) -> None:
    study = tmp_path / "study"
    (study / "responses").mkdir(parents=True)
    (study / "study.toml").write_text('[design]\nprotocol = "borowski2021-2"\n[analysis]\nprimary = "these_units"\n')
    RESPONSES.write(
        study / "responses" / "machines.parquet", responses().assign(observer="lab", observer_kind="machine")
    )
    app = Typer()
    app.command()(command)
    given = ["--difference", "0.1", "--participants", "8", "--units", "8", "--simulations", "10"]
    result = CliRunner().invoke(app, [*given, "--study", str(study), "--observer", "lab", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "8,8,all,16,0.1,these_units" in (tmp_path / "power.csv").read_text()
    assert "all 4 schemes together" in result.output


WITH_MACHINE = Scenario(0.8, 0.08, Spread(0.2, 0.65, 0.2, 0.8), 30, 24)


def test_a_good_machine_helps_and_a_useless_one_costs_nothing() -> None:
    found = {}
    for name, correlation in (("good", 0.9), ("useless", 0.0)):
        scenario = replace(WITH_MACHINE, machine=Machine(correlation, 1000))
        found[name] = power.table(scenario, [30], [24], "ppi", 600, seed=1)["power"].iloc[0]
    without = power.table(WITH_MACHINE, [30], [24], "new_units", 600, seed=1)["power"].iloc[0]
    assert found["good"] > without + 0.1
    assert found["useless"] == pytest.approx(without, abs=0.07)  # 600 studies: a standard error of .028


@pytest.mark.parametrize("protocol", ["borowski2021-1", "quick"])
def test_with_a_machine_no_difference_is_found_in_five_percent(protocol: str) -> None:
    mixed = structure.structure(protocol).interleaved
    scenario = Scenario(0.85, 0.0, Spread(0.2, 0.65, 0.2, 0.55), 20, 32, interleaved=mixed, machine=Machine(0.8, 300))
    found = power.table(scenario, [20], [32], "ppi", 800, seed=3)["power"].iloc[0]
    assert found < 0.07


@pytest.mark.parametrize(
    ("machine", "message"),
    [(None, "needs a machine's scores"), (Machine(0.5, 24), "24 units scored by the machine are no more than the 24")],
)
def test_a_machine_must_have_scored_other_units(machine, message) -> None:
    with pytest.raises(UserError, match=message):
        power.table(replace(WITH_MACHINE, machine=machine), [30], [24], "ppi", 10, seed=1)
    with pytest.raises(UserError, match=r"correlation of 1\.2"):
        Machine(1.2, 100)


def test_command_plans_with_a_machine(tmp_path) -> None:
    app = Typer()
    app.command()(command)
    given = ["--difference", "0.1", "--participants", "4", "--simulations", "10", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*given, "--machine-correlation", "0.6", "--scored-units", "500"])
    assert result.exit_code == 0, result.output
    assert "500 units" in result.output
    assert ",ppi," in (tmp_path / "power.csv").read_text()
    result = CliRunner().invoke(app, [*given, "--scored-units", "500"])
    assert "belong together" in str(result.exception)
