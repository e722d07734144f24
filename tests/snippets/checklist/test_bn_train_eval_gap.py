"""bn-train-eval-gap: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from snippets.checklist.bn_train_eval_gap import check
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """The same images with the same weights have a much higher loss in evaluation mode, or none that is a number."""
    in_train, in_eval = run.last("train mode loss"), run.last("eval mode loss")
    return not in_eval < 2 * in_train + 0.3


@causes("bn-train-eval-gap")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_statistics_that_were_loaded_are_not_called_new() -> None:
    """A checkpoint without the counter, and a variance below the share that would be left of 1."""
    layer = nn.BatchNorm1d(4)
    mean, variance, updates = layer.buffers()
    assert check.statistics_never_updated(layer)
    nn.init.constant_(mean, 0.3)
    nn.init.constant_(variance, 0.2)
    assert not check.statistics_never_updated(layer)
    updates.fill_(3)
    assert not check.share_of_initial_statistics(layer)
    nn.init.constant_(variance, 0.9)
    assert check.share_of_initial_statistics(layer)


def test_kinds_of_batches_beside_a_wide_column() -> None:
    """Each column counts alike; the loader's generator is set back; blank columns and batches of one are no fault."""
    torch.manual_seed(0)
    kind = torch.arange(640)[:, None] // 64
    x = torch.cat([torch.randn(640, 4) + 3 * kind, 1e3 * torch.randn(640, 1), torch.ones(640, 1)], dim=1)
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert check.batches_not_alike(DataLoader(TensorDataset(x), 32))
    for size in (1, 32, 640):
        shuffled = DataLoader(TensorDataset(x), size, shuffle=True, generator=generator)
        assert not check.batches_not_alike(shuffled)
    assert torch.equal(before, generator.get_state())
    assert not check.data_scaled_differently(torch.ones(9, 3), torch.ones(9, 3))


def test_another_pass_moves_the_score() -> None:
    """Under no_grad and without an optimizer: parameters equal to the last bit, another loss in evaluation mode."""
    names = run(program("bn-train-eval-gap/moved-by-another-pass", "fixed")).names
    model, loss_fn, x_test, y_test = (names[key] for key in ("model", "loss_fn", "x_test", "y_test"))
    before = [p.clone() for p in model.parameters()]
    with torch.no_grad():
        first = loss_fn(model.eval()(x_test), y_test)
        model.train()
        for (images,) in names["negatives"]:
            model(images)
        second = loss_fn(model.eval()(x_test), y_test)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert second > 2 * first


def test_statistics_of_the_training_data() -> None:
    """Silent on images of the data that were seen, and without running statistics; found in 2d and with a shift."""
    torch.manual_seed(0)
    for layer, shape in ((nn.BatchNorm1d(6), (64, 6)), (nn.BatchNorm2d(3), (32, 3, 5, 5))):
        model = nn.Sequential(layer, nn.ReLU())
        for _ in range(60):
            model(3 + 2 * torch.randn(shape))
        assert check.statistics_of_other_data(model, 3 + 2 * torch.randn(shape)) is None
        assert "layer 0" in check.statistics_of_other_data(model, 5 + 2 * torch.randn(shape))
    bare = nn.Sequential(nn.BatchNorm1d(6, track_running_stats=False))
    assert check.statistics_of_other_data(bare, torch.randn(8, 6)) is None
