"""AdaGrad: step by step against torch, closed forms, and the claims of its page."""

import math

import pytest
import torch

from snippets.optimizers.adagrad.evidence import FEATURES
from snippets.optimizers.adagrad.from_scratch import Adagrad
from tests.support.optimizers import numbers_per_parameter, same_trajectory


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "settings",
    [{}, {"weight_decay": 0.1, "lr_decay": 0.01}, {"initial_accumulator_value": 0.1, "eps": 1e-3}, {"maximize": True}],
)
def test_equals_torch(settings, dtype):
    """Over 120 noisy steps values and sums equal torch.optim.Adagrad's."""
    assert same_trajectory(Adagrad, torch.optim.Adagrad, dtype=dtype, **settings) < 1e-10


def lengths(gradients: list[float], optimizer_class: type = torch.optim.Adagrad, **settings: float) -> list[float]:
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = optimizer_class([theta], **settings)
    result = []
    for g in gradients:
        before = theta.item()
        theta.grad = torch.full_like(theta, g)
        optimizer.step()
        result.append(before - theta.item())
    return result


def after_warmup(gradients: list[float]) -> float:
    """Length of the last step where the rate rises to 0.1 over the first ten."""
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.Adagrad([theta], lr=0.1)
    for step, g in enumerate(gradients, start=1):
        optimizer.param_groups[0]["lr"] = 0.1 * min(1.0, step / 10)
        before = theta.item()
        theta.grad = torch.full_like(theta, g)
        optimizer.step()
    return before - theta.item()


@pytest.mark.parametrize("gradient", [1e-3, 1.0, 1e3])
def test_steps_fall_like_one_over_root_t(gradient):
    """Under a steady gradient of any size, step t has length lr / sqrt(t)."""
    got = lengths([gradient] * 400, lr=0.1)
    assert got == pytest.approx([0.1 / math.sqrt(t) for t in range(1, 401)], rel=1e-6)


def test_a_hundredth_after_ten_thousand_steps():
    """Under a steady gradient step 10,000 is a hundredth of the first."""
    got = lengths([1.0] * 10_000, lr=0.1)
    assert got[-1] == pytest.approx(got[0] / 100, rel=1e-6)


def test_one_large_gradient_is_never_forgotten():
    """After one gradient of 100, 2000 gradients of 1 move it by under a hundredth of lr each; RMSprop recovers.

    A warm-up of ten steps, over a burst as long, leaves the later steps as short; clipping the burst does not.
    """
    with_burst = lengths([100.0] + [1.0] * 2000, lr=0.1)
    without = lengths([1.0] * 2001, lr=0.1)
    assert max(with_burst[1:]) < 0.1 / 100
    assert with_burst[-1] < 0.1 / math.sqrt(100**2 + 1999)
    assert without[-1] > 2 * with_burst[-1]
    forgetful = lengths([100.0] + [1.0] * 2000, torch.optim.RMSprop, lr=0.1)
    assert forgetful[-1] == pytest.approx(0.1, rel=1e-3)
    assert after_warmup([100.0] * 10 + [1.0] * 1990) < 0.1 / 300
    assert after_warmup([1.0] * 2000) > 0.1 / 50


def test_initial_value_damps_small_gradients():
    """From 0 the first step is lr whatever the gradient; from 0.1, TensorFlow's start, 1e-3 moves 0.3% of it."""
    assert lengths([1e-3], lr=0.1)[0] == pytest.approx(0.1, rel=1e-6)
    assert lengths([1e-3], lr=0.1, initial_accumulator_value=0.1)[0] == pytest.approx(
        0.1 * 1e-3 / math.sqrt(0.1), rel=1e-4
    )


