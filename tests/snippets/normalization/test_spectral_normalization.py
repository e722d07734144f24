"""Spectral normalization: against torch's step by step, singular values, and the claims of its page."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from snippets.normalization.spectral_normalization.evidence import KINDS, SEEDS, classify
from snippets.normalization.spectral_normalization.from_scratch import SpectralNorm
from snippets.normalization.spectral_normalization.use import normalize_spectra_
from tests.support.rates import learning_rate_times

FEW, MANY = "150 images, a fifth of the labels random", "1,400 images, labels right"
LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (partial(nn.Linear, 6, 4), (3, 6)),
    "conv1d": (partial(nn.Conv1d, 3, 4, 3), (2, 3, 9)),
    "conv2d": (partial(nn.Conv2d, 4, 4, 3, groups=2), (2, 4, 6, 5)),
    "conv3d": (partial(nn.Conv3d, 2, 3, 2), (2, 2, 4, 4, 3)),
}


def layer(kind: str, dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    return LAYERS[kind][0]().to(dtype)


def ours(module: nn.Module, steps: int = 1) -> nn.Module:
    torch.manual_seed(1)
    parametrize.register_parametrization(module, "weight", SpectralNorm(module.weight, steps))
    return module


def theirs(module: nn.Module, steps: int = 1) -> nn.Module:
    torch.manual_seed(1)
    return parametrizations.spectral_norm(module, n_power_iterations=steps)


def sigma(module: nn.Module) -> float:
    """Largest singular value of the weight that the layer uses; does not move the estimate."""
    module.eval()
    value = torch.linalg.matrix_norm(module.weight.flatten(1), 2).item()
    module.train()
    return value


@pytest.mark.parametrize("kind", list(LAYERS))
@pytest.mark.parametrize("steps", [1, 3])
def test_equals_torch(kind: str, steps: int) -> None:
    """Outputs, gradients and estimates equal torch's over ten steps of SGD; the state of one loads into the other."""
    both = [ours(layer(kind), steps), theirs(layer(kind), steps)]
    assert both[0].state_dict().keys() == both[1].state_dict().keys()
    both[0].load_state_dict(both[1].state_dict())
    optimizers = [torch.optim.SGD(module.parameters(), lr=0.1) for module in both]
    for step in range(10):
        x = torch.randn(LAYERS[kind][1], dtype=torch.float64, generator=torch.Generator().manual_seed(step))
        inputs = [x.clone().requires_grad_() for _ in both]
        outputs = [module(given) for module, given in zip(both, inputs, strict=True)]
        assert torch.allclose(*outputs, rtol=1e-9, atol=1e-10)
        for optimizer, y in zip(optimizers, outputs, strict=True):
            optimizer.zero_grad()
            y.square().sum().backward()
            optimizer.step()
        assert torch.allclose(*(given.grad for given in inputs), rtol=1e-9, atol=1e-10)  # type: ignore[arg-type]
        for name, value in both[0].state_dict().items():
            assert torch.allclose(value, both[1].state_dict()[name], rtol=1e-9, atol=1e-10), name


