"""Leakage: no trial may show a query's own picture among the references.

No image that is a query of a unit, of any difficulty and in any batch, may be a reference of the unit. A query and a
reference may be one file, one image of the corpus, or near-duplicates by their group. Pictures of a method
are also compared by content, whatever image they are said to be made from: a blurred, cropped or highlighted copy of a
query gives the answer away as well. Those of `natural` and `random` are of the image that their id names, and images
that look the same were set apart when they were chosen. Catch trials show their queries on purpose.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from exemplum import store
from exemplum.design.stimuli import DesignError
from exemplum.errors import REMAKE
from exemplum.images import copies, identical, thumbnail
from exemplum.records import Design, TrialKind
from exemplum.runtime import track

REMEDY = (
    "make the pictures of your own method from request.exemplars, which has no queries; from finished stimuli, remove "
    "the picture"
)
OF_CORPUS = ("natural",)
# Of a method's pictures, so many may resemble a query by chance: different drawings of one thing do. A method that
# shows queries does so in 7 % of its pictures or more, even if it changes them as much as the content can be found.
BY_CHANCE = 0.02
SHOWS, RESEMBLES = "was made from, or shows a part of,", "resembles"
CERTAIN = 1.0  # likeness that counts as a leak even in a single picture
Asked = dict[str, dict[str, str]]  # reference → query shown beside it → one trial that shows both


@dataclass(frozen=True)
class Fault:
    """A reference that shows a query."""

    unit: str
    method: str
    reference: str
    how: str  # is, shows the image … of, was made from, …
    query: str
    trial: str = ""  # a trial that shows both; empty if none does

    @property
    def is_sure(self) -> bool:
        """False if it only resembles the query."""
        return self.how != RESEMBLES

    @property
    def told(self) -> str:
        """Which reference shows which query, in words."""
        where = f"of trial {self.trial}" if self.trial else "of the unit in some trial"
        return f"{self.reference} {self.how} {self.query}, a query {where}"

    def __str__(self) -> str:
        return f"{self.unit}, method {self.method}: {self.told}"


@dataclass(frozen=True)
class Compared:
    """The references of a unit's method, compared with the queries beside them."""

    unit: str
    method: str
    references: int
    faults: list[Fault]


@dataclass(frozen=True)
class StimulusIdentity:
    """Image id and group of a picture, as the tables have them."""

    image: str
    group: str

    def shared(self, other: StimulusIdentity) -> str:
        """How two pictures show one photograph, in words, as far as the tables say; "" if they do not."""
        if self.image and self.image == other.image:
            return f"shows the image {self.image} of"
        if self.group and self.group == other.group:
            return f"is in the group {self.group} of near-duplicates with"
        return ""


def check(
    design: Design, stimuli: pd.DataFrame, queries: pd.DataFrame, folder: Path, *, any_batch: bool = True,
    of_corpus: Collection[str] = OF_CORPUS,
) -> tuple[str, ...]:  # fmt: skip
    """Check the references of every trial, except catch trials, against its two queries.

    `stimuli` is the STIMULI table, `queries` the QUERIES table, `folder` the study folder that their paths are below.
    With `any_batch` references are also checked against the unit's queries of all batches and difficulties: finished
    stimuli may show an image as a query in one batch and as a reference in another. `of_corpus` are the conditions
    whose pictures are images of the corpus or show a part of one, as their ids say. Returns a note for each method of
    which a few pictures resemble a query, as chance allows. Raises DesignError naming the unit, method and files of the
    first leak and how many more the unit has, StoreError if a picture cannot be read.
    """
    if any_batch and (fault := next(faults_of_any_batch(design, stimuli, queries), None)):
        raise DesignError(f"{fault}, which gives the answer away; {REMEDY}")
    made: Counter[str] = Counter()
    for by_method in _asked(design).values():
        made.update({method: len(references) for method, references in by_method.items()})
    doubtful: dict[str, list[str]] = defaultdict(list)
    for compared in compare(design, stimuli, queries, folder, of_corpus=of_corpus):
        method, faults = compared.method, compared.faults
        doubtful[method] += {fault.reference: str(fault) for fault in faults if not fault.is_sure}.values()
        if len(doubtful[method]) <= int(BY_CHANCE * made[method]):
            faults = [fault for fault in faults if fault.is_sure]
        if faults:
            more = f" (and {len(faults) - 1} more of this unit)" if len(faults) > 1 else ""
            raise DesignError(f"{faults[0]}{more}, which gives the answer away; {REMEDY}")
    return tuple(
        f"pictures of {method} that resemble a query beside them: {len(told)} of {made[method]}, as chance allows; "
        f"look at them: {told[0]}"
        for method, told in doubtful.items() if told
    )  # fmt: skip


