"""Images spread over threads give the maps and gradients of one pass. Oracle: the reader itself, in one thread."""

import pytest
import torch

from exemplum.explanations.synthetic.lanes import Lanes
from exemplum.models.errors import ShapeError


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_lanes_give_the_maps_and_gradients_of_one_pass(model, threads, count):
    reader = model.reader(["mixed3b", "mixed3a"])
    lanes = Lanes(reader)
    assert lanes.count == threads
    images = torch.rand(count, 3, 48, 48, requires_grad=True)
    found, expected = lanes(images), reader(images)
    assert list(found) == list(expected)
    gradients = []
    for maps in (found, expected):
        score = maps["mixed3b"][:, 8].mean() + maps["mixed3a"].square().mean()
        gradients.append(torch.autograd.grad(score, images)[0])
    for layer in found:
        torch.testing.assert_close(found[layer], expected[layer], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3 * float(gradients[1].abs().max()))
    assert torch.get_num_threads() == threads


def test_what_goes_wrong_in_a_lane_is_told(model, threads):
    with pytest.raises(ShapeError, match="channels"):
        Lanes(model.reader(["mixed3b"]))(torch.rand(4, 5, 48, 48))
