"""What a method may use: no query, nor its near-duplicate. Oracle: the deal, and whole studies of methods."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exemplum import images, store
from exemplum.design import DesignError, load
from exemplum.errors import UserError
from exemplum.explanations import Pole, Request, Unit, natural
from exemplum.explanations.request import Settings
from exemplum.index import build_index
from exemplum.queries import CorpusImages, dealing, load as load_queries
from exemplum.records import TrialKind
from exemplum.study import pipeline
from exemplum.study.folder import Study

UNITS = (Unit("mixed3b", 8), Unit("mixed3b", 100))
SETTINGS = Settings(seed=2021)


@pytest.fixture(scope="module")
def request_(model, tmp_path_factory) -> Request:
    corpus = images.subset(images.open_corpus("embedded"), 300, np.random.default_rng(1))
    index = build_index(model, corpus, ["mixed3b"], keep=60, workers=0)
    return Request(UNITS, CorpusImages(model, corpus, index, (1, 4), 3, 2021), SETTINGS, tmp_path_factory.mktemp("own"))


def test_exemplars_of_every_batch_are_queries_of_none(request_):
    for unit in UNITS:
        queries = [i for k in (1, 4) for i in request_.dealt(unit, k) if dealing.is_query(i, k)]
        assert len({i.batch for i in queries}) == 3
        for pole in Pole:
            found = request_.exemplars(unit, pole)
            assert len(found) == request_.most == 4
            assert not {e.image_id for e in found} & {q.image_id for q in queries}
            assert not {e.group for e in found if e.group} & {q.group for q in queries}
            values = [e.activation for e in found]
            assert values == sorted(values, reverse=pole is Pole.MAX)


def test_no_more_extreme_image_is_free(request_):
    """They are the most extreme of those that may be used: all that come before them are queries or alike one."""
    for unit, pole in itertools.product(UNITS, Pole):
        found = request_.exemplars(unit, pole)
        queries = [i for k in (1, 4) for i in request_.dealt(unit, k) if dealing.is_query(i, k)]
        both = [e for p in Pole for e in request_.exemplars(unit, p)]
        top = request_.index.top(unit, pole)
        before = top.iloc[: list(top["image"]).index(found[-1].image_id)]
        for image, group in zip(before["image"], before["group"], strict=True):
            reasons = {e.image_id for e in both} | {q.image_id for q in queries}
            groups = {e.group for e in both if e.group} | {q.group for q in queries if q.group}
            assert image in reasons or group in groups


def test_exemplars_of_a_batch_are_its_natural_references(request_):
    for unit, pole, k in itertools.product(UNITS, Pole, (1, 4)):
        for batch in request_.batches(unit, references=k):
            found = request_.exemplars(unit, pole, references=k, batch=batch)
            mine = [i for i in request_.dealt(unit, k) if (i.pole, i.batch) == (pole, batch)]
            assert {e.image_id for e in found} == {i.image_id for i in mine if not dealing.is_query(i, k)}
            assert len(found) == k


def test_a_request_gives_what_natural_shows_most_extreme_first(request_):
    """Oracles: the method's own pictures, and for the order the exemplars of each batch."""
    given = [picture for unit in UNITS for pole in Pole for picture in request_.natural(unit, pole)]

    def place(picture):
        return picture.unit, picture.pole, picture.references, picture.batch, picture.position

    shown = {place(picture): picture for picture in natural.pictures(request_)}
    assert len(given) == len(shown) == 2 * 2 * 3 * (1 + 4)  # units, poles, batches, references
    for picture in given:
        own = shown[place(picture)]
        assert (picture.image_id, picture.group) == (own.image_id, own.group)
        np.testing.assert_array_equal(picture.image, own.image)
        best_first = request_.exemplars(picture.unit, picture.pole, references=picture.references, batch=picture.batch)
        assert best_first[picture.position].image_id == picture.image_id


def test_an_exemplar_has_its_image_as_the_network_sees_it(request_):
    exemplar = request_.exemplars(UNITS[0], Pole.MAX, 1)[0]
    row = next(r for r in range(len(request_.corpus)) if request_.corpus.record(r).image_id == exemplar.image_id)
    np.testing.assert_array_equal(exemplar.image(), request_.model.crop(request_.corpus.decode(row)))
    assert (exemplar.image().shape, exemplar.image().dtype) == ((48, 48, 3), np.uint8)


