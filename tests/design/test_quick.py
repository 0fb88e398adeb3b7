"""The protocol quick: who sees which unit, method and difficulty. Oracle: the trials of the design, counted."""

from collections import Counter
from dataclasses import replace
from itertools import product

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from design.made import queries, stimuli, units
from exemplum.design import Assignment, DesignError, check, make, minutes, repeated_trials
from exemplum.design.duration import SECONDS
from exemplum.errors import UserError
from exemplum.protocols import PROTOCOLS, Factor, protocol
from exemplum.records import Design, Pole, Response, Scheme, Side, Trial, TrialKind

METHODS = ("natural", "crops", "mine", "maco")
LEVELS = ("extreme", "0.95")


def study(main: int = 32, practice: int = 9, methods=METHODS, levels=LEVELS, batches: int = 4) -> dict:
    """Arguments of `make` and `check`, with one reference per pole."""
    of = units(main, practice)
    references, pairs = queries(stimuli(of, batches, (1,), methods), levels)
    return {"units": of, "stimuli": references, "queries": pairs}


def mains(design: Design) -> list[Trial]:
    return [trial for trial in design.trials if trial.kind is TrialKind.MAIN]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), number=st.integers(1, 40), cells=st.integers(1, 18), batches=st.integers(1, 6))
def test_an_assignment_is_balanced_after_any_number_of_participants(data, number, cells, batches):
    twice = batches > 1 and data.draw(st.booleans())
    trials = 2 * number if twice else data.draw(st.integers(1, number))
    plan = Assignment(number, cells, batches, trials)
    seen, batch = Counter(), Counter()
    for participant in range(data.draw(st.integers(1, 2 * cells + 3))):
        slots = plan.slots(participant)
        assert max(Counter(slot.unit for slot in slots).values()) == 1 + twice
        assert len({(slot.unit, slot.batch) for slot in slots}) == trials
        assert len({(slot.unit, slot.cell) for slot in slots}) == trials or cells == 1
        own = Counter(slot.cell for slot in slots)
        assert max(own.values()) - min(own[cell] for cell in range(cells)) <= 1
        seen.update((slot.unit, slot.cell) for slot in slots)
        batch.update((slot.unit, slot.cell, slot.batch) for slot in slots)
    counts = [seen[key] for key in product(range(number), range(cells))]
    assert max(counts) - min(counts) <= 1
    used = [[batch[unit, cell, b] for b in range(batches)] for unit, cell in product(range(number), range(cells))]
    assert max(max(of) - min(of) for of in used) <= 1 + twice
    assert (participant + 1) % plan.participants or len(set(counts)) == 1


