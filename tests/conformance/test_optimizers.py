"""Conformance of every optimizer of the guide, found by its file: nothing here names one.

`snippets/optimizers/<id_>/use.py` gives `make_optimizer`, `from_scratch.py` beside it one `torch.optim.Optimizer`
subclass (or a `make_optimizer` of its own, where the class needs more than parameters and a learning rate). Peculiar
ones are handled by what they do, not by their name:

- every step gets a closure, so optimizers that need one (L-BFGS, SAM) run as the others do;
- what an optimizer refuses stands in `REFUSES` of `tests/support/every_optimizer.py`, and it must refuse just that;
- an optimizer that refuses dense gradients gets the same gradients as sparse ones;
- an optimizer with `train()` and `eval()` of its own (schedule-free) is switched as its documentation says;
- a budget of 300 calls of the closure, not of steps, makes one step of L-BFGS count for the evaluations it takes;
- a group whose rate is 0 also gets a floor of 0 where the optimizer has a floor on its step (`step_sizes` of Rprop);
- parameters are matrices, because some optimizers (Muon) take nothing else.

Snippets of concept pages are no optimizers and have tests of their own.
"""

import inspect
import io
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from scripts.sources.outline import kind_of
from tests.support.every_optimizer import BAD, FOUND, MODULES, REFUSES, Make, refuses, start

Loss = Callable[[list[Tensor]], Tensor]
every_optimizer = pytest.mark.parametrize("name", FOUND or ["none found"])


def test_every_file_has_an_optimizer(catalog):
    assert FOUND, "no optimizer discovered under snippets/optimizers"
    concepts = {e.id.replace("-", "_") for e in catalog.entries if kind_of(e) == "concept"}
    techniques = {name for name in MODULES if name.partition("/")[0] not in concepts}
    assert techniques == set(FOUND), "a file has neither make_optimizer nor exactly one Optimizer class"


@pytest.fixture(autouse=True)
def sparse_checks():
    """torch warns until one says whether sparse tensors are to be checked."""
    with torch.sparse.check_sparse_tensor_invariants(True):
        yield


# Problems: a list of matrices -> loss. Each starts from the same place.


def quadratic(parameters: list[Tensor]) -> Tensor:
    """Convex, condition number 100, minimum 0 at 0."""
    scale = torch.logspace(0, 2, 12, dtype=parameters[0].dtype).reshape(4, 3)
    return sum(0.5 * (scale * p.square()).mean() for p in parameters)


def rosenbrock(parameters: list[Tensor]) -> Tensor:
    """Curved valley in each row's first two columns, minimum 0 at 1; the third column only has to go to 1."""
    total = torch.zeros((), dtype=parameters[0].dtype)
    for p in parameters:
        x, y, z = p[:, 0] - 2, p[:, 1], p[:, 2]
        total = total + ((1 - x) ** 2 + 100 * (y - x**2) ** 2 + (z - 1) ** 2).mean()
    return total


def linear(slope: float) -> Loss:
    return lambda parameters: sum(slope * p.sum() for p in parameters)


def switch(optimizer: torch.optim.Optimizer, mode: str) -> None:
    if hasattr(optimizer, mode):
        getattr(optimizer, mode)()


def wants_sparse(name: str) -> bool:
    """True for an optimizer that refuses a dense gradient."""
    return refuses(name, "dense gradients")


def test_only_what_is_there_is_refused() -> None:
    """Every name in `REFUSES` is an optimizer's."""
    assert set().union(*REFUSES.values()) <= set(FOUND)


@every_optimizer
def test_dense_gradient(name):
    """It is taken, or refused by an error that asks for a sparse one."""
    make, _ = FOUND[name]
    parameters = start()
    if wants_sparse(name):
        with pytest.raises(RuntimeError, match=r"dense|[Ss]parse"):
            descend(make(parameters), parameters, quadratic, steps=1, sparse=False)
    else:
        descend(make(parameters), parameters, quadratic, steps=2, sparse=False)
        assert not any(torch.equal(p, q) for p, q in zip(parameters, start(), strict=True))


