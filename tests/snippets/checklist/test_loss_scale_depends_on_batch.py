"""loss-scale-depends-on-batch: what it looks like, and every cause of it planted."""

from __future__ import annotations

import functools
import statistics

import torch
from torch import nn

from snippets.checklist.loss_scale_depends_on_batch import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """A size 16 times as large makes more than twice the gradient, or more than twice its share."""
    pairs = zip(run.series("small"), run.series("large"), strict=True)
    return statistics.median(large / small for small, large in pairs) > 2


@causes("loss-scale-depends-on-batch")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_adam_hides_the_factor() -> None:
    """Adam takes the same steps for a loss that is 64 times as large; SGD takes steps 64 times as large."""
    for kind, same in ((torch.optim.Adam, True), (torch.optim.SGD, False)):
        moved = []
        for factor in (1.0, 64.0):
            torch.manual_seed(0)
            model = nn.Linear(4, 2)
            start = model.weight.detach().clone()
            optimizer = kind(model.parameters(), lr=1e-3)
            (factor * model(torch.ones(8, 4)).square().mean()).backward()
            optimizer.step()
            moved.append((model.weight.detach() - start).norm().item())
        assert abs(moved[1] / moved[0] - (1 if same else 64)) < 0.01 * (1 if same else 64)


def contrast(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """InfoNCE: each sample shall be nearest to its own partner."""
    return nn.functional.cross_entropy(outputs @ targets.T, torch.arange(len(outputs)))


def test_more_negatives_are_no_sum() -> None:
    """A contrastive loss grows by more than half when the batch is doubled, but not by twice that when it is again."""
    outputs = 3 * torch.eye(8)
    assert contrast(outputs.repeat(2, 1), outputs.repeat(2, 1)) > 1.5 * contrast(outputs, outputs)
    assert not check.loss_that_grows_with_the_batch(contrast, outputs, outputs)


def test_sums_are_found_below_zero_too() -> None:
    """As a sum of log-densities is; a loss for each sample, which the loop averages, is sound."""
    outputs, targets = torch.zeros(8, 1), torch.zeros(8, 1)
    for reduction, found in (("sum", True), ("mean", False), ("none", False)):
        loss_fn = functools.partial(nn.functional.gaussian_nll_loss, var=0.01, reduction=reduction)
        assert bool(check.loss_that_grows_with_the_batch(loss_fn, outputs, targets)) == found


def test_maps_have_no_time() -> None:
    """A segmentation's second axis is its classes."""
    outputs, targets = torch.randn(2, 4, 6, 6), torch.randint(4, (2, 6, 6))
    assert not check.loss_that_grows_with_length(nn.CrossEntropyLoss(), outputs, targets)


def test_terms_of_a_model_for_one_size() -> None:
    """It cannot take a larger image; modes and random state stay as they were."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.BatchNorm1d(16).eval(), nn.Unflatten(1, (4, 4)))
    images, state = torch.randn(2, 4, 4), torch.get_rng_state()

    def terms(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"error": (model(inputs + torch.randn_like(inputs)) - targets).square().mean()}

    assert not check.terms_that_grow_with_size(model, images, images, terms)
    assert [one.training for one in model] == [True, True, False, True]
    assert torch.equal(torch.get_rng_state(), state)
