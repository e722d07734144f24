"""ranks-diverge: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.distributed._functional_collectives import all_gather_single
from torch.distributed.nn.functional import all_gather
from torch.nn import functional
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, TensorDataset

from snippets.checklist.ranks_diverge import check
from tests.support.planted import Record, Run, causes, prove

DATA = TensorDataset(torch.arange(16.0))


def shows(run: Run) -> bool:
    """In the last five lines four ranks have more than half of the loss of one."""
    alone, ranks = (sum(run.series(f"{which} loss")[-5:]) for which in ("alone", "ranks"))
    return ranks > 0.5 * alone


@causes("ranks-diverge")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def loaders(ranks: list[int], parts: int) -> list[DataLoader]:
    """A loader for each rank, whose sampler lies within a batch sampler."""
    samplers: list[DistributedSampler] = [DistributedSampler(DATA, parts, rank) for rank in ranks]
    return [DataLoader(DATA, batch_sampler=BatchSampler(sampler, 2, True)) for sampler in samplers]


def test_ranks_of_one_group_may_draw_the_same() -> None:
    """As where two halves of a model lie on two ranks; all parts of the data are drawn."""
    assert not check.ranks_with_one_number(loaders([0, 0, 1, 1], 2))
    assert "25%" in check.ranks_with_one_number(loaders([0, 0, 0, 0], 4))


def test_a_sampler_of_one_part_divides_nothing() -> None:
    """The number of ranks was not passed; and it need not be rank 0 whose batch is another's."""
    same = [(torch.ones(2), None)] * 4
    assert "4 of 4" in check.batches_without_sampler(loaders([0] * 4, 1), same)
    assert not check.batches_without_sampler(loaders([0] * 4, 4), same)
    plain = [DataLoader(DATA, 2)] * 3
    assert "2 of 3" in check.batches_without_sampler(plain, [(torch.zeros(2), None), *same[:2]])
    assert not check.batches_without_sampler(plain, [(torch.full((2,), float(n)), None) for n in range(3)])


def test_a_gradient_that_one_rank_lacks_differs() -> None:
    """A branch that only one rank took."""
    models = [nn.Linear(2, 1) for _ in range(2)]
    models[0].weight.grad = torch.ones(1, 2)
    assert "weight" in check.gradients_that_differ(models)
    models[1].weight.grad = torch.ones(1, 2)
    assert not check.gradients_that_differ(models)


def test_averaged_in_one_micro_batch() -> None:
    """DDP of torch, one rank: averaged in the last micro-batch it is the whole sum, in the first one the first alone.

    The flag must be set before the forward pass: set between forward and backward, it comes one micro-batch late.
    """
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        model = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
        averaged: list[float] = []

        def note(_: object, bucket: torch.distributed.GradBucket) -> torch.futures.Future[torch.Tensor]:
            averaged.append(bucket.buffer()[0].item())
            future: torch.futures.Future[torch.Tensor] = torch.futures.Future()
            future.set_result(bucket.buffer())
            return future

        model.register_comm_hook(None, lambda state, bucket: note(state, bucket))  # DDP reads annotations
        for place, amount in ((3, 4.0), (0, 1.0)):
            model.zero_grad()
            for n in range(4):
                with nullcontext() if n == place else model.no_sync():
                    model(torch.ones(1, 2)).sum().backward()
            assert averaged.pop() == amount
            assert not averaged
            assert bool(check.last_forward_without_averaging([model])) == (place == 0)
        model.require_backward_grad_sync = False
        model.zero_grad()
        for n in range(4):
            outputs = model(torch.ones(1, 2)).sum()
            model.require_backward_grad_sync = n == 3
            outputs.backward()
        assert not averaged
        assert "1 of 1" in check.last_forward_without_averaging([model])
    finally:
        torch.distributed.destroy_process_group()