def descend(
    optimizer: torch.optim.Optimizer, parameters: list, loss_of: Loss, steps: int, sparse: bool, first: int = 0
) -> list[float]:
    """Take steps, each with a closure; the scale of the loss depends on the step's number, as mini-batches' does.

    It ends early when the closure has been called `steps` times.
    """
    losses: list[float] = []
    calls = 0
    switch(optimizer, "train")
    for step in range(first, first + steps):
        tilt = 1 + 0.1 * ((step * 7) % 5 - 2)  # 0.8 .. 1.2

        def closure(tilt: float = tilt) -> Tensor:
            nonlocal calls
            calls += 1
            optimizer.zero_grad()
            loss = tilt * loss_of(parameters)
            loss.backward()
            if sparse:
                for p in parameters:
                    if p.grad is not None:
                        p.grad = p.grad.to_sparse(1)
            return loss

        losses.append(optimizer.step(closure))
        if calls >= steps and step >= first + 1:
            break
    return losses


def value_after(make: Make, loss_of: Loss, steps: int, sparse: bool, **settings: float) -> float:
    parameters = start()
    optimizer = make(parameters, **settings)
    descend(optimizer, parameters, loss_of, steps, sparse)
    switch(optimizer, "eval")
    return float(loss_of(parameters).detach())


RATES = [0.1, 0.03, 0.3, 1.0, 0.01, 3.0, 3e-3, 1e-3, 10.0, 3e-4, 1e-4]  # those that do for most come first


@every_optimizer
@pytest.mark.parametrize("problem", [quadratic, rosenbrock])
def test_minimizes(name, problem):
    """The default learning rate lowers the loss, and some rate of a coarse grid brings it to a tenth in 300 steps."""
    make, _ = FOUND[name]
    sparse = wants_sparse(name)
    before = float(problem(start()).detach())
    if problem is quadratic:
        assert value_after(make, problem, 50, sparse) < before
    best = before
    for lr in RATES:
        value = value_after(make, problem, 300, sparse, lr=lr)
        best = value if value < best else best  # a comparison with NaN is False: a diverged run never counts
        if best < 0.1 * before:
            break
    assert best < 0.1 * before


@every_optimizer
def test_group_with_zero_rate_does_not_move(name):
    make, _ = FOUND[name]
    sparse = wants_sparse(name)
    still, moving = start()
    original = [still.detach().clone(), moving.detach().clone()]
    groups = [{"params": [moving]}, {"params": [still], "lr": 0.0}]
    if refuses(name, "parameter groups"):
        with pytest.raises(ValueError, match="parameter groups"):
            make(groups)
        return
    optimizer = make(groups)
    if "step_sizes" in optimizer.param_groups[1]:
        optimizer.param_groups[1]["step_sizes"] = (0.0, 0.0)
    descend(optimizer, [still, moving], quadratic, 5, sparse)
    assert torch.equal(still, original[0])
    assert not torch.equal(moving, original[1])


@every_optimizer
def test_weight_decay_shrinks_parameters(name):
    """Under a zero gradient only decay can move a parameter, and more of it moves the parameter closer to zero.

    An optimizer that stands still under a zero gradient, decay or not, is asked again with a gradient of 1.
    """
    make, _ = FOUND[name]
    sparse = wants_sparse(name)
    assert ("weight_decay" in make(start()).param_groups[0]) != refuses(name, "weight decay")
    if refuses(name, "weight decay"):
        return

    def norm_after(weight_decay: float, slope: float) -> float:
        parameters = start()
        optimizer = make(parameters)
        for group in optimizer.param_groups:
            group["weight_decay"] = weight_decay
        descend(optimizer, parameters, linear(slope), 10, sparse)
        switch(optimizer, "eval")
        return sum(p.norm().item() for p in parameters)

    original = sum(p.norm().item() for p in start())
    if norm_after(0.1, 0.0) != original:
        assert norm_after(0.1, 0.0) < norm_after(0.0, 0.0) <= original
    else:
        assert norm_after(0.1, 1.0) < norm_after(0.0, 1.0)


@every_optimizer
def test_step_returns_the_closures_loss(name):
    make, _ = FOUND[name]
    sparse = wants_sparse(name)
    parameters = start()
    optimizer = make(parameters)
    losses = descend(optimizer, parameters, quadratic, 1, sparse)
    assert float(torch.as_tensor(losses[0]).detach()) == pytest.approx(0.8 * float(quadratic(start()).detach()))


