"""softmax-twice: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from snippets.checklist.softmax_twice import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Most answers are right, and the loss stays far above zero all the same."""
    return min(run.series("loss")[-3:]) > 0.4 and min(run.series("accuracy")[-3:]) > 0.8


@causes("softmax-twice")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


@pytest.mark.parametrize(
    ("classes", "floor"), [(2, 0.31), (3, 0.55), (10, 1.46), (12, 1.62), (100, 3.62), (1000, 5.91)]
)
def test_floor_of_two_softmaxes(classes: int, floor: float) -> None:
    """The loss of the best probabilities is log(e + C - 1) - 1, and no probabilities have less."""
    targets = torch.arange(classes)
    best = F.cross_entropy(F.one_hot(targets, classes).double(), targets).item()
    assert best == pytest.approx(math.log(math.e + classes - 1) - 1)
    assert round(best, 2) == floor
    random = torch.randn(classes, classes, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for scale in (0.0, 1.0, 10.0, 100.0):
        assert F.cross_entropy((scale * random).softmax(dim=1), targets) >= best


def test_floor_of_two_sigmoids() -> None:
    """The loss of targets that are handed over as logits is log(1 + 1/e) for ones and log 2 for zeros."""
    ones, zeros = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    of_ones, of_zeros = (F.binary_cross_entropy_with_logits(one, one).item() for one in (ones, zeros))
    assert (round(of_ones, 2), round(of_zeros, 2)) == (0.31, 0.69)
    assert round((of_ones + of_zeros) / 2, 2) == 0.50


def test_log_softmax_twice_is_harmless() -> None:
    """A log-softmax of a log-softmax is the same: so is the loss."""
    logits = torch.randn(16, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    targets = torch.arange(16) % 10
    twice = F.cross_entropy(logits.log_softmax(dim=1), targets)
    assert twice.item() == pytest.approx(F.cross_entropy(logits, targets).item())


def test_gradient_is_a_tenth() -> None:
    """At equal logits of ten classes, the second softmax leaves a tenth of the gradient."""
    targets = torch.arange(10)
    norms = []
    for squash in (False, True):
        logits = torch.zeros(10, 10, dtype=torch.float64, requires_grad=True)
        F.cross_entropy(logits.softmax(dim=1) if squash else logits, targets).backward()
        assert logits.grad is not None
        norms.append(logits.grad.norm().item())
    assert norms[1] / norms[0] == pytest.approx(0.1)


def test_a_fresh_network_of_raw_outputs_is_sound() -> None:
    """A head of zeros or with a bias of 0.2 answers between 0 and 1, and no sigmoid is blamed; nothing is changed."""
    inputs, classes = torch.randn(10, 3), torch.arange(10) % 5
    for head in (nn.Linear(3, 5), nn.Linear(3, 5, bias=False)):
        nn.init.zeros_(head.weight)
        if head.bias is not None:
            nn.init.constant_(head.bias, 0.2)
        model = nn.Sequential(nn.BatchNorm1d(3).eval(), nn.Linear(3, 3), nn.Sigmoid(), head)
        before = [p.clone() for p in model.parameters()]
        binary = nn.BCEWithLogitsLoss()
        assert not check.sigmoids_into_binary_loss(model, binary, inputs, F.one_hot(classes, 5).float())
        assert not check.sigmoids_into_cross_entropy(model, nn.CrossEntropyLoss(), inputs, classes)
        assert check.sigmoids_into_binary_loss(
            model.append(nn.Sigmoid()), binary, inputs, F.one_hot(classes, 5).float()
        )
        assert all(map(torch.equal, before, model.parameters()))
        assert [one.training for one in model] == [False, True, True, True, True]


def test_pictures_and_half_precision_can_be_asked() -> None:
    """Classes in dimension 1 of (N, C, H, W), with pixels to ignore; and bfloat16."""
    inputs, classes = torch.randn(2, 3, 4, 4), torch.randint(5, (2, 4, 4))
    classes[0, 0] = -100
    raw, loss_fn = nn.Conv2d(3, 5, 1), nn.CrossEntropyLoss()
    assert not check.probabilities_into_cross_entropy(raw, loss_fn, inputs, classes)
    assert not check.loss_of_perfect_logits(loss_fn, raw(inputs), classes)
    for dtype in (torch.float32, torch.bfloat16):
        squashed = nn.Sequential(raw, nn.Softmax(dim=1)).to(dtype)
        assert check.probabilities_into_cross_entropy(squashed, loss_fn, inputs.to(dtype), classes)


def test_label_smoothing_is_no_second_softmax() -> None:
    """Smoothed labels and soft targets grow with the certainty of the outputs; a second softmax does not."""
    outputs, classes = torch.randn(10, 5), torch.arange(10) % 5
    smooth = nn.CrossEntropyLoss(label_smoothing=0.1, weight=torch.arange(1.0, 6.0))
    assert not check.loss_of_perfect_logits(smooth, outputs, classes)
    assert not check.loss_of_perfect_logits(nn.CrossEntropyLoss(), outputs, outputs.softmax(dim=1))
    assert not check.loss_of_perfect_logits(nn.BCELoss(), outputs, F.one_hot(classes, 5).float())
    assert check.loss_of_perfect_logits(lambda o, t: smooth(o.softmax(dim=1), t), outputs, classes)
