"""The family of rules against torch, the settings that turn one optimizer into another, and the memory of each."""

from dataclasses import replace
from io import BytesIO

import pytest
import torch
from torch import nn, optim

import snippets.optimizers.optimizer_overview.use as overview
from snippets.optimizers.optimizer_overview.evidence import (
    COLUMNS,
    ROWS,
    SETTINGS,
    bytes_per_parameter,
    state_after_steps,
    tensors,
)
from snippets.optimizers.optimizer_overview.use import Rule, update
from tests.support.optimizers import noisy_gradients, same_trajectory, two_matrices

FAMILY = [
    (overview.SGD, optim.SGD, {}),
    (replace(overview.SGD, decay=0.1), optim.SGD, {"weight_decay": 0.1}),
    (overview.MOMENTUM, optim.SGD, {"momentum": 0.9}),
    (overview.NESTEROV, optim.SGD, {"momentum": 0.9, "nesterov": True}),
    (replace(overview.MOMENTUM, decay=0.1), optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    (replace(overview.NESTEROV, decay=0.1), optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (overview.ADAGRAD, optim.Adagrad, {}),
    (overview.RMSPROP, optim.RMSprop, {}),
    (replace(overview.ADAGRAD, decay=0.1), optim.Adagrad, {"weight_decay": 0.1}),
    (replace(overview.RMSPROP, decay=0.1), optim.RMSprop, {"weight_decay": 0.1}),
    (overview.ADAM, optim.Adam, {}),
    (replace(overview.ADAM, decay=0.1), optim.Adam, {"weight_decay": 0.1}),
    (overview.ADAMW, optim.AdamW, {}),
    (replace(overview.ADAMW, decay=0.5, beta1=0.5, beta2=0.9, eps=1e-3), optim.AdamW,
     {"weight_decay": 0.5, "betas": (0.5, 0.9), "eps": 1e-3}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "optimizer_class", "settings"), FAMILY)
def test_family_equals_torch(rule: Rule, optimizer_class: type, settings: dict):
    """Each rule's path equals torch's over 120 noisy steps in float64; 1e-12 because roundings of 1e-16 add up."""
    ours, theirs = two_matrices(), two_matrices()
    optimizer = optimizer_class(theirs, lr=rule.lr, **settings)
    states: list[dict] = [{} for _ in ours]
    for step in range(120):
        noisy_gradients(ours, step)
        noisy_gradients(theirs, step)
        with torch.no_grad():
            for p, state in zip(ours, states, strict=True):
                update(p, p.grad, state, rule)
        optimizer.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=1e-12, atol=1e-14)


def test_each_rule_changes_what_the_page_says():
    """From one member to the next only the named switches change."""

    def changed(before: Rule, after: Rule) -> set[str]:
        return {key for key, value in vars(after).items() if vars(before)[key] != value}

    assert changed(overview.SGD, overview.MOMENTUM) == {"mu"}
    assert changed(overview.MOMENTUM, overview.NESTEROV) == {"nesterov"}
    assert changed(overview.SGD, overview.ADAGRAD) == {"second", "eps"}
    assert changed(overview.ADAGRAD, overview.RMSPROP) == {"second", "eps"}
    assert changed(overview.RMSPROP, overview.ADAM) == {"beta1", "beta2", "correct"}
    assert changed(overview.ADAM, overview.ADAMW) == {"decay", "decoupled"}


def with_group_of_each_step(make, settings_at):
    """An optimizer whose group gets `settings_at(t)` before its step t = 1, 2, ..."""

    def factory(parameters):
        optimizer = make(parameters)
        count = 0

        def before(opt, args, kwargs):
            nonlocal count
            count += 1
            opt.param_groups[0].update(settings_at(count))

        optimizer.register_step_pre_hook(before)
        return optimizer

    return factory


def largest_difference(one, other, steps: int = 120) -> float:
    """Of two torch optimizers' parameters over noisy steps in float64; their states may have other names."""
    a, b = two_matrices(), two_matrices()
    left, right = one(a), other(b)
    worst = 0.0
    for step in range(steps):
        noisy_gradients(a, step)
        noisy_gradients(b, step)
        left.step()
        right.step()
        worst = max(worst, *((p - q).abs().max().item() for p, q in zip(a, b, strict=True)))
    return worst


def test_momentum_zero_is_sgd():
    """SGD(momentum=0) is SGD, bit for bit; momentum 0.9 is not."""
    assert same_trajectory(lambda p: optim.SGD(p, lr=0.01, momentum=0.0), lambda p: optim.SGD(p, lr=0.01)) == 0
    assert largest_difference(lambda p: optim.SGD(p, lr=0.01, momentum=0.9), lambda p: optim.SGD(p, lr=0.01)) > 0.1


def test_adamw_without_decay_is_adam():
    """AdamW(weight_decay=0) is Adam, bit for bit; with the same decay the two differ."""
    assert same_trajectory(lambda p: optim.AdamW(p, weight_decay=0), optim.Adam) == 0
    assert (
        largest_difference(lambda p: optim.AdamW(p, weight_decay=0.1), lambda p: optim.Adam(p, weight_decay=0.1)) > 1e-3
    )


def test_adam_without_momentum_and_correction_is_rmsprop():
    """Adam, beta1=0, rate and eps times what undoes the correction of v, equals RMSprop to 1e-12; else it does not."""
    eta, eps, beta2 = 0.01, 1e-8, 0.99

    def uncorrected(t: int) -> dict:
        root = (1 - beta2**t) ** 0.5
        return {"lr": eta / root, "eps": eps / root}

    def adam(p):
        return optim.Adam(p, lr=eta, betas=(0.0, beta2), eps=eps)

    def rmsprop(p):
        return optim.RMSprop(p, lr=eta, alpha=beta2, eps=eps)

    assert largest_difference(with_group_of_each_step(adam, uncorrected), rmsprop) < 1e-12
    assert largest_difference(adam, rmsprop) > 1e-3


def test_rmsprop_over_all_history_is_adagrad():
    """RMSprop with alpha_t = 1 - 1/t (the mean of all squares), rate eta / sqrt(t), eps / sqrt(t) equals Adagrad."""
    eta, eps = 0.1, 1e-10

    def all_history(t: int) -> dict:
        return {"alpha": 1 - 1 / t, "lr": eta / t**0.5, "eps": eps / t**0.5}

    rmsprop = with_group_of_each_step(lambda p: optim.RMSprop(p, lr=eta), all_history)
    assert largest_difference(rmsprop, lambda p: optim.Adagrad(p, lr=eta, eps=eps)) < 1e-12


def test_nadam_without_momentum_is_adam():
    """NAdam with beta1=0 equals Adam with beta1=0; with 0.9 the two differ."""

    def both(beta1: float) -> float:
        betas = (beta1, 0.999)
        return largest_difference(
            lambda p: optim.NAdam(p, lr=0.01, betas=betas), lambda p: optim.Adam(p, lr=0.01, betas=betas)
        )

    assert both(0.0) < 1e-12
    assert both(0.9) > 1e-3


def test_adam_without_memory_is_the_sign():
    """Adam with both betas 0 and no eps moves every parameter by the rate, against the sign of its gradient."""
    p = nn.Parameter(torch.zeros(4, dtype=torch.float64))
    optimizer = optim.Adam([p], lr=0.01, betas=(0.0, 0.0), eps=0.0)
    signs = torch.zeros(4, dtype=torch.float64)
    for gradient in ([3.0, -1e-6, 50.0, -2.0], [1e3, 0.5, -1e-9, -1.0]):
        p.grad = torch.tensor(gradient, dtype=torch.float64)
        signs += p.grad.sign()
        optimizer.step()
        torch.testing.assert_close(p.detach(), -0.01 * signs)
    p.grad = torch.tensor([0.0, 1.0, 0.0, -1.0], dtype=torch.float64)
    optimizer.step()
    assert p.isnan().tolist() == [True, False, True, False]  # 0 / 0


def test_amsgrad_is_adam_while_gradients_grow():
    """With gradients that grow, amsgrad=True changes nothing; when they shrink, its steps are shorter."""

    def path(sizes: list[float], amsgrad: bool) -> float:
        p = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        optimizer = optim.Adam([p], lr=0.01, betas=(0.9, 0.9), amsgrad=amsgrad)
        for size in sizes:
            p.grad = torch.full((1,), size, dtype=torch.float64)
            optimizer.step()
        return p.item()

    growing = [1.1**t for t in range(50)]
    assert path(growing, True) == path(growing, False)
    assert abs(path(growing[::-1], True)) < 0.9 * abs(path(growing[::-1], False))


def test_memory_of_every_optimizer(evidence):
    """Bytes of state for a float32 parameter: the numbers of the page's text, by class and settings."""
    measured = {name: size for name, _, size in evidence() if not name.startswith("LBFGS")}
    for name in ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "SparseAdam", "Adadelta", "Rprop"):
        assert measured.pop(f"{name}()") == 8, name
    for name in ("SGD(momentum=0.9)", "Muon()", "Adagrad()", "RMSprop()", "ASGD()"):
        assert measured.pop(name) == 4, name
    assert measured.pop("SGD()") == 0
    assert measured.pop("Adafactor()") == pytest.approx(4 * (ROWS + COLUMNS) / (ROWS * COLUMNS))
    assert measured.pop("RMSprop(momentum=0.9)") == 8
    assert measured.pop("RMSprop(momentum=0.9, centered=True)") == measured.pop("AdamW(amsgrad=True)") == 12
    assert not measured


