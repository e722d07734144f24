"""SAM: equality with pytorch_optimizer's step by step, and the claims of its page."""

import pytest
import torch
from torch import nn

from snippets.optimizers.sam.use import SAM, make_optimizer

SGD, ADAM = torch.optim.SGD, torch.optim.Adam
TOLERANCE = 1e-12  # float64 rounding of one step
FLOAT32_NORM = 1e-6  # pytorch_optimizer adds up the gradient's norm in float32


def problem():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, 4, dtype=torch.float64, generator=generator)
    y = torch.randn(20, dtype=torch.float64, generator=generator)
    start = [torch.randn(4, 3, dtype=torch.float64, generator=generator), torch.ones(3, dtype=torch.float64)]
    return x, y, start


def closure_of(optimizer, parameters, x, y, calls=None):
    def closure():
        optimizer.zero_grad()
        loss = ((x @ parameters[0]).tanh() @ parameters[1] - y).square().mean()
        loss.backward()
        if calls is not None:
            calls.append([p.detach().clone() for p in parameters])
        return loss

    return closure


def run(make, steps, between=None):
    x, y, start = problem()
    parameters = [p.clone().requires_grad_() for p in start]
    optimizer = make(parameters)
    closure = closure_of(optimizer, parameters, x, y)
    path = []
    for _ in range(steps):
        if between is not None:
            between(closure)
        optimizer.step(closure)
        path.append(torch.cat([p.detach().flatten() for p in parameters]))
    return torch.stack(path), optimizer, parameters


@pytest.mark.parametrize(("base", "options"), [(SGD, {"lr": 0.05, "momentum": 0.9}), (ADAM, {"lr": 0.01})])
@pytest.mark.parametrize("rho", [0.05, 0.1])
def test_equals_pytorch_optimizer_step_by_step(base, options, rho):
    """Equal to pytorch_optimizer's SAM at every one of 120 steps, around SGD and Adam."""
    from pytorch_optimizer import SAM as Other

    ours, _, _ = run(lambda p: SAM(p, base, rho=rho, **options), 120)
    theirs, _, _ = run(lambda p: Other(p, base, rho=rho, **options), 120, between=lambda closure: closure())
    torch.testing.assert_close(ours, theirs, rtol=0, atol=FLOAT32_NORM)


@pytest.mark.parametrize(("base", "options"), [(SGD, {"lr": 0.05, "momentum": 0.9}), (ADAM, {"lr": 0.01})])
def test_equals_the_formula(base, options):
    """Equal to the formula, written out with autograd.grad, at each of 120 steps from the same point."""
    x, y, start = problem()
    ours, _, _ = run(lambda p: SAM(p, base, rho=0.3, **options), 120)
    parameters = [p.clone().requires_grad_() for p in start]
    reference = base(parameters, **options)

    def gradient(w, v):
        return torch.autograd.grad(((x @ w).tanh() @ v - y).square().mean(), (w, v))

    for row in ours:
        g = gradient(*parameters)
        length = torch.cat([part.flatten() for part in g]).norm()
        worst = [(p + 0.3 * part / length).detach().requires_grad_() for p, part in zip(parameters, g, strict=True)]
        for p, part in zip(parameters, gradient(*worst), strict=True):
            p.grad = part
        reference.step()
        now = torch.cat([p.detach().flatten() for p in parameters])
        torch.testing.assert_close(row, now, rtol=0, atol=TOLERANCE)
        with torch.no_grad():  # start the next step where SAM does: the map from step to step amplifies rounding
            nn.utils.vector_to_parameters(row, parameters)


def test_rho_zero_is_the_base_optimizer():
    """rho = 0 is the base optimizer, bit for bit."""
    ours, _, _ = run(lambda p: SAM(p, SGD, rho=0.0, lr=0.05, momentum=0.9), 50)
    theirs, _, _ = run(lambda p: SGD(p, lr=0.05, momentum=0.9), 50)
    assert torch.equal(ours, theirs)


