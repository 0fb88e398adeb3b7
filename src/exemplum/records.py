"""The terms of the experiment as frozen records, and the allowed names of conditions; without heavy imports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from exemplum.errors import UserError, shown

if TYPE_CHECKING:
    import numpy as np


class Pole(StrEnum):
    """Which extreme of a unit's activation an image stands for."""

    MAX = "max"
    MIN = "min"


class Side(StrEnum):
    """Where a query image stands on the screen: the two are one above the other."""

    TOP = "top"
    BOTTOM = "bottom"

    @property
    def other(self) -> Side:
        return Side.BOTTOM if self is Side.TOP else Side.TOP


class TrialKind(StrEnum):
    """What a trial is for."""

    PRACTICE = "practice"
    MAIN = "main"
    CATCH = "catch"
    REPEATED = "repeated"


@dataclass(frozen=True, order=True)
class Unit:
    """One channel of one layer, written `mixed4a:17`."""

    layer: str
    channel: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.channel}"

    @property
    def slug(self) -> str:
        """The unit as a folder name: `mixed4a-17`."""
        return f"{self.layer}-{self.channel}".replace("/", "_")

    @classmethod
    def parse(cls, text: str) -> Unit:
        """Read `mixed4a:17`. Raises ValueError if the text is not a layer, a colon and a channel ≥ 0."""
        layer, colon, channel = text.rpartition(":")
        if not (layer and colon and channel.isascii() and channel.isdecimal() and len(channel) < 10):
            raise ValueError(f"{shown(text)} is not a unit; write LAYER:CHANNEL, as in mixed4a:17")
        return cls(layer, int(channel))

    @classmethod
    def of(cls, given: Unit | str) -> Unit:
        """A unit as it is, or read from its text. Raises UserError if the text is none.

        >>> Unit.of("mixed4a:17")
        Unit(layer='mixed4a', channel=17)
        """
        try:
            return cls.parse(given) if isinstance(given, str) else given
        except ValueError as error:
            raise UserError(str(error)) from error


ANY_BATCH = -1  # of pictures that serve every batch; natural images differ by batch


@dataclass(frozen=True)
class StudyUnit:
    """A unit with its part in a study."""

    unit: Unit
    branch: str  # the part of an Inception layer the channel comes from: 1x1, 3x3, 5x5, pool; "" elsewhere
    selection: str  # how it was chosen: random or hand_picked
    role: str  # main (measured), or practice (practice and catch trials)
    stimulus_set: str = ""  # a..h in borowski2021-2, "" elsewhere

    def columns(self) -> dict[str, object]:
        """The unit in the columns that every table names it by."""
        return unit_columns(self.unit, self.branch) | {
            "selection": self.selection, "role": self.role, "stimulus_set": self.stimulus_set,
        }  # fmt: skip


def unit_columns(unit: Unit, branch: str) -> dict[str, object]:
    """A unit without its part in a study, in the columns that every table names it by."""
    return {"unit": str(unit), "layer": unit.layer, "channel": unit.channel, "branch": branch}


@dataclass(frozen=True)
class Picture:
    """One reference picture for one pole of a unit, the better the lower its position.

    An explanation method gives it with its image. Once the study has stored it, it has its condition and its path
    instead of the image, and its number of references is known.

    >>> stored = Picture(Unit("mixed4a", 30), Pole.MAX, 0, None, references=9, method="olah", path="x/max_0.png")
    >>> stored.columns()["pole"], stored.columns()["batch"]
    ('max', -1)
    """

    unit: Unit
    pole: Pole
    position: int  # 0 … most - 1
    image: np.ndarray | None  # uint8 (h, w, 3); None once it is stored
    references: int | None = None  # for one scheme only, if pictures differ between schemes
    batch: int = ANY_BATCH  # for one batch only, if pictures differ between batches
    image_id: str = ""  # of the corpus image that it is or was made from, if it was
    group: str = ""  # of that image
    activation: float | None = None  # of its unit, if known from the index; else it is measured
    facts: Mapping[str, Any] = field(default_factory=dict)  # anything to keep beside it, JSON-like
    method: str = ""  # the condition that it is stored for
    path: str = ""  # where it is stored, below the study folder

    def columns(self) -> dict[str, object]:
        """A stored picture in the columns of STIMULI, but for those of its unit and of its activation."""
        return {
            "path": self.path, "method": self.method, "pole": str(self.pole), "references": self.references,
            "batch": self.batch, "position": self.position, "image": self.image_id, "group": self.group,
        }  # fmt: skip


