"""Helpers for tests of schedulers: the curve that a scheduler really gives to an optimizer, interrupted or not.

A run is a real one: parameters move under SGD with momentum, `optimizer.step()` comes before `scheduler.step()`, and
the rate is read before the update that uses it, so entry ``t`` is the rate of update number ``t``.
"""

import inspect
import io
from collections.abc import Callable, Sequence
from typing import Any

import torch

Make = Callable[..., Any]


def metric(step: int) -> float:
    """A validation loss for schedulers that ask for one: falls, stalls, rises a bit, falls again, stalls for good."""
    if step < 30:
        return 1.0 - 0.01 * step
    if step < 90:
        return 0.7 + 0.0005 * (step % 7)
    return max(0.4, 0.7 - 0.01 * (step - 90))


def wants_metric(scheduler: Any) -> bool:
    """True when `scheduler.step` has an argument without a default, as ReduceLROnPlateau's has."""
    arguments = inspect.signature(scheduler.step).parameters.values()
    return any(a.default is a.empty and a.kind is a.POSITIONAL_OR_KEYWORD for a in arguments)


def new_run(make: Make, rates: Sequence[float], **settings: Any) -> tuple[torch.optim.Optimizer, Any]:
    """An optimizer with one parameter group for each rate, and its scheduler."""
    groups = [{"params": [torch.nn.Parameter(torch.ones(3, dtype=torch.float64))], "lr": rate} for rate in rates]
    optimizer = torch.optim.SGD(groups, lr=rates[0], momentum=0.9)
    return optimizer, make(optimizer, **settings)


def advance(optimizer: torch.optim.Optimizer, scheduler: Any, steps: range) -> list[list[float]]:
    """Train; the rates of every group at every step. Shorter than asked when the schedule ends, by ValueError."""
    curve = []
    for step in steps:
        curve.append([group["lr"] for group in optimizer.param_groups])
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = 0.1 * p.detach() + 0.01 * (step % 3)
        optimizer.step()
        try:
            scheduler.step(*([metric(step)] if wants_metric(scheduler) else []))
        except ValueError:
            break
    return curve


def curve_of(make: Make, steps: int = 300, rates: Sequence[float] = (0.1,), **settings: Any) -> list[list[float]]:
    """Rates that the optimizer sees: ``curve[step][group]``."""
    return advance(*new_run(make, rates, **settings), range(steps))


def per_epoch(optimizer: torch.optim.Optimizer, scheduler: Any, epochs: int, batches: int) -> list[float]:
    """The first group's rate at each update, where the scheduler steps once per epoch."""
    rates = []
    for _ in range(epochs):
        for _ in range(batches):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        scheduler.step()
    return rates


def weights(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [p.detach().clone() for group in optimizer.param_groups for p in group["params"]]


def interrupted(
    make: Make, steps: int, at: int, rates: Sequence[float], built_last: bool = False, **settings: Any
) -> tuple[list, list]:
    """Train to step `at`, save weights, optimizer and scheduler to a file, build all anew, load, train to the end.

    With `built_last` the scheduler is made when the optimizer's state has been loaded: the wrong order.

    Returns:
        the curve from step `at` on, and the final weights.
    """
    optimizer, scheduler = new_run(make, rates, **settings)
    advance(optimizer, scheduler, range(at))
    file = io.BytesIO()
    state = {"weights": weights(optimizer), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    torch.save(state, file)
    file.seek(0)
    checkpoint = torch.load(file, weights_only=True)

    optimizer, scheduler = new_run((lambda optimizer, **_: None) if built_last else make, rates, **settings)
    with torch.no_grad():
        for group, saved in zip(optimizer.param_groups, checkpoint["weights"], strict=True):
            group["params"][0].copy_(saved)
    optimizer.load_state_dict(checkpoint["optimizer"])
    if built_last:
        scheduler = make(optimizer, **settings)
    scheduler.load_state_dict(checkpoint["scheduler"])
    return advance(optimizer, scheduler, range(at, steps)), weights(optimizer)


def assert_same_curve(
    curve: list[list[float]], rates: Sequence[float], closed: Callable[[int, float], float], rtol: float = 1e-12
) -> float:
    """Each group's curve is `closed(step, base_lr)`, to 1e-12 relative (torch multiplies up to 300 factors).

    Returns:
        the largest difference, as a fraction of the base rate.
    """
    worst = 0.0
    for step, row in enumerate(curve):
        for got, rate in zip(row, rates, strict=True):
            want = closed(step, rate)
            difference = abs(got - want)
            assert difference <= rtol * abs(want) + 1e-15 * rate, f"step {step}, base {rate}: {got} is not {want}"
            worst = max(worst, difference / rate)
    return worst
