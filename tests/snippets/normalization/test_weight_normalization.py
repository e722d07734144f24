"""Weight normalization: against torch's, old and new, closed forms, and the claims of its page."""

from __future__ import annotations

import copy
import io
import warnings

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.optim.swa_utils import AveragedModel

from snippets.normalization.weight_normalization.evidence import KINDS, SEEDS, SIZES, train
from snippets.normalization.weight_normalization.from_scratch import WeightNorm, weight_norm
from snippets.normalization.weight_normalization.use import fold_, initialize_, normalize_weights_
from tests.support.rates import learning_rate_times

CASES = {
    "linear": (lambda: nn.Linear(6, 4), (3, 6), (0, 1)),
    "conv1d": (lambda: nn.Conv1d(3, 4, 3), (2, 3, 9), (0, 1)),
    "conv2d": (lambda: nn.Conv2d(4, 4, 3, groups=2), (2, 4, 6, 5), (0, 1)),
    "conv3d": (lambda: nn.Conv3d(2, 3, 2), (2, 2, 4, 4, 3), (0,)),
    "transposed": (lambda: nn.ConvTranspose2d(3, 5, 3), (2, 3, 4, 4), (0, 1)),
}
EACH = pytest.mark.parametrize(("case", "dim"), [(name, dim) for name, (*_, dims) in CASES.items() for dim in dims])