@pytest.mark.parametrize("kind", list(LAYERS))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_equals_torch_in_other_types(kind: str, dtype: torch.dtype) -> None:
    """One call in train mode: output, all gradients, the weight and both estimates, to a few roundings of the type."""
    both = [ours(layer(kind, dtype)), theirs(layer(kind, dtype))]
    both[0].load_state_dict(both[1].state_dict())
    sides = []
    for module in both:
        x = torch.randn(LAYERS[kind][1], generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_()
        y = module(x)
        y.square().sum().backward()
        sides.append([y, x.grad, *(p.grad for p in module.parameters()), *module.buffers()])
    for a, b in zip(*sides, strict=True):
        assert a.dtype == b.dtype == dtype
        assert (a.double() - b.double()).abs().max() <= 8 * torch.finfo(dtype).eps * b.abs().max()


@pytest.mark.parametrize("kind", list(LAYERS))
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_largest_singular_value_is_one(kind: str, size: float) -> None:
    """After 100 calls the largest singular value is 1 within a thousandth, whatever the size of the weights."""
    module = layer(kind)
    with torch.no_grad():
        module.weight.mul_(size)
    theirs(module)
    for _ in range(100):
        module(torch.zeros(LAYERS[kind][1], dtype=torch.float64))
    assert sigma(module) == pytest.approx(1, abs=1e-3)


def test_estimate_lags() -> None:
    """After a jump of the weights one power step leaves the largest singular value over 10% off; 100 calls do not."""
    torch.manual_seed(0)
    module = theirs(nn.Linear(40, 40).double())
    with torch.no_grad():
        module.get_parameter("parametrizations.weight.original").normal_()
    x = torch.randn(2, 40, dtype=torch.float64)
    module(x)
    assert abs(sigma(module) - 1) > 0.1
    for _ in range(100):
        module(x)
    assert sigma(module) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.LeakyReLU, nn.Tanh])
