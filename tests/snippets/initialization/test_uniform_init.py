"""Uniform initialization: equal to torch, moments and bounds in closed form, and the claims of the page."""

import itertools
import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.uniform_init.from_scratch import stretched_uniform_, stretched_uniform_std
from snippets.initialization.uniform_init.use import symmetric_uniform_, symmetric_uniform_std


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (-0.1, 0.3), (-2.0, -1.0), (0.0, 1e-3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_numbers_as_torch(a, b, dtype):
    """Stretching torch.rand gives nn.init.uniform_'s numbers, up to one rounding in float32 and float64."""
    ours = stretched_uniform_(torch.empty(100, 50, dtype=dtype), a, b, generator=seeded())
    theirs = nn.init.uniform_(torch.empty(100, 50, dtype=dtype), a, b, generator=seeded())
    assert torch.allclose(ours, theirs, rtol=0, atol=torch.finfo(dtype).eps * max(abs(a), abs(b)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_torch_draws_short_numbers_with_more_digits(dtype):
    """In bfloat16 and float16 torch rounds at the end: more different values than a stretched torch.rand has."""
    ours = stretched_uniform_(torch.empty(100, 500, dtype=dtype), -0.1, 0.3, generator=seeded())
    theirs = nn.init.uniform_(torch.empty(100, 500, dtype=dtype), -0.1, 0.3, generator=seeded())
    assert (ours - theirs).abs().max() > 10 * torch.finfo(dtype).eps * 0.3
    assert len(theirs.unique()) > 1.5 * len(ours.unique())


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (-0.1, 0.3), (-2.0, -1.0)])
def test_moments(a, b):
    """Mean (a+b)/2, variance (b-a)^2/12, values in [a, b), evenly spread."""
    n = 400_000
    x = nn.init.uniform_(torch.empty(n), a, b, generator=seeded()).double()
    assert x.mean().item() == pytest.approx((a + b) / 2, abs=4 * (b - a) / math.sqrt(12 * n))
    assert x.var().item() == pytest.approx((b - a) ** 2 / 12, rel=0.01)
    assert x.std().item() == pytest.approx(stretched_uniform_std((n,), a, b), rel=0.005)
    assert x.min().item() >= a
    assert x.max().item() <= b
    distance = ((x.sort().values - a) / (b - a) - torch.arange(1, n + 1) / n).abs().max().item()
    assert distance < 1.63 / math.sqrt(n)  # 1% point of the Kolmogorov distribution


@pytest.mark.parametrize("shape", [(500, 300), (64, 32, 7), (64, 32, 3, 3), (32, 16, 3, 3, 3)])
def test_std_is_what_was_asked_for(shape):
    """Bound sqrt(3) std gives standard deviation std and mean 0."""
    x = symmetric_uniform_(torch.empty(shape), std=0.05, generator=seeded())
    assert x.std().item() == pytest.approx(symmetric_uniform_std(shape, 0.05), rel=0.02)
    assert x.mean().item() == pytest.approx(0, abs=4 * 0.05 / math.sqrt(x.numel()))
    assert x.abs().max().item() <= math.sqrt(3) * 0.05 * (1 + 1e-6)


def test_default_interval_is_all_positive():
    """nn.init.uniform_(w) draws from [0, 1): mean 0.5, no negative weight, and none of 1."""
    w = nn.init.uniform_(torch.empty(500, 500), generator=seeded())
    assert w.min().item() >= 0
    assert 0.9999 < w.max().item() < 1
    assert w.mean().item() == pytest.approx(0.5, abs=0.003)


def test_sum_grows_with_positive_inputs():
    """Weights from [0, 1): n times the inputs gives n times the sum behind a ReLU, sqrt(n) times for mean 0."""
    found = {}
    for n in (64, 256, 1024, 4096):
        w, x = nn.init.uniform_(torch.empty(256, n), generator=seeded()), torch.randn(256, n, generator=seeded(1))
        found[n] = [(z @ w.T).square().mean().sqrt().item() for z in (torch.relu(x), x)]
    for n in (64, 256, 1024):
        positive, centred = (after / before for before, after in zip(found[n], found[4 * n], strict=True))
        assert positive == pytest.approx(4, rel=0.05)
        assert centred == pytest.approx(2, rel=0.15)


def test_positive_mean_explodes(evidence):
    """Under U(0, 1) each ReLU layer of width 256 after the second multiplies by about 128; the first loss on digits
    is over 1,000 with two hidden layers and not finite with twenty. Kaiming keeps 1.
    """
    values, kaiming, shifted = (evidence()["rms"][name] for name in ("positive", "Kaiming", "shifted"))
    steps = [after / before for before, after in itertools.pairwise(values[1:])]
    assert steps == pytest.approx([128] * 8, rel=0.02)
    assert 3e19 < values[9] < 8e19
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    for hidden, finite in ((2, True), (20, False)):
        sizes = [64, *[256] * hidden, 10]
        source = seeded()
        weights = [nn.init.uniform_(torch.empty(b, a), generator=source) for a, b in itertools.pairwise(sizes)]
        for w in weights[:-1]:
            x = torch.relu(x @ w.T)
        loss = nn.functional.cross_entropy(x @ weights[-1].T, y).item()
        assert math.isfinite(loss) == finite
        assert not finite or 1e3 < loss < 1e5
        x = torch.tensor(digits.data, dtype=torch.float32) / 16
    bound = math.sqrt(6 / 256)
    assert 0.3 < kaiming[9] < 3
    # The same spread, but the mean is its bound: n * bound a layer.
    assert shifted[9] / shifted[8] == pytest.approx(256 * bound, rel=0.05)
    assert 2e14 < shifted[9] < 5e14


@pytest.mark.parametrize("fan_in", [1, 2, 4, 16])
def test_shape_is_forgotten(fan_in, evidence):
    """Excess kurtosis of a sum of n inputs of size 1: -1.2/n with uniform weights, 0 with normal ones."""
    # The standard error of the kurtosis of 400,000 normal samples is sqrt(24/400000) = 0.008.
    assert evidence()["kurtosis"][f"{fan_in}"] == pytest.approx([-1.2 / fan_in, 0], abs=0.03)


def test_uniform_trains_as_normal(evidence):
    """With 16 inputs the density is nearly the normal one; on digits the losses differ by less than the seeds'."""
    centres = torch.linspace(-2.95, 2.95, 60)
    normal = torch.exp(-centres.square() / 2) / math.sqrt(2 * math.pi)
    distance = {}  # of the density from the normal one, whose own noise at 400,000 samples is 0.006 in the worst bin
    for fan_in in (1, 2, 4, 16):
        density = torch.tensor(evidence()["densities"][f"{fan_in}"])
        distance[fan_in] = (density - normal).abs().max().item()
    assert distance[1] > 0.15
    assert 0.025 < distance[2] < 0.05
    assert 0.012 < distance[4] < 0.025
    assert distance[16] < 0.01

    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1, torch.tensor(digits.target)

    def losses(kind: str, seed: int) -> list[float]:
        """Training and test loss of two hidden ReLU layers after 60 full-batch steps of Adam."""
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        for layer in (model[0], model[2], model[4]):
            std = math.sqrt(2 / 64)
            if kind == "normal":
                nn.init.normal_(layer.weight, std=std)
            else:
                symmetric_uniform_(layer.weight, std)
            if kind == "shifted":
                layer.weight.data += math.sqrt(3) * std
            nn.init.zeros_(layer.bias)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)

        def loss(at: slice) -> Tensor:
            return nn.functional.cross_entropy(model(x[at]), y[at])

        for _ in range(60):
            optimizer.zero_grad()
            loss(slice(200)).backward()
            optimizer.step()
        with torch.no_grad():
            return [loss(slice(200)).item(), loss(slice(200, None)).item()]

    runs = {kind: torch.tensor([losses(kind, seed) for seed in range(10)]) for kind in ("uniform", "normal", "shifted")}
    difference = (runs["uniform"].mean(0) - runs["normal"].mean(0)).abs()  # (training and test,)
    spread = torch.stack([runs["uniform"], runs["normal"]]).std(1).mean(0)
    assert (difference < spread).all()
    assert (runs["shifted"].mean(0) > runs["normal"].mean(0) + 3 * spread).all()  # another mean is seen at once


