"""Every invariant catches a design that breaks it."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from design.made import stimuli, units
from exemplum.design import DesignError, check, make
from exemplum.design.invariants import INVARIANTS, name
from exemplum.records import Design, Trial

OF = units(12, 6)
STIMULI = stimuli(OF, batches=8)
SIZES = {"practice": 2, "catch": 2, "repeated": 2}
DESIGN = make("borowski2021-1", OF, STIMULI, 4, seed=11, **SIZES)


def trial(kind: str = "main", condition: str = "natural", participant: int = 1, which: int = 0) -> Trial:
    session = DESIGN.sessions[participant - 1]
    return [t for t in session.trials if t.kind == kind and t.condition == condition][which]


def changed(edit: Callable[[Trial], Trial]) -> Design:
    """The design with every trial edited."""
    sessions = tuple(
        replace(s, blocks=tuple(replace(b, trials=tuple(edit(t) for t in b.trials)) for b in s.blocks))
        for s in DESIGN.sessions
    )
    return replace(DESIGN, sessions=sessions)


def with_trial(old: Trial, **fields) -> Design:
    return changed(lambda t: replace(t, **fields) if t.trial_id == old.trial_id else t)


def caught(design: Design, pictures: pd.DataFrame = STIMULI) -> str:
    with pytest.raises(DesignError) as error:
        check(design, OF, pictures, **SIZES)
    return str(error.value)


def test_the_untouched_design_passes():
    check(DESIGN, OF, STIMULI, **SIZES)


def test_a_trial_id_given_twice():
    assert "trial ids are unique: p01-b01-t00 names 2 trials" in caught(
        with_trial(trial(which=3), trial_id="p01-b01-t00")
    )


def test_trials_counted_wrongly():
    assert "trials are numbered consecutively: trials of participant 1" in caught(with_trial(trial(), index=500))


def test_a_trial_in_anothers_session():
    assert "names a participant or block other" in caught(with_trial(trial(), participant=2))


def test_a_lost_block():
    first = DESIGN.sessions[0]
    lost = replace(DESIGN, sessions=(replace(first, blocks=first.blocks[1:]), *DESIGN.sessions[1:]))
    assert "counts are those of the protocol: participant 1 has 0 practice trials of none, expected 2" in caught(lost)


def test_a_catch_trial_too_many():
    message = caught(with_trial(trial(), kind=trial("catch").kind))
    assert "participant 1 has 7 catch trials of natural, expected 6" in message


def test_a_side_too_often():
    message = caught(changed(lambda t: replace(t, max_side=t.max_side.TOP)))
    n = len(DESIGN.trials)
    assert f"sides cannot be counted: the strategy 'always top' is right in {n} of {n} trials" in message


def test_a_unit_twice_in_a_condition():
    message = caught(with_trial(trial(which=0), unit=trial(which=1).unit))
    assert (
        f"every unit appears once per condition: participant 1 sees {trial(which=1).unit.unit} 2 times" in message
        or (f"participant 1 sees {trial(which=0).unit.unit} 0 times" in message)
    )


def test_a_reference_as_query():
    old = trial()
    message = caught(with_trial(old, query_max=old.references.max[0]))
    assert f"queries are not references: {old.trial_id} shows {old.references.max[0]} as query and reference" in message


def test_twice_the_same_query():
    old = trial(condition="none")
    assert "asks to choose between" in caught(with_trial(old, query_min=old.query_max))


def test_a_catch_query_that_is_not_shown():
    old = trial("catch")
    other = next(t for t in DESIGN.trials if t.unit == old.unit and t.kind != "catch")
    message = caught(with_trial(old, query_min=other.query_min))
    assert f"catch queries are shown references: {old.trial_id} has the min query {other.query_min}" in message


def test_near_duplicates_in_one_trial():
    old = trial()
    twins = STIMULI.copy()
    twins.loc[twins["path"].isin([old.query_max, old.references.max[4]]), "group"] = "one photograph"
    message = caught(DESIGN, twins)
    assert (
        f"no two images of a group appear together: {old.trial_id} ({old.unit.unit}, method {old.condition}) shows 2 "
        f"images of group one photograph, of near-duplicates, {old.query_max} and {old.references.max[4]}; in"
    ) in message


def test_a_reference_shown_twice():
    old = trial()
    twice = replace(old.references, max=old.references.max[:8] + old.references.max[:1])
    assert "references are those of the scheme" in caught(with_trial(old, references=twice))


def test_a_reference_too_few():
    old = trial()
    message = caught(with_trial(old, references=replace(old.references, min=old.references.min[:8])))
    assert "references are those of the scheme" in message
    assert f"{old.trial_id} shows 8 min references; Min-Max-9 shows 9 different ones" in message


def test_references_where_there_should_be_none():
    message = caught(with_trial(trial(condition="none"), references=trial().references))
    assert "references are those of the scheme" in message


def test_a_pole_that_the_scheme_does_not_show():
    of = units(12, 6)
    pictures = stimuli(of, batches=8, references=(1, 9))
    design = make("borowski2021-2", of, pictures, 2, seed=1)
    first = design.sessions[0].blocks[0].trials[0]
    assert first.scheme == "Max-1"
    block = replace(design.sessions[0].blocks[0], trials=(
        replace(first, references=replace(first.references, min=(first.references.max[0].replace("max", "min"),))),
        *design.sessions[0].blocks[0].trials[1:],
    ))  # fmt: skip
    session = replace(design.sessions[0], blocks=(block, *design.sessions[0].blocks[1:]))
    with pytest.raises(DesignError, match="shows 1 min references; Max-1 shows 0"):
        check(replace(design, sessions=(session, design.sessions[1])), of, pictures)


def test_an_image_of_the_wrong_pole():
    old = trial()
    swapped = with_trial(old, query_max=old.query_min, query_min=old.query_max)
    assert f"{old.trial_id}: {old.query_min} is not a max query of {old.unit.unit}" in caught(swapped)


def test_an_image_of_another_unit_and_one_of_no_table():
    other = trial(which=1).query_max
    assert "images are stimuli of their pole" in caught(with_trial(trial(), query_max=other))
    assert "nowhere.png is not a max query" in caught(with_trial(trial(), query_max="nowhere.png"))


def test_a_batch_in_two_conditions():
    batch = trial(condition="synthetic").batch
    message = caught(with_trial(trial(), batch=batch))
    assert f"no batch appears in two conditions: participant 1 sees batch {batch} in natural and synthetic" in message


def test_one_batch_for_two_while_others_are_free():
    theirs = trial(participant=2).batch

    def edit(t: Trial) -> Trial:
        mine = t.participant == 1 and t.kind == "main" and t.condition == "natural"
        return replace(t, batch=theirs) if mine else t

    message = caught(changed(edit))
    assert f"batches are used evenly: 2 participants have batch {theirs} in natural Min-Max-9 while 0" in message


def test_the_practice_batch_in_main_trials():
    assert "show batch 0, which is reserved for practice and catch trials" in caught(with_trial(trial(), batch=0))


def test_everyone_beginning_with_the_same_condition():
    odd = DESIGN.sessions[::2]
    sessions = tuple(
        replace(s, participant=n, blocks=tuple(
            replace(b, participant=n, trials=tuple(replace(t, participant=n) for t in b.trials)) for b in s.blocks
        ))
        for n, s in enumerate((*odd, *odd), start=1)
    )  # fmt: skip
    assert "orders are counterbalanced: participants who begin with each condition" in caught(
        replace(DESIGN, sessions=sessions)
    )


def test_a_wrong_order_of_schemes():
    of = units(12, 6)
    pictures = stimuli(of, batches=8, references=(1, 9))
    design = make("borowski2021-2", of, pictures, 2, seed=1)
    twice = make("borowski2021-2", of, pictures, 1, seed=2)
    blocks = tuple(
        replace(b, participant=2, trials=tuple(replace(t, participant=2) for t in b.trials))
        for b in twice.sessions[0].blocks
    )
    session = replace(twice.sessions[0], participant=2, blocks=blocks)
    with pytest.raises(DesignError, match="orders are counterbalanced: participants by order of schemes"):
        check(replace(design, sessions=(design.sessions[0], session)), of, pictures)


def test_the_message_counts_what_it_leaves_out():
    message = caught(changed(lambda t: replace(t, query_max="nowhere.png")))
    told = f"nowhere.png is not a max query of {DESIGN.trials[0].unit.unit}"
    assert f"{told} (and {len(DESIGN.trials) - 1} more)" in message
    assert len(message.splitlines()) == 1


def test_every_invariant_says_what_it_holds():
    assert len({name(invariant) for invariant in INVARIANTS}) == len(INVARIANTS)
