"""Images spread over threads give the maps and gradients of one pass. Oracle: the reader itself, in one thread."""

import pytest
import torch

from exemplum.models.network import ShapeError
from exemplum.models.reader import Lanes


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
    found, expected = lanes(lambda part: reader(part).values(), images), reader(images).values()
    gradients = []
    for deep, shallow in (found, expected):
        score = deep[:, 8].mean() + shallow.square().mean()
        gradients.append(torch.autograd.grad(score, images)[0])
    for mine, true in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, true, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3 * float(gradients[1].abs().max()))
    assert torch.get_num_threads() == threads


def test_each_lane_takes_some_of_each_tensor(model, threads):
    lanes = Lanes(model.reader(["mixed3a"]))
    seen = []

    def squares(*parts):
        seen.append(tuple(map(len, parts)))
        return [part.square() for part in parts]

    tensors = [torch.arange(float(length), requires_grad=True) for length in (7, 3)]
    found = lanes(squares, *tensors)
    assert sorted(seen) == [(2, 1), (2, 1), (3, 1)]
    (found[0].sum() + 2 * found[1].sum()).backward()
    for tensor, squared, weight in zip(tensors, found, (1, 2), strict=True):
        assert torch.equal(squared, tensor**2)
        assert torch.equal(tensor.grad, 2 * weight * tensor)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_without_gradients_too(model, threads, count):
    images = torch.rand(count, 5)
    lanes = Lanes(model.reader(["mixed3a"]))
    roots, sums = lanes.map(lambda part: (part.sqrt(), part.sum(1)), images)
    assert torch.equal(roots, images.sqrt())
    assert torch.equal(sums, images.sum(1))


def test_what_goes_wrong_in_a_lane_is_told(model, threads):
    reader = model.reader(["mixed3b"])
    with pytest.raises(ShapeError, match="channels"):
        Lanes(reader)(lambda part: reader(part).values(), torch.rand(4, 5, 48, 48))