@dataclass(frozen=True)
class ReferenceSet:
    """The pictures that explain one unit in one trial, by pole; empty for a pole that is not shown."""

    max: tuple[str, ...] = ()
    min: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        return iter(self.min + self.max)


@dataclass(frozen=True)
class Trial:
    """One forced choice, with everything that is shown; images are paths in the study folder."""

    trial_id: str  # p01-b05-t02: participant, block, position in the block
    participant: int  # from 1
    block: int  # from 0, within the session
    index: int  # from 0, within the session
    kind: TrialKind
    condition: str  # explanation method of the references, or none
    phase: str  # practice, pre, main, post or repeated: where in the session the block stands
    scheme: str  # Min-Max-9, Max-1, …; "" for none
    unit: StudyUnit
    batch: int
    references: ReferenceSet
    query_max: str
    query_min: str
    max_side: Side  # where the maximal query is: the right answer
    repeats: str = ""  # trial_id of the first showing, for repeated trials
    difficulty: str = ""  # of the queries: extreme, 0.95, occlusion, …; "" where the queries are shown references
    margin: float | None = None  # between the queries' activations, in the unit's standard deviations over the corpus

    @property
    def queries(self) -> dict[Side, str]:
        return {self.max_side: self.query_max, self.max_side.other: self.query_min}


def make_trial(
    unit: Unit | str, *, queries: tuple[str, str], max: Sequence[str] = (), min: Sequence[str] = (),
    max_side: Side | str = Side.TOP, trial_id: str = "trial",
) -> Trial:  # fmt: skip
    """A trial made by hand, for machine observers. Images are named as the observer knows them.

    `queries` are the maximal and the minimal one, `max` and `min` the references of each pole.

    >>> trial = make_trial("mixed4a:30", max=["a.png", "b.png"], queries=("c.png", "d.png"))
    >>> trial.scheme, trial.queries[Side.TOP]
    ('Max-2', 'c.png')
    """
    poles = (Pole.MAX, Pole.MIN) if min else (Pole.MAX,)
    scheme = Scheme(len(max) or len(min), poles).name if max or min else ""
    return Trial(
        trial_id, 1, 0, 0, TrialKind.MAIN, "hand_made" if scheme else NONE, "main", scheme,
        StudyUnit(Unit.of(unit), "", "hand_picked", "main"), ANY_BATCH, ReferenceSet(tuple(max), tuple(min)),
        *queries, Side(max_side),
    )  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A run of trials with a break after it."""

    participant: int
    block: int
    kind: TrialKind  # practice, main (main and catch trials) or repeated
    condition: str  # "" if its trials are of several
    phase: str
    scheme: str  # "" if its trials are of several, or show no references
    trials: tuple[Trial, ...]
    repeats: int = 0  # of a repeated block: the number of trials, which are chosen from the answers


@dataclass(frozen=True)
class Session:
    """One participant's whole schedule."""

    participant: int
    blocks: tuple[Block, ...]

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Trials known before the first answer: all but the repeated ones."""
        return tuple(trial for block in self.blocks for trial in block.trials)


@dataclass(frozen=True)
class Design:
    """Every session of a study, fixed by one seed."""

    protocol: str
    seed: int
    sessions: tuple[Session, ...]
    notes: tuple[str, ...] = ()  # where the study is smaller than the protocol, and the consequences

    @property
    def trials(self) -> tuple[Trial, ...]:
        return tuple(trial for session in self.sessions for trial in session.trials)


@dataclass(frozen=True)
class Viewing:
    """How a person was shown a trial; None for what was not measured. Sizes in CSS pixels when the answer was given."""

    query_px: float | None = None  # side of a query
    reference_px: float | None = None  # side of a reference; None too without references
    pixel_ratio: float | None = None  # device pixels per CSS pixel: screen and zoom
    frame_ms: float | None = None  # median interval between two frames
    frames_late: float | None = None  # intervals of more than 1.5 times that
    hidden_ms: float | None = None  # time in which the trial was not to be seen
    blurs: float | None = None  # times that the window lost the focus


@dataclass(frozen=True)
class Response:
    """One observer's choice on one trial."""

    trial_id: str
    observer: str
    choice: Side  # the side chosen, not whether it was correct
    confidence: int  # 1 to 3
    rt_ms: float | None = None  # None for machine observers without a reaction time
    viewing: Viewing | None = None  # None for machine observers