def test_lbfgs_keeps_two_tensors_for_each_remembered_step(evidence):
    """L-BFGS: two tensors for each step in its history, and two more; the history is 100 by default."""
    measured = {name: (tensors, size) for name, tensors, size in evidence() if name.startswith("LBFGS")}
    assert measured == {
        f"LBFGS({settings})": (2 * history + 2, 4 * (2 * history + 2))
        for settings, history in (("history_size=10", 10), ("", 100))
    }
    assert optim.LBFGS([nn.Parameter(torch.ones(1))]).defaults["history_size"] == 100


def test_table_has_every_optimizer_of_torch(evidence):
    """The table names each class of torch.optim."""
    classes = {
        name for name, value in vars(optim).items() if isinstance(value, type) and issubclass(value, optim.Optimizer)
    } - {"Optimizer"}
    assert {name.partition("(")[0] for name, *_ in evidence()} == classes


def trained(optimizer_class: type, **settings: float) -> tuple[nn.Module, optim.Optimizer]:
    """A model after one step, its gradients still there."""
    torch.manual_seed(0)
    model = nn.Linear(64, 32)
    optimizer = optimizer_class(model.parameters(), **settings)
    model(torch.ones(4, 64)).square().sum().backward()
    optimizer.step()
    return model, optimizer