def test_outputs_differ_less_than_inputs(activation: type[nn.Module]) -> None:
    """A network of linear layers with ReLU, leaky ReLU or tanh never moves an output further than its input."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 30), activation(), nn.Linear(30, 30), activation(), nn.Linear(30, 5)).double()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(10)

    def steepest() -> float:
        found = 0.0
        for size in (1e-3, 1.0, 1e3):
            x = torch.randn(500, 10, dtype=torch.float64)
            y = x + size * torch.randn(500, 10, dtype=torch.float64)
            found = max(found, ((model(x) - model(y)).norm(dim=1) / (x - y).norm(dim=1)).max().item())
        return found

    assert steepest() > 10
    normalize_spectra_(model)
    for _ in range(200):  # so that the estimates have arrived
        model(torch.zeros(1, 10, dtype=torch.float64))
    model.eval()
    assert steepest() < 1.001


def test_convolution_can_stretch() -> None:
    """The matrix of a kernel is not that of the convolution: a 3 x 3 kernel of norm 1 can multiply an image by 3."""
    module = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular", bias=False).double()
    nn.init.ones_(module.weight)
    theirs(module)
    image = torch.ones(1, 1, 8, 8, dtype=torch.float64)
    assert sigma(module) == pytest.approx(1)
    assert (module(image).norm() / image.norm()).item() == pytest.approx(3)


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_size_of_the_weights_does_not_matter(factor: float) -> None:
    """Weights times a number give the same output, and their gradient has no part along them."""
    module = theirs(layer("linear")).eval()
    x = torch.randn(3, 6, dtype=torch.float64)
    original = module.get_parameter("parametrizations.weight.original")
    before = module(x)
    (gradient,) = torch.autograd.grad(before.square().sum(), original)
    assert abs((gradient * original).sum().item()) < 1e-10
    with torch.no_grad():
        original.mul_(factor)
    assert torch.allclose(module(x), before)


def test_training_mode_changes_the_estimate() -> None:
    """In training mode each forward pass changes the buffers and with them the output; in eval mode neither."""
    torch.manual_seed(0)
    module = theirs(nn.Linear(20, 20).double())
    x = torch.randn(2, 20, dtype=torch.float64)
    with torch.no_grad():
        module.get_parameter("parametrizations.weight.original").normal_()
        for _ in range(5):
            state = copy.deepcopy(module.state_dict())
            assert not torch.allclose(module(x), module(x), rtol=1e-4)
            for name in ("_u", "_v"):
                key = f"parametrizations.weight.0.{name}"
                assert not torch.equal(module.state_dict()[key], state[key])
        module.eval()
        assert torch.equal(module(x), module(x))


def test_old_function() -> None:
    """The old function names its state weight_orig, weight_u and weight_v, and the new one does not load it."""
    module = nn.utils.spectral_norm(nn.Linear(4, 3))
    assert module.state_dict().keys() == {"bias", "weight_orig", "weight_u", "weight_v"}
    new = parametrizations.spectral_norm(nn.Linear(4, 3))
    with pytest.raises(RuntimeError, match=r'Unexpected key\(s\) in state_dict: "weight_orig"'):
        new.load_state_dict(module.state_dict())
    state = module.state_dict()
    renamed = {
        "bias": state["bias"],
        "parametrizations.weight.original": state["weight_orig"],
        "parametrizations.weight.0._u": state["weight_u"],
        "parametrizations.weight.0._v": state["weight_v"],
    }
    new.load_state_dict(renamed)
    x = torch.randn(2, 4)
    assert torch.allclose(new.eval()(x), module.eval()(x))


def test_optimizer_made_too_early() -> None:
    """An optimizer made before still holds the weight that is trained, as it becomes the original."""
    module = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    theirs(module)
    before = module.get_parameter("parametrizations.weight.original").detach().clone()
    module(torch.randn(8, 4)).square().sum().backward()
    optimizer.step()
    assert not torch.equal(module.get_parameter("parametrizations.weight.original"), before)


@pytest.mark.parametrize("seed", range(3))
def test_orthogonal_weights_keep_gradients(seed: int) -> None:
    """Through 20 layers with tanh the gradient is over 1,000 times as large from orthogonal as from default weights."""

    def gradient(orthogonal: bool) -> float:
        torch.manual_seed(seed)
        layers = [nn.Linear(64, 64) for _ in range(20)]
        for module in layers:
            if orthogonal:
                nn.init.orthogonal_(module.weight)
        model = nn.Sequential(*(part for module in layers for part in (module, nn.Tanh())))
        normalize_spectra_(model)
        x = torch.randn(32, 64, requires_grad=True)
        return torch.autograd.grad(model(x).sum(), x)[0].norm().item()

    assert gradient(orthogonal=True) > 1000 * gradient(orthogonal=False)


def logs(evidence, kind: str, what: str) -> Tensor:
    """(seeds, measurements)"""
    return torch.tensor([run[what] for run in evidence()["discriminator"][kind]])


def test_winning_discriminator(evidence) -> None:
    """The gradient at the fakes falls below a tenth of its first value without, and stays above half with it."""
    plain, spectral = (logs(evidence, kind, "gradient") for kind in KINDS)
    assert (plain[:, -3:].mean(dim=1) < plain[:, 0] / 10).all()
    assert (spectral.min(dim=1).values > spectral[:, 0] / 2).all()


def test_slope(evidence) -> None:
    """The largest slope ends above 5 without and never exceeds 1.05 with it."""
    plain, spectral = (logs(evidence, kind, "slope") for kind in KINDS)
    assert (plain[:, -1] > 5).all()
    assert spectral.max() < 1.05


def test_classifier(evidence) -> None:
    """Means. Many right labels: it costs over four points, and some on noisy inputs; few: it gains over one on these.

    At a third of the learning rate it gains less than five there, and the plain classifier is better than both here.
    """
    many, few = (
        {kind: torch.tensor(runs).mean(dim=0) for kind, runs in evidence()["classifier"][name].items()}
        for name in (MANY, FEW)
    )  # clean inputs, noisy inputs
    assert many["plain"][0] > many["spectral norm"][0] + 0.04
    assert many["plain"][1] > many["spectral norm"][1]
    assert few["spectral norm"][1] > few["plain"][1] + 0.01
    data = load_digits()
    x, y = torch.tensor(data.data, dtype=torch.float32) / 8 - 1, torch.tensor(data.target)
    with learning_rate_times(1 / 3):
        slow = {kind: sum(classify(kind, seed, 150, 30, x, y)[1] for seed in range(SEEDS)) / SEEDS for kind in KINDS}
    assert slow["spectral norm"] < slow["plain"] + 0.05
    assert slow["plain"] > max(few[kind][1] for kind in KINDS)
