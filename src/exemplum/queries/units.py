"""Choose the units of a study: the hand-picked ones, and others at random, by the study's seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from exemplum.errors import UserError
from exemplum.index import ActivationIndex, UnitsSection
from exemplum.records import StudyUnit, Unit

if TYPE_CHECKING:
    from exemplum.models import Model

HAND_PICKED, RANDOM = "hand_picked", "random"
MAIN, PRACTICE = "main", "practice"


def choose(
    model: Model,
    index: ActivationIndex,
    section: UnitsSection,
    practice_share: float,
    rng: np.random.Generator,
    main_sets: tuple[str, ...] = ("",),
    practice_sets: tuple[str, ...] = ("",),
    unable: Callable[[Unit], str] = lambda _unit: "",
    *,
    layers: Sequence[str] = (),
) -> list[StudyUnit]:
    """Draw the study's units: hand-picked ones, `section.choose` for each main set, and some for practice.

    All but the hand-picked ones are drawn from `layers`, those of the index if not given.

    The number of practice units is `section.practice`, or else `practice_share` of the number of main units, but at
    least three; they are distributed over `practice_sets` in turn. No unit is drawn twice, and dead or rare ones never,
    nor those for which `unable` gives a reason why they cannot be tested. Raises UserError if there are fewer units
    than requested, or a hand-picked one cannot be tested.
    """
    picked = [Unit.parse(name) for name in section.hand_picked]
    _check_picked(picked, index, unable)
    layers = list(layers) or list(dict.fromkeys(index.units["layer"]))
    usable = ~index.units["dead"] & ~index.units["rare"] & index.units["layer"].isin(layers)
    alive = index.units[usable & ~index.units["unit"].isin([str(unit) for unit in picked])]
    pools = [(label, wanted, _Pool(own, unable)) for label, wanted, own in _pools(alive, layers, section.choose, rng)]
    chosen = [_study_unit(model, unit, HAND_PICKED, MAIN, main_sets[0]) for unit in picked]
    for name in main_sets:
        for label, wanted, pool in pools:
            for _ in range(wanted):
                if (unit := pool.draw()) is None:
                    raise UserError(_none_left(section.choose, label, pool.reason))
                chosen.append(_study_unit(model, unit, RANDOM, MAIN, name))
    if not chosen:
        raise UserError('[units] chooses no unit; set hand_picked, or set choose = "one per branch"')
    practice = max(3, round(practice_share * len(chosen))) if section.practice is None else section.practice
    spare = _in_turn([pool for _, _, pool in pools] or [_Pool([unit for _, unit in _shuffled(alive, rng)], unable)])
    for place in range(practice):
        unit = next(spare, None)
        if unit is None:
            raise UserError(
                f"[units] practice = {practice}: only {place} units are left besides the main ones; choose fewer main "
                f"units, or set practice to at most {place}"
            )
        chosen.append(_study_unit(model, unit, RANDOM, PRACTICE, practice_sets[place % len(practice_sets)]))
    return chosen


def _check_picked(picked: Iterable[Unit], index: ActivationIndex, unable: Callable[[Unit], str]) -> None:
    for unit in picked:
        facts = index.units.iloc[index.row(unit)]
        problem = ""
        if facts["dead"]:
            problem = "is dead: it has the same activation for every image"
        elif facts["rare"]:
            problem = f"is rare: it is zero for all but {facts['active']} of {facts['count']} images"
        if problem:
            raise UserError(f"study.toml: [units] hand_picked: {unit} {problem}; choose another")
        if reason := unable(unit):
            raise UserError(f"study.toml: [units] hand_picked: {reason}")


def _none_left(choose: str, label: str, reason: str) -> str:
    if reason:
        return f"[units] choose = {choose!r}: no other unit of {label} can be tested; the last one tried: {reason}"
    return (
        f"[units] choose = {choose!r}: {label} has too few units left that are not dead or rare "
        "(docs/reference/activation-index.md); "
        "choose fewer"
    )


def check(model: Model, layers: Iterable[str], section: UnitsSection, sets: int) -> None:
    """Raise UserError if the layers have too few units to choose from, even if none of them is dead.

    `sets` is the number of stimulus sets for each of which `section.choose` units are drawn.
    """
    picked = {Unit.parse(name) for name in section.hand_picked}
    number, _, what = section.choose.partition(" per ")
    wanted = 0 if section.choose == "none" else sets * (1 if number == "one" else int(number))
    left = 0
    for layer in map(model.layer, layers):
        branches = {"": range(layer.channels)} if what == "layer" or not layer.branches else layer.branches
        for branch, channels in branches.items():
            there = sum(Unit(layer.name, channel) not in picked for channel in channels)
            if wanted > there:
                label = f"{layer.name} {branch}".strip()
                raise UserError(_too_few(section, label, there, wanted, sets))
            left += there - wanted
    if section.practice is not None and section.practice > left:
        raise UserError(
            f"[units] practice = {section.practice}: only {left} units are left besides the main ones; choose fewer "
            f"main units, or set practice to at most {left}"
        )


def expected(
    model: Model, layers: Sequence[str], section: UnitsSection, practice_share: float, sets: int
) -> dict[str, int]:
    """Layer → number of units that `choose` will take of it, in the order of `layers`, then those of hand-picked units.

    Practice units are counted as if they were drawn evenly.
    """
    found = dict.fromkeys(layers, 0)
    number, _, what = section.choose.partition(" per ")
    for name in layers if section.choose != "none" else ():
        pools = 1 if what == "layer" else max(1, len(model.layer(name).branches))
        found[name] = sets * pools * (1 if number == "one" else int(number))
    for unit in map(Unit.parse, section.hand_picked):
        found[unit.layer] = found.get(unit.layer, 0) + 1
    main = sum(found.values())
    practice = max(3, round(practice_share * main)) if section.practice is None else section.practice
    for place in range(practice):
        found[layers[place % len(layers)]] += 1
    return {name: count for name, count in found.items() if count}


def _too_few(section: UnitsSection, label: str, there: int, wanted: int, sets: int) -> str:
    """`there`: units that are not hand-picked; `wanted`: of all stimulus sets together."""
    why = f"the protocol draws {sets} sets, so {wanted}" if sets > 1 else str(wanted)
    besides = " besides the hand-picked ones" if section.hand_picked else ""
    way = f"choose at most {there // sets}" if there >= sets else "choose other layers, or a protocol with fewer sets"
    return f"[units] choose = {section.choose!r}: {why} units of {label} are needed, but it has {there}{besides}; {way}"


def _pools(
    alive: pd.DataFrame, layers: list[str], choose: str, rng: np.random.Generator
) -> Iterator[tuple[str, int, list[Unit]]]:
    """The groups that units are drawn from: name, number of units to draw, and the units in random order."""
    if choose == "none":
        return
    number, _, what = choose.split(" ")
    wanted = 1 if number == "one" else int(number)
    for layer in layers:
        of_layer = alive[alive["layer"] == layer]
        for branch, rows in of_layer.groupby("branch", sort=False) if what == "branch" else [("", of_layer)]:
            label = f"{layer} {branch}".strip()
            yield label, wanted, [unit for _, unit in _shuffled(rows, rng)]


def _shuffled(rows: pd.DataFrame, rng: np.random.Generator) -> list[tuple[str, Unit]]:
    order = rng.permutation(len(rows))
    return [(name, Unit.parse(name)) for name in rows["unit"].to_numpy()[order]]


MOST_UNABLE = 50  # units of a pool that are tried one after the other; if none can be tested, the rest cannot either


class _Pool:
    """Units in random order, to be drawn from the end."""

    def __init__(self, units: list[Unit], unable: Callable[[Unit], str]) -> None:
        self.units, self.unable = units, unable
        self.reason = ""  # why the last unit that was left out cannot be tested

    def draw(self) -> Unit | None:
        """The next unit that can be tested; None if there is none."""
        for _ in range(min(MOST_UNABLE, len(self.units))):
            unit = self.units.pop()
            if not (reason := self.unable(unit)):
                return unit
            self.reason = reason
        return None


def _in_turn(pools: list[_Pool]) -> Iterator[Unit]:
    """Units from the pools in turn; pools are visited in a scattered order, so that a few units cover all depths."""
    places = np.argsort([(place * 7) % max(len(pools), 1) for place in range(len(pools))], kind="stable")
    found = True
    while found:
        found = False
        for place in places:
            if (unit := pools[place].draw()) is not None:
                found = True
                yield unit


def _study_unit(model: Model, unit: Unit, selection: str, role: str, stimulus_set: str) -> StudyUnit:
    return StudyUnit(unit, model.branch(unit), selection, role, stimulus_set)


def counted(roles: Iterable[str]) -> dict[str, int]:
    """How many units are main units and how many are for practice, as stages tell it.

    >>> counted(["main", "practice", "main"])
    {'units': 2, 'practice units': 1}
    """
    found = Counter(roles)
    return {"units": found[MAIN], "practice units": found[PRACTICE]}


def rows(units: Iterable[StudyUnit]) -> list[dict[str, object]]:
    """The units as rows of STUDY_UNITS."""
    return [entry.columns() for entry in units]
