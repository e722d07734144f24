"""derivative-loss-has-no-effect: what it looks like, and every cause of it planted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.checklist.derivative_loss_has_no_effect import check
from tests.support.planted import Record, Run, asked, causes, program, prove, run

PAGE = "derivative-loss-has-no-effect"


def shows(run: Run) -> bool:
    """The result differs from the true one by more than half of its size, where the cured programs miss 5%."""
    return run.last("error") > 0.5


@causes(PAGE)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


@pytest.mark.parametrize("cause", ["second-derivative-is-zero", "no-graph", "conditions-outweighed", "scaled-inputs"])
def test_cured_programs_miss_little(cause: str) -> None:
    """Each cured program ends less than 5% from the true result."""
    assert run(program(f"{PAGE}/{cause}", "fixed")).last("error") < 0.05


def net(activation: Callable[[], nn.Module], *, inputs: int = 2, outputs: int = 1) -> nn.Sequential:
    """A small network."""
    torch.manual_seed(0)
    layers = nn.Linear(inputs, 16), activation(), nn.Linear(16, 16), activation(), nn.Linear(16, outputs)
    return nn.Sequential(*layers)


def second(model: nn.Module) -> Tensor:
    """All second derivatives of the outputs at random points, summed over one of the two directions."""
    x = torch.randn(64, 2, requires_grad=True)
    slopes = torch.autograd.grad(model(x).sum(), x, create_graph=True)[0]
    return torch.autograd.grad(slopes.sum(), x)[0]


def test_activations_by_their_second_derivative() -> None:
    """It is exactly 0 with ReLU, LeakyReLU and Hardtanh; it is not with Tanh, SiLU, GELU, Softplus and sine."""

    class Sine(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sin()

    for straight in (nn.ReLU, nn.LeakyReLU, nn.Hardtanh):
        assert not second(net(straight)).any()
        assert check.second_derivative_of_zero(net(straight), torch.randn(64, 2))
    for curved in (nn.Tanh, nn.SiLU, nn.GELU, nn.Softplus, Sine):
        assert second(net(curved)).any(dim=1).all()
        assert not check.second_derivative_of_zero(net(curved), torch.randn(64, 2))


def test_relu_serves_a_loss_on_first_derivatives() -> None:
    """A penalty on the first derivative of a ReLU network has a gradient, and a step on it makes it smaller."""
    model, x = net(nn.ReLU), torch.randn(64, 2, requires_grad=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    sizes = []
    for _ in range(20):
        penalty = torch.autograd.grad(model(x).sum(), x, create_graph=True)[0].square().sum(dim=1).mean()
        sizes.append(penalty.item())
        optimizer.zero_grad()
        penalty.backward()
        optimizer.step()
    assert sizes[-1] < 0.5 * sizes[0]


def test_the_residual_loss_stands_still() -> None:
    """With ReLU the residual loss is the same number from the first line to the last."""
    losses = run(program(f"{PAGE}/second-derivative-is-zero", "broken")).series("residual loss")
    assert len(losses) > 10
    assert max(losses) == min(losses)


def test_second_derivatives_of_other_networks() -> None:
    """Behind a softmax it is not 0; with dropout, batch norm and frozen parts nothing is changed; integers: silence."""
    assert not check.second_derivative_of_zero(nn.Sequential(net(nn.ReLU, outputs=3), nn.Softmax(1)), torch.randn(8, 2))
    assert check.second_derivative_of_zero(nn.Linear(2, 1), torch.randn(8, 2))
    assert not check.second_derivative_of_zero(nn.Embedding(8, 2), torch.arange(8))
    model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 1))
    model[1].eval()
    unchanged(model, lambda: check.second_derivative_of_zero(model, torch.randn(8, 2, generator=torch.Generator())))


def unchanged(model: nn.Module, call: Callable[[], Any]) -> None:
    """The call leaves flags, buffers, gradients and random numbers of a model as they were."""
    flags = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    chance = torch.get_rng_state()
    call()
    assert flags == [module.training for module in model.modules()]
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
    assert torch.equal(chance, torch.get_rng_state())


def test_derivatives_with_and_without_a_graph() -> None:
    """Silent on create_graph, also after backward and with torch.func; speaks on detach, no_grad, copies of weights."""
    model, x = net(nn.Tanh), torch.randn(8, 2, requires_grad=True)
    good = torch.autograd.grad(model(x).sum(), x, create_graph=True)[0]
    good.square().mean().backward()
    assert not check.derivative_outside_the_graph(model, good)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda p: model(p)))(x.detach())
    assert not check.derivative_outside_the_graph(model, jacobian)
    copies = {name: weight.detach() for name, weight in model.named_parameters()}

    def by_copies(point: Tensor) -> Tensor:
        return torch.func.functional_call(model, copies, (point,)).sum()

    for cut in (
        torch.autograd.grad(model(x).sum(), x)[0],
        torch.autograd.grad(model(x).sum(), x, create_graph=True)[0].detach(),
        torch.autograd.functional.jacobian(lambda p: model(p).sum(), x),
        torch.func.grad(by_copies)(x),
    ):
        assert check.derivative_outside_the_graph(model, cut)
    assert not check.derivative_outside_the_graph(model.requires_grad_(False), cut)


def test_retain_graph_alone_raises_no_error() -> None:
    """With neither argument backward raises an error; with retain_graph=True it runs, and the penalty has no graph."""
    model, x = net(nn.Tanh), torch.randn(8, 2, requires_grad=True)
    outputs = model(x).sum()
    penalty = torch.autograd.grad(outputs, x)[0].square().mean()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        (outputs + penalty).backward()
    outputs = model(x).sum()
    penalty = torch.autograd.grad(outputs, x, retain_graph=True)[0].square().mean()
    (outputs + penalty).backward()
    assert not penalty.requires_grad


def test_a_weight_instead_of_units(tmp_path: Path) -> None:
    """A factor of 300 before the boundary term cures the oscillation as well; so do conditions that are built in."""
    text = program(f"{PAGE}/conditions-outweighed", "broken").read_text(encoding="utf-8")
    path = tmp_path / "weighted.py"
    path.write_text(text.replace("residual_loss + boundary_loss", "residual_loss + 300 * boundary_loss"), "utf-8")
    assert run(path).last("error") < 0.1
    path = tmp_path / "built_in.py"
    path.write_text(text.replace("    return model(2 * t - 1)", "    return 1 + t**2 * model(2 * t - 1)"), "utf-8")
    built_in = run(path)
    assert built_in.last("error") < 0.05
    assert max(built_in.series("boundary loss")) == 0


def test_zero_solves_the_equation() -> None:
    """The true oscillation and 0 have the same residual, 0; only the conditions tell them apart: 0 against 1."""
    k, t = 1.5 * torch.pi, torch.linspace(0, 1, 16, dtype=torch.float64)
    assert (-(k**2) * torch.cos(k * t) + k**2 * torch.cos(k * t)).abs().max() < 1e-12
    assert run(program(f"{PAGE}/conditions-outweighed", "broken")).last("boundary loss") > 0.8


def test_conditions_that_are_met_or_zero() -> None:
    """Silent where outputs fit, where the equation is not met either, and where the given values are 0."""
    model = net(nn.Tanh, inputs=1)
    x, ones, zeros = torch.zeros(4, 1), torch.ones(4, 1), torch.zeros(4, 1)
    assert check.conditions_not_met(model, model, x, model(x).detach() + 1, 0.001, 1.0)
    assert not check.conditions_not_met(model, model, x, model(x).detach(), 0.001, 1.0)
    assert not check.conditions_not_met(model, model, x, ones, 5.0, 1.0)
    assert not check.conditions_not_met(model, model, x, zeros, 0.001, 1.0)
    several = torch.linspace(-9, 9, 8)[:, None]
    flat = model(several).detach().flatten()
    assert not check.conditions_not_met(model, model, several, flat, 1e-8, 1e-4)


def test_factors_of_scaling() -> None:
    """The factor is found in each of two coordinates, and with the chain rule the check is silent."""
    model, scale = net(nn.Tanh), torch.tensor([10.0, 0.1])
    points = torch.rand(64, 2) * scale
    x = (points / scale).requires_grad_()
    scaled = torch.autograd.grad(model(x).sum(), x)[0]

    def solution(raw: Tensor) -> Tensor:
        return model(raw / scale)

    for column, factor in ((0, 10.0), (1, 0.1)):
        found = check.derivative_by_differences(model, solution, points, scaled, column)
        assert float(str(found).split(" times")[0].rpartition(" ")[2]) == pytest.approx(factor, rel=0.02)
        assert not check.derivative_by_differences(model, solution, points, scaled / scale, column)
        assert not check.derivative_by_differences(model, solution, points, scaled[:, column] / scale[column], column)
    unchanged(model, lambda: check.derivative_by_differences(model, solution, points, scaled))
    assert not check.derivative_by_differences(model, solution, points, -scaled / scale)


@pytest.mark.parametrize("waves", [1, 15, 40])
def test_waves_and_late_times(waves: int) -> None:
    """A correct derivative of many waves is no scaled one, nor is one at times far from 0; a factor of 5 is found."""
    points = torch.linspace(2000, 2001, 301)[:, None]

    def solution(t: Tensor) -> Tensor:
        return torch.sin(2 * torch.pi * waves * (t - 2000))

    x = points.clone().requires_grad_()
    slopes = torch.autograd.grad(solution(x).sum(), x)[0]
    assert not check.derivative_by_differences(nn.Identity(), solution, points, slopes)
    found = str(check.derivative_by_differences(nn.Identity(), solution, points, 5 * slopes))
    assert float(found.split(" times")[0].rpartition(" ")[2]) == pytest.approx(5, rel=0.02)


def test_a_scaled_solution_ends_with_a_small_loss() -> None:
    """Without the chain rule the whole loss falls below 0.001, and the result is wrong by more than its own size."""
    wrong = run(program(f"{PAGE}/scaled-inputs", "broken"))
    assert wrong.last("residual loss") + wrong.last("boundary loss") < 0.001
    assert wrong.last("error") > 1
    assert asked(check.derivative_by_differences, wrong).startswith("the derivatives in the loss are 5")


def test_the_sum_of_a_batch_is_enough() -> None:
    """grad(u.sum(), x) is the derivative of each sample, unless batch norm in training mode mixes the samples."""
    model, x = net(nn.Tanh), torch.randn(8, 2, requires_grad=True)
    own = torch.stack([torch.autograd.grad(model(x)[i].sum(), x)[0][i] for i in range(8)])
    assert torch.allclose(torch.autograd.grad(model(x).sum(), x)[0], own)
    mixing = nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 1))
    own = torch.stack([torch.autograd.grad(mixing(x)[i].sum(), x)[0][i] for i in range(8)])
    assert not torch.allclose(torch.autograd.grad(mixing(x).sum(), x)[0], own, rtol=0.1)


def test_mixed_derivatives_leak_in() -> None:
    """The gradient of the summed gradient has u_xy in both columns; each column by itself gives the Laplacian."""

    def second(u: Callable[[Tensor], Tensor], points: Tensor) -> tuple[Tensor, Tensor]:
        """By the sum of both columns, and by one column after the other."""
        x = points.clone().requires_grad_()
        slope = torch.autograd.grad(u(x).sum(), x, create_graph=True)[0]
        both = torch.autograd.grad(slope.sum(), x, retain_graph=True)[0]
        columns = [torch.autograd.grad(slope[:, i].sum(), x, retain_graph=True)[0][:, i] for i in range(x.shape[1])]
        return both, torch.stack(columns, dim=1)

    points = torch.rand(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x, y = points.unbind(dim=1)
    both, own = second(lambda p: p[:, 0] ** 3 * p[:, 1] ** 2, points)
    torch.testing.assert_close(own, torch.stack([6 * x * y**2, 2 * x**3], dim=1))
    torch.testing.assert_close(both, own + (6 * x**2 * y)[:, None])
    both, own = second(lambda p: p[:, 0] ** 3 + p[:, 1].sin(), points)
    torch.testing.assert_close(both, own)
    both, own = second(lambda p: (p[:, 0] ** 3).exp(), points[:, :1])
    torch.testing.assert_close(both, own)
