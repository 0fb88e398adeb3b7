"""What natural shows of its exemplars. Oracle: a planted unit, the place of whose maximum is known in every image."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from exemplum import images, models, store
from exemplum.errors import UserError
from exemplum.explanations import Picture, Pole, Unit, diverse, gather, natural, overlays
from exemplum.explanations.methods import BuiltInMethod
from exemplum.explanations.natural import NaturalParameters
from exemplum.explanations.places import neighbourhood
from exemplum.explanations.request import AskedImages, Request, Settings
from exemplum.index import Measurer, build_index
from exemplum.queries import CorpusImages, is_query
from exemplum.study import Study, pipeline
from explanations import planted
from explanations.planted import OPPOSITE, PATCH, SIZE, UNIT

PLACES = planted.places()


@pytest.fixture(scope="module")
def request_(tmp_path_factory) -> Request:
    return planted.request(tmp_path_factory.mktemp("planted"))


def shown(request: Request, **parameters) -> list[Picture]:
    return list(natural.pictures(request, NaturalParameters(**parameters)))


def patch_of(picture: Picture) -> tuple[int, int]:
    """Top and left of the patch of the picture's image."""
    top, left = PLACES[int(picture.image_id)]
    return int(top), int(left)


@pytest.mark.parametrize("show", ["crop", "heatmap", "spotlight"])
def test_the_images_of_each_batch_are_those_that_natural_shows(request_, show):
    def key(picture: Picture) -> tuple:
        return picture.unit, picture.pole, picture.position, picture.references, picture.batch, picture.image_id

    whole, marked = shown(request_), shown(request_, show=show)
    assert [key(picture) for picture in whole] == [key(picture) for picture in marked]
    assert {picture.batch for picture in marked} == {0, 1, 2, 3}
    assert all(picture.activation is None for picture in marked), "they are measured as they are shown"
    assert all(picture.activation is not None for picture in whole)
    assert all(picture.image.shape == (SIZE, SIZE, 3) and picture.image.dtype == np.uint8 for picture in marked)