def layer(case: str, dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    return CASES[case][0]().to(dtype)


def inputs(case: str, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(CASES[case][1], dtype=dtype, generator=torch.Generator().manual_seed(1), requires_grad=True)


def outcome(module: nn.Module, x: Tensor) -> list[Tensor]:
    """Output, gradient of the input and of each parameter."""
    y = module(x)
    return [y, *torch.autograd.grad(y.square().sum(), [x, *module.parameters()])]


@EACH
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_equals_torch(case: str, dim: int, dtype: torch.dtype) -> None:
    """Outputs and all gradients equal torch's, and the state of one loads into the other; in four types."""
    ours, theirs = (make(layer(case, dtype), dim=dim) for make in (weight_norm, parametrizations.weight_norm))
    with torch.no_grad():
        for p in ours.parameters():
            p.mul_(1 + 0.3 * torch.rand_like(p))
    theirs.load_state_dict(ours.state_dict())
    for a, b in zip(outcome(ours, inputs(case, dtype)), outcome(theirs, inputs(case, dtype)), strict=True):
        assert a.dtype == dtype
        # the weight is rounded once more or less, and the loss is a square of sums of such weights
        roundings = 8 if dtype in (torch.bfloat16, torch.float16) else 1e3
        assert (a.double() - b.double()).abs().max() <= roundings * torch.finfo(dtype).eps * b.abs().max()
    ours.load_state_dict(theirs.state_dict())


@EACH
def test_nothing_changes_at_first(case: str, dim: int) -> None:
    """Applying it leaves the outputs as they were, and folding it back leaves those after training as they are."""
    module = layer(case)
    before = module(inputs(case))
    weight_norm(module, dim=dim)
    assert torch.allclose(module(inputs(case)), before, rtol=1e-10, atol=1e-12)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.1)
    trained = module(inputs(case))
    nn.utils.parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    assert torch.allclose(module(inputs(case)), trained)
    assert {name for name, _ in module.named_parameters()} == {"weight", "bias"}


@pytest.mark.parametrize("case", list(CASES))
def test_length_is_the_gain(case: str) -> None:
    """The length of each unit's weight vector is |g|, whatever v is; v times a number changes nothing."""
    module = parametrizations.weight_norm(layer(case))
    g, v = (module.get_parameter(f"parametrizations.weight.original{i}") for i in range(2))
    with torch.no_grad():
        g.copy_(torch.linspace(-2, 3, g.numel(), dtype=torch.float64).view_as(g))
        v.normal_()
        assert torch.allclose(module.weight.flatten(1).norm(dim=1), g.flatten().abs())
        before = module.weight.clone()
        v.mul_(7)
        assert torch.allclose(module.weight, before)


@pytest.mark.parametrize("case", list(CASES))
def test_gradient_is_orthogonal_to_v(case: str) -> None:
    """The gradient of v is orthogonal to v, and half as large for a v twice as long."""
    module = parametrizations.weight_norm(layer(case))
    v = module.get_parameter("parametrizations.weight.original1")
    (one,) = torch.autograd.grad(module(inputs(case)).square().sum(), v)
    assert (one * v).flatten(1).sum(dim=1).abs().max() < 1e-10 * one.norm() * v.norm()
    with torch.no_grad():
        v.mul_(2)
    (two,) = torch.autograd.grad(module(inputs(case)).square().sum(), v)
    assert torch.allclose(two, one / 2)


def test_length_of_v_grows() -> None:
    """Under SGD without momentum, each step makes v longer: its square grows by that of the step."""
    torch.manual_seed(0)
    module = parametrizations.weight_norm(nn.Linear(5, 3).double())
    v = module.get_parameter("parametrizations.weight.original1")
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(30):
        optimizer.zero_grad()
        module(torch.randn(8, 5, dtype=torch.float64)).square().mean().backward()
        before, gradient = v.detach().norm(dim=1), v.grad.norm(dim=1)
        optimizer.step()
        assert torch.allclose(v.norm(dim=1) ** 2, before**2 + (0.1 * gradient) ** 2)
        assert (v.norm(dim=1) > before).all()


def test_measured_start() -> None:
    """After initialize_ each unit of each layer has mean 0 and standard deviation 1 on the batch; before it has not."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 5, 3), nn.ReLU(), nn.Conv2d(5, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 7), nn.Linear(7, 3)
    ).double()
    x = 4 + 3 * torch.randn(200, 2, 8, 8, dtype=torch.float64)
    normalize_weights_(model)

    def moments() -> list[tuple[Tensor, Tensor]]:
        found, y = [], x
        for module in model:
            y = module(y)
            if isinstance(module, nn.Linear | nn.Conv2d):
                per_unit = y.detach().transpose(0, 1).flatten(1)
                found.append((per_unit.mean(dim=1), per_unit.std(dim=1)))
        return found

    assert all((std - 1).abs().max() > 0.1 for _, std in moments())
    initialize_(model, x)
    for mean, std in moments():
        assert mean.abs().max() < 1e-6
        assert (std - 1).abs().max() < 1e-6
    trained = model(x)
    fold_(model)
    assert torch.allclose(model(x), trained)


def test_optimizer_made_too_early() -> None:
    """An optimizer made before weight_norm holds the old weight: that weight has no gradient, g and v do not move."""
    torch.manual_seed(0)

    def moved(early: bool) -> bool:
        module = nn.Linear(4, 2)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1) if early else None
        parametrizations.weight_norm(module)
        optimizer = optimizer or torch.optim.SGD(module.parameters(), lr=0.1)
        before = module.weight.detach().clone()
        module(torch.randn(8, 4)).square().sum().backward()
        optimizer.step()
        return not torch.equal(module.weight, before)

    assert not moved(early=True)
    assert moved(early=False)


def old(module: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(module)


def test_old_function() -> None:
    """The old function warns, names its parameters weight_g and weight_v, and its checkpoints load into the new one.

    The new one names them original0 and original1.
    """
    with pytest.warns(FutureWarning, match=r"`torch.nn.utils.weight_norm` is deprecated"):
        module = nn.utils.weight_norm(nn.Linear(4, 3))
    assert module.state_dict().keys() == {"bias", "weight_g", "weight_v"}
    new = parametrizations.weight_norm(nn.Linear(4, 3))
    assert {name.rsplit(".")[-1] for name in new.state_dict()} == {"bias", "original0", "original1"}
    new.load_state_dict(module.state_dict())
    x = torch.randn(2, 4)
    assert torch.allclose(new(x), module(x))


def test_deepcopy_after_a_step() -> None:
    """deepcopy and AveragedModel fail with the old function, before and after a step, and work with the new one.

    torch.save of the whole model works with the old one only.
    """
    module = old(nn.Linear(4, 3))
    for _ in range(2):
        for copying in (copy.deepcopy, AveragedModel):
            with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
                copying(module)
        module(torch.randn(2, 4)).sum().backward()
    torch.save(module, io.BytesIO())
    new = parametrizations.weight_norm(nn.Linear(4, 3))
    new(torch.randn(2, 4))
    assert torch.equal(copy.deepcopy(new).weight, new.weight)
    assert torch.equal(AveragedModel(new).module.weight, new.weight)
    with pytest.raises(RuntimeError, match="Serialization of parametrized modules is only supported through"):
        torch.save(new, io.BytesIO())


def test_transposed_counts_inputs() -> None:
    """With dim=0, the default, a transposed convolution has a gain for each input channel; with dim=1 each output."""
    for dim, units in ((0, 3), (1, 5)):
        module = parametrizations.weight_norm(nn.ConvTranspose2d(3, 5, 4), dim=dim)
        assert module.get_parameter("parametrizations.weight.original0").numel() == units
    assert nn.ConvTranspose2d(3, 5, 4).weight.shape[:2] == (3, 5)


@pytest.mark.parametrize("make", [parametrizations.weight_norm, weight_norm])
def test_zero_weights_are_nan(make) -> None:
    """A unit whose weights are all zero gives NaN; the others do not."""
    module = nn.Linear(4, 3)
    with torch.no_grad():
        module.weight[1] = 0
    assert make(module)(torch.ones(1, 4)).isnan().tolist() == [[False, True, False]]
    assert WeightNorm().norm(torch.zeros(2, 3)).tolist() == [[0.0], [0.0]]


def accuracies(evidence, kind: str) -> dict[float, list[float]]:
    return dict(zip(SIZES, evidence()[kind], strict=True))


def rerun(factor: float, kind: str, size: float) -> list[float]:
    """The accuracies of all seeds at ``factor`` times the learning rate."""
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    with learning_rate_times(factor):
        return [train(kind, size, seed, x, y) for seed in range(SEEDS)]


def test_does_not_mend_the_start(evidence) -> None:
    """With weights half as large as Kaiming's or a quarter, plain and weight norm stay under 0.2 with each seed."""
    for kind in KINDS[:2]:
        found = accuracies(evidence, kind)
        assert max(found[0.25] + found[0.5]) < 0.2


def test_measured_start_mends_it(evidence) -> None:
    """With a measured start weight norm is above plain up to size 1 with each seed, and above 0.75 at 0.5 and 1.

    At three times the learning rate its mean is over 0.15 lower at 0.25 and at 0.5.
    """
    plain, measured = accuracies(evidence, KINDS[0]), accuracies(evidence, KINDS[2])
    for size in (0.25, 0.5, 1.0):
        assert all(b > a for a, b in zip(plain[size], measured[size], strict=True))
    assert min(measured[0.5] + measured[1.0]) > 0.75
    for size in (0.25, 0.5):
        assert sum(rerun(3, KINDS[2], size)) / SEEDS < sum(measured[size]) / SEEDS - 0.15


def test_batch_norm_needs_no_start(evidence) -> None:
    """Only batch norm is above 0.75 with each seed from weights of a quarter.

    At a third of the learning rate weight norm with a measured start is, too.
    """
    for kind in KINDS:
        assert (min(accuracies(evidence, kind)[0.25]) > 0.75) == (kind == "batch norm")
    assert min(rerun(1 / 3, KINDS[2], 0.25)) > 0.75
