"""Rewrites change speed, not values. Oracle: the network as torch runs it, in float64."""

import copy

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from exemplum import models
from exemplum.models.graph.convolutions import DepthwiseConvolution, FirstConvolution, SameConvolution
from exemplum.models.graph.rewrite import PooledReLU


@settings(deadline=None)
@given(
    kernel=st.tuples(st.integers(2, 8), st.integers(2, 8)), padding=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    height=st.integers(9, 24), width=st.integers(9, 24), channels=st.integers(1, 4),
)  # fmt: skip
def test_the_gradient_in_phases_is_the_gradient(kernel, padding, height, width, channels):
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, 3, kernel, 2, padding).double().requires_grad_(False)
    phased = copy.deepcopy(conv)
    phased.__class__ = FirstConvolution
    x = torch.randn(2, channels, height, width, dtype=torch.float64, requires_grad=True)
    expected = conv(x)
    incoming = torch.randn_like(expected)
    found = phased(x)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, x, incoming)[0], torch.autograd.grad(expected, x, incoming)[0]
    )


@settings(deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 6), st.integers(1, 6)), padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    height=st.integers(7, 20), width=st.integers(7, 20), stride=st.integers(1, 2),
)  # fmt: skip
def test_the_gradient_of_depthwise_convolutions_is_the_gradient(kernel, padding, height, width, stride):
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 3, kernel, stride, padding, groups=3).double().requires_grad_(False)
    phased = copy.deepcopy(conv)
    phased.__class__ = DepthwiseConvolution
    x = torch.randn(2, 3, height, width, dtype=torch.float64, requires_grad=True)
    expected, found = conv(x), phased(x)
    incoming = torch.randn_like(expected)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, x, incoming)[0], torch.autograd.grad(expected, x, incoming)[0]
    )


@settings(deadline=None)
@given(
    kernel=st.integers(1, 5), stride=st.integers(1, 2), dilation=st.integers(1, 2), groups=st.sampled_from([1, 4]),
    height=st.integers(9, 16), width=st.integers(9, 16),
)  # fmt: skip
def test_same_padding_is_that_of_timm(kernel, stride, dilation, groups, height, width):
    from timm.layers import Conv2dSame  # type: ignore[attr-defined]

    torch.manual_seed(0)
    conv = Conv2dSame(4, 4, kernel, stride, 0, dilation, groups).double().requires_grad_(False)
    x = torch.randn(2, 4, height, width, dtype=torch.float64, requires_grad=True)
    expected, found = conv(x), SameConvolution.of(conv)(x)
    assert found.shape[2:] == (-(-height // stride), -(-width // stride))
    torch.testing.assert_close(found, expected)
    incoming = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, x, incoming)[0], torch.autograd.grad(expected, x, incoming)[0]
    )


@pytest.mark.parametrize("side", [64, 83])
def test_an_inverted_residual_network_of_timm_is_folded_and_gives_what_the_plain_one_gives(side):
    model = models.load("timm:tf_efficientnet_lite0")
    layers = ["blocks.1.0.bn2", "blocks.2.1", "bn2"]
    fast, plain = (model.reader(layers, dtype=torch.float64, fuse=fuse) for fuse in (True, False))
    kinds = {type(module) for module in fast.body.modules()}
    assert {DepthwiseConvolution, SameConvolution} <= kinds
    assert nn.BatchNorm2d not in kinds
    torch.manual_seed(0)
    images = torch.rand(2, 3, side, side, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        own = copy.deepcopy(model.module).double().forward_features(fast.normalize(images))
        found = model.reader(["bn2"], "after", dtype=torch.float64)(images)["bn2"]
    torch.testing.assert_close(found, own, rtol=1e-4, atol=1e-4)
    found, expected = fast(images), plain(images)
    for layer in layers:
        torch.testing.assert_close(found[layer], expected[layer], rtol=1e-5, atol=1e-5)
        incoming = torch.randn(expected[layer].shape, dtype=torch.float64)
        gradients = [
            torch.autograd.grad(maps[layer], images, incoming, retain_graph=True)[0] for maps in (found, expected)
        ]
        torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4 * float(gradients[1].abs().max()))


@pytest.mark.parametrize("side", [64, 83])
@pytest.mark.parametrize(("name", "layer"), [("torchvision:googlenet", "inception3a"), ("embedded", "mixed3a")])
def test_a_rewritten_network_gives_what_the_plain_one_gives(name, layer, side):
    model = models.load(name)
    fast, plain = (model.reader([layer], dtype=torch.float64, fuse=fuse) for fuse in (True, False))
    assert PooledReLU in {type(module) for module in fast.body.modules()}
    assert "first_convolution" in fast.body.code or any(isinstance(m, FirstConvolution) for m in fast.body.modules())
    torch.manual_seed(0)
    images = torch.rand(2, 3, side, side, dtype=torch.float64, requires_grad=True)
    found, expected = (reader(images)[layer] for reader in (fast, plain))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    incoming = torch.randn(expected.shape, dtype=torch.float64)
    gradients = [torch.autograd.grad(maps, images, incoming)[0] for maps in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4 * float(gradients[1].abs().max()))


def test_pooling_goes_first_unless_gradients_are_redirected():
    relu = models.graph.rewrite.ReLU()
    both = PooledReLU(relu, nn.MaxPool2d(2))
    x = torch.tensor([[[[-3.0, -1.0], [-2.0, -4.0]]]], requires_grad=True)
    both(x).sum().backward()
    assert x.grad is not None
    assert not x.grad.any()
    x.grad = None
    both.redirect = torch.tensor([True])
    (-both(x)).sum().backward()  # the first of the tied zeros that the network's own order pools, as in Lucid
    assert x.grad.flatten().tolist() == [-1, 0, 0, 0]
