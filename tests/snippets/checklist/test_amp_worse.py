"""amp-worse: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

import pytest
import torch

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """It ends with an error or NaN, or reads fewer than half of the digits, where float32 reads more."""
    return run.error is not None or not math.isfinite(run.last("loss")) or run.last("accuracy") < 0.5


@causes("amp-worse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_smallest_numbers() -> None:
    """Below 6e-8 float16 is zero and bfloat16 is not; next to 1, bfloat16 steps by 1/128 and float16 by 1/1024."""
    assert torch.tensor(2.9e-8).half() == 0
    assert torch.tensor(6e-8).half() > 0
    assert torch.tensor(1e-38).bfloat16() > 0
    assert torch.finfo(torch.bfloat16).eps == 1 / 128
    assert torch.finfo(torch.float16).eps == 1 / 1024


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_lowest_number_hides(dtype: torch.dtype) -> None:
    """The lowest number of a type hides a place as minus infinity does; a row without any place gives no NaN."""
    scores, mask = torch.tensor([[1.0, 2.0], [1.0, 2.0]], dtype=dtype), torch.tensor([[False, True], [True, True]])
    lowest = scores.masked_fill(mask, torch.finfo(dtype).min).softmax(dim=1)
    assert lowest[0].tolist() == [1.0, 0.0]
    assert torch.isfinite(lowest).all()
    assert torch.isnan(scores.masked_fill(mask, -torch.inf).softmax(dim=1)[1]).all()
