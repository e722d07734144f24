"""Label smoothing: equal to torch with gradients, closed forms of its optimum, and the claims of its page."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from snippets.normalization.label_smoothing.evidence import AMOUNTS, SEEDS, SIZES, run
from snippets.normalization.label_smoothing.from_scratch import smoothed_cross_entropy
from snippets.normalization.label_smoothing.use import make_losses
from tests.support.rates import learning_rate_times


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(8, 10), (8, 2), (4, 5, 3), (2, 5, 4, 3)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_equals_torch(dtype: torch.dtype, shape: tuple[int, ...], smoothing: float) -> None:
    """Loss and gradient equal torch's: four amounts, batches, sequences and maps, four types."""
    torch.manual_seed(0)
    target = torch.randint(shape[1], (shape[0], *shape[2:]))
    start = (5 * torch.randn(shape, dtype=torch.float64)).to(dtype)
    results = []
    for loss_fn in (smoothed_cross_entropy, lambda x, y, smoothing: cross_entropy(x, y, label_smoothing=smoothing)):
        logits = start.clone().requires_grad_()
        loss = loss_fn(logits, target, smoothing=smoothing)
        results.append((loss, torch.autograd.grad(loss, logits)[0]))
    for a, b in zip(*results, strict=True):
        assert a.dtype == dtype
        # the sum over classes, and in half precision a few roundings, at the largest value
        assert (a - b).abs().max() <= 8 * torch.finfo(dtype).eps * b.abs().max()


@pytest.mark.parametrize("smoothing", [0.1, 0.3])
def test_soft_label(smoothing: float) -> None:
    """It equals cross-entropy with the label 1 - e + e/C for the right class and e/C for the others: 0.91 and 0.01."""
    torch.manual_seed(0)
    logits, target = torch.randn(8, 10, dtype=torch.float64), torch.randint(10, (8,))
    soft = (1 - smoothing) * one_hot(target, 10).double() + smoothing / 10
    assert torch.allclose(cross_entropy(logits, soft), cross_entropy(logits, target, label_smoothing=smoothing))
    if smoothing == 0.1:
        assert sorted({round(each, 4) for each in soft[0].tolist()}) == [0.01, 0.91]


@pytest.mark.parametrize(("classes", "smoothing", "gap", "floor"), [(10, 0.1, 4.51, 0.50), (1000, 0.1, 9.10, 1.01)])
def test_best_gap_and_floor(classes: int, smoothing: float, gap: float, floor: float) -> None:
    """The loss is smallest where the right logit leads by log(1 + C (1 - e) / e); its value there is not 0."""
    assert math.log(1 + classes * (1 - smoothing) / smoothing) == pytest.approx(gap, abs=0.006)
    right, label = one_hot(torch.tensor([0]), classes).double(), torch.tensor([0])
    best = torch.tensor(math.log(1 + classes * (1 - smoothing) / smoothing), dtype=torch.float64, requires_grad=True)
    loss = cross_entropy(best * right, label, label_smoothing=smoothing)
    (slope,) = torch.autograd.grad(loss, best)
    assert abs(slope.item()) < 1e-12  # the loss is convex in the logits
    for step in (-0.1, 0.1):
        assert cross_entropy((best + step) * right, label, label_smoothing=smoothing) > loss
    assert loss.item() == pytest.approx(floor, abs=0.006)
    probability = (best * right).softmax(dim=1)[0, 0].item()
    assert probability == pytest.approx(1 - smoothing + smoothing / classes, abs=1e-9)


def test_too_sure_is_pushed_back() -> None:
    """The gradient is probability minus label: above 0.91 the right logit is pushed down; plain loss never does."""
    for lead, pushed_down in [(4.0, False), (5.0, True), (20.0, True)]:
        logits = (lead * one_hot(torch.tensor([3]), 10)).double().requires_grad_()
        probability = logits.softmax(dim=1)[0, 3].item()
        assert (probability > 0.91) == pushed_down
        smooth = torch.autograd.grad(cross_entropy(logits, torch.tensor([3]), label_smoothing=0.1), logits)[0]
        plain = torch.autograd.grad(cross_entropy(logits, torch.tensor([3])), logits)[0]
        assert smooth[0, 3].item() == pytest.approx(probability - 0.91)
        assert (smooth[0, 3] > 0) == pushed_down
        assert plain[0, 3] <= 0


