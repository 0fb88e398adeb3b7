"""Which precision is fast where."""

import pytest
import torch

from exemplum.runtime import hardware


@pytest.mark.parametrize(
    ("feature", "expected"), [("avx512_bf16", "bfloat16"), ("amx_bf16", "bfloat16"), ("avx2", "float32")]
)
def test_auto_is_bfloat16_where_the_processor_has_it(monkeypatch, feature, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {feature: True})
    assert hardware.dtype("auto") == getattr(torch, expected)


def test_gpus_are_fast_at_bfloat16_and_names_are_believed():
    assert hardware.dtype("auto", "cuda") == torch.bfloat16
    assert hardware.dtype("float32", torch.device("cuda")) == torch.float32
    assert hardware.dtype("float16") == torch.float16


def test_the_device_is_one_that_tensors_can_be_made_on():
    assert torch.zeros(1, device=hardware.device()).device.type == hardware.device().type
