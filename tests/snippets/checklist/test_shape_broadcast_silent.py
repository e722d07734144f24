"""shape-broadcast-silent: what it looks like, and every cause of it planted."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from snippets.checklist.shape_broadcast_silent import check
from tests.support.messages import never_said
from tests.support.planted import Record, Run, causes, prove

SYMPTOM = "shape-broadcast-silent"


def shows(run: Run) -> bool:
    """No error ends it, and the result is no better than that of a constant."""
    return run.error is None and run.last("error") > 0.9 * run.last("error of a constant")


@causes(SYMPTOM)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_texts() -> None:
    """Every text of the page is one that torch gives today."""
    assert not never_said(SYMPTOM)


def test_best_answer_is_the_mean() -> None:
    """All against all, the smallest squared error is reached when every output is the mean of the targets."""
    targets = torch.randn(16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    outputs = torch.zeros(16, 1, dtype=torch.float64, requires_grad=True)
    for _ in range(100):
        (gradient,) = torch.autograd.grad((outputs - targets).square().mean(), outputs)
        outputs = (outputs - 4.0 * gradient).detach().requires_grad_()
    assert outputs.flatten().tolist() == pytest.approx([targets.mean().item()] * 16)


def test_who_warns() -> None:
    """Squared, absolute and Huber losses warn, the binary losses refuse, and plain arithmetic says nothing."""
    outputs, targets = torch.rand(4, 1), torch.rand(4)
    for loss in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss):
        with pytest.warns(UserWarning, match="Using a target size"):
            loss(outputs, targets)
    for binary in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
        with pytest.raises(ValueError, match=r"[Tt]arget size"):
            binary(outputs, targets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (outputs - targets).shape == (4, 4)


def test_warning_as_error() -> None:
    """The filter that the page shows turns the warning into an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Using a target size")
        with pytest.raises(UserWarning, match="Using a target size"):
            F.mse_loss(torch.rand(4, 1), torch.rand(4))


def test_losses_of_probabilities_can_be_asked() -> None:
    """BCELoss takes the made-up outputs, and a binary loss of one's own that broadcasts is found."""
    outputs, targets = torch.rand(8, 1), (torch.arange(8) % 3 == 0).float()
    assert not check.loss_that_ignores_the_order(nn.BCELoss(), outputs, targets.unsqueeze(1))
    own = lambda p, t: -(t * p.log() + (1 - t) * (1 - p).log()).mean()  # noqa: E731
    assert check.loss_that_ignores_the_order(own, outputs, targets)
    assert not check.loss_that_ignores_the_order(own, outputs, targets.unsqueeze(1))


def test_five_best_answers_and_a_mask_make_no_table() -> None:
    """Five answers for a sample, or the hits of unmasked samples alone, are sound; a batch of one cannot be halved."""
    targets = torch.arange(32)
    assert not check.more_hits_than_samples(torch.rand(32, 100).topk(5).indices == targets[:, None], targets)
    assert not check.more_hits_than_samples((targets == targets)[targets > 3], targets)
    assert check.more_hits_than_samples(targets[:, None] == targets, targets)
    assert not check.output_that_grows_with_the_batch(nn.Sequential(nn.Flatten(0)), torch.rand(1, 2))
