"""Every method gives as many pictures of each pole as it is asked for, or is refused by name. Oracle: the request."""

import json

import numpy as np
import pytest

from exemplum.errors import UserError
from exemplum.explanations import Picture, Pole, Request, Unit, gather
from exemplum.explanations.methods import problem
from exemplum.explanations.request import Settings
from exemplum.index import build_index
from exemplum.queries import CorpusImages

UNITS = (Unit("mixed3b", 8), Unit("mixed3b", 100))


def picture(unit, pole, position, **more) -> Picture:
    return Picture(unit, pole, position, np.full((8, 8, 3), position, np.uint8), **more)


def full(unit, most=3):
    return [picture(unit, pole, position) for pole in Pole for position in range(most)]


@pytest.fixture(scope="module")
def index(model, corpus):
    return build_index(model, corpus, ["mixed3b"], keep=20, workers=0)


@pytest.fixture
def asked(model, corpus, index, tmp_path):
    return Request(
        UNITS,
        CorpusImages(model, corpus, index, (1, 3), seed=2021),
        Settings(seed=2021),
        tmp_path / "explanations" / "own",
    )


def gathered(asked: Request, pictures: list[Picture]):
    return gather.pictures("own", lambda request: iter(pictures), asked, asked.folder.parents[1], "key")


def kept_units(asked: Request) -> set[str]:
    return {path.parent.name for path in asked.folder.glob("*/pictures.json")}


def test_as_many_as_asked_for_are_kept(asked):
    assert len(gathered(asked, full(UNITS[0]) + full(UNITS[1]))) == 12


FAULTS = {
    "one of nine": ([picture(UNITS[1], pole, 0) for pole in Pole], "1 max and 1 min pictures, not 3 of each pole"),
    "one pole": (full(UNITS[1])[:3], "3 max and 0 min pictures, not 3 of each pole"),
    "one too few": (full(UNITS[1])[:-1], "3 max and 2 min pictures, not 3 of each pole"),
    "one too many": ([*full(UNITS[1]), picture(UNITS[1], Pole.MIN, 3)], "3 max and 4 min pictures, not 3"),
    "a position twice": (
        [*full(UNITS[1])[:-1], picture(UNITS[1], Pole.MIN, 1)], "min pictures at positions 0, 1, 1, not 0 to 2",
    ),
    "from 1": (
        [picture(UNITS[1], pole, place) for pole in Pole for place in (1, 2, 3)], "at positions 1, 2, 3, not 0 to 2",
    ),
    "too small sets": (
        [picture(UNITS[1], pole, 0, references=1) for pole in Pole], "for 1 references, but the protocol shows 3",
    ),
    "a short batch": (
        [picture(UNITS[1], pole, place, batch=2) for pole in Pole for place in range(2 + (pole is Pole.MAX))],
        "3 max and 2 min pictures in batch 2, not 3",
    ),
    "one batch of several": (
        [picture(UNITS[1], pole, place, batch=0) for pole in Pole for place in range(3)],
        "no pictures for 3 references in batch 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_fewer_more_or_other_pictures_are_refused_by_name(asked, fault):
    pictures, told = FAULTS[fault]
    with pytest.raises(UserError) as error:
        gathered(asked, full(UNITS[0]) + pictures)
    message = str(error.value)
    assert message.startswith("explanation method own gave ")
    assert told in message
    assert f"for {UNITS[1]}" in message
    assert len(message.splitlines()) == 1
    assert kept_units(asked) == {UNITS[0].slug}  # what was made before it is kept, and the faulty one is not


def test_what_was_kept_is_not_asked_for_again(asked):
    with pytest.raises(UserError):
        gathered(asked, full(UNITS[0]) + full(UNITS[1])[:1])
    units = []

    def method(request):
        units.extend(request.units)
        return iter(full(UNITS[1]))

    assert len(gather.pictures("own", method, asked, asked.folder.parents[1], "key")) == 12
    assert units == [UNITS[1]]


def test_a_unit_left_out_and_a_unit_twice_are_named(asked):
    with pytest.raises(UserError, match=r"own gave no picture of mixed3b:100, which is one of request.units"):
        gathered(asked, full(UNITS[0]))
    with pytest.raises(UserError, match=r"0 min pictures, not 3 of each pole for mixed3b:100"):
        gathered(asked, full(UNITS[1])[:3] + full(UNITS[0]) + full(UNITS[1])[3:])  # in two goes


def test_a_unit_is_kept_whole_before_the_next_one_comes(asked):
    """A unit's pictures are kept once they are all there: the next one's may take hours."""

    def method(request):
        yield from full(UNITS[0])
        assert kept_units(asked) == {UNITS[0].slug}
        record = json.loads((asked.folder / UNITS[0].slug / "pictures.json").read_text())
        assert len(record["pictures"]) == 6
        yield from full(UNITS[1])

    gather.pictures("own", method, asked, asked.folder.parents[1], "key")


def test_every_batch_has_as_many_as_the_scheme_shows():
    pictures = [
        picture(UNITS[0], pole, position, references=2, batch=batch)
        for batch in range(3) for pole in Pole for position in range(2)
    ]  # fmt: skip
    assert problem(pictures, (2,), range) == ""
    assert problem(pictures, (2,), lambda _: range(3)) == ""
    assert problem(pictures, (2,), lambda _: range(4)) == "no pictures for 2 references in batch 3"
    assert problem(pictures[1:], (2,), range) == "1 max and 2 min pictures in batch 0, not 2 of each pole"