def test_a_method_may_draw_into_an_image_that_others_show_too(request_):
    exemplar = request_.exemplars(UNITS[0], Pole.MAX, 1)[0]
    before = exemplar.image()
    exemplar.image()[:] = 0
    request_.image(0)[:] = 0
    np.testing.assert_array_equal(exemplar.image(), before)
    assert request_.image(0).any()


def test_what_does_not_go_together_is_told(request_):
    with pytest.raises(UserError, match="has batches 0 to 2, not 3"):
        request_.exemplars(UNITS[0], Pole.MAX, batch=3)
    with pytest.raises(UserError, match="takes references only with batch"):
        request_.exemplars(UNITS[0], Pole.MAX, references=4)
    with pytest.raises(UserError, match="takes count only without batch"):
        request_.exemplars(UNITS[0], Pole.MAX, 4, batch=0)
    with pytest.raises(UserError, match="mixed3b:8 has fewer than 200 exemplars of each pole"):
        request_.exemplars(UNITS[0], Pole.MAX, 200)


@pytest.fixture(scope="module")
def copied_folder(tmp_path_factory) -> Path:
    """A folder corpus with every photograph twice: as it is, and mirrored, smaller and as JPEG under another name."""
    home, corpus = tmp_path_factory.mktemp("photographs"), images.open_corpus("embedded")
    for row in np.random.default_rng(2).permutation(len(corpus))[:60]:
        image = Image.fromarray(corpus.decode(int(row)))
        image.save(home / f"{row:05d}.png")
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((96, 96)).save(home / f"copy of {row:05d}.jpg")
    return home


def test_two_files_of_one_image_do_not_meet_in_a_batch(model, copied_folder, tmp_path):
    """A folder has no groups: what looks the same is dealt as one."""
    corpus = images.open_corpus(f"folder:{copied_folder}")
    index = build_index(model, corpus, ["mixed3b"], keep=60, workers=0)
    request = Request(UNITS, CorpusImages(model, corpus, index, (4,), 3, 2021), SETTINGS, tmp_path)

    def source(image_id: str) -> str:
        return image_id.removeprefix("copy of ").partition(".")[0]

    met = 0
    for unit in UNITS:
        without = dealing.exemplars(index, unit, 4, 3, 0)
        for batch in range(3):
            shown = [source(i.image_id) for i in request.dealt(unit, 4) if i.batch == batch]
            assert len(set(shown)) == len(shown) == 10
            blind = [source(i.image_id) for i in without if i.batch == batch]
            met += len(blind) - len(set(blind))
        queries = {source(i.image_id) for i in request.dealt(unit, 4) if dealing.is_query(i, 4)}
        free = [source(e.image_id) for pole in Pole for e in request.exemplars(unit, pole, 3)]
        assert len(set(free)) == 6
        assert not queries & set(free)
    assert met > 0  # they do where nobody looks


@pytest.mark.slow  # tests/queries has copies of queries
def test_what_looks_like_a_query_of_a_window_is_no_exemplar(model, copied_folder, tmp_path):
    """Of two files of one image one may be a query at 0.8, and the other extreme enough for a method."""
    corpus = images.open_corpus(f"folder:{copied_folder}")
    index = build_index(model, corpus, ["mixed3b"], keep=60, workers=0)
    request = Request(UNITS, CorpusImages(model, corpus, index, (1,), 3, 2021, (0.8,)), SETTINGS, tmp_path)

    def source(image_id: str) -> str:
        return image_id.removeprefix("copy of ").partition(".")[0]

    units = [Unit("mixed3b", channel) for channel in range(24)]
    near = 0
    for unit in units:
        asked = {source(image.image_id) for image in request.corpus_images.deal(unit).queries}
        assert not asked & {source(e.image_id) for pole in Pole for e in request.exemplars(unit, pole, 8)}
        near += len(asked & {source(name) for pole in Pole for name in index.top(unit, pole)["image"].head(24)})
    assert near > len(units)  # they are there to be left out