@pytest.mark.parametrize(("rare", "decay"), [(1.0, 0.0), (1e-3, 0.0), (1e3, 0.0), (1.0, 0.01)])
def test_rare_rows_keep_their_rate(rare, decay):
    """A row seen for the first time at step 500 moves by lr, while a row seen each time moves by lr / sqrt(500).

    So it is for gradients of any size. With an lr_decay of 0.01 both moves are a sixth of that.
    """
    theta = torch.nn.Parameter(torch.zeros(2, 1))
    optimizer = torch.optim.Adagrad([theta], lr=0.1, lr_decay=decay)
    for _ in range(499):
        theta.grad = torch.tensor([[1.0], [0.0]])
        optimizer.step()
    before = theta.detach().clone()
    theta.grad = torch.tensor([[1.0], [rare]])
    optimizer.step()
    moved = (before - theta.detach()).flatten().tolist()
    lr = 0.1 / 5.99 if decay else 0.1
    assert moved == pytest.approx([lr / math.sqrt(500), lr], rel=1e-3)


def test_sparse_equals_dense():
    """With sparse gradients torch gives the values of dense ones, but refuses weight decay."""
    with torch.sparse.check_sparse_tensor_invariants(True):
        tables = [torch.nn.Embedding(10, 3, sparse=sparse) for sparse in (False, True)]
        tables[1].load_state_dict(tables[0].state_dict())
        optimizers = [torch.optim.Adagrad(t.parameters(), lr=0.1) for t in tables]
        for step in range(50):
            words = torch.tensor([step % 7, (3 * step) % 5, 2])
            for table, optimizer in zip(tables, optimizers, strict=True):
                optimizer.zero_grad()
                table(words).square().sum().backward()
                optimizer.step()
        torch.testing.assert_close(tables[0].weight, tables[1].weight)
        decayed = torch.optim.Adagrad(tables[1].parameters(), weight_decay=0.1)
        with pytest.raises(RuntimeError, match="weight_decay option is not compatible with sparse gradients"):
            decayed.step()
        own = {"params": tables[1].parameters(), "weight_decay": 0.0}  # the cure: a group of its own
        rest = torch.nn.Parameter(torch.ones(1))
        rest.grad = torch.ones(1)
        torch.optim.Adagrad([own, {"params": [rest]}], weight_decay=0.1).step()


def test_resume_without_state_starts_over():
    """A run resumed without the state takes a first step of lr again, 20 times as long as step 400."""
    assert lengths([1.0], lr=0.1)[0] / lengths([1.0] * 400, lr=0.1)[-1] == pytest.approx(20)


def test_rare_features_need_their_own_rate(evidence) -> None:
    """On the rarest features no rate of SGD takes a fifth off the error; Adam and AdaGrad end below half of SGD's.

    A weight starts at 0, so its first error is the size of its true value. From a rate of 0.1 on SGD diverges.
    """
    torch.manual_seed(0)
    start = torch.randn(FEATURES).abs()[-30:].mean()  # the experiment draws the true weights first
    errors = evidence()  # of ten groups of features, the most frequent first, for each optimizer and rate
    assert len(errors["SGD"]) == 6
    sgd = [errors["SGD"][lr][-1] for lr in ("0.003", "0.01", "0.03")]
    assert min(sgd) > 0.8 * start
    assert not torch.tensor([errors["SGD"][lr] for lr in ("0.1", "0.3", "1.0")]).isfinite().any()
    for adaptive in (errors["Adam"]["0.03"], errors["Adagrad"]["1.0"]):  # the rates of the table
        assert adaptive[-1] < min(sgd) / 2  # with other draws of the data 0.12 to 0.35


def test_sgd_leads_adagrad_on_frequent_features(evidence) -> None:
    """On the most frequent features, each at its best of six rates, SGD is ahead of AdaGrad; Adam at 0.1 is of both."""
    errors = evidence()
    assert {len(rates) for rates in errors.values()} == {6}
    best = {name: min(e[0] for e in rates.values() if math.isfinite(e[0])) for name, rates in errors.items()}
    assert best["SGD"] < 0.8 * best["Adagrad"]
    assert errors["Adam"]["0.1"][0] < 0.8 * best["SGD"]


def test_one_number_for_a_parameter():
    """The sum of squares: one number for each parameter."""
    assert numbers_per_parameter(torch.optim.Adagrad) == 1
