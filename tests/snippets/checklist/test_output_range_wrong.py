"""output-range-wrong: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from snippets.checklist.output_range_wrong import check
from tests.support.messages import never_said, said
from tests.support.planted import Record, Run, causes, program, prove, run

SYMPTOM = "output-range-wrong"


def shows(one: Run) -> bool:
    """The loss refuses the outputs, or less than half of the targets' variance is explained at the end."""
    if one.error:
        return bool(said(SYMPTOM, one))
    return sum(one.series("explained")[-5:]) / 5 < 0.5


@causes(SYMPTOM)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_texts() -> None:
    """Every text of the page is one that torch gives today."""
    assert not never_said(SYMPTOM)


def test_floor_of_the_sigmoid() -> None:
    """The loss of the planted run ends at that of the answer 1 for every target from 1 on, and 0 for zeros."""
    names = run(program(f"{SYMPTOM}/sigmoid-on-large-targets", "broken")).names
    targets = names["targets"]
    assert names["loss"].item() == pytest.approx(F.mse_loss(targets.clamp(0, 1), targets).item(), rel=0.03)


def test_no_gradient_from_one_output() -> None:
    """A softmax over one number is 1 whatever the number, and has no gradient."""
    largest = torch.finfo(torch.float32).max
    numbers = torch.cat([torch.tensor([-largest, 0.0, largest]), 10 * torch.randn(1000)])
    logits = numbers.unsqueeze(1).requires_grad_()
    outputs = logits.softmax(dim=1)
    F.binary_cross_entropy(outputs, (torch.arange(1003.0) % 2).unsqueeze(1)).backward()
    assert logits.grad is not None
    assert torch.equal(outputs, torch.ones(1003, 1))
    assert not logits.grad.any()


def test_small_outputs_of_a_linear_layer_and_class_numbers_are_sound() -> None:
    """Timid predictions reach no edge; class numbers, with one to ignore, are no quantities."""
    targets = torch.randn(64, 1)
    for outputs in (torch.rand(64, 1), 0.2 * torch.randn(64, 1), 2 * torch.rand(64, 1)):
        for look in (check.targets_above_one, check.targets_below_zero, check.targets_beyond_tanh):
            assert not look(outputs, targets)
            assert not look(outputs.expand(64, 5).tanh(), torch.arange(64) % 5 - 1)


def test_activations_are_named_by_what_they_give() -> None:
    """A ReLU that stays under 1 is no sigmoid, and a softplus is no ReLU."""
    targets = torch.linspace(-3, 3, 64)[:, None]
    assert not check.targets_above_one(0.3 * targets.relu(), targets)
    assert "a ReLU" in check.targets_below_zero(0.3 * targets.relu(), targets)
    assert "a softplus" in check.targets_below_zero(F.softplus(9 * targets), targets)
    assert check.targets_above_one((9 * targets).sigmoid(), targets)


def test_one_class_of_pictures_soft_labels_and_the_function_of_the_loss() -> None:
    """A softmax over one channel of pictures is found; probabilities as targets are sound; F's loss is known."""
    assert check.outputs_that_are_all_one(torch.randn(4, 1, 3, 3).softmax(dim=1))
    assert not check.outputs_that_are_all_one(torch.ones(1, 1))
    outputs, soft = torch.randn(64, 5).softmax(dim=1), torch.randn(64, 5).softmax(dim=1)
    assert not check.outputs_that_share_one(outputs, soft)
    assert check.outputs_that_share_one(outputs.bfloat16(), (soft > 0.2).bfloat16())
    linear = nn.Linear(3, 1)
    assert check.outputs_that_are_no_probabilities(linear, F.binary_cross_entropy, 9 * torch.randn(64, 3))


def test_background_cut_before_the_softmax() -> None:
    """Of two channels one is left: neither Dice nor the cross-entropy has a gradient; cut afterwards, both have."""
    torch.manual_seed(0)
    labels = (torch.rand(4, 1, 8, 8) < 0.1).double()

    def slopes(cut_first: bool) -> tuple[float, float, float]:
        logits = torch.randn(4, 2, 8, 8, dtype=torch.float64, requires_grad=True)
        logs = logits[:, 1:].log_softmax(1) if cut_first else logits.log_softmax(1)[:, 1:]
        dice = 1 - 2 * (logs.exp() * labels).sum() / (logs.exp().sum() + labels.sum())
        entropy = -(logs * labels).mean()
        sizes = [torch.autograd.grad(loss, logits, retain_graph=True)[0].abs().max().item() for loss in (dice, entropy)]
        return sizes[0], sizes[1], entropy.item()

    assert max(map(abs, slopes(cut_first=True))) < 1e-15
    assert min(slopes(cut_first=False)) > 1e-4


def test_no_gradient_through_a_dead_relu() -> None:
    """In the planted run each weight's gradient is 0 from the first step on, and no weight has moved."""
    names = run(program(f"{SYMPTOM}/relu-starts-dead", "broken")).names
    model = names["model"]
    assert all(p.grad is not None and not p.grad.any() for p in model.parameters())
    assert model[4].bias.item() == -1.0
    assert not names["outputs"].any()


def test_one_number_above_zero_is_alive() -> None:
    """Found in every shape; silent for one positive number, a softplus that is small, and class numbers."""
    for shape in ((8, 1), (4, 32, 1), (16,)):
        dead = torch.zeros(shape, requires_grad=True)
        assert "exactly 0" in check.outputs_that_are_all_zero(dead.relu())
        alive = torch.zeros(shape)
        alive.view(-1)[-1] = 1e-20
        assert check.outputs_that_are_all_zero(alive) is None
        assert check.outputs_that_are_all_zero(F.softplus(dead - 20)) is None
        assert check.outputs_that_are_all_zero(torch.zeros(shape, dtype=torch.long)) is None
