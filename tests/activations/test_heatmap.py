"""Activation maps at the size of the image. Oracle: torch's own bilinear enlargement, and spots drawn by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from exemplum import images, models
from exemplum.errors import UserError
from exemplum.index import ActivationIndex, build_index
from exemplum.index.heatmaps import enlarged
from exemplum.models import Grid


@pytest.fixture(scope="module")
def few(corpus):
    return images.subset(corpus, 12, np.random.default_rng(3))


@pytest.fixture(scope="module")
def index(model, few):
    return build_index(model, few, ["mixed4a", "softmax2"], keep=4, workers=0)


def test_cells_that_share_the_image_evenly_are_enlarged_as_by_torch():
    plane = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    grid = Grid((4, 5), 40, (10, 8), (4.5, 3.5), (10, 8), is_patches=True)
    expected = F.interpolate(torch.from_numpy(plane)[None, None], (40, 40), mode="bilinear")[0, 0]
    np.testing.assert_allclose(enlarged(plane, grid), expected, atol=1e-5)


def test_the_value_at_a_cells_centre_is_its_own(index, model, few):
    row = 5
    image = model.crop(few.decode(row))
    maps = model.reader(["mixed4a"])(torch.tensor(image).permute(2, 0, 1)[None] / 255)["mixed4a"][0, 17]
    found = index.heatmap("mixed4a:17", row)
    assert found.shape == (48, 48)
    assert found.dtype == np.float32
    assert model.grid("mixed4a").first == (0, 0)  # this network's cells begin at the edge
    np.testing.assert_allclose(found[::8, ::8], maps.numpy(), atol=1e-4)
    assert found.max() == pytest.approx(float(maps.max()), abs=1e-4)


def test_an_image_is_given_by_row_id_or_itself(index, model, few):
    by_row = index.heatmap("mixed4a:17", 5)
    np.testing.assert_array_equal(index.heatmap("mixed4a:17", few.record(5).image_id), by_row)
    np.testing.assert_array_equal(index.heatmap("mixed4a:17", model.crop(few.decode(5))), by_row)
    np.testing.assert_array_equal(index.heatmap("mixed4a:17", np.int64(5)), by_row)
    for absent in (12, -1, "nothing.png"):
        with pytest.raises(UserError, match="is no image of"):
            index.heatmap("mixed4a:17", absent)


def test_the_map_of_a_vector_is_its_value(index):
    top = index.top("softmax2:3", "max").iloc[0]
    np.testing.assert_allclose(index.heatmap("softmax2:3", top["row"]), top["activation"], rtol=1e-4)


def test_the_maximum_of_a_heatmap_lies_at_the_place_of_an_extreme(index):
    for unit in ("mixed4a:3", "mixed4a:77", "mixed4a:200"):
        for extreme in index.top(unit, "max").itertuples():
            heat = index.heatmap(unit, extreme.row)
            y, x = np.unravel_index(heat.argmax(), heat.shape)
            assert extreme.top <= y < extreme.bottom
            assert extreme.left <= x < extreme.right


def test_an_index_from_disk_needs_its_model_and_images(index, model, few, corpus, tmp_path):
    index.save(tmp_path)
    loaded = ActivationIndex.load(tmp_path)
    with pytest.raises(UserError, match=r"index.attached"):
        loaded.heatmap("mixed4a:17", 5)
    with pytest.raises(UserError, match=r"index.attached"):
        _ = loaded.exemplars("mixed4a:17").images
    attached = loaded.attached(model, few)
    np.testing.assert_array_equal(attached.heatmap("mixed4a:17", 5), index.heatmap("mixed4a:17", 5))
    np.testing.assert_array_equal(attached.exemplars("mixed4a:17").images, index.exemplars("mixed4a:17").images)
    with pytest.raises(UserError, match="was not made from the images"):
        loaded.attached(model, images.subset(corpus, 12, np.random.default_rng(4)))


def test_the_map_is_before_or_after_the_relu_as_the_index(model, few):
    after = build_index(model, few, ["mixed4a"], relu="after", keep=4, workers=0)
    before = build_index(model, few, ["mixed4a"], keep=4, workers=0)
    assert after.heatmap("mixed4a:17", 5).min() >= 0
    assert before.heatmap("mixed4a:17", 5).min() < 0


def test_a_shifted_grid_is_drawn_where_its_cells_lie(tmp_path):
    """Without padding cells lie inside; a spot in the image is a spot at the same place in the map."""
    detector = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 9, 4))
    with torch.no_grad():
        detector[0].weight.fill_(1)
        detector[0].bias.zero_()
    model = models.load(detector, input_size=61)
    image = np.zeros((61, 61, 3), np.uint8)
    image[18:23, 38:43] = 255  # around (20, 40), the centre of a cell
    Image.fromarray(image).save(tmp_path / "a.png")
    index = build_index(model, images.open_corpus(f"folder:{tmp_path}"), ["0"], keep=1, workers=0)
    heat = index.heatmap("0:0", 0)
    ys, xs = np.nonzero(heat == heat.max())
    assert (ys.mean(), xs.mean()) == (20, 40)
