"""Max-pooling of bfloat16 maps. Oracle: torch's, in float64."""

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from exemplum.models.graph.maxpool import max_pool


def maps(images: int, channels: int, height: int, width: int) -> torch.Tensor:
    """Numbers of all magnitudes, no two alike, as channels-last bfloat16."""
    generator = torch.Generator().manual_seed(0)
    bits = torch.randperm(0x7F00, generator=generator)[: images * channels * height * width].to(torch.int16)
    signs = torch.randint(0, 2, bits.shape, generator=generator) * 2 - 1
    values = (bits.view(torch.bfloat16) * signs).view(images, channels, height, width).to(torch.bfloat16)
    return values.contiguous(memory_format=torch.channels_last).requires_grad_()


@settings(deadline=None)
@given(
    size=st.integers(1, 5), stride=st.integers(1, 6), padding=st.integers(0, 2), ceil=st.booleans(), relu=st.booleans(),
    height=st.integers(5, 12), width=st.integers(5, 12), channels=st.sampled_from([1, 3, 40]),
)  # fmt: skip
def test_values_and_gradients_are_those_of_torch(size, stride, padding, ceil, relu, height, width, channels):
    pool = nn.MaxPool2d(size, stride, min(padding, size // 2), ceil_mode=ceil)
    x = maps(2, channels, height, width)
    exact = x.detach().double().requires_grad_()
    found, expected = max_pool(x, pool, relu), pool(exact)
    expected = expected.relu() if relu else expected
    assert found.dtype == torch.bfloat16
    assert torch.equal(found.double(), expected)
    incoming = torch.randint(-4, 5, found.shape, generator=torch.Generator().manual_seed(1))  # sums of these are exact
    found.backward(incoming.to(found.dtype))
    expected.backward(incoming.double())
    assert torch.equal(x.grad.double(), exact.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_maps_and_windows_are_left_to_torch(dtype):
    x = maps(1, 2, 9, 9).detach().to(dtype).contiguous()
    for pool in (nn.MaxPool2d(3, 2), nn.MaxPool2d((3, 2)), nn.MaxPool2d(3, dilation=2)):
        assert torch.equal(max_pool(x, pool, relu=True), pool(x).relu())


def test_of_tied_maxima_one_gets_the_gradient():
    x = torch.zeros((1, 1, 3, 3), dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last).requires_grad_()
    max_pool(x, nn.MaxPool2d(3)).sum().backward()
    assert x.grad.sum() == 1
    assert x.grad.count_nonzero() == 1


def test_a_relu_at_zero_passes_no_gradient():
    x = torch.zeros((1, 1, 2, 2), dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last).requires_grad_()
    max_pool(x, nn.MaxPool2d(2), relu=True).sum().backward()
    assert not x.grad.any()
