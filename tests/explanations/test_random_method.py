"""Random images: all equally likely, whatever the unit, and never a query. Oracle: counts, and chance itself."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from exemplum import images, store
from exemplum.errors import UserError
from exemplum.explanations import Picture, Pole, random_images
from exemplum.explanations.random_images import RandomParameters
from exemplum.explanations.request import AskedImages, Request, Settings
from exemplum.images import ImageRecord, identical, thumbnail
from exemplum.index import build_index
from exemplum.queries import CorpusImages, is_query
from explanations import planted
from explanations.planted import UNIT


@pytest.fixture(scope="module")
def request_(tmp_path_factory) -> Request:
    return planted.request(tmp_path_factory.mktemp("planted"), references=(2, 3), batches=4)


def shown(request: Request) -> list[Picture]:
    return list(random_images.pictures(request.only([UNIT]), RandomParameters()))


def seeded(request: Request, seed: int) -> Request:
    return replace(request, settings=Settings(seed=seed))


def queries(request: Request) -> list[int]:
    return sorted({i.row for k in request.references for i in request.dealt(UNIT, k) if is_query(i, k)})


def test_every_set_is_complete_and_all_its_images_differ(request_):
    found = shown(request_)
    sets = Counter((p.references, p.batch, p.pole) for p in found)
    assert sets == {(k, batch, pole): k for k in (2, 3) for batch in range(4) for pole in Pole}
    for k in (2, 3):
        for batch in range(4):
            own = [p for p in found if (p.references, p.batch) == (k, batch)]
            assert len({p.image_id for p in own}) == 2 * k
            assert sorted(p.position for p in own) == sorted([*range(k), *range(k)])


def test_the_seed_the_unit_and_the_batch_decide(request_):
    def drawn(request: Request) -> list[str]:
        return [p.image_id for p in shown(request)]

    assert drawn(request_) == drawn(request_)
    assert drawn(request_) != drawn(seeded(request_, 8))
    both = list(random_images.pictures(request_, RandomParameters()))
    assert [p.image_id for p in both if p.unit == UNIT] == drawn(request_), "other units do not matter"
    assert [p.image_id for p in both if p.unit == UNIT] != [p.image_id for p in both if p.unit != UNIT]


def test_all_images_that_are_no_query_are_equally_likely_at_either_pole(request_):
    asked = queries(request_)
    rows = [row for row in range(len(request_.corpus)) if row not in asked]
    counts = {pole: Counter() for pole in Pole}
    for seed in range(120):
        for picture in shown(seeded(request_, seed)):
            counts[picture.pole][int(picture.image_id)] += 1
    table = np.array([[counts[pole][row] for row in rows] for pole in Pole])
    assert table.sum() == sum(of.total() for of in counts.values()), "no query was drawn"
    # oracle: scipy's χ² for equal shares (images of one set differ, which makes the counts vary less, never more)
    assert stats.chisquare(table.sum(0)).pvalue > 0.001
    assert stats.chi2_contingency(table).pvalue > 0.001
    # the brightest images activate the unit most: their number would show a dependence on activation
    assert abs(stats.spearmanr(rows, table.sum(0)).statistic) < 0.4


def test_who_goes_by_the_references_is_right_by_chance(request_):
    """Oracle: an observer who knows the unit chooses by the references, and is right in half of the trials."""
    right = []
    for seed in range(150):
        found = shown(seeded(request_, seed))
        for batch in range(4):
            own = [p for p in found if (p.references, p.batch) == (3, batch)]
            level = {pole: np.mean([float(p.image_id) for p in own if p.pole is pole]) for pole in Pole}
            # the later an image, the brighter its patch: the queries are near 59 and near 0
            right.append(level[Pole.MAX] > level[Pole.MIN])
    n = len(right)
    assert abs(np.mean(right) - 0.5) < 3 * 0.5 / np.sqrt(n)


def test_the_activation_is_the_index_s_where_it_has_all(request_):
    values = dict(zip(*(array.tolist() for array in request_.index.ranked(UNIT)), strict=True))
    assert all(p.activation == values[int(p.image_id)] for p in shown(request_))
    few = replace(request_.index.sample, rows=request_.index.sample.rows[:9], dense=request_.index.sample.dense[:, :9])
    sampled = replace(request_.corpus_images, index=replace(request_.index, sample=few))
    assert all(p.activation is None for p in shown(replace(request_, corpus_images=sampled)))


def test_no_query_of_another_difficulty_is_drawn(request_, tmp_path):
    """Those of a user's source are known by id, by group and by their pictures."""
    seen = {p.image_id for seed in range(30) for p in shown(seeded(request_, seed))}
    named, looks = "30", "31"
    assert {named, looks} <= seen
    path = tmp_path / "query.png"
    store.write_png(path, planted.pictures()[int(looks)])
    asked = {UNIT: AskedImages(frozenset([named]), frozenset(), (path,))}
    later = {p.image_id for seed in range(30) for p in shown(replace(seeded(request_, seed), asked=asked))}
    assert later == seen - {named, looks}


class Grouped(images.ArrayCorpus):
    """Images some of which are near-duplicates, by their group."""

    groups: tuple[str, ...] = ()

    def record(self, row: int) -> ImageRecord:
        return ImageRecord(str(row), self.groups[row])


@settings(max_examples=12)
@given(
    groups=st.lists(st.sampled_from(["", "", "a", "b", "c"]), min_size=60, max_size=60),
    copied=st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=6),
    seed=st.integers(0, 1000),
)
def test_nothing_like_a_query_is_drawn_and_no_two_images_are_alike(groups, copied, seed, tmp_path_factory):
    pictures = planted.pictures()
    for one, other in copied:
        pictures[other] = pictures[one][:, ::-1].copy()  # under another name, mirrored
    corpus = Grouped(pictures)
    corpus.groups = tuple(groups)
    model = planted.finder()
    index = build_index(model, corpus, ["find"], keep=30, workers=0)
    given_ = CorpusImages(model, corpus, index, (2,), 2, seed=seed)
    request = Request((UNIT,), given_, Settings(seed=seed), tmp_path_factory.getbasetemp())
    asked = queries(request)
    asked_groups = {groups[row] for row in asked} - {""}
    asked_looks = [thumbnail(pictures[row]) for row in asked]
    found = shown(request)
    for batch in {p.batch for p in found}:
        own = [p for p in found if p.batch == batch]
        looks = [thumbnail(p.image) for p in own]
        assert not {p.group for p in own} & asked_groups
        assert not identical(looks, asked_looks).any()
        assert identical(looks, looks).sum() == len(own)
        named = [p.group for p in own if p.group]
        assert len(set(named)) == len(named)
        assert all(p.group == groups[int(p.image_id)] for p in own)


def test_a_corpus_that_is_too_small_is_told(request_):
    few = AskedImages(frozenset(map(str, range(57))))
    with pytest.raises(UserError, match=r"random images of find:0: the corpus has only \d that are no near-duplicates"):
        shown(replace(request_, asked={UNIT: few}))


def test_images_that_could_not_be_read_are_not_drawn(request_):
    names = [str(row) for row in range(20, 40)]
    broken = request_.index.broken.reindex(range(20)).assign(image=names, reason="cut off")
    corpus_images = replace(request_.corpus_images, index=replace(request_.index, broken=broken))
    found = [p for seed in range(20) for p in shown(replace(seeded(request_, seed), corpus_images=corpus_images))]
    assert found
    assert not {p.image_id for p in found} & set(names)