def test_sixteen_bytes_with_adam():
    """Weight, gradient and state in float32: 16 bytes a parameter with Adam, 8 with SGD; 7e9 times 16 is 112 GB."""
    for optimizer_class, expected in ((optim.Adam, 16), (optim.AdamW, 16), (optim.SGD, 8)):
        model, optimizer = trained(optimizer_class, lr=1e-3)
        held = [*model.parameters(), *(p.grad for p in model.parameters())]
        held += [t for t in tensors(dict(optimizer.state)) if t.dim()]  # without the step counters
        numbers = sum(p.numel() for p in model.parameters())
        assert sum(t.numel() * t.element_size() for t in held) / numbers == expected
    assert 7e9 * 16 == 112e9


def test_checkpoint_is_three_times_as_large():
    """Adam's state beside the weights makes a file three times as large as the weights alone."""
    big = nn.Linear(1000, 1000)  # so large that names and numbers of steps do not count
    optimizer = optim.Adam(big.parameters())
    big(torch.ones(2, 1000)).sum().backward()
    optimizer.step()
    alone, both = BytesIO(), BytesIO()
    torch.save(big.state_dict(), alone)
    torch.save({"model": big.state_dict(), "optimizer": optimizer.state_dict()}, both)
    assert both.tell() / alone.tell() == pytest.approx(3, rel=0.01)


