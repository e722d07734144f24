"""The training loop: against a loop by hand, each call in a wrong place, and the claims of its page."""

import copy
import itertools
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from snippets.training.training_loop_skeleton.evidence import LOOPS
from snippets.training.training_loop_skeleton.use import evaluate, train_epoch

OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01),
}
loss_fn = nn.CrossEntropyLoss()


def batches(count: int = 5, size: int = 8) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, size, 6, generator=generator, dtype=torch.float64)
    y = torch.randint(3, (count, size), generator=generator)
    return list(zip(x, y, strict=True))


def network(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), *layers, nn.Linear(8, 3)).double()


def weights(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("max_norm", [None, 0.05])
def test_equals_a_loop_by_hand(max_norm: float | None) -> None:
    """Weights equal those of a loop with autograd.grad, a norm cut by hand, and w - lr g; the rate falls each step."""
    model = network(nn.Tanh())
    by_hand = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.9**step)
    mean = train_epoch(model.eval(), loss_fn, batches(), optimizer, scheduler, max_norm)
    losses, cut = [], 0
    for step, (x, y) in enumerate(batches()):
        loss = loss_fn(by_hand(x), y)
        parameters = list(by_hand.parameters())
        gradients = torch.autograd.grad(loss, parameters)
        norm = torch.cat([g.flatten() for g in gradients]).norm().item()
        factor = 1.0 if max_norm is None else min(1.0, max_norm / (norm + 1e-6))  # torch's own 1e-6
        cut += factor < 1
        with torch.no_grad():
            for p, g in zip(parameters, gradients, strict=True):
                p -= 0.5 * 0.9**step * factor * g
        losses.append(loss.item())
    assert (weights(model) - weights(by_hand)).abs().max() < 1e-12
    assert mean == pytest.approx(sum(losses) / len(losses), rel=1e-6)  # the sum is kept in float32
    assert model.training
    assert cut == (0 if max_norm is None else len(losses))


@pytest.mark.parametrize("size", [1, 7, 64, 100, 1000])
def test_mean_is_that_of_the_whole_set(size: int) -> None:
    """Loss and accuracy are those of all 100 samples at once, at batch sizes that divide 100 and that do not."""
    model = network(nn.BatchNorm1d(8), nn.Dropout(0.5))
    x, y = torch.randn(100, 6, dtype=torch.float64), torch.randint(3, (100,))
    loss, accuracy = evaluate(model, loss_fn, zip(x.split(size), y.split(size), strict=True))
    outputs = model.eval()(x)
    assert loss == pytest.approx(loss_fn(outputs, y).item(), rel=1e-6)
    assert accuracy == pytest.approx((outputs.argmax(dim=1) == y).double().mean().item(), rel=1e-6)


def test_weighted_losses_have_no_such_mean() -> None:
    """With class weights or ignored targets, batches of 7 and of 100 give different means; without, the same."""
    model = network()
    x, y = torch.randn(100, 6, dtype=torch.float64), torch.arange(100) // 34  # in blocks
    for weight in (None, torch.tensor([1.0, 5.0, 20.0], dtype=torch.float64)):
        loss = nn.CrossEntropyLoss(weight)
        small, large = (evaluate(model, loss, zip(x.split(n), y.split(n), strict=True))[0] for n in (7, 100))
        assert (small == pytest.approx(large, rel=1e-5)) == (weight is None)
    y[3:50] = -100  # which CrossEntropyLoss ignores
    small, large = (evaluate(model, loss_fn, zip(x.split(n), y.split(n), strict=True))[0] for n in (10, 100))
    assert small != pytest.approx(large, rel=1e-2)
    kept = [(a[b >= 0], b[b >= 0]) for a, b in zip(x.split(10), y.split(10), strict=True) if (b >= 0).any()]
    assert evaluate(model, loss_fn, kept)[0] == pytest.approx(large, rel=1e-5)