@dataclass(frozen=True)
class Scheme:
    """How many references are shown, and of which poles."""

    references: int  # k: references per pole
    poles: tuple[Pole, ...]

    @property
    def name(self) -> str:
        """`Min-Max-9`, `Max-1`, …"""
        return f"{'Min-Max' if Pole.MIN in self.poles else 'Max'}-{self.references}"


NONE = "none"  # the condition without references
ALL = "all"  # the name in tables for all of something together
# names reserved in tables: trials without references (also by when they were shown), and trial kinds
RESERVED_CONDITIONS = (NONE, "none_pre", "none_post", "catch", "practice", "repeated", ALL)
# Letters and digits of any script, and inside a name also . + - and spaces: no character that separates parts of a
# path, a line of a table or a key of study.toml, and no hidden file
CONDITION_NAME = re.compile(r"\w(?:[\w.+ -]{0,58}[\w+-])?")
STAGE_FILES = (".parquet", ".json", ".part")  # the stage's own files beside the methods' folders


def check_condition(name: str) -> str:
    """The name, if it is allowed for a method and its condition. Otherwise raises UserError with the reason."""
    if name in RESERVED_CONDITIONS:
        raise UserError(f"a method cannot be called {name!r}: the name is reserved; give it another name")
    if name.endswith(STAGE_FILES):
        raise UserError(f"a method cannot be called {shown(name)}: a name must not end in {', '.join(STAGE_FILES)}")
    if not CONDITION_NAME.fullmatch(name):
        raise UserError(
            f"a method cannot be called {shown(name)}: a name has at most 60 letters, digits and _; . + - and spaces "
            "are allowed too, except at the start (and . and spaces not at the end)"
        )
    return name


def check_difficulty(name: str) -> str:
    """The name, if it is allowed for a difficulty of queries. Otherwise raises UserError."""
    if name == ALL or name.endswith(STAGE_FILES) or not CONDITION_NAME.fullmatch(name):
        raise UserError(
            f"a difficulty cannot be called {shown(name)}: a name has at most 60 letters, digits and _; . + - and "
            f"spaces are allowed too, except at the start; {ALL} and the endings {', '.join(STAGE_FILES)} are reserved"
        )
    return name


def method_name(spec: str) -> str:
    """The name of a method as a condition: the last part of a path or import."""
    return spec.rstrip("/").replace("\\", "/").split("/")[-1].split(":")[-1]


EXTREME = "extreme"  # the difficulty of queries that are the most extreme images


def easiest_first(difficulties: Iterable[str]) -> list[str]:
    """Difficulties without repetition: extreme, then windows of the ranking from the highest, then names.

    >>> easiest_first(["0.85", "occlusion", "extreme", "0.95", "extreme"])
    ['extreme', '0.95', '0.85', 'occlusion']
    """

    def place(name: str) -> tuple[int, float, str]:
        if name in ("", EXTREME):
            return 0, 0.0, name
        window = re.fullmatch(r"0?\.\d+", name)
        return (1, -float(name), "") if window else (2, 0.0, name)

    return sorted(set(difficulties), key=place)