def test_state_of_adam_by_name():
    """Adam keeps step, exp_avg and exp_avg_sq for each parameter; the averages have the parameter's shape."""
    model, optimizer = trained(optim.Adam)
    for p in model.parameters():
        state = optimizer.state[p]
        assert set(state) == {"step", "exp_avg", "exp_avg_sq"}
        assert state["exp_avg"].shape == state["exp_avg_sq"].shape == p.shape
        torch.testing.assert_close(state["exp_avg"], 0.1 * p.grad)
        torch.testing.assert_close(state["exp_avg_sq"], 0.001 * p.grad**2)


def test_state_has_the_type_of_the_parameter(evidence):
    """bfloat16 weights make bfloat16 state in every class of torch.optim: half the bytes of float32."""
    for (name, settings), (_, _, size) in zip(SETTINGS, evidence(), strict=True):
        short = {"max_iter": 3} if name == "LBFGS" else {}  # so its history holds fewer steps
        states = state_after_steps(name, settings | short, torch.bfloat16)
        assert {state.dtype for state in states} <= {torch.bfloat16}, name
        assert bool(states) == (size > 0), name
        assert short or bytes_per_parameter(states) == size / 2, name


def state_before_and_after(name: str, settings: dict, frozen: int) -> tuple[int, int]:
    """Numbers of state after the constructor and after a step, for one trained matrix and ``frozen`` frozen ones."""
    parameters = [nn.Parameter(torch.ones(4, 4)), *(nn.Parameter(torch.ones(4, 4), False) for _ in range(frozen))]
    optimizer = getattr(optim, name)(parameters, **settings)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        rows = nn.functional.embedding(torch.arange(4), parameters[0], sparse=name == "SparseAdam")
        loss = rows.square().sum()
        loss.backward()
        return loss

    def numbers() -> int:
        return sum(state.numel() for state in tensors(dict(optimizer.state)) if state.dim())

    before = numbers()
    optimizer.step(closure)
    return before, numbers()


def test_state_is_made_at_the_first_step():
    """No class of torch.optim but Adagrad keeps anything before its first step; all but plain SGD do after it."""
    for name, settings in SETTINGS:
        before, after = state_before_and_after(name, settings, frozen=0)
        assert (before > 0) == (name == "Adagrad"), name
        assert (after > 0) == ((name, settings) != ("SGD", {})), name


def test_frozen_parameters_take_no_state():
    """Three frozen matrices beside a trained one add no state in any class of torch.optim but Adagrad and L-BFGS."""
    for name, settings in SETTINGS:
        alone, beside = (state_before_and_after(name, settings, frozen)[1] for frozen in (0, 3))
        assert (beside > alone) == (name in {"Adagrad", "LBFGS"}), name
        assert beside >= alone, name


def test_zero_grad_frees_the_gradients():
    """After zero_grad() no gradient exists; with set_to_none=False it stays in memory as zeros."""
    p = nn.Parameter(torch.ones(3))
    optimizer = optim.SGD([p], lr=0.1)
    p.sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is not None
    assert not p.grad.any()
    optimizer.zero_grad()
    assert p.grad is None


def test_rates_have_other_units():
    """A loss times 1000 makes SGD's first step 1000 times as long and leaves Adam's as it was."""

    def first_step(optimizer_class: type, scale: float) -> float:
        p = nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = optimizer_class([p], lr=0.01)
        (scale * p.square()).sum().backward()
        optimizer.step()
        return 1 - p.item()

    assert first_step(optim.SGD, 1000) == pytest.approx(1000 * first_step(optim.SGD, 1))
    assert first_step(optim.Adam, 1000) == pytest.approx(first_step(optim.Adam, 1), rel=1e-6)
    assert first_step(optim.Adam, 1) == pytest.approx(0.01, rel=1e-6)