def test_smoothed_twice() -> None:
    """torch smooths labels that are probabilities, too: smoothed by hand before, 0.91 becomes 0.829."""
    torch.manual_seed(0)
    logits, target = torch.randn(8, 10, dtype=torch.float64), torch.randint(10, (8,))
    once = 0.9 * one_hot(target, 10).double() + 0.01
    twice = 0.9 * once + 0.01
    assert twice.max().item() == pytest.approx(0.829)
    assert torch.allclose(cross_entropy(logits, once, label_smoothing=0.1), cross_entropy(logits, twice))


def test_no_such_argument_for_binary() -> None:
    """BCEWithLogitsLoss has no label_smoothing; t (1 - e) + e/2 is what two classes get from cross-entropy."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'label_smoothing'"):
        nn.BCEWithLogitsLoss(label_smoothing=0.1)
    torch.manual_seed(0)
    logit, label = torch.randn(8, dtype=torch.float64), torch.randint(2, (8,))
    binary = nn.functional.binary_cross_entropy_with_logits(logit, label.double() * 0.9 + 0.05)
    both = torch.stack([torch.zeros_like(logit), logit], dim=1)
    assert torch.allclose(binary, cross_entropy(both, label, label_smoothing=0.1))


def test_compare_with_the_plain_loss() -> None:
    """A better model can have a higher smoothed loss; the second loss of make_losses is the plain one."""
    smoothed, plain = make_losses(0.1)
    right = one_hot(torch.arange(10), 10).float()
    sure, unsure = 20 * right, 4.51 * right
    target = torch.arange(10)
    assert plain(sure, target) < plain(unsure, target)
    assert smoothed(sure, target) > smoothed(unsure, target)
    assert plain.label_smoothing == 0


def test_range_of_smoothing() -> None:
    """As make_losses says: torch refuses amounts above 1 at the first call, and takes negative ones for 0."""
    torch.manual_seed(0)
    logits, target = torch.randn(8, 10), torch.randint(10, (8,))
    with pytest.raises(RuntimeError, match=r"label_smoothing must be between 0\.0 and 1\.0"):
        make_losses(1.1)[0](logits, target)
    assert torch.equal(make_losses(-0.1)[0](logits, target), cross_entropy(logits, target))


def numbers(evidence, size: int, amount: float) -> torch.Tensor:
    """(seeds, 3): accuracy, plain loss, confidence."""
    return torch.tensor(evidence()[str(size)][str(amount)])


def test_more_accurate_on_digits(evidence) -> None:
    """With 50 and with 300 images, smoothing of 0.1 and 0.3 gives a higher mean accuracy of three seeds than none."""
    for size in SIZES:
        plain = numbers(evidence, size, 0.0)
        assert len(plain) == SEEDS
        for amount in AMOUNTS[1:]:
            assert numbers(evidence, size, amount)[:, 0].mean() > plain[:, 0].mean()


def test_loss_better_with_few_images_only(evidence) -> None:
    """0.1 lowers the mean test loss with 50 images, and raises it with 300.

    At ten times the learning rate it lowers both.
    """
    means = {size: [numbers(evidence, size, amount)[:, 1].mean().item() for amount in (0.0, 0.1)] for size in SIZES}
    assert means[50][1] < means[50][0]
    assert means[300][1] > means[300][0]
    data = load_digits()
    x, y = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)
    with learning_rate_times(10):
        for size in SIZES:
            plain, smooth = (sum(run(size, amount, seed, x, y)[1] for seed in range(SEEDS)) for amount in (0.0, 0.1))
            assert smooth < plain


def test_too_unsure_with_few_images_too(evidence) -> None:
    """With 50 images the mean confidence is above the accuracy without smoothing, and 5 points below it with 0.1."""
    smoothed, plain = (numbers(evidence, 50, amount).mean(dim=0) for amount in (0.1, 0.0))
    assert plain[2] > plain[0] + 0.02
    assert smoothed[0] - smoothed[2] > 0.05


def test_too_unsure_with_many_images(evidence) -> None:
    """With 300 images and 0.1 the confidence is over 10 points below the accuracy in each seed; without, under 5."""
    smoothed, plain = (numbers(evidence, 300, amount) for amount in (0.1, 0.0))
    assert (smoothed[:, 0] - smoothed[:, 2]).min() > 0.10
    assert (plain[:, 0] - plain[:, 2]).abs().max() < 0.05