def test_models_without_the_flag_and_one_rank_that_differs() -> None:
    """Plain modules say nothing; one of two ranks is counted."""
    models = [nn.Linear(2, 1) for _ in range(2)]
    assert check.last_forward_without_averaging(models) is None
    models[1].require_forward_param_sync = False  # type: ignore[assignment]
    assert "1 of 2 ranks" in check.last_forward_without_averaging(models)


def contrast(rows: torch.Tensor, others: torch.Tensor, first: int, temperature: float) -> torch.Tensor:
    """InfoNCE of one rank: its rows find their partners among all others, of which theirs begin at first."""
    scores = functional.normalize(rows, dim=1) @ functional.normalize(others, dim=1).T / temperature
    return functional.cross_entropy(scores, first + torch.arange(len(rows)))


def over_ranks(whole: bool, temperature: float = 0.1) -> Callable[..., torch.Tensor]:
    """The mean loss of all ranks, over the candidates of all or of one."""

    def loss(outputs: list[torch.Tensor], targets: list[torch.Tensor]) -> torch.Tensor:
        n = len(outputs[0])
        pairs = zip(outputs, targets, strict=True)
        losses = [
            contrast(a, torch.cat(targets) if whole else b, n * r * whole, temperature)
            for r, (a, b) in enumerate(pairs)
        ]
        return torch.stack(losses).mean()

    return loss


def test_averages_are_no_large_batch() -> None:
    """8 ranks with 64 pairs: the mean of their gradients is far from that of 512 pairs, unless all are candidates."""
    torch.manual_seed(0)
    model, x = nn.Linear(32, 16), torch.randn(512, 32)
    y = x + 0.5 * torch.randn(512, 32)

    def gradient(loss: torch.Tensor) -> torch.Tensor:
        model.zero_grad()
        loss.backward()
        assert model.weight.grad is not None
        return model.weight.grad.clone()

    def ranks(whole: bool) -> torch.Tensor:
        return gradient(over_ranks(whole)([model(a) for a in x.chunk(8)], [model(b) for b in y.chunk(8)]))

    right = gradient(contrast(model(x), model(y), 0, 0.1))
    torch.testing.assert_close(ranks(True), right, rtol=1e-4, atol=1e-5)
    assert (ranks(False) - right).norm() > 0.2 * right.norm()


def test_equal_embeddings_count() -> None:
    """Equal embeddings give log N at every temperature: log 8 more if all 8 ranks are candidates; the check counts."""
    outputs = [torch.randn(64, 16) for _ in range(8)]
    equal = [torch.ones(64, 16)] * 8
    for temperature in (0.01, 0.07, 1.0):
        for whole in (True, False):
            loss = over_ranks(whole, temperature)
            assert abs(loss(equal, equal).item() - math.log(512 if whole else 64)) < 1e-3
            said = check.candidates_of_one_rank(loss, outputs, outputs)
            assert said is None if whole else "64 candidates, and 512 samples on 8 ranks" in said
    assert check.candidates_of_one_rank(over_ranks(False), outputs[:1], outputs[:1]) is None
    assert check.candidates_of_one_rank(contrast, outputs[0], outputs[0]) is None


def test_gathered_without_gradient() -> None:
    """all_gather gives rows without a gradient; that of nn.functional, which warns, and all_gather_single keep it."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        own = torch.randn(3, 2, requires_grad=True)
        rows = [torch.empty(3, 2)]
        torch.distributed.all_gather(rows, own)
        assert torch.equal(rows[0], own)
        assert not rows[0].requires_grad
        with pytest.warns(FutureWarning, match="all_gather_single"):
            (kept,) = all_gather(own)
        for gathered in (kept, all_gather_single(own, 0, torch.distributed.group.WORLD)):
            assert torch.equal(gathered, own)
            (grad,) = torch.autograd.grad(gathered.sum(), own)
            assert torch.equal(grad, torch.ones(3, 2))
    finally:
        torch.distributed.destroy_process_group()
