"""checkup: what it finds, and what it leaves alone. Of every planted bug it is asked where the bug is proved."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.diagnostics.checkup.use import checkup
from tests.support import planted
from tests.support.planted import Run

X, Y = torch.randn(64, 20, generator=torch.Generator().manual_seed(0)), torch.arange(64) % 5
Made = tuple[nn.Module, Any, tuple[Any, Any], Any]


def healthy(**changed: Any) -> Made:
    """Model, loss, batch and optimizer of a training without a fault, but for what is changed."""
    torch.manual_seed(0)
    model = changed.get("model") or nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
    optimizer = changed.get("optimizer", lambda m: torch.optim.Adam(m.parameters(), lr=1e-3))(model)
    batch = (changed.get("inputs", X), changed.get("targets", Y))
    return model, changed.get("loss_fn", nn.functional.cross_entropy), batch, optimizer


def names(made: Made) -> list[str]:
    """What was found, by name."""
    return [finding.name for finding in checkup(*made)]


class List(nn.Module):
    """A layer in a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(20, 5)
        self.layers = [nn.Linear(5, 5)]

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[0](self.first(x))


class Company(nn.Module):
    """Outputs that depend on the other samples."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x - x.mean(0))


class Noise(Company):
    """Dropout that does not know of eval mode."""

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(nn.functional.dropout(x, 0.5))


class Same(Company):
    """An output that does not use the input."""

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.zeros_like(x))


def linear(weight: float = 1.0, *modules: nn.Module) -> nn.Module:
    """A small model whose first layer is scaled."""
    model = nn.Sequential(nn.Linear(20, 32), *modules, nn.Linear(32, 5))
    model[0].weight.data.mul_(weight)
    return model


def deep(kind: type[nn.Module], depth: int, gain: float) -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(20, 32), kind()]
    for _ in range(depth):
        layers += [nn.Linear(32, 32), kind()]
    for layer in layers[::2]:
        nn.init.normal_(layer.weight, std=gain / math.sqrt(32))
    return nn.Sequential(*layers, nn.Linear(32, 5))


def dead() -> nn.Module:
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
    nn.init.constant_(model[0].bias, -50.0)
    return model


def fresh_norm() -> nn.Module:
    model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.Linear(32, 5))
    model[0].bias.data.fill_(100.0)
    model[1].running_var.fill_(1e-4)
    return model


class Residual(nn.Module):
    """Blocks whose last gain begins at 0, so that at first no gradient reaches what stands before it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(20, 32), nn.Linear(32, 5)
        self.blocks = nn.ModuleList(nn.Sequential(nn.ReLU(), nn.Linear(32, 32), nn.BatchNorm1d(32)) for _ in range(3))
        for block in self.blocks:
            nn.init.zeros_(block[2].weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


class Lists(nn.Module):
    """Plain lists of what is registered elsewhere, of what is not to be trained, and of what has nothing to train."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(20, 32), nn.Linear(32, 5)
        self.layers = [self.first, nn.Tanh(), self.second]
        self.teacher = [nn.Linear(20, 5).requires_grad_(False)]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:2]:
            x = layer(x)
        return nn.functional.linear(x, self.second.weight, self.second.bias)  # the last module called is Tanh


class Scaled(nn.Module):
    """A loss with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(self.scale * outputs, targets)


def zero_head(depth: int = 1) -> nn.Module:
    model = nn.Sequential(nn.Linear(20, 32), *(nn.Linear(32, 32) for _ in range(depth)), nn.ReLU(), nn.Linear(32, 5))
    nn.init.zeros_(model[-1].weight)
    return model


def own_parameters() -> Made:
    model, _, batch, _ = healthy()
    loss_fn = Scaled()
    return model, loss_fn, batch, torch.optim.Adam([*model.parameters(), *loss_fn.parameters()], lr=1e-3)


def penalty() -> Made:
    model, loss_fn, batch, optimizer = healthy()
    return model, lambda a, b: loss_fn(a, b) + 1e-4 * model[0].weight.square().sum(), batch, optimizer


def words() -> Made:
    model = nn.Sequential(nn.Embedding(5000, 16), nn.Linear(16, 5000))
    inputs = torch.randint(5000, (8, 4))
    loss_fn = lambda a, b: nn.functional.cross_entropy(a.flatten(0, 1), b.flatten())  # noqa: E731
    return healthy(model=model, inputs=inputs, targets=inputs.roll(1, 1), loss_fn=loss_fn)


FAULTS: dict[str, Callable[[], Made]] = {
    "not finite": lambda: healthy(inputs=X.clone().index_fill_(0, torch.tensor([3]), math.nan)),
    "constant": lambda: healthy(targets=torch.zeros(64, dtype=torch.int64)),
    "input scale": lambda: healthy(inputs=255 * X),
    "repeated": lambda: healthy(inputs=X[:4].repeat(16, 1)),
    "outputs": lambda: healthy(model=linear(math.inf)),
    "shapes": lambda: healthy(model=nn.Linear(20, 1), targets=Y.float(), loss_fn=lambda a, b: (a - b).pow(2).mean()),
    "range": lambda: healthy(
        model=nn.Sequential(nn.Linear(20, 1), nn.Sigmoid()), targets=3 + Y.float().unsqueeze(1), loss_fn=nn.MSELoss()
    ),
    "softmax": lambda: healthy(model=nn.Sequential(nn.Linear(20, 5), nn.Softmax(1))),
    "squashed": lambda: healthy(model=nn.Sequential(nn.Linear(20, 5), nn.Sigmoid())),
    "floor": lambda: healthy(loss_fn=lambda a, b: nn.functional.cross_entropy(a.softmax(1), b)),
    "same output": lambda: healthy(model=Same()),
    "loss": lambda: healthy(loss_fn=lambda a, b: (a.sum() * 0).log() * 0),
    "no gradient": lambda: healthy(loss_fn=lambda a, b: nn.functional.cross_entropy(a.detach(), b)),
    "loss at start": lambda: healthy(model=linear(100.0)),
    "negative": lambda: healthy(loss_fn=lambda a, b: nn.functional.nll_loss(a.softmax(1), b)),
    "gradient": lambda: healthy(loss_fn=lambda a, b: nn.functional.cross_entropy(a, b) + (a * 0).sum().sqrt()),
    "cut off": lambda: healthy(model=nn.Sequential(nn.Linear(20, 5), Unused())),
    "optimizer": lambda: healthy(optimizer=lambda m: torch.optim.SGD(m[0].parameters(), lr=0.1)),
    "not moved": lambda: healthy(optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=1e-30)),
    "update too large": lambda: healthy(optimizer=lambda m: torch.optim.Adam(m.parameters(), lr=1.0)),
    "update too small": lambda: healthy(optimizer=lambda m: torch.optim.Adam(m.parameters(), lr=1e-8)),
    "not registered": lambda: healthy(model=List()),
    "random": lambda: healthy(model=Noise()),
    "not independent": lambda: healthy(model=Company()),
    "modes": lambda: healthy(model=fresh_norm()),
    "dead units": lambda: healthy(model=dead()),
    "saturated": lambda: healthy(model=linear(100.0, nn.Tanh())),
    "signal": lambda: healthy(model=deep(nn.ReLU, 8, 0.2)),
    "vanishing": lambda: healthy(model=deep(nn.Sigmoid, 8, 1.0)),
    "error": lambda: healthy(inputs=X[:, :3]),
}


