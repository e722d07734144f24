"""one-loss-drowns-the-others: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from snippets.checklist.one_loss_drowns_the_others import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The accuracy of the drowned task ends below 0.7; where all is well, it is above 0.8."""
    return run.last("accuracy") < 0.7


@causes("one-loss-drowns-the-others")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_the_factor_keeps_gradients_alike() -> None:
    """From temperature 32 to 64 the gradient falls to a quarter without the factor T², and stays with it."""
    torch.manual_seed(0)
    student, teacher = torch.randn(64, 10, dtype=torch.float64), torch.randn(64, 10, dtype=torch.float64)

    def size(temperature: float) -> float:
        leaf = student.clone().requires_grad_()
        wanted = (teacher / temperature).softmax(dim=1)
        functional.kl_div((leaf / temperature).log_softmax(dim=1), wanted, reduction="batchmean").backward()
        assert leaf.grad is not None
        return leaf.grad.norm().item()

    assert abs(size(64) / size(32) - 0.25) < 0.01
    assert abs(size(64) * 64**2 / (size(32) * 32**2) - 1) < 0.04


def both(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Two terms of like size, and a light penalty that reaches the weights alone."""
    outputs = model(inputs)
    return {"fit": functional.mse_loss(outputs, targets), "size": outputs.square().mean()}


@pytest.mark.parametrize("frozen", [False, True])
def test_healthy_terms_in_training_mode(frozen: bool) -> None:
    """Dropout and batch norm, a part frozen and in eval mode: nothing is found, and nothing changes."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 4))
    model[1].eval()
    model[0].requires_grad_(not frozen)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    inputs, targets, state = torch.randn(16, 8), torch.randn(16, 4), torch.get_rng_state()
    assert not check.terms_of_unequal_pull(both, model, inputs, targets)
    assert not check.term_without_gradient(both, model, inputs, targets)
    assert torch.equal(state, torch.get_rng_state())
    assert [m.training for m in model.modules()] == [True, True, False, True, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_ill_terms_of_other_kinds() -> None:
    """A sum over a sequence against a mean; a term turned into a number; terms that share nothing are not compared."""
    torch.manual_seed(0)
    model, inputs, targets = nn.Linear(8, 400), torch.randn(16, 8), torch.randn(16, 400)

    def summed(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        outputs = model(inputs)
        return {"a": (outputs - targets).square().sum(), "b": outputs.square().mean()}

    def number(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, Tensor | float]:
        return {**both(model, inputs, targets), "aux": both(model, inputs, targets)["size"].item()}

    def apart(model: nn.Module, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {"w": 1e3 * next(model.parameters()).square().mean(), "b": list(model.parameters())[1].square().mean()}

    assert check.terms_of_unequal_pull(summed, model, inputs, targets)
    assert "'aux'" in str(check.term_without_gradient(number, model, inputs, targets))
    assert not check.terms_of_unequal_pull(apart, model, inputs, targets)
    assert not check.term_without_gradient(apart, model, inputs, targets)


def test_missing_labels_of_other_kinds() -> None:
    """Class numbers of -1 that are counted are found; ignored ones, and targets that are complete, are not."""
    outputs, targets = torch.randn(8, 3), torch.randint(2, (8, 3)).float()
    targets[2, 1] = -1

    def masked(outputs: Tensor, targets: Tensor) -> Tensor:
        known = targets != -1
        return functional.binary_cross_entropy_with_logits(outputs[known], targets[known])

    assert check.missing_labels_counted(functional.mse_loss, outputs, targets, missing=-1)
    assert not check.missing_labels_counted(masked, outputs, targets, missing=-1)
    assert not check.missing_labels_counted(functional.mse_loss, outputs, targets)
    assert not check.missing_labels_counted(functional.cross_entropy, outputs, torch.randint(3, (8,)))
