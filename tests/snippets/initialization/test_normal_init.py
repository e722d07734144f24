"""Normal initialization: distribution, moments, tails, and the claims of the page."""

import math

import pytest
import torch
from torch import nn

from snippets.initialization.normal_init.evidence import STDS, WIDTHS, accuracy, load
from snippets.initialization.normal_init.from_scratch import box_muller_
from snippets.initialization.normal_init.use import gaussian_, gaussian_std
from tests.support.rates import learning_rate_times


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def torch_normal_(tensor, mean=0.0, std=1.0, generator=None):
    return nn.init.normal_(tensor, mean, std, generator=generator)


@pytest.mark.parametrize("draw", [torch_normal_, box_muller_])
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.0, 0.02), (3.0, 0.5)])
def test_distribution(draw, mean, std):
    """Kolmogorov-Smirnov against N(mean, std^2), for torch and for Box-Muller."""
    n = 200_000
    x = draw(torch.empty(n), mean, std, generator=seeded()).double().sort().values
    distance = (torch.special.ndtr((x - mean) / std) - torch.arange(1, n + 1) / n).abs().max().item()
    assert distance < 1.63 / math.sqrt(n)  # 1% point of the Kolmogorov distribution


@pytest.mark.parametrize("draw", [torch_normal_, box_muller_])
def test_moments(draw):
    """Mean, variance, skewness 0 and kurtosis 3; neighbours are uncorrelated, the two halves of Box-Muller too."""
    n = 400_000
    x = draw(torch.empty(n), generator=seeded()).double()
    assert x.mean().item() == pytest.approx(0, abs=4 / math.sqrt(n))
    assert x.var().item() == pytest.approx(1, abs=4 * math.sqrt(2 / n))
    assert x.pow(3).mean().item() == pytest.approx(0, abs=4 * math.sqrt(15 / n))
    assert x.pow(4).mean().item() == pytest.approx(3, abs=4 * math.sqrt(96 / n))
    assert (x[1:] * x[:-1]).mean().item() == pytest.approx(0, abs=4 / math.sqrt(n))
    assert (x[: n // 2] * x[n // 2 :]).mean().item() == pytest.approx(0, abs=4 / math.sqrt(n / 2))
    assert (x[: n // 2].square() * x[n // 2 :].square()).mean().item() == pytest.approx(1, abs=4 * math.sqrt(8 / n * 2))


@pytest.mark.parametrize("shape", [(500, 300), (64, 32, 7), (64, 32, 3, 3), (32, 16, 3, 3, 3), (7,), (3, 5)])
def test_std_whatever_the_shape(shape):
    """The standard deviation does not depend on the fan; odd numbers of elements work too."""
    for draw in (lambda t, g: gaussian_(t, 0.05, g), lambda t, g: box_muller_(t, 0.0, 0.05, g)):
        x = draw(torch.empty(shape), seeded(1))
        assert x.shape == shape
        assert x.isfinite().all()
        if x.numel() > 1000:
            assert x.std().item() == pytest.approx(gaussian_std(shape, 0.05), rel=0.02)


def test_default_std_is_one():
    """nn.init.normal_(w) and nn.Embedding have standard deviation 1: logits of a 256-wide tied head have std 16."""
    torch.manual_seed(0)
    embedding = nn.Embedding(1000, 256)
    assert embedding.weight.std().item() == pytest.approx(1, rel=0.01)
    assert nn.init.normal_(torch.empty(500, 500)).std().item() == pytest.approx(1, rel=0.01)
    hidden = torch.randn(100, 256)  # as a LayerNorm would leave it
    assert (hidden @ embedding.weight.T).std().item() == pytest.approx(16, rel=0.05)
    gaussian_(embedding.weight, 0.02)
    assert (hidden @ embedding.weight.T).std().item() == pytest.approx(0.32, rel=0.05)


def test_std_not_variance():
    """The argument is the standard deviation: passing the variance 2/n makes weights sqrt(2/n) times too small."""
    n = 512
    wrong = nn.init.normal_(torch.empty(n, n), std=2 / n, generator=seeded())
    right = nn.init.normal_(torch.empty(n, n), std=math.sqrt(2 / n), generator=seeded())
    assert torch.allclose(wrong / right, torch.full((n, n), math.sqrt(2 / n)), rtol=1e-4)
    assert math.sqrt(2 / n) == pytest.approx(1 / 16)


@pytest.mark.parametrize(("width", "best"), [(16, 0.3), (64, 0.15), (256, 0.08)])
def test_best_std_moves_with_the_width(width, best, evidence):
    """25 steps on digits: each width learns at about sqrt(2/width) and not at half or twice of that.

    At 0.3 times the learning rate widths 64 and 256 learn at twice of it, too.
    """
    x, y = load()
    known = dict(zip(STDS, evidence()[f"{width}"], strict=True))

    def learned(std: float) -> float:
        return known[std] if std in known else accuracy(width, std, x, y)

    assert best == pytest.approx(math.sqrt(2 / width), rel=0.2)
    assert learned(best) > 0.2
    assert learned(best / 2) < learned(best) - 0.1
    assert learned(best * 2) < learned(best) - 0.1
    with learning_rate_times(0.3):
        assert (accuracy(width, best * 2, x, y) > 0.2) == (width > 16)


def test_transformers_std_stays_at_chance(evidence):
    """Digits: 0.02 stays at chance for all three widths, as nearly everything but one peak below sqrt(2/width) does."""
    for width, peak in zip(WIDTHS, (0.3, 0.15, 0.08), strict=True):
        found = dict(zip(STDS, evidence()[f"{width}"], strict=True))
        assert 0.05 < found[0.02] < 0.12  # always one class of ten: 0.08 or 0.09 of these images
        assert max(found, key=found.__getitem__) == peak
        assert 0.8 * math.sqrt(2 / width) < peak < math.sqrt(2 / width)
        assert found[peak] > 0.2
        assert max(value for std, value in found.items() if std != peak) < found[peak] - 0.1
        assert sum(value < 0.2 for value in found.values()) >= len(STDS) - 2


def test_normalization_undoes_the_factor():
    """A LayerNorm after weights of std 0.02, any width: rms 1, and the output that weights of the right std give."""
    for width in (64, 256, 1024):
        x = torch.randn(32, width, generator=seeded())
        fixed, right = (
            nn.functional.layer_norm(torch.relu(x) @ gaussian_(torch.empty(width, width), std, seeded(1)).T, (width,))
            for std in (0.02, math.sqrt(2 / width))
        )
        assert fixed.square().mean().sqrt().item() == pytest.approx(1, rel=1e-3)
        torch.testing.assert_close(fixed, right, rtol=0, atol=5e-3)  # eps of 1e-5 beside a variance above 0.01


def test_std_001_fades():
    """std 0.01 at width 256 multiplies the rms by 0.113 per ReLU layer: 3e-10 after ten layers."""
    factor = 0.01 * math.sqrt(256 / 2)
    assert factor == pytest.approx(0.113, abs=0.001)
    torch.manual_seed(0)
    x = torch.randn(128, 256)
    for _ in range(10):
        x = torch.relu(x @ gaussian_(torch.empty(256, 256), 0.01).T)
    assert x.double().square().mean().sqrt().log10().item() == pytest.approx(10 * math.log10(factor), abs=0.3)


@pytest.mark.parametrize(("n", "expected"), [(1_000, 3.44), (1_000_000, 5.01)])
def test_tails_grow_with_size(n, expected):
    """The largest of a thousand normal weights lies at 3.4 std on average, that of a million at 5.0."""
    grid = torch.linspace(0, 10, 200_001, dtype=torch.float64)
    beyond = 1 - (2 * torch.special.ndtr(grid) - 1).pow(n)  # probability that the largest of n exceeds grid
    assert torch.trapezoid(beyond, grid).item() == pytest.approx(expected, abs=0.02)
    found = [torch.randn(n, generator=seeded(seed)).abs().max().item() for seed in range(10)]
    assert sum(found) / 10 == pytest.approx(expected, abs=0.35)  # one maximum has a standard deviation of about 0.3


def test_box_muller_is_finite(monkeypatch):
    """The logarithm is finite for all 2^24 float32 numbers that torch.rand returns; the radius ends at 5.77."""
    assert not (torch.rand(100_000) * 2.0**24 % 1).any()  # torch.rand gives multiples of 2^-24, below 1
    largest = 0.0
    for u in torch.arange(2**24, dtype=torch.float32).mul_(2.0**-24).split(2**20):
        monkeypatch.setattr(torch, "rand", lambda *_, u=u, **__: torch.stack([u, torch.zeros_like(u)]))  # angle 0
        numbers = box_muller_(torch.empty(2 * len(u)))
        assert numbers.isfinite().all()
        largest = max(largest, numbers.max().item())
    assert largest == pytest.approx(5.77, abs=0.01)


def test_bad_std():
    """A std that is not positive is refused; torch itself refuses negative ones."""
    with pytest.raises(ValueError, match="std must be positive"):
        gaussian_(torch.empty(3), 0.0)
    with pytest.raises(RuntimeError, match="std"):
        nn.init.normal_(torch.empty(3), std=-1.0)


def test_old_name():
    """torch.nn.init.normal is the deprecated name of normal_: a FutureWarning, the same numbers."""
    torch.manual_seed(0)
    with pytest.warns(FutureWarning, match="deprecated in favor of `nn.init.normal_`"):
        old = nn.init.normal(torch.empty(10), 0, 2)
    torch.manual_seed(0)
    assert torch.equal(old, nn.init.normal_(torch.empty(10), 0, 2))
