"""Every option of every from-scratch optimizer equals torch's, alone and with all others, over 100 steps in float64.

Nothing here names an optimizer. The class is the one of `from_scratch.py`; torch's is the first of `torch:` in
the page's front matter; a switch that makes torch's class the one of the page (`nesterov`, `amsgrad`, `centered`) is
read off the optimizer that the page's own `make_optimizer` makes. Each option takes one other value, from `OTHER`: an
option without one fails. Values, state and complex parameters are compared after each step.
"""

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import torch

from tests.support.every_optimizer import BAD, FOUND, FROM_SCRATCH, refuses, start
from tests.support.guide import guide
from tests.support.optimizers import as_real

STEPS = 100
OWN_BUSINESS = {"foreach", "capturable", "differentiable", "fused"}  # how torch computes, not what
OTHER: dict[str, list] = {  # argument -> another value, of the type of its default
    "lr": [0.003],
    "betas": [(0.8, 0.95)],
    "eps": [3.0, (1.0, 5.0)],  # as large as gradients, or Muon would not feel it
    "weight_decay": [0.2],
    "momentum": [0.5],
    "dampening": [0.3],
    "rho": [0.8],
    "alpha": [0.6],
    "lambd": [0.1],
    "t0": [5.0],
    "etas": [(0.3, 1.4)],
    "step_sizes": [(1e-3, 0.1)],
    "lr_decay": [0.05],
    "initial_accumulator_value": [0.1],
    "momentum_decay": [0.1],
    "beta2_decay": [-0.5],
    "d": [1.5],
    "ns_coefficients": [(3.0, -3.5, 1.4)],
    "ns_steps": [3],
    "adjust_lr_fn": ["match_rms_adamw"],
}


def arguments(kind: Callable) -> dict[str, Any]:
    """Argument -> default, without the parameters and torch's switches of implementation."""
    found = inspect.signature(kind.__init__ if isinstance(kind, type) else kind).parameters
    return {k: p.default for k, p in found.items() if k not in {"self", "params", *OWN_BUSINESS}}


def ours(name: str) -> type:
    owner = FOUND[f"{name}/from_scratch"][1]
    assert isinstance(owner, type)
    return owner


def torchs(name: str) -> type:
    dotted = guide().by_id[name.replace("_", "-")].facts("torch")[0]
    return getattr(torch.optim, dotted.removeprefix("torch.optim."))


def fixed(name: str) -> dict[str, bool]:
    """Switches that torch's class has, ours has not, and the page's own optimizer turns on."""
    optimizer = FOUND[f"{name}/use"][0](start())
    group, usual = optimizer.param_groups[0], type(optimizer)(start()).param_groups[0]
    switches = set(arguments(torchs(name))) - set(arguments(ours(name)))
    return {k: True for k in switches if group.get(k) is True and usual[k] is not True}


def other_value(argument: str, default: Any) -> Any:
    if isinstance(default, bool):
        return not default
    kinds = (
        (str, type(None)) if default is None else (int, float) if isinstance(default, int | float) else type(default)
    )
    values = [v for v in OTHER.get(argument, []) if isinstance(v, kinds)]
    assert values, f"{argument} has no other value in OTHER"
    assert values[0] != default
    return values[0]


def cases() -> Iterator[Any]:
    for name in FROM_SCRATCH:
        if "closure" in inspect.signature(torchs(name).step).parameters and needs_closure(name):
            continue
        options = {k: other_value(k, v) for k, v in arguments(ours(name)).items()}
        yield pytest.param(name, {}, id=f"{name}-defaults")
        yield from (pytest.param(name, {k: v}, id=f"{name}-{k}") for k, v in options.items())
        yield pytest.param(name, options, id=f"{name}-all")


def needs_closure(name: str) -> bool:
    """True for L-BFGS, whose iterations are compared in its own tests."""
    return inspect.signature(torchs(name).step).parameters["closure"].default is inspect.Parameter.empty


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """torch keeps NAdam's product of momenta and ASGD's rates in the default type."""
    torch.set_default_dtype(torch.float64)
    with torch.sparse.check_sparse_tensor_invariants(True):
        yield
    torch.set_default_dtype(torch.float32)


def matrices(dtype: torch.dtype) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(s, dtype=dtype, generator=generator)) for s in [(3, 4), (4, 2)]]


def give_gradients(parameters: list[torch.nn.Parameter], step: int, sparse: bool) -> None:
    """Of a quadratic of condition number 100, with noise; a few rows only where gradients are sparse."""
    shapes = tuple(p.shape for p in parameters)
    for p, noise in zip(parameters, noises(shapes, parameters[0].dtype, step), strict=True):
        curvature = torch.linspace(0.1, 10, p.numel()).reshape(p.shape)
        g = curvature * p.detach() + noise
        if sparse:
            g[step % 3] = 0
        p.grad = g.to_sparse(1) if sparse else g


@cache
def noises(shapes: tuple[torch.Size, ...], dtype: torch.dtype, step: int) -> list[torch.Tensor]:
    """The noise of one step; the same for both sides, and for every option."""
    generator = torch.Generator().manual_seed(1000 + step)
    return [0.3 * torch.randn(shape, dtype=dtype, generator=generator) for shape in shapes]


def wants_sparse(kind: type) -> bool:
    return "sparse" in kind.__name__.lower()


def test_enough_is_compared() -> None:
    assert len(FROM_SCRATCH) >= 19
    assert sum(1 for _ in cases()) >= 120