def test_a_crop_is_around_the_patch_that_the_unit_finds(request_):
    for picture in shown(request_, show="crop", side=0.25):
        top, left, bottom, right = picture.facts["box"]
        assert (bottom - top, right - left) == (12, 12)
        assert 0 <= top < bottom <= SIZE
        assert 0 <= left < right <= SIZE
        y, x = patch_of(picture)
        assert top <= y < y + PATCH <= bottom, "the whole patch is in it"
        assert left <= x < x + PATCH <= right
        image = request_.image(int(picture.image_id))
        expected = overlays.crop(image, (top, left, bottom, right))
        np.testing.assert_array_equal(picture.image, expected)
        # both poles show the patch, the brightest and the darkest place: of find:1 with the poles exchanged
        grey, middle = image.mean(), picture.image[SIZE // 2 - 4 : SIZE // 2 + 4, SIZE // 2 - 4 : SIZE // 2 + 4].mean()
        if 4 <= y <= SIZE - 12 and 4 <= x <= SIZE - 12:
            assert (middle > grey) == ((picture.pole is Pole.MAX) == (picture.unit == UNIT))


def test_a_crop_without_a_side_is_what_the_unit_sees_but_a_quarter_at_least(request_):
    # the field is 8 px of 48
    assert neighbourhood(request_.index, UNIT, SIZE) == SIZE // 4
    boxes = [picture.facts["box"] for picture in shown(request_, show="crop")]
    assert {(bottom - top, right - left) for top, left, bottom, right in boxes} == {(12, 12)}
    wide = request_.index.extremes.assign(top=0, left=0, bottom=40, right=40)
    assert neighbourhood(replace(request_.index, extremes=wide), UNIT, SIZE) == SIZE // 2


def test_places_that_the_index_does_not_name_are_measured(request_):
    nowhere = request_.index.extremes.assign(y=-1, x=-1)
    index = replace(request_.index, extremes=nowhere)
    blind = replace(request_, corpus_images=replace(request_.corpus_images, index=index))
    boxes = [picture.facts["box"] for picture in shown(request_, show="crop", side=0.25)]
    assert [picture.facts["box"] for picture in shown(blind, show="crop", side=0.25)] == boxes


def test_where_the_unit_responds_everywhere_alike_the_middle_is_shown(tmp_path):
    flat = [np.full((SIZE, SIZE, 3), level, np.uint8) for level in range(0, 240, 4)]
    model = planted.finder()
    corpus = images.open_images(flat)
    index = build_index(model, corpus, ["find"], keep=20, workers=0)
    request = Request((UNIT,), CorpusImages(model, corpus, index, (3,), 2, seed=7), Settings(seed=7), tmp_path)
    for picture in shown(request, show="crop", side=0.5):
        assert picture.facts["box"] == [12, 12, 36, 36]
    for picture in shown(request, show="spotlight"):
        np.testing.assert_array_equal(picture.image, request.image(int(picture.image_id)))


@pytest.mark.parametrize(
    ("centre", "box"), [((0, 0), (0, 0, 12, 12)), ((47, 47), (36, 36, 48, 48)), ((20.5, 3), (15, 0, 27, 12))]
)
def test_a_box_is_moved_into_the_image(centre, box):
    assert overlays.box_around(centre, 12, 48) == box


def test_a_heatmap_is_warm_at_the_patch_and_comparable_between_all_pictures_of_a_unit(request_):
    pictures = shown(request_, show="heatmap")
    for unit in (UNIT, OPPOSITE):
        assert len({(p.facts["low"], p.facts["high"]) for p in pictures if p.unit == unit}) == 1
    for picture in pictures:
        y, x = (place + PATCH // 2 for place in patch_of(picture))
        image = request_.image(int(picture.image_id))
        # what was laid over it: half of the picture is the image
        warmth = (2.0 * picture.image - image).mean(2)
        others = warmth[np.hypot(*np.ogrid[-y : SIZE - y, -x : SIZE - x]) > 2 * PATCH]
        at_patch = warmth[y - 1 : y + 1, x - 1 : x + 1].mean()
        assert at_patch > others.max() if picture.pole is Pole.MAX else at_patch < others.min()


def test_the_colours_rise_in_lightness():
    # oracle: luma of the colormap's 256 colours
    luma = overlays._colours() @ [0.299, 0.587, 0.114]
    assert (np.diff(luma) > 0).all()
    ramp = np.linspace(0, 1, 64)[None].repeat(64, 0)
    grey = overlays.heatmap(np.full((64, 64, 3), 128, np.uint8), ramp, 0, 1) @ [0.299, 0.587, 0.114]
    assert (np.diff(grey[0]) > 0).all()


def test_a_spotlight_keeps_the_patch_and_dims_what_is_far(request_):
    for picture in shown(request_, show="spotlight"):
        y, x = (place + PATCH // 2 for place in patch_of(picture))
        image = request_.image(int(picture.image_id)).astype(float)
        ratio = picture.image.mean(2) / np.maximum(image.mean(2), 1)
        distance = np.hypot(*np.ogrid[-y : SIZE - y, -x : SIZE - x])
        if image[y, x].mean() > 20:  # of a black patch no dimming can be seen
            assert ratio[y - 1 : y + 1, x - 1 : x + 1].min() > 0.9
        assert ratio[distance > 2.5 * PATCH] == pytest.approx(overlays.DIMMED, abs=0.02)


def test_the_strong_region_is_beyond_sixty_percent_of_the_way_from_the_typical_level():
    activations = np.array([[0.0, 2.0, 4.0], [5.0, 6.0, 10.0]])
    assert overlays.strong(activations, 0.0, Pole.MAX).tolist() == [[False, False, False], [False, True, True]]
    assert overlays.strong(activations, 8.0, Pole.MIN).tolist() == [[True, True, False], [False, False, False]]
    # nowhere above the typical level: so far from its own median, 4.5
    assert overlays.strong(activations, 20.0, Pole.MAX).tolist() == [[False] * 3, [False, False, True]]
    assert overlays.strong(np.ones((2, 2)), 0.0, Pole.MAX).all()
    assert overlays.strong(np.ones((2, 2)), 1.0, Pole.MIN).all()


def test_pictures_are_measured_as_they_are_shown(request_, tmp_path):
    """Oracle: the network itself, given the stored crop. No crop is a failed picture, however weak it is."""
    (tmp_path / "study.toml").write_text("")
    study = Study.open(tmp_path)
    method = BuiltInMethod(natural.pictures, NaturalParameters(show="crop", side=0.25))
    request = replace(request_, folder=tmp_path / "explanations" / "crops")
    stored = gather.pictures("crops", method, request, tmp_path, "key")
    rows = list(gather.measured(stored, request.model, request.index, study, of_corpus=["crops"]))
    measurer = Measurer(request.model, ["find"], "before", "channel")
    for row in rows:
        value = measurer.images(np.stack([store.read_png(tmp_path / row["path"])]))[0, row["channel"]]
        assert row["activation"] == pytest.approx(float(value), abs=1e-6)
        assert not row["failed"]
    # the patch fills more of a crop than of its image: it is more extreme
    of_max = [row["margin"] for row in rows if row["pole"] == "max" and row["unit"] == str(UNIT)]
    assert np.median(of_max) > 0
    swapped = [replace(picture, pole=Pole.MIN if picture.pole is Pole.MAX else Pole.MAX) for picture in stored]
    for of_corpus, failed in ((["crops"], False), ([], True)):  # if a user's own method shows the wrong pole
        rows = gather.measured(swapped, request.model, request.index, study, of_corpus)
        assert {row["failed"] for row in rows} == {failed}


def test_layers_without_places_are_refused():
    model = planted.finder()
    natural.check_places(model, ["find"], "channel", NaturalParameters(show="crop"))
    natural.check_places(model, ["total"], "channel", NaturalParameters())
    for show in ("crop", "heatmap", "spotlight"):
        with pytest.raises(UserError, match=f"show = '{show}' needs the places .* but layer total has none"):
            natural.check_places(model, ["find", "total"], "max", NaturalParameters(show=show))


def test_the_refusal_is_before_any_work_and_names_the_key(tmp_path):
    (tmp_path / "study.toml").write_text(
        '[units]\nlayers = ["mixed3b", "softmax2"]\n[explanations.natural]\n[explanations.crops]\nmethod = "natural"\n'
        'show = "crop"\n'
    )
    with pytest.raises(
        UserError, match=r"study.toml: \[explanations.crops\] show: .* layer softmax2 has none; use show"
    ):
        pipeline.run(Study.open(tmp_path))
    assert not (tmp_path / "index").exists()


KIND = 12  # images of one kind


class Bright(nn.Module):
    """One unit that finds any brightness; its last layer tells the colours apart."""

    def __init__(self) -> None:
        super().__init__()
        self.any, self.colours = nn.Conv2d(3, 1, 1), nn.Conv2d(3, 3, 1)
        nn.init.constant_(self.any.weight, 1.0)
        self.colours.weight.data[:] = torch.eye(3)[..., None, None]
        nn.init.zeros_(self.colours.bias)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.any(pictures) + self.colours(pictures).relu()


@pytest.fixture(scope="module")
def facets(tmp_path_factory) -> Request:
    """A unit for which 12 red images are the most extreme, then come 12 green and 12 blue ones, then dark ones."""
    rng, found = np.random.default_rng(5), []
    for place in range(100):
        texture = rng.normal(0, 30, (8, 8)).repeat(4, 0).repeat(4, 1)  # else they would be taken for near-duplicates
        picture = np.full((32, 32, 3), 10.0)
        picture[..., place // KIND % 3] += texture - texture.mean() + (150 - place if place < 3 * KIND else 0)
        found.append(np.clip(picture, 0, 255).astype(np.uint8))
    plain = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    model = models.load(Bright(), input_size=32, preprocessing=models.Preprocessing(32, 32, **plain))
    corpus = images.open_images(found)
    index = build_index(model, corpus, ["any", "colours"], keep=50, workers=0)
    given = CorpusImages(model, corpus, index, (3,), 1, seed=7)
    return Request((Unit("any", 0),), given, Settings(seed=7), tmp_path_factory.mktemp("facets"))


def colour(picture: Picture) -> int:
    return int(picture.image_id) // KIND


def test_diverse_exemplars_are_of_every_kind_while_the_extreme_ones_are_of_one(facets):
    extreme = [colour(p) for p in shown(facets) if p.pole is Pole.MAX and p.batch == 0]
    found = [p for p in shown(facets, order="diverse") if p.pole is Pole.MAX]
    assert extreme == [0, 0, 0]
    assert [colour(p) for p in found] == [0, 1, 2]
    assert [p.position for p in found] == [0, 1, 2]
    assert [p.activation for p in found] == sorted((p.activation for p in found), reverse=True)


def test_diverse_exemplars_are_the_same_in_every_batch_and_no_query(facets):
    found = shown(facets, order="diverse")
    assert {(p.batch, p.references) for p in found} == {(-1, None)}
    assert len({p.image_id for p in found}) == len(found) == 6
    queries = {i.image_id for i in facets.dealt(Unit("any", 0), 3) if is_query(i, 3)}
    assert len(queries) == 2
    assert not queries & {p.image_id for p in found}
    asked = replace(facets, asked={Unit("any", 0): AskedImages(frozenset([found[0].image_id]))})
    assert found[0].image_id not in {p.image_id for p in shown(asked, order="diverse")}


def test_diverse_exemplars_are_the_same_again_and_can_be_cropped(facets):
    first, again = shown(facets, order="diverse"), shown(facets, order="diverse", show="crop", side=0.5)
    assert [p.image_id for p in first] == [p.image_id for p in again]
    assert all(p.activation is None and len(p.facts["box"]) == 4 for p in again)


def test_a_selection_has_as_many_as_asked_for_even_of_equal_rows():
    assert diverse.spread(np.zeros((5, 2)), 3, seed=0) == [0, 1, 2]
    points = np.array([[0.0, 0], [0, 0.1], [5, 5], [5, 5.1], [9, 0]])
    assert diverse.spread(points, 3, seed=1) == [0, 2, 4]
