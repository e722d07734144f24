"""loss-negative: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snippets.checklist.loss_negative import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss goes below zero."""
    return min(run.series("loss")) < 0


@causes("loss-negative")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_gaussian_density_above_one() -> None:
    """A good answer with a variance of 0.01 has a negative loss, as it should."""
    mean, target = torch.zeros(100), torch.zeros(100)
    for variance, negative in ((0.01, True), (1.0, False)):
        loss = nn.GaussianNLLLoss(full=True)(mean, target, torch.full((100,), variance))
        assert (loss < 0) == negative


def test_pixels_weights_and_ignored_targets_of_nll() -> None:
    """Probabilities are found in maps and with class weights; targets of -100 and log-probabilities are no fault."""
    outputs, targets = torch.rand(2, 4, 3, 3).softmax(dim=1), torch.randint(4, (2, 3, 3))
    targets[0, 0, 0] = -100
    for loss_fn in (nn.NLLLoss(), nn.NLLLoss(weight=torch.tensor([1.0, 2.0, 3.0, 4.0]))):
        assert check.nll_without_logarithm(loss_fn, outputs, targets)
        assert not check.nll_without_logarithm(loss_fn, outputs.log(), targets)
    assert not check.right_answers_cost_more(nn.CrossEntropyLoss(), torch.rand(3, 4), torch.tensor([0, 3, -100]))


def test_only_a_binary_cross_entropy_wants_targets_up_to_one() -> None:
    """Counts are right for Poisson's loss, which is linear in them, too; positives may have a weight."""
    outputs, targets = torch.rand(4, 3), torch.tensor([0.0, 3.0, 1.0]).expand(4, 3)
    for loss_fn in (nn.PoissonNLLLoss(), nn.MSELoss(), nn.L1Loss(), lambda p, t: -(p * t).mean()):
        assert not check.targets_outside_zero_and_one(loss_fn, outputs, targets)
    weighted = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))
    both = nn.functional.binary_cross_entropy, nn.functional.binary_cross_entropy_with_logits
    for loss_fn in (weighted, nn.BCELoss(), *both):
        assert check.targets_outside_zero_and_one(loss_fn, outputs, targets)


def test_soft_targets_with_zeros_and_losses_that_are_no_divergence() -> None:
    """One-hot rows are found with KLDivLoss, and are sound with cross-entropy; a flat regression is not asked."""
    targets = torch.eye(4)
    assert check.kl_without_logarithm(nn.KLDivLoss(reduction="batchmean"), torch.randn(4, 4), targets)
    for loss_fn in (nn.CrossEntropyLoss(), nn.MSELoss(), nn.BCEWithLogitsLoss()):
        assert not check.kl_without_logarithm(loss_fn, torch.randn(4, 4), targets)
    assert not check.kl_without_logarithm(nn.MSELoss(), torch.randn(4), torch.rand(4))


@pytest.mark.parametrize("loss_fn", [nn.KLDivLoss(reduction="batchmean"), nn.BCEWithLogitsLoss()])
def test_what_has_no_lower_bound(loss_fn: nn.Module) -> None:
    """The divergence of raw outputs, and logits whose targets are above 1: ten times the outputs, ten times as low."""
    targets = torch.full((4, 4), 0.25) if isinstance(loss_fn, nn.KLDivLoss) else torch.full((4, 4), 255.0)
    small, large = (loss_fn(torch.full((4, 4), value), targets) for value in (1e3, 1e4))
    assert large < 9 * small < 0
