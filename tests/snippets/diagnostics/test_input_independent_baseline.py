"""Input-independent baselines: closed forms, the loader without inputs, and what the comparison shows on four tasks."""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from snippets.diagnostics.input_independent_baseline.evidence import SEEDS, TASKS
from snippets.diagnostics.input_independent_baseline.use import WithoutInputs, mean_baseline, prior_baseline


@pytest.mark.parametrize("counts", [[500, 500], [990, 10], [600, 300, 100]])
def test_prior_is_the_entropy(counts: list[int]) -> None:
    """Tested on targets as frequent as the training ones, the loss is the entropy of the frequencies, to 1%."""
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    loss, accuracy = prior_baseline(y, y, len(counts))
    entropy = -sum(c / 1000 * math.log(c / 1000) for c in counts)
    assert loss == pytest.approx(entropy, rel=0.01)
    assert accuracy == pytest.approx(max(counts) / 1000)


def test_unseen_class_costs_no_infinite_loss() -> None:
    """A class that the training set lacks: the loss is finite; without the added sample it would be infinite."""
    loss, _ = prior_baseline(torch.tensor([0, 0, 1]), torch.tensor([2]), classes=3)
    assert loss == pytest.approx(math.log(6))


def test_mean_is_the_variance() -> None:
    """On the training targets, the mean's squared error is their variance, also with several outputs."""
    torch.manual_seed(0)
    for y in (3 + 2 * torch.randn(100), 3 + 2 * torch.randn(100, 4)):
        assert mean_baseline(y, y) == pytest.approx(y.var(dim=0, correction=0).mean().item(), rel=1e-5)


def test_only_inputs_change() -> None:
    """Inputs of each batch are 0, shapes, types and targets are as before, each epoch, and the data stay whole."""
    x, y = torch.arange(1.0, 41.0).view(10, 4), torch.arange(10)
    loader = WithoutInputs(DataLoader(TensorDataset(x, y), batch_size=4))
    assert len(loader) == 3
    for _ in range(2):
        batches = list(loader)
        assert [len(inputs) for inputs, _ in batches] == [4, 4, 2]
        assert all(inputs.dtype == x.dtype and not inputs.any() for inputs, _ in batches)
        assert torch.equal(torch.cat([targets for _, targets in batches]), y)
    assert x.min() == 1


def test_a_part_can_be_kept() -> None:
    """Of inputs that are a tuple, the parts under ``keep`` stay as they are, and the others are 0."""
    image, number = torch.ones(4, 8), torch.arange(1, 5)
    (inputs, targets), *_ = WithoutInputs([((image, number), torch.zeros(4))], keep=(1,))
    assert not inputs[0].any()
    assert torch.equal(inputs[1], number)
    assert torch.equal(targets, torch.zeros(4))


@pytest.mark.parametrize("task", TASKS[:3])
def test_zeroed_inputs_equal_the_prior(evidence, task: str) -> None:
    """Without a leak, the loss on zeroed inputs is within 0.02 of that of the class frequencies, with each seed."""
    numbers = evidence()[task]
    assert len(numbers["blind"]["loss"]) == SEEDS == 3
    for blind, prior in zip(numbers["blind"]["loss"], numbers["prior"]["loss"], strict=True):
        assert blind == pytest.approx(prior, abs=0.02)


def test_real_inputs_are_far_better(evidence) -> None:
    """On digits, the loss with real inputs is less than a tenth of that of the class frequencies, with each seed."""
    numbers = evidence()["digits"]
    for real, prior in zip(numbers["real"]["loss"], numbers["prior"]["loss"], strict=True):
        assert real < prior / 10


def test_lost_pixels_are_found(evidence) -> None:
    """Where an integer division lost the pixels, real and zeroed inputs give the same loss, to the last digit."""
    numbers = evidence()["digits, pixels lost"]
    assert numbers["real"] == numbers["blind"]


def test_ninety_per_cent_without_looking(evidence) -> None:
    """ "Is it an 8?": always no has a mean accuracy of 0.90, and so has the network on zeroed inputs."""
    numbers = evidence()["is it an 8?"]
    for name in ("prior", "blind"):
        assert sum(numbers[name]["accuracy"]) / SEEDS == pytest.approx(0.90, abs=5e-3)


def test_file_number_gives_the_class_away(evidence) -> None:
    """With a file number the images can be set to 0 and the accuracy is still above 0.6, with each seed."""
    numbers = evidence()["digits with a file number"]
    assert min(numbers["blind"]["accuracy"]) > 0.6
    assert max(numbers["prior"]["accuracy"]) < 0.1
