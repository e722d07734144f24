"""Gradient clipping: step by step against torch, closed forms, and the claims of its page."""

from __future__ import annotations

import math
import warnings
from statistics import median

import pytest
import torch
from torch import Tensor, nn

from snippets.training.gradient_clipping.evidence import LOST, RATES, STEPS
from snippets.training.gradient_clipping.from_scratch import clip_norm_, clip_value_
from snippets.training.gradient_clipping.use import backward_clip_step


def parameters(size: float = 3.0, seed: int = 0) -> list[Tensor]:
    """A matrix, a vector and a number with gradients of a given size, and one without a gradient."""
    generator = torch.Generator().manual_seed(seed)
    made = [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in [(6, 5), (7,), (), (2,)]]
    for p in made[:3]:
        p.grad = size * torch.randn(p.shape, dtype=torch.float64, generator=generator)
    return made


def flat(given: list[Tensor]) -> Tensor:
    """All gradients as one vector."""
    return torch.cat([p.grad.flatten() for p in given if p.grad is not None])


@pytest.mark.parametrize("size", [1e-3, 3.0, 1e6])
@pytest.mark.parametrize("norm_type", [1.0, 2.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 10.0, math.inf])
def test_equals_torch(size: float, norm_type: float, max_norm: float) -> None:
    """Both functions equal torch's: norms 1, 2 and inf, gradients below and above the limit, one parameter without."""
    ours, theirs = parameters(size), parameters(size)
    before = clip_norm_(ours, max_norm, norm_type)
    assert before.item() == pytest.approx(nn.utils.clip_grad_norm_(theirs, max_norm, norm_type).item(), rel=1e-12)
    assert torch.allclose(flat(ours), flat(theirs), rtol=1e-12, atol=0)
    assert ours[3].grad is None
    assert clip_norm_(ours[3:], max_norm, norm_type) == nn.utils.clip_grad_norm_(theirs[3:], max_norm, norm_type) == 0
    ours, theirs = parameters(size), parameters(size)
    clip_value_(ours, max_norm)
    nn.utils.clip_grad_value_(theirs, max_norm)
    assert torch.equal(flat(ours), flat(theirs))


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 10.0, 100.0])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_one_factor_for_all(size: float, max_norm: float) -> None:
    """The clipped gradient has the norm min(|g|, c) and the direction of the gradient."""
    given = parameters(size)
    before = flat(given)
    nn.utils.clip_grad_norm_(given, max_norm)
    after = flat(given)
    assert after.norm().item() == pytest.approx(min(before.norm().item(), max_norm), rel=1e-4)  # torch's 1e-6
    assert torch.allclose(after / after.norm(), before / before.norm(), rtol=1e-12)


def test_value_turns_the_gradient() -> None:
    """The gradient (10, 0.1), cut to 1 by value, is (1, 0.1): it pointed 0.6 degrees off the axis, now 5.7."""
    p = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    p.grad = torch.tensor([10.0, 0.1], dtype=torch.float64)

    def degrees() -> float:
        return math.degrees(math.atan2(p.grad[1].item(), p.grad[0].item()))

    assert degrees() == pytest.approx(0.57, abs=0.01)
    nn.utils.clip_grad_value_([p], 1.0)
    assert p.grad.tolist() == [1.0, 0.1]
    assert degrees() == pytest.approx(5.71, abs=0.01)


def moved(optimizer_class: type, max_norm: float) -> Tensor:
    """How far the weights went in 50 steps, each of which is clipped."""
    torch.manual_seed(0)
    model = nn.Linear(10, 5).double()
    start = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    optimizer = optimizer_class(model.parameters(), lr=1e-3)
    for _ in range(50):
        loss = (model(torch.randn(16, 10, dtype=torch.float64)) - 3).square().mean()
        assert backward_clip_step(loss, optimizer, max_norm) > max_norm
    return nn.utils.parameters_to_vector(model.parameters()).detach() - start