def test_bound_is_not_std():
    """A standard deviation as the bound leaves a third of the variance; ten ReLU layers shrink by sqrt(3) each."""
    std = math.sqrt(2 / 400)
    w = nn.init.uniform_(torch.empty(400, 400), -std, std, generator=seeded())
    assert w.var().item() == pytest.approx(std**2 / 3, rel=0.02)
    source = seeded()
    x = torch.relu(torch.randn(512, 400, generator=source))
    before = x.square().mean().sqrt().item()
    for _ in range(10):
        x = torch.relu(x @ nn.init.uniform_(torch.empty(400, 400), -std, std, generator=source).T)
    assert (before / x.square().mean().sqrt().item()) ** 0.1 == pytest.approx(3**0.5, rel=0.05)


def test_empty_interval_raises():
    """The upper bound must not be below the lower one, here and in torch."""
    with pytest.raises(RuntimeError, match="uniform_ expects to return"):
        nn.init.uniform_(torch.empty(3), 1.0, 0.0)
    with pytest.raises(ValueError, match="is empty"):
        stretched_uniform_(torch.empty(3), 1.0, 0.0)
    with pytest.raises(ValueError, match="must be positive"):
        symmetric_uniform_(torch.empty(3), std=0.0)


def test_old_name():
    """torch.nn.init.uniform is the deprecated name of uniform_: a FutureWarning, the same numbers."""
    torch.manual_seed(0)
    with pytest.warns(FutureWarning, match="deprecated in favor of `nn.init.uniform_`"):
        old = nn.init.uniform(torch.empty(10), -1, 1)
    torch.manual_seed(0)
    assert torch.equal(old, nn.init.uniform_(torch.empty(10), -1, 1))
