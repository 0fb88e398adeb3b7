"""What colour and brightness give away: of the right query against the wrong one, and between the poles."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from exemplum.checks.chance import flip_signs
from exemplum.checks.finding import Finding, Verdict
from exemplum.checks.shown import ShownPictures, Stimulus

LEAST = 0.1  # above a share of one half: less than this nobody needs to look at, however certain it is
GIVEN_AWAY = 0.3  # above one half: who always chooses by this alone is right on four trials in five
ROUNDING = 1e-9
LEAST_APART = 0.2  # standard deviations between poles: a small effect by Cohen (1988)


Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Cue:
    """One number of a picture that is seen without knowing what it shows."""

    name: str
    more: str  # what a picture with a larger number is
    observer: str  # the low-level observer among whose vector it is
    place: int = 0  # in that vector


CUES = (
    Cue("luminance", "brighter", "luminance"),
    Cue("contrast", "of higher contrast", "contrast"),
    Cue("red_green", "redder", "mean_colour", 1),  # a* of CIELAB
    Cue("yellow_blue", "yellower", "mean_colour", 2),  # b*
    Cue("file_size", "more detailed", "file_size"),
)


def cues_of(vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """The cues of pictures, (pictures, cues), in standard deviations, of the vectors (pictures, d) of each observer.

    >>> vectors = {"mean_colour": np.array([[50.0, 0, 0], [50.0, 20, 0]])}
    >>> vectors |= {name: np.array([[0.1], [0.3]]) for name in ("luminance", "contrast", "file_size")}
    >>> cues_of(vectors).round(3).tolist()
    [[1.0, 1.0, 0.0, 0.0, 1.0], [3.0, 3.0, 2.0, 0.0, 3.0]]
    """
    found = np.stack([vectors[cue.observer][:, cue.place] for cue in CUES], axis=1).astype(np.float64)
    spread = found.std(0)
    return found / np.where(spread > 0, spread, 1)


def query_cues(stimuli: Iterable[Stimulus], pictures: ShownPictures, cues: np.ndarray, seed: int) -> Iterator[Finding]:
    """Whether the right query is brighter (or darker, more colourful, …) than the wrong one, over units.

    Who always chooses the brighter query needs no references. One finding per cue and difficulty.
    """
    pairs = dict.fromkeys((s.unit, s.difficulty, s.query_max, s.query_min) for s in stimuli)
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for unit, difficulty, most, least in pairs:
        sign = np.sign(cues[pictures.row(most)] - cues[pictures.row(least)]) / 2
        found.setdefault((unit, difficulty), []).append(sign)
    means = {where: np.mean(signs, axis=0) for where, signs in found.items()}
    difficulties = list(dict.fromkeys(difficulty for _, difficulty in means))
    flipped = flip_signs(per_unit(means, difficulties), two_sided=True, seed=seed)
    for at, (difficulty, cue) in enumerate(itertools.product(difficulties, CUES)):
        apart, allowed, units = float(flipped.mean[at]), float(flipped.allowed[at]), int(flipped.units[at])
        verdict = judge(apart, allowed, bool(flipped.can_tell[at]), (LEAST, GIVEN_AWAY))
        rule = f"the query that is {cue.more if apart >= 0 else f'not {cue.more}'}"
        otherwise = f"who always chooses {rule} is right on {0.5 + abs(apart):.0%} without the references; {MATCH}"
        yield Finding(
            "query_cue", cue.name, verdict, 0.5 + apart, 0.5, 0.5 - allowed, 0.5 + allowed, units, "units",
            f"the right query is {cue.more} in {0.5 + apart:.0%} of pairs", advice(verdict, otherwise, units),
            difficulty=difficulty, p=float(flipped.p[at]),
        )  # fmt: skip


MATCH = "match the queries in it, or measure the condition none beside the others"
RULE = (
    "look at the pictures of both poles: what differs in the same way for all units is learnt as a rule that has "
    "nothing to do with the single unit"
)


def pole_cues(stimuli: Iterable[Stimulus], pictures: ShownPictures, cues: np.ndarray, seed: int) -> Iterator[Finding]:
    """How far the references of the two poles differ in each cue, in standard deviations of the study's pictures.

    One finding per method and cue, over units.
    """
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for unit, method, sets in dict.fromkeys((s.unit, s.condition, s.references) for s in stimuli):
        if sets.max and sets.min:
            most, least = (cues[pictures.rows(paths)].mean(0) for paths in (sets.max, sets.min))
            found.setdefault((unit, method), []).append(most - least)
    means = {where: np.mean(apart, axis=0) for where, apart in found.items()}
    methods = list(dict.fromkeys(method for _, method in means))
    flipped = flip_signs(per_unit(means, methods), two_sided=True, seed=seed)
    for at, (method, cue) in enumerate(itertools.product(methods, CUES)):
        apart, allowed, units = float(flipped.mean[at]), float(flipped.allowed[at]), int(flipped.units[at])
        verdict = judge(apart, allowed, bool(flipped.can_tell[at]), (LEAST_APART, np.inf))
        yield Finding(
            "pole_cue", cue.name, verdict, apart, 0.0, -allowed, allowed, units, "units",
            f"maximal references are {apart:+.2f} SD {cue.more} than minimal ones".replace("-", "−"),
            advice(verdict, RULE, units), condition=method, p=float(flipped.p[at]),
        )  # fmt: skip


def per_unit(means: Mapping[tuple[str, Name], float | np.ndarray], names: Sequence[Name]) -> np.ndarray:
    """Numbers by unit and name as one row per unit, (units, names × numbers of each); NaN where there are none."""
    units = {unit: row for row, unit in enumerate(dict.fromkeys(unit for unit, _ in means))}
    width = np.size(next(iter(means.values()), 0.0))
    table = np.full((len(units), len(names), width), np.nan)
    for (unit, name), values in means.items():
        table[units[unit], names.index(name)] = values
    return table.reshape(len(units), len(names) * width)


def judge(apart: float, allowed: float, can_tell: bool, limits: tuple[float, float]) -> Verdict:
    """The verdict on a mean that chance allows to be `allowed` from 0: from the limits look, wrong."""
    if abs(apart) <= allowed * (1 + ROUNDING) or abs(apart) < limits[0]:
        return Verdict.FINE if can_tell else Verdict.UNKNOWN
    return Verdict.WRONG if abs(apart) >= limits[1] else Verdict.LOOK


def advice(verdict: Verdict, otherwise: str, units: int) -> str:
    """What to do about a finding over units: nothing if it is fine."""
    if verdict is Verdict.UNKNOWN:
        return f"with {units} units even a plain difference cannot be told from chance: test more units"
    return "" if verdict is Verdict.FINE else otherwise