TOML = """
seed = 3
[model]
load = "embedded"
input_size = 64
[images]
limit = 700
[units]
layers = ["mixed3b", "mixed4c"]
choose = "2 per layer"
practice = 2
[index]
keep = 100
[explanations]
batches = 4
methods = ["natural", "ideas:{method}"]
[design]
participants = 2
catch = 1
repeated = 2
"""

IDEAS = """
import numpy as np
from PIL import Image, ImageFilter
from exemplum.explanations import Picture, Pole

def _of_index(request, change, known):
    for unit in request.units:
        for pole in Pole:
            top = request.index.top(unit, pole)
            for position in range(request.most):
                row = int(top["row"].iloc[position])
                image = change(request.model.crop(request.corpus.decode(row)))
                yield Picture(unit, pole, position, image, image_id=top["image"].iloc[position] if known else "")

def _same(image):
    return image

def _blurred(image):
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(0.02 * len(image))))

def _cropped(image):
    side = len(image)
    part = Image.fromarray(image).crop((side // 8, side // 6, side // 8 + 3 * side // 4, side // 6 + 3 * side // 4))
    return np.asarray(part.resize((side, side)))

def top(request):
    yield from _of_index(request, _same, known=True)

def top_without_id(request):
    yield from _of_index(request, _same, known=False)

def blurred(request):
    yield from _of_index(request, _blurred, known=False)

def cropped(request):
    yield from _of_index(request, _cropped, known=False)

def _of_request(request, change, known):
    for unit in request.units:
        for pole in Pole:
            for position, exemplar in enumerate(request.exemplars(unit, pole)):
                told = {"image_id": exemplar.image_id, "group": exemplar.group} if known else {}
                yield Picture(unit, pole, position, change(exemplar.image()), **told)

def safe_top(request):
    yield from _of_request(request, _same, known=True)

def safe_blurred(request):
    yield from _of_request(request, _blurred, known=True)

def safe_cropped(request):
    yield from _of_request(request, _cropped, known=True)

def safe_blurred_without_id(request):
    yield from _of_request(request, _blurred, known=False)

def safe_by_batch(request):
    for unit in request.units:
        for k in request.references:
            for batch in request.batches(unit, references=k):
                for pole in Pole:
                    for position, exemplar in enumerate(request.exemplars(unit, pole, references=k, batch=batch)):
                        yield Picture(
                            unit, pole, position, _blurred(exemplar.image()), references=k, batch=batch,
                            image_id=exemplar.image_id, group=exemplar.group,
                        )
"""


@pytest.fixture(scope="module")
def study_of(tmp_path_factory):
    """Explanations and design of one study by a method of the user's; index and natural images are made once."""
    folder = tmp_path_factory.mktemp("study")
    store.write_text(folder / "ideas.py", IDEAS)

    def run(method: str) -> Study:
        store.write_text(folder / "study.toml", TOML.format(method=method))
        study = Study.open(folder)
        pipeline.run(study, ["index", "queries", "explanations", "design"])
        return study

    return run


@pytest.mark.parametrize("method", ["top", "top_without_id", "blurred", "cropped"])
def test_the_obvious_first_ideas_are_stopped(study_of, method):
    """Before, each of these had a query's picture among the references of main trials, and a study went ahead."""
    with pytest.raises(DesignError, match="gives the answer away") as error:
        study_of(method)
    message = str(error.value)
    assert f"method {method}: explanations/{method}/" in message
    assert "queries/extreme/" in message or "is a query of the unit" in message
    assert len(message.splitlines()) == 1


SAFE = ("safe_top", "safe_blurred", "safe_cropped", "safe_blurred_without_id", "safe_by_batch")


@pytest.mark.parametrize("method", SAFE)
def test_the_same_ideas_pass_with_the_requests_exemplars(study_of, method):
    study = study_of(method)
    made = load(study)
    stimuli, queries = load_queries(study)
    image = dict(zip(stimuli["path"], stimuli["image"], strict=True))
    for pole in ("max", "min"):
        image |= dict(zip(queries[f"query_{pole}"], queries[f"image_{pole}"], strict=True))
    shown = [t for t in made.trials if t.condition == method and t.kind is not TrialKind.CATCH]
    assert shown
    for trial in shown:
        assert len(trial.references.max) == len(trial.references.min) == 9
        assert not {image[path] for path in trial.references} & {image[trial.query_max], image[trial.query_min]}
