"""forgot-eval: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from snippets.checklist.forgot_eval import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The same evaluation gives another loss when it is done again."""
    losses = run.series("test loss")
    return max(losses) - min(losses) > 0.005


@causes("forgot-eval")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_dropout_of_nothing_is_not_random() -> None:
    """A rate of 0 drops nothing; RReLU is random in training mode without any rate."""
    assert not check.modules_in_train_mode(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0).train())
    assert check.modules_in_train_mode(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1).train())
    for random in (nn.RReLU(), nn.AlphaDropout(0.2), nn.BatchNorm1d(3)):
        assert check.modules_in_train_mode(random.train())
        assert not check.modules_in_train_mode(random.eval())


def test_a_missing_value_is_the_same_twice() -> None:
    """NaN differs from itself and is no random transform."""
    data = TensorDataset(torch.tensor([[float("nan"), 1.0]]), torch.zeros(1))
    assert not check.samples_that_change(DataLoader(data))


def test_tied_weights_and_counters_are_not_random() -> None:
    """One name of a shared weight is enough, and old checkpoints lack the counter of batch normalization."""
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    checkpoint = model.state_dict()
    del checkpoint["2.weight"], checkpoint["1.num_batches_tracked"]
    assert not check.weights_not_in_checkpoint(model, checkpoint)
    del checkpoint["0.bias"]
    assert "1 of" in str(check.weights_not_in_checkpoint(model, checkpoint))
