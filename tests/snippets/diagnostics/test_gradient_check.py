"""gradient-check: measured slopes equal autograd's, planted wrong backward passes are found, and the page's claims."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.gradcheck import GradcheckError

from snippets.diagnostics.gradient_check.evidence import by_hand
from snippets.diagnostics.gradient_check.from_scratch import numerical_gradient, relative_error
from snippets.diagnostics.gradient_check.use import check_function, gradient_errors
from tests.support import planted
from tests.support.planted import Run

Function = Callable[[Tensor], Tensor]
RIGHT: dict[str, Function] = {
    "tanh": torch.tanh,
    "softmax": lambda x: x.softmax(dim=-1) ** 2,
    "exp": torch.exp,
    "product": lambda x: x.prod(dim=-1),
    "matrix": lambda x: x @ x.transpose(-1, -2),
    "cube by hand": by_hand(lambda x, g: 3 * x**2 * g),
}
WRONG: dict[str, Function] = {
    "factor": by_hand(lambda x, g: x**2 * g),
    "sign": by_hand(lambda x, g: -3 * x**2 * g),
    "incoming": by_hand(lambda x, g: 3 * x**2),
    "wrong axis": by_hand(lambda x, g: (3 * x**2 * g).flip(-1)),
}


def numbers(dtype: torch.dtype = torch.float64) -> Tensor:
    """Twelve numbers, none near 0 or equal."""
    torch.manual_seed(0)
    return (torch.rand(3, 4, dtype=torch.float64) + 0.5).to(dtype)


@pytest.mark.parametrize("name", RIGHT)
def test_equals_autograd(name: str) -> None:
    """Central differences equal autograd's gradient to 1e-7, also for a tensor that is not contiguous."""
    assert len(RIGHT) == 6
    for x in (numbers(), numbers().T):
        before, weights = x.clone(), torch.linspace(1, 2, RIGHT[name](x).numel()).double()

        def weighted(x: Tensor, weights: Tensor = weights) -> Tensor:
            return (RIGHT[name](x).flatten() * weights).sum()

        leaf = x.detach().requires_grad_()
        (given,) = torch.autograd.grad(weighted(leaf), leaf)
        assert relative_error(given, numerical_gradient(weighted, x.detach())) < 1e-7
        assert torch.equal(x, before)


def test_relative_error() -> None:
    """0 for equal ones and two zeros, 1 for opposite ones, 0.01 / 2.01 for 1% more."""
    a = torch.randn(5, dtype=torch.float64)
    assert relative_error(a, a) == relative_error(0 * a, 0 * a) == 0
    assert relative_error(a, -a) == pytest.approx(1)
    assert relative_error(a, 1.01 * a) == pytest.approx(0.01 / 2.01)


@pytest.mark.parametrize("name", [*RIGHT, *WRONG])
def test_verdicts(name: str) -> None:
    """check_function passes for six right functions and fails for four wrong ones, whatever the dtype given."""
    assert (len(RIGHT), len(WRONG)) == (6, 4)
    function = (RIGHT | WRONG)[name]
    for dtype in (torch.float64, torch.float32):
        assert check_function(function, numbers(dtype)) == (name in RIGHT)


class Layer(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def model_with(function: Function) -> nn.Sequential:
    """Two layers, the function, one layer more."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), Layer(function), nn.Dropout(0.5), nn.Linear(8, 3))


def errors(function: Function) -> dict[str, float]:
    """The errors of the model with this function, on four samples."""
    x, y = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)), torch.arange(4) % 3
    return gradient_errors(model_with(function), nn.functional.cross_entropy, x, y)


@pytest.mark.parametrize("name", WRONG)
def test_names_the_layers_before(name: str) -> None:
    """With one wrong function inside: over 0.01 for all parameters before it, under 1e-6 for those after it."""
    found = errors(WRONG[name])
    assert all((error > 0.01) == (key[0] in "02") for key, error in found.items())
    assert max(found["5.weight"], found["5.bias"]) < 1e-6
    assert max(errors(RIGHT["cube by hand"]).values()) < 1e-6


def test_leaves_everything_as_it_was() -> None:
    """Weights, gradients, modes and hooks are the same after gradient_errors."""
    things = {"model": model_with(torch.tanh), "inputs": torch.randn(4, 6), "targets": torch.arange(4) % 3}
    things["loss_fn"] = nn.CrossEntropyLoss()
    things["loss_fn"](things["model"](things["inputs"]), things["targets"]).backward()

    def call(model: Any, loss_fn: Any, inputs: Any, targets: Any) -> str:
        gradient_errors(model, loss_fn, inputs, targets)
        return ""

    planted.asked(call, Run("", things, None))


def test_regression_and_unused() -> None:
    """Float targets go to float64; a parameter that is not used has error 0."""

    class Net(nn.Linear):
        def __init__(self) -> None:
            super().__init__(4, 1)
            self.unused = nn.Parameter(torch.ones(2))

    found = gradient_errors(Net(), nn.functional.mse_loss, torch.randn(5, 4), torch.randn(5, 1))
    assert found["unused"] == 0
    assert max(found.values()) < 1e-6


def test_rounding_and_weighted_losses() -> None:
    """A summed loss of thousands and a gradient of 0, and a loss with class weights in float32: no error is found."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    model[2].bias.requires_grad_(False)
    x, y = torch.randn(5, 4), torch.arange(5) % 3
    constant = lambda a, b: 0 * nn.functional.cross_entropy(a, b) + 3333.3 * a.softmax(1).sum()  # noqa: E731
    assert max(gradient_errors(model, constant, x, y).values()) == 0
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]))
    assert max(gradient_errors(model, weighted, x, y).values()) < 1e-6
    assert weighted.weight.dtype == torch.float32