def test_two_gradients_at_distance_rho():
    """The closure is called twice a step, the second time at distance rho, in the direction of the gradient."""
    x, y, start = problem()
    parameters = [p.clone().requires_grad_() for p in start]
    optimizer = SAM(parameters, SGD, rho=0.3, lr=0.05)
    calls: list = []
    optimizer.step(closure_of(optimizer, parameters, x, y, calls))
    assert len(calls) == 2
    moved = torch.cat([(b - a).flatten() for a, b in zip(*calls, strict=True)])
    assert moved.norm().item() == pytest.approx(0.3, rel=1e-9)


def test_closure_is_needed():
    """step() without a closure raises ValueError."""
    with pytest.raises(ValueError, match="closure"):
        make_optimizer([torch.zeros(1, requires_grad=True)]).step()


def test_scaler_refuses_a_closure():
    """GradScaler.step with a closure raises; bfloat16 under autocast inside the closure needs no scaler."""
    torch.manual_seed(0)
    x, y = torch.randn(16, 3), torch.randn(16, 1)
    model = nn.Linear(3, 1)
    optimizer = make_optimizer(model.parameters())

    def closure():
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss.item()

    with pytest.raises(RuntimeError, match="Closure use is not currently supported if GradScaler is enabled"):
        torch.amp.GradScaler("cpu").step(optimizer, closure=closure)
    first = optimizer.step(closure)
    assert [optimizer.step(closure) for _ in range(20)][-1] < first


def test_batch_norm_counts_twice():
    """Batch norm's running statistics move twice a step; momentum = 0 in the second pass leaves one."""

    def batches(second_pass_moves):
        torch.manual_seed(0)
        model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 1))
        optimizer = SAM(model.parameters(), SGD, lr=0.1)
        x = torch.randn(16, 3) + 5.0
        passes = 0

        def closure():
            nonlocal passes
            passes += 1
            model[0].momentum = 0.1 if passes == 1 or second_pass_moves else 0.0
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            return loss

        optimizer.step(closure)
        return model[0].running_mean / x.mean(0)

    torch.testing.assert_close(batches(True), torch.full((3,), 0.19))
    torch.testing.assert_close(batches(False), torch.full((3,), 0.1))


def test_memory_of_the_base():
    """Between steps the state is the base optimizer's alone: one number for each parameter around SGD with momentum."""
    _, optimizer, parameters = run(make_optimizer, 2)
    numbers = sum(t.numel() for s in optimizer.state.values() for t in s.values())
    assert numbers == sum(p.numel() for p in parameters)


def test_only_one_radius_helps(evidence):
    """rho = 0.3 gains about 4 points in the mean, some with each seed; 0.1 under half; at 1 most learn nothing.

    Rounding alone moves the gain of one seed by up to a point: training at this rate magnifies the last bit.
    """
    numbers = evidence()
    fit, rest = (torch.tensor(numbers[key]) for key in ("fit", "rest"))  # (rho, seed)
    gain = rest - rest[0]
    assert gain[2].mean().item() == pytest.approx(0.04, abs=0.01)
    assert (gain[2] > 0.01).all()
    assert 0 < gain[1].mean() < gain[2].mean() / 2
    assert fit[2].mean() < fit[0].mean() - 0.005
    assert (rest[3] < 0.4).sum() > len(rest[3]) / 2  # other seeds have up to 0.84
    assert max(fit[4].max(), rest[4].max()) < 0.4
    # the figure's two digits
    assert fit[:3].mean(1).tolist() == pytest.approx([0.77, 0.76, 0.75], abs=0.015)
    assert rest[:3].mean(1).tolist() == pytest.approx([0.80, 0.81, 0.84], abs=0.015)
    assert max(fit[3:].mean(1).max(), rest[3:].mean(1).max()) < 0.25
