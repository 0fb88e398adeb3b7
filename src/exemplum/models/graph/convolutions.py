"""Convolutions whose gradient to their input is faster on a CPU than torch's; and TensorFlow's SAME padding."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Pair = tuple[int, int]


class FirstConvolution(nn.Conv2d):
    """A convolution of stride 2 over few channels (an image), with a polyphase input gradient."""

    def forward(self, x: Tensor) -> Tensor:
        return first_convolution(x, self.weight, self.bias, self.stride, self.padding)  # type: ignore[arg-type]


class DepthwiseConvolution(nn.Conv2d):
    """A convolution of each channel on its own, of stride 1 or 2, with a polyphase input gradient."""

    def forward(self, x: Tensor) -> Tensor:
        return depthwise_convolution(x, self.weight, self.bias, self.stride, self.padding)  # type: ignore[arg-type]


class SameConvolution(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding: ⌈side / stride⌉ outputs, odd padding on the right and below."""

    @classmethod
    def of(cls, conv: nn.Module) -> SameConvolution:
        """One that shares the weights and the settings of timm's Conv2dSame."""
        made = cls.__new__(cls)
        made.__dict__ = dict(conv.__dict__)
        return made

    def added(self, height: int, width: int) -> Pair:
        """How many rows and columns the padding of an image adds; half of them, rounded down, come before it."""
        sizes = zip((height, width), self.stride, self.dilation, self.kernel_size, strict=True)
        rows, columns = (
            max(0, (-(-side // stride) - 1) * stride + dilation * (kernel - 1) + 1 - side)
            for side, stride, dilation, kernel in sizes
        )
        return rows, columns

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = self.added(x.shape[2], x.shape[3])
        padded = F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        if is_first(self.weight, self.stride, self.dilation, self.groups):
            return first_convolution(padded, self.weight, self.bias, self.stride, (0, 0))  # type: ignore[arg-type]
        if is_depthwise(self):
            return depthwise_convolution(padded, self.weight, self.bias, self.stride, (0, 0))  # type: ignore[arg-type]
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def is_first(weight: Tensor, stride: object, dilation: object, groups: object) -> bool:
    """Whether a convolution can be a FirstConvolution."""
    few = weight.shape[1] <= 4 and weight.shape[2:] != (1, 1)
    return few and (stride, dilation, groups) == ((2, 2), (1, 1), 1)


def is_depthwise(conv: nn.Conv2d) -> bool:
    """Whether a convolution can be a DepthwiseConvolution."""
    return conv.groups == conv.in_channels == conv.out_channels > 1 and (
        conv.stride in ((1, 1), (2, 2)) and conv.dilation == (1, 1)
    )


def first_convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair, *_: object
) -> Tensor:
    """torch.conv2d of stride 2, (n, few, h, w) → (n, out, h/2, w/2), with a polyphase gradient to `x`.

    The gradient at every second row and column (one phase) is an ordinary convolution of the output's gradient with
    every second row and column of the weights. All four phases at once take half the time of a strided backward pass
    on a CPU.
    """
    if x.device.type != "cpu":
        return F.conv2d(x, weight, bias, stride, padding)
    result: Tensor = _PolyphaseGradient.apply(x, weight, bias, padding)
    return result


def depthwise_convolution(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
    """torch.conv2d with a group per channel, (n, channels, h, w) → (n, channels, h/stride, w/stride).

    On a CPU the gradient to `x` is made of depthwise convolutions with mirrored weights, one per phase. At stride 2
    torch's own takes twenty times as long in bfloat16; in float32 it is the faster one.
    """
    groups = x.shape[1]
    if x.device.type != "cpu" or (stride == (2, 2) and x.dtype == torch.float32):
        return F.conv2d(x, weight, bias, stride, padding, 1, groups)
    result: Tensor = _DepthwiseGradient.apply(x, weight, bias, stride[0], padding)
    return result


class _PolyphaseGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: Pair) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.padding, ctx.shape = padding, x.shape
        return F.conv2d(x, weight, bias, 2, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (weight,), (gradient,) = ctx.saved_tensors, gradients
        before = [padding + padding % 2 for padding in ctx.padding]  # the smallest even number of rows before the image
        height, width = weight.shape[2] + before[0] - ctx.padding[0], weight.shape[3] + before[1] - ctx.padding[1]
        weight = F.pad(weight, (before[1] - ctx.padding[1], width % 2, before[0] - ctx.padding[0], height % 2))
        # (out, in, rows, 2, columns, 2) → (in · 2 · 2, out, rows, columns), mirrored
        out, channels = weight.shape[:2]
        rows, columns = weight.shape[2] // 2, weight.shape[3] // 2
        phases = weight.reshape(out, channels, rows, 2, columns, 2).permute(1, 3, 5, 0, 2, 4)
        mirrored = phases.reshape(channels * 4, out, rows, columns).flip(2, 3)
        found = F.conv2d(
            gradient, mirrored.contiguous(memory_format=torch.channels_last), None, 1, (rows - 1, columns - 1)
        )
        image = F.pixel_shuffle(found[:, :, before[0] // 2 :, before[1] // 2 :], 2)
        missing = [max(0, side - have) for side, have in zip(ctx.shape[2:], image.shape[2:], strict=True)]
        image = F.pad(image, (0, missing[1], 0, missing[0])) if any(missing) else image
        return image[:, :, : ctx.shape[2], : ctx.shape[3]], None, None, None


class _DepthwiseGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: Pair) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.stride, ctx.padding, ctx.shape = stride, padding, x.shape
        return F.conv2d(x, weight, bias, stride, padding, 1, x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (weight,), (gradient,), stride = ctx.saved_tensors, gradients, ctx.stride
        n, channels, height, width = ctx.shape
        (above, left), (rows, columns) = ctx.padding, weight.shape[2:]
        shape = (n, channels, height + above, width + left)
        padded = torch.empty(shape, dtype=gradient.dtype, memory_format=torch.channels_last).zero_()
        for row in range(min(stride, rows)):
            for column in range(min(stride, columns)):
                part = weight[:, :, row::stride, column::stride].flip(2, 3)
                part = part.contiguous(memory_format=torch.channels_last)
                found = F.conv2d(gradient, part, None, 1, (part.shape[2] - 1, part.shape[3] - 1), 1, channels)
                place = padded[:, :, row::stride, column::stride]
                used = tuple(map(min, found.shape[2:], place.shape[2:]))
                place[:, :, : used[0], : used[1]] = found[:, :, : used[0], : used[1]]
        return padded[:, :, above:, left:], None, None, None, None
