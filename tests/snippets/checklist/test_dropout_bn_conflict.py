"""dropout-bn-conflict: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.dropout_bn_conflict import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The training loss stays above 0.4, where the same network without the fault goes below 0.2."""
    return sum(run.series("loss")[-5:]) / 5 > 0.4


@causes("dropout-bn-conflict")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_statistics_that_are_late_are_no_shift_and_a_layer_between_hides_none() -> None:
    """Running variances ten times too large without dropout; then dropout as a function, with a layer behind it."""
    torch.manual_seed(0)
    x = torch.randn(256, 16)
    model = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 4))
    model(x)
    norm = model[1]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_var is not None
    norm.running_var.mul_(10)
    assert not check.variance_shift(model, x)

    class Between(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.norm = nn.Linear(16, 32), nn.BatchNorm1d(32)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(self.linear(nn.functional.dropout(x, 0.7, self.training)))

    between = Between()
    for _ in range(50):
        between(x)
    for training in (True, False):
        assert check.variance_shift(between.train(training), x)
        assert between.norm.training is training


def test_dropout_inside_of_a_block_is_not_behind_the_last_layer() -> None:
    """A block that adds what dropout leaves, a tied projection behind dropout, and a rate of 0."""
    torch.manual_seed(0)
    x = torch.randn(4, 6, 16)

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.drop = nn.Embedding(16, 16), nn.Dropout(0.1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.linear(self.drop(x), self.embedding.weight)

    block = nn.TransformerEncoderLayer(16, 2, 32, 0.1, norm_first=True, batch_first=True)
    for model in (block, Tied(), nn.Sequential(nn.Linear(16, 4), nn.Dropout(0.0))):
        assert not check.dropout_behind_the_last_layer(model, x)
    assert (
        check.dropout_behind_the_last_layer(nn.Sequential(nn.Linear(16, 4), nn.Dropout(0.1), nn.Flatten(0)), x) is None
    )
    assert check.dropout_behind_the_last_layer(nn.Sequential(nn.Linear(16, 4), nn.Dropout(0.1)), x)


def test_many_small_rates_are_sound() -> None:
    """24 blocks of a transformer with a rate of 0.1 leave a residual path whole."""
    block = nn.TransformerEncoderLayer(8, 2, 8, 0.1)
    assert not check.paths_that_survive(nn.TransformerEncoder(block, 24, enable_nested_tensor=False))
    assert check.paths_that_survive(nn.Sequential(nn.Dropout(0.8), nn.Dropout(0.8), nn.Dropout(0.8)))