def test_evaluation_leaves_no_trace() -> None:
    """Weights, buffers, gradients, random state and modes are the same; a frozen norm stays in eval mode.

    With a list of batches and with loaders, of which each draws a seed, and where the model or the data fail.
    """
    model = network(nn.BatchNorm1d(8), nn.Dropout(0.5))
    model.train()
    model[1].eval()
    loss_fn(model(batches()[0][0]), batches()[0][1]).backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    state, modes = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
    random = torch.get_rng_state()
    data = TensorDataset(torch.randn(9, 6, dtype=torch.float64), torch.arange(9) % 3)
    torch.set_rng_state(random)
    for given in (batches(), DataLoader(data, 4), DataLoader(data, 4, shuffle=True)):
        evaluate(model, loss_fn, given)
    for wrong in ([], [(batches()[0][0], torch.zeros(8, 1))], [(torch.zeros(8, 5).double(), torch.zeros(8).long())]):
        with pytest.raises((ValueError, RuntimeError)):
            evaluate(model, loss_fn, wrong)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))
    assert [m.training for m in model.modules()] == modes == [True, True, False, True, True]
    assert torch.equal(torch.get_rng_state(), random)


def test_what_has_no_accuracy_is_refused() -> None:
    """Targets in a column, a picture of targets, and no batch at all: an error and no number."""
    column = (torch.randn(8, 6, dtype=torch.float64), torch.zeros(8, 1, dtype=torch.float64))
    picture = (torch.randn(2, 1, 4, 4), torch.zeros(2, 4, 4).long())
    for model, loss, pair in (
        (nn.Linear(6, 1).double(), nn.BCEWithLogitsLoss(), column),
        (nn.Conv2d(1, 3, 1), loss_fn, picture),
    ):
        with pytest.raises(ValueError, match="not one class a sample"):
            evaluate(model, loss, [pair])
    used = iter(batches())
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train_epoch(model, loss_fn, used, optimizer)
    for again in (lambda: train_epoch(model, loss_fn, used, optimizer), lambda: evaluate(model, loss_fn, used)):
        with pytest.raises(ValueError, match="no batch"):
            again()


def test_eval_mode_stays() -> None:
    """A loop without train() after eval(): dropout passes everything, and batch norm's buffers do not move."""
    model = network(nn.BatchNorm1d(8), nn.Dropout(0.5))
    model.eval()
    before = copy.deepcopy(dict(model[1].named_buffers()))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in batches():
        hidden = model[1](model[0](x))
        assert torch.equal(model[2](hidden), hidden)
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in model[1].named_buffers())
    train_epoch(model, loss_fn, batches(), optimizer)  # which calls train()
    assert not any(torch.equal(value, before[name]) for name, value in model[1].named_buffers())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_zero_grad_anywhere_before_backward(name: str) -> None:
    """Before the forward pass, between forward and backward, after step(): the same weights, bit by bit."""

    def run(place: str) -> Tensor:
        model = network(nn.Tanh())
        optimizer = OPTIMIZERS[name](model.parameters())
        for x, y in batches():
            if place == "first":
                optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            if place == "middle":
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if place == "last":
                optimizer.zero_grad()
        return weights(model)

    assert torch.equal(run("first"), run("middle"))
    assert torch.equal(run("first"), run("last"))
    assert not torch.equal(run("first"), run("nowhere"))