def compare(
    design: Design, stimuli: pd.DataFrame, queries: pd.DataFrame, folder: Path, *,
    of_corpus: Collection[str] = OF_CORPUS, believed: bool = True,
) -> Iterator[Compared]:  # fmt: skip
    """Compare the references of every trial, except catch trials, with its two queries, unit by unit.

    Arguments are those of `check`. Unless `believed`, the pictures of `of_corpus` too are compared by content, whatever
    their ids say. Yields one Compared per unit and method. Raises StoreError if a picture cannot be read.
    """
    known, asked = identities(stimuli, queries), _asked(design)
    with track("queries among references", len(asked), "units") as advance:
        for unit, by_method in asked.items():
            pictures = _Pictures(unit, known, stimuli[stimuli["method"].isin(of_corpus)], queries, folder, believed)
            for method, references in by_method.items():
                yield Compared(unit, method, len(references), list(pictures.faults(method, references)))
            advance(1)


class _Pictures:
    """The pictures of one unit, read when they are needed."""

    def __init__(
        self, unit: str, known: Mapping[str, StimulusIdentity], stimuli: pd.DataFrame, queries: pd.DataFrame,
        folder: Path, believed: bool = True,
    ) -> None:  # fmt: skip
        self.unit, self.known, self.folder, self.believed = unit, known, folder, believed
        own = stimuli[stimuli["unit"] == unit]
        asked = queries.loc[queries["unit"] == unit, ["query_max", "query_min"]]
        first = own[~own["image"].where(own["image"] != "", own["path"]).duplicated()]  # one picture per image
        self.natural = list(dict.fromkeys([*first["path"], *asked.to_numpy().ravel()]))
        self.of_corpus = {path for path, image in zip(own["path"], own["image"], strict=True) if image}
        self._read: dict[str, tuple[list[copies.Look], np.ndarray]] = {}

    def faults(self, method: str, asked: Asked) -> Iterator[Fault]:
        told = {}
        for reference, queries in asked.items():
            for query in queries:
                if how := self._by_name(reference, query):
                    told[reference, query] = how
        told = self._by_content(asked) | told
        for (reference, query), how in told.items():
            yield Fault(self.unit, method, reference, how, query, asked[reference][query])

    def _by_name(self, reference: str, query: str) -> str:
        if reference == query:
            return "is"
        if told := self.known[reference].shared(self.known[query]):
            return told
        return "is a copy of" if _same_bytes(self.folder / reference, self.folder / query) else ""

    def _by_content(self, asked: Asked) -> dict[tuple[str, str], str]:
        """Copies among the references. Images of the corpus were compared with one another when they were chosen."""
        beside: dict[tuple[str, ...], list[str]] = defaultdict(list)  # queries → references that are shown beside them
        for reference, queries in asked.items():
            if unknown := tuple(query for query in queries if self._is_unknown(reference, query)):
                beside[unknown].append(reference)
        found: dict[tuple[str, str], str] = {}
        for shown, references in beside.items():
            found |= self._copies(references, shown, asked)
        return found

    def _copies(self, references: Sequence[str], queries: Sequence[str], asked: Asked) -> dict[tuple[str, str], str]:
        same = identical([self._thumbnail(path) for path in references], [self._thumbnail(path) for path in queries])
        alike = self._likenesses(references, queries)
        found = {}
        for (place, reference), (column, query) in itertools.product(enumerate(references), enumerate(queries)):
            likeness = alike[place, column]
            if same[place, column]:
                found[reference, query] = "looks the same as"
            elif likeness >= copies.COPY and not self._is_of_another(reference, likeness, asked[reference]):
                found[reference, query] = SHOWS if likeness >= CERTAIN else RESEMBLES
        return found

    def _is_unknown(self, reference: str, query: str) -> bool:
        """Whether the two may show one image although neither their ids nor their groups say so."""
        return not self.believed or reference not in self.of_corpus or not self.known[query].image

    def _is_of_another(self, reference: str, likeness: float, queries: Collection[str]) -> bool:
        """Whether a natural image other than its queries is more similar, so the reference is made from that."""
        others = [path for path in self.natural if path not in queries and path != reference]
        return bool(others) and bool(self._likenesses([reference], others).max() > likeness)

    def _likenesses(self, references: Sequence[str], queries: Sequence[str]) -> np.ndarray:
        """The likeness of every reference to every query; of their most similar parts if they are not square."""
        some, others = [self._looks(path) for path in references], [self._looks(path) for path in queries]
        alike = copies.likenesses(
            [look for looks in some for look in looks], [look for looks in others for look in looks]
        )
        return np.maximum.reduceat(np.maximum.reduceat(alike, _starts(some), axis=0), _starts(others), axis=1)

    def _looks(self, path: str) -> list[copies.Look]:
        return self._picture(path)[0]

    def _thumbnail(self, path: str) -> np.ndarray:
        return self._picture(path)[1]

    def _picture(self, path: str) -> tuple[list[copies.Look], np.ndarray]:
        if path not in self._read:
            image = store.read_png(self.folder / path)
            self._read[path] = [copies.look(square) for square in copies.squares(image)], thumbnail(image)
        return self._read[path]


