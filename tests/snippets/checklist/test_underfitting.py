"""underfitting: what it looks like, and every cause of it planted."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from snippets.checklist.underfitting import check
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """In the end both accuracies are low, and they are close to each other."""
    accuracy, val_accuracy = run.last("accuracy"), run.last("val accuracy")
    return accuracy < 0.8 and abs(accuracy - val_accuracy) < 0.15


@causes("underfitting")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_a_constant_network_is_not_called_linear_and_a_softmax_hides_no_chain() -> None:
    """Dead units make the output constant; log_softmax after linear layers bends nothing that decides."""
    torch.manual_seed(0)
    x = torch.randn(40, 4)
    dead = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).train()
    dead[1].eval()
    assert not check.network_is_linear(dead, x)
    assert dead.training
    assert not dead[1].training
    nn.init.constant_(list(dead.parameters())[1], -50.0)
    assert not check.network_is_linear(dead, x)
    chain = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3), nn.LogSoftmax(dim=1))
    assert check.network_is_linear(chain, x)


def test_neighbours_with_rare_classes_sorted_labels_and_wide_columns() -> None:
    """Inputs that tell the label are recognized with 3 % positives, sorted by class, beside a wide column of noise."""
    torch.manual_seed(0)
    for share in (0.03, 0.5):
        y = (torch.arange(3000) < 3000 * share).long()
        x = torch.randn(3000, 4) + 6 * y[:, None]
        wide = torch.cat([x, 1e4 * torch.randn(3000, 1), torch.ones(3000, 1)], dim=1)
        assert not check.inputs_tell_nothing(x, y)
        assert not check.inputs_tell_nothing(wide, y)
        assert check.inputs_tell_nothing(x[torch.randperm(3000)], y)


def test_a_deep_network_may_need_a_lower_learning_rate() -> None:
    """Twelve layers of normalized inputs fail at 1e-2 and learn 100 samples by heart at a lower learning rate."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [layer for _ in range(12) for layer in (nn.Linear(64, 64), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    for weight in list(model.parameters())[:-2:2]:
        nn.init.kaiming_normal_(weight)
    x, y = torch.randn(300, 64), torch.randint(10, (300,))
    assert not check.hundred_samples_are_too_many(model, x, y)


def test_dropout_of_a_recurrent_layer_is_regularization() -> None:
    """It is an attribute of the layer and no module; a copy without it learns."""
    torch.manual_seed(0)

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.GRU(8, 64, num_layers=2, dropout=0.95), nn.Linear(64, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.rnn(x.transpose(0, 1))[0][-1])

    model = Reader()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    y = torch.randint(4, (400,))
    x = torch.randn(400, 3, 8) + 2 * nn.functional.one_hot(y, 8)[:, None]
    assert check.better_without_regularization(model, optimizer, cross_entropy, x, y)


def test_dropout_does_not_hide_small_updates() -> None:
    """The two losses are those of the network without dropout: a network that can't move has moved by nothing."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Dropout(0.9), nn.Linear(64, 3))
    x = torch.randn(16, 4)
    y = (x[:, 0] > 0).long()
    for seed in range(5):
        torch.manual_seed(seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-5)
        assert check.updates_too_small(model, optimizer, cross_entropy, x, y)


def test_quantities_and_noise_are_no_category_numbers() -> None:
    """A steep, a bent and a stepped quantity, noise, switches and pictures are silent, also sorted by the column."""
    torch.manual_seed(0)
    levels = torch.randint(12, (2000,)).float()
    for y in (levels > 5, (levels - 6).abs() > 3, levels % 6 > 2, torch.rand(2000) > 0.5):
        for rows in (torch.arange(2000), levels.argsort()):
            assert not check.values_without_an_order(levels[rows, None], y[rows].long())
    assert not check.values_without_an_order(levels[:, None], levels + torch.randn(2000))
    counts = (torch.randint(30, (2000,)) - 20).clamp(min=0).float()
    assert not check.values_without_an_order(counts[:, None], (counts == 0).long())
    missing = torch.where(torch.rand(2000) < 0.2, 99, levels)
    assert not check.values_without_an_order(missing[:, None], (missing == 99).long())
    assert not check.values_without_an_order(nn.functional.one_hot(levels.long()).float(), (levels % 2).long())
    assert not check.values_without_an_order(torch.randn(2000, 3), torch.randint(2, (2000,)))
    assert not check.values_without_an_order(torch.randn(8, 1, 4, 4), torch.randint(2, (8,)))


def test_category_numbers_are_found_standardized_and_in_regression() -> None:
    """Beside other columns, scaled, sorted, for three classes and for a target that is a number."""
    for seed in range(5):
        torch.manual_seed(seed)
        code = torch.randint(25, (2000,))
        x = torch.stack([torch.randn(2000), (code - 12) / 7.2], dim=1)
        classes, worth = torch.randint(3, (25,))[code], torch.randn(25)[code] + 0.5 * torch.randn(2000)
        for y in (classes, worth, worth[:, None]):
            assert "column 1 has 25 values" in check.values_without_an_order(x, y)
            rows = code.argsort()
            assert check.values_without_an_order(x[rows], y[rows])


def test_more_training_does_not_help(tmp_path: Path) -> None:
    """Four times the epochs leave the planted program where it was."""
    text = program("underfitting/inputs-never-meet", "broken").read_text(encoding="utf-8")
    path = tmp_path / "broken.py"
    path.write_text(text.replace("range(12)", "range(48)"), encoding="utf-8")
    assert run(path).last("accuracy") < 0.65


class Left(nn.Module):
    """A network that sees some columns, some of them twice."""

    def __init__(self, columns: list[int]) -> None:
        super().__init__()
        self.columns = columns
        self.net = nn.Sequential(nn.Linear(len(columns), 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x[:, self.columns])


def test_columns_that_are_read() -> None:
    """Found: a column left out, two branches; silent: all of them, linear and additive models, constants, images."""
    torch.manual_seed(0)
    x = torch.randn(300, 6)
    assert check.inputs_that_never_meet(Left([0, 1, 1, 3, 4, 5]), x) == "column 2 never changes an output"
    assert check.inputs_that_never_meet(Left([0, 1, 2, 3, 4, 5]), x) is None

    class Branches(nn.Module):
        def __init__(self, columns: list[list[int]]) -> None:
            super().__init__()
            self.nets = nn.ModuleList(Left(some) for some in columns)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return sum(net(x) for net in self.nets)

    model = Branches([[0, 1, 2, 3, 4], [0, 5, 1, 2, 4]])
    assert "columns 3 and 5 act apart" in check.inputs_that_never_meet(model, x)
    assert model.training
    assert check.inputs_that_never_meet(Branches([[i] for i in range(6)]), x) is None
    assert check.inputs_that_never_meet(nn.Linear(6, 3), x) is None
    x[:, 2] = 1
    assert check.inputs_that_never_meet(Left([0, 1, 1, 3, 4, 5]), x) is None
    assert check.inputs_that_never_meet(nn.Flatten(), torch.randn(9, 1, 4, 4)) is None