@settings(max_examples=25, deadline=None)
@given(
    main=st.integers(1, 13), practice=st.integers(0, 4), batches=st.integers(1, 4), participants=st.integers(1, 20),
    methods=st.integers(1, 4), levels=st.sampled_from([("extreme",), LEVELS, ("0.85", "extreme", "0.95")]),
    size=st.integers(1, 14), between=st.sampled_from([(), ("difficulty",), ("method",), ("difficulty", "method")]),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_invariants_hold_and_cells_are_balanced_at_every_size(
    main, practice, batches, participants, methods, levels, size, between, seed
):
    given = study(main, practice, METHODS[:methods], levels, batches)
    asked = {"main": size, "between": between}
    design = make("quick", participants=participants, seed=seed, **given, **asked)
    check(design, **given, **asked)
    if not between:  # else `check` counts within each group of participants
        names = given["units"].loc[given["units"]["role"] == "main", "unit"]
        keys = list(product(names, METHODS[:methods], levels))
        counts = Counter((str(t.unit.unit), t.condition, t.difficulty) for t in mains(design))
        assert set(counts) <= set(keys)
        assert max(counts[key] for key in keys) - min(counts[key] for key in keys) <= 1


@pytest.fixture(scope="module")
def design() -> Design:
    return make("quick", participants=16, seed=3, **study())


def test_a_session_is_five_practice_trials_and_two_blocks_of_sixteen_main_and_two_catch_trials(design):
    for session in design.sessions:
        kinds = [(block.kind.value, block.condition, Counter(t.kind.value for t in block.trials))
                 for block in session.blocks]  # fmt: skip
        block = ("main", "", Counter(main=16, catch=2))
        assert kinds == [("practice", "", Counter(practice=5)), block, block]


def test_everyone_sees_every_unit_once_and_every_method_at_every_difficulty_equally_often(design):
    for session in design.sessions:
        own = [trial for trial in session.trials if trial.kind is TrialKind.MAIN]
        assert len({trial.unit.unit for trial in own}) == len(own) == 32
        assert set(Counter((t.condition, t.difficulty) for t in own).values()) == {4}


def test_over_participants_every_unit_is_seen_equally_often_in_every_cell_with_the_same_queries(design):
    counts = Counter((trial.unit.unit, trial.condition, trial.difficulty) for trial in mains(design))
    assert len(counts) == 32 * 4 * 2
    assert set(counts.values()) == {2}  # 16 participants × 32 trials over 256 cells
    table = pd.DataFrame([{"unit": t.unit.unit, "cell": t.difficulty, "method": t.condition, "asked": t.query_max}
                          for t in mains(design)])  # fmt: skip
    asked = table.groupby(["unit", "cell", "method"])["asked"].agg(lambda paths: tuple(sorted(paths)))
    assert (asked.groupby(["unit", "cell"]).nunique() == 1).all()  # no method has easier queries than another


def test_practice_is_easy_but_for_the_last_trial_and_takes_the_methods_in_turn(design):
    methods = Counter()
    for session in design.sessions:
        practice = session.blocks[0].trials
        assert [trial.difficulty for trial in practice] == ["extreme"] * 4 + ["0.95"]
        assert {trial.unit.role for trial in practice} == {"practice"}
        methods.update(trial.condition for trial in practice)
    assert set(methods.values()) == {16 * 5 // 4}


def test_the_easiest_difficulty_is_the_one_of_the_largest_margin_however_it_is_listed():
    given = study(levels=("0.95", "extreme"))
    given["queries"] = given["queries"].assign(margin=given["queries"]["difficulty"].map({"extreme": 4.0, "0.95": 2.0}))
    first = make("quick", participants=1, **given).sessions[0].blocks[0].trials
    assert [trial.difficulty for trial in first] == ["extreme"] * 4 + ["0.95"]


def test_a_catch_trial_asks_for_references_of_the_baseline_that_it_shows(design):
    """No bad method may exclude people, and a method of random pictures has no answer that is right by activation."""
    catch = [trial for trial in design.trials if trial.kind is TrialKind.CATCH]
    assert len(catch) == 16 * 4
    assert {trial.condition for trial in catch} == {"natural"}
    crops = make("quick", participants=2, baseline="crops", **study())
    assert {trial.condition for trial in crops.trials if trial.kind is TrialKind.CATCH} == {"crops"}
    for trial in catch:
        assert trial.query_max in trial.references.max
        assert trial.query_min in trial.references.min
        assert trial.difficulty == ""


def test_no_practice_or_catch_unit_comes_twice(design):
    for session in design.sessions:
        easy = [trial.unit.unit for trial in session.trials if trial.kind is not TrialKind.MAIN]
        assert len(set(easy)) == len(easy) == 9


def test_a_session_does_not_depend_on_the_number_of_participants(design):
    fewer = make("quick", participants=5, seed=3, **study())
    assert fewer.sessions == design.sessions[:5]
    assert make("quick", participants=5, seed=4, **study()).sessions != fewer.sessions


def test_more_units_than_trials_are_divided_among_participants():
    given = study(main=45)
    design = make("quick", participants=45, seed=1, **given)
    assert {len({t.unit.unit for t in s.trials if t.kind is TrialKind.MAIN}) for s in design.sessions} == {32}
    assert set(Counter(trial.unit.unit for trial in mains(design)).values()) == {32}
    assert set(Counter((t.unit.unit, t.condition, t.difficulty) for t in mains(design)).values()) == {4}
    assert "a participant sees 32 of the 45 main units" in design.notes
    assert "every unit 3 or 4 times in each of 8 combinations of method, difficulty; multiples of 45 see it" in notes(
        make("quick", participants=44, **given)
    )


def notes(design: Design) -> str:
    return "; ".join(design.notes)


def test_few_units_come_twice_first_all_once_with_other_queries_and_in_another_cell():
    design = make("quick", participants=16, seed=1, **study(main=12))
    assert "a participant sees each of the 12 main units twice" in design.notes
    order = Counter()
    for session in design.sessions:
        own = [trial for trial in session.trials if trial.kind is TrialKind.MAIN]
        assert len({t.unit.unit for t in own[:12]}) == len({t.unit.unit for t in own[12:]}) == 12
        assert len({(t.query_max, t.query_min) for t in own}) == 24
        assert len({(t.unit.unit, t.condition, t.difficulty) for t in own}) == 24
        order.update((t.unit.unit, t.condition, t.difficulty, place < 12) for place, t in enumerate(own))
    # each cell of a unit comes as often before the other as after it, so that no method gains from the second look
    assert len(order) == 12 * 8 * 2
    assert set(order.values()) == {2}


def test_one_batch_is_enough_and_units_then_come_once():
    design = make("quick", participants=4, seed=1, **study(main=12, batches=1))
    assert {trial.batch for trial in design.trials} == {0}
    assert max(Counter((t.participant, t.unit.unit) for t in mains(design)).values()) == 1


def test_main_units_practise_with_a_batch_of_their_own():
    given = study(main=6, practice=0, batches=3)
    design = make("quick", participants=12, **given)
    asked = {kind: {trial.batch for trial in design.trials if trial.kind is kind} for kind in TrialKind}
    assert asked[TrialKind.MAIN] == {1, 2}
    assert asked[TrialKind.PRACTICE] == asked[TrialKind.CATCH] == {0}
    assert "no practice units" in notes(design)


def test_a_unit_that_practises_twice_shows_other_queries():
    design = make("quick", participants=4, practice=5, **study(practice=2))
    for session in design.sessions:
        practice = [trial for trial in session.trials if trial.kind is TrialKind.PRACTICE]
        assert len({(trial.unit.unit, trial.batch) for trial in practice}) == 5
    assert "2 for 9 practice and catch trials, so some come more than once" in notes(design)


def test_fewer_trials_than_methods_are_noted():
    assert "2 main trials for 4 methods: not everyone sees the baseline" in notes(
        make("quick", participants=4, main=2, **study())
    )


@pytest.mark.parametrize("between", [["difficulty"], ["method"], ["method", "difficulty"]])
def test_factors_may_lie_between_participants(between):
    given = study()
    design = make("quick", participants=32, seed=1, between=between, **given)
    check(design, between=between, **given)
    for session in design.sessions:
        own = [trial for trial in session.trials if trial.kind is TrialKind.MAIN]
        assert len({trial.unit.unit for trial in own}) == 32
        assert len({t.difficulty for t in own}) == (1 if "difficulty" in between else 2)
        assert len({t.condition for t in own}) == (1 if "method" in between else 4)
        if "method" in between:  # what all trials of a block are of, the pages announce
            assert {block.condition for block in session.blocks} == {own[0].condition}
    assert set(Counter((t.unit.unit, t.condition, t.difficulty) for t in mains(design)).values()) == {4}


def test_imi2023_gives_thirty_answers_to_every_unit_with_one_method_at_one_difficulty_per_participant():
    """Zimmermann, Klein & Brendel (2023): 63 sessions of 40 main and 5 catch trials per condition, 84 units."""
    given = study(main=84, practice=10, methods=("natural", "mine"))
    design = make("imi2023", participants=63 * 4, seed=1, **given)
    assert not any("participants see" in note for note in design.notes)
    counts = Counter((t.unit.unit, t.condition, t.difficulty) for t in mains(design))
    assert len(counts) == 84 * 4
    assert set(counts.values()) == {30}
    for session in design.sessions[:4]:
        assert Counter(trial.kind.value for trial in session.trials) == {"practice": 5, "main": 40, "catch": 5}
        assert len({(t.condition, t.difficulty) for t in session.trials if t.kind is TrialKind.MAIN}) == 1
    sessions = {(b.condition, b.trials[0].difficulty) for s in design.sessions[:4] for b in s.blocks[1:]}
    assert {condition for condition, _ in sessions} == {"natural", "mine"}


def test_schemes_may_change_within_participants_one_after_the_other(monkeypatch):
    both = (Pole.MIN, Pole.MAX)
    quick = protocol("quick")
    schemes = replace(
        quick, name="schemes", schemes=(Scheme(1, both), Scheme(1, (Pole.MAX,))), within=(*quick.within, Factor.SCHEME)
    )
    monkeypatch.setitem(PROTOCOLS, "schemes", schemes)
    given = study()
    design = make("schemes", participants=32, seed=1, **given)
    check(design, **given)
    first = Counter()
    for session in design.sessions:
        assert all(len({trial.scheme for trial in block.trials}) == 1 for block in session.blocks)
        assert Counter(block.scheme for block in session.blocks) == {"Min-Max-1": 3, "Max-1": 3}
        first[session.blocks[0].scheme] += 1
    assert set(first.values()) == {16}
    counts = Counter((t.unit.unit, t.condition, t.scheme, t.difficulty) for t in mains(design))
    assert set(counts.values()) == {2}


def test_repeated_trials_may_be_asked_for_and_come_from_all_conditions():
    design = make("quick", participants=1, repeated=4, **study())
    session = design.sessions[0]
    assert (session.blocks[-1].kind, session.blocks[-1].condition, session.blocks[-1].repeats) == ("repeated", "", 4)
    answers = [Response(t.trial_id, "x", Side.TOP, 1 + t.index % 3) for t in session.trials]
    again = repeated_trials(session, answers, design.seed)
    confidence = {answer.trial_id: answer.confidence for answer in answers}
    assert sorted(confidence[trial.repeats] for trial in again) == [1, 1, 3, 3]


def test_several_difficulties_need_a_protocol_that_varies_them():
    with pytest.raises(UserError, match="borowski2021-1 shows queries of one difficulty, and the study has extreme, 0"):
        make("borowski2021-1", **study())
    for name, value in (("main", 20), ("between", ["difficulty"])):
        with pytest.raises(
            UserError, match=rf"takes no \[design\] {name}; leave it out, or choose protocol = \"quick\""
        ):
            make("borowski2021-1", **study(levels=("extreme",)), **{name: value})
    with pytest.raises(DesignError, match=r"factor scheme of protocol quick has one level; between .* method, diff"):
        make("quick", between=["scheme"], **study())
    with pytest.raises(DesignError, match="needs a method with pictures"):
        make("quick", methods=[], **study())


@pytest.mark.parametrize("experiment", ["I_main_practice_catch_repeated", "II_main_practice_catch"])
def test_a_session_takes_less_than_ten_minutes_at_the_published_reaction_times(design, shared_data, experiment):
    """Also with 16 methods, of which all but the baseline take as long as synthetic images."""
    path = shared_data / "borowski2021" / f"experiment_{experiment}_trials_preprocessed.csv"
    published = pd.read_csv(path)
    kind = published["trial_type"].where(~published["catch_trial"], "catch")
    if "condition_name" not in published:
        published["condition_name"] = "Min-Max-9"
    means = published.groupby(["condition_name", kind, "instr_type"])["RT"].mean()
    numbers = Counter(trial.kind for trial in design.sessions[0].trials)
    seconds = sum(
        number * share * (means["Min-Max-9", of, name] + 2.0)
        for of, number in numbers.items()
        for name, share in ((("natural", 1.0),) if of == "catch" else (("natural", 1 / 16), ("optimized", 15 / 16)))
    )
    assert seconds / 60 < 10
    if experiment.startswith("II"):  # ours are those numbers
        for name, kinds in SECONDS.items():
            for of, both in kinds.items():
                assert both == tuple(means[name, of, who].round(2) for who in ("natural", "optimized"))
        ours = minutes(make("quick", participants=16, **study(methods=METHODS)).sessions[0])
        assert 5 < ours < 10


def test_no_design_that_breaks_the_balance_passes(design):
    given = study()
    check(design, **given)
    first, second = (design.sessions[n] for n in (0, 1))
    one, other = (next(t for t in s.trials if t.kind is TrialKind.MAIN) for s in (first, second))

    def caught(changed: dict[str, Trial]) -> str:
        sessions = tuple(
            replace(s, blocks=tuple(replace(b, trials=tuple(changed.get(t.trial_id, t) for t in b.trials))
                                    for b in s.blocks))
            for s in design.sessions
        )  # fmt: skip
        with pytest.raises(DesignError) as error:
            check(replace(design, sessions=sessions), **given)
        return str(error.value)

    twin = next(t for t in first.trials if t.kind is TrialKind.MAIN and t.unit != one.unit)
    told = caught({twin.trial_id: replace(twin, unit=one.unit, query_max=one.query_max, query_min=one.query_min)})
    assert f"units come once: participant 1 sees {one.unit.unit} 2 times, expected at most 1 (and 1 more)" in told
    elsewhere = next(m for m in METHODS if m != one.condition)
    told = caught({one.trial_id: replace(one, condition=elsewhere)})
    assert "participants see their cells equally often: participant 1 has 5 trials of" in told
    assert "units are seen equally often in all cells: " in told
    unplanned = replace(one, difficulty="0.5")
    assert f"participant 1 sees {one.condition} at 0.5, which is for other part" in caught({one.trial_id: unplanned})
    told = caught({one.trial_id: replace(one, batch=9)})
    assert f"main trials of {one.unit.unit} show batch 9, which is reserved for practice and catch trials" in told
    told = caught({one.trial_id: replace(one, kind=TrialKind.PRACTICE)})
    assert "participants have as many trials as planned: participant 1 has 6 practice trials, expected 5" in told
    again = [t for t in mains(design) if (t.unit, t.condition, t.difficulty) == (other.unit, other.condition,
                                                                                other.difficulty)]  # fmt: skip
    assert len(again) == 2
    told = caught({again[1].trial_id: replace(again[1], batch=again[0].batch)})
    assert "batches are used evenly with every unit: 2 participants have batch" in told