class Unused(nn.Module):
    """A layer that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize("fault", FAULTS)
def test_finds(fault: str) -> None:
    """Each fault that the table names is found by its name, in a model made for it."""
    assert fault in names(FAULTS[fault]())


def test_table_names_every_finding() -> None:
    """Every name that the file can give is tried here."""
    import re
    from pathlib import Path

    text = Path("snippets/diagnostics/checkup/use.py").read_text()
    assert set(re.findall(r'Finding\(\s*"([^"]+)"', text)) == set(FAULTS)


HEALTHY: dict[str, Callable[[], Made]] = {
    "classifier": healthy,
    "convolution with batch normalization": lambda: healthy(
        model=nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
        ),
        inputs=X[:, :16].reshape(64, 1, 4, 4),
    ),
    "dropout": lambda: healthy(model=linear(1.0, nn.ReLU(), nn.Dropout(0.5))),
    "regression": lambda: healthy(model=nn.Linear(20, 1), targets=X[:, :1] * 2, loss_fn=nn.MSELoss()),
    "binary, logits": lambda: healthy(
        model=nn.Linear(20, 1), targets=(Y % 2).float().unsqueeze(1), loss_fn=nn.BCEWithLogitsLoss()
    ),
    "binary, probabilities": lambda: healthy(
        model=nn.Sequential(nn.Linear(20, 1), nn.Sigmoid()), targets=(Y % 2).float().unsqueeze(1), loss_fn=nn.BCELoss()
    ),
    "label smoothing": lambda: healthy(loss_fn=nn.CrossEntropyLoss(label_smoothing=0.1)),
    "transformer": lambda: healthy(
        model=nn.Sequential(nn.TransformerEncoderLayer(20, 4, 32, batch_first=True), nn.Linear(20, 5)),
        loss_fn=lambda a, b: nn.functional.cross_entropy(a[:, 0], b),
        inputs=X.unsqueeze(1).repeat(1, 3, 1) * torch.tensor([1.0, -1.0, 0.5]).view(1, 3, 1),
    ),
    "sgd, frozen first layer": lambda: healthy(
        model=nn.Sequential(nn.Linear(20, 20).requires_grad_(False), nn.ReLU(), nn.Linear(20, 5)),
        optimizer=lambda m: torch.optim.SGD([p for p in m.parameters() if p.requires_grad], lr=0.1),
    ),
    "last gains at 0": lambda: healthy(model=Residual()),
    "last layer at 0": lambda: healthy(model=zero_head(4)),
    "words": words,
    "loss with a parameter": own_parameters,
    "penalty on weights": penalty,
    "LBFGS": lambda: healthy(optimizer=lambda m: torch.optim.LBFGS(m.parameters())),
    "plain lists": lambda: healthy(model=Lists(), loss_fn=nn.CrossEntropyLoss()),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_has_no_finding(kind: str) -> None:
    """Nothing is found in any of these, without a warning."""
    assert names(HEALTHY[kind]()) == []


@pytest.mark.parametrize("kind", HEALTHY)
def test_leaves_everything_as_it_was(kind: str) -> None:
    """Weights, buffers, gradients, modes, hooks, optimizer and random states are the same before and after."""
    model, loss_fn, (inputs, targets), optimizer = HEALTHY[kind]()
    loss_fn(model(inputs), targets).backward()
    if not isinstance(optimizer, torch.optim.LBFGS):
        optimizer.step()
    model.eval()
    things = {"model": model, "loss_fn": loss_fn, "inputs": inputs, "targets": targets, "optimizer": optimizer}

    def call(model: Any, loss_fn: Any, inputs: Any, targets: Any, optimizer: Any) -> str:
        checkup(model, loss_fn, (inputs, targets), optimizer)
        return ""

    planted.asked(call, Run("", things, None))


def test_summed_loss_is_found() -> None:
    """A sum over the batch, and one over words: far above guessing."""
    assert names(healthy(loss_fn=nn.CrossEntropyLoss(reduction="sum"))) == ["loss at start"]
    model, _, batch, optimizer = words()
    loss_fn = lambda a, b: nn.functional.cross_entropy(a.flatten(0, 1), b.flatten(), reduction="sum")  # noqa: E731
    assert names((model, loss_fn, batch, optimizer)) == ["loss at start"]


def test_dropout_in_a_list_is_found() -> None:
    """Dropout has nothing to train, and in a plain list eval() does not reach it; one in eval mode does no harm."""
    model = Lists()
    model.layers[1] = nn.Dropout(0.5)
    assert "not registered" in names(healthy(model=model))
    model.layers[1].eval()
    assert "not registered" not in names(healthy(model=model))


def test_zeros_that_stay_are_found() -> None:
    """All weights 0: no gradient reaches the first layer later, either."""
    model = linear(1.0, nn.ReLU())
    for p in model.parameters():
        nn.init.zeros_(p)
    assert {"not moved", "same output"} <= set(names(healthy(model=model)))


def test_frozen_modules_stay_frozen() -> None:
    """Batch normalization that is frozen in a model that trains takes a batch of one; a model in eval mode trains."""
    model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 5))
    one = {"model": model, "inputs": X[:1], "targets": Y[:1]}
    model[1].eval()
    assert "error" not in names(healthy(**one))
    model.eval()
    assert "error" in names(healthy(**one))


def test_inputs_of_several_kinds() -> None:
    """A tuple goes in as several arguments, a dictionary as keywords."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(20, 5)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.linear(a + b)

    assert names(healthy(model=Two(), inputs=(X, X))) == []
    assert names(healthy(model=Two(), inputs={"a": X, "b": X})) == []
