"""Overfit one batch: what it finds and lets pass, what it leaves alone, and the floors below which no loss goes."""

from __future__ import annotations

import copy
import math
import statistics

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from snippets.diagnostics.overfit_one_batch.evidence import PROGRAMS, SEEDS, digits
from snippets.diagnostics.overfit_one_batch.use import first_batch_only, overfit_one_batch


def mlp(*end: nn.Module, outputs: int = 10) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs), *end)


def batch(size: int = 8) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    x, y = digits()
    return x[:size], y[:size]


def test_whole_program_reaches_zero(evidence) -> None:
    """Without a fault the loss on the batch is below 0.001 after 200 steps, with each of three seeds."""
    last = evidence()["no fault"]["last"]
    assert len(last) == SEEDS == 3
    assert max(last) < 1e-3


def test_four_faults_stay_above_one(evidence) -> None:
    """Shuffled labels, gradients zeroed, a tiny learning rate and a second softmax keep the loss above 1 throughout."""
    numbers = evidence()
    for fault in PROGRAMS[1:5]:
        assert min(numbers[fault]["last"]) > 1, fault


def test_softmax_twice_is_found_although_it_trains(evidence) -> None:
    """Softmax before the loss: stays above 1.46, the closed form, and yet the whole training ends above 0.85."""
    floor = math.log(math.e + 9) - 1
    assert floor == pytest.approx(1.461, abs=1e-3)
    wrong = evidence()["softmax before cross-entropy"]
    assert floor - 1e-6 < min(wrong["last"])
    assert min(wrong["accuracy"]) > 0.85


def test_labels_of_other_images_pass(evidence) -> None:
    """Labels of other images: the median loss is below 0.001, while the test accuracy is that of guessing."""
    wrong = evidence()["labels of other images"]
    assert statistics.median(wrong["last"]) < 1e-3
    assert max(wrong["last"]) < 3e-3
    assert max(wrong["accuracy"]) < 0.2


def test_dropout_and_a_frozen_layer_fail_without_a_fault(evidence) -> None:
    """Dropout left on and a frozen first layer do not get below 0.001 with every seed, and train to 0.85 or more."""
    for program in ("dropout of 0.5 left on", "first layer frozen"):
        numbers = evidence()[program]
        assert max(numbers["last"]) > 1e-3, program
        assert min(numbers["accuracy"]) > 0.8, program
        assert sum(numbers["accuracy"]) / SEEDS > 0.85, program


@pytest.mark.parametrize("training", [True, False])
def test_leaves_everything_as_it_was(training: bool) -> None:
    """Weights, buffers, gradients, modes and random numbers are the same before and after; the losses fall."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 10))
    model.train(training)
    x, y = batch()
    nn.functional.cross_entropy(model(x), y).backward()
    before = copy.deepcopy(model.state_dict())
    gradients = [p.grad.clone() for p in model.parameters()]
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)

    def loss_fn(outputs: Tensor, targets: Tensor) -> Tensor:  # it draws numbers, and has a penalty on weights
        penalty = 1e-4 * sum(p.square().sum() for p in model.parameters())
        return nn.functional.cross_entropy(outputs + 0 * torch.rand(1), targets) + penalty

    losses = overfit_one_batch(model, loss_fn, x, y)
    assert torch.equal(torch.rand(3), expected)
    assert len(losses) == 201
    assert losses[-1] < 0.1 * losses[0]
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(torch.equal(p.grad, old) for p, old in zip(model.parameters(), gradients, strict=True))
    assert [m.training for m in model.modules()] == [training] * 6


def test_frozen_modules_stay_frozen() -> None:
    """Batch normalization in eval mode within a model that trains keeps its statistics; a model in eval mode trains."""
    modes: list[bool] = []

    class Watched(nn.BatchNorm1d):
        def forward(self, x: Tensor) -> Tensor:
            modes.append(self.training)
            return super().forward(x)

    model = nn.Sequential(nn.Linear(64, 32), Watched(32), nn.ReLU(), nn.Linear(32, 10))
    model[1].eval()
    overfit_one_batch(model, nn.functional.cross_entropy, *batch(), steps=2)
    model.eval()
    overfit_one_batch(model, nn.functional.cross_entropy, *batch(), steps=2)
    assert modes == [False] * 3 + [True] * 3


def test_dropout_is_off_in_the_copy() -> None:
    """A network with dropout of 0.5 gets below 0.001, too, and the model's own dropout stays on."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))
    assert overfit_one_batch(model, nn.functional.cross_entropy, *batch(), lr=1e-2)[-1] < 1e-3
    assert model[2].training


class Drawn(Dataset):
    """Samples that are drawn anew each time, as with augmentation."""

    def __len__(self) -> int:
        return 100

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return torch.randn(4), i


def test_the_batch_stays_the_same() -> None:
    """A shuffling loader with random augmentation gives the same samples at each of the steps."""
    seen = list(first_batch_only(DataLoader(Drawn(), batch_size=32, shuffle=True), samples=6, steps=10))
    assert len(seen) == 10
    assert seen[0][0].shape == (6, 4)
    assert all(torch.equal(x, seen[0][0]) and torch.equal(y, seen[0][1]) for x, y in seen)


def test_label_smoothing_has_a_floor() -> None:
    """Smoothing 0.1 with 10 classes: the loss stops at 0.50, the entropy of the smoothed target, in closed form."""
    floor = -(0.91 * math.log(0.91) + 9 * 0.01 * math.log(0.01))
    loss = overfit_one_batch(mlp(), nn.CrossEntropyLoss(label_smoothing=0.1), *batch(), lr=1e-2)[-1]
    assert floor == pytest.approx(0.50, abs=5e-3)
    assert floor - 1e-6 <= loss < floor + 0.01


def test_equal_inputs_with_different_labels_have_a_floor() -> None:
    """Two equal samples with different labels: the loss of the pair stops at log 2 = 0.69."""
    x, _ = batch(1)
    loss = overfit_one_batch(mlp(), nn.functional.cross_entropy, x.repeat(2, 1), torch.tensor([3, 8]), lr=1e-2)[-1]
    assert math.log(2) - 1e-6 <= loss < math.log(2) + 0.01


def test_large_targets_need_more_steps() -> None:
    """Targets around 1,000: the error is above 1 after 200 steps; standardized targets get below 0.001."""
    x, _ = batch()
    targets = torch.tensor([[900.0], [950.0], [980.0], [1000.0], [1010.0], [1040.0], [1080.0], [1100.0]])
    raw = overfit_one_batch(mlp(outputs=1), nn.functional.mse_loss, x, targets, lr=1e-2)
    standardized = (targets - targets.mean()) / targets.std()
    assert raw[-1] > 1
    assert overfit_one_batch(mlp(outputs=1), nn.functional.mse_loss, x, standardized, lr=1e-2)[-1] < 1e-3


def test_one_sample_and_batch_normalization() -> None:
    """With a single sample, batch normalization of vectors raises its error; with two, or of an image, it does not."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
    with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
        overfit_one_batch(model, nn.functional.cross_entropy, *batch(1))
    assert len(overfit_one_batch(model, nn.functional.cross_entropy, *batch(2), steps=2)) == 3
    image = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(64, 10))
    assert len(overfit_one_batch(image, nn.functional.cross_entropy, *batch(1), steps=2)) == 3