@pytest.mark.parametrize("count", [2, 5])
def test_gradients_add_up(count: int) -> None:
    """After several backward passes without zero_grad(), .grad is the sum of the gradients."""
    model = network(nn.Tanh())
    each = [torch.autograd.grad(loss_fn(model(x), y), list(model.parameters())) for x, y in batches(count)]
    for x, y in batches(count):
        loss_fn(model(x), y).backward()
    for p, gradients in zip(model.parameters(), zip(*each, strict=True), strict=True):
        assert p.grad is not None
        assert torch.allclose(p.grad, sum(gradients, torch.zeros_like(p)), rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("set_to_none", [True, False])
def test_cleared_gradients_train_nothing(name: str, set_to_none: bool) -> None:
    """zero_grad() between backward() and step(): no weight moves; gradients that are zeros still decay them."""
    model = network(nn.Tanh())
    before = weights(model)
    optimizer = OPTIMIZERS[name](model.parameters())
    for x, y in batches():
        loss_fn(model(x), y).backward()
        optimizer.zero_grad(set_to_none=set_to_none)
        optimizer.step()
    assert torch.equal(weights(model), before) == set_to_none


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_clipping_elsewhere_does_nothing(name: str) -> None:
    """Clipping before backward() or after step() gives the weights of no clipping; between them it gives others."""

    def run(place: str) -> Tensor:
        model = network(nn.Tanh())
        optimizer = OPTIMIZERS[name](model.parameters())
        for scale, (x, y) in zip([1, 30, 1, 30, 1], batches(), strict=True):  # a common factor is nothing to Adam
            loss = scale * loss_fn(model(x), y)
            optimizer.zero_grad()
            for here in ("before", "", "between", "", "after"):
                if here == "between":
                    loss.backward()
                if here and here == place:
                    nn.utils.clip_grad_norm_(model.parameters(), 0.01)
                if here == "between":
                    optimizer.step()
        return weights(model)

    assert torch.equal(run("before"), run("nowhere"))
    assert torch.equal(run("after"), run("nowhere"))
    assert not torch.equal(run("between"), run("nowhere"))


@pytest.mark.parametrize("calls_per_epoch", [1, 10])
def test_schedulers_count_calls(calls_per_epoch: int) -> None:
    """StepLR(optimizer, 30) lowers the rate at its 30th call, whether it is called once or ten times an epoch."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
    lowered = []
    for epoch, _ in itertools.product(range(1, 61), range(calls_per_epoch)):
        optimizer.step()
        before = optimizer.param_groups[0]["lr"]
        scheduler.step()
        if optimizer.param_groups[0]["lr"] < before:
            lowered.append(epoch)
    assert lowered[0] == 30 // calls_per_epoch


def test_no_grad_is_not_eval() -> None:
    """Under no_grad() dropout still drops; in eval mode alone outputs still hold their graph."""
    model = network(nn.Dropout(0.5))
    x = batches()[0][0]
    with torch.no_grad():
        assert not torch.equal(model(x), model(x))
    assert model.eval()(x).requires_grad
    assert torch.equal(model(x), model(x))


def reaches(total: Tensor) -> int:
    """Number of losses whose graphs a sum still holds."""
    found, todo = set(), [total.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in found:
            found.add(node)
            todo += [following for following, _ in node.next_functions]
    return sum(node.name().startswith("NllLoss") for node in found)


def test_sum_of_losses_holds_graphs() -> None:
    """A sum of ten losses reaches back to ten graphs, a sum of detached losses to none."""
    model = network(nn.Tanh())
    total, detached = torch.zeros(()), torch.zeros(())
    for x, y in batches(10):
        loss = loss_fn(model(x), y)
        total = total + loss
        detached = detached + loss.detach()
    assert reaches(total) == 10
    assert reaches(detached) == 0


def test_train_wakes_frozen_layers() -> None:
    """model.train() puts every module into training mode, a norm in eval mode too; its buffers then move."""
    model = network(nn.BatchNorm1d(8))
    model[1].eval()
    before = model[1].running_mean.clone()
    train_epoch(model, loss_fn, batches(), torch.optim.SGD(model.parameters(), lr=0.0))
    assert all(module.training for module in model.modules())
    assert not torch.equal(model[1].running_mean, before)


def test_warns_about_the_order() -> None:
    """scheduler.step() before optimizer.step() warns once, at the first call, and never in the right order."""

    def heard(right: bool) -> list[int]:
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
        counts = []
        for _ in range(5):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                for call in (optimizer.step, scheduler.step) if right else (scheduler.step, optimizer.step):
                    call()
            counts.append(sum("Detected call of `lr_scheduler.step()` before" in str(w.message) for w in caught))
        return counts

    assert heard(right=False) == [1, 0, 0, 0, 0]
    assert heard(right=True) == [0, 0, 0, 0, 0]


def last(evidence, loop: str) -> Tensor:
    """Test accuracy after the last epoch, for each seed."""
    return torch.tensor(evidence()[loop])[:, -1]


def test_two_faults_are_loud(evidence) -> None:
    """Cleared gradients: within 0.05 of 0.1. A forgotten zero_grad(): more than 0.4 below the right order."""
    assert list(evidence()) == list(LOOPS)
    assert last(evidence, "zero_grad() after backward()").mean() == pytest.approx(0.1, abs=0.05)
    assert last(evidence, "no zero_grad()").mean() < last(evidence, "right order").mean() - 0.4


def test_two_faults_are_quiet(evidence) -> None:
    """A forgotten eval() and a schedule that counts batches: 0.03 to 0.15 below the right order, for each seed."""
    for loop in ("no eval()", "scheduler.step() for each batch"):
        lost = last(evidence, "right order") - last(evidence, loop)
        assert lost.min() > 0.03
        assert lost.max() < 0.15


def test_train_once_is_not_seen(evidence) -> None:
    """The means differ by less than the standard deviation of the seeds."""
    right, once = last(evidence, "right order"), last(evidence, "train() only once")
    assert (right.mean() - once.mean()).abs() < min(right.std(), once.std())