@pytest.mark.parametrize("name", FROM_SCRATCH)
def test_arguments_and_defaults_are_torchs(name: str) -> None:
    """No name of our own; defaults are torch's, but for a momentum of 0, which would make it another optimizer."""
    mine, theirs = arguments(ours(name)), arguments(torchs(name))
    assert set(mine) <= set(theirs)
    differing = {k for k, v in mine.items() if v != theirs[k]}
    assert differing <= {"momentum"}
    assert all(theirs[k] == 0 for k in differing)


def with_dtypes() -> Iterator[Any]:
    """Each case in real numbers, and in complex ones unless torch's class refuses them."""
    for case in cases():
        name, options = case.values
        yield pytest.param(name, options, torch.float64, id=f"{case.id}-real")
        if not refuses(f"{name}/use", "complex parameters"):
            yield pytest.param(name, options, torch.complex128, id=f"{case.id}-complex")


@pytest.mark.parametrize(("name", "options", "dtype"), list(with_dtypes()))
def test_option_equals_torch(name: str, options: dict[str, Any], dtype: torch.dtype) -> None:
    """Tolerance 1e-11 relative: float64 rounds at 1e-16, and 100 noisy steps add their roundings up."""
    kind, reference = ours(name), torchs(name)
    settings = {**arguments(kind), **options}
    mine, theirs = matrices(dtype), matrices(dtype)
    optimizer, other = kind(mine, **settings), reference(theirs, **settings, **fixed(name))
    original = [p.detach().clone() for p in mine]
    for step in range(STEPS):
        give_gradients(mine, step, wants_sparse(reference))
        give_gradients(theirs, step, wants_sparse(reference))
        optimizer.step()
        other.step()
        for p, q in zip(mine, theirs, strict=True):
            assert torch.allclose(p, q, rtol=1e-11, atol=1e-13), f"step {step}: off by {(p - q).abs().max()}"
            state, expected = optimizer.state[p], other.state[q]
            assert set(state) <= set(expected), "state of names that torch's has not is compared with nothing"
            for key in state:
                if state[key] is None or expected[key] is None:
                    assert state[key] is expected[key]
                    continue
                got, want = (as_real(torch.as_tensor(t)).double() for t in (state[key], expected[key]))
                assert torch.allclose(got, want, rtol=1e-11, atol=1e-13), f"step {step}: {key}"
    assert not any(torch.equal(p, o) for p, o in zip(mine, original, strict=True))


def raises(kind: type, settings: dict[str, Any]) -> type | None:
    try:
        kind(matrices(torch.float64), **settings)
    except Exception as error:
        return type(error)
    return None


def ways() -> Iterator[Any]:
    """Each of torch's other ways to compute that its class has and that this machine can run."""
    for case in cases():
        if not case.id.endswith("-defaults"):
            continue
        name = case.values[0]
        for way in sorted({"foreach", "fused"} & set(inspect.signature(torchs(name)).parameters)):
            if raises(torchs(name), {way: True}) is None:
                yield pytest.param(name, way, id=f"{name}-{way}")


@pytest.mark.parametrize(("name", "way"), list(ways()))
def test_equals_torchs_other_ways_to_compute(name: str, way: str) -> None:
    """With `foreach` or `fused` torch computes the same; order and rounding may differ, hence 1e-9."""
    kind = torchs(name)
    mine, theirs = matrices(torch.float64), matrices(torch.float64)
    optimizer, other = ours(name)(mine), kind(theirs, **arguments(ours(name)), **fixed(name), **{way: True})
    for step in range(STEPS):
        give_gradients(mine, step, wants_sparse(kind))
        give_gradients(theirs, step, wants_sparse(kind))
        optimizer.step()
        other.step()
        for p, q in zip(mine, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-12)


def test_enough_ways_are_compared() -> None:
    found = [case.values[1] for case in ways()]
    assert found.count("foreach") >= 14
    assert found.count("fused") >= 4


@pytest.mark.parametrize("name", [case.values[0] for case in cases() if case.id.endswith("-defaults")])
def test_every_option_changes_the_run(name: str) -> None:
    """The other values are felt, or the test above would prove nothing: each moves a parameter from the default run."""
    kind = torchs(name)

    def end(**options: Any) -> torch.Tensor:
        parameters = matrices(torch.float64)
        optimizer = kind(parameters, **{**arguments(ours(name)), **fixed(name), **options})
        for step in range(STEPS):
            give_gradients(parameters, step, wants_sparse(kind))
            optimizer.step()
        return torch.cat([p.detach().flatten() for p in parameters])

    default, decayed = end(), end(weight_decay=0.1) if "weight_decay" in arguments(ours(name)) else None
    for argument, value in arguments(ours(name)).items():
        changed = {argument: other_value(argument, value)}
        if argument == "decoupled_weight_decay":  # felt with decay only
            assert not torch.allclose(end(weight_decay=0.1, **changed), decayed, atol=1e-6)
        elif argument != "t0":  # ASGD's start of averaging changes its state alone
            assert not torch.allclose(end(**changed), default, atol=1e-9), argument


@pytest.mark.parametrize("name", FROM_SCRATCH)
def test_refuses_what_torch_refuses(name: str) -> None:
    """Each bad value of the suite, and NaN: ours raises ValueError wherever torch refuses it."""
    mine = arguments(ours(name))
    compared = 0
    for argument, values in BAD.items():
        if argument not in mine:
            continue
        for value in [*values, float("nan")]:
            if isinstance(mine[argument], tuple) != isinstance(value, tuple):
                continue
            expected = raises(torchs(name), {**mine, **fixed(name), argument: value})
            got = raises(ours(name), {**mine, argument: value})
            if expected is not None:
                assert got is ValueError, f"{argument}={value}: torch raises {expected.__name__}, ours {got}"
                compared += 1
    assert compared