def identities(stimuli: pd.DataFrame, queries: pd.DataFrame) -> dict[str, StimulusIdentity]:
    """Image and group of every picture of STIMULI and QUERIES, by path."""
    rows = [stimuli[["path", "image", "group"]].to_numpy()]
    rows += [queries[[f"query_{pole}", f"image_{pole}", f"group_{pole}"]].to_numpy() for pole in ("max", "min")]
    return {path: StimulusIdentity(image, group) for path, image, group in np.concatenate(rows)}


def faults_of_any_batch(design: Design, stimuli: pd.DataFrame, queries: pd.DataFrame) -> Iterator[Fault]:
    """References whose image, by its id, is a query of their unit in any batch."""
    known, of_unit = identities(stimuli, queries), dict(tuple(queries.groupby("unit")))
    for unit, by_method in _asked(design).items():
        own = of_unit[unit]
        shown = {
            image: path
            for pole in ("max", "min")
            for image, path in zip(own[f"image_{pole}"], own[f"query_{pole}"], strict=True)
        }
        for method, references in by_method.items():
            for path in references:
                image = known[path].image
                if image and image in shown:
                    yield Fault(unit, method, path, f"shows the image {image} of", shown[image])


def _asked(design: Design) -> dict[str, dict[str, Asked]]:
    """By unit and method: which references are shown with which queries."""
    found: dict[str, dict[str, Asked]] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for trial in design.trials:
        if trial.kind is not TrialKind.CATCH:
            for reference in trial.references:
                for query in (trial.query_max, trial.query_min):
                    found[str(trial.unit.unit)][trial.condition][reference].setdefault(query, trial.trial_id)
    return found


def _starts(groups: list[list[copies.Look]]) -> list[int]:
    """The start of each group in their concatenation."""
    return [0, *itertools.accumulate(map(len, groups[:-1]))]


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
    except OSError as error:
        told = f"{error.filename} cannot be read ({error.strerror}); {REMAKE}"
        raise store.StoreError(told) from error
