"""error-dtype-or-device: what it looks like, and every cause of it planted; the device meta stands for a GPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from snippets.checklist.error_dtype_or_device import check
from tests.support.messages import never_said, said
from tests.support.planted import Record, Run, causes, prove

SYMPTOM = "error-dtype-or-device"
OTHERS: dict[str, Callable[[], object]] = {  # the same faults, met by other layers and losses
    "Found dtype Long but expected Float": lambda: F.binary_cross_entropy(torch.rand(2), torch.tensor([0, 1])),
    "Input type (double) and bias type (float) should be the same": lambda: nn.Conv2d(1, 1, 3)(
        torch.rand(1, 1, 8, 8, dtype=torch.float64)
    ),
    "expected m1 and m2 to have the same dtype, but got: float != double": lambda: (
        torch.ones(2, 2) @ torch.ones(2, 2, dtype=torch.float64)
    ),
}


def shows(run: Run) -> bool:
    """An error ends it, with one of the page's texts."""
    return run.error is not None and bool(said(SYMPTOM, run))


@causes(SYMPTOM)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_texts() -> None:
    """Every error text of the page is one that torch gives today."""
    assert set(never_said(SYMPTOM)) == set(OTHERS)
    for text, call in OTHERS.items():
        with pytest.raises(RuntimeError) as raised:
            call()
        assert text in str(raised.value)


@pytest.mark.parametrize("loss_fn", [F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss])
def test_double_targets_are_silent(loss_fn: Callable[..., torch.Tensor]) -> None:
    """float64 targets raise nothing, and make the loss float64; of these, Huber's loss refuses them, in backward."""
    loss = loss_fn(nn.Linear(2, 1)(torch.ones(4, 2)), torch.ones(4, 1, dtype=torch.float64))
    if loss_fn is F.huber_loss:
        with pytest.raises(RuntimeError, match="Found dtype Double but expected Float"):
            loss.backward()
        return
    loss.backward()
    assert loss.dtype == torch.float64


def test_which_losses_take_whole_numbers() -> None:
    """The squared error takes them; Huber's loss fails in backward."""
    targets = torch.ones(4, 1, dtype=torch.long)
    F.mse_loss(nn.Linear(2, 1)(torch.ones(4, 2)), targets).backward()
    with pytest.raises(RuntimeError, match="Found dtype Long but expected Float"):
        F.huber_loss(nn.Linear(2, 1)(torch.ones(4, 2)), targets).backward()


class Held(nn.Module):
    """A model with a token of its own, and whatever else is given."""

    def __init__(self, first: nn.Module, **held: object) -> None:
        super().__init__()
        self.cls, self.first = nn.Parameter(torch.zeros(3)), first
        vars(self).update(held)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x / 255 if x.dtype == torch.uint8 else x) + self.cls


def test_whole_numbers_are_followed_to_their_layer() -> None:
    """Tokens in a model with parameters of its own, and bytes that the model divides, are sound."""
    tokens = Held(nn.Sequential(nn.Embedding(9, 3), nn.BatchNorm1d(5).eval(), nn.Linear(3, 3)))
    assert not check.inputs_in_whole_numbers(tokens, torch.randint(9, (4, 5)))
    assert [m.training for m in tokens.first] == [True, False, True]
    assert not check.inputs_in_whole_numbers(Held(nn.Linear(2, 3)), torch.ones(4, 2, dtype=torch.uint8))
    assert check.inputs_in_whole_numbers(Held(nn.Linear(2, 3)), torch.ones(4, 2, dtype=torch.int64))


def test_a_layer_of_another_format_is_found_behind_tokens() -> None:
    """A float32 head on a bfloat16 model; a float32 norm there is sound."""
    body = nn.Sequential(nn.Embedding(9, 3), nn.Linear(3, 3)).bfloat16()
    tokens = torch.randint(9, (4, 5))
    assert "1 are" in check.weights_of_fewer_bits(nn.Sequential(body, nn.Linear(3, 2)), tokens)
    assert not check.weights_of_fewer_bits(nn.Sequential(body, nn.LayerNorm(3)), tokens)


def test_short_integers_are_no_class_numbers() -> None:
    """int32, as pandas' codes may be, is refused as floats are; Byte is taken."""
    outputs, targets = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    with pytest.raises(RuntimeError, match="expected target dtype to be Long or Byte, but got Int"):
        F.cross_entropy(outputs, targets.int())
    assert check.class_numbers_in_floats(outputs, targets.int())
    F.cross_entropy(outputs, targets.byte())
    assert not check.class_numbers_in_floats(outputs, targets.byte())
    assert not check.class_numbers_in_floats(outputs, targets + 0.5)


def test_layers_and_tensors_in_lists_and_dicts_are_found() -> None:
    """Whatever a plain list or dict holds stays behind."""
    for held in ([nn.Linear(2, 2)], {"mask": torch.ones(2)}, torch.ones(2)):
        assert check.tensors_left_behind(Held(nn.Linear(2, 3), held=held).to("meta"))
        assert not check.tensors_left_behind(Held(nn.Linear(2, 3), held=held))