def test_adam_ignores_the_threshold() -> None:
    """Where each step is clipped, a tenth of the limit moves weights a tenth as far under SGD, as far under Adam."""
    wide, narrow = moved(torch.optim.SGD, 0.1), moved(torch.optim.SGD, 0.01)
    assert (narrow.norm() / wide.norm()).item() == pytest.approx(0.1, rel=0.01)
    for adam in (torch.optim.Adam, torch.optim.AdamW):
        wide, narrow = moved(adam, 0.1), moved(adam, 0.01)
        assert ((narrow - wide).norm() / wide.norm()).item() < 1e-3  # what is left is Adam's eps
        assert (moved(adam, 1e-8).norm() / wide.norm()).item() < 0.5  # near eps the limit counts again


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_not_finite_stays(bad: float) -> None:
    """One NaN makes every gradient NaN, one inf makes that number NaN and the others 0; error_if_nonfinite raises."""
    given = parameters()
    given[0].grad[2, 3] = bad
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(given, 1.0, error_if_nonfinite=True)
    nn.utils.clip_grad_norm_(given, 1.0)
    after = flat(given)
    if math.isnan(bad):
        assert after.isnan().all()
    else:
        assert after.isnan().sum() == 1
        assert given[0].grad[2, 3].isnan()
        assert after[~after.isnan()].abs().max() == 0


@pytest.mark.parametrize("count", [2, 4, 9])
def test_apart_is_looser(count: int) -> None:
    """k groups that are each clipped to c have a joint norm of up to c times the root of k; together it is c."""
    given = [torch.zeros(5, requires_grad=True) for _ in range(count)]

    def fill() -> None:
        for p in given:
            p.grad = torch.full((5,), 10.0)

    fill()
    for p in given:
        nn.utils.clip_grad_norm_([p], 1.0)
    assert flat(given).norm().item() == pytest.approx(math.sqrt(count), rel=1e-4)
    fill()
    nn.utils.clip_grad_norm_(given, 1.0)
    assert flat(given).norm().item() == pytest.approx(1.0, rel=1e-4)


