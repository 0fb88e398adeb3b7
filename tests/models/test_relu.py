"""Redirected ReLU gradients, by hand from Lucid's misc/redirected_relu_grad.py."""

import torch
from hypothesis import given, strategies as st

from exemplum.models.graph.rewrite import ReLU, redirected_relu


def gradient(x: torch.Tensor, incoming: torch.Tensor, ceiling: float = torch.inf) -> torch.Tensor:
    x = x.clone().requires_grad_()
    redirected_relu(x, ceiling).backward(incoming)
    assert x.grad is not None
    return x.grad


def test_an_image_with_a_true_gradient_keeps_it():
    x, incoming = torch.tensor([[-1.0, 2.0, -3.0]]), torch.tensor([[-5.0, 7.0, 9.0]])
    assert gradient(x, incoming).tolist() == [[0, 7, 0]]


def test_a_dead_image_gets_what_does_not_push_it_lower():
    # the loss is minimized: where dL/dy > 0 a step downhill would lower x, which is already below 0
    x, incoming = torch.tensor([[-1.0, -2.0, -3.0]]), torch.tensor([[-5.0, 7.0, 0.0]])
    assert gradient(x, incoming).tolist() == [[-5, 0, 0]]


def test_each_image_is_judged_by_itself():
    x = torch.tensor([[-1.0, 2.0], [-1.0, -2.0], [1.0, -2.0]])
    incoming = torch.tensor([[-5.0, 7.0], [-5.0, 7.0], [0.0, -4.0]])
    # the third is alive but for where it is, nothing arrives: all its true gradients are zero
    assert gradient(x, incoming).tolist() == [[0, 7], [-5, 0], [0, -4]]


def test_images_that_are_not_marked_keep_their_true_gradient():
    x, incoming = torch.tensor([[-1.0, -2.0], [-1.0, -2.0]]), torch.tensor([[-5.0, 7.0], [-5.0, 7.0]])
    x.requires_grad_()
    redirected_relu(x, images=torch.tensor([True, False])).backward(incoming)
    assert x.grad.tolist() == [[-5, 0], [0, 0]]


def test_above_the_ceiling_nothing_pushes_higher():
    x, incoming = torch.tensor([[7.0, 8.0, -1.0]]), torch.tensor([[-5.0, 3.0, -2.0]])
    assert gradient(x, incoming, ceiling=6.0).tolist() == [[0, 3, -2]]


@given(st.integers(0, 2**31 - 1), st.sampled_from([torch.inf, 6.0]))
def test_values_are_those_of_relu_and_a_batch_changes_no_image(seed: int, ceiling: float):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(4, 3, 2, 2, generator=generator) * 5 - 3
    incoming = torch.randn(x.shape, generator=generator)
    assert torch.equal(redirected_relu(x, ceiling), x.clamp(0, ceiling))
    alone = torch.cat([gradient(x[k : k + 1], incoming[k : k + 1], ceiling) for k in range(4)])
    assert torch.equal(gradient(x, incoming, ceiling), alone)


def test_the_module_is_torch_relu_until_it_redirects():
    x = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    relu = ReLU()
    relu(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[0, 0]]
    relu.redirect = torch.tensor([True])
    relu(x).backward(torch.tensor([[-1.0, 1.0]]))
    assert x.grad.tolist() == [[-1, 0]]