class Block(nn.Module):
    """A residual block whose branch ends in a gain that starts at 0; the ReLU behind it gets the zeros before it."""

    def __init__(self) -> None:
        super().__init__()
        self.branch, self.gain = nn.Linear(16, 16), nn.Parameter(torch.zeros(16))

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.gain * self.branch(x)).relu()


def test_zero_gain_is_a_kink() -> None:
    """A right model with a gain of 0 before a ReLU has errors; a random gain has none, in each of 12 draws.

    Three steps of training leave errors over 0.01 in some of them: a unit that is 0 for all samples has no gradient.
    """
    trained = []
    for seed in range(12):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), Block(), nn.Linear(16, 3))
        x, y = torch.randn(8, 4), torch.arange(8) % 3
        assert gradient_errors(model, nn.functional.cross_entropy, x, y)["2.gain"] > 1e-3
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        trained.append(max(gradient_errors(model, nn.functional.cross_entropy, x, y).values()))
        nn.init.normal_(model[2].gain, std=0.1)
        assert max(gradient_errors(model, nn.functional.cross_entropy, x, y).values()) < 1e-4
    assert min(trained) < 1e-4 < 0.01 < max(trained)


def test_best_step(evidence) -> None:
    """float64, central: the three best steps lie from 1e-6 to 1e-3. float32: no step has an error below 1e-5."""
    results = evidence()
    central = results["errors"]["float64, central"]
    best = sorted(range(len(central)), key=central.__getitem__)[:3]
    assert all(0.9e-6 < results["steps"][i] < 1.1e-3 for i in best)
    assert min(results["errors"]["float32, central"]) > 1e-5
    assert min(central) < 1e-9 < 1e-8 < min(results["errors"]["float64, one-sided"])


@pytest.mark.parametrize(("share", "passes"), [(1.0, True), (1.0005, True), (1.01, False), (0.9995, True)])
def test_tolerance_of_gradcheck(share: float, passes: bool) -> None:
    """A gradient 0.05% too large passes, one 1% too large fails; one below 1e-5 may be twice too large."""
    assert check_function(by_hand(lambda x, g: share * 3 * x**2 * g), numbers()) == passes
    small = by_hand(lambda x, g: -share * 3 * x**2 * g)  # of the wrong sign, and below half the absolute tolerance
    assert (3 * (1e-3 * numbers()) ** 2).max() < 7e-6
    assert check_function(small, 8e-4 * numbers())


def test_table_of_verdicts(evidence) -> None:
    """In float64 the right one passes and all four wrong ones fail."""
    verdicts = {name: both[0] for name, both in evidence()["verdicts"].items()}
    assert verdicts.pop("right") is True
    assert list(verdicts.values()) == [False] * 4


def test_float32_fails(evidence) -> None:
    """In float32 the right function fails, and the error has the text of the pitfall."""
    assert evidence()["verdicts"]["right"][1] is False
    x = numbers(torch.float32).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
            torch.autograd.gradcheck(RIGHT["cube by hand"], (x,))


def test_kink_at_zero() -> None:
    """At 0 ReLU's gradient is 0, and the slope 0.5. At 1e-7 from a kink relu, abs and max fail; far off they pass."""
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (given,) = torch.autograd.grad(zero.relu(), zero)
    assert given == 0
    assert numerical_gradient(lambda x: x.relu().sum(), zero.detach()).item() == pytest.approx(0.5)
    assert not check_function(torch.relu, zero)
    near = torch.tensor([1e-7], dtype=torch.float64)
    assert not check_function(torch.relu, near)
    assert not check_function(torch.abs, near)
    assert not check_function(torch.amax, 1 + torch.cat([near, 0 * near]))
    for function in (torch.relu, torch.abs, torch.amax):
        assert check_function(function, numbers())


def test_dropout_fails() -> None:
    """Dropout fails in train mode, with numbers in the millions, and passes in eval mode."""
    torch.manual_seed(0)
    layer, x = nn.Dropout(0.5), numbers().requires_grad_()
    with pytest.raises(GradcheckError, match=r"numerical:tensor\(\[\[.*e\+06"):
        torch.autograd.gradcheck(layer, (x,))
    assert check_function(layer.eval(), x)


def test_random_backward_fails() -> None:
    """A backward pass with a little noise raises the pitfall's error; with nondet_tol above the noise it passes."""
    noisy, x = by_hand(lambda x, g: 3 * x**2 * g * (1 + 1e-7 * torch.rand_like(g))), numbers().requires_grad_()
    with pytest.raises(GradcheckError, match="Backward is not reentrant"):
        torch.autograd.gradcheck(noisy, (x,))
    assert torch.autograd.gradcheck(noisy, (x,), nondet_tol=1e-5)


def test_sum_hides_it() -> None:
    """Without the incoming gradient: right for y.sum().backward(), found by gradcheck."""
    x = numbers().requires_grad_()
    WRONG["incoming"](x).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, 3 * x.detach() ** 2)
    assert not check_function(WRONG["incoming"], numbers())
