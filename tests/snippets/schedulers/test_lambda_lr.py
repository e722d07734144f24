"""LambdaLR: equal to its formula, and the claims of its page."""

import io
import pickle
import warnings
from functools import partial

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from snippets.schedulers.lambda_lr.evidence import FUNCTIONS, estimate
from snippets.schedulers.lambda_lr.from_scratch import learning_rate
from snippets.schedulers.lambda_lr.use import inverse_time, make_scheduler
from tests.support.schedulers import advance, assert_same_curve, curve_of, interrupted, new_run


@pytest.mark.parametrize("function", [inverse_time, lambda t: 0.5 ** (t // 30), lambda t: max(0.1, 1 - t / 100)])
def test_equals_the_formula(function):
    """The rate is base * f(t) exactly, for two groups: nothing is accumulated."""
    curve = curve_of(make_scheduler, 250, (0.1, 0.003), lr_lambda=function)
    assert curve == [[0.1 * function(t), 0.003 * function(t)] for t in range(250)]
    assert assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, lr_lambda=function)) == 0


def test_a_rate_set_by_hand_is_overwritten():
    """The base is the rate at the first scheduler; what is set later, the next step overwrites; a second keeps it."""
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    optimizer.param_groups[0]["lr"] = 0.1  # after the optimizer was made, before the scheduler
    scheduler = LambdaLR(optimizer, lambda t: 0.5**t)
    assert scheduler.get_last_lr() == [0.1]
    for t in range(1, 4):
        optimizer.param_groups[0]["lr"] = 7.0
        optimizer.step()
        scheduler.step()
        assert scheduler.get_last_lr() == [0.1 * 0.5**t]
        assert optimizer.param_groups[0]["lr"] == 0.1 * 0.5**t
    optimizer.param_groups[0]["lr"] = 7.0
    assert LambdaLR(optimizer, lambda t: 1.0).get_last_lr() == [0.1]


class Decay:
    """A callable object, whose attributes travel in the state."""

    def __init__(self, gamma: float) -> None:
        self.gamma = gamma

    def __call__(self, step: int) -> float:
        return self.gamma**step


class Line(Decay):
    """Another class with an attribute of the same name and another law."""

    def __call__(self, step: int) -> float:
        return 1 + self.gamma * step


@pytest.mark.parametrize("function", [inverse_time, lambda t: 0.5 ** (t // 30), Decay(0.97)])
def test_resumes(function):
    """The rest is bit for bit the same; made after the optimizer's state was loaded, one update has f(0)."""
    whole = curve_of(make_scheduler, 150, (0.1, 0.003), lr_lambda=function)
    for at in (1, 30, 70):
        assert interrupted(make_scheduler, 150, at, (0.1, 0.003), lr_lambda=function)[0] == whole[at:]
        late = interrupted(make_scheduler, 150, at, (0.1, 0.003), built_last=True, lr_lambda=function)[0]
        assert late == [whole[0], *whole[at + 1 :]]


def test_called_with_zero_first():
    """The constructor calls f(0), and the result is the rate of the first update."""
    seen = []
    curve = curve_of(make_scheduler, 3, lr_lambda=lambda t: seen.append(t) or 0.5)
    assert seen == [0, 1, 2, 3]
    assert curve[0] == [0.05]


FUNCTION_WITHOUT_A_NAME = lambda step: 0.9**step  # noqa: E731 (what cannot be pickled is shown)


def scaled_power(step: int, gamma: float) -> float:
    return gamma**step


def falling(t):
    """A function that is no lambda."""
    return 0.9**t


@pytest.mark.parametrize("function", [falling, lambda t: 0.9**t], ids=["def", "lambda"])
def test_plain_function_is_not_saved(function):
    """A function's place in the state is None: after resuming, the function given to the constructor counts."""
    _, old = new_run(make_scheduler, (0.1,), lr_lambda=function)
    optimizer, new = new_run(make_scheduler, (0.1,), lr_lambda=lambda t: 0.5**t)
    assert old.state_dict()["lr_lambdas"] == [None]
    new.load_state_dict(old.state_dict())
    assert advance(optimizer, new, range(2))[1] == [0.05]


def test_callable_object_is_saved():
    """An object's attributes are saved, and loading writes them into what the new run passes, of its class or another.

    A plain function goes on as it is, and nothing warns; a partial's arguments are not saved.
    """
    _, old = new_run(make_scheduler, (0.1,), lr_lambda=Decay(0.9))
    optimizer, new = new_run(make_scheduler, (0.1,), lr_lambda=Decay(0.5))
    new.load_state_dict(old.state_dict())
    assert advance(optimizer, new, range(2))[1] == pytest.approx([0.09])
    optimizer, new = new_run(make_scheduler, (0.1,), lr_lambda=Line(0.5))
    new.load_state_dict(old.state_dict())
    assert advance(optimizer, new, range(2))[1] == pytest.approx([0.1 * (1 + 0.9)])
    optimizer, new = new_run(make_scheduler, (0.1,), lr_lambda=lambda t: 0.5**t)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        new.load_state_dict(old.state_dict())
        assert advance(optimizer, new, range(2))[1] == [0.05]
    _, old = new_run(make_scheduler, (0.1,), lr_lambda=partial(pow, 0.9))
    optimizer, new = new_run(make_scheduler, (0.1,), lr_lambda=partial(pow, 0.5))
    new.load_state_dict(old.state_dict())
    assert advance(optimizer, new, range(2))[1] == pytest.approx([0.05])


def test_only_functions_of_a_module_are_pickled():
    """A lambda and a nested function cannot be pickled with the scheduler; a module's function and a partial of it can.

    The state_dict can be saved, and loaded with `weights_only`, in every case.
    """

    def nested(step: int) -> float:
        return 0.9**step

    for function, message in (
        (nested, "Can't (pickle|get) local object"),
        (lambda step: 0.9**step, "Can't (pickle|get) (local object|<function .*<lambda>)"),
        (falling, ""),
        (partial(pow, 0.9), ""),
        (partial(scaled_power, gamma=0.9), ""),
    ):
        optimizer, scheduler = new_run(make_scheduler, (0.1,), lr_lambda=function)
        advance(optimizer, scheduler, range(3))
        if message:
            with pytest.raises((AttributeError, pickle.PicklingError), match=message):
                pickle.dumps(scheduler)
        else:
            copied_optimizer, copied = pickle.loads(pickle.dumps((optimizer, scheduler)))
            assert advance(copied_optimizer, copied, range(3, 8)) == advance(optimizer, scheduler, range(3, 8))
        file = io.BytesIO()
        torch.save(scheduler.state_dict(), file)
        file.seek(0)
        again_optimizer, again = new_run(make_scheduler, (0.1,), lr_lambda=function)
        again_optimizer.load_state_dict(optimizer.state_dict())
        again.load_state_dict(torch.load(file, weights_only=True))
        assert advance(again_optimizer, again, range(5)) == advance(optimizer, scheduler, range(5))
    with pytest.raises(pickle.PicklingError, match="Can't pickle <function <lambda>"):
        pickle.dumps(new_run(make_scheduler, (0.1,), lr_lambda=FUNCTION_WITHOUT_A_NAME)[1])


def two_groups() -> torch.optim.Optimizer:
    groups = [{"params": [nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.1, 0.01)]
    return torch.optim.SGD(groups, momentum=0.9)


def test_one_function_for_each_group():
    """A list gives each group its own; another length than the groups' is refused."""
    optimizer = two_groups()
    scheduler = LambdaLR(optimizer, [lambda t: 0.5**t, lambda t: 1.0])
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.05, 0.01]
    for functions in (1, 3):
        with pytest.raises(ValueError, match=f"Expected 2 lr_lambdas, but got {functions}"):
            LambdaLR(two_groups(), functions * [lambda t: 1.0])
    assert LambdaLR(two_groups(), lambda t: 0.5).get_last_lr() == [0.05, 0.005]


def test_rate_zero_freezes_but_momentum_fills():
    """A group held at rate 0 keeps its weights bit for bit; its momentum buffer fills and acts when it is released."""
    optimizer = two_groups()
    scheduler = LambdaLR(optimizer, [lambda t: 0.0 if t < 50 else 1.0, lambda t: 1.0])
    frozen = optimizer.param_groups[0]["params"][0]
    for _ in range(50):
        frozen.grad = torch.ones(1)
        optimizer.step()
        scheduler.step()
    assert frozen.item() == 1.0
    assert optimizer.state[frozen]["momentum_buffer"].item() == pytest.approx(10, rel=0.01)  # 1 / (1 - 0.9)
    frozen.grad = torch.zeros(1)
    optimizer.step()
    assert frozen.item() == pytest.approx(1 - 0.1 * 9, abs=0.01)  # moved by gradients of the frozen time alone


def test_returning_a_rate_squares_it():
    """A function that returns the rate itself, not a factor, gives base times that: 0.01 instead of 0.1."""
    assert curve_of(make_scheduler, 1, lr_lambda=lambda t: 0.1)[0] == pytest.approx([0.01])


def test_closure_over_a_loop_variable():
    """Functions made in a loop all see its last value; a default argument binds each."""
    wrong = LambdaLR(two_groups(), [lambda t: factor for factor in (1.0, 0.5)])  # noqa: B023 (the mistake that is shown)
    right = LambdaLR(two_groups(), [lambda t, factor=factor: factor for factor in (1.0, 0.5)])
    assert wrong.get_last_lr() == [0.05, 0.005]
    assert right.get_last_lr() == [0.1, 0.005]


def test_inverse_time_is_the_running_mean():
    """With f(t) = 1 / (t + 1) and base rate 1, SGD is the mean of the samples so far, to 1e-12."""
    torch.manual_seed(0)
    samples = torch.randn(200, 5, dtype=torch.float64)
    _, path = estimate(FUNCTIONS["1 / (t + 1)"], samples)
    means = samples.cumsum(0) / torch.arange(1, 201, dtype=torch.float64)[:, None]
    torch.testing.assert_close(path, means, rtol=0, atol=1e-12)


def test_constant_rate_keeps_its_error(evidence):
    """A constant rate 0.1 keeps the error sqrt(0.1 / 1.9) = 0.23; 1 / (t + 1) has 1 / sqrt(400) = 0.05 by then."""
    error = {name: errors[399] for name, errors in evidence().items()}
    assert error["constant, 0.1"] == pytest.approx(0.229, rel=0.05)
    assert error["1 / (t + 1)"] == pytest.approx(0.05, rel=0.05)
    assert error["1 / (t + 1)"] < error["1 / sqrt(t + 1)"] < error["constant, 0.1"]


def network_losses(function, rates: tuple[float, ...], seed: int) -> list[float]:
    """Training loss on digits after 300 batches of 32 for each base rate; the networks start alike."""
    torch.manual_seed(seed)
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    start = [p.detach() for p in nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).parameters()]
    groups = [{"params": [nn.Parameter(p.clone()) for p in start], "lr": lr} for lr in rates]
    optimizer = torch.optim.SGD(groups)
    scheduler = make_scheduler(optimizer, function)

    def losses(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # (batch, 64), (batch,) -> (rates,)
        w, b, v, c = (torch.stack(layer) for layer in zip(*(group["params"] for group in groups), strict=True))
        hidden = (x @ w.mT + b.unsqueeze(1)).relu()  # (rates, batch, 32)
        logits = (hidden @ v.mT + c.unsqueeze(1)).mT  # (rates, classes, batch)
        return nn.functional.cross_entropy(logits, y.expand(len(rates), -1), reduction="none").mean(1)

    for _ in range(300):
        rows = torch.randint(len(x), (32,))
        optimizer.zero_grad()
        losses(x[rows], y[rows]).sum().backward()
        optimizer.step()
        scheduler.step()
    return losses(x, y).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_falls_too_early_for_a_network(seed):
    """On digits 1 / (t + 1) ends at over five times the constant rate's loss, each at the best of six base rates."""
    rates = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
    early, constant = (network_losses(f, rates, seed) for f in (FUNCTIONS["1 / (t + 1)"], lambda step: 1.0))
    assert min(early) > 5 * min(constant)
    assert min(early) < min(early[0], early[-1])  # the grid holds the best rate of both within it
    assert min(constant) < min(constant[0], constant[-1])
