"""Parameters updated: each fault is named at its tensor, healthy programs have none, and what the test cannot see."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from snippets.diagnostics.parameters_updated_test.evidence import PROGRAMS, make
from snippets.diagnostics.parameters_updated_test.use import wrong_updates

X, Y = torch.randn(64, 20, generator=torch.Generator().manual_seed(0)), torch.arange(64) % 5
BUFFERS = ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
FOUND = {
    PROGRAMS[0]: {},
    PROGRAMS[1]: {"0.weight": "not in the optimizer", "0.bias": "not in the optimizer"},
    PROGRAMS[2]: {"0.weight": "no gradient", "0.bias": "no gradient"},
    PROGRAMS[3]: {"0.weight": "frozen, and moved", "0.bias": "frozen, and moved"},
    PROGRAMS[4]: dict.fromkeys(BUFFERS, "buffer of a frozen layer, and moved"),
    PROGRAMS[5]: {"0.weight": "frozen, and moved", "0.bias": "frozen, and moved"},
    PROGRAMS[6]: {"1.weight": "its update is lost"},
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_names_each_fault(program: str) -> None:
    """The tensors at fault are named, each with its fault, and no others; without a fault none is."""
    torch.manual_seed(0)
    model, optimizer, step, frozen = make(program)
    assert wrong_updates(model, optimizer, step, frozen) == FOUND[program]


def test_loss_falls_in_each(evidence) -> None:
    """In each of the seven programs the loss of the last ten steps is at least 0.4 below that of the first three."""
    numbers = evidence()
    assert list(numbers) == PROGRAMS
    for program in PROGRAMS:
        losses = numbers[program]["losses"]
        assert sum(losses[-10:]) / 10 < sum(losses[:3]) / 3 - 0.4, program


def test_ineffective_freezing_looks_like_none(evidence) -> None:
    """requires_grad set on a module changes nothing: every loss is that of the program without a fault."""
    numbers = evidence()
    assert numbers[PROGRAMS[3]]["losses"] == numbers[PROGRAMS[0]]["losses"]


def training(model: nn.Module, optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(X), Y).backward()
        optimizer.step()

    return step


HEALTHY: dict[str, Callable[[], nn.Module]] = {
    "MLP": lambda: nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5)),
    "batch normalization": lambda: nn.Sequential(nn.Linear(20, 32, bias=False), nn.BatchNorm1d(32), nn.Linear(32, 5)),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 4, 5)), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 5)
    ),
    "dropout": lambda: nn.Sequential(nn.Linear(20, 32), nn.Dropout(0.5), nn.Linear(32, 5)),
    "frozen first layer": lambda: nn.Sequential(nn.Linear(20, 32).requires_grad_(False), nn.ReLU(), nn.Linear(32, 5)),
}


@pytest.mark.parametrize("kind", HEALTHY)
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_healthy_has_none(kind: str, optimizer: type) -> None:
    """Nothing is named in an MLP, with batch norm, convolution, dropout or a frozen layer, with three optimizers."""
    torch.manual_seed(0)
    model = HEALTHY[kind]()
    own = optimizer([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    assert wrong_updates(model, own, training(model, own)) == {}


def test_frozen_by_mistake() -> None:
    """A weight that should train and has requires_grad=False is named where the caller says what is frozen."""
    model = HEALTHY["frozen first layer"]()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    found = wrong_updates(model, optimizer, training(model, optimizer), frozen=[])
    assert found == dict.fromkeys(["0.weight", "0.bias"], "requires_grad is False")


def test_statistics_without_weights_are_seen() -> None:
    """Batch normalization without weights of its own has nothing that could be frozen; named in ``frozen`` it is."""
    model = nn.Sequential(nn.Linear(20, 32).requires_grad_(False), nn.BatchNorm1d(32, affine=False), nn.Linear(32, 5))
    optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)
    found = wrong_updates(model, optimizer, training(model, optimizer), frozen=["0", "1"])
    assert found == dict.fromkeys(BUFFERS, "buffer of a frozen layer, and moved")


def test_skipped_step_is_a_lost_update() -> None:
    """A loss scale that is far too large: GradScaler skips the steps, and all updates are said to be lost."""
    model = nn.Linear(20, 5)
    optimizer, scaler = torch.optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu", init_scale=2.0**126)

    def step() -> None:
        optimizer.zero_grad()
        scaler.scale(1e6 * nn.functional.cross_entropy(model(X), Y)).backward()
        scaler.step(optimizer)
        scaler.update()

    assert wrong_updates(model, optimizer, step) == dict.fromkeys(["weight", "bias"], "its update is lost")


class Branch(nn.Module):
    """A linear layer and a branch of two factors, the second of which starts at 0, as LoRA's does."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.a, self.b = nn.Linear(20, 5), nn.Linear(20, 4), nn.Linear(4, 5, bias=False)
        nn.init.zeros_(self.b.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.b(self.a(x))


def test_zero_factor_needs_a_second_step() -> None:
    """The factor before one that starts at 0 has gradient 0 in the first step; in three steps all move."""
    torch.manual_seed(0)
    model = Branch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    one = wrong_updates(model, optimizer, training(model, optimizer), steps=1)
    assert one == dict.fromkeys(["a.weight", "a.bias"], "gradient is 0")
    model = Branch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert wrong_updates(model, optimizer, training(model, optimizer)) == {}


def test_bias_before_batch_normalization() -> None:
    """SGD loses the update of a bias before batch normalization; moving it by 10 changes the loss by less than 1e-5.

    In some draws an element is so near 0 that a change of under 1e-9 is kept.
    """
    reports = []
    for seed in range(6):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.Linear(32, 5))
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
        start = model[0].bias.detach().clone()
        reports.append(wrong_updates(model, optimizer, training(model, optimizer)))
        assert (model[0].bias - start).abs().max() < 1e-9
        before = nn.functional.cross_entropy(model(X), Y)
        with torch.no_grad():
            model[0].bias.add_(10.0)
        assert nn.functional.cross_entropy(model(X), Y).item() == pytest.approx(before.item(), abs=1e-5)
    assert reports.count({"0.bias": "its update is lost"}) >= 4
    assert all(report in ({}, {"0.bias": "its update is lost"}) for report in reports)


class List(nn.Module):
    """Its hidden layer is in a plain list, which nn.Module does not look into."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.last = [nn.Linear(20, 20)], nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.hidden[0](x).relu())


def test_layer_in_a_list_is_not_seen() -> None:
    """A layer in a plain list has no name, so nothing is said of it, though it does not move."""
    model = List()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.hidden[0].weight.clone()
    assert wrong_updates(model, optimizer, training(model, optimizer)) == {}
    assert torch.equal(model.hidden[0].weight, before)
    assert len(dict(model.named_parameters())) == 2
