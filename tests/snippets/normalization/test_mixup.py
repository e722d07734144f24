"""Mixup: equal to torchvision's, two losses equal to one, closed forms of its strength, and the claims of its page."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from snippets.normalization.mixup.evidence import CASES, SEEDS, run
from snippets.normalization.mixup.from_scratch import blend, two_losses
from snippets.normalization.mixup.use import mixup
from tests.support.rates import learning_rate_times


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_equals_torchvision(share: float) -> None:
    """Inputs and labels equal those of torchvision.transforms.v2.MixUp, whose partner is the sample before."""
    from torchvision.transforms import v2  # late: it takes a second

    torch.manual_seed(0)
    x, y = torch.randn(6, 3, 4, 4, dtype=torch.float64), torch.randint(5, (6,))
    partner = torch.arange(6).roll(1)
    transform = v2.MixUp(num_classes=5)
    given = {"labels": y, "lam": share, "batch_size": 6}
    assert torch.allclose(transform.transform(x, given), blend(x, partner, share))
    assert torch.allclose(transform.transform(y, given), blend(one_hot(y, 5).float(), partner, share))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_two_losses_are_one(smoothing: float, share: float) -> None:
    """Two losses in the proportion of the blend equal one loss with blended labels, gradient included."""
    torch.manual_seed(0)
    y, partner = torch.randint(10, (16,)), torch.randperm(16)
    labels = blend(one_hot(y, 10).double(), partner, share)
    start = torch.randn(16, 10, dtype=torch.float64)
    results = []
    for soft in (True, False):
        logits = start.clone().requires_grad_()
        if soft:
            loss = cross_entropy(logits, labels, label_smoothing=smoothing)
        elif smoothing == 0:
            loss = two_losses(logits, y, partner, share)
        else:
            own, other = (cross_entropy(logits, each, label_smoothing=smoothing) for each in (y, y[partner]))
            loss = share * own + (1 - share) * other
        results.append((loss, torch.autograd.grad(loss, logits)[0]))
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, atol=1e-12)


def test_batch_is_blended_with_itself() -> None:
    """x and labels are blended in one proportion with one partner each; what was given stays as it was."""
    for seed in range(20):
        torch.manual_seed(seed)
        y = torch.randint(4, (8,))
        x = one_hot(y, 4).float()  # inputs that equal their labels must come out equal to them
        before = x.clone()
        mixed, labels = mixup(x, y, 4, alpha=1.0)
        assert torch.allclose(mixed, labels)
        assert torch.allclose(labels.sum(dim=1), torch.ones(8))
        assert torch.equal(x, before)


def shares(alpha: float) -> torch.Tensor:
    """200,000 draws of the share, float64."""
    torch.manual_seed(0)
    return torch.distributions.Beta(alpha, alpha).sample((200_000,)).double()


@pytest.mark.parametrize(("alpha", "average", "median"), [(0.2, 0.10, 0.024), (1.0, 0.25, 0.25)])
def test_how_much_of_the_other(alpha: float, average: float, median: float) -> None:
    """The smaller share: 10% on average and 2.4% in the middle of the batches at alpha 0.2, 25% and 25% at 1."""
    smaller = torch.minimum(shares(alpha), 1 - shares(alpha))
    assert smaller.mean().item() == pytest.approx(average, abs=0.005)
    assert smaller.median().item() == pytest.approx(median, abs=0.002)


@pytest.mark.parametrize(("alpha", "kept"), [(0.2, 0.857), (1.0, 0.667)])
def test_variance_shrinks(alpha: float, kept: float) -> None:
    """Mixup keeps a batch's mean and, on average, 1 - alpha / (2 alpha + 1) of independent inputs' variance."""
    assert 1 - alpha / (2 * alpha + 1) == pytest.approx(kept, abs=0.001)
    draws = shares(alpha)
    assert (draws**2 + (1 - draws) ** 2).mean().item() == pytest.approx(kept, abs=0.003)
    torch.manual_seed(0)
    x, y = 5 + torch.randn(256, 4), torch.zeros(256, dtype=torch.long)
    layer = nn.BatchNorm1d(4, momentum=None)  # the average over all batches
    for _ in range(400):
        mixed, _ = mixup(x, y, 2, alpha)
        assert torch.allclose(mixed.mean(dim=0), x.mean(dim=0), atol=1e-5)
        layer(mixed)
    assert (layer.running_var / x.var(dim=0)).tolist() == pytest.approx([kept] * 4, abs=0.03)


def test_loss_has_a_floor() -> None:
    """The entropy of the label of two different classes is 0.23 on average at alpha 0.2, and 0.50 at 1."""
    for alpha, floor in ((0.2, 0.23), (1.0, 0.50)):
        draws = shares(alpha)
        entropy = -torch.xlogy(draws, draws) - torch.xlogy(1 - draws, 1 - draws)
        assert entropy.mean().item() == pytest.approx(floor, abs=0.005)
    label = torch.tensor([[0.7, 0.3, 0.0]], dtype=torch.float64)
    perfect = cross_entropy(label.clamp_min(1e-30).log(), label).item()
    assert perfect == pytest.approx(-0.7 * math.log(0.7) - 0.3 * math.log(0.3), abs=1e-6)


def test_errors() -> None:
    """Integer inputs raise; NLLLoss and integer labels give the quoted errors."""
    with pytest.raises(ValueError, match="floating point"):
        mixup(torch.zeros(4, 3, dtype=torch.uint8), torch.zeros(4, dtype=torch.long), 2)
    with pytest.raises(ValueError, match="alpha must be positive"):
        mixup(torch.zeros(4, 3), torch.zeros(4, dtype=torch.long), 2, alpha=0.0)
    with pytest.raises(RuntimeError, match="0D or 1D target tensor expected, multi-target not supported"):
        nn.NLLLoss()(torch.randn(2, 3).log_softmax(dim=1), torch.full((2, 3), 1 / 3))
    with pytest.raises(
        RuntimeError, match="Expected floating point type for target with class probabilities, got Long"
    ):
        cross_entropy(torch.randn(2, 3), one_hot(torch.tensor([0, 1]), 3))


def numbers(evidence, case: int, alpha: float) -> torch.Tensor:
    """(seeds, 3): accuracy, loss, confidence."""
    return torch.tensor(evidence()[list(CASES)[case]][str(alpha)])


def rerun(factor: float, case: int, alpha: float) -> Tensor:
    """(seeds, 3) as ``numbers``, trained at ``factor`` times the learning rate."""
    data = load_digits()
    x, y = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)
    with learning_rate_times(factor):
        return torch.tensor([run(*list(CASES.values())[case], alpha, seed, x, y) for seed in range(SEEDS)])


def test_helps_with_wrong_labels(evidence) -> None:
    """40% random labels: in the mean of three seeds alpha 1 gains over two points and lowers the loss.

    At a third of the learning rate the plain network is over two points better than at the full one; mixup loses.
    """
    plain, mixed = (numbers(evidence, 0, alpha) for alpha in (0.0, 1.0))
    assert len(plain) == SEEDS
    assert mixed[:, 0].mean() > plain[:, 0].mean() + 0.02
    assert mixed[:, 1].mean() < plain[:, 1].mean()
    slow_plain, slow_mixed = (rerun(1 / 3, 0, alpha)[:, 0].mean() for alpha in (0.0, 1.0))
    assert slow_plain > plain[:, 0].mean() + 0.02
    assert slow_mixed < slow_plain


def test_does_not_help_with_right_labels(evidence) -> None:
    """300 images, right labels: the mean accuracy changes by under two points; alpha 1 raises the mean loss by a tenth.

    At ten times the learning rate the plain network is too sure, and mixup lowers the mean loss.
    """
    plain, weak, strong = (numbers(evidence, 1, alpha).mean(dim=0) for alpha in (0.0, 0.2, 1.0))
    for mixed in (weak, strong):
        assert abs(mixed[0] - plain[0]) < 0.02
        assert mixed[2] < mixed[0] - 0.05  # less sure than right
    assert strong[1] > 1.1 * plain[1]
    fast = {alpha: rerun(10, 1, alpha) for alpha in (0.0, 0.2, 1.0)}
    assert fast[0.0][:, 2].mean() > fast[0.0][:, 0].mean() + 0.02  # too sure
    assert max(fast[0.2][:, 1].mean(), fast[1.0][:, 1].mean()) < fast[0.0][:, 1].mean()