@every_optimizer
def test_step_without_closure(name):
    """It works on the gradients that are there, or says that it needs a closure."""
    make, _ = FOUND[name]
    sparse = wants_sparse(name)
    parameters = start()
    optimizer = make(parameters)
    switch(optimizer, "train")
    quadratic(parameters).backward()
    if sparse:
        for p in parameters:
            p.grad = p.grad.to_sparse(1)
    if refuses(name, "steps without closure"):
        with pytest.raises((TypeError, ValueError), match="closure"):
            optimizer.step()
        return
    result = [optimizer.step() for _ in range(3)][-1]  # some only gather statistics at the first step
    assert result is None
    assert not torch.equal(parameters[0], start()[0])


@every_optimizer
@pytest.mark.parametrize("steps", [4, 10])  # some change their step after the fifth, some do a thing at each tenth
def test_resume_equals_an_uninterrupted_run(name, steps):
    """Some steps, a file, ten more: bit for bit the run without the file.

    In float32, as one trains: `load_state_dict` casts scalars of the state to the parameter's type, so that in float64
    torch's own NAdam goes on with a `mu_product` of another precision.
    """
    make, _ = FOUND[name]
    sparse = wants_sparse(name)
    through = start(torch.float32)
    optimizer = make(through)
    descend(optimizer, through, quadratic, steps, sparse)
    descend(optimizer, through, quadratic, 10, sparse, first=steps)

    saved = start(torch.float32)
    optimizer = make(saved)
    descend(optimizer, saved, quadratic, steps, sparse)
    file = io.BytesIO()
    torch.save({"parameters": [p.detach() for p in saved], "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    checkpoint = torch.load(file, weights_only=True)

    resumed = [torch.nn.Parameter(p) for p in checkpoint["parameters"]]
    optimizer = make(resumed)
    optimizer.load_state_dict(checkpoint["optimizer"])
    descend(optimizer, resumed, quadratic, 10, sparse, first=steps)
    for p, q in zip(resumed, through, strict=True):
        assert torch.equal(p, q)


@every_optimizer
def test_parameter_without_gradient_is_skipped(name):
    make, _ = FOUND[name]
    sparse = wants_sparse(name)
    used, unused = start()
    before = unused.detach().clone()
    optimizer = make([used, unused])
    descend(optimizer, [used, unused], lambda parameters: quadratic(parameters[:1]), 3, sparse)
    assert unused.grad is None
    assert torch.equal(unused, before)
    assert torch.isfinite(used).all()


@every_optimizer
def test_sparse_gradient(name):
    """A sparse gradient is refused by an error that says so, or the first step moves the rows it names and no other."""
    make, _ = FOUND[name]
    parameters = start()[:1]
    before = parameters[0].detach().clone()
    optimizer = make(parameters)

    def rows(p: list[Tensor]) -> Tensor:
        return quadratic([p[0][1:3].repeat(2, 1)])

    if refuses(name, "sparse gradients"):
        with pytest.raises(RuntimeError, match=r"[Ss]parse"):
            descend(optimizer, parameters, rows, 1, sparse=True)
        assert torch.equal(parameters[0], before), "it complained after it had moved the parameter"
        return
    descend(optimizer, parameters, rows, 1, sparse=True)
    moved = (parameters[0] != before).any(dim=1)
    assert moved.tolist() == [False, True, True, False]


@every_optimizer
@pytest.mark.parametrize("slope", [0.0, 1e-20, 1.0, 1e10])
def test_no_parameter_becomes_nan(name, slope):
    """In float32, gradients of zero and of any size leave finite parameters."""
    make, _ = FOUND[name]
    sparse = wants_sparse(name)
    parameters = start(torch.float32)
    optimizer = make(parameters)
    descend(optimizer, parameters, linear(slope), 20, sparse)
    switch(optimizer, "eval")
    assert all(torch.isfinite(p).all() for p in parameters)


@every_optimizer
def test_bad_hyperparameters_are_refused(name):
    make, owner = FOUND[name]
    with pytest.raises((ValueError, TypeError)):
        make(start(), lr=-0.1)
    if owner is None:
        return  # the library's class: its own business beyond the rate
    arguments = inspect.signature(owner.__init__).parameters
    assert "lr" in arguments
    for argument, values in BAD.items():
        if argument not in arguments:
            continue
        default = arguments[argument].default
        of_our_own = name.endswith("/use") and argument != "lr"  # NaN for the others: as torch, test_optimizer_options
        for value in [*values, float("nan")] if of_our_own and isinstance(values[0], float) else values:
            if isinstance(default, tuple) != isinstance(value, tuple):
                continue  # the same name for another kind of thing, such as Adafactor's pair of eps
            with pytest.raises((ValueError, TypeError)):
                owner(start(), **{argument: value})
