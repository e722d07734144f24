"""loss-stuck-at-log-c: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math
from functools import partial
from statistics import fmean

import torch
from torch import nn

from snippets.checklist.loss_stuck_at_log_c import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Late, the loss is within 5 % of the logarithm of the number of classes, and the accuracy below 0.3."""
    losses, accuracies = run.series("loss"), run.series("accuracy")
    late = fmean(losses[len(losses) // 2 :]), fmean(accuracies[len(losses) // 2 :])
    return abs(late[0] / math.log(10) - 1) < 0.05 and late[1] < 0.3


@causes("loss-stuck-at-log-c")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


class Residual(nn.Module):
    """A block that begins as the identity: the scale of its last normalization is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(8, 8), nn.LayerNorm(8)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input, and a branch that is 0."""
        return x + self.norm(self.linear(x))


def test_a_branch_of_zeros_beside_a_skip_is_sound() -> None:
    """What the branch loses the skip connection carries on, and no module is named; behind a dead layer one is."""
    inputs = torch.randn(16, 8)
    assert not check.where_samples_become_equal(nn.Sequential(Residual(), nn.Linear(8, 3)), inputs)
    dead = nn.Linear(8, 8)
    nn.init.constant_(dead.bias, -50.0)
    assert "1 (ReLU)" in check.where_samples_become_equal(nn.Sequential(dead, nn.ReLU(), nn.Linear(8, 3)), inputs)


def test_eight_sigmoids_make_samples_equal() -> None:
    """After four of them samples still differ; after eight they are the same numbers in float32, nearly."""
    torch.manual_seed(0)
    inputs = torch.rand(64, 64)
    for depth, equal in ((4, False), (8, True)):
        hidden = [layer for _ in range(depth) for layer in (nn.Linear(64, 64), nn.Sigmoid())]
        assert bool(check.where_samples_become_equal(nn.Sequential(*hidden, nn.Linear(64, 10)), inputs)) == equal


def test_an_embedding_is_no_fading_gradient() -> None:
    """A batch looks up few of many rows, so the table's relative gradient is small in a sound network."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.EmbeddingBag(50_000, 64), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3), nn.Linear(3, 3))
    inputs, targets = torch.randint(0, 50_000, (16, 5)), torch.randint(0, 3, (16,))
    assert not check.gradient_that_fades(model, nn.CrossEntropyLoss(), inputs, targets)


def test_neighbours_tell_nothing_among_irrelevant_features() -> None:
    """One informative feature of five thousand, pairs in order: the check speaks all the same, as the page says."""
    torch.manual_seed(1)
    x = torch.randn(1000, 5000)
    assert check.neighbours_with_other_labels(x, (x[:, 0] > 0).long())


def test_a_second_log_softmax_changes_nothing() -> None:
    """Cross-entropy of logits equals cross-entropy of their log-softmax, of which the check says nothing."""
    outputs, targets = torch.randn(8, 10), torch.randint(0, 10, (8,))
    again = outputs.log_softmax(dim=1)
    torch.testing.assert_close(nn.CrossEntropyLoss()(again, targets), nn.CrossEntropyLoss()(outputs, targets))
    assert not check.outputs_that_are_probabilities(again, nn.CrossEntropyLoss())


def scaled_cross_entropy(outputs: torch.Tensor, targets: torch.Tensor, scale: float, classes: int) -> torch.Tensor:
    """Cross-entropy of the first ``classes`` outputs, multiplied by ``scale``."""
    return nn.functional.cross_entropy(scale * outputs[:, :classes], targets)


def preference(outputs: torch.Tensor, targets: torch.Tensor, scale: float) -> torch.Tensor:
    """The loss of DPO with beta ``scale``: the first output is of the chosen answer, the second of the rejected one."""
    chosen, rejected = scale * (outputs[:, 0] - targets), scale * (outputs[:, 1] + targets)
    return -nn.functional.logsigmoid(chosen - rejected).mean()


def test_zero_scale_gives_log_c() -> None:
    """The loss is log(C) in every digit and all gradients are 0, also for DPO with beta 0; with 1e-3 neither."""
    torch.manual_seed(0)
    model, inputs = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 10)), torch.randn(32, 8)
    for scale in (0.0, 1e-3):
        for classes in (2, 3, 10):
            targets = torch.randint(classes, (32,))

            loss_fn = partial(scaled_cross_entropy, scale=scale, classes=classes)
            exact = abs(loss_fn(model(inputs), targets).item() - math.log(classes)) < 1e-6
            said = check.gradients_that_are_all_zero(model, loss_fn, inputs, targets)
            assert (exact, bool(said)) == (scale == 0, scale == 0)

        reference, loss_fn = torch.randn(32), partial(preference, scale=scale)
        assert (abs(loss_fn(model(inputs), reference).item() - math.log(2)) < 1e-7) == (scale == 0)
        assert bool(check.gradients_that_are_all_zero(model, loss_fn, inputs, reference)) == (scale == 0)


def test_gradients_that_are_there() -> None:
    """Silent: a last layer of zeros, a frozen body, dead units before a last bias, a loss without a graph."""
    inputs, targets, loss_fn = torch.randn(16, 8), torch.randint(3, (16,)), nn.CrossEntropyLoss()
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    nn.init.zeros_(model[2].weight)
    nn.init.zeros_(model[2].bias)
    assert check.gradients_that_are_all_zero(model, loss_fn, inputs, targets) is None
    nn.init.constant_(model[0].bias, -1e3)
    assert check.gradients_that_are_all_zero(model, loss_fn, inputs, targets) is None
    model[0].requires_grad_(False)
    assert check.gradients_that_are_all_zero(model, loss_fn, inputs, targets) is None
    assert check.gradients_that_are_all_zero(model, lambda o, t: loss_fn(o.detach(), t), inputs, targets) is None
    assert check.gradients_that_are_all_zero(model.requires_grad_(False), loss_fn, inputs, targets) is None