def stepped(wrong: str = "", scaled: bool = False) -> tuple[Tensor, float]:
    """Weights after one step of SGD with lr 1 whose gradient is clipped to 1, and the norm that was reported."""
    torch.manual_seed(0)
    model = nn.Linear(8, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scaler = torch.amp.GradScaler("cpu") if scaled else None
    loss = 100 * (model(torch.ones(2, 8)) - 5).square().mean()
    start = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    if not wrong:
        norm = backward_clip_step(loss, optimizer, 1.0, scaler)
    elif wrong == "after step":
        loss.backward()
        optimizer.step()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
    else:  # before unscale_
        assert scaler is not None
        scaler.scale(loss).backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        scaler.step(optimizer)
    return nn.utils.parameters_to_vector(model.parameters()).detach() - start, norm


def test_order() -> None:
    """Clipped after step() the update keeps its size; before unscale_ it is 65,536 times too small."""
    right, norm = stepped()
    assert right.norm().item() == pytest.approx(1.0, rel=1e-4)
    late, late_norm = stepped("after step")
    assert late.norm().item() == pytest.approx(norm, rel=1e-4)
    assert late_norm == pytest.approx(norm, rel=1e-4)
    assert norm > 100
    scaled, scaled_norm = stepped(scaled=True)
    assert torch.allclose(scaled, right, rtol=1e-4)
    assert scaled_norm == pytest.approx(norm, rel=1e-4)  # the norm of the gradient, not of the scaled one
    early, early_norm = stepped("before unscale_", scaled=True)
    assert early.norm().item() == pytest.approx(1 / 65536, rel=0.05)  # a weight's float32 rounding is near that
    assert early_norm == pytest.approx(65536 * norm, rel=1e-3)


def test_measures_without_clipping() -> None:
    """max_norm=inf changes no gradient, unless the norm is infinite; the norm returned is the one before clipping."""
    given = parameters()
    before = flat(given)
    assert nn.utils.clip_grad_norm_(given, math.inf).item() == pytest.approx(before.norm().item())
    assert torch.equal(flat(given), before)
    assert nn.utils.clip_grad_norm_(given, 1.0).item() == pytest.approx(before.norm().item())
    for value in (math.inf, 1e200):  # the square of the second is no float64
        given = parameters()
        given[0].grad[2, 3] = value
        assert nn.utils.clip_grad_norm_(given, math.inf).isinf()
        assert flat(given).isnan().all()


def test_overflow_is_skipped() -> None:
    """With a scaler, a step whose gradients are not finite changes no weight, though clipping has made them NaN."""
    model = nn.Linear(3, 1)
    start = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    norm = backward_clip_step(model(torch.full((1, 3), math.inf)).sum(), optimizer, 1.0, scaler)
    assert not math.isfinite(norm)
    assert torch.equal(model.weight, start)
    assert scaler.get_scale() == 32768


def test_higher_rates_on_digits(evidence) -> None:
    """At 0.1 and 0.3 the clipped median is lower; at 0.01 it hardly matters, at 1 all losses are above 2."""
    plain, clipped = evidence()["no clipping"], evidence()["norm clipped to 1"]
    losses = [[[LOST if loss is None else loss for loss in row] for row in run["loss"]] for run in (plain, clipped)]
    of_rate = dict(zip(RATES, zip(*losses, strict=True), strict=True))
    for lr in (0.1, 0.3):
        without, with_ = of_rate[lr]
        assert median(with_) < median(without)
    assert all(b < a for a, b in zip(*of_rate[0.3], strict=True))
    assert of_rate[0.01][0] == pytest.approx(of_rate[0.01][1], abs=0.05)
    assert clipped["clipped"][0] < STEPS / 4
    assert 0.5 < clipped["clipped"][2] / STEPS < 0.9
    assert min(loss for losses in of_rate[1.0] for loss in losses) > 2
    assert abs(median(of_rate[0.03][0]) - median(of_rate[0.03][1])) < 0.3


def test_best_loss_is_lower(evidence) -> None:
    """The best median over the rates is lower with clipping, and lies at 0.1."""
    medians = {
        name: [sorted(LOST if v is None else v for v in row)[1] for row in evidence()[name]["loss"]]
        for name in ("no clipping", "norm clipped to 1")
    }
    best = {name: min(range(len(RATES)), key=values.__getitem__) for name, values in medians.items()}
    assert RATES[best["norm clipped to 1"]] == 0.1
    assert min(medians["norm clipped to 1"]) < min(medians["no clipping"])


@pytest.mark.parametrize("kind", ["filter", "generator", "list"])
def test_used_up_parameters(kind: str) -> None:
    """After the optimizer has gone through a filter or generator, nothing is clipped; a list is; one of them warns."""
    torch.manual_seed(0)
    model = nn.Linear(8, 4)
    kinds = {
        "filter": filter(lambda p: p.requires_grad, model.parameters()),
        "generator": model.parameters(),
        "list": list(model.parameters()),
    }
    given, start = kinds[kind], model.weight.detach().clone()
    optimizer = torch.optim.SGD(given, lr=1.0)
    (100 * model(torch.ones(2, 8)).square().sum()).backward()
    before = [p.grad.clone() for p in model.parameters()]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        norm = nn.utils.clip_grad_norm_(given, 1.0)
    assert bool(said) == (kind == "generator")
    assert (norm > 1) == (kind == "list")
    assert (norm == 0) == (kind != "list")
    same = all(torch.equal(p.grad, old) for p, old in zip(model.parameters(), before, strict=True))
    assert same == (kind != "list")
    optimizer.step()
    assert not torch.equal(model.weight, start)
